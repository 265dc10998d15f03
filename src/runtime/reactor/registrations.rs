//! What a watched descriptor knows of the reactors that it is registered with.
//!
//! Usually that is one. It is another one when the descriptor is used in a later run, and several when threads share
//! it. A registration goes when its descriptor goes, or its reactor. It holds the backend weakly: a descriptor that
//! outlives its run keeps nothing of it.
//!
//! Each operation begins by looking its descriptor up, so that takes no lock where there is one reactor, as there
//! usually is. The number of a reactor and the key that it gave are kept beside the list, in two words that no order of stores
//! holds together, and need not be: only the thread of a reactor ever looks for its number, and that thread wrote both words. Another
//! thread writes there only when that reactor has gone. A second reactor at the same time finds itself in the list.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Weak};

use super::backend::Backend;
use super::{Reactor, Source};

struct Registration {
    backend: Weak<Backend>,
    /// The number of the reactor.
    reactor: u64,
    key: u64,
}

/// The registrations of one descriptor. Whoever owns both calls [`remove`](Self::remove) before the descriptor is closed.
#[derive(Default)]
pub(crate) struct Registrations {
    /// The number of the reactor of one registration, and its key; 0 as long as there is none.
    usual: AtomicU64,
    usual_key: AtomicU64,
    list: Mutex<Vec<Registration>>,
    /// The last read emptied the descriptor, at a time when it was not registered.
    emptied: AtomicBool,
}

impl Registrations {
    fn lock(&self) -> MutexGuard<'_, Vec<Registration>> {
        self.list.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The descriptor's source in this reactor, if it is registered there.
    ///
    /// # Errors
    ///
    /// When the descriptor is known to have been closed underneath.
    #[inline(always)]
    pub(crate) fn find(&self, reactor: &Reactor) -> io::Result<Option<Rc<Source>>> {
        let number = reactor.number();
        let key = match self.usual.load(Ordering::Relaxed) {
            0 => return Ok(None),
            usual if usual == number => self.usual_key.load(Ordering::Relaxed),
            _ => match self.key_of(number) {
                Some(key) => key,
                None => return Ok(None),
            },
        };
        // A registration stays good until it is removed, or its number is registered for somebody else.
        reactor.source(key).map(Some).ok_or_else(lost)
    }

    /// The key that a reactor gave which is not the usual one.
    #[cold]
    fn key_of(&self, reactor: u64) -> Option<u64> {
        Some(self.lock().iter().find(|registration| registration.reactor == reactor)?.key)
    }

    /// The descriptor's source in this reactor. Registers it when it is not.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find); when the descriptor can't be registered.
    pub(crate) fn find_or_add(
        &self,
        reactor: &Reactor,
        descriptor: BorrowedFd<'_>,
    ) -> io::Result<Rc<Source>> {
        if let Some(source) = self.find(reactor)? {
            return Ok(source);
        }
        let (key, source) = reactor.add(descriptor)?;
        let mut list = self.lock();
        list.retain(|entry| entry.backend.strong_count() > 0);
        let usual = self.usual.load(Ordering::Relaxed);
        if !list.iter().any(|entry| entry.reactor == usual) {
            self.usual_key.store(key, Ordering::Relaxed);
            self.usual.store(reactor.number(), Ordering::Relaxed);
        }
        list.push(Registration { backend: reactor.downgrade(), reactor: reactor.number(), key });
        Ok(source)
    }

    /// Whether the last read emptied the descriptor, at a time when it was not registered. Then the next had better register
    /// it than try: what has come since is reported as the first edge.
    pub(crate) fn is_emptied(&self) -> bool {
        self.emptied.load(Ordering::Relaxed)
    }

    /// A read of the descriptor, which is not registered, has emptied it or not.
    pub(crate) fn note_emptied(&self, emptied: bool) {
        self.emptied.store(emptied, Ordering::Relaxed);
    }

    /// Takes the descriptor out of all reactors.
    pub(crate) fn remove(&mut self, descriptor: BorrowedFd<'_>) {
        let list = self.list.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        for Registration { backend, key, .. } in list.drain(..) {
            if let Some(backend) = backend.upgrade() {
                backend.delete(descriptor, key);
            }
        }
    }
}

/// The error of what is done with a descriptor that was closed underneath.
pub(super) fn lost() -> io::Error {
    rustix::io::Errno::BADF.into()
}

#[cfg(test)]
impl Registrations {
    pub(super) fn key_for_test(&self) -> u64 {
        self.lock()[0].key
    }

    pub(super) fn len_for_test(&self) -> usize {
        self.lock().len()
    }
}

impl fmt::Debug for Registrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrations").field("reactors", &self.lock().len()).finish()
    }
}
