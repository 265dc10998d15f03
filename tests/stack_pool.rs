//! Where the stacks of generators come from and where they go, seen from outside.

use std::io;

use cede::stack::{MIN_SIZE, StackError, stats};
use cede::{Generator, Yielder};

/// Runs on a thread of its own, so that its stacks are the only ones that are counted.
fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

fn count_up() -> Generator<u32> {
    Generator::new(|y: &Yielder<u32>| (0..u32::MAX).for_each(|n| y.yield_(n)))
}

#[test]
fn generators_in_turn_share_one_stack() {
    on_a_thread(|| {
        for _ in 0..1_000 {
            assert_eq!(count_up().take(3).sum::<u32>(), 3);
        }
        let stats = stats();
        assert_eq!((stats.in_use, stats.high_water, stats.pooled), (0, 1, 1));
    });
}

#[test]
fn generators_at_once_have_a_stack_each_and_leave_it_to_the_next() {
    on_a_thread(|| {
        for _ in 0..3 {
            let generators: Vec<_> = (0..100).map(|_| count_up()).collect();
            for generator in &generators {
                assert_eq!((&mut &*generator).next(), Some(0));
            }
            assert_eq!(stats().in_use, 100);
            drop(generators);
            assert_eq!((stats().in_use, stats().high_water, stats().pooled), (0, 100, 100));
        }
    });
}

#[test]
fn a_generator_that_is_leaked_keeps_its_stack() {
    on_a_thread(|| {
        let leaked = count_up();
        assert_eq!((&leaked).next(), Some(0));
        std::mem::forget(leaked);
        assert_eq!(count_up().take(2).count(), 2);
        assert_eq!((stats().in_use, stats().high_water), (1, 2));
    });
}

#[test]
fn the_size_that_is_asked_for_is_rounded_up_to_a_power_of_two() {
    on_a_thread(|| {
        let build =
            |size| Generator::builder().stack_size(size).build(|y: &Yielder<u32>| y.yield_(1)).unwrap();
        let small = [build(MIN_SIZE + 1), build(2 * MIN_SIZE)];
        drop(small);
        // Both were of one size, so both are free for two of that size.
        let again = [build(2 * MIN_SIZE), build(2 * MIN_SIZE)];
        assert_eq!((stats().in_use, stats().high_water), (2, 2));
        drop(again);
    });
}

#[test]
fn sizes_that_no_stack_can_have_are_errors() {
    let build = |size| Generator::builder().stack_size(size).build(|y: &Yielder<u32>| y.yield_(1));
    assert!(matches!(build(0), Err(StackError::Zero)));
    assert!(matches!(build(usize::MAX), Err(StackError::TooLarge(usize::MAX))));
    let error = build(0).map(drop).map_err(io::Error::from).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn many_generators_leave_little_memory_behind() {
    on_a_thread(|| {
        let generators: Vec<_> = (0..20_000).map(|_| count_up()).collect();
        assert_eq!(generators.iter().map(|mut generator| generator.next().unwrap()).sum::<u32>(), 0);
        drop(generators);
        let stats = stats();
        assert_eq!((stats.in_use, stats.pooled), (0, 20_000));
        assert!(stats.pooled - stats.trimmed <= 1_024, "{stats:?}");
    });
}
