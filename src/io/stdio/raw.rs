//! One of the standard streams, without buffer and lock: how it is used depends on what it is.

use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::net::{RecvFlags, SendFlags};

use super::super::watched::{Action, Watched};
use super::super::{Readiness, named};
use crate::runtime::blocking;
use crate::runtime::reactor::Direction;
use crate::task::no_cancel;

/// How much is written at once where a write might block: what a pipe that has any room takes whole.
const PIECE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// How much one read on a thread asks for at most.
const BLOCK: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Stdin,
    Stdout,
    Stderr,
}

impl Which {
    fn name(self) -> &'static str {
        match self {
            Which::Stdin => "the standard input",
            Which::Stdout => "the standard output",
            Which::Stderr => "the standard error stream",
        }
    }

    fn borrow(self) -> io::Result<OwnedFd> {
        match self {
            Which::Stdin => io::stdin().as_fd().try_clone_to_owned(),
            Which::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            Which::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        }
    }

    fn direction(self) -> Direction {
        if self == Which::Stdin { Direction::Read } else { Direction::Write }
    }

    fn verb(self) -> &'static str {
        if self == Which::Stdin { "reads from" } else { "writes to" }
    }
}

/// How a stream is used; see the table in `stdio.rs`.
#[derive(Debug)]
enum Access {
    /// An open file of our own, in non-blocking mode.
    Own(Watched<OwnedFd>),
    Socket(Watched<OwnedFd>),
    /// Asked before each call.
    Shared(Watched<OwnedFd>),
    /// On a thread.
    Blocking,
}

/// One of the three, without buffer and lock.
#[derive(Debug)]
pub(super) struct Raw {
    which: Which,
    access: OnceLock<Access>,
}

fn watch(which: Which, descriptor: OwnedFd) -> Watched<OwnedFd> {
    Watched::of_nonblocking(
        descriptor,
        match which {
            Which::Stdin => |_, f| f.write_str(Which::Stdin.name()),
            Which::Stdout => |_, f| f.write_str(Which::Stdout.name()),
            Which::Stderr => |_, f| f.write_str(Which::Stderr.name()),
        },
    )
}

impl Raw {
    pub(super) const fn new(which: Which) -> Self {
        Raw { which, access: OnceLock::new() }
    }

    fn access(&self) -> io::Result<&Access> {
        if self.access.get().is_none() {
            let access = self.find_access()?;
            let _ = self.access.set(access);
        }
        Ok(self.access.get().expect("it has just been set"))
    }

    fn find_access(&self) -> io::Result<Access> {
        let descriptor = self.which.borrow()?;
        let kind = FileType::from_raw_mode(fstat(&descriptor)?.st_mode);
        let can_wait = match kind {
            FileType::Socket => return Ok(Access::Socket(watch(self.which, descriptor))),
            FileType::Fifo => true,
            FileType::CharacterDevice => descriptor.is_terminal(),
            _ => false,
        };
        if !can_wait {
            return Ok(Access::Blocking);
        }
        Ok(match self.open_again(&descriptor) {
            Some(own) => Access::Own(watch(self.which, own)),
            None => Access::Shared(watch(self.which, descriptor)),
        })
    }

