//! `redrive`: what lies in the dead-letter queue and why, and back to the queue with it.

use std::{collections::BTreeMap, io::Write, time::Duration};

use anyhow::{Context, Result, bail};
use aws_env::At;
use event::dead_letter::{Cause, DeadLetter};
use futures::{StreamExt, TryStreamExt, stream};
use resource::Error;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    cli,
    commands::{Exit, Run},
    queue::{Queue, Received},
    session::Session,
    terminal::{self, BAD, FAINT, STRONG, counted, duration, json, paint, printable},
};

/// How long a message is hidden while it is listed or moved.
const HIDDEN: Duration = Duration::from_secs(120);
/// The most messages that are listed, or that a round of moving takes.
const AT_A_TIME: usize = 1_000;
/// How many messages are moved at once.
const AT_ONCE: usize = 16;

/// Runs `redrive`.
///
/// # Errors
/// A queue is not there or refuses. A message is deleted from the dead-letter queue only once the queue has it.
pub async fn run(args: &cli::Redrive, run: &Run) -> Result<Exit> {
    let session = Session::open(&run.target).await?;
    let Queues { dead, events } = Queues::of(&session).await?;
    let messages = list(&dead).await?;
    print(run, &messages)?;
    if args.list || messages.is_empty() {
        return Ok(Exit::Done);
    }
    if !args.yes && !run.confirm("Move them back to the queue?").await? {
        return Ok(Exit::Done);
    }
    let moved = redrive(&dead, &events).await?;
    let mut out = terminal::out();
    match moved {
        _ if run.json => writeln!(out, "{}", json!({"moved": moved.count(), "by": moved.by()}))?,
        Moved::ByUs(count) => writeln!(out, "Moved {} back to the queue.", counted(count, "message"))?,
        Moved::BySqs(count) => writeln!(
            out,
            "SQS moves {} back to the queue; it tells how far it is in the console, under dead-letter queue redrive.",
            counted(count, "message")
        )?,
    }
    Ok(Exit::Done)
}

/// Where dead letters are, and where they go back to.
#[derive(Clone, Debug)]
pub struct Queues {
    /// The dead-letter queue.
    pub dead: Queue,
    /// The event queue.
    pub events: Queue,
}

impl Queues {
    /// Those of an environment.
    ///
    /// # Errors
    /// One is not there, or may not be asked for.
    pub async fn of(session: &Session) -> Result<Self> {
        let named = async |name| Queue::named(&session.sdk, &session.scope.physical_name(name)).await;
        let (dead, events) =
            tokio::try_join!(named(blueprint::DEAD_LETTER_QUEUE), named(blueprint::EVENT_QUEUE))?;
        Ok(Self { dead, events })
    }
}

/// What is in the dead-letter queue now, at most [`AT_A_TIME`] messages. They are shown to others again afterwards.
///
/// # Errors
/// SQS refuses.
pub async fn list(dead: &Queue) -> Result<Vec<Received>> {
    let mut messages = receive_all(dead).await?;
    dead.release(&messages).await?;
    messages.sort_by_key(|message| message.sent_at_millis);
    Ok(messages)
}

/// Receives until nothing new comes, at most [`AT_A_TIME`] messages, each once.
async fn receive_all(dead: &Queue) -> Result<Vec<Received>> {
    let mut messages: BTreeMap<String, Received> = BTreeMap::new();
    while messages.len() < AT_A_TIME {
        let known = messages.len();
        let batch = dead.receive(HIDDEN).await?;
        messages.extend(batch.into_iter().map(|message| (message.id.clone(), message)));
        if messages.len() == known {
            break;
        }
    }
    Ok(messages.into_values().collect())
}

/// Who moves the messages, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// SQS does it, from now on, as many as it said.
    BySqs(u64),
    /// We did it.
    ByUs(u64),
}

impl Moved {
    /// How many messages are moved.
    pub fn count(self) -> u64 {
        match self {
            Self::BySqs(count) | Self::ByUs(count) => count,
        }
    }

    /// What moves them, by the name of its call.
    pub fn by(self) -> &'static str {
        match self {
            Self::BySqs(_) => "StartMessageMoveTask",
            Self::ByUs(_) => "SendMessage and DeleteMessage",
        }
    }
}

