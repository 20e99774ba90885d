//! The demo, as its users run it.

use anyhow::{Context, Result};
use end_to_end::Headwater;
use serde_json::{Value, json};

/// The services by what `services` says of each: how often it was the culprit.
fn culprits(services: &Value) -> Vec<(&str, bool)> {
    let services = services["services"].as_array().map_or(&[][..], Vec::as_slice);
    services
        .iter()
        .map(|one| (one["service"].as_str().unwrap_or_default(), one["culprit"].as_u64() > Some(0)))
        .collect()
}

/// The events went through SQS, Lambda and DynamoDB, and another program reads them.
#[tokio::test]
async fn services_names_the_service_that_failed_and_neither_the_gateway_nor_the_one_before_it() -> Result<()>
{
    let headwater = Headwater::alone().await?;
    let mut demo = headwater.start(&["demo", "--requests", "60", "--json"]).await?;
    let line = demo.next_output_line().await?.context("the demo ended too soon")?;
    let said: Value = serde_json::from_str(&line)?;
    assert_eq!(said["culprits"], json!(["Microservice B"]));

    let endpoint = said["endpoint"].as_str().context("no endpoint")?;
    let at = ["--endpoint-url", endpoint, "--json"];
    let services = headwater.run(&[&["services", "--since", "10m"], &at[..]].concat()).await?.expect(0)?;
    let named =
        culprits(&services.json()?).into_iter().map(|(name, is)| (name.to_owned(), is)).collect::<Vec<_>>();
    assert_eq!(named, [("Microservice B".to_owned(), true), ("Microservice A".to_owned(), false)]);

    demo.interrupt()?;
    demo.end().await?.expect(0)?;
    Ok(())
}

#[tokio::test]
async fn it_ends_by_itself_where_it_is_told_to() -> Result<()> {
    let headwater = Headwater::alone().await?;
    let demo = headwater.run(&["demo", "--requests", "60", "--exit"]).await?.expect(0)?;
    assert!(demo.stdout.contains("Microservice B"), "{demo}");
    Ok(())
}
