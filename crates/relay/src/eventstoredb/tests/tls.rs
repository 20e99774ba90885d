//! TLS: whom the relay trusts, and passwords.

use eventstore_embedded::{Access, Password};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::PrivateKeyDer,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};

use super::*;
use crate::configuration::{Tls, Trust};

const TRUST: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:trust";
const PASSWORD: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:password";

/// A certificate authority that signs servers' certificates.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    fn tls(&self, name: &str) -> eventstore_embedded::Tls {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        eventstore_embedded::Tls {
            certificate_chain_pem: certificate.pem(),
            private_key_pem: key.serialize_pem(),
        }
    }
}

fn secured(authority: &Authority, password: &str) -> Server {
    let access = Access::Passwords { admin: Password::new(password), ops: Password::new("0ps") };
    Server::builder().tls(authority.tls("eventstore.test")).access(access)
}

/// Trust in what [`TRUST`] holds.
fn bundle() -> Trust {
    Trust::Secret(TRUST.to_owned())
}

fn encrypted(address: SocketAddr, trust: Trust, clients: &Clients) -> EventStoreDb {
    let tls = Tls {
        server_name: Some("eventstore.test".to_owned()),
        trust,
        user: "admin".to_owned(),
        password_secret: PASSWORD.to_owned(),
    };
    let address = Address { address: address.to_string(), tls: Some(tls) };
    EventStoreDb::new(address, Secrets::new(clients.secrets.clone()))
}

#[tokio::test]
async fn tls_trusts_the_bundle_and_renewed_secrets_are_read_again() {
    let (vault, authority) = (Vault::default(), Authority::new());
    vault.put(TRUST, &authority.pem);
    vault.put(PASSWORD, "first");
    let server = start(secured(&authority, "first")).await;
    let address = server.address();
    let (clients, calls) = vault.clients();
    let relay = relay(encrypted(address, bundle(), &clients), &clients, MOST_BYTES);
    let reads =
        || calls.lock().unwrap().iter().filter(|(operation, _)| operation == "GetSecretValue").count();
    let events = numbered("r", 0..3);
    assert_eq!(relayed(&relay, &events[..1]).await.metrics.appended, 1);
    assert_eq!(reads(), 2);

    // Another password, another authority; and the store is in memory.
    server.stop().await;
    let renewed = Authority::new();
    let server = restart(secured(&renewed, "second"), address).await;
    let failed = relayed(&relay, &events[..2]).await;
    assert_eq!(failed.result.unwrap_err().name(), "EventStoreAway", "neither is known yet");
    vault.put(TRUST, &renewed.pem);
    vault.put(PASSWORD, "second");
    assert_eq!(relayed(&relay, &events[..2]).await.metrics.appended, 2);

    // The password alone, with the connection in good health.
    server.stop().await;
    let server = restart(secured(&renewed, "third"), address).await;
    let failed = relayed(&relay, &events).await;
    assert_eq!(failed.result.as_ref().unwrap_err().name(), "EventStoreFailed", "{:?}", failed.result);
    vault.put(PASSWORD, "third");
    assert_eq!(relayed(&relay, &events).await.metrics.appended, 3);
    let before = reads();
    assert_eq!(relayed(&relay, &events).await.metrics.present, 3);
    assert_eq!(reads(), before, "nothing is read anew while all is well");
    server.stop().await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_fails_the_invocation_with_its_name_and_no_content() {
    let (vault, authority) = (Vault::default(), Authority::new());
    vault.put(PASSWORD, "hunter2");
    let server = start(secured(&authority, "hunter2")).await;
    let (clients, _) = vault.clients();
    let relay = relay(encrypted(server.address(), bundle(), &clients), &clients, MOST_BYTES);
    let failure = relayed(&relay, &numbered("r", 0..1)).await.result.unwrap_err();
    let text = function::logging::with_causes(&failure);
    assert!(text.contains(TRUST) && !text.contains("hunter2"), "{text}");
    vault.put(TRUST, &authority.pem);
    assert_eq!(relayed(&relay, &numbered("r", 0..1)).await.metrics.appended, 1);
    assert!(!format!("{relay:?}").contains("hunter2"));
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_is_trusted_unverified_and_else_refused() {
    let vault = Vault::default();
    vault.put(PASSWORD, "hunter2");
    let server = start(secured(&Authority::new(), "hunter2")).await;
    let (clients, calls) = vault.clients();
    let unverified = relay(encrypted(server.address(), Trust::Nobody, &clients), &clients, MOST_BYTES);
    let report = relayed(&unverified, &numbered("r", 0..3)).await;
    assert_eq!(report.metrics.appended, 3, "{:?}", report.result);
    assert_eq!(calls.lock().unwrap().len(), 1, "the password alone is read");

    vault.put(TRUST, Authority::new().pem);
    let verified = relay(encrypted(server.address(), bundle(), &clients), &clients, MOST_BYTES);
    let failure = relayed(&verified, &numbered("r", 3..4)).await.result.unwrap_err();
    let text = function::logging::with_causes(&failure);
    assert!(failure.name() == "EventStoreAway" && text.contains("certificate"), "{text}");
    assert_eq!(stored(&encrypted(server.address(), Trust::Nobody, &clients), "request-r").await.len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_its_certificates_key_is_refused_even_unverified() {
    let vault = Vault::default();
    vault.put(PASSWORD, "hunter2");
    let (clients, _) = vault.clients();
    let certified = rcgen::generate_simple_self_signed(["eventstore.test".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap().serialize_der();
    let other = ring::sign::any_supported_type(&PrivateKeyDer::Pkcs8(other.into())).unwrap();
    let resolver =
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certified.cert.der().clone()], other)));
    for version in [&TLS12, &TLS13] {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(resolver.clone());
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = encrypted(listener.local_addr().unwrap(), Trust::Nobody, &clients);
        let answer = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(stream).await
        };
        let (read, handshake) = futures::join!(store.read_backwards("s", None, 1), answer);
        assert!(
            matches!(&read, Err(StoreError::Away { reason }) if reason.contains("BadSignature")),
            "{read:?}"
        );
        assert!(handshake.is_err());
    }
}
