//! The port of `timeouts.py`: timeouts around any code, nested, moved, and told apart from other cancellations.

use std::error::Error;
use std::time::Duration;

use cede::time::{now, timeout_with};
use cede::{Elapsed, catch_cancelled, sleep, spawn, timeout};

const TICK: Duration = Duration::from_millis(30);

fn read(name: &str, ticks: u32) -> u32 {
    if let Err(cancelled) = catch_cancelled(|| sleep(ticks * TICK)) {
        println!("{name} is interrupted");
        cancelled.resume();
    }
    println!("{name} is read");
    ticks
}

fn simple() -> Result<(), Elapsed> {
    let ticks = timeout(4 * TICK, || read("a short text", 2))?;
    println!("in time, it took {ticks}");
    if let Err(Elapsed { .. }) = timeout(2 * TICK, || read("a long text", 9)) {
        println!("too late");
    }
    Ok(())
}

fn nested() {
    let outer = timeout(5 * TICK, || {
        let inner = timeout(2 * TICK, || read("the inner text", 9));
        if inner.is_err() {
            println!("the inner time is up");
        }
        read("the outer text", 9)
    });
    if outer.is_err() {
        println!("the outer time is up");
    }
}

fn moved() {
    let whole = timeout_with(Some(now() + 3 * TICK), |deadline| {
        for part in [1, 2, 3] {
            read(&format!("part {part}"), 2 * part);
            deadline.reschedule(Some(now() + 5 * TICK)).expect("it has not fired");
        }
    });
    if whole.is_err() {
        println!("no progress");
    }
}

fn patient() -> Result<u32, Elapsed> {
    timeout(9 * TICK, || read("a text nobody wants", 20))
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    simple()?;
    nested();
    moved();
    let task = spawn(patient);
    sleep(2 * TICK);
    task.cancel();
    match task.join() {
        Ok(Err(Elapsed { .. })) => println!("the time was up"),
        Err(error) if error.is_cancelled() => println!("somebody else has cancelled it"),
        other => println!("{other:?}"),
    }
    Ok(())
}
