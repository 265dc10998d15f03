//! Fifth chapter: an echo server and a thousand clients, all in one thread, over real sockets.
//!
//! Each connection has a task at either end, written as if it were alone. What echoes is `io::copy` of std, which has never
//! heard of tasks: a read that finds nothing suspends the task that it runs in.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cede::net::{TcpListener, TcpStream};
use cede::{GroupError, scope, try_scope};

use crate::readable::{bytes, count, counted, duration, per_second};

const CLIENTS: usize = 1_000;
const REQUESTS: usize = 100;
const MESSAGE: [u8; 64] = *b"Whatever is said here is said again by a task of the same thread";

/// Descriptors for all else that the process has open.
const SPARE_DESCRIPTORS: usize = 64;

/// Runs server and clients to their end, and says how long it took.
pub(crate) fn chapter(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "\n5. An echo server and its clients, in one thread, over real sockets\n")?;
    let clients = CLIENTS.min(descriptor_limit().saturating_sub(SPARE_DESCRIPTORS) / 2);
    if clients < CLIENTS {
        writeln!(out, "   (the limit of open files allows no more clients; `ulimit -n` raises it)")?;
    }
    let took = cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let exchange = try_scope(|s| {
            s.try_spawn(|| serve(&listener, clients));
            all_clients(clients, address)
        });
        Ok::<Duration, Box<dyn Error>>(exchange?)
    })?;

    let requests = (clients * REQUESTS) as u64;
    let message = bytes(MESSAGE.len() as u64);
    writeln!(
        out,
        "   {} sent {} of {message} each and had every one back, in {}",
        counted(clients as u64, "client", "clients"),
        counted(REQUESTS as u64, "request", "requests"),
        duration(took)
    )?;
    writeln!(out, "   {} requests/s, with both ends in this thread", count(per_second(requests, took)))?;
    writeln!(out, "   {} tasks had stacks at once", count(cede::stack::stats().high_water as u64))?;
    Ok(())
}

/// Takes in so many connections, and gives each one a task of its own.
fn serve(listener: &TcpListener, connections: usize) -> Result<(), GroupError> {
    try_scope(|s| {
        for stream in listener.incoming().take(connections) {
            let stream = stream?;
            stream.set_nodelay(true)?;
            s.try_spawn(move || io::copy(&mut &stream, &mut &stream));
        }
        Ok::<_, io::Error>(())
    })
}

/// Runs all clients at once; gives the time from the first connection to the last answer.
fn all_clients(clients: usize, server: SocketAddr) -> Result<Duration, GroupError> {
    let begin = Instant::now();
    scope(|s| {
        for _ in 0..clients {
            s.try_spawn(move || client(server));
        }
    })?;
    Ok(begin.elapsed())
}

/// Sends its requests one after the other, and looks at each answer.
fn client(server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut answer = [0; MESSAGE.len()];
    for _ in 0..REQUESTS {
        stream.write_all(&MESSAGE)?;
        stream.read_exact(&mut answer)?;
        if answer != MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the echo is not what was said"));
        }
    }
    Ok(())
}

/// How many files this process may have open; where that can't be seen, what most systems allow at least.
fn descriptor_limit() -> usize {
    const LEAST: usize = 256;
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?
            .split_whitespace()
            .next()
            .map(|soft| soft.parse().unwrap_or(usize::MAX))
    });
    soft.unwrap_or(LEAST)
}
