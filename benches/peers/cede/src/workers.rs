//! The workloads for several threads: a runtime with so many workers, and tasks that any of them may begin.

use std::io;
use std::time::Duration;

use cede::net::TcpListener;
use cede::sync::mpsc;
use cede::{RemoteJoinHandle, Runtime};
use peers::{Peer, check_worked, sum_below, timed};

use super::{SMALL_STACK_SIZE, echo, uneven};

/// Runs `main` on so many workers.
pub(crate) fn on<T>(workers: u64, main: impl FnOnce() -> T) -> T {
    let builder = Runtime::builder().workers(workers as usize).stack_size(SMALL_STACK_SIZE);
    builder.build().expect("workers").run(main).expect("the run ends by itself")
}

fn joined<T>(tasks: Vec<RemoteJoinHandle<T>>) -> Vec<T> {
    tasks.into_iter().map(|task| task.join().expect("no task fails")).collect()
}

pub(crate) fn spawns(tasks: u64, batch: u64) {
    let mut sum = 0;
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|number| cede::spawn_any(move || number));
        sum += joined(spawned.collect()).iter().sum::<u64>();
    }
    assert_eq!(sum, sum_below(tasks));
}

pub(crate) fn messages(messages: u64) {
    let (there, inbox) = mpsc::bounded(1);
    let (outbox, back) = mpsc::bounded(1);
    let ping = cede::spawn_any(move || {
        for number in 0..messages / 2 {
            there.send(number).expect("the other end is open");
            assert_eq!(back.recv(), Ok(number));
        }
    });
    let pong = cede::spawn_any(move || {
        for _ in 0..messages / 2 {
            let number = inbox.recv().expect("the other end is open");
            outbox.send(number).expect("the other end is open");
        }
    });
    joined(vec![ping, pong]);
}

fn tree(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let spawn = |child| cede::spawn_any(move || tree(first + child * part, part));
    joined((0..10).map(spawn).collect()).iter().sum()
}

pub(crate) fn skynet(leaves: u64, times: u64) -> Duration {
    let mut last = Duration::ZERO;
    for _ in 0..times {
        let (sum, took) = timed(|| tree(0, leaves));
        assert_eq!(sum, sum_below(leaves));
        last = took;
    }
    last
}

pub(crate) fn skew(tasks: u64, batch: u64) {
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|task| cede::spawn_any(move || uneven(task)));
        check_worked(first, &joined(spawned.collect()));
    }
}

/// Each connection is served by the worker that is free when it comes.
pub(crate) fn serve(peer: &Peer) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", peer.number(0) as u16))?;
    peer.ready();
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        cede::spawn_any(move || drop(echo(stream)));
    }
    Ok(())
}
