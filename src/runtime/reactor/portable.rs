//! Everywhere: what `polling` offers, in edge mode.
//!
//! The poller cannot see the end of a stream before it is read, so a read that was not filled is never believed here.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::source::Edge;

#[derive(Debug)]
pub(super) struct Portable {
    poller: Poller,
}

impl Portable {
    pub(super) fn new(poller: Poller) -> io::Result<Self> {
        if !poller.supports_edge() {
            let reason = "this system's interface to readiness of descriptors cannot report edges";
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        Ok(Portable { poller })
    }

    pub(super) fn add(&self, descriptor: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        let key = usize::try_from(key).expect("keys are made to fit");
        // SAFETY: whoever registers a descriptor deletes it before it is closed: `Registrations` sees to that. Where one is
        // closed in spite of it, all backends with edges drop the registration and touch nothing.
        unsafe { self.poller.add_with_mode(descriptor.as_raw_fd(), Event::all(key), PollMode::Edge) }
    }

    pub(super) fn delete(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(descriptor)
    }

    pub(super) fn notify(&self) -> io::Result<()> {
        self.poller.notify()
    }

    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        self.poller.wait(events, timeout)?;
        Ok(())
    }

    /// What an event says, and of which source.
    pub(super) fn read(event: &Event) -> (u64, Edge) {
        (event.key as u64, Edge { readable: event.readable, writable: event.writable, irregular: true })
    }
}
