//! Each view in light and dark, kept as pictures. The README's is `services-light`.

use anyhow::Result;
use fantoccini::Locator;
use headwater::explorer::Options;
use time::OffsetDateTime;

use crate::{browser::Browser, fake::Fake, story};

#[tokio::test]
async fn every_view_is_drawn_in_light_and_dark() -> Result<()> {
    let fake =
        Fake::start(story::events(&story::quarter(OffsetDateTime::now_utc(), 900))?, Options::default())
            .await?;
    for (number, reason) in
        ["line 1, column 1: expected value", "field `timestamp`: not an RFC 3339 date and time"]
            .iter()
            .enumerate()
    {
        fake.give_up(
            event::dead_letter::Cause::Rejected,
            reason,
            &format!("{{\"id\": {number}, \"type\": \"ORDER_PLACED\"}}"),
        );
    }
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await?;
        for (name, path, there) in [
            ("requests", "/#/requests", ".outcome.failed"),
            ("services", "/#/services", ".spark"),
            ("service", "/#/services/payments", ".chart"),
            ("dead-letters", "/#/dead-letters", ".panel pre"),
        ] {
            browser.client.goto(&fake.at(path)).await?;
            browser.find(there).await?;
            browser.screenshot(&format!("{name}-{scheme}")).await?;
        }
        browser.client.goto(&fake.at("/#/requests?outcome=failed")).await?;
        browser.find(".outcome.failed").await?;
        browser.client.find(Locator::Css(".grid-space > [role=row]")).await?.click().await?;
        browser.find(".panel pre").await?;
        let png = browser.screenshot(&format!("request-{scheme}")).await?;
        assert!(png.len() > 10_000);
    }
    let grounds = browser.ask("getComputedStyle(document.body).backgroundColor").await?;
    assert_eq!(grounds, "rgb(14, 17, 22)");
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    fake.end().await
}
