//! The queue's endpoint goes away for ten seconds under load.
//!
//! Nothing here asserts a time. That no request waits for the queue is shown by what happens before what: the outage lasts
//! until all requests that are made in it are answered, and no call of the queue succeeds in it. A request that waited for one
//! would never be answered. How long the requests took is printed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use end_to_end::{
    Local,
    gateway::{Asked, Gateway, Latencies, Load, Service, Setup, Told, told},
    until,
};
use event::Event;
use flow::{Flow, Outcome};
use headwater::terminal::say;
use localstack::{
    Proxy,
    proxy::{Fault, Verdict},
};
use time::OffsetDateTime;

use crate::DEFAULTS;

/// How many requests a second.
const RATE: u32 = 40;
/// The requests of the outage, which takes ten seconds by them.
const IN_OUTAGE: usize = 400;
/// The requests before and after it.
const IN_CALM: usize = 100;

/// What the gateway calls the paths of the load.
const TEMPLATE: &str = "/prompt/{number}";

/// A load under `/prompt`.
fn load(name: &'static str, count: usize) -> Load {
    Load { name, path: "prompt", count, rate: RATE }
}

/// The queue's endpoint is gone: connections are reset, answered by nobody who knows it, or hang.
fn away(proxy: &Proxy) {
    proxy.set_faults(|request| {
        let fault = match request.number % 3 {
            0 => Fault::ResetBefore,
            1 => Fault::Unavailable,
            _ => Fault::Late(Duration::from_secs(3600)),
        };
        Verdict { fault: Some(fault), then: None }
    });
    proxy.clear();
}

/// It is back. That it was gone is seen: calls were made, and none of them succeeded.
fn back(proxy: &Proxy) -> Result<usize> {
    let calls = proxy.calls();
    let succeeded = calls.iter().filter(|call| call.status == Some(200)).count();
    ensure!(!calls.is_empty() && succeeded == 0, "{succeeded} of {} calls succeeded", calls.len());
    proxy.calm();
    Ok(calls.len())
}

/// An emulator with all that leads to the journal, a proxy before it for the gateway alone, and a service.
async fn stage() -> Result<(Local, Proxy, Service)> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let proxy = Proxy::before(local.emulator.endpoint()).await?;
    Ok((local, proxy, Service::start().await?))
}

fn spool(local: &Local) -> String {
    format!("durability = \"spool\"\nspool_directory = {:?}", local.directory().join("spool"))
}

/// Before, in and after the outage, all at one gateway.
struct Played {
    before: Vec<Asked>,
    during: Vec<Asked>,
    after: Vec<Asked>,
}

impl Played {
    async fn at(gateway: &Gateway, proxy: &Proxy) -> Result<Self> {
        let before = load("before", IN_CALM).run(gateway.address).await?;
        away(proxy);
        let during = load("during", IN_OUTAGE).run(gateway.address).await?;
        let calls = back(proxy)?;
        let after = load("after", IN_CALM).run(gateway.address).await?;
        let played = Self { before, during, after };
        for (name, asked) in
            [("before", &played.before), ("during", &played.during), ("after", &played.after)]
        {
            say(format!("  {name:6}  {}", Latencies::of(asked)));
        }
        say(format!("  {calls} calls of the queue in the outage, of which none succeeded"));
        Ok(played)
    }

    fn all(&self) -> impl Iterator<Item = &Asked> {
        self.before.iter().chain(&self.during).chain(&self.after)
    }

    fn all_are_answered(&self) -> Result<()> {
        let unanswered: Vec<_> = self.all().filter(|one| one.answered.is_none()).map(|one| &one.id).collect();
        ensure!(unanswered.is_empty(), "not answered: {unanswered:?}");
        Ok(())
    }
}

/// Waits until the journal holds both events of all that was answered and one of all that was only begun, and gives it all.
async fn settled(local: &Local, answered: &[&Asked], begun: &[Asked]) -> Result<BTreeMap<String, Told>> {
    until("all events in the journal", || async {
        let told = told(local).await?;
        let has = |one: &Asked, count| told.get(&one.id).is_some_and(|told| told.count() >= count);
        let is_all = answered.iter().all(|one| has(one, 2)) && begun.iter().all(|one| has(one, 1));
        Ok(is_all.then_some(told))
    })
    .await
}

