//! The functions' zips, as `cargo xtask package` leaves them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The packages of one architecture.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    packages: BTreeMap<String, Package>,
}

#[derive(Clone, Debug)]
struct Package {
    path: PathBuf,
    sha256: String,
}

/// Why the packages cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// Nobody said where they are.
    #[error(
        "the functions are not packaged; run this command through `cargo xtask`, which builds them first"
    )]
    Unknown,
    /// The list is not there or cannot be read.
    #[error("cannot read the list of packages {0}; `cargo xtask package` makes it")]
    Read(PathBuf, #[source] std::io::Error),
    /// The list is no list.
    #[error("the list of packages {0} is damaged; `cargo xtask package` makes it anew")]
    Damaged(PathBuf, #[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    file: PathBuf,
    sha256: String,
}

impl Packages {
    /// Reads the list in `directory`.
    ///
    /// # Errors
    /// [`PackagesError`].
    pub fn load(directory: Option<&Path>) -> Result<Self, PackagesError> {
        let directory = directory.ok_or(PackagesError::Unknown)?;
        let list = directory.join("packages.json");
        let text = fs::read_to_string(&list).map_err(|error| PackagesError::Read(list.clone(), error))?;
        let listed: Vec<Listed> =
            serde_json::from_str(&text).map_err(|error| PackagesError::Damaged(list, error))?;
        let package = |listed: Listed| {
            (listed.name, Package { path: directory.join(listed.file), sha256: listed.sha256 })
        };
        Ok(Self { packages: listed.into_iter().map(package).collect() })
    }

    /// Packages that were not built: enough to know which resources there are, for what never makes a function.
    pub fn not_built() -> Self {
        let package =
            |name: &str| (name.to_owned(), Package { path: PathBuf::new(), sha256: "not built".to_owned() });
        Self { packages: blueprint::PACKAGES.into_iter().map(package).collect() }
    }

    /// Name → SHA-256 in base64: what the blueprint is made from.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        self.packages.iter().map(|(name, package)| (name.clone(), package.sha256.clone())).collect()
    }

    /// SHA-256 in base64 → the zip: what functions are made from.
    pub fn by_hash(&self) -> BTreeMap<String, PathBuf> {
        self.packages.values().map(|package| (package.sha256.clone(), package.path.clone())).collect()
    }
}
