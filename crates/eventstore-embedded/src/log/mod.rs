//! The log on a directory: what makes the store outlive the process.
//!
//! One file, `events.log`, to which each batch of appends is added as one frame with a checksum. A frame is the unit of
//! recovery: a run that was killed leaves at most one unfinished frame, at the end, whose appends no client was told of. It
//! is moved aside to `events.log.torn-<offset>`, and the log goes on before it. A damaged frame in the middle is not
//! repaired: the log is refused, with the place.

mod frame;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use frame::{Frame, HEADER};

use crate::{
    config::Flush,
    store::{Store, event::Record},
};

/// Why the log could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Another server holds the directory.
    #[error("{} is in use by another server: stop it, or use another directory", path.display())]
    Locked {
        /// The lock file that the other one holds.
        path: PathBuf,
    },
    /// The file is not a log, or not of a version that is known here.
    #[error("{} is not a log of this server: use another directory, or restore the file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What was written is not there any more.
    #[error("{} is damaged at byte {offset}, before its end: restore it from a copy", path.display())]
    Corrupt {
        /// The log.
        path: PathBuf,
        /// Where the damaged frame begins.
        offset: u64,
    },
}

/// An open log. No other process can open it meanwhile.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    flush: Flush,
    /// Held for as long as the log is open; the operating system frees it when the process dies.
    _lock: File,
}

impl Log {
    /// Opens the log of a directory, which is made if need be, and gives the store all that it holds.
    pub(crate) fn open(directory: &Path, flush: Flush, store: &mut Store) -> Result<Self, LogError> {
        fs::create_dir_all(directory).map_err(io_error("make the directory", directory))?;
        let lock = lock(&directory.join("lock"))?;
        let path = directory.join("events.log");
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut log = Self { file: opened.map_err(io_error("open", &path))?, path, flush, _lock: lock };
        let end = log.recover(store)?;
        log.file.seek(SeekFrom::Start(end)).map_err(io_error("seek in", &log.path))?;
        sync_directory(directory)?;
        Ok(log)
    }

    /// When a write is on the disk.
    pub(crate) fn flush(&self) -> Flush {
        self.flush
    }

    /// Writes these events behind all others. When this returns they are in the operating system's hands; on the disk
    /// too, where the configuration says so.
    pub(crate) fn append(&mut self, records: &[Arc<Record>]) -> Result<(), LogError> {
        self.file.write_all(&frame::encode(records)).map_err(io_error("write to", &self.path))?;
        match self.flush {
            Flush::EveryBatch => self.file.sync_data().map_err(io_error("flush", &self.path)),
            Flush::LeaveToSystem => Ok(()),
        }
    }

    /// Reads the log into the store, and returns where the next frame belongs.
    fn recover(&mut self, store: &mut Store) -> Result<u64, LogError> {
        let mut rest = Bytes::from(fs::read(&self.path).map_err(io_error("read", &self.path))?);
        let length = rest.len();
        if length < HEADER.len() && HEADER.starts_with(&rest) {
            self.file.write_all(HEADER).map_err(io_error("write to", &self.path))?;
            self.file.sync_all().map_err(io_error("flush", &self.path))?;
            return Ok(HEADER.len() as u64);
        }
        if !rest.starts_with(HEADER) {
            return Err(LogError::Foreign { path: self.path.clone() });
        }
        rest = rest.slice(HEADER.len()..);
        loop {
            let offset = (length - rest.len()) as u64;
            match frame::decode(&rest) {
                Frame::End => return Ok(offset),
                Frame::Whole { entries, length } => {
                    for entry in entries {
                        let (stream, revision, created) =
                            (entry.stream.clone(), entry.revision, entry.created());
                        store.restore(&stream, revision, created, entry.into_event());
                    }
                    rest = rest.slice(length..);
                }
                Frame::Torn => {
                    self.move_aside(&rest, offset)?;
                    return Ok(offset);
                }
                Frame::Corrupt => return Err(LogError::Corrupt { path: self.path.clone(), offset }),
            }
        }
    }

    /// Cuts an unfinished frame off, and keeps what there is of it beside the log.
    fn move_aside(&self, torn: &Bytes, offset: u64) -> Result<(), LogError> {
        let aside = self.path.with_extension(format!("log.torn-{offset}"));
        tracing::warn!(
            log = %self.path.display(), offset, bytes = torn.len(), aside = %aside.display(),
            "the log ends in an unfinished batch, which nobody was told of: it is moved aside"
        );
        fs::write(&aside, torn).map_err(io_error("write", &aside))?;
        self.file.set_len(offset).map_err(io_error("cut", &self.path))?;
        self.file.sync_all().map_err(io_error("flush", &self.path))
    }
}

#[cfg(test)]
impl Log {
    /// A log that nothing can be written to.
    pub(crate) fn unwritable(directory: &Path) -> Self {
        let path = directory.join("events.log");
        fs::write(&path, HEADER).expect("it is written");
        let file = File::open(&path).expect("it opens");
        let lock = lock(&directory.join("lock")).expect("it is free");
        Self { path, file, flush: Flush::EveryBatch, _lock: lock }
    }
}

fn lock(path: &Path) -> Result<File, LogError> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(io_error("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
    }
}

/// A new file is on the disk once its directory is.
fn sync_directory(directory: &Path) -> Result<(), LogError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(io_error("flush the directory", directory))
}

fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> LogError + use<> {
    let path = path.to_owned();
    move |source| LogError::Io { operation, path: path.clone(), source }
}