#[tokio::test]
async fn while_the_queue_is_away_requests_go_on_and_with_a_spool_no_event_is_missing() -> Result<()> {
    let (local, proxy, service) = stage().await?;
    let setup = Setup::new(&local, proxy.endpoint(), &service, &spool(&local), TEMPLATE).await?;
    let gateway = setup.start().await?;
    let played = Played::at(&gateway, &proxy).await?;
    played.all_are_answered()?;

    let all: Vec<_> = played.all().collect();
    let told = settled(&local, &all, &[]).await?;
    for one in &all {
        told[&one.id].is_answered()?;
    }
    assert_eq!(told.len(), all.len());
    Ok(())
}

/// The events are so large, by their route's name, that a MiB has no room for those of the outage.
#[tokio::test]
async fn of_events_in_memory_as_many_are_missing_as_are_counted() -> Result<()> {
    let (local, proxy, service) = stage().await?;
    let events = "durability = \"memory\"\nmax_mib = 1";
    let template = format!("/prompt/{{{}}}", "number".repeat(500));
    let setup = Setup::new(&local, proxy.endpoint(), &service, events, &template).await?;
    let gateway = setup.start().await?;
    let played = Played::at(&gateway, &proxy).await?;
    played.all_are_answered()?;

    let emitted = 2 * played.all().count();
    let dropped: usize = gateway.counter("headwater_producer_dropped_total").await?.try_into()?;
    say(format!("  {dropped} of {emitted} events dropped, and counted"));
    assert!(0 < dropped && dropped < emitted);
    let wanted = emitted - dropped;
    until("all events in the journal that were not dropped", || async {
        Ok((local.items().await?.len() >= wanted).then_some(()))
    })
    .await?;
    local.expect_drained().await?;
    assert_eq!(local.items().await?.len(), wanted);
    Ok(())
}

/// So many requests are with the service when the gateway is killed.
const HELD: usize = 5;

#[tokio::test]
async fn a_gateway_that_is_killed_while_the_queue_is_away_loses_no_event_of_its_spool() -> Result<()> {
    let (local, proxy, service) = stage().await?;
    let setup = Setup::new(&local, proxy.endpoint(), &service, &spool(&local), TEMPLATE).await?;
    let gateway = setup.start().await?;
    away(&proxy);
    let address = gateway.address;
    let held = Load { name: "held", path: "held", count: HELD, rate: 1_000 }.run(address);
    let killed = load("killed", IN_OUTAGE / 2).run(address);
    let kill = async {
        service.holds(HELD).await?;
        service.answered(IN_OUTAGE / 4).await?;
        gateway.kill().await
    };
    let (held, killed, ()) = tokio::try_join!(held, killed, kill)?;
    let gateway = setup.start().await?;
    let again = load("again", IN_OUTAGE / 2).run(gateway.address).await?;
    back(&proxy)?;

    assert!(again.iter().all(|one| one.answered.is_some()));
    assert!(killed.iter().any(|one| one.answered.is_none()));
    let answered: Vec<_> = killed.iter().chain(&again).filter(|one| one.answered.is_some()).collect();
    assert!(answered.len() > again.len());
    say(format!(
        "  killed after {} answers, with {HELD} requests in the service",
        answered.len() - again.len()
    ));
    let told = settled(&local, &answered, &held).await?;
    for one in answered {
        told[&one.id].is_answered()?;
    }
    for one in &held {
        assert_eq!(one.answered, None);
        told[&one.id].is_begun()?;
        assert!(is_never_answered(&one.id, &told[&one.id]), "{:?}", told[&one.id]);
    }
    Ok(())
}

/// Whether that is what a flow says a minute later.
fn is_never_answered(request: &str, Told(events): &Told) -> bool {
    let later = OffsetDateTime::now_utc() + time::Duration::minutes(1);
    let flow = Flow::of(request, events.iter().collect::<Vec<&Event>>(), later, flow::PATIENCE);
    matches!(&flow.calls[..], [call] if matches!(call.outcome, Outcome::Unanswered { .. }))
}
