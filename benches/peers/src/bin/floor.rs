//! The floors: a hand-written iterator, a page of memory for each task, threads that share out work by a counter, and servers that
//! are one bare loop over epoll.
//!
//! The servers wait at edges and know of the end of a stream by RDHUP, so that a request costs one read and one write, and a batch of
//! requests one wait: a read that was not filled has emptied its stream, and the next would only say so.
//!
//! They do no more than the workload asks for. They are what a peer can be measured by, not what it could be replaced by.

use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use peers::{ECHO_BUFFER, Peer, check_worked, cpu_time, memory, sum_below, timed, unsupported, worked};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};

/// What the `http` floor answers to everything.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

/// The least that an idle task can keep, when it has a stack.
const PAGE: usize = 4096;

struct Count {
    next: u64,
    end: u64,
}

impl Iterator for Count {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

fn values(values: u64) {
    let mut sum = 0u64;
    for value in (Count { next: 0, end: black_box(values) }) {
        sum = sum.wrapping_add(black_box(value));
    }
    assert_eq!(black_box(sum), sum_below(values));
}

fn generators(generators: u64) {
    for _ in 0..generators {
        let mut three = black_box(Count { next: 0, end: 3 });
        assert_eq!(three.by_ref().map(black_box).sum::<u64>(), 3);
        assert_eq!(black_box(three.next()), None);
    }
}

fn pages(tasks: u64) -> Vec<u8> {
    let mut pages = vec![0; tasks as usize * PAGE];
    pages.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    black_box(pages)
}

fn idle(peer: &Peer, tasks: u64) {
    let before = memory();
    let _pages = pages(tasks);
    peer.report_memory(tasks, memory() - before);
}

/// Without timers: what the first use of the page costs.
fn timers(peer: &Peer, tasks: u64) {
    let before = cpu_time();
    let (_pages, took) = timed(|| pages(tasks));
    peer.report_cpu(tasks, cpu_time() - before, took);
}

/// The work, without any tasks: the threads take the next number from a counter.
fn skew(tasks: u64, threads: u64) -> Vec<u64> {
    let next = AtomicU64::new(0);
    let results: Vec<_> = (0..tasks).map(|_| AtomicU64::new(0)).collect();
    let take = || {
        loop {
            let task = next.fetch_add(1, Relaxed);
            let Some(result) = results.get(task as usize) else { break };
            result.store(worked(task), Relaxed);
        }
    };
    thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(take)));
        take();
    });
    results.into_iter().map(AtomicU64::into_inner).collect()
}

/// Sends what answers this, in one write: small answers always have room here.
fn send_all(stream: &OwnedFd, answer: &[u8]) -> io::Result<()> {
    let sent = send(stream, answer, SendFlags::NOSIGNAL)?;
    if sent == answer.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

fn answer_echo(stream: &OwnedFd, received: &[u8]) -> io::Result<()> {
    send_all(stream, received)
}

fn answer_http(stream: &OwnedFd, received: &[u8]) -> io::Result<()> {
    if received.ends_with(b"\r\n\r\n") { send_all(stream, ANSWER) } else { Ok(()) }
}

/// Answers what there is to read. Gives whether the connection goes on.
fn answer_all(
    stream: &OwnedFd,
    is_ending: bool,
    buffer: &mut [u8],
    answer: impl Fn(&OwnedFd, &[u8]) -> io::Result<()>,
) -> bool {
    loop {
        match recv(stream, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return false,
            Ok((length, _)) => {
                if answer(stream, &buffer[..length]).is_err() {
                    return false;
                }
                if length < buffer.len() && !is_ending {
                    return true;
                }
            }
            Err(error) => return error == Errno::AGAIN,
        }
    }
}

fn accept_all(
    listener: &TcpListener,
    epoll: &OwnedFd,
    connections: &mut Vec<Option<OwnedFd>>,
) -> io::Result<()> {
    while let Ok(stream) = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
        sockopt::set_tcp_nodelay(&stream, true)?;
        let index = stream.as_raw_fd() as usize;
        let interest = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(index as u64), interest)?;
        connections.resize_with(connections.len().max(index + 1), || None);
        connections[index] = Some(stream);
    }
    Ok(())
}

fn serve(peer: &Peer, answer: impl Fn(&OwnedFd, &[u8]) -> io::Result<()> + Copy) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16))?;
    listener.set_nonblocking(true)?;
    let number = listener.as_raw_fd() as u64;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(number), EventFlags::IN)?;
    let mut connections = Vec::new();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(1024);
    let mut buffer = [0; ECHO_BUFFER];
    peer.ready();
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let (key, flags) = (event.data.u64(), event.flags);
            if key == number {
                accept_all(&listener, &epoll, &mut connections)?;
                continue;
            }
            let connection = &mut connections[key as usize];
            let Some(stream) = connection else { continue };
            let ending = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            if !answer_all(stream, flags.intersects(ending), &mut buffer, answer) {
                *connection = None;
            }
        }
    }
}

fn main() -> io::Result<()> {
    let peer = Peer::from_command_line("floor");
    match peer.workload() {
        "gen" => peer.report(peer.number(0), timed(|| values(peer.number(0))).1),
        "gennew" => peer.report(peer.number(0), timed(|| generators(peer.number(0))).1),
        "idle" => idle(&peer, peer.number(0)),
        "timers" if peer.number(1) == 1 => timers(&peer, peer.number(0)),
        "skew" => {
            let (results, took) = timed(|| skew(peer.number(0), peer.number(1)));
            check_worked(0, &results);
            peer.report(peer.number(0), took);
        }
        "echo" if peer.number(1) == 1 => serve(&peer, answer_echo)?,
        "http" if peer.number(1) == 1 => serve(&peer, answer_http)?,
        _ => unsupported(),
    }
    Ok(())
}
