//! The dead-letter queue: what lies there, and back to the queue with it.
//!
//! To look at a queue's messages is to receive them, which hides them from others for a moment. So they are looked at when
//! somebody asks, and one look does for all who ask within seconds. A look or a redrive that was begun is ended, also
//! where the page that asked is closed: messages would stay hidden otherwise, or be in both queues.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Json,
    extract::{Query, State},
};
use event::dead_letter::{Cause, DeadLetter};
use time::OffsetDateTime;
use tokio::{sync::Mutex, time::Instant};

use super::{Explored, api, problem::Problem};
use crate::{
    commands::redrive::{self, Moved, Queues},
    queue::Received,
};

/// How old a look may be that nobody asked to be fresh.
const FRESH: Duration = Duration::from_secs(30);
/// How old the number of messages may be.
const DEPTH_FRESH: Duration = Duration::from_secs(5);
/// How much of a body is in the list.
const PREVIEW_CHARACTERS: usize = 200;

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    look: Mutex<Option<(Instant, Look)>>,
    depth: Mutex<Option<(Instant, api::Depth)>>,
}

#[derive(Clone, Debug)]
struct Look {
    listed: api::DeadLetters,
    messages: Arc<[Received]>,
}

/// Answers the question for what lies there.
pub(super) async fn list(
    State(explored): State<Arc<Explored>>,
    Query(look): Query<api::Look>,
) -> Result<Json<api::DeadLetters>, Problem> {
    let fresh = if look.fresh == Some(true) { Duration::ZERO } else { FRESH };
    Ok(Json(explored.look(fresh).await?.listed))
}

/// Answers the question for a message's body.
pub(super) async fn letter(
    State(explored): State<Arc<Explored>>,
    Query(by): Query<api::ById>,
) -> Result<Json<api::Body>, Problem> {
    let look = explored.look(Duration::MAX).await?;
    match look.messages.iter().find(|message| message.id == by.id) {
        Some(message) => Ok(Json(api::Body { body: redrive::body(message) })),
        None => Err(Problem::not_found("The message was not there at the last look.")),
    }
}

/// Answers the question for how many there are.
pub(super) async fn depth(State(explored): State<Arc<Explored>>) -> Result<Json<api::Depth>, Problem> {
    let mut last = explored.dead_letters.depth.lock().await;
    match &*last {
        Some((at, depth)) if at.elapsed() < DEPTH_FRESH => return Ok(Json(depth.clone())),
        _ => {}
    }
    let depth = api::Depth { waiting: Queues::of(&explored.session).await?.dead.depth().await?.waiting };
    *last = Some((Instant::now(), depth.clone()));
    Ok(Json(depth))
}

/// Moves all of them back to the queue.
pub(super) async fn redrive(State(explored): State<Arc<Explored>>) -> Result<Json<api::Redriven>, Problem> {
    let moving = Arc::clone(&explored);
    let moved = explored.tasks.spawn(async move {
        // Nobody looks meanwhile: a message that is hidden by a look would stay behind.
        let mut look = moving.dead_letters.look.lock().await;
        *look = None;
        let queues = Queues::of(&moving.session).await?;
        let moved = redrive::redrive(&queues.dead, &queues.events).await;
        *moving.dead_letters.depth.lock().await = None;
        moved
    });
    let moved = moved.await.context("the redrive did not end")??;
    Ok(Json(api::Redriven { moved: moved.count(), by_sqs: matches!(moved, Moved::BySqs(_)) }))
}

impl Explored {
    /// What lies in the queue, by a look that is no older.
    async fn look(self: &Arc<Self>, fresh: Duration) -> Result<Look> {
        let looking = Arc::clone(self);
        let look = self.tasks.spawn(async move {
            let begun = Instant::now();
            let mut last = looking.dead_letters.look.lock().await;
            match &*last {
                // One that began while this waited for it is as fresh as can be.
                Some((at, look)) if *at >= begun || at.elapsed() < fresh => return Ok(look.clone()),
                _ => {}
            }
            let at = Instant::now();
            let dead = Queues::of(&looking.session).await?.dead;
            let waiting = dead.depth().await?.waiting;
            let messages = redrive::list(&dead).await?;
            let letters = messages.iter().map(letter_of).collect();
            let listed =
                api::DeadLetters { waiting, letters, at_millis: api::millis(OffsetDateTime::now_utc()) };
            let look = Look { listed, messages: messages.into() };
            *last = Some((at, look.clone()));
            anyhow::Ok(look)
        });
        look.await.context("the look at the dead-letter queue did not end")?
    }
}

fn letter_of(message: &Received) -> api::Letter {
    let letter = DeadLetter::from_message(&message.message).ok().flatten();
    let body = redrive::body(message);
    api::Letter {
        id: message.id.clone(),
        cause: match letter.as_ref().map(|letter| letter.cause) {
            Some(Cause::Rejected) => "rejected",
            Some(Cause::Exhausted) => "exhausted",
            None => "unknown",
        },
        reason: redrive::reason(message),
        sent_at_millis: letter.and_then(|letter| letter.sent_at).or(message.sent_at_millis),
        bytes: body.len(),
        preview: api::cut(&body, PREVIEW_CHARACTERS),
    }
}
