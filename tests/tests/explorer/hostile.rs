//! An event is hostile input: it is shown, and does nothing.

use anyhow::Result;
use end_to_end::until;
use headwater::explorer::Options;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    browser::Browser,
    fake::Fake,
    story::{self, Request, Told},
};

const MARKUP: &str = "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script><b id=made>bold</b>";

#[tokio::test]
async fn markup_control_characters_and_300_kb_of_data_are_shown_as_text() -> Result<()> {
    let odd = "evil\u{202e}gnp.exe \u{0}\u{7}\u{1b}[31m\u{7f}\u{200b}\u{feff}\u{e0041}";
    let mut request =
        Request::new(format!("{MARKUP}{odd}"), OffsetDateTime::now_utc() - time::Duration::minutes(1));
    let told = Told {
        caller: MARKUP,
        service: odd,
        method: "GET",
        route: "/<svg/onload=window.ran=1>",
        at: 0,
        takes: Some(40),
        status: 503,
    };
    request.call(None, &told);
    let long = format!("{MARKUP}{}END", "\u{202e}a\u{85}".repeat(60_000));
    assert!(long.len() > 300_000);
    request.note(
        &format!("TYPE {MARKUP}"),
        "javascript:window.ran=1",
        10,
        json!({ MARKUP: long, "__proto__": { "toString": 1 } }),
    );
    let fake = Fake::start(story::events([&request])?, Options::default()).await?;
    fake.give_up(event::dead_letter::Cause::Rejected, &format!("{MARKUP}{odd}"), &format!("{MARKUP}{long}"));

    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    // In the list, as text with its escapes.
    let row = browser.find_text(".grid [role=row]", "<img src=x").await?;
    let text = row.text().await?;
    assert!(text.contains(r"evil\u{202e}gnp.exe"), "{text}");
    row.click().await?;

    browser.click_text("[role=row]", "TYPE <img").await?;
    let all = browser.find_text(".panel button", "Show all").await?;
    browser.wait("document.querySelector('.panel pre').textContent.length < 40_000").await?;
    browser.screenshot("hostile").await?;
    all.click().await?;
    browser.wait("document.querySelector('.panel pre').textContent.includes('END')").await?;
    // Bounded, though it is all there.
    let size = browser
        .ask("[document.querySelector('.panel pre').offsetHeight, document.querySelectorAll('*').length]")
        .await?;
    let size: [f64; 2] = serde_json::from_value(size)?;
    assert!(size[0] <= 330.0 && size[1] < 1_500.0, "{size:?}");

    browser.click_text("nav a", "Services").await?;
    browser.find_text(".grid [role=row]", "gnp.exe").await?;
    browser.click_text(".grid [role=row]", "gnp.exe").await?;
    browser.find_text("h1", r"evil\u{202e}gnp.exe").await?;
    browser.click_text("nav a", "Dead letters").await?;
    browser.find_text(".panel", "<img src=x").await?;
    browser.find_text(".panel pre", "<script>").await?;

    let raw = "/[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b\\u202e\\ufeff]/.test(document.documentElement.textContent)";
    assert_eq!(browser.ask(raw).await?, false, "characters are there raw");
    assert_eq!(
        browser.ask("document.querySelectorAll('img, #made, script:not([src]), svg[onload]').length").await?,
        0
    );
    assert_eq!(browser.ask("window.ran ?? null").await?, json!(null));
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    fake.end().await
}

#[tokio::test]
async fn the_policy_stops_markup_and_code_that_a_mistake_would_let_in() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options::default()).await?;
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.find("[data-filter]").await?;
    browser.complaints().await?;
    let refused = browser
        .ask("(() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } })()")
        .await?;
    assert_eq!(refused, true);
    browser.ask("void document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x' }))").await?;
    browser.ask("void document.body.append(Object.assign(document.createElement('a'), { id: 'in', textContent: 'x' }))").await?;
    until("a refusal in the console", || async {
        let said = browser.complaints().await?;
        Ok(said.iter().any(|line| line.contains("Content Security Policy")).then_some(()))
    })
    .await?;
    assert_eq!(browser.ask("window.ran ?? null").await?, json!(null));
    browser.end().await?;
    fake.end().await
}
