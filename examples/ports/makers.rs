//! The port of `makers.py`: tasks draw numbers, each at its own pace, until they have one that is large enough.

use std::error::Error;
use std::time::Duration;

use cede::task::gather;
use cede::{sleep, spawn};

const TICK: Duration = Duration::from_millis(25);

/// Random numbers that are the same in every language.
struct Lcg {
    state: u64,
}

impl Lcg {
    fn draw(&mut self, below: u32) -> u32 {
        self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.state >> 33) % u64::from(below)) as u32
    }
}

fn make(index: u32, least: u32) -> u32 {
    let (mut lcg, mut draws) = (Lcg { state: 70 + u64::from(index) }, 1);
    let mut number = lcg.draw(10);
    while number < least {
        println!("maker {index} drew {number}, which is less than {least}");
        draws += 1;
        sleep((3 + 2 * index) * TICK);
        number = lcg.draw(10);
    }
    println!("maker {index} keeps {number}, draw number {draws}");
    number
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let numbers = gather([1, 2, 3].map(|index| spawn(move || make(index, 9 - index)))).join()?;
    println!("made: {}", Vec::from_iter(numbers.iter().map(u32::to_string)).join(" "));
    Ok(())
}
