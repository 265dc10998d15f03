//! Values, bodies and stacks of any size and alignment get memory that is theirs alone, or an error.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use cede::stack::{MIN_SIZE, StackError};
use cede::{Generator, GeneratorState, Step, Yielder};

/// Sent to nobody: it is only room in the header.
fn with_room_for<S: 'static>(stack: usize) -> Generator<u64, S> {
    let made = Generator::builder().stack_size(stack);
    made.build(|y: &Yielder<u64, S>| drop(y.try_yield(1))).expect("there is memory")
}

/// A generator in the smallest slot that holds a value on the heap.
fn neighbour(n: usize) -> Generator<Box<usize>> {
    let made = Generator::builder().stack_size(1);
    let g = made.build(move |y: &Yielder<Box<usize>>| (0..3).for_each(|_| y.yield_(Box::new(n)))).unwrap();
    assert_eq!((&g).next(), Some(Box::new(n)));
    g
}

#[test]
fn a_header_that_is_larger_than_the_stack_asked_for_gets_a_larger_one() {
    const ROOM: usize = MIN_SIZE - 400;
    let neighbours: Vec<_> = (0..20).map(neighbour).collect();
    let built: Vec<_> = (0..20).map(|_| with_room_for::<[u8; ROOM]>(1)).collect();
    // A little below and above each limit on the way.
    let nearly = (
        with_room_for::<[u8; 1_500]>(1),
        with_room_for::<[u8; 2_048]>(1),
        with_room_for::<[u8; 4_096]>(MIN_SIZE),
        with_room_for::<[u8; MIN_SIZE]>(MIN_SIZE),
        with_room_for::<[u8; 3 * MIN_SIZE]>(4 * MIN_SIZE),
    );
    assert!(built.iter().all(|g| g.state() == GeneratorState::Created));
    drop((built, nearly));
    for (n, g) in neighbours.into_iter().enumerate() {
        assert_eq!(g.collect::<Vec<_>>(), [Box::new(n), Box::new(n)]);
    }
}

#[test]
fn a_header_that_is_larger_than_the_default_stack_leaves_room_for_the_body() {
    let roomy = thread::Builder::new().stack_size(64 << 20);
    let run = || {
        // Taken by reference: the body has no frame that is as large as the value.
        let made = Generator::builder().stack_size(16 << 20);
        let g = made.build(|y: &Yielder<usize, [u8; 2 << 20]>| {
            let sent = y.yield_(1);
            sent.iter().map(|&b| usize::from(b)).sum::<usize>()
        });
        let g = g.unwrap();
        assert!(matches!(g.start(), Ok(Step::Yielded(1))));
        assert!(matches!(g.send([1; 2 << 20]), Ok(Step::Returned(n)) if n == 2 << 20));
        assert_eq!(
            with_room_for::<[u8; 8 << 20]>(cede::stack::DEFAULT_SIZE).state(),
            GeneratorState::Created
        );
    };
    roomy.spawn(run).unwrap().join().unwrap();
}

#[repr(align(4096))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Page([u8; 4096]);

#[repr(align(65536))]
struct Wide;

#[test]
fn over_aligned_values_and_bodies_lie_where_they_may() {
    let aligned = |value: &Page| (&raw const *value).addr().is_multiple_of(4096);
    for stack in [1, 64 << 10, 1 << 20] {
        let held = Page([3; 4096]);
        let made = Generator::builder().stack_size(stack.max(256 << 10));
        let g = made.build(move |y: &Yielder<Page, Page>| {
            assert!(aligned(&held));
            let sent = y.yield_(held);
            assert!(aligned(&sent));
            sent
        });
        let g = g.unwrap();
        assert!(matches!(g.start(), Ok(Step::Yielded(page)) if page == held && aligned(&page)));
        assert!(matches!(g.send(Page([4; 4096])), Ok(Step::Returned(page)) if page.0[4095] == 4));
    }
    let wide = with_room_for::<Wide>(1);
    assert_eq!(wide.state(), GeneratorState::Created);
}

