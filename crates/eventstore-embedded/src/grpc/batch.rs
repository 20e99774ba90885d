//! BatchAppend: many appends over one call, each answered by its own response, in order.

use std::collections::HashMap;

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use prost::Name;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::{
    allow,
    convert::{self, UuidForm, wire_uuid},
    streams::success,
};
use crate::{
    auth::User,
    database::{Database, Unavailable, Write, WriteError},
    protocol::{
        shared::{
            AccessDenied, BadRequest, Empty, MaximumAppendSizeExceeded, StreamDeleted, Unknown,
            WrongExpectedVersion,
            wrong_expected_version::{CurrentStreamRevisionOption, ExpectedStreamPositionOption},
        },
        streams::{
            BatchAppendReq, BatchAppendResp, ProposedMessage, WriteOptions,
            batch_append_resp::{self, ExpectedStreamPosition},
        },
    },
    store::{Expected, Refused, acl::Operation},
};

/// How many appends of a call may be on their way at once.
const IN_FLIGHT: usize = 256;

/// The answers to a call's appends.
pub(super) fn answers(
    database: Database,
    user: User,
    max_append_size: u32,
    requests: Streaming<BatchAppendReq>,
) -> BoxStream<'static, Result<BatchAppendResp, Status>> {
    let assembler = Assembler { max_append_size, begun: HashMap::new() };
    stream::try_unfold((requests, assembler), move |(mut requests, mut assembler)| {
        let database = database.clone();
        async move {
            let mut growth = database.growth();
            loop {
                let request = tokio::select! {
                    request = requests.message() => request?,
                    () = growth.stop() => return Err(Unavailable::Stopping.into()),
                };
                let Some(request) = request else { return Ok(None) };
                if let Some((id, append)) = assembler.add(request)? {
                    let answer = submit(&database, user, id, append).await;
                    return Ok(Some((answer, (requests, assembler))));
                }
            }
        }
    })
    .try_buffered(IN_FLIGHT)
    .boxed()
}

/// Puts the parts of appends together.
struct Assembler {
    max_append_size: u32,
    begun: HashMap<Uuid, Parts>,
}

#[derive(Default)]
struct Parts {
    options: Option<WriteOptions>,
    messages: Vec<ProposedMessage>,
    size: usize,
}

/// An append that is complete, or what is wrong with it.
struct Append {
    stream: String,
    expected: Expected,
    events: Result<Vec<crate::store::event::Proposed>, Problem>,
}

/// What is wrong with one append. The call goes on.
enum Problem {
    TooLarge(u32),
    Invalid(String),
    AccessDenied,
    Failed(WriteError),
}

impl Assembler {
    /// The append that this request completes, if it does.
    fn add(&mut self, request: BatchAppendReq) -> Result<Option<(Uuid, Append)>, Status> {
        let id = convert::uuid(request.correlation_id.as_ref())?;
        let parts = self.begun.entry(id).or_default();
        if request.options.is_some() {
            parts.options = request.options;
        }
        for message in request.proposed_messages {
            let event_type = message.metadata.get("type").map_or(0, String::len);
            parts.size += message.data.len() + message.custom_metadata.len() + 2 * event_type;
            // What is too large already is not kept: the answer needs none of it.
            if parts.size <= self.max_append_size as usize {
                parts.messages.push(message);
            }
        }
        if !request.is_final {
            return Ok(None);
        }
        let parts = self.begun.remove(&id).unwrap_or_default();
        let (stream, expected) = convert::write_options(parts.options)?;
        let events = match parts.size > self.max_append_size as usize {
            true => Err(Problem::TooLarge(self.max_append_size)),
            false => {
                let events: Result<_, Status> = parts.messages.into_iter().map(convert::proposed).collect();
                events.map_err(|status| Problem::Invalid(status.message().to_owned()))
            }
        };
        Ok(Some((id, Append { stream, expected, events })))
    }
}

