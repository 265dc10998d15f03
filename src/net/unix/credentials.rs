//! Who is at the other end of a Unix socket, as the system says.

use std::io;
use std::os::fd::AsFd;

/// The process that connected, or made the pair, at that time: the system vouches for it.
///
/// # Examples
///
/// ```
/// use cede::net::UnixStream;
///
/// cede::run(|| -> std::io::Result<()> {
///     let (ours, _theirs) = UnixStream::pair()?;
///     let peer = ours.peer_cred()?;
///     assert!(peer.pid.is_none_or(|pid| pid == std::process::id()));
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// Its number, on systems that say it. It may have ended, and its number been used again.
    pub pid: Option<u32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_peer(socket: impl AsFd) -> io::Result<PeerCredentials> {
    let peer = rustix::net::sockopt::socket_peercred(socket)?;
    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).ok();
    Ok(PeerCredentials { pid, uid: peer.uid.as_raw(), gid: peer.gid.as_raw() })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn of_peer(socket: impl AsFd) -> io::Result<PeerCredentials> {
    use std::os::fd::AsRawFd;
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the system writes the two numbers, which live across the call.
    match unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &mut uid, &mut gid) } {
        0 => Ok(PeerCredentials { pid: None, uid, gid }),
        _ => Err(io::Error::last_os_error()),
    }
}
