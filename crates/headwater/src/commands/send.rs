//! `send`: events to the queue, from a file, standard input, or made up.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use event::dead_letter::{Batches, MAX_BATCH_MESSAGES, Message};
use futures::{TryStreamExt, stream};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    cli,
    commands::{Exit, Run},
    input, load,
    progress::Bar,
    queue::{NotSent, Queue},
    session::Session,
    terminal::{self, FAINT, counted, duration, paint},
};

/// How many batches are under way at once.
const AT_ONCE: usize = 16;

/// What became of it.
#[derive(Debug, Default)]
pub struct Sent {
    /// Messages that SQS took.
    pub sent: u64,
    /// Messages that it did not take, by their place among all.
    pub refused: Vec<NotSent>,
}

/// Runs `send`.
///
/// # Errors
/// The input is no event, or SQS refuses.
pub async fn run(args: &cli::Send, run: &Run) -> Result<Exit> {
    if let Some(count) = args.count {
        let queue = queue(run).await?;
        return report(run, count, args.rate, &queue, load::messages(count)).await;
    }
    let read = input::read(args.file.as_deref());
    let (text, place) = run.until_stopped(async { Ok(read.await?) }).await?;
    let bodies = if args.unchecked { input::lines(&text, &place)? } else { input::events(&text, &place)? };
    let queue = queue(run).await?;
    let total = bodies.len() as u64;
    let message = |body: &str| Message { body: body.to_owned(), ..Message::default() };
    report(run, total, args.rate, &queue, bodies.into_iter().map(message)).await
}

async fn queue(run: &Run) -> Result<Queue> {
    run.until_stopped(async {
        let session = Session::open(&run.target).await?;
        Queue::named(&session.sdk, &session.scope.physical_name(blueprint::EVENT_QUEUE)).await
    })
    .await
}

async fn report(
    run: &Run,
    total: u64,
    rate: Option<u32>,
    queue: &Queue,
    messages: impl Iterator<Item = Message>,
) -> Result<Exit> {
    let begun = Instant::now();
    let bar = Bar::new(total, "events");
    let send = send(queue, messages, rate, |sent| bar.set(sent));
    let (outcome, interrupted) = tokio::select! {
        outcome = send => (outcome?, false),
        () = run.stop.cancelled() => (Sent { sent: bar.done(), refused: Vec::new() }, true),
    };
    drop(bar);
    let took = begun.elapsed();
    let mut out = terminal::out();
    if run.json {
        let refused: Vec<_> = outcome.refused.iter().map(ToString::to_string).collect();
        let line = json!({"sent": outcome.sent, "refused": refused, "millis": took.as_millis() as u64});
        writeln!(out, "{line}")?;
    } else {
        let rate = (outcome.sent as f64 / took.as_secs_f64().max(0.001)) as u64;
        let speed = format!("in {}, {} a second", duration(took), terminal::grouped(rate));
        writeln!(out, "Sent {} {}", counted(outcome.sent, "event"), paint(FAINT, speed))?;
    }
    match outcome.refused.first() {
        Some(first) if !run.json => {
            bail!("{} refused; the first: {first}", counted(outcome.refused.len() as u64, "event"))
        }
        Some(_) => Ok(Exit::Failed),
        None if interrupted => Ok(Exit::Interrupted),
        None => Ok(Exit::Done),
    }
}

/// Sends `messages` in batches, at most `rate` a second, and tells `progress` how many SQS has taken so far.
///
/// # Errors
/// SQS refuses a whole batch. What other batches have sent by then is sent.
pub async fn send(
    queue: &Queue,
    messages: impl Iterator<Item = Message>,
    rate: Option<u32>,
    progress: impl Fn(u64),
) -> Result<Sent> {
    let ticks = rate.map(|rate| {
        // Ten batches a second at most, smaller ones where the rate is low.
        let size = (rate as usize).div_ceil(10).clamp(1, MAX_BATCH_MESSAGES);
        (size, ticker(Duration::from_secs_f64(size as f64 / f64::from(rate))))
    });
    let (size, ticker) = ticks.map_or((MAX_BATCH_MESSAGES, None), |(size, ticker)| (size, Some(ticker)));
    let begin = (Batches::new(messages, size), ticker, 0);
    let paced = stream::unfold(begin, |(mut batches, mut ticker, first)| async move {
        let batch = batches.next()?;
        if let Some(ticker) = &mut ticker {
            ticker.tick().await;
        }
        let next = first + batch.len();
        Some((Ok::<_, anyhow::Error>((first, batch)), (batches, ticker, next)))
    });
    let done = std::cell::RefCell::new(Sent::default());
    paced
        .map_ok(|(first, batch)| async move { Ok((first, batch.len() as u64, queue.send(&batch).await?)) })
        .try_buffer_unordered(AT_ONCE)
        .try_for_each(|(first, count, refused)| {
            let mut done = done.borrow_mut();
            done.sent += count - refused.len() as u64;
            done.refused.extend(refused.into_iter().map(|one| NotSent { index: first + one.index, ..one }));
            progress(done.sent);
            futures::future::ready(Ok(()))
        })
        .await?;
    Ok(done.into_inner())
}

fn ticker(every: Duration) -> Interval {
    let mut ticker = interval(every);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

#[cfg(test)]
mod tests {
    use aws_env::scripted::{Reply, Script};

    use super::*;

    #[tokio::test]
    async fn what_sqs_refuses_is_told_by_its_place_among_all() {
        let script = Script::new(|request| {
            let entries = request.json()["Entries"].as_array().map_or(0, Vec::len);
            let refused = json!({"Id": "1", "Code": "InvalidMessageContents", "SenderFault": true});
            match (request.operation.as_str(), entries) {
                ("GetQueueUrl", _) => Reply::json(200, json!({"QueueUrl": "http://127.0.0.1/queue"})),
                (_, MAX_BATCH_MESSAGES) => Reply::json(200, json!({"Successful": [], "Failed": []})),
                _ => Reply::json(200, json!({"Successful": [], "Failed": [refused]})),
            }
        });
        let queue = Queue::named(&script.config(), "queue").await.unwrap();
        let message = Message { body: "x".to_owned(), ..Message::default() };
        let sent = send(&queue, vec![message; 13].into_iter(), None, |_| ()).await.unwrap();
        let refused: Vec<_> = sent.refused.iter().map(ToString::to_string).collect();
        let place = "SQS did not take message 12: InvalidMessageContents: no message";
        assert_eq!((sent.sent, refused), (12, vec![place.to_owned()]));
    }
}
