//! ServerFeatures: which methods there are, and with what options.

use tonic::{Request, Response, Status};

use crate::protocol::{
    server_features::{SupportedMethod, SupportedMethods, server_features_server},
    shared::Empty,
};

/// The version of EventStoreDB whose protocol this is. Clients derive from it what they may ask.
pub(crate) const SERVER_VERSION: &str = "24.10.0";

/// A service, its methods, and what of a method is not in every server.
type Service = (&'static str, &'static [(&'static str, &'static [&'static str])]);

const SERVICES: [Service; 4] = [
    (
        "event_store.client.streams.streams",
        &[
            ("append", &[]),
            ("batchappend", &["deadline_duration"]),
            ("delete", &[]),
            ("read", &["position", "events"]),
            ("tombstone", &[]),
        ],
    ),
    (
        "event_store.client.persistent_subscriptions.persistentsubscriptions",
        &[
            ("create", &["stream", "all"]),
            ("update", &["stream", "all"]),
            ("delete", &["stream", "all"]),
            ("read", &["stream", "all"]),
            ("getinfo", &["stream", "all"]),
            ("replayparked", &["stream", "all"]),
            ("list", &["stream", "all"]),
            ("restartsubsystem", &[]),
        ],
    ),
    ("event_store.client.gossip.gossip", &[("read", &[])]),
    ("event_store.client.server_features.serverfeatures", &[("getsupportedmethods", &[])]),
];

pub(super) struct ServerFeatures;

#[tonic::async_trait]
impl server_features_server::ServerFeatures for ServerFeatures {
    async fn get_supported_methods(&self, _: Request<Empty>) -> Result<Response<SupportedMethods>, Status> {
        let all = SERVICES
            .iter()
            .flat_map(|(service, methods)| methods.iter().map(move |method| (service, method)));
        let methods = all.map(|(service, (method, features))| SupportedMethod {
            method_name: (*method).to_owned(),
            service_name: (*service).to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        });
        Ok(Response::new(SupportedMethods {
            methods: methods.collect(),
            event_store_server_version: SERVER_VERSION.to_owned(),
        }))
    }
}
