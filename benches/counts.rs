//! The routines whose instructions `.ci/counts` counts: what must not grow unnoticed, whatever the machine.
//!
//! `counts NAME N` carries out N units of one routine. The script runs each twice under valgrind, with few units and with many,
//! and divides the difference, so that neither the start nor the end of a run is in the figure. Without a name each routine
//! is carried out once, which is what `cargo bench --bench counts` does. `.ci/syscalls` counts the system calls of `echo` in the same way.

use std::hint::black_box;
use std::io::{Read, Write};

use cede::net::{TcpListener, TcpStream};
use cede::sync::{Mutex, Queue, mpsc};
use cede::{Generator, Yielder};

/// Does so many units.
type Routine = fn(u64);

/// What the routines are called.
const ROUTINES: &[(&str, Routine)] = &[
    ("next", next),
    ("generator", generator),
    ("yield", yields),
    ("spawn_join", spawn_join),
    ("lock", lock),
    ("queue", queue),
    ("channel", channel),
    ("sleep", sleep),
    ("echo", echo),
];

/// One value of a generator.
fn next(units: u64) {
    let mut numbers = Generator::new(|y: &Yielder<u64>| (0..u64::MAX).for_each(|n| y.yield_(n)));
    let sum: u64 =
        numbers.by_ref().take(usize::try_from(units).expect("fewer than the memory has bytes")).sum();
    black_box(sum);
}

/// A generator made, run to its end after three values, and dropped.
fn generator(units: u64) {
    for _ in 0..units {
        black_box(Generator::new(|y: &Yielder<u64>| (0..3).for_each(|n| y.yield_(n))).sum::<u64>());
    }
}

/// A turn of one task among a hundred.
fn yields(units: u64) {
    cede::run(|| {
        let tasks: Vec<_> = (0..100)
            .map(|_| cede::spawn(move || (0..units.div_ceil(100)).for_each(|_| cede::yield_now())))
            .collect();
        tasks.iter().for_each(|task| task.join().expect("no task fails"));
    });
}

/// A task spawned and joined, in batches of a hundred.
fn spawn_join(units: u64) {
    cede::run(|| {
        for _ in 0..units.div_ceil(100) {
            let tasks: Vec<_> = (0..100u64).map(|n| cede::spawn(move || black_box(n))).collect();
            tasks.iter().for_each(|task| drop(black_box(task.join())));
        }
    });
}

/// A lock taken and released that nobody else wants.
fn lock(units: u64) {
    let mutex = Mutex::new(0);
    cede::run(|| (0..units).for_each(|n| *black_box(&mutex).lock() += n));
}

/// An item put and got without waiting.
fn queue(units: u64) {
    let queue = Queue::bounded(2);
    cede::run(|| {
        for n in 0..units {
            black_box(&queue).put(n).expect("it is open");
            black_box(queue.get().expect("it is open"));
        }
    });
}

/// A message to another task, which waits for it.
fn channel(units: u64) {
    let (sender, receiver) = mpsc::bounded(1);
    cede::run(|| {
        let sum = cede::spawn(move || receiver.iter().sum::<u64>());
        for n in 0..units {
            sender.send(n).expect("the receiver is there");
        }
        drop(sender);
        black_box(sum.join().expect("no task fails"));
    });
}

/// A sleep under virtual time.
fn sleep(units: u64) {
    let runner = cede::Runner::builder().virtual_time(true).build();
    let slept = runner.run(|| (0..units).for_each(|_| cede::sleep(std::time::Duration::from_millis(1))));
    slept.expect("nothing goes wrong");
}

/// A message of 64 bytes to another task over TCP and back, one of as many at a time as there are connections. Both ends count.
fn echo(units: u64) {
    const CONNECTIONS: u64 = 64;
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let client = cede::spawn(move || {
                    let mut stream = TcpStream::connect(address).expect("it listens");
                    // Larger than the answer: a read that fills its buffer has to be followed by another.
                    let mut buffer = [0; 4096];
                    for _ in 0..units.div_ceil(CONNECTIONS) {
                        stream.write_all(&[1; 64]).expect("the other end is open");
                        assert_eq!(stream.read(&mut buffer).expect("the other end is open"), 64);
                    }
                });
                let (mut stream, _) = listener.accept().expect("somebody connects");
                cede::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        stream.write_all(&buffer[..length]).expect("the other end is open");
                    }
                });
                client
            })
            .collect();
        clients.iter().for_each(|client| client.join().expect("no task fails"));
    });
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match &arguments[..] {
        [name, units] => {
            let units = units.parse().expect("a number of units");
            let routine = ROUTINES.iter().find(|routine| routine.0 == *name);
            let (_, routine) = routine.unwrap_or_else(|| panic!("there is no routine {name:?}"));
            routine(units);
        }
        _ => ROUTINES.iter().for_each(|(name, routine)| {
            println!("{name}");
            routine(100);
        }),
    }
}
