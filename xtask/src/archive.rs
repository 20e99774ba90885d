//! A function's zip: one entry, the same bytes for the same binary.

use std::io::{Cursor, Write};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The name that the `provided` runtimes start.
const BOOTSTRAP: &str = "bootstrap";

/// Packs a binary. The entry's time is the zip format's first (1980-01-01) and its mode 0755, wherever and whenever.
pub(crate) fn pack(binary: &[u8]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(BOOTSTRAP, options).context("could not begin the zip")?;
    archive.write_all(binary).context("could not compress the binary")?;
    Ok(archive.finish().context("could not end the zip")?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn the_zip_holds_an_executable_bootstrap_of_no_particular_time() {
        let zip = pack(b"binary").unwrap();
        let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified(), Some(DateTime::DEFAULT));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"binary");
    }

    #[test]
    fn the_same_binary_makes_the_same_zip() {
        let binary: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(pack(&binary).unwrap(), pack(&binary).unwrap());
    }
}
