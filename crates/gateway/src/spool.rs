//! The backlog in files: it survives the process.
//!
//! A directory of numbered files ("segments"), each of which is appended to until it is full, and removed when all of it was
//! sent. An event is one `write` to the page cache, which the operating system brings to the disk: a process that dies
//! loses nothing, a host may lose the last seconds. What was on its way when the process died is sent again; the journal stores
//! it once. One process at a time has the directory, by a lock that ends with it.

mod line;
mod reader;
mod segment;
mod state;

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::reader::Reader;
use self::segment::{HEADER_BYTES, Segment};
pub(crate) use self::state::Place;
use self::state::{State, Unread};
use crate::Error;
use crate::backlog::{Batch, Levels, Limits, Load, Refusal};
use crate::counters::Counters;
use crate::seldom::Seldom;
use crate::wire::write_text;

const LOCK: &str = "lock";
/// What the queue will never take, one JSON object a line: `reason` and `event`.
const REJECTED: &str = "rejected.jsonl";
/// The part of the spool's bytes that it may have besides.
const REJECTED_SHARE: u64 = 16;

/// A spool has about that many segments when it is full, so that it frees what was sent bit by bit.
const SEGMENTS: u64 = 16;
const MIN_SEGMENT_BYTES: u64 = 4 * 1024;
const MAX_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

