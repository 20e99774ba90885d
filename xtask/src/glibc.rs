//! Which glibc a binary needs: Amazon Linux 2023, which `provided.al2023` runs on, has 2.34.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result};
use object::elf::{self, SHT_DYNSYM, VER_FLG_WEAK};
use object::endian::Endianness;
use object::read::elf::{FileHeader, Sym};

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl Version {
    /// What Lambda has.
    pub(crate) const OF_LAMBDA: Self = Self(2, 34);

    /// Reads a symbol version, as in `GLIBC_2.34` or `GLIBC_2.2.5`; others, as `GCC_3.0`, are not glibc's.
    fn of_symbol(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// The symbols of a Linux binary that a glibc of version `limit` lacks, as in `pidfd_spawnp@GLIBC_2.39`.
///
/// The loader refuses a binary for a version that it needs, whether or not a symbol of it is ever called, unless the
/// version is marked weak (`VER_FLG_WEAK`); so does this.
pub(crate) fn newer_than(limit: Version, binary: &[u8]) -> Result<BTreeSet<String>> {
    read(limit, binary).context("the binary is no 64-bit ELF file that can be read")
}

fn read(limit: Version, binary: &[u8]) -> object::read::Result<BTreeSet<String>> {
    let header = elf::FileHeader64::<Endianness>::parse(binary)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let (Some((needed, link)), Some(versions)) =
        (sections.gnu_verneed(endian, binary)?, sections.versions(endian, binary)?)
    else {
        return Ok(BTreeSet::new());
    };
    let strings = sections.strings(endian, binary, link)?;
    let mut newer = BTreeSet::new();
    for library in needed {
        for version in library?.1 {
            let version = version?;
            let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
            let weak = version.vna_flags.get(endian).contains(VER_FLG_WEAK);
            if !weak && Version::of_symbol(&name).is_some_and(|version| version > limit) {
                newer.insert(name);
            }
        }
    }
    let symbols = sections.symbols(endian, binary, SHT_DYNSYM)?;
    let mut found = BTreeSet::new();
    for (index, symbol) in symbols.enumerate() {
        let Some(version) = versions.version(versions.version_index(endian, index).index())? else {
            continue;
        };
        let version = String::from_utf8_lossy(version.name());
        if newer.contains(version.as_ref()) {
            found.insert(format!(
                "{}@{version}",
                String::from_utf8_lossy(symbol.name(endian, symbols.strings())?)
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_glibcs_own_versions_are_compared() {
        assert_eq!(Version::of_symbol("GLIBC_2.2.5"), Some(Version(2, 2)));
        assert_eq!(Version::of_symbol("GLIBC_2.39"), Some(Version(2, 39)));
        assert_eq!(Version::of_symbol("GLIBC_PRIVATE"), None);
        assert_eq!(Version::of_symbol("GCC_3.0"), None);
        assert!(Version(2, 4) < Version::OF_LAMBDA && Version(2, 35) > Version::OF_LAMBDA);
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert!(newer_than(Version::OF_LAMBDA, b"\xcf\xfa\xed\xfe not for Linux").is_err());
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn every_symbol_above_the_limit_is_named_with_its_version() {
        let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let all = newer_than(Version(2, 0), &this_test).unwrap();
        assert!(all.iter().any(|symbol| symbol.starts_with("memcpy@GLIBC_2.")), "{all:?}");
        assert!(newer_than(Version(9, 0), &this_test).unwrap().is_empty());
    }
}
