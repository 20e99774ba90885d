//! The processors that Lambda has, and which one an environment's functions run on.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;

/// An instruction set, as Lambda and headwater.toml name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// AWS Graviton.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86-64")]
    X86_64,
}

impl Architecture {
    /// This machine's; none where Lambda has no such processor.
    pub(crate) fn of_host() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }

    /// Whether a plain `cargo build` on this machine makes what runs there.
    pub(crate) fn is_native(self) -> bool {
        cfg!(target_os = "linux") && Self::of_host() == Some(self)
    }

    /// What `ingest.architecture` says for an environment, arm64 where it says nothing. None where the configuration
    /// or the environment is missing or cannot be read: `headwater` reads it with care and says what is wrong with it.
    pub(crate) fn of_environment(configuration: &Path, environment: &str) -> Option<Self> {
        let table: toml::Table = toml::from_str(&std::fs::read_to_string(configuration).ok()?).ok()?;
        let environment = table.get("environments")?.get(environment)?;
        let named = environment.get("ingest").and_then(|ingest| ingest.get("architecture"));
        named.map_or(Some(Self::Arm64), |named| Self::from_str(named.as_str()?, false).ok())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86-64",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environments_architecture_is_read_from_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("headwater.toml");
        let text = "[environments.dev.ingest]\narchitecture = \"x86-64\"\n[environments.prod]\n[environments.odd]\n\
                    ingest.architecture = \"z80\"\n";
        std::fs::write(&file, text).unwrap();
        assert_eq!(Architecture::of_environment(&file, "dev"), Some(Architecture::X86_64));
        assert_eq!(Architecture::of_environment(&file, "prod"), Some(Architecture::Arm64));
        assert_eq!(Architecture::of_environment(&file, "odd"), None);
        assert_eq!(Architecture::of_environment(&file, "missing"), None);
        std::fs::write(&file, "not = [toml").unwrap();
        assert_eq!(Architecture::of_environment(&file, "dev"), None);
    }

    #[test]
    fn it_is_named_as_it_is_read() {
        for architecture in Architecture::value_variants() {
            assert_eq!(Architecture::from_str(&architecture.to_string(), false), Ok(*architecture));
        }
    }
}
