//! The standard input, with one buffer for all.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::LazyLock;

use super::raw::{Raw, Which};
use crate::io::{Readiness, by_value};
use crate::sync::{Mutex, MutexGuard};

/// How much is read at once.
const BLOCK: usize = 64 << 10;

static STDIN: LazyLock<Mutex<BufReader<Raw>>> =
    LazyLock::new(|| Mutex::new(BufReader::with_capacity(BLOCK, Raw::new(Which::Stdin))));

/// The standard input of the process, in the shape of [`std::io::Stdin`]: reading suspends the task, not the thread. It has one
/// buffer, which all handles share.
///
/// What is read here is not seen by std's own `stdin`, which has another buffer, nor the reverse: use one of them. The mode
/// of the descriptor, which the shell and other programs share, is left alone.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a read unwinds, and nothing was read by that call. Where the input is a file the read
/// is finished first. A `read_line` that is cancelled in the middle of a line has put its beginning into the string.
///
/// # Examples
///
/// ```no_run
/// cede::run(|| -> std::io::Result<()> {
///     cede::spawn(|| loop {
///         cede::sleep(std::time::Duration::from_secs(1));
///         eprintln!("still here");
///     });
///     for line in cede::io::stdin().lines() {
///         println!("you said {}", line?);
///     }
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Stdin;

/// The standard input of the process.
pub fn stdin() -> Stdin {
    Stdin
}

/// The standard input for one task alone; from [`Stdin::lock`].
pub struct StdinLock {
    guard: MutexGuard<'static, BufReader<Raw>>,
}

/// The lines of the standard input; from [`Stdin::lines`].
#[derive(Debug)]
pub struct StdinLines(());

impl Stdin {
    /// Takes the input for this task alone, and waits until nobody else has it.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`](crate::Operation::wait).
    pub fn lock(&self) -> StdinLock {
        StdinLock { guard: STDIN.lock() }
    }

    /// Reads a line into a string, with its end: how many bytes, 0 at the end of the input.
    ///
    /// # Errors
    ///
    /// Those of the system; when it is not UTF-8; outside of a task.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// The lines without their ends. Each is read when it is asked for, and other tasks may read in between.
    pub fn lines(self) -> StdinLines {
        StdinLines(())
    }
}

impl Iterator for StdinLines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut line = String::new();
        match stdin().read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                let text =
                    line.strip_suffix('\n').map_or(&line[..], |text| text.strip_suffix('\r').unwrap_or(text));
                line.truncate(text.len());
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl Read for &Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }
}

by_value!(Stdin: Read);

impl StdinLock {
    /// The operation of waiting until a read would not wait, for `select!`; `None` where it would not wait anyway, since the buffer
    /// holds something or the input is a file.
    ///
    /// # Errors
    ///
    /// When there is no input, or no descriptor left to wait for it with.
    pub fn readable(&self) -> io::Result<Option<Readiness<'_>>> {
        if self.guard.buffer().is_empty() { self.guard.get_ref().ready() } else { Ok(None) }
    }
}

impl Read for StdinLock {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.guard.read(buffer)
    }
}

impl BufRead for StdinLock {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.guard.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.guard.consume(amount);
    }
}

impl fmt::Debug for StdinLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}
