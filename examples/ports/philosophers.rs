//! The port of `philosophers.py`: philosophers at a round table, with one fork between two of them.

use std::error::Error;
use std::time::Duration;

use cede::sync::Lock;
use cede::{scope, sleep};

const TICK: Duration = Duration::from_millis(25);
const NAMES: [&str; 5] = ["Anna", "Berta", "Cora", "Dora", "Emma"];

fn dine(seat: usize, forks: &[Lock], thinks: u32, eats: u32) {
    let name = NAMES[seat];
    // Who takes the fork with the lower number first can't be part of a circle of waiters.
    let next = (seat + 1) % forks.len();
    let (first, second) = (seat.min(next), seat.max(next));
    sleep(thinks * TICK);
    let _first = forks[first].acquire();
    println!("{name} has fork {first}");
    let _second = forks[second].acquire();
    println!("{name} has fork {second}, and eats");
    sleep(eats * TICK);
    println!("{name} is full");
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let forks = &NAMES.map(|_| Lock::new());
    scope(|group| {
        for (seat, thinks) in (1..).take(NAMES.len()).enumerate() {
            group.spawn(move || dine(seat, forks, thinks, 6));
        }
    })?;
    if !forks.iter().any(Lock::is_locked) {
        println!("all forks are on the table");
    }
    Ok(())
}
