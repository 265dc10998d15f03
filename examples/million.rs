//! What each of a million tasks costs that are asleep at once: `cargo run --release --example million -- 1000000`.
//!
//! A million need 5 GB, so there are 50,000 unless told otherwise. The first round finds no stacks, the others find those that the pool
//! has kept. Time is virtual, so that none is spent asleep.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cede::{Runner, sleep, spawn, time};

/// A figure of the kernel for this process, in bytes.
fn status(name: &str) -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok()).map_or(0, |kib| kib * 1024)
}

fn memory() -> [i64; 2] {
    [status("VmRSS"), status("VmPTE")]
}

fn round(count: u32, name: &str) {
    let before = memory();
    let asleep = Rc::new(Cell::new(0));
    let until = time::now() + Duration::from_secs(60);
    let start = Instant::now();
    for _ in 0..count {
        let asleep = Rc::clone(&asleep);
        spawn(move || {
            asleep.set(asleep.get() + 1);
            time::sleep_until(until);
            asleep.set(asleep.get() - 1);
        });
    }
    cede::yield_now();
    let started = start.elapsed();
    assert_eq!(asleep.get(), count, "all are asleep");
    sleep(Duration::from_millis(1));
    let [resident, tables] = [0, 1].map(|i| (memory()[i] - before[i]) / i64::from(count));
    let start = Instant::now();
    // Set last, so this timer fires last: all others have ended then.
    time::sleep_until(until);
    let ended = start.elapsed();
    assert_eq!(asleep.get(), 0, "all have ended");
    let [started, ended] = [started, ended].map(|took| took.as_nanos() / u128::from(count));
    sleep(Duration::from_millis(1));
    let kept = (memory()[0] - before[0]) >> 20;
    println!("{name} {started:9} {ended:8} {resident:15} {tables:12} {kept:9} MB");
}

fn main() {
    let count = std::env::args().nth(1).map_or(50_000, |count| count.parse().expect("a number of tasks"));
    println!("{count} tasks, each:\n     start, ns  end, ns  bytes resident  page tables  kept after it");
    let runner = Runner::builder().stack_size(64 << 10).virtual_time(true).build();
    let run = runner.run(|| ["cold", "warm", "warm", "warm"].into_iter().for_each(|name| round(count, name)));
    run.expect("nothing goes wrong");
}
