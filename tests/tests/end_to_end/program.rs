//! The program as its users meet it: exit codes, output, and what it says where something is wrong.

use anyhow::{Context, Result};
use end_to_end::Local;
use headwater::load;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{DEFAULTS, SEED, message};

/// What the program said, without what differs from run to run: addresses, directories, hashes.
pub(crate) fn words(local: &Local, said: &str) -> String {
    assert!(!said.contains('\u{1b}'), "colours where no terminal is: {said}");
    let said = said
        .replace(local.emulator.endpoint().as_str(), "http://127.0.0.1:4566")
        .replace(&local.directory().display().to_string(), "DIRECTORY");
    let in_hash = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    let mut words = String::new();
    for word in said.split_inclusive(|letter| !in_hash(letter)) {
        let hash = word.trim_end_matches(|letter| !in_hash(letter));
        let is_hash = hash.len() >= 43 && hash.contains(|letter: char| letter.is_ascii_digit());
        words.push_str(&if is_hash { word.replace(hash, "HASH") } else { word.to_owned() });
    }
    words
}

#[tokio::test]
async fn nothing_is_changed_where_nobody_can_be_asked_and_nobody_said_yes() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    let deploy = local.headwater(&["deploy"]).await?.expect(1)?;
    assert_eq!(local.keys().await?, [""; 0]);
    local.deploy().await?;
    let before = local.keys().await?;
    let destroy = local.headwater(&["destroy"]).await?.expect(1)?;
    let unconfirmed = local.headwater(&["destroy", "--include-stateful", "--yes"]).await?.expect(1)?;
    let wrong = ["destroy", "--include-stateful", "--yes", "--confirm", "prod"];
    let wrong = local.headwater(&wrong).await?.expect(1)?;
    assert_eq!(local.keys().await?, before);
    let refusals = [deploy, destroy, unconfirmed, wrong].map(|refused| words(&local, &refused.stderr));
    insta::assert_snapshot!("unasked", refusals.join("---\n"));

    let right = ["destroy", "--include-stateful", "--confirm", "local"];
    local.headwater(&right).await?.expect(0)?;
    assert_eq!(local.keys().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn drift_exits_with_two_where_aws_differs_and_says_how() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let none = local.headwater(&["drift"]).await?.expect(0)?;
    local.queue().await?.set_visibility_timeout(77).await?;
    let drift = local.headwater(&["drift"]).await?.expect(2)?;
    insta::assert_snapshot!(
        "drift",
        format!("{}---\n{}", words(&local, &none.stdout), words(&local, &drift.stdout))
    );
    let json = local.headwater(&["drift", "--json"]).await?.expect(2)?.json()?;
    assert_eq!(json["plan"]["steps"][0]["changes"][0]["field"], "visibilityTimeoutSeconds");

    let planned = ["plan", "--detailed-exit-code"];
    local.headwater(&planned).await?.expect(2)?;
    local.headwater(&["deploy", "--yes"]).await?.expect(0)?;
    local.headwater(&planned).await?.expect(0)?;
    let second = local.headwater(&["deploy"]).await?.expect(0)?;
    insta::assert_snapshot!("deploy_with_nothing_to_do", words(&local, &second.stdout));
    Ok(())
}

