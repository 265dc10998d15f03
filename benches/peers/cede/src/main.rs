//! cede, as its documentation has it.

mod workers;

use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::process;
use std::rc::Rc;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream};
use cede::sync::mpsc;
use cede::{Generator, JoinHandle, Runner, Yielder};
use peers::{
    ECHO_BUFFER, FOREVER, Peer, SETTLING, SLICES, check_worked, cpu_time, memory, rounds_of_slice, sleeps,
    sum_below, tasks_of_tree, timed, unsupported, work,
};

/// For runs with a million tasks: the page tables of the default stacks would count for more than the tasks.
const SMALL_STACK_SIZE: usize = 64 * 1024;

fn with_small_stacks<T>(main: impl FnOnce() -> T) -> T {
    let runner = Runner::builder().stack_size(SMALL_STACK_SIZE).build();
    runner.run(main).expect("the run ends by itself")
}

fn values(values: u64) {
    let generator = Generator::new(move |y: &Yielder<u64>| {
        for value in 0..black_box(values) {
            y.yield_(value);
        }
    });
    let mut sum = 0u64;
    for value in generator {
        sum = sum.wrapping_add(black_box(value));
    }
    assert_eq!(sum, sum_below(values));
}

fn generators(generators: u64) {
    for _ in 0..generators {
        let three = Generator::new(|y: &Yielder<u64>| {
            for value in 0..3 {
                y.yield_(value);
            }
        });
        assert_eq!(three.map(black_box).sum::<u64>(), 3);
    }
}

fn yields(tasks: u64, each: u64) {
    let spawned = (0..tasks).map(|_| {
        cede::spawn(move || {
            for _ in 0..each {
                cede::yield_now();
            }
        })
    });
    for task in spawned.collect::<Vec<_>>() {
        task.join().expect("no task fails");
    }
}

fn spawns(tasks: u64, batch: u64) {
    let mut sum = 0;
    for first in (0..tasks).step_by(batch as usize) {
        let spawned = (first..first + batch).map(|number| cede::spawn(move || number));
        for task in spawned.collect::<Vec<_>>() {
            sum += task.join().expect("no task fails");
        }
    }
    assert_eq!(sum, sum_below(tasks));
}

fn messages(messages: u64) {
    let (there, inbox) = mpsc::bounded(1);
    let (outbox, back) = mpsc::bounded(1);
    let ping = cede::spawn(move || {
        for number in 0..messages / 2 {
            there.send(number).expect("the other end is open");
            assert_eq!(back.recv(), Ok(number));
        }
    });
    let pong = cede::spawn(move || {
        for _ in 0..messages / 2 {
            let number = inbox.recv().expect("the other end is open");
            outbox.send(number).expect("the other end is open");
        }
    });
    ping.join().expect("no task fails");
    pong.join().expect("no task fails");
}

fn tree(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let part = leaves / 10;
    let spawn = |child| cede::spawn(move || tree(first + child * part, part));
    let children: Vec<JoinHandle<u64>> = (0..10).map(spawn).collect();
    children.into_iter().map(|child| child.join().expect("no task fails")).sum()
}

fn skynet(leaves: u64, times: u64) -> Duration {
    let mut last = Duration::ZERO;
    for _ in 0..times {
        let (sum, took) = timed(|| cede::spawn(move || tree(0, leaves)).join().expect("no task fails"));
        assert_eq!(sum, sum_below(leaves));
        last = took;
    }
    last
}

fn uneven(task: u64) -> u64 {
    let mut state = task;
    for _ in 0..SLICES {
        state = work(state, rounds_of_slice(task));
        cede::yield_now();
    }
    state
}

fn skew(tasks: u64, batch: u64) {
    for first in (0..tasks).step_by(batch as usize) {
        let spawned =
            (first..first + batch).map(|task| cede::spawn(move || uneven(task))).collect::<Vec<_>>();
        let results = spawned.into_iter().map(|task| task.join().expect("no task fails"));
        check_worked(first, &results.collect::<Vec<_>>());
    }
}

fn idle(peer: &Peer, tasks: u64) -> ! {
    let begun = Rc::new(Cell::new(0));
    let before = memory();
    for _ in 0..tasks {
        let begun = Rc::clone(&begun);
        cede::spawn(move || {
            begun.set(begun.get() + 1);
            cede::sleep(FOREVER);
        });
    }
    while begun.get() < tasks {
        cede::yield_now();
    }
    cede::sleep(SETTLING);
    peer.report_memory(tasks, memory() - before);
    process::exit(0)
}

fn timers(peer: &Peer, tasks: u64) {
    let before = cpu_time();
    let ((), took) = timed(|| {
        let spawned = sleeps(tasks).map(|length| cede::spawn(move || cede::sleep(length)));
        for task in spawned.collect::<Vec<_>>() {
            task.join().expect("no task fails");
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
        // A connection that its client resets ends its task alone.
        cede::spawn(move || drop(echo(stream)));
    }
    Ok(())
}

/// What has no number of threads.
fn on_one_thread(peer: &Peer) {
    let first = peer.number(0);
    match peer.workload() {
        "gen" => peer.report(first, timed(|| values(first)).1),
        "gennew" => peer.report(first, timed(|| generators(first)).1),
        "yield" => {
            let each = peer.number(1);
            peer.report(first * each, cede::run(|| timed(|| yields(first, each)).1));
        }
        "idle" => with_small_stacks(|| idle(peer, first)),
        _ => unsupported(),
    }
}

fn main() -> io::Result<()> {
    let peer = Peer::from_command_line("cede");
    let first = peer.number(0);
    let threads = match peer.workload() {
        "spawn" | "pingpong" | "skynet" | "skew" | "timers" | "echo" => peer.number(1),
        _ => {
            on_one_thread(&peer);
            return Ok(());
        }
    };
    match (peer.workload(), threads) {
        ("spawn", 1) => peer.report(first, cede::run(|| timed(|| spawns(first, peer.number(2))).1)),
        ("spawn", _) => {
            peer.report(first, workers::on(threads, || timed(|| workers::spawns(first, peer.number(2))).1));
        }
        ("pingpong", 1) => peer.report(first, cede::run(|| timed(|| messages(first)).1)),
        ("pingpong", _) => peer.report(first, workers::on(threads, || timed(|| workers::messages(first)).1)),
        ("skynet", 1) => {
            let times = peer.number(2);
            peer.report(tasks_of_tree(first), with_small_stacks(|| skynet(first, times)));
        }
        ("skynet", _) => {
            let times = peer.number(2);
            peer.report(tasks_of_tree(first), workers::on(threads, || workers::skynet(first, times)));
        }
        ("skew", 1) => peer.report(first, cede::run(|| timed(|| skew(first, peer.number(2))).1)),
        ("skew", _) => {
            peer.report(first, workers::on(threads, || timed(|| workers::skew(first, peer.number(2))).1));
        }
        ("timers", 1) => with_small_stacks(|| timers(&peer, first)),
        ("echo", 1) => cede::run(|| serve(&peer))?,
        ("echo", _) => workers::on(threads, || workers::serve(&peer))?,
        _ => unsupported(),
    }
    Ok(())
}
