//! The node's key pair.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use graviola::signing::rsa::{KeySize, SigningKey};
use rcgen::{Error, SubjectPublicKeyInfo};

/// The characters of a line of PEM: <https://www.rfc-editor.org/rfc/rfc7468#section-2>
const LINE: usize = 64;

/// A new key pair: the public part, and the private one in PEM.
///
/// It is RSA, since EventStoreDB and KurrentDB read no other key from a file
/// (<https://github.com/kurrent-io/KurrentDB/issues/2524>), in the form of PKCS #1, since servers before 23.6 read no other
/// form (<https://github.com/kurrent-io/KurrentDB/pull/3851>).
pub(crate) fn key_pair() -> Result<(SubjectPublicKeyInfo, String), Error> {
    let unavailable = |_| Error::KeyGenerationUnavailable;
    let key = SigningKey::generate(KeySize::Rsa2048).map_err(unavailable)?;
    // Both take less than this: a key of 2048 bits has nine numbers of at most 256 bytes.
    let (mut public, mut private) = ([0; 1024], [0; 4096]);
    let public = key.public_key().to_spki_der(&mut public).map_err(unavailable)?;
    let private = key.to_pkcs1_der(&mut private).map_err(unavailable)?;
    Ok((SubjectPublicKeyInfo::from_der(public)?, pem("RSA PRIVATE KEY", private)))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for at in (0..text.len()).step_by(LINE) {
        let line = &text[at..text.len().min(at + LINE)];
        // Writing to a text does not fail.
        let _ = writeln!(pem, "{line}");
    }
    pem + &format!("-----END {label}-----\n")
}
