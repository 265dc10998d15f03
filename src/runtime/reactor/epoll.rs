//! Linux: one system call for each wait, on the poller's own descriptor.
//!
//! `Poller::wait` makes five system calls: it sets a timer descriptor, arms it, waits, reads its notification and arms that
//! again. Here the wait takes the deadline itself, and threads notify by an event counter that is registered at
//! its edges and never read, so that nothing has to be armed again. The poller's own notification is not used:
//! a wait that went past the poller would consume and so disarm it.
//!
//! Descriptors are registered past the poller too, since it cannot ask for RDHUP: see `source.rs` for what that is good for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polling::Poller;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::source::Edge;

/// Stands for the notification among the keys of sources. (`u64::MAX` is the poller's own.)
const NOTIFY: u64 = u64::MAX - 1;

/// Longest wait in one call. What the kernel takes differs by version; a wait that ends early is repeated.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(super) struct Epoll {
    poller: Poller,
    notification: OwnedFd,
    /// The kernel has waits with deadlines finer than milliseconds (Linux 5.11, and no filter that forbids it).
    fine_deadlines: AtomicBool,
    /// With what that is refused, where a test plays an old kernel.
    #[cfg(test)]
    pub(super) refusal: std::sync::OnceLock<Errno>,
}

impl Epoll {
    pub(super) fn new(poller: Poller) -> io::Result<Self> {
        let notification = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&poller, &notification, EventData::new_u64(NOTIFY), EventFlags::IN | EventFlags::ET)?;
        Ok(Epoll {
            poller,
            notification,
            fine_deadlines: AtomicBool::new(true),
            #[cfg(test)]
            refusal: std::sync::OnceLock::new(),
        })
    }

    pub(super) fn add(&self, descriptor: BorrowedFd<'_>, key: u64) -> io::Result<()> {
        let interest =
            EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        Ok(epoll::add(&self.poller, descriptor, EventData::new_u64(key), interest)?)
    }

    pub(super) fn delete(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.poller, descriptor)?)
    }

    pub(super) fn notify(&self) -> io::Result<()> {
        rustix::io::write(&self.notification, &1u64.to_ne_bytes())?;
        Ok(())
    }

    /// Waits once. Where the kernel has no fine deadlines, they are rounded up to milliseconds. Later ones of more events than the buffer takes come with the next wait.
    pub(super) fn wait(&self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        events.clear();
        match timeout {
            Some(timeout) if !timeout.is_zero() && self.fine_deadlines.load(Ordering::Relaxed) => {
                match self.wait_finely(events, timeout.min(LONGEST)) {
                    Err(Errno::NOSYS | Errno::PERM) => self.fine_deadlines.store(false, Ordering::Relaxed),
                    result => return Ok(result?),
                }
            }
            _ => {}
        }
        let timeout = timeout.map(|timeout| timespec(timeout.min(LONGEST)));
        epoll::wait(&self.poller, rustix::buffer::spare_capacity(events), timeout.as_ref())?;
        Ok(())
    }

    /// Waits with a deadline in nanoseconds.
    fn wait_finely(&self, events: &mut Vec<Event>, timeout: Duration) -> Result<(), Errno> {
        #[cfg(test)]
        if let Some(&refusal) = self.refusal.get() {
            return Err(refusal);
        }
        let timeout = timespec(timeout);
        let room = events.spare_capacity_mut();
        // SAFETY: the kernel writes at most `room.len()` events, whose layout `Event` has, into `room`, and reads
        // `timeout`, which is what it calls a `__kernel_timespec`; both live across the call. There is no signal mask.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.poller.as_fd().as_raw_fd(),
                room.as_mut_ptr(),
                room.len(),
                &raw const timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL));
        };
        // SAFETY: the kernel has written that many events to the front of what was empty room.
        unsafe { events.set_len(count) };
        Ok(())
    }

    /// What an event says, and of which source; `None` for a notification.
    pub(super) fn read(event: &Event) -> Option<(u64, Edge)> {
        let (key, flags) = (event.data.u64(), event.flags);
        if key >= NOTIFY {
            return None;
        }
        let irregular = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR | EventFlags::PRI;
        let edge = Edge {
            readable: flags.intersects(EventFlags::IN | irregular),
            writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
            irregular: flags.intersects(irregular),
        };
        Some((key, edge))
    }
}

#[cfg(test)]
impl Epoll {
    pub(super) fn has_fine_deadlines(&self) -> bool {
        self.fine_deadlines.load(Ordering::Relaxed)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as _, tv_nsec: duration.subsec_nanos() as _ }
}