#[test]
fn values_of_no_size_are_counted_one_by_one() {
    thread_local!(static ALIVE: Cell<i32> = const { Cell::new(0) });
    #[derive(Debug)]
    struct Unit;
    impl Unit {
        fn new() -> Unit {
            ALIVE.set(ALIVE.get() + 1);
            Unit
        }
    }
    impl Default for Unit {
        fn default() -> Unit {
            Unit::new()
        }
    }
    impl Drop for Unit {
        fn drop(&mut self) {
            ALIVE.set(ALIVE.get() - 1);
        }
    }
    let g = Generator::new(|y: &Yielder<Unit, Unit>| {
        let _first = y.yield_(Unit::new());
        let _second = y.yield_(Unit::new());
        Unit::new()
    });
    drop(g.advance());
    assert_eq!(ALIVE.get(), 0);
    drop(g.send(Unit::new()));
    assert_eq!(ALIVE.get(), 1);
    drop(g);
    assert_eq!(ALIVE.get(), 0);
}

enum Never {}

#[test]
fn a_generator_that_can_never_yield_or_return_ends_all_the_same() {
    let silent: Generator<Never, (), u8> = Generator::new(|_: &Yielder<Never>| 5);
    assert!(matches!(silent.advance(), Ok(Step::Returned(5))));
    let endless: Generator<u8, (), Never> = Generator::new(|y: &Yielder<u8>| {
        loop {
            y.yield_(1)
        }
    });
    assert!(matches!(endless.advance(), Ok(Step::Yielded(1))));
    assert!(matches!(endless.close(), Ok(None)));
}

#[test]
fn sizes_at_the_extremes_are_stacks_or_errors_and_never_wrap() {
    let build = |size| Generator::builder().stack_size(size).build(|y: &Yielder<u8>| drop(y.try_yield(1)));
    let build_large = |size| {
        Generator::builder().stack_size(size).build(|y: &Yielder<u8, [u8; 40_000]>| drop(y.try_yield(1)))
    };
    // Between these are sizes that a system may give, at a price: the kernel notes each page of a guard.
    for power in (0..30).chain(41..usize::BITS) {
        for size in [(1usize << power) - 1, 1 << power, (1 << power) + 1] {
            // What has the address space is mapped and not touched.
            for made in [build(size).map(drop), build_large(size).map(drop)] {
                match made {
                    Ok(()) => assert!(size > 0),
                    Err(StackError::Zero) => assert_eq!(size, 0),
                    Err(StackError::TooLarge(asked)) => assert!(asked >= size && size > 1 << 29),
                    Err(StackError::OutOfMemory { .. }) => assert!(size > 1 << 28),
                    Err(error) => panic!("{size}: {error}"),
                }
            }
        }
    }
    assert!(matches!(build_large(usize::MAX), Err(StackError::TooLarge(usize::MAX))));
}

#[test]
fn growth_at_the_extremes_runs_the_closure_or_panics_before_it() {
    for red_zone in [0, 1, 4096, usize::MAX - 1, usize::MAX] {
        for size in [1, MIN_SIZE, MIN_SIZE + 1, 1 << 20] {
            assert_eq!(cede::grow_with(red_zone, size, || 1), 1);
        }
    }
    let ran = Rc::new(Cell::new(false));
    for size in [0, usize::MAX, (1 << (usize::BITS - 1)) + 1] {
        let ran = Rc::clone(&ran);
        let run = std::panic::AssertUnwindSafe(|| cede::grow_with(usize::MAX, size, || ran.set(true)));
        std::panic::catch_unwind(run).unwrap_err();
    }
    assert!(!ran.get());
}

#[test]
fn a_large_body_and_a_large_value_are_dropped_once_wherever_they_are() {
    struct Large(Rc<()>, #[expect(dead_code, reason = "it is only large")] [u8; 5_000]);
    let count = Rc::new(());
    let large = || Large(Rc::clone(&count), [1; 5_000]);
    let body = |held: Large| {
        move |y: &Yielder<Large, ()>| {
            let again = Rc::clone(&held.0);
            drop(y.try_yield(held));
            Large(again, [2; 5_000])
        }
    };
    let made: Vec<_> = (0..5).map(|_| Generator::new(body(large()))).collect();
    assert_eq!(Rc::strong_count(&count), 6);
    drop(made[1].advance());
    let yielded = made[2].advance();
    drop((made[3].advance(), made[3].advance()));
    drop(made[4].close());
    drop((made, yielded));
    assert_eq!(Rc::strong_count(&count), 1);
}
