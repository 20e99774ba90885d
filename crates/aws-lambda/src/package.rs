//! The zips that functions run, by their hash.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Where each package lies: the SHA-256 of its zip in base64, as Lambda's `CodeSha256`, → the zip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packages(pub(crate) BTreeMap<String, PathBuf>);

/// A package that cannot be uploaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    #[error("no package has the SHA-256 {0}; build it with `cargo xtask package`")]
    Missing(String),
    #[error("cannot read the package {path}; build it with `cargo xtask package`")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the package {path} has changed: its SHA-256 is {actual}, not {expected}; plan again")]
    Changed { path: PathBuf, expected: String, actual: String },
}

impl Packages {
    /// The zip with that hash.
    pub(crate) async fn read(&self, code_sha256: &str) -> Result<Vec<u8>, PackageError> {
        let path = self.0.get(code_sha256).ok_or_else(|| PackageError::Missing(code_sha256.to_owned()))?;
        let zip = tokio::fs::read(path)
            .await
            .map_err(|source| PackageError::Unreadable { path: path.clone(), source })?;
        let actual = STANDARD.encode(Sha256::digest(&zip));
        if actual == code_sha256 {
            Ok(zip)
        } else {
            Err(PackageError::Changed { path: path.clone(), expected: code_sha256.to_owned(), actual })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_zip_with_the_very_hash_is_uploaded() {
        let directory = tempfile::tempdir().unwrap();
        let zip = directory.path().join("ingest.zip");
        std::fs::write(&zip, "zip").unwrap();
        let hash = STANDARD.encode(Sha256::digest("zip"));
        let packages = Packages(BTreeMap::from([
            (hash.clone(), zip.clone()),
            ("stale".into(), zip),
            ("gone".into(), directory.path().join("gone.zip")),
        ]));
        assert_eq!(packages.read(&hash).await.unwrap(), b"zip");
        let mut refused = Vec::new();
        for hash in ["stale", "gone", "never"] {
            let text = packages.read(hash).await.unwrap_err().to_string();
            refused.push(text.replace(directory.path().to_str().unwrap(), "target"));
        }
        insta::assert_snapshot!(refused.join("\n"), @r"
        the package target/ingest.zip has changed: its SHA-256 is SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=, not stale; plan again
        cannot read the package target/gone.zip; build it with `cargo xtask package`
        no package has the SHA-256 never; build it with `cargo xtask package`
        ");
    }
}
