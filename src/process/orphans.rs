//! Children that nobody has any more: each is looked after until it has ended, so that none stays a zombie.
//!
//! ```text
//!   a Child is dropped ──▶ has it ended? ── yes ──▶ its status was taken
//!                              │ no
//!                              ▼
//!                 its descriptor is registered ──▶ the thread `cede-orphans` sleeps in epoll, looks at what ends,
//!                              │ none               and goes with the last orphan
//!                              ▼
//!                 a thread for it alone ── none to be had ──▶ left over: looked at when the next child comes or goes
//! ```
//!
//! The epoll instance is there as long as the thread. Who registers an orphan does it under the lock, and under the lock the thread sees
//! that none is left and takes the instance away: none is registered where nobody looks.
//!
//! Registered at the edge: a child that a debugger holds may be reported before its status can be taken, and is reported
//! again when it can.
//!
//! Rejected: a task of the run (orphans outlive it); SIGCHLD (it belongs to the program, and a handler of ours could not be taken back);
//! to wait for any child (`waitid` of all would see, and have to step over, those that other code waits for); to look only when the next child
//! is started (a zombie would stay until then).

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::life::Life;

static ORPHANS: Mutex<Orphans> = Mutex::new(Orphans::new());

struct Orphans {
    #[cfg(target_os = "linux")]
    epoll: Option<Arc<OwnedFd>>,
    /// By the keys under which they are registered, with their descriptors.
    #[cfg(target_os = "linux")]
    watched: std::collections::BTreeMap<u64, (Arc<Life>, OwnedFd)>,
    #[cfg(target_os = "linux")]
    next_key: u64,
    left_over: Vec<Arc<Life>>,
}

fn orphans() -> MutexGuard<'static, Orphans> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks after a child until it has ended.
pub(super) fn adopt(life: Arc<Life>, pidfd: Option<OwnedFd>) {
    if life.is_over() {
        return;
    }
    let mut orphans = orphans();
    let is_watched = pidfd.is_some_and(|pidfd| orphans.watch(&life, pidfd).is_ok());
    if !is_watched && life.watch_by_thread().is_err() {
        orphans.left_over.push(life);
    }
}

/// Looks at those whom nothing looks after.
pub(super) fn look_at_left_over() {
    orphans().left_over.retain(|life| !life.is_over());
}

impl Orphans {
    const fn new() -> Self {
        Orphans {
            #[cfg(target_os = "linux")]
            epoll: None,
            #[cfg(target_os = "linux")]
            watched: std::collections::BTreeMap::new(),
            #[cfg(target_os = "linux")]
            next_key: 0,
            left_over: Vec::new(),
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Orphans {
    fn watch(&mut self, _: &Arc<Life>, _: OwnedFd) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
mod epoll {
    use std::thread;

    use rustix::buffer::spare_capacity;
    use rustix::event::epoll::{self, Event, EventData, EventFlags};
    use rustix::io::Errno;

    use super::*;
    use crate::runtime::quiet_thread::QuietThread;

    /// The thread takes locks and makes system calls.
    const THREAD_STACK: usize = 128 << 10;

    /// How many ends are taken at once.
    const EVENTS_MAX: usize = 64;

    impl Orphans {
        /// Has the thread look after one; starts it if need be.
        pub(super) fn watch(&mut self, life: &Arc<Life>, pidfd: OwnedFd) -> io::Result<()> {
            let epoll = match &self.epoll {
                Some(epoll) => Arc::clone(epoll),
                None => self.start()?,
            };
            let key = self.next_key;
            let interest = EventFlags::IN | EventFlags::ET;
            let added = epoll::add(&*epoll, &pidfd, EventData::new_u64(key), interest);
            if added.is_ok() {
                self.next_key += 1;
                self.watched.insert(key, (Arc::clone(life), pidfd));
            }
            Ok(added?)
        }

        fn start(&mut self) -> io::Result<Arc<OwnedFd>> {
            let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
            let ours = Arc::clone(&epoll);
            let builder = thread::Builder::new().name("cede-orphans".to_owned()).stack_size(THREAD_STACK);
            builder.spawn(move || look_after(&ours))?;
            Ok(Arc::clone(self.epoll.insert(epoll)))
        }
    }

    fn look_after(epoll: &OwnedFd) {
        let _quiet = QuietThread::begin();
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            let waited = epoll::wait(epoll, spare_capacity(&mut events), None);
            let mut orphans = orphans();
            for event in &events {
                let key = event.data.u64();
                if orphans.watched.get(&key).is_some_and(|(life, _)| life.is_over()) {
                    orphans.watched.remove(&key);
                }
            }
            if !matches!(waited, Ok(_) | Err(Errno::INTR)) {
                // Somebody has closed the descriptor of this, and perhaps theirs.
                let lost = std::mem::take(&mut orphans.watched);
                orphans.left_over.extend(lost.into_values().map(|(life, _)| life));
            }
            if orphans.watched.is_empty() {
                orphans.epoll = None;
                return;
            }
        }
    }
}
