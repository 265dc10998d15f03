//! Many datagrams with one call of the system.
//!
//! Linux has `recvmmsg` and `sendmmsg`; elsewhere the datagrams are taken one by one, as long as there are any. Both are asked not to
//! wait, so a batch holds what is there, and nobody waits for it to become full.
//!
//! All buffers of a batch are one allocation, which is made once and used again.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// How many datagrams one call takes.
pub(super) const COUNT_MAX: usize = 1024;

/// Room for several datagrams, for [`UdpSocket::recv_batch`](super::UdpSocket::recv_batch).
pub struct DatagramBatch {
    data: Vec<u8>,
    /// How much room each has.
    size: usize,
    room: usize,
    /// What the system fills in.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    addresses: Vec<libc::sockaddr_storage>,
    /// Those that came.
    received: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// In its place in the buffer.
    length: usize,
    /// It was longer.
    truncated: bool,
    peer: SocketAddr,
}

/// A datagram of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// What came.
    pub data: &'a [u8],
    /// From where.
    pub peer: SocketAddr,
    /// Whether it was longer than its room, and cut off.
    pub truncated: bool,
}

impl DatagramBatch {
    /// Room for `count` datagrams of up to `size` bytes. At most 1024 are taken at a time.
    ///
    /// # Panics
    ///
    /// Panics when `count` is zero, and when so much memory can't exist.
    pub fn new(count: usize, size: usize) -> Self {
        assert!(count > 0, "cede: a batch without room receives nothing");
        let room = count.min(COUNT_MAX);
        let length = room.checked_mul(size).expect("a batch that fits into memory");
        DatagramBatch {
            data: vec![0; length],
            size,
            room,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            addresses: system::no_addresses(room),
            received: Vec::with_capacity(room),
        }
    }

    /// How many datagrams there are.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The datagrams that came, in their order.
    pub fn iter(&self) -> Datagrams<'_> {
        Datagrams { batch: self, next: 0 }
    }
}

impl<'a> IntoIterator for &'a DatagramBatch {
    type Item = Datagram<'a>;
    type IntoIter = Datagrams<'a>;

    fn into_iter(self) -> Datagrams<'a> {
        self.iter()
    }
}

impl fmt::Debug for DatagramBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The datagrams of a batch; from [`DatagramBatch::iter`].
#[derive(Debug, Clone)]
pub struct Datagrams<'a> {
    batch: &'a DatagramBatch,
    next: usize,
}

impl<'a> Iterator for Datagrams<'a> {
    type Item = Datagram<'a>;

    fn next(&mut self) -> Option<Datagram<'a>> {
        let Entry { length, truncated, peer } = *self.batch.received.get(self.next)?;
        let data = &self.batch.data[self.next * self.batch.size..][..length];
        self.next += 1;
        Some(Datagram { data, peer, truncated })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Datagrams<'_> {}

impl FusedIterator for Datagrams<'_> {}

pub(super) use system::{receive, send};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::mem::{self, MaybeUninit};
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
    use std::os::fd::AsRawFd;

    use super::*;

    /// Places for addresses.
    pub(super) fn no_addresses(count: usize) -> Vec<libc::sockaddr_storage> {
        // SAFETY: plain data of C, for which zeros are a value.
        vec![unsafe { mem::zeroed() }; count]
    }

