//! Where the stacks of generators come from and where they go, seen from outside.

use std::io;

use cede::stack::{DEFAULT_SIZE, MIN_SIZE, StackError, set_kept, stats};
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

#[test]
fn as_many_stacks_are_kept_as_were_asked_for() {
    /// How many of 20,000 stacks are kept after they were in use at once.
    fn kept(asked: Option<usize>) -> usize {
        on_a_thread(move || {
            if let Some(count) = asked {
                set_kept(DEFAULT_SIZE, count).unwrap();
            }
            {
                let generators: Vec<_> = (0..20_000).map(|_| count_up()).collect();
                generators.iter().for_each(|generator| assert_eq!((&mut &*generator).next(), Some(0)));
                drop(generators);
                let stats = stats();
                assert_eq!((stats.in_use, stats.pooled), (0, 20_000));
                stats.pooled - stats.trimmed
            }
        })
    }
    assert!(kept(None) <= 1_024);
    assert_eq!(kept(Some(20_000)), 20_000);
    assert!((4_000..=8_000).contains(&kept(Some(8_000))));
    assert!(kept(Some(0)) <= 1);
}

#[test]
fn a_lower_number_of_kept_stacks_takes_effect_as_they_are_released() {
    on_a_thread(|| {
        set_kept(DEFAULT_SIZE, 5_000).unwrap();
        let generators: Vec<_> = (0..5_000).map(|_| count_up()).collect();
        generators.iter().for_each(|generator| assert_eq!((&mut &*generator).next(), Some(0)));
        drop(generators);
        assert_eq!(stats().trimmed, 0);
        set_kept(DEFAULT_SIZE, 100).unwrap();
        assert_eq!(count_up().take(1).count(), 1);
        assert!(stats().pooled - stats().trimmed <= 100);
    });
}

#[test]
fn a_size_that_no_stack_can_have_is_refused_where_it_is_to_be_kept() {
    assert!(matches!(set_kept(usize::MAX, 1), Err(StackError::TooLarge(_))));
}
