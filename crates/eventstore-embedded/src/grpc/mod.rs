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

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use tonic::{Status, service::Routes};

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
};

/// How many bytes one message may have besides what may be appended at once.
const MESSAGE_OVERHEAD: usize = 16 * 1024 * 1024;

/// The routes of all services.
pub(crate) fn routes(config: &Config, address: SocketAddr, database: &Database, groups: &Groups) -> Router {
    let max_message = config.max_append_size as usize + MESSAGE_OVERHEAD;
    let streams = streams::Streams { database: database.clone(), max_append_size: config.max_append_size };
    let persistent = persistent::PersistentSubscriptions { groups: groups.clone() };
    // What a client asks before it says who it is.
    let open = Routes::new(ServerFeaturesServer::new(features::ServerFeatures))
        .add_service(GossipServer::new(gossip::Gossip::new(config.advertised_host.as_deref(), address)))
        .into_axum_router();
    let guarded = Routes::new(StreamsServer::new(streams).max_decoding_message_size(max_message))
        .add_service(PersistentSubscriptionsServer::new(persistent))
        .into_axum_router()
        .layer(middleware::from_fn_with_state(config.access.clone(), authenticate));
    open.reset_fallback().merge(guarded.reset_fallback())
}

/// Lets a request through with its user, or refuses it as gRPC does.
async fn authenticate(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    match access.user(request.headers()) {
        Some(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        None => status::unauthenticated().into_http(),
    }
}

/// The user of a request.
fn user<T>(request: &tonic::Request<T>) -> Result<User, Status> {
    request.extensions().get().copied().ok_or_else(status::unauthenticated)
}

/// Refuses a user who may not use this stream.
fn allow(user: User, stream: &str) -> Result<(), Status> {
    if user.may_use(stream) { Ok(()) } else { Err(status::access_denied()) }
}
