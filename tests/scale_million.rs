//! A crowd of tasks asleep at once under the default limits of the system: what each may cost, and that it is given back.
//!
//! There are 20,000 of them, or as many as `CEDE_SCALE` says; the ignored tests have a million, which need 5 GB:
//! `cargo test --release --test scale_million -- --ignored`.

#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use cede::stack::{MIN_SIZE, stats};
use cede::{Runner, sleep, spawn, time, yield_now};

#[path = "generator_statements/child.rs"]
mod child;

/// How many tasks there are where nobody has asked for a million.
fn crowd() -> usize {
    std::env::var("CEDE_SCALE").map_or(20_000, |count| count.parse().expect("CEDE_SCALE is a number"))
}

const MILLION: usize = 1_000_000;
const PAGE: usize = 4096;

/// What a task may have resident: 1.1 pages.
const RESIDENT_MAX: usize = 4_505;

/// Resident memory and page tables of this process in bytes.
fn memory() -> [usize; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["VmRSS:", "VmPTE:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
    })
}

/// Has so many tasks sleep at once, with stacks of this size. Gives what each costs: bytes resident, and of page tables.
fn sleep_at_once(count: usize, stack_size: usize) -> [usize; 2] {
    let runner = Runner::builder().stack_size(stack_size).virtual_time(true).build();
    let before = memory();
    let each = runner.run(|| {
        let awake = Rc::new(Cell::new(0));
        let until = time::now() + Duration::from_secs(60);
        for _ in 0..count {
            let awake = Rc::clone(&awake);
            spawn(move || {
                awake.set(awake.get() + 1);
                time::sleep_until(until);
                awake.set(awake.get() - 1);
            });
        }
        yield_now();
        assert_eq!((awake.get(), stats().in_use), (count, count + 1));
        sleep(Duration::from_millis(1));
        let during = memory();
        time::sleep_until(until);
        assert_eq!((awake.get(), stats().in_use), (0, 1));
        [0, 1].map(|which| during[which].saturating_sub(before[which]) / count)
    });
    let each = each.unwrap();
    println!("{count} tasks: {} bytes resident and {} of page tables each", each[0], each[1]);
    // What the pool always keeps, the lists of it and of the run, and the records, which the allocator may keep for the next ones.
    let kept = memory()[0].saturating_sub(before[0]);
    println!("{kept} bytes are kept while the run is there");
    assert!(kept <= 1_024 * 3 * PAGE + count * 320 + (4 << 20), "{kept} bytes");
    assert!(stats().pooled - stats().trimmed <= 1_024, "{:?}", stats());
    each
}

fn check(test: &str, count: usize, stack_size: usize, tables_max: usize) {
    child::alone(test, None, || {
        let [resident, tables] = sleep_at_once(count, stack_size);
        assert!(tables <= tables_max, "{tables} bytes of page tables each");
        if cfg!(debug_assertions) {
            println!("skipped: what a frame needs without optimisation is not what is promised");
        } else {
            assert!(resident <= RESIDENT_MAX, "{resident} bytes each");
        }
    });
}

#[test]
fn sleeping_tasks_on_small_stacks_cost_little_more_than_a_page_each() {
    check("sleeping_tasks_on_small_stacks_cost_little_more_than_a_page_each", crowd(), 64 << 10, 200);
}

#[test]
fn stacks_of_the_default_size_cost_more_page_tables_and_nothing_else() {
    check("stacks_of_the_default_size_cost_more_page_tables_and_nothing_else", crowd(), 256 << 10, 600);
}

#[test]
#[ignore = "needs 5 GB"]
fn a_million_sleeping_tasks_cost_little_more_than_a_page_each() {
    check("a_million_sleeping_tasks_cost_little_more_than_a_page_each", MILLION, 64 << 10, 200);
}

#[test]
#[ignore = "needs 5 GB"]
fn a_million_stacks_of_the_default_size_are_to_be_had() {
    check("a_million_stacks_of_the_default_size_are_to_be_had", MILLION, 256 << 10, 600);
}

/// What the limits are about: no stack is without its guard, and that costs no mapping.
#[test]
fn a_crowd_needs_few_mappings() {
    child::alone("a_crowd_needs_few_mappings", None, || {
        let mappings = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let before = mappings();
        let runner = Runner::builder().stack_size(MIN_SIZE).virtual_time(true).build();
        let more = runner.run(|| {
            let tasks: Vec<_> = (0..5_000).map(|_| spawn(|| sleep(Duration::from_secs(1)))).collect();
            yield_now();
            let more = mappings() - before;
            tasks.iter().for_each(|task| task.join().unwrap());
            more
        });
        let more = more.unwrap();
        if more >= 5_000 {
            println!("skipped: this kernel has no guards inside of a mapping");
        } else {
            assert!(more < 100, "{more} mappings");
        }
    });
}
