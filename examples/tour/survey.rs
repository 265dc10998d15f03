//! What the generators of a pipeline count on the way, and the line that shows it on a terminal.
//!
//! A started generator never leaves its thread, so an `Rc` of `Cell`s is all that it takes to share this
//! between generators and the code that drives them.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::readable::{self, bytes, count};

const REFRESH: Duration = Duration::from_millis(100);
/// How many problems are named; all are counted.
const NAMED_MAX: usize = 5;

/// Counters and problems of one walk.
pub(crate) struct Survey {
    pub(crate) directories: Cell<u64>,
    /// Directories that the walk is inside of right now.
    pub(crate) open_directories: Cell<u64>,
    pub(crate) files: Cell<u64>,
    pub(crate) binary_files: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
    pub(crate) lines: Cell<u64>,
    pub(crate) cut_lines: Cell<u64>,
    pub(crate) problems: Cell<u64>,
    named: RefCell<Vec<String>>,
    started: Instant,
    shown: Cell<Option<Instant>>,
    on_terminal: bool,
}

impl Survey {
    pub(crate) fn new() -> Self {
        Survey {
            directories: Cell::new(0),
            open_directories: Cell::new(0),
            files: Cell::new(0),
            binary_files: Cell::new(0),
            bytes: Cell::new(0),
            lines: Cell::new(0),
            cut_lines: Cell::new(0),
            problems: Cell::new(0),
            named: RefCell::new(Vec::new()),
            started: Instant::now(),
            shown: Cell::new(None),
            on_terminal: io::stderr().is_terminal(),
        }
    }

    /// Counts something that could not be read, and keeps the first few by name.
    pub(crate) fn problem(&self, path: &Path, error: impl Display) {
        add(&self.problems, 1);
        let mut named = self.named.borrow_mut();
        if named.len() < NAMED_MAX {
            named.push(format!("{}: {error}", readable::path(path)));
        }
    }

    /// The first problems.
    pub(crate) fn named_problems(&self) -> Vec<String> {
        self.named.borrow().clone()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Rewrites the line on the terminal if it is one and if the line is old enough.
    pub(crate) fn show_progress(&self) {
        if self.on_terminal && self.shown.get().unwrap_or(self.started).elapsed() >= REFRESH {
            self.shown.set(Some(Instant::now()));
            self.write_to_terminal(&format!(
                "{} files, {}, {} lines",
                count(self.files.get()),
                bytes(self.bytes.get()),
                count(self.lines.get()),
            ));
        }
    }

    /// Removes the line from the terminal, if one was shown.
    pub(crate) fn clear_progress(&self) {
        if self.shown.take().is_some() {
            self.write_to_terminal("");
        }
    }

    /// A terminal that has gone away is no reason to stop.
    fn write_to_terminal(&self, line: &str) {
        let mut terminal = io::stderr().lock();
        let _ = write!(terminal, "\r\x1b[K{line}").and_then(|()| terminal.flush());
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get() + more);
}
