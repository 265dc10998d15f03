//! The port of `pipeline.py`: generators that wait, in a pipeline, left early, and as partners that answer.

use std::error::Error;
use std::mem::take;
use std::time::Duration;

use cede::{Generator, finally, scope, sleep};

const TICK: Duration = Duration::from_millis(22);

fn readings(name: &'static str, number: u32, pace: u32) -> Generator<u32> {
    Generator::new(move |y| {
        let read = || {
            for i in 0..number {
                sleep(pace * TICK);
                y.yield_(i * i % 11);
            }
        };
        finally(read, || {
            sleep(TICK);
            println!("{name} is switched off");
        });
    })
}

fn large(source: Generator<u32>) -> Generator<u32> {
    Generator::new(|y| {
        for value in source {
            if value > 2 {
                y.yield_(value);
            }
        }
    })
}

fn pairs(source: Generator<u32>) -> Generator<Vec<u32>> {
    Generator::new(|y| {
        let mut held = Vec::new();
        for value in source {
            held.push(value);
            if held.len() == 2 {
                y.yield_(take(&mut held));
            }
        }
        if !held.is_empty() {
            y.yield_(held);
        }
    })
}

fn show(name: &'static str, number: u32, pace: u32) {
    for pair in pairs(large(readings(name, number, pace))) {
        println!("{name}: {pair:?}");
    }
}

fn total() -> Generator<u32, u32> {
    Generator::new(|y| {
        let mut sum = 0;
        loop {
            sum += y.yield_(sum);
        }
    })
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    scope(|group| {
        group.spawn(|| show("the left sensor", 4, 4));
        group.spawn(|| show("the right sensor", 5, 5));
    })?;

    // Whoever owns a generator closes it by letting it go: there is no `aclosing`.
    for value in readings("the last sensor", 100, 1) {
        println!("the last sensor: {value}");
        if value == 9 {
            break;
        }
    }
    println!("that was enough");

    let sums = total();
    sums.start()?;
    for value in [5, 7, 30] {
        println!("the total is {}", sums.send(value)?.yielded().unwrap());
    }
    sums.close()?;
    Ok(())
}
