//! From the culprit to a failed request's waterfall by clicks, on what the real pipeline has stored.

use anyhow::{Context, Result};
use end_to_end::{DEFAULTS, Local, message};
use serde_json::json;
use time::OffsetDateTime;

use crate::{browser::Browser, story};

#[tokio::test]
async fn one_clicks_from_the_culprit_to_a_failed_requests_waterfall() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let requests = story::quarter(OffsetDateTime::now_utc(), 40);
    let messages: Vec<_> =
        requests.iter().flat_map(|one| &one.events).map(|event| message(event.to_string())).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;

    let mut explorer = local.spawn_headwater(&["explore", "--json"]).await?;
    let said: serde_json::Value =
        serde_json::from_str(&explorer.next_output_line().await?.context("explore ended")?)?;
    let browser = Browser::start().await?;
    browser.client.goto(said["url"].as_str().context("no address")?).await?;

    browser.click_text("nav a", "Services").await?;
    let verdict = browser.find_text(".verdict", "likeliest culprit").await?.text().await?;
    assert!(verdict.starts_with("payments is the likeliest culprit"), "{verdict}");
    browser.click_text(".verdict a", "Show these requests").await?;
    let row = browser.find_text(".grid [role=row]", "failed").await?;
    let id = row.find(fantoccini::Locator::Css("a")).await?.text().await?;
    row.click().await?;

    let why = browser.find_text(".verdict", "is at fault").await?.text().await?;
    assert!(why.starts_with("payments is at fault: POST /charges failed with 503"), "{why}");
    assert!(browser.find("h1").await?.text().await?.ends_with(&id));
    let culprit = browser.find("[role=row][data-culprit]").await?;
    assert!(culprit.text().await?.contains("payments"));
    // The waterfall: the call at fault begins after the request, and is drawn where it was.
    let bars = browser
        .ask("[...document.querySelectorAll('.call-bar')].map(bar => parseFloat(bar.style.left))")
        .await?;
    let bars: Vec<f64> = serde_json::from_value(bars)?;
    assert_eq!((bars.len(), bars[0]), (6, 0.0));
    assert!(bars.iter().skip(1).all(|left| (1.0..100.0).contains(left)), "{bars:?}");
    // The data of its events lies beside it.
    browser.find_text(".panel pre", "\"Status\": 503").await?;
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    Ok(())
}

#[tokio::test]
async fn a_request_that_lands_while_one_looks_comes_to_the_list_by_itself() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let mut explorer = local.spawn_headwater(&["explore", "--json"]).await?;
    let said: serde_json::Value =
        serde_json::from_str(&explorer.next_output_line().await?.context("explore ended")?)?;
    let browser = Browser::start().await?;
    browser.client.goto(said["url"].as_str().context("no address")?).await?;
    browser.find_text(".empty", "No request of that time fits").await?;
    let event = json!({
        "id": "1", "requestId": "just-now", "timestamp": story::rfc3339(OffsetDateTime::now_utc()),
        "type": "MICROSERVICE_REQUEST", "source": "gateway", "data": { "Name": "orders" },
    });
    local.send(&[message(event.to_string())]).await?;
    browser.find_text(".grid [role=row]", "just-now").await?;
    browser.end().await
}
