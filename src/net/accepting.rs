//! What listeners of all kinds do when they accept.
//!
//! # No descriptors left
//!
//! A connection that can't be accepted for want of a descriptor stays in the queue, and the socket stays ready: a loop of
//! accepts that goes on after errors, as loops over `incoming()` do, would spin. So `accept` waits a while, tries once
//! more, and only then gives the error; the while grows from 5 ms to 1 s, and is forgotten when an accept succeeds. The
//! loop stays what it was, uses next to no processor time, and recovers at most a second after a descriptor was freed.
//!
//! Rejected: to give the error at once (spins); never to give it (the program can't shed load, and is silently stuck
//! when it holds the descriptors itself); a descriptor in reserve, to accept and close at once (it drops connections that could be
//! served a moment later, one descriptor for each process or listener, and helps not against ENFILE).
//!
//! # Duplicates that block
//!
//! Whether an accept waits is a property of the socket, which its duplicates share, and unlike a read it can't be told not to wait
//! by itself. A clone that becomes a listener of std would make the scheduler block as soon as the queue is empty. So the mode is
//! set before each accept, a call that costs a tenth of it. A duplicate that wants to block finds itself in the
//! other mode, and gets `WouldBlock`: an error there rather than a standstill here. Only somebody who changes the mode between the two calls, on another thread, is not guarded against.
//!
//! Rejected: to ask by poll whether there is a connection (another process may take it before the accept); to set the mode only after
//! waiting (the accept that finds the queue empty comes before that).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::SocketAddrAny;
#[cfg(target_vendor = "apple")]
use rustix::net::acceptfrom;
#[cfg(not(target_vendor = "apple"))]
use rustix::net::{SocketFlags, acceptfrom_with};

use crate::runtime::park;
use crate::time::sleep;

/// How long an accept waits for a descriptor to become free.
const PAUSE_MS_MIN: u32 = 5;
const PAUSE_MS_MAX: u32 = 1000;

/// How long the next accept of a listener that finds no descriptor waits.
#[derive(Debug)]
pub(super) struct Patience {
    pause_ms: AtomicU32,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { pause_ms: AtomicU32::new(PAUSE_MS_MIN) }
    }
}

impl Patience {
    /// Accepts, and where there is no descriptor waits a while and tries once more.
    pub(super) fn accept<T>(&self, mut accept: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut accepted = accept();
        let fault = accepted.as_ref().err().and_then(Errno::from_io_error).map(fault);
        if fault == Some(Fault::Exhaustion) && park::refusal().is_none() {
            let pause_ms = self.pause_ms.load(Ordering::Relaxed);
            self.pause_ms.store((pause_ms * 2).min(PAUSE_MS_MAX), Ordering::Relaxed);
            sleep(Duration::from_millis(pause_ms.into()));
            accepted = accept();
        }
        if accepted.is_ok() {
            self.pause_ms.store(PAUSE_MS_MIN, Ordering::Relaxed);
        }
        accepted
    }
}

/// Accepts a connection that is there already. It is in non-blocking mode, and closed on exec.
pub(super) fn accept_one(socket: impl AsFd) -> Result<(OwnedFd, Option<SocketAddrAny>), Errno> {
    let socket = socket.as_fd();
    ioctl_fionbio(socket, true)?;
    loop {
        #[cfg(not(target_vendor = "apple"))]
        let accepted = acceptfrom_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        #[cfg(target_vendor = "apple")]
        let accepted = acceptfrom(socket).and_then(|(stream, address)| {
            rustix::io::fcntl_setfd(&stream, rustix::io::FdFlags::CLOEXEC)?;
            ioctl_fionbio(&stream, true)?;
            rustix::net::sockopt::set_socket_nosigpipe(&stream, true)?;
            Ok((stream, address))
        });
        match accepted {
            Err(error) if fault(error) == Fault::Connection => {}
            accepted => return accepted,
        }
    }
}

/// What an error of accepting speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The connection at the head of the queue is broken, which says nothing of the next. It has left the queue.
    Connection,
    /// The process or the system has no descriptor, or no memory for one.
    Exhaustion,
    /// This call, or the listener.
    Call,
}

fn fault(error: Errno) -> Fault {
    match error {
        // Not EOPNOTSUPP, though Linux lists it: a socket of another kind gives it too, for ever.
        Errno::CONNABORTED
        | Errno::NETDOWN
        | Errno::NETUNREACH
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::NOPROTOOPT
        | Errno::PROTO => Fault::Connection,
        #[cfg(target_os = "linux")]
        Errno::NONET => Fault::Connection,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Fault::Exhaustion,
        _ => Fault::Call,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_accepting_speak_of_the_connection_of_descriptors_or_of_the_call() {
        for raw in [libc::ECONNABORTED, libc::ENETDOWN, libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EPROTO] {
            assert_eq!(fault(Errno::from_raw_os_error(raw)), Fault::Connection, "{raw}");
        }
        for raw in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert_eq!(fault(Errno::from_raw_os_error(raw)), Fault::Exhaustion, "{raw}");
        }
        // Trying again at once, or after a while, would be of no use.
        for raw in [
            libc::EBADF,
            libc::EINVAL,
            libc::ENOTSOCK,
            libc::EOPNOTSUPP,
            libc::EAGAIN,
            libc::EINTR,
            libc::EPERM,
        ] {
            assert_eq!(fault(Errno::from_raw_os_error(raw)), Fault::Call, "{raw}");
        }
    }
}
