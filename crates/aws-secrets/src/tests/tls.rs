//! What the certificates are for: handshakes that trust their authority alone.

use std::{collections::BTreeSet, sync::Arc};

use time::OffsetDateTime;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::Certificate;

fn issue(previous: Option<&Certificate>) -> Certificate {
    let names: BTreeSet<_> = ["eventstore.internal", "127.0.0.1"].map(str::to_owned).into();
    let previous = previous.map(|before| before.ca_certificate.clone());
    Certificate::issue(&names, 90, OffsetDateTime::now_utc(), previous).unwrap()
}

fn roots(trust: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(trust.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    roots
}

fn identity(of: &Certificate) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(of.certificate.as_bytes()).map(Result::unwrap).collect();
    (chain, PrivateKeyDer::from_pem_slice(of.private_key.as_bytes()).unwrap())
}

/// Whether a client that trusts `trust` speaks with the node under `name`. Both show the node's certificate, as nodes of
/// a cluster do.
async fn speak(node: &Certificate, trust: &str, name: &'static str) -> bool {
    let provider = Arc::new(ring::default_provider());
    let (chain, key) = identity(node);
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(trust)), provider.clone());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap();
    let (chain, key) = identity(node);
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(trust))
        .with_client_auth_cert(chain, key)
        .unwrap();
    let (near, far) = tokio::io::duplex(16_384);
    let name = ServerName::try_from(name).unwrap();
    let connect = TlsConnector::from(Arc::new(client)).connect(name, near);
    let accept = TlsAcceptor::from(Arc::new(server)).accept(far);
    tokio::try_join!(connect, accept).is_ok()
}

#[tokio::test]
async fn who_trusts_the_authority_trusts_the_node_under_its_names_and_no_other() {
    let node = issue(None);
    for name in ["eventstore.internal", "127.0.0.1"] {
        assert!(speak(&node, &node.trust(), name).await, "{name}");
    }
    assert!(!speak(&node, &node.trust(), "elsewhere.internal").await);
    assert!(!speak(&node, &issue(None).trust(), "eventstore.internal").await);
}

#[tokio::test]
async fn on_both_sides_of_a_renewal_the_bundle_of_both_authorities_is_enough() {
    let before = issue(None);
    let after = issue(Some(&before));
    for node in [&before, &after] {
        assert!(speak(node, &after.trust(), "eventstore.internal").await);
    }
    assert!(!speak(&after, &before.trust(), "eventstore.internal").await);
}
