//! A list of thousands of requests.

use anyhow::{Context, Result};
use headwater::explorer::Options;
use time::OffsetDateTime;

use crate::{
    browser::Browser,
    fake::Fake,
    story::{self, Request, Told},
};

const REQUESTS: u64 = 20_000;

#[tokio::test]
async fn of_20_000_requests_few_rows_are_in_the_document_and_one_scrolls_to_the_last() -> Result<()> {
    let now = OffsetDateTime::now_utc();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let began = now - time::Duration::milliseconds(i64::try_from(60_000 + number * 25).unwrap_or(0));
            let mut request = Request::new(format!("request-{number:05}"), began);
            let told = Told {
                caller: "gateway",
                service: "orders",
                method: "GET",
                route: "/orders",
                at: 0,
                takes: Some(5 + number % 50),
                status: 200,
            };
            request.call(None, &told);
            request
        })
        .collect();
    let fake = Fake::start(story::events(&requests)?, Options::default()).await?;
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.find_text(".summary", "20,000 requests").await?;
    assert_eq!(browser.find("[role=grid]").await?.attr("aria-rowcount").await?.context("no count")?, "20001");
    let rows = "document.querySelectorAll('.grid-space > [role=row]').length";
    assert!(browser.ask(rows).await?.as_u64().context("no rows")? < 80);

    browser.ask("void (document.querySelector('.grid-body').scrollTop = 1e9)").await?;
    browser.find_text(".grid [role=row]", "request-19999").await?;
    assert!(browser.ask(rows).await?.as_u64().context("no rows")? < 80);

    // Narrowed by what somebody types; the order is turned by a click.
    browser.find("[data-filter]").await?.send_keys("request-0001").await?;
    browser.find_text(".summary", "10 requests").await?;
    browser.click_text("[role=columnheader] button", "Duration").await?;
    browser.wait("document.querySelector('.grid-space > [aria-rowindex=\"2\"]').textContent.includes('request-00019')").await?;
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    fake.end().await
}

#[tokio::test]
async fn ten_pages_that_look_at_the_same_cost_as_one() -> Result<()> {
    let fake =
        Fake::start(story::events(&story::quarter(OffsetDateTime::now_utc(), 30))?, Options::default())
            .await?;
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.find_text(".summary", "30 requests").await?;
    // Ten at once, as ten tabs ask.
    let asked = "const token = sessionStorage.getItem('headwater-token'); const done = arguments[0];
        Promise.all(Array.from({ length: 10 }, () => fetch('api/requests?since=2h', { headers: { Authorization: `Bearer ${token}` } })
            .then((answer) => answer.json()))).then((all) => done(all.map((one) => one.read.events)))";
    let events = browser.client.execute_async(asked, Vec::new()).await?;
    let events: Vec<u64> = serde_json::from_value(events)?;
    assert!(events.len() == 10 && events.iter().all(|count| *count == events[0]), "{events:?}");
    browser.end().await?;
    fake.end().await
}
