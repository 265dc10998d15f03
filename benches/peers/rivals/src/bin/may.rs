//! may. Everything starts from one root coroutine, so that coroutines are spawned on a worker.
//!
//! may has no bounded channel: its `pingpong` uses unbounded ones that never hold more than one message. They are `spsc`, the
//! faster ones, or `mpsc` where the environment has `PEER_MAY_MPSC`.

use std::env;
use std::io::{self, Read, Write};
use std::panic;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use may::coroutine::{JoinHandle, sleep, yield_now};
use may::go;
use may::net::{TcpListener, TcpStream};
use may::sync::{mpsc, spsc};
use peers::{
    ECHO_BUFFER, FOREVER, Peer, SETTLING, SLICES, check_worked, cpu_time, memory, rounds_of_slice, sleeps,
    sum_below, tasks_of_tree, timed, unsupported, work,
};

/// Runs `f` in a coroutine, on so many workers.
fn on_worker<T: Send + 'static>(threads: u64, f: impl FnOnce() -> T + Send + 'static) -> T {
    may::config().set_workers(threads as usize);
    go!(f).join().expect("no coroutine fails")
}

fn yields(tasks: u64, each: u64) {
    let spawned = (0..tasks).map(|_| {
        go!(move || {
            for _ in 0..each {
                yield_now();
            }
        })
    });
    for task in spawned.collect::<Vec<_>>() {
        task.join().expect("no coroutine fails");
    }
}

fn spawns(tasks: u64, batch: u64) {
    let mut sum = 0;
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|number| go!(move || number));
        for task in spawned.collect::<Vec<_>>() {
            sum += task.join().expect("no coroutine fails");
        }
    }
    assert_eq!(sum, sum_below(tasks));
}

macro_rules! messages_through {
    ($channel:ident, $messages:expr) => {{
        let messages = $messages;
        let (there, inbox) = $channel::channel::<u64>();
        let (outbox, back) = $channel::channel::<u64>();
        let ping = go!(move || {
            for number in 0..messages / 2 {
                there.send(number).expect("the other end is open");
                assert_eq!(back.recv(), Ok(number));
            }
        });
        let pong = go!(move || {
            for _ in 0..messages / 2 {
                let number = inbox.recv().expect("the other end is open");
                outbox.send(number).expect("the other end is open");
            }
        });
        ping.join().expect("no coroutine fails");
        pong.join().expect("no coroutine fails");
    }};
}

fn messages(messages: u64) {
    match env::var_os("PEER_MAY_MPSC") {
        Some(_) => messages_through!(mpsc, messages),
        None => messages_through!(spsc, messages),
    }
}

fn tree(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let spawn = |child| go!(move || tree(first + child * part, part));
    let children: Vec<JoinHandle<u64>> = (0..10).map(spawn).collect();
    children.into_iter().map(|child| child.join().expect("no coroutine fails")).sum()
}

fn skynet(leaves: u64, times: u64) -> Duration {
    let mut last = Duration::ZERO;
    for _ in 0..times {
        let (sum, took) = timed(|| go!(move || tree(0, leaves)).join().expect("no coroutine fails"));
        assert_eq!(sum, sum_below(leaves));
        last = took;
    }
    last
}

fn uneven(task: u64) -> u64 {
    let mut state = task;
    for _ in 0..SLICES {
        state = work(state, rounds_of_slice(task));
        yield_now();
    }
    state
}

fn skew(tasks: u64, batch: u64) {
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|task| go!(move || uneven(task))).collect::<Vec<_>>();
        let results = spawned.into_iter().map(|task| task.join().expect("no coroutine fails"));
        check_worked(first, &results.collect::<Vec<_>>());
    }
}

fn idle(peer: &Peer, tasks: u64) -> ! {
    let begun = Arc::new(AtomicU64::new(0));
    let before = memory();
    for _ in 0..tasks {
        let begun = Arc::clone(&begun);
        go!(move || {
            begun.fetch_add(1, Relaxed);
            sleep(FOREVER);
        });
    }
    // One that yields would keep the worker for itself, and the others would never begin.
    while begun.load(Relaxed) < tasks {
        sleep(Duration::from_millis(10));
    }
    sleep(SETTLING);
    peer.report_memory(tasks, memory() - before);
    process::exit(0)
}

fn timers(peer: &Peer, tasks: u64) {
    let before = cpu_time();
    let ((), took) = timed(|| {
        let spawned = sleeps(tasks).map(|length| go!(move || sleep(length)));
        for task in spawned.collect::<Vec<_>>() {
            task.join().expect("no coroutine fails");
        }
    });
    peer.report_cpu(tasks, cpu_time() - before, took);
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; ECHO_BUFFER];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

fn serve(peer: &Peer) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16))?;
    peer.ready();
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        go!(move || drop(echo(stream)));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    // A coroutine that panics would leave others waiting for it.
    panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        process::abort()
    }));
    let peer = Peer::from_command_line("may");
    let first = peer.number(0);
    match peer.workload() {
        "yield" => {
            let each = peer.number(1);
            peer.report(first * each, on_worker(1, move || timed(|| yields(first, each)).1));
        }
        "spawn" => {
            let batch = peer.number(2);
            peer.report(first, on_worker(peer.number(1), move || timed(|| spawns(first, batch)).1));
        }
        "pingpong" => {
            peer.report(first, on_worker(peer.number(1), move || timed(|| messages(first)).1));
        }
        "skynet" => {
            let times = peer.number(2);
            let took = on_worker(peer.number(1), move || skynet(first, times));
            peer.report(tasks_of_tree(first), took);
        }
        "skew" => {
            let batch = peer.number(2);
            peer.report(first, on_worker(peer.number(1), move || timed(|| skew(first, batch)).1));
        }
        "idle" => on_worker(1, move || idle(&peer, first)),
        "timers" => on_worker(peer.number(1), move || timers(&peer, first)),
        "echo" => on_worker(peer.number(1), move || serve(&peer))?,
        _ => unsupported(),
    }
    Ok(())
}
