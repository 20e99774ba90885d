//! Reads a segment from where it was sent to, a window at a time, while its end may still move.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How much is read at once, as long as a line is not longer.
const WINDOW_BYTES: usize = 64 * 1024;

/// The place in a segment up to which it was read.
pub(super) struct Reader {
    pub(super) segment: u64,
    pub(super) file: Arc<File>,
    /// The begin of the next line.
    pub(super) offset: u64,
    /// What the file has at `offset`, as far as it was read.
    window: Vec<u8>,
    /// How much of the window's begin is behind the reader.
    passed: usize,
}

impl Reader {
    pub(super) fn new(segment: u64, file: Arc<File>, offset: u64) -> Self {
        Self { segment, file, offset, window: Vec::new(), passed: 0 }
    }

    /// The next line with its line break, without going on to the one behind it; `None` where `end` is reached, or the file
    /// ends before.
    pub(super) fn peek(&mut self, end: u64) -> io::Result<Option<&[u8]>> {
        let mut searched = self.passed;
        loop {
            if let Some(found) = self.window[searched..].iter().position(|byte| *byte == b'\n') {
                return Ok(Some(&self.window[self.passed..=searched + found]));
            }
            searched = self.window.len();
            let before = searched - self.passed;
            if self.fill(end)? == 0 {
                return Ok(None);
            }
            searched = before.min(self.window.len());
        }
    }

    /// Goes on to the line behind the one of that length.
    pub(super) fn pass(&mut self, line_bytes: usize) {
        self.passed += line_bytes;
        self.offset += line_bytes as u64;
    }

    /// Goes back to a line's begin.
    pub(super) fn rewind(&mut self, offset: u64) {
        self.window.clear();
        self.passed = 0;
        self.offset = offset;
    }

    /// Reads more of the file, and says how much more.
    fn fill(&mut self, end: u64) -> io::Result<usize> {
        self.window.drain(..self.passed);
        self.passed = 0;
        let known = self.window.len();
        let left = end.saturating_sub(self.offset + known as u64);
        let more = usize::try_from(left).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        self.window.resize(known + more, 0);
        let read = self.file.read_at(&mut self.window[known..], self.offset + known as u64);
        self.window.truncate(known + *read.as_ref().unwrap_or(&0));
        read
    }
}
