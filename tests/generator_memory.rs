//! What generators cost the process in memory, and that nothing of it stays. Each test is a process of its own.

#![cfg(target_os = "linux")]

use std::fs;

use cede::{Generator, Yielder};

#[path = "generator_statements/child.rs"]
mod child;

fn suspended(n: u64) -> Generator<u64> {
    let g = Generator::new(move |y: &Yielder<u64>| (n..n + 3).for_each(|i| y.yield_(i)));
    assert_eq!((&g).next(), Some(n));
    g
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// 1.1 pages. The limit on mappings is 65,530 unless somebody raised it, which this stays far below.
#[test]
fn a_suspended_generator_costs_hardly_more_than_a_page_and_no_mapping() {
    child::alone("a_suspended_generator_costs_hardly_more_than_a_page_and_no_mapping", None, || {
        const COUNT: usize = 100_000;
        let mut generators = Vec::with_capacity(COUNT);
        generators.push(suspended(0));
        let (before, maps_before) = (resident_bytes(), mappings());
        generators.extend((1..COUNT as u64).map(suspended));
        let each = (resident_bytes() - before) / COUNT;
        let maps = mappings() - maps_before;
        println!("{each} bytes each, {maps} mappings more");
        if cfg!(debug_assertions) {
            println!("skipped: what a frame needs without optimisation is not what is promised");
        } else {
            assert!(each <= 4_505, "{each} bytes each");
        }
        assert!(maps < 2_000, "{maps} mappings more");
        for (n, g) in generators.iter().enumerate() {
            assert_eq!({ g }.next(), Some(n as u64 + 1));
        }
    });
}

#[test]
fn generators_that_come_and_go_do_not_grow_memory() {
    child::alone("generators_that_come_and_go_do_not_grow_memory", None, || {
        let rounds = |n: u64| (0..n).map(|i| suspended(i).count() as u64).sum::<u64>();
        assert_eq!(rounds(1_000), 2_000);
        let (before, maps) = (resident_bytes(), mappings());
        assert_eq!(rounds(1_000_000), 2_000_000);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 256 << 10, "{grown} bytes more");
        assert!(mappings() <= maps + 2);
    });
}

#[test]
fn generators_that_are_dropped_while_suspended_do_not_grow_memory() {
    child::alone("generators_that_are_dropped_while_suspended_do_not_grow_memory", None, || {
        let rounds = |n: u64| (0..n).for_each(|i| drop(suspended(i)));
        rounds(1_000);
        let before = resident_bytes();
        rounds(100_000);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 256 << 10, "{grown} bytes more");
    });
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    child::alone("threads_that_come_and_go_leave_nothing_behind", None, || {
        let rounds = |n: u64| {
            for i in 0..n {
                let thread = std::thread::spawn(move || {
                    let generators: Vec<_> = (0..50).map(|k| suspended(i + k)).collect();
                    generators.len()
                });
                assert_eq!(thread.join().unwrap(), 50);
            }
        };
        rounds(50);
        let (before, maps) = (resident_bytes(), mappings());
        rounds(1_000);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes more");
        assert!(mappings() <= maps + 8, "{} mappings more", mappings() - maps);
    });
}
