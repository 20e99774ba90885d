//! A saved plan is applied as it is or not at all.

use std::fs;

use anyhow::{Context, Result};
use end_to_end::Local;
use serde_json::Value;

use crate::{DEFAULTS, program::words};

#[tokio::test]
async fn a_saved_plan_is_applied_and_refused_for_any_other_code_configuration_or_environment() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    let plan = local.directory().join("plan.json");
    let file = plan.to_str().context("a path of UTF-8")?;
    let apply = ["deploy", "--plan", file];
    let said = local.headwater(&["plan", "--json", "--out", file]).await?.expect(0)?.json()?;
    assert_eq!(said, serde_json::from_str::<Value>(&fs::read_to_string(&plan)?)?);
    assert_eq!(said["steps"].as_array().map(Vec::len), Some(local.bench.graph.nodes().count()));
    assert_eq!(said["estimate"]["unknown"]["because"], "nothing was deployed to local yet");

    let packages = local.target.packages.replace(other_code(&local)?);
    let code = local.headwater(&apply).await?.expect(1)?;
    local.target.packages = packages;
    local.reconfigure("[environments.local.ingest]\nmemory_mib = 512\n").await?;
    let configuration = local.headwater(&apply).await?.expect(1)?;
    local.reconfigure("project = \"other\"\n").await?;
    let environment = local.headwater(&apply).await?.expect(1)?;
    let refusals = [code, configuration, environment].map(|refused| words(&local, &refused.stderr));
    insta::assert_snapshot!("deploy_of_a_plan_for_something_else", refusals.join("---\n"));

    local.reconfigure(DEFAULTS).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    local.headwater(&apply).await?.expect(0)?;
    local.headwater(&["drift"]).await?.expect(0)?;

    local.destroy(false).await?;
    let again = local.directory().join("again.json");
    let again = again.to_str().context("a path of UTF-8")?;
    let said = local.headwater(&["plan", "--json", "--out", again]).await?.expect(0)?.json()?;
    let estimate = &said["estimate"]["known"];
    assert!(estimate["millis"].as_u64() > estimate["longest"][0]["millis"].as_u64(), "{estimate}");
    assert_eq!(estimate["unmeasured"], 0);
    let made = local.headwater(&["deploy", "--plan", again]).await?.expect(0)?;
    assert!(made.stdout.contains("Takes about "), "{}", made.stdout);

    // Once a plan is applied, nothing that comes after it is within it.
    local.queue().await?.set_visibility_timeout(77).await?;
    let later = local.headwater(&apply).await?.expect(1)?;
    insta::assert_snapshot!("deploy_of_a_plan_that_is_out_of_date", words(&local, &later.stderr));

    fs::write(&plan, "{}")?;
    let damaged = local.headwater(&apply).await?.expect(1)?;
    insta::assert_snapshot!("deploy_of_what_is_no_plan", words(&local, &damaged.stderr));
    Ok(())
}

/// The list of packages as it is after a change of the function's code.
fn other_code(local: &Local) -> Result<std::path::PathBuf> {
    let packages = local.target.packages.as_ref().context("there are no packages")?;
    let mut list: Value = serde_json::from_str(&fs::read_to_string(packages.join("packages.json"))?)?;
    list[0]["sha256"] = "b3RoZXIgY29kZSwgb3RoZXIgaGFzaCwgb3RoZXIgcGs=".into();
    let directory = local.directory().join("packages");
    fs::create_dir(&directory)?;
    fs::write(directory.join("packages.json"), list.to_string())?;
    Ok(directory)
}
