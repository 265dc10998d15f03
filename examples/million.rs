//! What each of a million tasks costs that are asleep at once: `cargo run --release --example million -- 1000000`.
//!
//! Without a number there are 50,000, since a million need 5 GB; with `keep` behind it all their stacks are kept for the next round.

use std::{cell::Cell, fs, rc::Rc, time::Duration};

use cede::{Runner, sleep, spawn, time};
use rustix::time::{ClockId, clock_gettime};

/// Resident memory and page tables of this process, in bytes.
fn memory() -> [i64; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ["VmRSS:", "VmPTE:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) << 10
    })
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn round(count: u32, name: &str) {
    let before = memory();
    let asleep = Rc::new(Cell::new(0));
    let until = time::now() + Duration::from_secs(60);
    let start = processor_time();
    for asleep in (0..count).map(|_| Rc::clone(&asleep)) {
        spawn(move || {
            asleep.set(asleep.get() + 1);
            time::sleep_until(until);
            asleep.set(asleep.get() - 1);
        });
    }
    cede::yield_now();
    let started = processor_time() - start;
    sleep(Duration::from_millis(1));
    assert_eq!(asleep.get(), count, "all are asleep");
    let [resident, tables] = [0, 1].map(|i| (memory()[i] - before[i]) / i64::from(count));
    // This timer was set last, so it fires last.
    let start = processor_time();
    time::sleep_until(until);
    let ended = processor_time() - start;
    sleep(Duration::from_millis(1));
    assert_eq!(asleep.get(), 0, "all have ended");
    let kept = (memory()[0] - before[0]) >> 20;
    println!("{name} {:>9?} {:>9?} {resident:15} {tables:12} {kept:9} MB", started / count, ended / count);
}

fn main() {
    let [count, keep] = [1, 2].map(|i| std::env::args().nth(i));
    let count = count.map_or(50_000, |count| count.parse().expect("a number of tasks"));
    if keep.is_some_and(|keep| keep == "keep") {
        cede::stack::set_kept(64 << 10, count as usize).expect("there are such stacks");
    }
    println!("{count} tasks, each:\n         start       end  bytes resident  page tables  kept after it");
    let runner = Runner::builder().stack_size(64 << 10).virtual_time(true).build();
    runner.run(|| ["cold", "warm", "warm", "warm"].map(|name| round(count, name))).expect("it ends");
}
