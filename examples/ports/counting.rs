//! The port of `counting.py`: tasks that count at the same time; `gather` waits for all, and keeps their order.

use std::error::Error;
use std::time::Duration;

use cede::task::{gather, gather_results};
use cede::time::now;
use cede::{sleep, try_spawn};

const TICK: Duration = Duration::from_millis(25);

#[derive(Debug, thiserror::Error)]
#[error("division by zero")]
struct ZeroDivision;

fn count(name: &str, to: u32, pace: u32) -> u32 {
    let mut total = 0;
    for number in 1..=to {
        sleep(pace * TICK);
        println!("{name} counts {number}");
        total += number;
    }
    total
}

fn divide(dividend: u32, divisor: u32) -> Result<u32, ZeroDivision> {
    sleep((divisor + 1) * TICK);
    dividend.checked_div(divisor).ok_or(ZeroDivision)
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let begin = now();
    let (a, b, c) = gather((|| count("a", 3, 5), || count("b", 4, 7), || count("c", 2, 9))).join()?;
    println!("totals: {a} {b} {c}");
    if now() - begin < 50 * TICK {
        println!("one after the other they would need longer");
    }

    // One of them fails. Its error is what the gather gives, and the others go on.
    let tasks = [2, 0, 3].map(|divisor| try_spawn(move || divide(60, divisor)));
    if gather(tasks.each_ref()).join().is_err() {
        let ended = tasks.iter().filter(|task| task.is_finished()).count();
        println!("failed when {ended} of {} had ended", tasks.len());
    }

    for quotient in gather_results(tasks).join()? {
        match quotient {
            Err(_) => println!("no quotient"),
            Ok(quotient) => println!("quotient: {quotient}"),
        }
    }
    Ok(())
}
