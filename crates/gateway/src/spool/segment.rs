//! A file of the spool: first up to where it was sent, then one line for each event.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::line;
use super::reader::Reader;
use crate::backlog::{Levels, Load};

const EXTENSION: &str = "events";
pub(super) const HEADER_BYTES: u64 = "sent 00000000000000000000\n".len() as u64;

/// One file, in the order of the spool's numbers.
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// The end of its last whole line. While it is written, more may follow.
    pub(super) end: u64,
    /// What was not taken yet.
    pub(super) unread: Load,
    /// Up to here, all was sent.
    pub(super) sent_to: u64,
    /// The ends of what was taken and not sent when something before it was not, in order; and whether it was sent since.
    pub(super) taken: VecDeque<(u64, bool)>,
    /// Nothing is written to it any more.
    pub(super) sealed: bool,
    /// Open while it is written or read.
    pub(super) file: Option<Arc<File>>,
}

/// The first line of a file.
fn header(sent_to: u64) -> String {
    format!("sent {sent_to:020}\n")
}

/// The place that a first line names; `None` where it is none of ours.
fn read_header(line: &[u8]) -> Option<u64> {
    str::from_utf8(line).ok()?.strip_prefix("sent ")?.trim_end().parse().ok()
}

impl Segment {
    /// A new file, to be written, or one of which no more was made than its name.
    pub(super) fn create(directory: &Path, number: u64) -> io::Result<Self> {
        let path = directory.join(format!("{number:020}.{EXTENSION}"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let end = HEADER_BYTES;
        file.write_all_at(header(end).as_bytes(), 0)?;
        Ok(Self {
            number,
            path,
            end,
            unread: Load::default(),
            sent_to: end,
            taken: VecDeque::new(),
            sealed: false,
            file: Some(Arc::new(file)),
        })
    }

    /// A file that an earlier process left, and how many of its lines are damaged: the last one, where a crash cut it off.
    /// Reads it once through a small buffer, for the number of its events.
    pub(super) fn recover(path: PathBuf, number: u64) -> io::Result<(Self, u64)> {
        let mut file = BufReader::with_capacity(64 * 1024, File::open(&path)?);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        let first = line.len() as u64;
        // Where the first line does not say it, all of it may be unsent.
        let sent_to = read_header(&line).filter(|sent_to| *sent_to >= first).unwrap_or(first);
        let mut segment = Self {
            number,
            path,
            end: sent_to,
            unread: Load::default(),
            sent_to,
            taken: VecDeque::new(),
            sealed: true,
            file: None,
        };
        file.seek(SeekFrom::Start(sent_to))?;
        loop {
            line.clear();
            let bytes = file.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok((segment, u64::from(bytes > 0)));
            }
            segment.end += bytes as u64;
            segment.unread += line::load(bytes);
        }
    }

    /// The files of a directory in the order of their numbers. Others are not ours.
    pub(super) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (Some(number), Some(EXTENSION)) = (number, path.extension().and_then(|text| text.to_str()))
            {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Writes a line at the end. Where that fails, the file is as it was.
    pub(super) fn write(&mut self, line: &[u8], levels: &mut Levels) -> io::Result<()> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if let Err(error) = file.write_all_at(line, self.end) {
            // What was written of it lies behind the end, and the next line overwrites it. It is cut off for the next process.
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end += line.len() as u64;
        let load = line::load(line.len());
        self.unread += load;
        levels.appended(load);
        Ok(())
    }

    /// What was taken up to `end` was sent. Moves [`sent_to`](Self::sent_to) as far as nothing before it is missing.
    pub(super) fn settle(&mut self, end: u64) {
        if let Some((_, sent)) = self.taken.iter_mut().find(|(taken, _)| *taken == end) {
            *sent = true;
        }
        while let Some((end, true)) = self.taken.front().copied() {
            self.sent_to = end;
            self.taken.pop_front();
        }
    }

    /// To read it from where it was sent to.
    pub(super) fn open(&mut self) -> io::Result<Reader> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::new(OpenOptions::new().read(true).write(true).open(&self.path)?),
        };
        self.file = Some(Arc::clone(&file));
        Ok(Reader::new(self.number, file, self.sent_to))
    }

    /// It has no event.
    pub(super) fn is_empty(&self) -> bool {
        self.end <= HEADER_BYTES
    }

    /// It can be removed.
    pub(super) fn is_finished(&self) -> bool {
        self.sealed && self.is_settled()
    }

    /// Nothing in it is still to be sent.
    pub(super) fn is_settled(&self) -> bool {
        self.unread.events == 0 && self.taken.is_empty()
    }
}

/// Notes in the file up to where it was sent, so that the next process begins there. The digits are overwritten in place: a
/// process that dies leaves the old ones or the new.
pub(super) fn note(file: &File, sent_to: u64) -> io::Result<()> {
    file.write_all_at(header(sent_to).as_bytes(), 0)
}
