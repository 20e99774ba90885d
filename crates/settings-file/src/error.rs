//! What can be wrong with a file as a whole.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::problem::{Fault, Problem, Source};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file isn't there or cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// TOML is UTF-8 by definition.
    #[error("the configuration file {} is not UTF-8 from byte {} on", path.display(), source.valid_up_to() + 1)]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where it stops being UTF-8.
        source: std::str::Utf8Error,
    },
    /// Mistakes in the file, or what was looked for is not in it.
    #[error("{0}")]
    Invalid(Invalid),
}

/// The text of the file at `path`.
///
/// # Errors
/// It cannot be read, or isn't UTF-8.
pub fn text(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    String::from_utf8(bytes)
        .map_err(|source| Error::NotUtf8 { path: path.to_path_buf(), source: source.utf8_error() })
}

/// At least one problem, in the order of the file's lines. `Display` shows each with its line and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    path: PathBuf,
    problems: Vec<Problem>,
}

impl Invalid {
    /// The faults that were found in a file.
    pub fn new(source: &Source, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.place.as_ref().map(|place| (place.start, place.end)));
        let problems = faults.into_iter().map(|fault| Problem::new(source, fault)).collect();
        Self { path: source.path.clone(), problems }
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The problems.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return problem.fmt(f);
        }
        write!(f, "{} has {} mistakes", self.path.display(), self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n\n{problem}"))
    }
}
