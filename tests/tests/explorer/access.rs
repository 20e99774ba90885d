//! Who is let in, and who is not.

use std::collections::HashMap;

use anyhow::{Context, Result};
use headwater::explorer::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{browser::Browser, fake::Fake};

/// An answer of HTTP.
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

/// Asks by hand, so that nothing but these headers is sent.
async fn ask(fake: &Fake, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let host = fake.at("").replace("http://", "");
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str(&format!("Host: {host}\r\n"));
    }
    request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(&host).await?;
    stream.write_all(format!("{request}\r\n").as_bytes()).await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    let (head, body) = said.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

#[tokio::test]
async fn who_has_no_token_or_another_address_is_told_nothing() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options::default()).await?;
    let right = format!("Bearer {}", fake.token());
    let right = ("Authorization", right.as_str());
    let environment = async |headers: &[(&str, &str)]| {
        anyhow::Ok(ask(&fake, "GET", "/api/environment", headers).await?.status)
    };
    assert_eq!(environment(&[right]).await?, 200);
    assert_eq!(environment(&[]).await?, 401);
    assert_eq!(environment(&[("Authorization", "Bearer 0")]).await?, 401);
    // What a page elsewhere sends whose name was made to lead here, and what one sends that asks here by itself.
    for host in ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", ""] {
        assert_eq!(environment(&[right, ("Host", host)]).await?, 421, "{host}");
    }
    assert_eq!(environment(&[right, ("Sec-Fetch-Site", "cross-site")]).await?, 403);
    assert_eq!(environment(&[right, ("Origin", "http://evil.example")]).await?, 403);
    let redrive = async |headers: &[(&str, &str)]| {
        anyhow::Ok(ask(&fake, "POST", "/api/dead-letters/redrive", headers).await?.status)
    };
    let origin = fake.at("");
    assert_eq!(redrive(&[right]).await?, 403);
    assert_eq!(redrive(&[("Origin", origin.as_str())]).await?, 401);
    assert_eq!(redrive(&[right, ("Origin", origin.as_str()), ("Sec-Fetch-Site", "same-origin")]).await?, 200);
    assert_eq!(ask(&fake, "GET", "/api/nothing", &[right]).await?.status, 404);
    fake.end().await
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_none_lets_others_read_it() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options::default()).await?;
    for path in ["/", "/main.js", "/style.css", "/nothing", "/api/environment"] {
        let answer = ask(&fake, "GET", path, &[("Origin", "http://evil.example")]).await?;
        let header = |name: &str| answer.headers.get(name).cloned().unwrap_or_default();
        assert!(
            header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"),
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert!(
            answer.headers.keys().all(|name| !name.starts_with("access-control") && name != "set-cookie"),
            "{path}"
        );
        assert!(!answer.body.contains(fake.token()));
    }
    fake.end().await
}

#[tokio::test]
async fn where_it_is_read_only_there_is_nothing_that_moves_a_message() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options { read_only: true, ..Options::default() }).await?;
    fake.give_up(event::dead_letter::Cause::Rejected, "not JSON", "{");
    let (token, origin) = (format!("Bearer {}", fake.token()), fake.at(""));
    let headers = [("Authorization", token.as_str()), ("Origin", origin.as_str())];
    assert_eq!(ask(&fake, "POST", "/api/dead-letters/redrive", &headers).await?.status, 404);

    let browser = Browser::start().await?;
    browser.client.goto(&fake.url).await?;
    browser.click_text("nav a", "Dead letters").await?;
    browser.find_text(".grid [role=row]", "not JSON").await?;
    assert_eq!(browser.ask("document.querySelectorAll('#redrive').length").await?, 0);
    browser.end().await?;
    assert_eq!(fake.script.operations().iter().filter(|name| *name == "StartMessageMoveTask").count(), 0);
    fake.end().await
}

#[tokio::test]
async fn the_token_leaves_the_address_bar_and_links_work_in_other_tabs() -> Result<()> {
    let fake = Fake::start(Vec::new(), Options::default()).await?;
    let browser = Browser::start().await?;
    // Without it nothing is shown but where it is had.
    browser.client.goto(&fake.at("/#/services")).await?;
    browser.find_text("h1", "This page needs its key").await?;

    // In the same tab, where only what is behind # is another.
    browser.client.goto(&fake.url).await?;
    browser.find("[data-filter]").await?;
    let address = browser.client.current_url().await?;
    assert_eq!(address.fragment(), Some("/requests"));

    let tab = browser.client.new_window(true).await?;
    browser.client.switch_to_window(tab.handle).await?;
    browser.client.goto(&fake.at("/#/services?since=1h")).await?;
    browser.find_text(".empty", "No service was called").await?;
    browser.end().await?;
    fake.end().await
}
