//! `tail`: new events as they land.

use std::io::Write;

use anyhow::Result;
use aws_dynamodb::Tables;
use futures::StreamExt;
use resource::Family;

use crate::{
    cli,
    commands::{
        Exit, Run,
        query::{self, Form},
    },
    session::Session,
    terminal::{self, BAD, FAINT, paint},
};

/// Runs `tail`.
///
/// # Errors
/// The table or its stream is not there, or the stream breaks off.
pub async fn run(args: &cli::Tail, run: &Run) -> Result<Exit> {
    let session = Session::open(&run.target).await?;
    session.needs(&Tables::KIND)?;
    let streams = aws_sdk_dynamodbstreams::Client::new(&session.sdk);
    let mut events = query::journal(&session).tail(streams).await?;
    let form = Form::of(run.json, args.cloudevents);
    if form == Form::Text {
        terminal::say(paint(FAINT, "New events are printed as they land. Ctrl-C ends it."));
    }
    let mut printed = 0;
    while args.limit.is_none_or(|limit| printed < limit) {
        match events.next().await {
            Some(Ok(event)) => {
                let wanted =
                    |filter: &Option<String>, value| filter.as_deref().is_none_or(|name| name == value);
                if wanted(&args.r#type, event.event_type()) && wanted(&args.source, event.source()) {
                    writeln!(terminal::out(), "{}", form.line(&event))?;
                    printed += 1;
                }
            }
            Some(Err(error @ journal::TailError::Item { .. })) => {
                terminal::say(format!("{} {error}", paint(BAD, "skipped:")));
            }
            Some(Err(error)) => return Err(error.into()),
            None => break,
        }
    }
    Ok(Exit::Done)
}
