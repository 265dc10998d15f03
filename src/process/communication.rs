//! Writing to a child and reading what it says, all at once: neither may wait for the other, or both would for ever.
//!
//! One task does it, without spawning any: it races the operations of the pipes that are still open, and what wins has written or
//! read something. The input comes first, since it has an end: a child that speaks without pause until it is told to stop is told.
//!
//! How far it has come lies here and not on the task's stack, and nothing waits between a read and the noting of it. So a
//! cancellation or a timeout takes nothing away.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::waiting::may_wait;
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::runtime::Waiter;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::reactor;
use crate::runtime::with_deadline::wait_until;
use crate::task::{First, race};

/// How much is read at once: what a pipe holds.
const BLOCK: usize = 64 << 10;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Communication {
    input: Vec<u8>,
    /// How much of the input the child's pipe has taken.
    written: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Those of a child that are still open.
type Pipes<'a> = (&'a mut Option<ChildStdin>, &'a mut Option<ChildStdout>, &'a mut Option<ChildStderr>);

impl Communication {
    pub(super) fn add_input(&mut self, input: Vec<u8>) {
        if self.written == self.input.len() {
            (self.input, self.written) = (input, 0);
        } else {
            self.input.extend(input);
        }
    }

    pub(super) fn said(&self) -> (&[u8], &[u8]) {
        (&self.stdout, &self.stderr)
    }

    pub(super) fn take_said(&mut self) -> (Vec<u8>, Vec<u8>) {
        (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr))
    }

    /// When a time that begins now is over. None for what is for ever.
    pub(super) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
        timeout.and_then(reactor::deadline_after)
    }

    /// Writes and reads until all pipes are at their ends, and closes them. False when the time was over first.
    pub(super) fn exchange(
        &mut self,
        (stdin, stdout, stderr): Pipes<'_>,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let block = |is_open: bool| if is_open { vec![0; BLOCK] } else { Vec::new() };
        let (mut out_block, mut err_block) = (block(stdout.is_some()), block(stderr.is_some()));
        loop {
            if self.written == self.input.len() {
                (self.input, self.written) = (Vec::new(), 0);
                *stdin = None;
            }
            if stdin.is_none() && stdout.is_none() && stderr.is_none() {
                return Ok(true);
            }
            may_wait()?;
            let first = {
                let writing = stdin.as_ref().map(|pipe| pipe.writing(&self.input[self.written..]));
                let reading = stdout.as_ref().map(|pipe| pipe.reading(&mut out_block));
                let reading_errors = stderr.as_ref().map(|pipe| pipe.reading(&mut err_block));
                let all =
                    (Maybe { inner: writing }, Maybe { inner: reading }, Maybe { inner: reading_errors });
                let mut first = pin!(race(all));
                match first.as_mut().attempt() {
                    Some(first) => Some(first),
                    None => wait_until(first, deadline),
                }
            };
            match first {
                None => return Ok(false),
                Some(First::A(written)) => match written {
                    Ok(count) => self.written += count,
                    Err(error) => {
                        self.written = self.input.len();
                        if !is_closed(&error) {
                            *stdin = None;
                            return Err(error);
                        }
                    }
                },
                Some(First::B(read)) => keep(read, stdout, &out_block, &mut self.stdout)?,
                Some(First::C(read)) => keep(read, stderr, &err_block, &mut self.stderr)?,
            }
        }
    }
}

/// The child does not want to hear more.
fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Keeps what was read from a pipe. At its end the pipe is closed.
fn keep<P>(
    read: io::Result<usize>,
    pipe: &mut Option<P>,
    block: &[u8],
    said: &mut Vec<u8>,
) -> io::Result<()> {
    match read {
        Ok(0) => *pipe = None,
        Ok(count) => said.extend_from_slice(&block[..count]),
        Err(error) => return Err(error),
    }
    Ok(())
}

pin_project! {
    // An operation, or one that is never complete.
    struct Maybe<O> {
        #[pin]
        inner: Option<O>,
    }
}

impl<O: Operation> sealed::Sealed for Maybe<O> {}

impl<O: Operation> Operation for Maybe<O> {
    type Output = O::Output;

    fn attempt(self: Pin<&mut Self>) -> Option<O::Output> {
        self.project().inner.as_pin_mut()?.attempt()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        if let Some(inner) = self.project().inner.as_pin_mut() {
            inner.register(waiter);
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        if let Some(inner) = self.project().inner.as_pin_mut() {
            inner.withdraw();
        }
    }

    fn cancel(&self) -> CancelWait {
        self.inner.as_ref().map_or(CancelWait::Unwind, Operation::cancel)
    }

    fn is_local(&self) -> bool {
        self.inner.as_ref().is_none_or(Operation::is_local)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => inner.describe(f),
            None => f.write_str("waits for nothing"),
        }
    }
}
