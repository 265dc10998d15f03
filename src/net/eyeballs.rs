//! Happy eyeballs: when a name has several addresses, the next one is tried before the last one has failed.
//!
//! As RFC 8305 has it: the families take turns, the next address is tried when the last one has failed, or when it has said
//! nothing for a while (a quarter of a second by default), and the first connection that comes about is taken. The others are
//! cancelled, which closes their sockets.
//!
//! It knows nothing of sockets: how to connect is given to it, and so tests need no network and no time.
//!
//! Each attempt is a task of a scope. An operation that waits for any number of sockets at once would need no tasks, but would have to be
//! polled as a whole, and attempts that do more than connect (a handshake) could not be raced by it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::runtime::{park, reactor};
use crate::sync::mpsc;
use crate::task::scope;

/// How long an attempt is alone before the next one begins, as the RFC proposes.
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The addresses such that the families take turns, the family of the first address first.
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv4) else { return addresses };
    let (ours, theirs): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    let mut mixed = Vec::with_capacity(ours.len() + theirs.len());
    while ours.len() + theirs.len() > 0 {
        mixed.extend(ours.next().into_iter().chain(theirs.next()));
    }
    mixed
}

/// Connects to the first of the addresses that can be connected to. With no delay, an address is tried only when the one before it has failed.
pub(super) fn connect_first<T>(
    addresses: &[SocketAddr],
    delay: Option<Duration>,
    connect: &dyn Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let Some(delay) = delay.filter(|_| addresses.len() > 1) else {
        let mut errors = Vec::new();
        for &address in addresses {
            match connect(address) {
                Ok(value) => return Ok(value),
                Err(error) => errors.push(error),
            }
        }
        return Err(all_failed(errors));
    };
    if let Some(refusal) = park::refusal() {
        return Err(reactor::refused(refusal));
    }
    let raced = scope(|s| {
        let (sender, receiver) = mpsc::unbounded();
        let mut left = addresses.iter().copied();
        let (mut under_way, mut errors) = (0, Vec::new());
        let result = loop {
            if let Some(address) = left.next() {
                let sender = sender.clone();
                // Where the race is over, the connection is closed.
                s.spawn(move || drop(sender.send(connect(address))));
                under_way += 1;
            } else if under_way == 0 {
                break Err(all_failed(errors));
            }
            let outcome =
                if left.len() > 0 { receiver.recv_timeout(delay).ok() } else { receiver.recv().ok() };
            match outcome {
                Some(Ok(value)) => break Ok(value),
                Some(Err(error)) => {
                    under_way -= 1;
                    errors.push(error);
                }
                None => {}
            }
        };
        s.cancel();
        result
    });
    raced.unwrap_or_else(|error| Err(io::Error::other(error.to_string())))
}

/// One error for all attempts, of the kind of the last, which it also has as a source where that is the only one.
fn all_failed(mut errors: Vec<io::Error>) -> io::Error {
    match errors.len() {
        0 => io::Error::new(io::ErrorKind::InvalidInput, "there are no addresses to try"),
        1 => errors.remove(0),
        _ => {
            let kind = errors[errors.len() - 1].kind();
            let texts: Vec<_> = errors.iter().map(io::Error::to_string).collect();
            io::Error::new(kind, texts.join("; "))
        }
    }
}

#[cfg(test)]
mod tests;