/// Moves all messages of `dead` to `queue`: by SQS's own task where every message can go back as it lies there, else
/// by receiving, sending and then deleting, which also takes a message out of its envelope.
///
/// The task names its destination, since a message that was sent to a dead-letter queue has no source queue to
/// return to (`StartMessageMoveTask`, SQS API reference).
///
/// # Errors
/// SQS refuses. What was not moved is still in `dead`; a message may then be in both, which the journal folds.
pub async fn redrive(dead: &Queue, queue: &Queue) -> Result<Moved> {
    let waiting = dead.depth().await?.waiting;
    let started = dead
        .client()
        .start_message_move_task()
        .source_arn(dead.arn().await?)
        .destination_arn(queue.arn().await?)
        .send()
        .await
        .at("sqs:StartMessageMoveTask", dead.url());
    match started {
        Ok(_) => Ok(Moved::BySqs(waiting)),
        Err(error) if is_missing(&error) => Ok(Moved::ByUs(move_all(dead, queue, waiting).await?)),
        Err(error) => Err(error).context("the messages were not moved"),
    }
}

/// Emulators answer a call that they do not have with one of these.
fn is_missing(error: &Error) -> bool {
    ["InvalidAction", "UnknownOperation", "NotImplemented", "not implemented", "Unknown action"]
        .iter()
        .any(|said| error.says(said))
}

/// Moves as many messages as there are now. Each round takes its messages before it moves any, so that one which comes
/// straight back, rejected again, is not moved in a circle.
async fn move_all(dead: &Queue, queue: &Queue, there: u64) -> Result<u64> {
    let mut moved = 0;
    while moved < there {
        let messages = receive_all(dead).await?;
        if messages.is_empty() {
            break;
        }
        moved += messages.len() as u64;
        let moves = messages.into_iter().map(|message| move_one(dead, queue, message));
        stream::iter(moves).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(moved)
}

async fn move_one(dead: &Queue, queue: &Queue, message: Received) -> Result<()> {
    let original = match DeadLetter::from_message(&message.message) {
        Ok(Some(letter)) => letter.original,
        Ok(None) | Err(_) => message.message.clone(),
    };
    if let Some(refused) = queue.send(&[original]).await?.first() {
        bail!("message {} stays in the dead-letter queue: {refused}", message.id);
    }
    dead.delete(&[message]).await
}

fn print(run: &Run, messages: &[Received]) -> Result<()> {
    let mut out = terminal::out();
    if run.json {
        for message in messages {
            writeln!(out, "{}", json(&as_json(message).to_string()))?;
        }
        return Ok(());
    }
    if messages.is_empty() {
        writeln!(out, "The dead-letter queue is empty.")?;
        return Ok(());
    }
    let now = OffsetDateTime::now_utc().unix_timestamp().unsigned_abs() * 1000;
    for message in messages {
        let age = message.sent_at_millis.map(|at| Duration::from_millis(now.saturating_sub(at)));
        let age = age.map_or_else(String::new, |age| format!("{} ago", duration(age)));
        writeln!(out, "{}  {}", paint(STRONG, &message.id), paint(FAINT, age))?;
        writeln!(out, "  {}", paint(BAD, printable(&reason(message))))?;
        writeln!(out, "  {}", preview(&body(message)))?;
    }
    writeln!(out, "\n{} in the dead-letter queue.", counted(messages.len() as u64, "message"))?;
    Ok(())
}

/// Why the message is there, for people.
pub fn reason(message: &Received) -> String {
    match DeadLetter::from_message(&message.message) {
        Ok(Some(letter)) => match letter.cause {
            Cause::Rejected => format!("can never be stored: {}", letter.reason()),
            Cause::Exhausted => format!("failed on every receive, the last time: {}", letter.reason()),
        },
        Ok(None) => "carries no reason: SQS moved it, or somebody sent it here".to_owned(),
        Err(damaged) => damaged.to_string(),
    }
}

/// The body as it was sent to the queue.
pub fn body(message: &Received) -> String {
    match DeadLetter::from_message(&message.message) {
        Ok(Some(letter)) => letter.original.body,
        Ok(None) | Err(_) => message.message.body.clone(),
    }
}

fn preview(body: &str) -> String {
    const SHOWN: usize = 160;
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = line.chars().take(SHOWN).collect();
    printable(&if cut.len() < line.len() { format!("{cut}…") } else { cut })
}

fn as_json(message: &Received) -> serde_json::Value {
    let letter = DeadLetter::from_message(&message.message).ok().flatten();
    json!({
        "messageId": letter.as_ref().map_or(&message.id, |letter| &letter.message_id),
        "cause": letter.as_ref().map(|letter| match letter.cause {
            Cause::Rejected => "rejected",
            Cause::Exhausted => "exhausted",
        }),
        "reason": letter.as_ref().map(DeadLetter::reason),
        "sentAtMillis": letter.as_ref().and_then(|letter| letter.sent_at).or(message.sent_at_millis),
        "body": body(message),
    })
}
