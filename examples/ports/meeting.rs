//! The port of `meeting.py`: tasks that wait for what others do, and for each other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use cede::sync::{Barrier, BrokenBarrier, Condition, NotAcquired};
use cede::{scope, sleep};

const TICK: Duration = Duration::from_millis(25);

/// Room for two loaves.
struct Shelf {
    condition: Condition,
    loaves: RefCell<VecDeque<u32>>,
}

fn baker(shelf: &Shelf) -> Result<(), NotAcquired> {
    for loaf in 1..6 {
        sleep(TICK);
        let _held = shelf.condition.acquire();
        shelf.condition.wait_for(|| shelf.loaves.borrow().len() < 2)?;
        shelf.loaves.borrow_mut().push_back(loaf);
        println!("loaf {loaf} is on the shelf");
        shelf.condition.notify_all()?;
    }
    Ok(())
}

fn customer(name: &str, shelf: &Shelf, number: u32, pace: u32) -> Result<(), NotAcquired> {
    for _ in 0..number {
        {
            let _held = shelf.condition.acquire();
            shelf.condition.wait_for(|| !shelf.loaves.borrow().is_empty())?;
            let loaf = shelf.loaves.borrow_mut().pop_front().expect("there is one");
            println!("{name} takes loaf {loaf}");
            shelf.condition.notify_all()?;
        }
        sleep(pace * TICK);
    }
    Ok(())
}

fn hiker(name: &str, barrier: &Barrier, pace: u32) -> Result<(), BrokenBarrier> {
    for place in ["bridge", "summit"] {
        sleep(pace * TICK);
        println!("{name} is at the {place}");
        if barrier.wait()? == 2 {
            println!("{name} was the last");
        }
    }
    Ok(())
}

fn late(name: &str, barrier: &Barrier, ticks: u32) {
    sleep(ticks * TICK);
    if barrier.wait().is_err() {
        println!("{name} goes home");
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let shelf = Shelf { condition: Condition::new(), loaves: RefCell::default() };
    scope(|group| {
        group.try_spawn(|| customer("ann", &shelf, 3, 6));
        group.try_spawn(|| baker(&shelf));
        sleep(5 * TICK);
        group.try_spawn(|| customer("bob", &shelf, 2, 3));
    })?;
    println!("loaves left: {}", shelf.loaves.borrow().len());

    let barrier = &Barrier::new(3);
    scope(|group| {
        for (name, pace) in [("lea", 1), ("max", 3), ("tom", 2)] {
            group.try_spawn(move || hiker(name, barrier, pace));
        }
    })?;

    scope(|group| {
        group.spawn(|| late("lea", barrier, 1));
        group.spawn(|| late("max", barrier, 4));
        sleep(2 * TICK);
        println!("waiting: {}", barrier.n_waiting());
        barrier.abort();
    })?;
    Ok(())
}
