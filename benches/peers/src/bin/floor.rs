//! The floors: a hand-written iterator, a page of memory for each task, and servers that are one bare loop over epoll.
//!
//! They do no more than the workload asks for. They are what a peer can be measured by, not what it could be replaced by.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use peers::{ECHO_BUFFER, Peer, cpu_time, memory, sum_below, timed, unsupported};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;

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

fn answer_echo(stream: &mut TcpStream, received: &[u8]) -> io::Result<()> {
    stream.write_all(received)
}

fn answer_http(stream: &mut TcpStream, received: &[u8]) -> io::Result<()> {
    if received.ends_with(b"\r\n\r\n") { stream.write_all(ANSWER) } else { Ok(()) }
}

fn serve(peer: &Peer, answer: impl Fn(&mut TcpStream, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16))?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let key = |descriptor: i32| epoll::EventData::new_u64(descriptor as u64);
    epoll::add(&epoll, &listener, key(listener.as_raw_fd()), epoll::EventFlags::IN)?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let mut buffer = [0; ECHO_BUFFER];
    peer.ready();
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let index = event.data.u64() as usize;
            if index == listener.as_raw_fd() as usize {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    let index = stream.as_raw_fd() as usize;
                    epoll::add(&epoll, &stream, key(index as i32), epoll::EventFlags::IN)?;
                    connections.resize_with(connections.len().max(index + 1), || None);
                    connections[index] = Some(stream);
                }
                continue;
            }
            let Some(stream) = &mut connections[index] else { continue };
            let going_on = match stream.read(&mut buffer) {
                Ok(0) => false,
                Ok(length) => answer(stream, &buffer[..length]).is_ok(),
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            if !going_on {
                connections[index] = None;
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
        "echo" if peer.number(1) == 1 => serve(&peer, answer_echo)?,
        "http" if peer.number(1) == 1 => serve(&peer, answer_http)?,
        _ => unsupported(),
    }
    Ok(())
}