thread_local! {
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The events in a directory.
pub(crate) struct Spool {
    directory: PathBuf,
    max_bytes: u64,
    lock: File,
    counters: Arc<Counters>,
    state: Mutex<State>,
    reader: Mutex<Option<Reader>>,
    failure: Seldom,
}

impl Spool {
    /// Takes the directory, with what an earlier process left in it.
    pub(crate) fn open(directory: &Path, max_bytes: u64, counters: Arc<Counters>) -> Result<Self, Error> {
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Spool { operation, path, source }
        };
        // Of its owner alone: events may be anything.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(failed("make the spool's directory", directory))?;
        let lock = lock(directory)?;
        let mut state = State::default();
        let mut next = 0;
        for (number, path) in Segment::list(directory).map_err(failed("list the spool", directory))? {
            next = number.saturating_add(1);
            let (segment, damaged) =
                Segment::recover(path.clone(), number).map_err(failed("read the spool's file", &path))?;
            counters.damaged.add(damaged);
            if segment.is_settled() {
                fs::remove_file(&path).map_err(failed("remove the spool's file", &path))?;
                continue;
            }
            state.levels.appended(segment.unread);
            state.disk_bytes += segment.end;
            state.segments.push_back(segment);
        }
        let current =
            Segment::create(directory, next).map_err(failed("make a file in the spool", directory))?;
        state.disk_bytes += current.end;
        state.segments.push_back(current);
        Ok(Self {
            directory: directory.to_owned(),
            max_bytes,
            lock,
            counters,
            state: Mutex::new(state),
            reader: Mutex::new(None),
            failure: Seldom::default(),
        })
    }

    /// Writes an event, and says how much waits now.
    pub(crate) fn append(&self, json: &str) -> Result<Load, Refusal> {
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        line::encode(&mut line, json);
        let appended = self.append_line(&line);
        let _ = LINE.try_with(|place| place.set(line));
        appended
    }

    fn append_line(&self, line: &[u8]) -> Result<Load, Refusal> {
        let mut state = self.state();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let bytes = line.len() as u64;
        if state.disk_bytes + bytes + HEADER_BYTES > self.max_bytes {
            return Err(Refusal::Full);
        }
        let written = self.turn_page(&mut state, bytes).and_then(|()| state.write(line));
        drop(state);
        written.map_err(|error| {
            if self.failure.is_due() {
                tracing::error!(%error, spool = %self.directory.display(), "an event could not be written and was dropped");
            }
            Refusal::Disk
        })
    }

    /// Begins a new segment where a line of so many bytes would make the current one too long.
    fn turn_page(&self, state: &mut State, bytes: u64) -> io::Result<()> {
        let segment_bytes = (self.max_bytes / SEGMENTS).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        let is_long = |segment: &Segment| !segment.is_empty() && segment.end + bytes > segment_bytes;
        if state.segments.back().is_some_and(is_long) { self.begin_segment(state) } else { Ok(()) }
    }

    fn begin_segment(&self, state: &mut State) -> io::Result<()> {
        let number = state.segments.back().map_or(0, |segment| segment.number.saturating_add(1));
        let segment = Segment::create(&self.directory, number)?;
        state.disk_bytes += segment.end;
        state.seal();
        state.segments.push_back(segment);
        Ok(())
    }

    pub(crate) fn levels(&self) -> Levels {
        self.state().levels
    }

    /// The next events, as many as go into one call. Reads from the disk what the page cache has not.
    pub(crate) fn take(&self, limits: Limits) -> io::Result<Batch> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let next = self.state().unread();
            let Some(next) = next else {
                self.remove_finished();
                return Ok(Batch::default());
            };
            let batch = self.read(&mut reader, next, limits)?;
            if !batch.messages.is_empty() {
                return Ok(batch);
            }
        }
    }

    /// A batch from that segment, empty where all that is left of it is damaged.
    fn read(&self, reader: &mut Option<Reader>, next: Unread, limits: Limits) -> io::Result<Batch> {
        if reader.as_ref().is_none_or(|reader| reader.segment != next.segment) {
            let opened = self.state().open(next.segment);
            *reader = match opened {
                Ok(opened) => Some(opened),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.state().pass(next, next.load, next.load, None);
                    self.report_damage(next.load, "their file is gone");
                    None
                }
                Err(error) => return Err(error),
            };
        }
        let Some(reader) = reader else { return Ok(Batch::default()) };
        let mut batch = Batch::default();
        let (mut passed, mut damaged, mut good) = (Load::default(), Load::default(), Load::default());
        let begin = reader.offset;
        loop {
            let line = match reader.peek(next.end) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    // The file has fewer lines than it had.
                    let mut missing = next.load;
                    missing -= passed;
                    passed += missing;
                    damaged += missing;
                    break;
                }
                Err(error) => {
                    // The whole batch is read again.
                    reader.rewind(begin);
                    return Err(error);
                }
            };
            let bytes = line.len();
            match line::decode(&line[..bytes - 1]) {
                Some(json) if !batch.messages.is_empty() && !(good + Load::of(json)).fits(limits.batch) => {
                    break;
                }
                Some(json) => {
                    good += Load::of(json);
                    batch.messages.push(json.to_owned());
                }
                None => damaged += line::load(bytes),
            }
            passed += line::load(bytes);
            reader.pass(bytes);
        }
        let place = Place { segment: next.segment, end: reader.offset };
        batch.place = (!batch.messages.is_empty()).then_some(place);
        self.state().pass(next, passed, damaged, batch.place);
        self.report_damage(damaged, "they do not fit their checksums");
        Ok(batch)
    }

    fn report_damage(&self, load: Load, what: &str) {
        if load.events > 0 {
            self.counters.damaged.add(load.events);
            self.counters.backlog_shrank(load);
            tracing::error!(events = load.events, spool = %self.directory.display(), "events in the spool are lost: {what}");
        }
    }

    /// The queue has them, or never will.
    pub(crate) fn release(&self, load: Load) {
        self.state().levels.held -= load;
    }

    /// All events of the batch that was at `place` are released. Whether a file can be removed now.
    pub(crate) fn settle(&self, place: Place) -> bool {
        let mut state = self.state();
        let is_half_full = state.disk_bytes > self.max_bytes / 2;
        let Some(segment) = state.segments.iter_mut().find(|segment| segment.number == place.segment) else {
            return false;
        };
        segment.settle(place.end);
        let note = segment.file.clone().map(|file| (file, segment.sent_to));
        // A segment that is written frees nothing. Where room gets scarce, it ends as soon as all of it was sent.
        if is_half_full && !segment.sealed && segment.is_settled() && !segment.is_empty() {
            let _ = self.begin_segment(&mut state);
        }
        let has_finished = state.segments.iter().any(Segment::is_finished);
        drop(state);
        if let Some(Err(error)) = note.map(|(file, sent_to)| segment::note(&file, sent_to))
            && self.failure.is_due()
        {
            tracing::warn!(%error, spool = %self.directory.display(), "what was sent could not be noted in the spool");
        }
        has_finished
    }

    /// Removes the files of which all was sent.
    pub(crate) fn remove_finished(&self) {
        let mut finished = Vec::new();
        self.state().segments.retain_mut(|segment| {
            let keep = !segment.is_finished();
            if !keep {
                finished.push((std::mem::take(&mut segment.path), segment.end));
            }
            keep
        });
        for (path, bytes) in finished {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // It will be removed, or be sent again, at the next start.
                Err(error) => {
                    tracing::warn!(%error, file = %path.display(), "a file of the spool could not be removed");
                    continue;
                }
            }
            let mut state = self.state();
            state.disk_bytes = state.disk_bytes.saturating_sub(bytes);
        }
    }

    /// Keeps an event that the queue will never take, with the reason, for people to look at; up to [`REJECTED_SHARE`] of
    /// what the spool may take, and beside that.
    pub(crate) fn reject(&self, json: &str, reason: &str) {
        let mut line = String::from(r#"{"reason":"#);
        write_text(&mut line, reason);
        line.push_str(r#","event":"#);
        line.push_str(json);
        line.push_str("}\n");
        let path = self.directory.join(REJECTED);
        let kept = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if kept + line.len() as u64 > self.max_bytes / REJECTED_SHARE {
            if self.failure.is_due() {
                tracing::error!(file = %path.display(), "a rejected event was not kept: move the file away");
            }
            return;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::error!(%error, file = %path.display(), "a rejected event could not be kept");
        }
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    /// Leaves the directory to the next process, and in it only what is still to be sent.
    pub(crate) fn leave(&self) {
        self.state().seal();
        self.remove_finished();
        // It would end with the last clone of the producer, too.
        let _ = self.lock.unlock();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock of the directory for this process. The operating system gives it back when the process ends, however it does.
fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK);
    let failed = |source| Error::Spool { operation: "lock the spool by", path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::SpoolInUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
