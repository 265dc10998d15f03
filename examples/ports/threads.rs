//! The port of `threads.py`: work in other threads, and calls from them into the run.

use std::error::Error;
use std::num::ParseIntError;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cede::runtime::{Handle, unblock};
use cede::sync::Event;
use cede::task::gather;
use cede::{sleep, spawn};

const TICK: Duration = Duration::from_millis(30);

/// Blocks its thread for as long as it takes.
fn steps_to_one(mut number: u64) -> u64 {
    let mut steps = 0;
    while number != 1 {
        number = if number % 2 == 1 { 3 * number + 1 } else { number / 2 };
        steps += 1;
    }
    steps
}

fn digits(text: &str) -> Result<u32, ParseIntError> {
    text.parse()
}

fn double(number: u32) -> u32 {
    sleep(TICK);
    2 * number
}

fn outsider(run: &Handle, event: Arc<Event>) {
    let remote = run.spawn(|| double(21));
    println!("the outsider gets {}", remote.join().expect("it does not fail"));
    run.call_soon(move || event.set()).expect("the run goes on");
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    println!("27 needs {} steps", unblock(|| steps_to_one(27)));
    let others = [97, 871, 6171].map(|number| spawn(move || unblock(move || steps_to_one(number))));
    let steps = gather(others).join()?;
    println!("others need: {}", Vec::from_iter(steps.iter().map(u64::to_string)).join(" "));
    if unblock(|| digits("12x")).is_err() {
        println!("that is no number");
    }

    let event = Arc::new(Event::new());
    let (run, set) = (Handle::current(), Arc::clone(&event));
    let thread = thread::spawn(move || outsider(&run, set));
    event.wait();
    println!("the outsider has called");
    unblock(move || thread.join()).expect("it does not panic");
    Ok(())
}
