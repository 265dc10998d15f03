//! What a watched descriptor knows of the reactors that it is registered with.
//!
//! Usually that is one. It is another one when the descriptor is used in a later run, and several when threads share
//! it. A registration goes when its descriptor goes, or its reactor. It holds the backend weakly: a descriptor that
//! outlives its run keeps nothing of it.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, Weak};

use super::backend::Backend;
use super::{Reactor, Source};

struct Registration {
    backend: Weak<Backend>,
    key: u64,
}

/// The registrations of one descriptor. Whoever owns both calls [`remove`](Self::remove) before the descriptor is closed.
#[derive(Default)]
pub(crate) struct Registrations {
    list: Mutex<Vec<Registration>>,
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
    pub(crate) fn find(&self, reactor: &Reactor) -> io::Result<Option<Rc<Source>>> {
        let list = self.lock();
        // The weak reference keeps the address from being used again.
        let registration = list.iter().find(|entry| std::ptr::eq(entry.backend.as_ptr(), reactor.address()));
        let Some(registration) = registration else { return Ok(None) };
        // A registration stays good until it is removed, or its number is registered for somebody else.
        reactor.source(registration.key).map(Some).ok_or_else(lost)
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
        list.push(Registration { backend: reactor.downgrade(), key });
        Ok(source)
    }

    /// Takes the descriptor out of all reactors.
    pub(crate) fn remove(&mut self, descriptor: BorrowedFd<'_>) {
        let list = self.list.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        for Registration { backend, key } in list.drain(..) {
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