#[tokio::test]
async fn status_tells_every_output_and_the_health_of_each_part() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.headwater(&["deploy", "--yes"]).await?.expect(0)?;
    let status = local.headwater(&["status", "--json"]).await?.expect(0)?.json()?;
    let resources = status["resources"].as_array().context("no resources")?;
    assert_eq!(resources.len(), local.bench.graph.nodes().count());
    assert!(resources.iter().all(|one| one["present"] == json!(true) && one["pending"].is_null()));
    assert_eq!(status["outputs"]["queue"], local.queue().await?.url());
    assert_eq!(status["queues"]["queue"], json!({ "waiting": 0, "inFlight": 0 }));
    assert_eq!(status["lease"], json!(null));
    assert_eq!(status["lastDeployment"]["outcome"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn events_are_sent_queried_tailed_and_redriven() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;

    let garbage = format!("{}\n{{\"id\": 1}}\n", SEED.replace('\n', ""));
    let refused = local.headwater_with(&["send"], &garbage).await?.expect(1)?;
    insta::assert_snapshot!("send_of_garbage", words(&local, &refused.stderr));
    assert_eq!(local.queue().await?.depth().await?.waiting, 0);

    let mut tail = local.spawn_headwater(&["tail", "--limit", "1"]).await?;
    tail.next_line().await?.context("tail ended")?;
    let sent = local.headwater_with(&["send", "--json"], SEED).await?.expect(0)?.json()?;
    assert_eq!(sent["sent"], 1);
    let tailed = tail.end().await?.expect(0)?;
    let line = "2020-05-01T20:00:00Z  MICROSERVICE_REQUEST  Gateway  5b070a84-c5d5-460a-ac98-a0717cbc8e56  \
                {\"Name\":\"Microservice A\"}\n";
    assert_eq!(tailed.stdout, line);

    let others: Vec<_> = load::messages(4).collect();
    local.send(&others).await?;
    local.expect_stored(&others.iter().cloned().chain([message(SEED)]).collect::<Vec<_>>()).await?;
    let by_request = ["query", "--request", "677afffc-373e-42f0-8363-f24bc675bcf6", "--json"];
    let found = local.headwater(&by_request).await?.expect(0)?.json()?;
    assert_eq!(found, serde_json::from_str::<Value>(SEED)?);
    let old = local.headwater(&["query", "--source", "Gateway", "--until", "2021-01-01T00:00:00Z"]).await?;
    assert_eq!(old.expect(0)?.stdout, format!("{line}1 event\n"));
    let newest = ["query", "--type", "MICROSERVICE_REQUEST", "--newest", "--limit", "1", "--json"];
    let newest = local.headwater(&newest).await?.expect(0)?.json()?;
    assert_eq!(newest, serde_json::from_str::<Value>(&others[1].body)?);

    let cloudevent = json!({
        "specversion": "1.0", "id": "B234-1234-1234", "source": "/mycontext", "type": "com.example.someevent",
        "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "comexampleothervalue": 5,
        "datacontenttype": "application/xml", "data": "<much wow=\"xml\"/>",
    });
    local.headwater_with(&["send"], &cloudevent.to_string()).await?.expect(0)?;
    let all = others.iter().cloned().chain([message(SEED), message(cloudevent.to_string())]);
    local.expect_stored(&all.collect::<Vec<_>>()).await?;
    let found = local.headwater(&["query", "--source", "/mycontext", "--cloudevents"]).await?;
    assert_eq!(found.expect(0)?.json()?, cloudevent);
    let relayed = local.expect_relayed().await?;
    let recorded = relayed["B234-1234-1234"].first().context("its request has no event")?;
    assert_eq!(Uuid::parse_str(&recorded.id)?.get_version_num(), 5);

    let poison = "not an event";
    local.headwater_with(&["send", "--unchecked"], poison).await?.expect(0)?;
    local.expect_dead(1).await?;
    let list = local.headwater(&["redrive", "--list", "--json"]).await?.expect(0)?.json()?;
    assert_eq!((&list["cause"], &list["body"]), (&json!("rejected"), &json!(poison)));
    let unasked = local.headwater(&["redrive"]).await?.expect(1)?;
    assert!(unasked.stderr.contains("--yes"), "{unasked}");
    let moved = local.headwater(&["redrive", "--yes"]).await?.expect(0)?;
    assert!(moved.stdout.ends_with("Moved 1 message back to the queue.\n"), "{moved}");
    local.expect_dead(1).await?;
    Ok(())
}

#[tokio::test]
async fn mistakes_are_named_with_what_to_do_about_them() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    let usage = local.headwater(&["deplyo"]).await?.expect(64)?;
    let nothing = local.headwater(&["query", "--type", "T"]).await?.expect(1)?;
    let unsent = local.headwater_with(&["send"], SEED).await?.expect(1)?;
    let environment = local.headwater(&["plan", "--env", "locall"]).await?.expect(1)?;
    local.target.packages = Some(local.directory().join("nowhere"));
    let packages = local.headwater(&["plan"]).await?.expect(1)?;
    std::fs::write(&local.target.config, "[environments.local.ingest]\nmemory_mb = 1\n")?;
    let knob = local.headwater(&["plan"]).await?.expect(1)?;
    let all = [usage, nothing, unsent, environment, packages, knob].map(|ended| words(&local, &ended.stderr));
    insta::assert_snapshot!("mistakes", all.join("---\n"));

    std::fs::write(&local.target.config, DEFAULTS)?;
    local.target.endpoint_url = Some("http://127.0.0.1:9".to_owned());
    let endpoint = local.headwater(&["query", "--type", "T"]).await?.expect(1)?;
    assert!(endpoint.stderr.contains("nothing answers there"), "{endpoint}");
    Ok(())
}
