//! Gossip: a cluster of one, which is its leader.

use std::net::SocketAddr;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::convert::{UuidForm, wire_uuid};
use crate::{
    protocol::{
        gossip::{ClusterInfo, EndPoint, MemberInfo, gossip_server, member_info::VNodeState},
        shared::Empty,
    },
    store::event::Ticks,
};

pub(super) struct Gossip {
    instance: Uuid,
    endpoint: EndPoint,
}

impl Gossip {
    /// The server is found at this host, or else where it listens.
    pub(super) fn new(host: Option<&str>, listens: SocketAddr) -> Self {
        let address = host.map_or_else(|| listens.ip().to_string(), str::to_owned);
        Self { instance: Uuid::new_v4(), endpoint: EndPoint { address, port: u32::from(listens.port()) } }
    }
}

#[tonic::async_trait]
impl gossip_server::Gossip for Gossip {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let member = MemberInfo {
            instance_id: Some(wire_uuid(self.instance, UuidForm::Numbers)),
            time_stamp: i64::try_from(Ticks::now().0).unwrap_or(i64::MAX),
            state: VNodeState::Leader.into(),
            is_alive: true,
            http_end_point: Some(self.endpoint.clone()),
        };
        Ok(Response::new(ClusterInfo { members: vec![member] }))
    }
}
