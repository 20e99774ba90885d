//! A run as people see it: a line for each step as it ends, and on a terminal what is under way below them.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use engine::{Reporter, Skipped, StepError, text};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use resource::{Key, Step};

use crate::terminal::{BAD, FAINT, GOOD, WARNING, duration, paint, say};

/// Draws to standard error, so that standard output holds results alone. Without a terminal it prints plain lines.
pub struct Progress {
    lines: MultiProgress,
    running: Mutex<BTreeMap<Key, ProgressBar>>,
    live: bool,
    width: usize,
}

impl Progress {
    /// Progress of a run of steps with these keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Self {
        Self {
            lines: MultiProgress::new(),
            running: Mutex::default(),
            live: io::stderr().is_terminal(),
            width: keys.into_iter().map(|key| key.as_str().chars().count()).max().unwrap_or(0),
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Key, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, line: &str) {
        self.lines.suspend(|| say(line));
    }

    fn end(&self, step: &Step, mark: &str, rest: &str) {
        if let Some(bar) = self.running().remove(&step.key) {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
        self.print(&format!("  {mark} {} {rest}", self.title(step)));
    }

    fn title(&self, step: &Step) -> String {
        let (symbol, style) = text::symbol(step.action);
        format!("{} {:width$} ", paint(style, symbol), step.key, width = self.width)
    }
}

impl Reporter for Progress {
    fn started(&self, step: &Step) {
        if !self.live {
            return;
        }
        let bar = self.lines.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {wide_msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(self.title(step));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running().insert(step.key.clone(), bar);
    }

    fn note(&self, step: &Step, text: &str) {
        match self.running().get(&step.key) {
            Some(bar) => bar.set_message(text.to_owned()),
            None => tracing::info!(key = %step.key, "{text}"),
        }
    }

    fn finished(&self, step: &Step, took: Duration) {
        self.end(step, &paint(GOOD, "✓"), &paint(FAINT, duration(took)));
    }

    fn failed(&self, step: &Step, took: Duration, error: &StepError) {
        let first = paint(BAD, error);
        self.end(step, &paint(BAD, "✗"), &format!("{} {first}", paint(FAINT, duration(took))));
    }

    fn skipped(&self, step: &Step, reason: &Skipped) {
        self.end(step, &paint(WARNING, "○"), &paint(FAINT, format!("not begun: {reason}")));
    }

    fn warn(&self, text: &str) {
        self.print(&format!("  {} {text}", paint(WARNING, "!")));
    }
}

/// Tells nobody.
pub struct Silent;

impl Reporter for Silent {
    fn started(&self, _: &Step) {}
    fn note(&self, _: &Step, _: &str) {}
    fn finished(&self, _: &Step, _: Duration) {}
    fn failed(&self, _: &Step, _: Duration, _: &StepError) {}
    fn skipped(&self, _: &Step, _: &Skipped) {}
    fn warn(&self, _: &str) {}
}

/// A spinner with a sentence, for what takes longer than a second; a plain line where no terminal is.
pub struct Spinner(Option<ProgressBar>);

impl Spinner {
    /// Shows `text`.
    pub fn new(text: &str) -> Self {
        let spinner = Self(io::stderr().is_terminal().then(ProgressBar::new_spinner));
        if let Some(bar) = &spinner.0 {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        spinner.say(text);
        spinner
    }

    /// Shows `text` where a terminal is, and nothing elsewhere.
    pub fn live(text: &str) -> Self {
        if io::stderr().is_terminal() { Self::new(text) } else { Self(None) }
    }

    /// Shows `text` in place of what it showed before.
    pub fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.set_message(text.to_owned()),
            None => say(text),
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// How much of something is done; nothing where no terminal is. It goes with this value.
pub struct Bar(ProgressBar);

impl Bar {
    /// Nothing of `total` is done, which are `events` or the like.
    pub fn new(total: u64, what: &str) -> Self {
        let bar = ProgressBar::new(total);
        let template =
            format!("{{bar:30}} {{human_pos}}/{{human_len}} {what}  {{per_sec}}  {{eta}} left  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// How much is done.
    pub fn done(&self) -> u64 {
        self.0.position()
    }

    /// Shows `text` beside it.
    pub fn say(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
