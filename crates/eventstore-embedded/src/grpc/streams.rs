//! Streams: append, delete, tombstone, and the way to reads, subscriptions and batches.

use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    allow, batch,
    convert::{position, proposed, write_options},
    read, status, subscribe, user,
};
use crate::{
    database::{Database, Write, WriteError},
    protocol::{
        shared::Empty,
        streams::{
            AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp,
            Success,
            append_req::Content,
            append_resp::{
                self, WrongExpectedVersion,
                wrong_expected_version::{CurrentRevisionOption, ExpectedRevisionOption},
            },
            delete_resp,
            read_req::options::CountOption,
            streams_server,
            success::{CurrentRevisionOption as Current, PositionOption},
        },
    },
    store::{Appended, Expected, Refused, acl::Operation, event::is_metadata_stream},
};

/// The service.
pub(super) struct Streams {
    pub(super) database: Database,
    pub(super) max_append_size: u32,
}

#[tonic::async_trait]
impl streams_server::Streams for Streams {
    type ReadStream = BoxStream<'static, Result<ReadResp, Status>>;
    type BatchAppendStream = BoxStream<'static, Result<BatchAppendResp, Status>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        let user = user(&request)?;
        let options = request
            .into_inner()
            .options
            .ok_or_else(|| Status::invalid_argument("the options are missing"))?;
        let stream = match options.count_option {
            Some(CountOption::Count(count)) => read::read(self.database.clone(), user, options, count)?,
            Some(CountOption::Subscription(_)) => subscribe::subscribe(self.database.clone(), user, options)?,
            None => return Err(Status::invalid_argument("neither a count nor a subscription is asked for")),
        };
        Ok(Response::new(stream))
    }

    /// All events of the request are appended, or none. They are appended when the client has sent the last one.
    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        let user = user(&request)?;
        let mut messages = request.into_inner();
        let first = messages.message().await?.and_then(|message| message.content);
        let Some(Content::Options(options)) = first else {
            return Err(Status::invalid_argument("the first message of an append has its options"));
        };
        let (stream, expected) = write_options(Some(options))?;
        allow(&self.database, user, Operation::Write, &stream)?;
        let (mut events, mut size) = (Vec::new(), 0);
        while let Some(message) = messages.message().await? {
            let Some(Content::ProposedMessage(message)) = message.content else {
                return Err(Status::invalid_argument("after its options an append has events only"));
            };
            let event = proposed(message)?;
            size += event.size();
            if size > self.max_append_size as usize {
                return Err(status::maximum_append_size_exceeded(self.max_append_size));
            }
            events.push(event);
        }
        let result = match self.database.write(stream.clone(), Write::Append(expected, events)).await {
            Ok(appended) => append_resp::Result::Success(success(appended)),
            Err(WriteError::Refused(Refused::WrongExpectedVersion { current })) => {
                append_resp::Result::WrongExpectedVersion(wrong_expected_version(expected, current))
            }
            Err(error) => return Err(status::not_written(&stream, expected, error)),
        };
        Ok(Response::new(AppendResp { result: Some(result) }))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.remove(request, Write::Delete).await
    }

    async fn tombstone(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.remove(request, Write::Tombstone).await
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        let user = user(&request)?;
        let batches = batch::answers(self.database.clone(), user, self.max_append_size, request.into_inner());
        Ok(Response::new(batches))
    }
}

impl Streams {
    /// Metadata are written, never deleted.
    async fn remove(
        &self,
        request: Request<DeleteReq>,
        how: fn(Expected) -> Write,
    ) -> Result<Response<DeleteResp>, Status> {
        let user = user(&request)?;
        let (stream, expected) = write_options(request.into_inner().options)?;
        if is_metadata_stream(&stream) {
            return Err(status::access_denied());
        }
        allow(&self.database, user, Operation::Delete, &stream)?;
        let done = self.database.write(stream.clone(), how(expected)).await;
        let place = done.map_err(|error| status::not_written(&stream, expected, error))?.position;
        let option = place.map_or(delete_resp::PositionOption::NoPosition(Empty {}), |place| {
            delete_resp::PositionOption::Position(position(place))
        });
        Ok(Response::new(DeleteResp { position_option: Some(option) }))
    }
}

/// What a client is told of an append that was done.
pub(super) fn success(appended: Appended) -> Success {
    let revision = appended.revision.map_or(Current::NoStream(Empty {}), Current::CurrentRevision);
    let place = appended
        .position
        .map_or(PositionOption::NoPosition(Empty {}), |place| PositionOption::Position(position(place)));
    Success { current_revision_option: Some(revision), position_option: Some(place) }
}

fn wrong_expected_version(expected: Expected, current: Option<u64>) -> WrongExpectedVersion {
    let current = current
        .map_or(CurrentRevisionOption::CurrentNoStream(Empty {}), CurrentRevisionOption::CurrentRevision);
    let expected = match expected {
        Expected::Any => ExpectedRevisionOption::ExpectedAny(Empty {}),
        Expected::StreamExists => ExpectedRevisionOption::ExpectedStreamExists(Empty {}),
        Expected::NoStream => ExpectedRevisionOption::ExpectedNoStream(Empty {}),
        Expected::Revision(revision) => ExpectedRevisionOption::ExpectedRevision(revision),
    };
    WrongExpectedVersion { current_revision_option: Some(current), expected_revision_option: Some(expected) }
}
