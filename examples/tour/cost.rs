//! Third chapter: what a value, a generator, a turn of a task and a task cost on this machine.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use cede::{Generator, Yielder, spawn, yield_now};

use crate::readable::count;

const VALUES: u64 = 1_000_000;
const GENERATORS: u64 = 50_000;
/// This many tasks let each other run, this often.
const PLAYERS: u64 = 100;
const TURNS: u64 = 1_000;
/// Tasks are spawned and joined by the thousand, this often.
const THOUSANDS: u64 = 50;
/// The best of several rounds is shown: whatever else the machine does only adds to it.
const ROUNDS: usize = 7;

/// Takes values from one generator, then makes and drops many; then the same for the turns of tasks, and tasks.
pub(crate) fn chapter(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n3. What it costs here: the best of {ROUNDS} rounds\n")?;
    let value = time_of(VALUES, || {
        let numbers = Generator::new(|y| count_up(VALUES, y));
        let sum: u64 = numbers.map(black_box).sum();
        assert_eq!(sum, VALUES * (VALUES - 1) / 2);
    });
    let generator = time_of(GENERATORS, || {
        for _ in 0..GENERATORS {
            let three = Generator::new(|y| count_up(3, y));
            assert_eq!(three.map(black_box).sum::<u64>(), 3);
        }
    });
    let turn =
        time_of(PLAYERS * TURNS, || cede::run(|| all(PLAYERS, || (0..TURNS).for_each(|_| yield_now()))));
    let task = time_of(THOUSANDS * 1_000, || cede::run(|| (0..THOUSANDS).for_each(|_| all(1_000, || ()))));
    writeln!(out, "   {value:>8.1} ns for a value, over {} of them", count(VALUES))?;
    writeln!(
        out,
        "   {generator:>8.1} ns for a generator of three values, made, run to its end and dropped"
    )?;
    writeln!(out, "   {turn:>8.1} ns for the turn of one among {PLAYERS} tasks")?;
    writeln!(out, "   {task:>8.1} ns for a task, spawned and joined among 1,000")?;
    if cfg!(debug_assertions) {
        writeln!(out, "   (without optimisation; `--release` gives figures that mean something)")?;
    }
    Ok(())
}

fn count_up(end: u64, y: &Yielder<u64>) {
    for number in 0..black_box(end) {
        y.yield_(number);
    }
}

/// Runs so many tasks of the same kind to their end.
fn all(number: u64, body: fn()) {
    let tasks: Vec<_> = (0..number).map(|_| spawn(body)).collect();
    tasks.iter().for_each(|task| task.join().expect("nothing cancels it"));
}

/// Nanoseconds for each of the `number` things that `work` does.
fn time_of(number: u64, work: impl Fn()) -> f64 {
    let round = |_| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let best = (0..ROUNDS).map(round).min().expect("there is at least one round");
    best.as_nanos() as f64 / number as f64
}
