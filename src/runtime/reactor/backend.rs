//! The part of a reactor that all threads may use: registering, deleting, notifying.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use polling::Poller;

#[cfg(target_os = "linux")]
use super::epoll::Epoll;
use super::portable::Portable;
use super::source::Edge;

/// How many events one wait takes.
const EVENTS_MAX: usize = 1024;

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Epoll(Epoll),
    Portable(Portable),
}

/// Room for the events of one wait.
pub(super) enum Room {
    #[cfg(target_os = "linux")]
    Epoll(Vec<rustix::event::epoll::Event>),
    Portable(polling::Events),
}

/// What the system offers to wait with. Owned by its reactor; descriptors and other threads hold it weakly or shortly.
#[derive(Debug)]
pub(super) struct Backend {
    kind: Kind,
    gone: Mutex<Gone>,
    /// Whether any are deleted.
    any_deleted: AtomicBool,
}

/// Keys that are over.
#[derive(Debug, Default)]
struct Gone {
    /// Those whose descriptors were deleted, for the reactor to forget.
    deleted: Vec<u64>,
    /// Those whose descriptors were closed underneath: their numbers are registered for others now.
    lost: Vec<u64>,
}

impl Backend {
    pub(super) fn new(portable: bool) -> io::Result<Self> {
        let poller = Poller::new()?;
        #[cfg(target_os = "linux")]
        let kind =
            if portable { Kind::Portable(Portable::new(poller)?) } else { Kind::Epoll(Epoll::new(poller)?) };
        #[cfg(not(target_os = "linux"))]
        let kind = {
            let _ = portable;
            Kind::Portable(Portable::new(poller)?)
        };
        Ok(Backend { kind, gone: Mutex::default(), any_deleted: AtomicBool::new(false) })
    }

    /// Whether events tell of ends of streams, errors and urgent data.
    pub(super) fn sees_ends(&self) -> bool {
        !matches!(self.kind, Kind::Portable(_))
    }

    pub(super) fn room(&self) -> Room {
        match &self.kind {
            #[cfg(target_os = "linux")]
            Kind::Epoll(_) => Room::Epoll(Vec::with_capacity(EVENTS_MAX)),
            Kind::Portable(_) => {
                Room::Portable(polling::Events::with_capacity(EVENTS_MAX.try_into().expect("not zero")))
            }
        }
    }

    /// Registers a descriptor for both directions.
    pub(super) fn add(&self, descriptor: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        match &self.kind {
            #[cfg(target_os = "linux")]
            Kind::Epoll(epoll) => epoll.add(descriptor, key),
            Kind::Portable(portable) => portable.add(descriptor, key),
        }
    }

    /// Takes a registration back, on any thread; the reactor forgets the key when it next looks.
    pub(super) fn delete(&self, descriptor: BorrowedFd<'_>, key: u64) {
        let mut gone = self.gone();
        if let Some(place) = gone.lost.iter().position(|&lost| lost == key) {
            gone.lost.swap_remove(place);
            return;
        }
        // A descriptor that somebody closed underneath is not registered any more, and there is nobody to tell.
        let _ = match &self.kind {
            #[cfg(target_os = "linux")]
            Kind::Epoll(epoll) => epoll.delete(descriptor),
            Kind::Portable(portable) => portable.delete(descriptor),
        };
        gone.deleted.push(key);
        self.any_deleted.store(true, Ordering::Release);
    }

    /// The descriptor of a key was closed underneath: its number must not be deleted for it any more.
    pub(super) fn note_lost(&self, key: u64) {
        self.gone().lost.push(key);
    }

    /// The keys deleted since the last time.
    pub(super) fn take_deleted(&self) -> Vec<u64> {
        if !self.any_deleted.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.any_deleted.store(false, Ordering::Release);
        std::mem::take(&mut self.gone().deleted)
    }

    fn gone(&self) -> MutexGuard<'_, Gone> {
        self.gone.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Ends the wait that is going on, or the next one.
    pub(super) fn notify(&self) -> io::Result<()> {
        match &self.kind {
            #[cfg(target_os = "linux")]
            Kind::Epoll(epoll) => epoll.notify(),
            Kind::Portable(portable) => portable.notify(),
        }
    }

    pub(super) fn wait(&self, room: &mut Room, timeout: Option<Duration>) -> io::Result<()> {
        match (&self.kind, room) {
            #[cfg(target_os = "linux")]
            (Kind::Epoll(epoll), Room::Epoll(events)) => epoll.wait(events, timeout),
            (Kind::Portable(portable), Room::Portable(events)) => portable.wait(events, timeout),
            #[cfg(target_os = "linux")]
            _ => unreachable!("room is made by the backend that uses it"),
        }
    }
}

impl Room {
    /// Goes through the events of the last wait.
    pub(super) fn for_each(&self, mut f: impl FnMut(u64, Edge)) {
        match self {
            #[cfg(target_os = "linux")]
            Room::Epoll(events) => {
                for (key, edge) in events.iter().filter_map(Epoll::read) {
                    f(key, edge);
                }
            }
            Room::Portable(events) => {
                for event in events.iter() {
                    let (key, edge) = Portable::read(&event);
                    f(key, edge);
                }
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
impl Backend {
    pub(super) fn epoll_for_test(&self) -> &Epoll {
        match &self.kind {
            Kind::Epoll(epoll) => epoll,
            Kind::Portable(_) => panic!("the portable backend has none"),
        }
    }
}
