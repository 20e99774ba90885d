//! All of it by keyboard, and what a screen reader is told.

use anyhow::{Context, Result};
use fantoccini::key::Key;
use headwater::explorer::Options;
use time::OffsetDateTime;

use crate::{browser::Browser, fake::Fake, story};

#[tokio::test]
async fn one_goes_from_the_filter_to_an_events_data_and_back_by_keys_alone() -> Result<()> {
    let fake =
        Fake::start(story::events(&story::quarter(OffsetDateTime::now_utc(), 60))?, Options::default())
            .await?;
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.find_text(".summary", "60 requests").await?;

    // The first stop is the way past the bar.
    browser.ask("void document.activeElement.blur()").await?;
    browser.press(&[Key::Tab]).await?;
    let first = browser.client.active_element().await?;
    browser.press(&[Key::Escape]).await?;
    assert!(!first.text().await?.is_empty());

    browser.ask("void document.querySelector('h1').focus()").await?;
    browser.type_text("/").await?;
    browser.wait("document.activeElement.dataset.filter !== undefined").await?;
    browser.press(&[Key::Escape]).await?;
    browser.wait("document.activeElement.getAttribute('role') === 'row'").await?;
    browser.press(&[Key::Down, Key::Down, Key::End]).await?;
    browser.wait("document.activeElement.getAttribute('aria-rowindex') === '61'").await?;
    browser.press(&[Key::Home, Key::Down]).await?;
    browser.wait("document.activeElement.getAttribute('aria-rowindex') === '3'").await?;
    let id = browser.ask("document.activeElement.querySelector('a').textContent").await?;
    browser.press(&[Key::Enter]).await?;

    browser.find_text("h1", id.as_str().context("no id")?).await?;
    browser.find(".grid-space > [role=row]").await?;
    // Into the waterfall, down a row, into that call's events.
    browser.wait("document.activeElement.tagName === 'H1'").await?;
    browser.press(&[Key::Tab]).await?;
    browser.wait("document.activeElement.getAttribute('role') === 'row'").await?;
    browser.press(&[Key::Down]).await?;
    let row = browser.ask("new URLSearchParams(location.hash.split('?')[1]).get('row')").await?;
    assert!(row.as_str().is_some_and(|row| row.starts_with("call-")), "{row}");
    browser.press(&[Key::Enter]).await?;
    browser.wait("document.activeElement.tagName === 'SUMMARY'").await?;
    browser.press(&[Key::Escape]).await?;
    browser.find_text(".summary", "60 requests").await?;
    // Whoever goes back is where they were.
    browser.client.back().await?;
    browser.find_text("h1", id.as_str().context("no id")?).await?;
    assert_eq!(browser.complaints().await?, [""; 0]);
    browser.end().await?;
    fake.end().await
}

#[tokio::test]
async fn every_part_has_a_name_and_a_role_and_every_text_enough_contrast() -> Result<()> {
    let fake =
        Fake::start(story::events(&story::quarter(OffsetDateTime::now_utc(), 90))?, Options::default())
            .await?;
    fake.give_up(event::dead_letter::Cause::Exhausted, "throttled", "{}");
    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.find_text(".summary", "90 requests").await?;
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await?;
        for (path, there) in [
            ("#/requests", ".grid-space > [role=row]"),
            ("#/requests?outcome=failed", ".outcome.failed"),
            ("#/services", ".spark"),
            ("#/services/payments", ".chart"),
            ("#/dead-letters", ".panel pre"),
        ] {
            browser.client.goto(&fake.at(&format!("/{path}"))).await?;
            browser.find(there).await?;
            let faults = browser.ask(AUDIT).await?;
            assert_eq!(faults, serde_json::json!([]), "{scheme} {path}");
        }
    }
    browser.end().await?;
    fake.end().await
}

/// What WCAG 2.2 asks of names (4.1.2), of tables' structure (1.3.1) and of contrast (1.4.3), as far as a script can tell.
const AUDIT: &str = r#"(() => {
    const faults = [];
    const name = (e) => (e.getAttribute('aria-label') ?? '') + (e.getAttribute('aria-labelledby') ?? '') + e.textContent + (e.title ?? '');
    for (const e of document.querySelectorAll('button, a, input, select, nav, aside, [role=grid], [role=treegrid], svg[role=img], [role=search]'))
        if (!name(e).trim()) faults.push(`no name: ${e.tagName} ${e.className}`);
    for (const e of document.querySelectorAll('[role=gridcell], [role=columnheader]'))
        if (e.parentElement.getAttribute('role') !== 'row') faults.push('a cell without a row');
    if (document.querySelectorAll('main h1').length !== 1) faults.push('not one heading');
    if (document.querySelectorAll('[aria-current=page]').length !== 1) faults.push('no current view');
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (color, under) => { canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
    const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const ground = (e) => { const stack = []; for (let at = e; at; at = at.parentElement) stack.unshift(getComputedStyle(at).backgroundColor);
        let color = 'white'; for (const one of stack) color = `rgb(${[...rgb(one, color)].slice(0, 3)})`; return color; };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !e.checkVisibility() || e.closest('.hidden, .skip, option, datalist, :disabled')) continue;
        const style = getComputedStyle(e), under = ground(e), color = e.closest('svg') ? style.fill : style.color;
        const [a, b] = [light(rgb(color, under)), light(rgb(under, 'white'))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (contrast < 4.5) faults.push(`${contrast.toFixed(2)}: ${texts.currentNode.data.slice(0, 30)} (${color} on ${under})`);
    }
    return [...new Set(faults)];
})()"#;
