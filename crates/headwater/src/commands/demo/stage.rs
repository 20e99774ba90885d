//! What plays on local AWS: the two services, and the gateway before them.

use std::{future, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Result;
use gateway::{
    Delivery, Producer, Settings,
    proxy::{Configuration, Drained, Proxy, install_metrics},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    services::{self, A, B, Served},
    trouble::Trouble,
};
use crate::{local::Local, queue::Queue};

/// The source of the gateway's events.
pub(super) const GATEWAY: &str = "Gateway";

/// All of it. It ends with this value.
pub(super) struct Stage {
    /// What goes wrong with B.
    pub(super) trouble: Arc<Trouble>,
    /// Where the gateway takes requests.
    pub(super) gateway: SocketAddr,
    /// Where it tells of itself.
    pub(super) admin: SocketAddr,
    /// Who sends events: the gateway, and A.
    producers: [Producer; 2],
    _deliveries: [Delivery; 2],
    _services: [Served; 2],
    _proxy: AbortOnDropHandle<Drained>,
}

impl Stage {
    /// Sets it on a local AWS that is deployed to.
    ///
    /// # Errors
    /// The queue is not there, or no port can be listened on.
    pub(super) async fn set(local: &Local, seed: u64) -> Result<Self> {
        let session = &local.bench.session;
        let metrics = install_metrics()?;
        let queue = Queue::named(&session.sdk, &session.scope.physical_name(blueprint::EVENT_QUEUE)).await?;
        let sqs = aws_sdk_sqs::Client::new(&session.sdk);

        let trouble = Arc::new(Trouble::new(seed));
        let b = Served::of(services::b(Arc::clone(&trouble))).await?;
        let (of_a, delivery_of_a) = Producer::start(Settings::new(A, queue.url()), sqs.clone())?;
        let a = Served::of(services::a(b.address, of_a.clone())).await?;

        let configuration = Configuration::parse(&file(a.address, b.address), Path::new("gateway.toml"))?;
        let settings = Settings::new(&configuration.events.source, queue.url());
        let (of_gateway, delivery_of_gateway) = Producer::start(settings, sqs)?;
        let proxy = Proxy::bind(configuration, of_gateway.clone(), Some(metrics)).await?;
        Ok(Self {
            trouble,
            gateway: proxy.listen_address()?,
            admin: proxy.admin_address()?,
            producers: [of_gateway, of_a],
            _deliveries: [delivery_of_gateway, delivery_of_a],
            _services: [a, b],
            _proxy: AbortOnDropHandle::new(tokio::spawn(proxy.run(future::pending()))),
        })
    }

    /// How many events were sent to the queue, or will be.
    pub(super) fn events(&self) -> u64 {
        let totals = self.producers.iter().map(Producer::totals);
        totals.map(|totals| totals.emitted - totals.dropped).sum()
    }
}

/// What the gateway's file would say.
fn file(a: SocketAddr, b: SocketAddr) -> String {
    format!(
        r#"
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"

[events]
source = "{GATEWAY}"

[timeouts]
response_header_seconds = 3

[[routes]]
prefix = "/orders"
service = "{A}"
upstreams = ["http://{a}"]
templates = ["/orders/{{id}}"]

[[routes]]
prefix = "/stock"
service = "{B}"
upstreams = ["http://{b}"]
templates = ["/stock/{{id}}"]
"#
    )
}
