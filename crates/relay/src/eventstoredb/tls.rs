//! How the server of an encrypted connection is verified: by the bundle's certificates, or not at all.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::CONNECT_TIMEOUT;
use crate::configuration::Tls;
use function::logging::with_causes;

/// `endpoint` with TLS that trusts these certificates and no others, or without any, every server. tonic's `tls-ring`
/// makes rustls use ring.
pub(super) fn encrypted(
    endpoint: Endpoint,
    tls: &Tls,
    certificates: Option<&Certificate>,
) -> Result<Endpoint, String> {
    let mut config = ClientTlsConfig::new().timeout(CONNECT_TIMEOUT);
    if let Some(name) = &tls.server_name {
        config = config.domain_name(name);
    }
    let endpoint = match certificates {
        Some(certificates) => endpoint.tls_config(config.ca_certificate(certificates.clone())),
        None => endpoint.tls_config_with_verifier(config, Arc::new(AnyServer::new())),
    };
    endpoint.map_err(|error| with_causes(&error))
}

/// Takes any certificate for any name, as long as the server has its private key. So the connection is encrypted to
/// whoever answers, and whoever stands between can answer in the server's stead.
#[derive(Debug)]
struct AnyServer(WebPkiSupportedAlgorithms);

impl AnyServer {
    fn new() -> Self {
        Self(ring::default_provider().signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