    /// Takes what is there.
    pub(in super::super) fn receive(socket: BorrowedFd<'_>, batch: &mut DatagramBatch) -> io::Result<usize> {
        batch.received.clear();
        let (room, size) = (batch.room, batch.size);
        let data = batch.data.as_mut_ptr();
        let mut parts: Vec<libc::iovec> = (0..room)
            .map(|i| libc::iovec { iov_base: data.wrapping_add(i * size).cast(), iov_len: size })
            .collect();
        let (addresses, parts) = (batch.addresses.as_mut_ptr(), parts.as_mut_ptr());
        // SAFETY: plain data of C, for which zeros are a value.
        let mut messages: Vec<libc::mmsghdr> = (0..room).map(|_| unsafe { mem::zeroed() }).collect();
        for (i, message) in messages.iter_mut().enumerate() {
            message.msg_hdr.msg_name = addresses.wrapping_add(i).cast();
            message.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as _;
            message.msg_hdr.msg_iov = parts.wrapping_add(i);
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the kernel writes into `messages`, and through them into the addresses and the buffers of the batch, of which
        // each has `size` bytes; all of them live across the call, and nothing else uses them meanwhile.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                room as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else { return Err(io::Error::last_os_error()) };
        for (message, address) in messages[..count].iter().zip(&batch.addresses) {
            let length = size.min(message.msg_len as usize);
            let truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let peer = decode(address).ok_or_else(|| io::Error::other("an address of another kind"))?;
            batch.received.push(Entry { length, truncated, peer });
        }
        Ok(count)
    }

    /// Sends as many as there is room for.
    pub(in super::super) fn send(
        socket: BorrowedFd<'_>,
        datagrams: &[(&[u8], SocketAddr)],
    ) -> io::Result<usize> {
        let (mut addresses, lengths): (Vec<_>, Vec<_>) =
            datagrams.iter().map(|(_, peer)| encode(peer)).unzip();
        let mut parts: Vec<libc::iovec> = datagrams
            .iter()
            .map(|(data, _)| libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() })
            .collect();
        let (addresses, parts) = (addresses.as_mut_ptr(), parts.as_mut_ptr());
        // SAFETY: plain data of C, for which zeros are a value.
        let mut messages: Vec<libc::mmsghdr> = datagrams.iter().map(|_| unsafe { mem::zeroed() }).collect();
        for (i, message) in messages.iter_mut().enumerate() {
            message.msg_hdr.msg_name = addresses.wrapping_add(i).cast();
            message.msg_hdr.msg_namelen = lengths[i];
            message.msg_hdr.msg_iov = parts.wrapping_add(i);
            message.msg_hdr.msg_iovlen = 1;
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the kernel reads the addresses and the data, and writes the lengths into `messages`; all of them live across the call.
        let count = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                messages.len() as libc::c_uint,
                flags as _,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn decode(address: &libc::sockaddr_storage) -> Option<SocketAddr> {
        match i32::from(address.ss_family) {
            libc::AF_INET => {
                // SAFETY: what begins with this family is such an address, and the storage is large and aligned enough for it.
                let address = unsafe { &*(&raw const *address).cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let address = unsafe { &*(&raw const *address).cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
                let port = u16::from_be(address.sin6_port);
                Some(SocketAddrV6::new(ip, port, address.sin6_flowinfo, address.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    fn encode(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
        let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
        let length = match address {
            SocketAddr::V4(address) => {
                // SAFETY: the storage is large and aligned enough for any address, and zeros are one.
                let place = unsafe { &mut *storage.as_mut_ptr().cast::<libc::sockaddr_in>() };
                place.sin_family = libc::AF_INET as _;
                place.sin_port = address.port().to_be();
                place.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                mem::size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(address) => {
                // SAFETY: as above.
                let place = unsafe { &mut *storage.as_mut_ptr().cast::<libc::sockaddr_in6>() };
                place.sin6_family = libc::AF_INET6 as _;
                place.sin6_port = address.port().to_be();
                place.sin6_addr.s6_addr = address.ip().octets();
                place.sin6_flowinfo = address.flowinfo();
                place.sin6_scope_id = address.scope_id();
                mem::size_of::<libc::sockaddr_in6>()
            }
        };
        // SAFETY: plain data of C, all of it zeroed above and then written in part.
        (unsafe { storage.assume_init() }, length as libc::socklen_t)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn addresses_come_back_as_they_went() {
            for text in ["127.0.0.1:80", "255.1.2.3:65535", "[::1]:0", "[fe80::1%3]:8080"] {
                let address: SocketAddr = text.parse().unwrap();
                assert_eq!(decode(&encode(&address).0), Some(address));
            }
            // SAFETY: plain data of C, for which zeros are a value.
            assert_eq!(decode(&unsafe { mem::zeroed() }), None);
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::super::transfer::{RECEIVE, SEND};
    use super::*;

    /// Takes what is there, one by one.
    pub(in super::super) fn receive(socket: BorrowedFd<'_>, batch: &mut DatagramBatch) -> io::Result<usize> {
        batch.received.clear();
        while batch.len() < batch.room {
            let place = &mut batch.data[batch.received.len() * batch.size..][..batch.size];
            match rustix::net::recvfrom(socket, place, RECEIVE) {
                Ok((_, length, peer)) => {
                    let peer = peer.and_then(|peer| peer.try_into().ok());
                    let peer = peer.ok_or_else(|| io::Error::other("an address of another kind"))?;
                    let (length, truncated) = (length.min(batch.size), length > batch.size);
                    batch.received.push(Entry { length, truncated, peer });
                }
                Err(error) if batch.is_empty() => return Err(error.into()),
                Err(_) => break,
            }
        }
        Ok(batch.len())
    }

    /// Sends as many as there is room for, one by one.
    pub(in super::super) fn send(
        socket: BorrowedFd<'_>,
        datagrams: &[(&[u8], SocketAddr)],
    ) -> io::Result<usize> {
        let mut sent = 0;
        for (data, peer) in datagrams {
            match rustix::net::sendto(socket, data, SEND, peer) {
                Ok(_) => sent += 1,
                Err(error) if sent == 0 => return Err(error.into()),
                Err(_) => break,
            }
        }
        Ok(sent)
    }
}