    /// The same pipe or terminal as an open file of our own.
    fn open_again(&self, descriptor: &OwnedFd) -> Option<OwnedFd> {
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            return None;
        }
        let access = if self.which == Which::Stdin { OFlags::RDONLY } else { OFlags::WRONLY };
        let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        rustix::io::retry_on_intr(|| rustix::fs::open(&path, flags, Mode::empty())).ok()
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = match self.access()? {
            Access::Own(watched) => {
                self.operate(watched, || Ok(rustix::io::read(watched.get_ref(), &mut *buffer)?))
            }
            Access::Socket(watched) => self.operate(watched, || {
                Ok(rustix::net::recv(watched.get_ref(), &mut *buffer, RecvFlags::DONTWAIT)?.0)
            }),
            Access::Shared(watched) => self.operate(watched, || {
                ask(watched.as_fd(), PollFlags::IN)?;
                Ok(rustix::io::read(watched.get_ref(), &mut *buffer)?)
            }),
            Access::Blocking => {
                let (which, room) = (self.which, buffer.len().min(BLOCK));
                let read = on_a_thread(move || {
                    let mut block = vec![0; room];
                    let descriptor = which.borrow()?;
                    let length = rustix::io::retry_on_intr(|| rustix::io::read(&descriptor, &mut block[..]))?;
                    block.truncate(length);
                    Ok(block)
                });
                read.map(|block| {
                    buffer[..block.len()].copy_from_slice(&block);
                    block.len()
                })
            }
        };
        self.named(read)
    }

    pub(super) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let written = match self.access()? {
            Access::Own(watched) => {
                self.operate(watched, || Ok(rustix::io::write(watched.get_ref(), buffer)?))
            }
            Access::Socket(watched) => {
                #[cfg(not(target_vendor = "apple"))]
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                #[cfg(target_vendor = "apple")]
                let flags = SendFlags::DONTWAIT;
                self.operate(watched, || Ok(rustix::net::send(watched.get_ref(), buffer, flags)?))
            }
            Access::Shared(watched) => self.operate(watched, || {
                ask(watched.as_fd(), PollFlags::OUT)?;
                Ok(rustix::io::write(watched.get_ref(), &buffer[..buffer.len().min(PIECE)])?)
            }),
            Access::Blocking => {
                let (which, block) = (self.which, buffer[..buffer.len().min(BLOCK)].to_vec());
                on_a_thread(move || {
                    let descriptor = which.borrow()?;
                    Ok(rustix::io::retry_on_intr(|| rustix::io::write(&descriptor, &block))?)
                })
            }
        };
        self.named(written)
    }

    fn operate<R>(&self, watched: &Watched<OwnedFd>, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let action = Action { direction: self.which.direction(), verb: self.which.verb(), timeout: None };
        watched.operate(action, f, |_| false)
    }

    fn named<R>(&self, result: io::Result<R>) -> io::Result<R> {
        result.map_err(|error| named(error, self.which.verb(), self.which.name()))
    }

    /// The operation of waiting until it can be read or written. None for what is always ready.
    pub(super) fn ready(&self) -> io::Result<Option<Readiness<'_>>> {
        Ok(match self.access()? {
            Access::Own(watched) | Access::Socket(watched) | Access::Shared(watched) => {
                Some(watched.ready_for(self.which.direction(), self.which.verb()))
            }
            Access::Blocking => None,
        })
    }
}

/// Does a call that is short but can't be told not to wait.
fn on_a_thread<T: Send + 'static>(f: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    no_cancel(|| blocking::call(f))
}

/// Asks the system whether a call would wait: then the answer is `WouldBlock`.
fn ask(descriptor: BorrowedFd<'_>, flags: PollFlags) -> io::Result<()> {
    let mut entry = [PollFd::from_borrowed_fd(descriptor, flags)];
    rustix::io::retry_on_intr(|| poll(&mut entry, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })))?;
    if entry[0].revents().is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Raw::read(self, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A stream that can't be opened again, such as another user's terminal.
    fn shared(which: Which, descriptor: OwnedFd) -> Raw {
        let raw = Raw::new(which);
        raw.access.set(Access::Shared(watch(which, descriptor))).unwrap();
        raw
    }

    fn is_blocking(descriptor: impl AsFd) -> bool {
        !rustix::fs::fcntl_getfl(descriptor).unwrap().contains(OFlags::NONBLOCK)
    }

    fn while_others_run() {
        (0..200).for_each(|_| crate::yield_now());
    }

    #[test]
    fn a_stream_in_blocking_mode_is_read_without_blocking() {
        crate::run(|| {
            let (reader, mut writer) = io::pipe().unwrap();
            let mode = reader.try_clone().unwrap();
            let raw = shared(Which::Stdin, reader.into());
            let reading = crate::spawn(move || {
                let mut buffer = [0; 8];
                let mut lengths = Vec::new();
                while lengths.last() != Some(&0) {
                    lengths.push(raw.read(&mut buffer).unwrap());
                }
                lengths
            });
            while_others_run();
            assert!(!reading.is_finished());
            writer.write_all(b"abc").unwrap();
            while_others_run();
            writer.write_all(b"de").unwrap();
            drop(writer);
            let lengths = reading.join().unwrap();
            assert_eq!(lengths.iter().sum::<usize>(), 5);
            assert!(is_blocking(&mode));
        });
    }

    #[test]
    fn a_stream_in_blocking_mode_is_written_without_blocking() {
        crate::run(|| {
            let (mut reader, writer) = io::pipe().unwrap();
            let mode = writer.try_clone().unwrap();
            let raw = shared(Which::Stdout, writer.into());
            let writing = crate::spawn(move || {
                let mut written = 0;
                while written < 1 << 20 {
                    written += raw.write(&[1; 100_000]).unwrap();
                }
                written
            });
            while_others_run();
            assert!(!writing.is_finished());
            assert!(is_blocking(&mode));
            drop(mode);
            let thread = std::thread::spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
            let written = writing.join().unwrap();
            assert_eq!(thread.join().unwrap(), written);
        });
    }
}
