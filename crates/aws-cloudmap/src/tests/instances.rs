//! Instances that nobody but us registers, and the host prefix on this host.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
};

use aws_env::{SdkConfig, scripted::Script};

use super::cloud::{Cloud, operation};
use crate::{Instance, Instances};

fn instance(port: u16) -> Instance {
    Instance { id: "node".to_owned(), address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port) }
}

#[tokio::test(start_paused = true)]
async fn what_is_registered_is_discovered_and_the_last_address_counts() {
    let (script, state) = Cloud::default().script();
    let instances = Instances::new(&script.config());
    state.lock().unwrap().faults = vec![("GetOperation", operation("PENDING"))];
    for port in [2113, 2114] {
        instances.register("srv-1", &instance(port)).await.unwrap();
    }
    let found = instances.discover("headwater-dev.internal", "eventstore").await.unwrap();
    assert_eq!(found, [instance(2114)]);
    state.lock().unwrap().faults = vec![("GetOperation", operation("FAIL"))];
    let failed = instances.register("srv-1", &instance(2113)).await.unwrap_err();
    assert!(failed.says("You may not make a zone."));
}

/// Where a discovery goes, by the endpoint that is configured.
async fn host(endpoint: &str) -> String {
    let script: Script = Cloud::default().script().0;
    let config: SdkConfig = script.config().to_builder().endpoint_url(endpoint).build();
    let client = crate::client::client(&config);
    let seen = Arc::new(Mutex::new(String::new()));
    let discover = client.discover_instances().namespace_name("n").service_name("s").customize();
    let discover = discover.mutate_request({
        let seen = seen.clone();
        move |request| *seen.lock().unwrap() = request.uri().to_owned()
    });
    discover.send().await.unwrap();
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn an_endpoint_on_this_host_gets_no_prefix_and_aws_does() {
    assert_eq!(host("http://127.0.0.1:4566").await, "http://127.0.0.1:4566/");
    let aws = host("https://servicediscovery.eu-west-1.amazonaws.com").await;
    assert_eq!(aws, "https://data-servicediscovery.eu-west-1.amazonaws.com/");
}
