//! The protocol's services: thin, they translate between messages and the store.

mod batch;
pub(crate) mod convert;
mod features;
mod gossip;
mod persistent;
mod read;
pub(crate) mod status;
mod streams;
mod subscribe;
mod subscription;

pub(crate) use features::SERVER_VERSION;

use std::net::SocketAddr;

use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use crate::{
    auth::User,
    config::{Access, Config},
    database::Database,
    persistent::Groups,
    protocol::{
        gossip::gossip_server::GossipServer,
        persistent::persistent_subscriptions_server::PersistentSubscriptionsServer,
        server_features::server_features_server::ServerFeaturesServer,
        streams::streams_server::StreamsServer,
    },
    store::acl::Operation,
};

/// How many bytes one message may have besides what may be appended at once.
const MESSAGE_OVERHEAD: usize = 16 * 1024 * 1024;

type Features = ServerFeaturesServer<features::ServerFeatures>;
type Gossip = GossipServer<gossip::Gossip>;
type Streams = StreamsServer<streams::Streams>;
type Persistent = PersistentSubscriptionsServer<persistent::PersistentSubscriptions>;

/// All services.
pub(crate) struct Services {
    access: Access,
    features: Features,
    gossip: Gossip,
    streams: Streams,
    persistent: Persistent,
}

impl Services {
    /// The services of this database, which is served at this address.
    pub(crate) fn new(config: &Config, address: SocketAddr, database: &Database, groups: &Groups) -> Self {
        let max_message = config.max_append_size as usize + MESSAGE_OVERHEAD;
        let streams =
            streams::Streams { database: database.clone(), max_append_size: config.max_append_size };
        Self {
            access: config.access.clone(),
            features: Features::new(features::ServerFeatures),
            gossip: Gossip::new(gossip::Gossip::new(config.advertised_host.as_deref(), address)),
            streams: Streams::new(streams).max_decoding_message_size(max_message),
            persistent: Persistent::new(persistent::PersistentSubscriptions { groups: groups.clone() }),
        }
    }

    /// The answer to a request, if it is one to a service. What a client asks before it says who it is, is answered to
    /// everybody.
    pub(crate) async fn answer<B>(
        &self,
        mut request: http::Request<B>,
    ) -> Result<http::Response<Body>, http::Request<B>>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let service = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let answered = match service {
            Features::NAME => self.features.clone().call(request).await,
            Gossip::NAME => self.gossip.clone().call(request).await,
            Streams::NAME | Persistent::NAME => {
                let of_streams = service == Streams::NAME;
                let Some(user) = self.access.user(request.headers()) else {
                    return Ok(status::unauthenticated().into_http());
                };
                request.extensions_mut().insert(user);
                match of_streams {
                    true => self.streams.clone().call(request).await,
                    false => self.persistent.clone().call(request).await,
                }
            }
            _ => return Err(request),
        };
        match answered {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }
}

/// The user of a request.
fn user<T>(request: &tonic::Request<T>) -> Result<User, Status> {
    request.extensions().get().copied().ok_or_else(status::unauthenticated)
}

/// Refuses a user who may not do this to the stream.
fn allow(database: &Database, user: User, operation: Operation, stream: &str) -> Result<(), Status> {
    let allowed = match user {
        User::Admin => true,
        User::Ops => database.read(|store, _| store.lets_ops(operation, stream))?,
    };
    if allowed { Ok(()) } else { Err(status::access_denied()) }
}
