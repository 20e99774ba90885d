//! What a first deploy of the shipped environment `prod` would do, as whoever approves it reads it.

use std::path::Path;

use anyhow::Result;
use engine::{Mode, Survey};
use headwater::{packages::Packages, session::Session};

/// Fixed, so that the plan is the same wherever it is made.
const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

#[test]
fn the_plan_of_prod_in_an_empty_account_is_reviewed() -> Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../headwater.toml");
    let environment = headwater::session::environment(&shipped, "prod")?;
    let packages = blueprint::PACKAGES.map(|name| (name.to_owned(), HASH.to_owned())).into();
    let graph = blueprint::blueprint(&environment, &packages)?;
    // The families are only asked what depends on what.
    let families = Session::unconnected(environment).families(&Packages::not_built());
    let plan = engine::plan(&graph, &Survey::default(), &families, Mode::Deploy)?;
    assert_eq!(plan.steps.len(), graph.nodes().count());
    let text = engine::text::render(&plan);
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    Ok(())
}
