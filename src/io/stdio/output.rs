//! The standard output and error streams, without a buffer.

use std::fmt::{self, Arguments};
use std::io::{self, Write};

use super::raw::{Raw, Which};
use crate::io::Readiness;
use crate::sync::{Mutex, MutexGuard};

static STDOUT: Output = Output { raw: Raw::new(Which::Stdout), turn: Mutex::new(()) };
static STDERR: Output = Output { raw: Raw::new(Which::Stderr), turn: Mutex::new(()) };

struct Output {
    raw: Raw,
    /// Held while something is written that must stay together.
    turn: Mutex<()>,
}

impl Output {
    /// Writes all of it, with nothing of others in between.
    fn write_all(&self, buffer: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock();
        self.write_on(buffer)
    }

    /// Writes all of it, in a turn that was taken.
    fn write_on(&self, mut buffer: &[u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.raw.write(buffer)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => buffer = &buffer[written..],
            }
        }
        Ok(())
    }

    fn writable(&self) -> io::Result<Option<Readiness<'_>>> {
        self.raw.ready()
    }
}

/// Formats first, so that it is written in one piece.
fn in_one_piece(arguments: Arguments<'_>) -> String {
    arguments.to_string()
}

/// The standard output of the process, in the shape of [`std::io::Stdout`]: writing suspends the task, not the thread.
///
/// Unlike std's it has no buffer: what was written is with the system. Where many small pieces are written, a
/// [`LineWriter`](std::io::LineWriter) or [`BufWriter`](std::io::BufWriter) around it saves calls. What one `write_all` or `writeln!`
/// writes comes out in one piece, unless other code of the process writes to the same descriptor, as `println!` does.
///
/// The mode of the descriptor, which the shell and other programs share, is left alone.
///
/// # Cancellation
///
/// A task that is cancelled while it waits in a write unwinds, and nothing was written by that call. `write_all` is several
/// calls: those that were complete have had their effect. Where the output is a file the write is finished first.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// cede::run(|| writeln!(cede::io::stdout(), "hello"))?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Stdout;

/// The standard error stream of the process, in the shape of [`std::io::Stderr`]: see [`Stdout`].
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// cede::run(|| writeln!(cede::io::stderr(), "oh"))?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Stderr;

/// The standard output for one task alone; from [`Stdout::lock`].
pub struct StdoutLock {
    _turn: MutexGuard<'static, ()>,
}

/// The standard error stream for one task alone; from [`Stderr::lock`].
pub struct StderrLock {
    _turn: MutexGuard<'static, ()>,
}

/// The standard output of the process.
pub fn stdout() -> Stdout {
    Stdout
}

/// The standard error stream of the process.
pub fn stderr() -> Stderr {
    Stderr
}

macro_rules! output {
    ($type:ident, $lock:ident, $output:ident) => {
        impl $type {
            /// Takes the stream for this task alone, and waits until nobody else has it.
            ///
            /// # Cancellation
            ///
            /// Unwinds when the task is cancelled meanwhile.
            ///
            /// # Panics
            ///
            /// Panics where a task may not wait, if it has to; see [`Operation::wait`](crate::Operation::wait).
            pub fn lock(&self) -> $lock {
                $lock { _turn: $output.turn.lock() }
            }

            /// The operation of waiting until a write would not wait, for `select!`; `None` for what is always ready, such as a file.
            ///
            /// # Errors
            ///
            /// When there is no such stream, or no descriptor left to wait for it with.
            pub fn writable(&self) -> io::Result<Option<Readiness<'static>>> {
                $output.writable()
            }
        }

        impl Write for &$type {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                let _turn = $output.turn.lock();
                $output.raw.write(buffer)
            }

            fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
                $output.write_all(buffer)
            }

            fn write_fmt(&mut self, arguments: Arguments<'_>) -> io::Result<()> {
                $output.write_all(in_one_piece(arguments).as_bytes())
            }

            /// Does nothing: nothing is kept back here.
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Write for $type {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                (&*self).write(buffer)
            }

            fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
                (&*self).write_all(buffer)
            }

            fn write_fmt(&mut self, arguments: Arguments<'_>) -> io::Result<()> {
                (&*self).write_fmt(arguments)
            }

            /// Does nothing: nothing is kept back here.
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Write for $lock {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                $output.raw.write(buffer)
            }

            fn write_fmt(&mut self, arguments: Arguments<'_>) -> io::Result<()> {
                $output.write_on(in_one_piece(arguments).as_bytes())
            }

            /// Does nothing: nothing is kept back here.
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl fmt::Debug for $lock {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($lock)).finish_non_exhaustive()
            }
        }
    };
}

output!(Stdout, StdoutLock, STDOUT);
output!(Stderr, StderrLock, STDERR);