/// Puts an append in the queue; what comes back is its answer, when it has one.
async fn submit(
    database: &Database,
    user: User,
    id: Uuid,
    append: Append,
) -> impl Future<Output = Result<BatchAppendResp, Status>> + use<> {
    let Append { stream, expected, events } = append;
    let submitted = match events {
        Ok(_) if allow(database, user, Operation::Write, &stream).is_err() => Err(Problem::AccessDenied),
        Ok(events) => Ok(database.submit(stream.clone(), Write::Append(expected, events)).await),
        Err(problem) => Err(problem),
    };
    async move {
        let outcome = match submitted {
            Ok(submitted) => submitted.outcome().await.map_err(Problem::Failed),
            Err(problem) => Err(problem),
        };
        let result = match outcome {
            Ok(appended) => batch_append_resp::Result::Success(success(appended)),
            Err(problem) => batch_append_resp::Result::Error(describe(&stream, expected, problem)),
        };
        Ok(BatchAppendResp {
            correlation_id: Some(wire_uuid(id, UuidForm::Numbers)),
            result: Some(result),
            stream_identifier: Some(convert::stream_identifier(&stream)),
            expected_stream_position: Some(match expected {
                Expected::Any => ExpectedStreamPosition::Any(Empty {}),
                Expected::StreamExists => ExpectedStreamPosition::StreamExists(Empty {}),
                Expected::NoStream => ExpectedStreamPosition::NoStream(Empty {}),
                Expected::Revision(revision) => ExpectedStreamPosition::StreamPosition(revision),
            }),
        })
    }
}

/// A problem as a response carries it: a code, the name of the problem, and a message with the details.
fn describe(stream: &str, expected: Expected, problem: Problem) -> batch_append_resp::Status {
    match problem {
        Problem::TooLarge(max_append_size) => error(
            Code::InvalidArgument,
            "Maximum Append Size Exceeded",
            &MaximumAppendSizeExceeded { max_append_size },
        ),
        Problem::Invalid(message) => {
            error(Code::InvalidArgument, &message, &BadRequest { message: message.clone() })
        }
        Problem::AccessDenied => error(Code::PermissionDenied, "Access Denied", &AccessDenied {}),
        Problem::Failed(WriteError::Refused(Refused::StreamDeleted)) => {
            let stream_identifier = Some(convert::stream_identifier(stream));
            error(Code::FailedPrecondition, "Stream Deleted", &StreamDeleted { stream_identifier })
        }
        Problem::Failed(WriteError::Refused(Refused::WrongExpectedVersion { current })) => error(
            Code::FailedPrecondition,
            "WrongExpectedVersion",
            &wrong_expected_version(expected, current),
        ),
        Problem::Failed(WriteError::Unavailable(unavailable)) => {
            error(Code::Unavailable, Status::from(unavailable).message(), &Unknown {})
        }
    }
}

fn wrong_expected_version(expected: Expected, current: Option<u64>) -> WrongExpectedVersion {
    let current = current.map_or(
        CurrentStreamRevisionOption::CurrentNoStream(Empty {}),
        CurrentStreamRevisionOption::CurrentStreamRevision,
    );
    let expected = match expected {
        Expected::Any => ExpectedStreamPositionOption::ExpectedAny(Empty {}),
        Expected::StreamExists => ExpectedStreamPositionOption::ExpectedStreamExists(Empty {}),
        Expected::NoStream => ExpectedStreamPositionOption::ExpectedNoStream(Empty {}),
        Expected::Revision(revision) => ExpectedStreamPositionOption::ExpectedStreamPosition(revision),
    };
    WrongExpectedVersion {
        current_stream_revision_option: Some(current),
        expected_stream_position_option: Some(expected),
    }
}

fn error<M: Name>(code: Code, message: &str, details: &M) -> batch_append_resp::Status {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    let details = Some(prost_types::Any { type_url, value: details.encode_to_vec() });
    batch_append_resp::Status { code: code as i32, message: message.to_owned(), details }
}
