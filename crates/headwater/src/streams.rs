//! EventStoreDB's streams, read by an admin of it: what the relay's work is compared with.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use eventstore_protocol::{
    shared::{
        Empty, RecordedEvent, StreamIdentifier, StreamOptions, UuidOption, stream_options::RevisionOption,
        uuid_option,
    },
    streams::{
        ReadReq,
        read_req::{
            Options, ReadDirection,
            options::{CountOption, FilterOption, StreamOption},
        },
        read_resp::Content,
        streams_client::StreamsClient,
    },
};
use serde_json::Value;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A reader of streams.
#[derive(Clone, Debug)]
pub struct Streams {
    client: StreamsClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
}

/// Who asks, and whom they trust.
pub struct Identity {
    /// The password of the user `admin`.
    pub password: String,
    /// The authorities that are trusted, in PEM, and no others.
    pub trust: String,
    /// The name in the server's certificate.
    pub server_name: String,
}

/// An event as EventStoreDB has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Its data.
    pub data: Value,
    /// Its metadata.
    pub metadata: Value,
}

impl Streams {
    /// Connects; without an identity without TLS and password.
    ///
    /// # Errors
    /// Nobody answers there, or another than is trusted.
    pub async fn connect(address: SocketAddr, identity: Option<&Identity>) -> Result<Self> {
        let scheme = if identity.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?.connect_timeout(PATIENCE);
        let mut authorization = None;
        if let Some(Identity { password, trust, server_name }) = identity {
            let certificate = tonic::transport::Certificate::from_pem(trust);
            let tls = ClientTlsConfig::new().ca_certificate(certificate).domain_name(server_name);
            endpoint = endpoint.tls_config(tls)?;
            let mut basic: MetadataValue<Ascii> =
                format!("Basic {}", BASE64_STANDARD.encode(format!("admin:{password}"))).parse()?;
            basic.set_sensitive(true);
            authorization = Some(basic);
        }
        let channel = endpoint
            .connect()
            .await
            .with_context(|| format!("cannot connect to EventStoreDB at {address}"))?;
        Ok(Self { client: StreamsClient::new(channel).max_decoding_message_size(usize::MAX), authorization })
    }

    /// The events of a stream, the first one first; none where there is no such stream.
    ///
    /// # Errors
    /// EventStoreDB refuses, or an event is no JSON.
    pub async fn read(&self, stream: &str) -> Result<Vec<Recorded>> {
        let mut request = Request::new(everything(stream));
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let mut answers = self.client.clone().read(request).await?.into_inner();
        let mut events = Vec::new();
        while let Some(answer) = answers.message().await? {
            if let Some(Content::Event(read)) = answer.content {
                let Some(event) = read.event else { bail!("stream {stream} has an event without content") };
                events.push(recorded(stream, event)?);
            }
        }
        Ok(events)
    }
}

fn everything(stream: &str) -> ReadReq {
    let stream = StreamOptions {
        stream_identifier: Some(StreamIdentifier { stream_name: Bytes::from(stream.to_owned()) }),
        revision_option: Some(RevisionOption::Start(Empty {})),
    };
    let options = Options {
        stream_option: Some(StreamOption::Stream(stream)),
        read_direction: ReadDirection::Forwards.into(),
        resolve_links: false,
        count_option: Some(CountOption::Count(u64::MAX)),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        uuid_option: Some(UuidOption { content: Some(uuid_option::Content::String(Empty {})) }),
        control_option: None,
    };
    ReadReq { options: Some(options) }
}

fn recorded(stream: &str, mut event: RecordedEvent) -> Result<Recorded> {
    use eventstore_protocol::shared::uuid::Value as Id;
    let id = match event.id.and_then(|id| id.value) {
        Some(Id::String(text)) => text,
        _ => bail!("stream {stream} has an event without an id"),
    };
    let json = |bytes: &[u8]| {
        serde_json::from_slice(bytes).with_context(|| format!("event {id} of stream {stream} is no JSON"))
    };
    let (data, metadata) = (json(&event.data)?, json(&event.custom_metadata)?);
    Ok(Recorded { id, event_type: event.metadata.remove("type").unwrap_or_default(), data, metadata })
}
