//! What a spool holds, as its writers and its reader know it.

use std::collections::VecDeque;
use std::io;

use super::reader::Reader;
use super::segment::Segment;
use crate::backlog::{Levels, Load};

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) segment: u64,
    pub(super) end: u64,
}

#[derive(Default)]
pub(super) struct State {
    /// In the order of their numbers. The last one is written.
    pub(super) segments: VecDeque<Segment>,
    pub(super) levels: Levels,
    /// What all segments take.
    pub(super) disk_bytes: u64,
    pub(super) closed: bool,
}

/// A segment of which something was not taken yet: how much, and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Unread {
    pub(super) segment: u64,
    pub(super) load: Load,
    pub(super) end: u64,
}

impl State {
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<Load> {
        let current = self.segments.back_mut().ok_or(io::ErrorKind::NotFound)?;
        current.write(line, &mut self.levels)?;
        self.disk_bytes += line.len() as u64;
        Ok(self.levels.waiting)
    }

    pub(super) fn seal(&mut self) {
        if let Some(current) = self.segments.back_mut() {
            current.sealed = true;
        }
    }

    pub(super) fn unread(&self) -> Option<Unread> {
        let segment = self.segments.iter().find(|segment| segment.unread.events > 0)?;
        Some(Unread { segment: segment.number, load: segment.unread, end: segment.end })
    }

    pub(super) fn open(&mut self, number: u64) -> io::Result<Reader> {
        let segment = self.segments.iter_mut().find(|segment| segment.number == number);
        segment.ok_or(io::ErrorKind::NotFound)?.open()
    }

    /// The reader passed that much of a segment, which is no longer waiting; `damaged` of it is lost.
    pub(super) fn pass(&mut self, unread: Unread, passed: Load, damaged: Load, taken: Option<Place>) {
        self.levels.waiting -= passed;
        self.levels.held -= damaged;
        let segments = self.segments.iter_mut();
        for segment in segments.filter(|segment| segment.number == unread.segment) {
            segment.unread -= passed;
            segment.taken.extend(taken.map(|place| (place.end, false)));
        }
    }
}
