//! Signals to the group that a child leads, also when the child itself has ended: a shell may, and what it has started goes on.
//!
//! A group has the number of the process that has made it. The system gives that number to nobody else as long as anybody is in the group or the
//! leader was not waited for; afterwards a stranger may have it. So a signal by number is right only while the leader's status has not
//! been taken. The descriptor of the leader stands for its group even later, where the system knows that (Linux 6.9).

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::process::Pid;

/// The group of a process. None where it has gone, and where that group is one that this process can't see: in a container it may have begun
/// outside.
pub(super) fn of(process: Pid) -> Option<Pid> {
    // SAFETY: has no preconditions.
    let group = unsafe { libc::getpgid(process.as_raw_nonzero().get()) };
    if group > 0 { Pid::from_raw(group) } else { None }
}

/// Sends a signal to the group whose leader the descriptor stands for; 0 asks whether anybody is in it.
///
/// # Errors
///
/// `INVAL` or `NOSYS` where the system does not know this; `SRCH` where nobody is left in the group.
#[cfg(target_os = "linux")]
pub(super) fn signal_by_descriptor(leader: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;

    /// `PIDFD_SIGNAL_PROCESS_GROUP` of `linux/pidfd.h`.
    const WHOLE_GROUP: libc::c_uint = 1 << 2;
    // SAFETY: the descriptor is open, and the call touches no memory: there is no siginfo.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            leader.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            WHOLE_GROUP,
        )
    };
    if sent == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn signal_by_descriptor(_: BorrowedFd<'_>, _: i32) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
