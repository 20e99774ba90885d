//! When an emulator begins and when it ends.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localstack::{Error, LoopbackUrl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::http::{answers, send, sqs};
use crate::{Outcome, start};

/// Waits for a condition, at most 20 s.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let by = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < by, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(id: u32) -> Outcome {
    let pid = Pid::from_raw(i32::try_from(id)?).ok_or("no process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}

#[tokio::test]
async fn a_queue_made_there_lies_in_the_account_and_region_that_are_handed_back() -> Outcome {
    let emulator = start(|_| ()).await?;
    let endpoint = emulator.endpoint();
    assert_eq!(endpoint.host(), "127.0.0.1");
    let url = sqs(endpoint, "CreateQueue", &json!({ "QueueName": "events" }))?["QueueUrl"].clone();
    assert_eq!(url, format!("{endpoint}/{}/events", localstack::ACCOUNT));
    let input = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let arn = &sqs(endpoint, "GetQueueAttributes", &input)?["Attributes"]["QueueArn"];
    assert_eq!(arn, &format!("arn:aws:sqs:{}:{}:events", localstack::REGION, localstack::ACCOUNT));
    Ok(())
}

#[tokio::test]
async fn ten_runs_side_by_side_do_not_disturb_each_other() -> Outcome {
    let emulators = futures::future::try_join_all((0..10).map(|_| start(|_| ()))).await?;
    let ports: BTreeSet<u16> = emulators.iter().map(|emulator| emulator.endpoint().port()).collect();
    assert_eq!(ports.len(), 10);
    for (number, emulator) in emulators.iter().enumerate() {
        sqs(emulator.endpoint(), "CreateQueue", &json!({ "QueueName": format!("of-run-{number}") }))?;
    }
    assert_eq!(send(emulators[0].endpoint(), "POST /_ministack/reset", "", "")?.0, 200);
    for (number, emulator) in emulators.iter().enumerate() {
        let queues = sqs(emulator.endpoint(), "ListQueues", &json!({}))?;
        let urls: Vec<String> = serde_json::from_value(queues["QueueUrls"].clone()).unwrap_or_default();
        let own = format!("{}/{}/of-run-{number}", emulator.endpoint(), localstack::ACCOUNT);
        assert_eq!(urls, if number == 0 { vec![] } else { vec![own] });
    }
    Ok(())
}

#[tokio::test]
async fn stopping_ends_it_and_keeps_its_log() -> Outcome {
    let emulator = start(|_| ()).await?;
    let (endpoint, log) = (emulator.endpoint().clone(), emulator.log().expect("a log").to_owned());
    emulator.stop().await?;
    assert!(!answers(&endpoint));
    assert!(std::fs::read_to_string(log)?.contains("Ready"));
    Ok(())
}

#[tokio::test]
async fn a_port_that_was_asked_for_is_used() -> Outcome {
    let first = start(|_| ()).await?;
    let port = first.endpoint().port();
    let Err(taken) = start(|embedded| embedded.port = Some(port)).await else { panic!("the port was taken") };
    assert!(matches!(taken, Error::Port { .. }));
    first.stop().await?;
    let second = start(|embedded| embedded.port = Some(port)).await?;
    assert_eq!(second.endpoint().port(), port);
    Ok(())
}

#[tokio::test]
async fn one_that_dies_half_way_is_told_from_one_that_runs() -> Outcome {
    let emulator = start(|_| ()).await?;
    emulator.check()?;
    kill(emulator.process_id().expect("a process"))?;
    let error = emulator.died().await;
    assert!(
        error.to_string().starts_with("MiniStack ended by itself (signal 9); the end of its log:\n"),
        "{error}"
    );
    assert!(emulator.check().is_err());
    Ok(())
}

#[test]
fn a_panic_ends_it() {
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let emulator = runtime.block_on(start(|_| ())).unwrap();
        tell.send(emulator.endpoint().clone()).unwrap();
        panic!("the test's own panic, on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(!answers(&told.recv().unwrap()));
}

/// Not a test by itself: the process that the next test kills.
#[tokio::test]
async fn a_process_that_holds_an_emulator() -> Outcome {
    if std::env::var_os("HEADWATER_TEST_HOLD").is_none() {
        return Ok(());
    }
    let emulator = start(|_| ()).await?;
    println!("\nholds {} {}", emulator.endpoint(), emulator.process_id().expect("a process"));
    std::future::pending().await
}

#[test]
fn it_ends_with_a_process_that_is_killed() -> Outcome {
    let mut holder = Command::new(std::env::current_exe()?)
        .args(["--exact", "lifetime::a_process_that_holds_an_emulator", "--nocapture"])
        .env("HEADWATER_TEST_HOLD", "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(holder.stdout.take().ok_or("no output")?).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("holds ").map(str::to_owned))
        .ok_or("it ended without an emulator")?;
    let (endpoint, _) = line.split_once(' ').ok_or("no process id")?;
    let endpoint: LoopbackUrl = endpoint.parse()?;
    assert!(answers(&endpoint));
    kill(holder.id())?;
    holder.wait()?;
    eventually("the emulator ends with its starter", || !answers(&endpoint));
    Ok(())
}
