//! The routines whose instructions `.ci/counts` counts: what must not grow unnoticed, whatever the machine.
//!
//! `counts NAME N` carries out N units of one routine. The script runs each twice under valgrind, with few units and with many,
//! and divides the difference, so that neither the start nor the end of a run is in the figure. Without a name each routine
//! is carried out once, which is what `cargo bench --bench counts` does.

use std::hint::black_box;

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
