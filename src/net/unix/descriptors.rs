//! Descriptors that are passed along with data (`SCM_RIGHTS`).
//!
//! What is received gets the flag that closes it on exec at once, and room for as many as a message may carry, so that none is lost
//! for want of room. The system drops those for which this process has no number left, and says that it did.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SocketAddrAny, SocketAddrUnix, recvmsg, sendmsg, sendmsg_addr,
};

use super::super::transfer::{RECEIVE, SEND};

/// How many descriptors one message carries at most: the limit of Linux.
pub const DESCRIPTORS_MAX: usize = 253;

/// The room that they take in a message.
const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// What came with descriptors: from [`UnixStream::recv_with_descriptors`](super::UnixStream::recv_with_descriptors).
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedWithDescriptors {
    /// How many bytes were received; none at the end of a stream.
    pub length: usize,
    /// The descriptors that came with them. They are closed on exec.
    pub descriptors: Vec<OwnedFd>,
    /// Whether some were lost, since this process had no room for them.
    pub lost_descriptors: bool,
    /// Whether a datagram was longer than the buffer, and cut off.
    pub truncated: bool,
}

/// Sends data with descriptors; for a datagram, to an address.
pub(super) fn send(
    socket: impl AsFd,
    data: &[u8],
    descriptors: &[BorrowedFd<'_>],
    target: Option<&SocketAddrUnix>,
) -> io::Result<usize> {
    if descriptors.len() > DESCRIPTORS_MAX {
        let message =
            format!("a message carries {DESCRIPTORS_MAX} descriptors at most, not {}", descriptors.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        let fits = control.push(SendAncillaryMessage::ScmRights(descriptors));
        debug_assert!(fits, "there is room for as many as are allowed");
    }
    let data = [IoSlice::new(data)];
    Ok(match target {
        Some(target) => sendmsg_addr(socket, target, &data, &mut control, SEND)?,
        None => sendmsg(socket, &data, &mut control, SEND)?,
    })
}

/// Receives data with descriptors, and from where.
pub(super) fn receive(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<(ReceivedWithDescriptors, Option<SocketAddrAny>)> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    #[cfg(not(target_vendor = "apple"))]
    let flags = RECEIVE | RecvFlags::CMSG_CLOEXEC;
    #[cfg(target_vendor = "apple")]
    let flags: RecvFlags = RECEIVE;
    let message = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = part {
            descriptors.extend(received);
        }
    }
    #[cfg(target_vendor = "apple")]
    for descriptor in &descriptors {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    let received = ReceivedWithDescriptors {
        length: message.bytes,
        descriptors,
        lost_descriptors: message.flags.contains(ReturnFlags::CTRUNC),
        truncated: message.flags.contains(ReturnFlags::TRUNC),
    };
    Ok((received, message.address))
}
