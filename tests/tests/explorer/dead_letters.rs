//! Dead letters are moved by who was asked and said yes.

use anyhow::Result;
use end_to_end::{DEFAULTS, Local, message};
use event::dead_letter::Cause;
use fantoccini::key::Key;
use headwater::explorer::Options;

use crate::{browser::Browser, fake::Fake};

#[tokio::test]
async fn a_redrive_asks_first_and_says_how_many_and_where_to() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options::default()).await?;
    fake.give_up(Cause::Rejected, "line 1, column 1: not JSON", "not an event");
    fake.give_up(Cause::Exhausted, "ProvisionedThroughputExceededException", "{}");
    let moved = || fake.held().moved;
    let browser = Browser::start().await?;
    browser.client.goto(&fake.at(&format!("/#token={}#/dead-letters", fake.token()))).await?;
    browser.find_text("#dead", "2").await?;
    browser.find_text(".grid [role=row]", "column 1: not JSON").await?;

    browser.find("#redrive").await?.click().await?;
    let question = browser.find("dialog[open]").await?.text().await?;
    for said in [
        "Move 2 messages back to the queue?",
        "headwater-local-event-queue",
        "headwater-local-event-dlq",
        "rejected again",
    ] {
        assert!(question.contains(said), "{said}: {question}");
    }
    browser.screenshot("redrive").await?;
    // Neither Escape nor Enter on what has the focus at first moves anything.
    browser.wait("document.activeElement.textContent === 'Cancel'").await?;
    browser.press(&[Key::Escape]).await?;
    browser.wait("!document.querySelector('dialog')").await?;
    browser.find("#redrive").await?.click().await?;
    browser.press(&[Key::Enter]).await?;
    browser.wait("!document.querySelector('dialog')").await?;
    assert_eq!(moved(), 0);

    browser.find("#redrive").await?.click().await?;
    browser.click_text("dialog button", "Move 2 messages").await?;
    browser.find_text(".empty", "The dead-letter queue is empty.").await?;
    assert_eq!(moved(), 2);
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    fake.end().await
}

#[tokio::test]
async fn what_the_function_rejected_is_shown_with_its_reason_and_comes_back_rejected() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    local.send(&[message("<b>no</b> event")]).await?;
    local.expect_dead(1).await?;
    let explorer =
        headwater::explorer::Explorer::bind(local.bench.session.clone(), Options::default()).await?;
    let url = explorer.url();
    let stop = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(explorer.serve(stop.clone()));

    let browser = Browser::start().await?;
    browser.client.goto(&format!("{url}#/dead-letters")).await?;
    browser.find_text(".grid [role=row]", "can never be stored").await?;
    browser.find_text(".panel pre", "<b>no</b> event").await?;
    browser.find("#redrive").await?.click().await?;
    browser.click_text("dialog button", "Move 1 message").await?;
    browser.wait("!document.querySelector('dialog')").await?;
    local.expect_dead(1).await?;
    browser.end().await?;
    stop.cancel();
    serving.await?
}
