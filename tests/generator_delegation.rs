//! Delegation beyond single statements: depth, sharing, delegates that others move, panics, and ends that are ignored.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cede::{Delegate, Generator, GeneratorError, GeneratorState, Step, StopIteration, Thrown, Yielder};

#[path = "generator_statements/fault.rs"]
mod fault;

use fault::{Fault, panic_text, reported, silent_panic};

type Numbers = Generator<u64>;

fn count_to(n: u64) -> Numbers {
    Generator::new(move |y: &Yielder<u64>| (0..n).for_each(|i| y.yield_(i)))
}

fn through(inner: impl Delegate<u64, (), Return = ()> + 'static) -> Numbers {
    // Small stacks: ten thousand of the default size are too much address space for some systems.
    let builder = Generator::builder().stack_size(64 << 10);
    builder.build(move |y: &Yielder<u64>| y.yield_from(inner)).unwrap()
}

/// A chain of this many generators above one that counts.
fn chain(depth: usize, values: u64) -> Numbers {
    (0..depth).fold(count_to(values), |inner, _| through(inner))
}

const DEPTHS: [usize; 4] = [1, 10, 1_000, 10_000];

#[test]
fn chains_of_any_depth_give_all_values_by_value_and_shared() {
    for depth in DEPTHS {
        assert!(chain(depth, 100).eq(0..100), "depth {depth}");
        let shared = (0..depth).fold(Rc::new(count_to(100)), |inner, _| Rc::new(through(inner)));
        assert!((&*shared).eq(0..100), "depth {depth}, shared");
        assert_eq!(shared.state(), GeneratorState::Closed);
    }
}

/// On a thread whose stack would not hold a call for each level. One that needs them dies of it.
#[test]
fn deep_chains_do_not_use_the_stack_of_the_thread() {
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(|| {
        let g = chain(10_000, 10);
        assert_eq!((&g).take(3).collect::<Vec<_>>(), [0, 1, 2]);
        let Err(error) = g.throw(Fault(1)).map(drop) else { panic!() };
        assert_eq!(error.to_string(), "fault 1");
        let g = chain(10_000, 10);
        g.advance().unwrap();
        assert_eq!(g.close().unwrap(), None);
    });
    thread.unwrap().join().unwrap();
}

/// Each level writes down that control came to it.
fn counted(depth: usize, values: u64, steps: &Rc<Cell<u64>>) -> Numbers {
    (0..depth).fold(count_to(values), |inner, _| {
        let steps = Rc::clone(steps);
        Generator::new(move |y: &Yielder<u64>| {
            steps.set(steps.get() + 1);
            y.yield_from(inner);
            steps.set(steps.get() + 1);
        })
    })
}

/// Counts, not times: no body above the end runs for a value, at any depth.
#[test]
fn a_value_wakes_none_of_the_generators_above_its_own() {
    for depth in [1, 10, 1_000] {
        let steps = Rc::default();
        let g = counted(depth, 50, &steps);
        g.advance().unwrap();
        let begun = steps.get();
        assert_eq!(begun, depth as u64);
        for _ in 1..50 {
            g.advance().unwrap();
        }
        assert_eq!(steps.get(), begun);
        assert_eq!(g.advance().unwrap(), Step::Returned(()));
        assert_eq!(steps.get(), 2 * begun);
    }
}

#[test]
fn two_generators_that_delegate_to_one_share_its_values() {
    let shared = Rc::new(count_to(6));
    let (left, right) = (through(Rc::clone(&shared)), through(Rc::clone(&shared)));
    let mut got = Vec::new();
    for _ in 0..3 {
        got.extend((&left).take(1).chain((&right).take(1)));
    }
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
    assert_eq!(left.advance().unwrap(), Step::Returned(()));
    // The other one finds its delegate finished, which has no value to give any more.
    let Err(GeneratorError::Raised(error)) = right.advance() else { panic!() };
    assert!(matches!(*error.downcast().unwrap(), GeneratorError::RaisedStopIteration(_)));
}

#[test]
fn a_diamond_deep_below_two_tops_gives_each_value_once() {
    let bottom = Rc::new((0..100).fold(count_to(1_000), |inner, _| through(inner)));
    let tops: Vec<_> =
        (0..4).map(|_| (0..50).fold(through(Rc::clone(&bottom)), |inner, _| through(inner))).collect();
    let got: Vec<_> = (0..1_000).map(|i| tops[i * 7 % 4].advance().unwrap().yielded().unwrap()).collect();
    assert!(got.into_iter().eq(0..1_000));
}

/// `None` while the delegation goes on.
type Outcome = RefCell<Option<Result<(), Thrown>>>;

/// A generator that delegates to `shared`, and what that gives it in the end.
fn watched(shared: &Rc<Numbers>) -> (Numbers, Rc<Outcome>) {
    let result = Rc::new(RefCell::new(None));
    let (note, inner) = (Rc::clone(&result), Rc::clone(shared));
    (Generator::new(move |y: &Yielder<u64>| *note.borrow_mut() = Some(y.try_yield_from(inner))), result)
}

#[test]
fn a_delegate_that_is_advanced_by_hand_goes_on_from_there() {
    let shared = Rc::new(count_to(10));
    let (g, _) = watched(&shared);
    assert_eq!(g.advance().unwrap(), Step::Yielded(0));
    assert_eq!((&*shared).take(4).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(g.advance().unwrap(), Step::Yielded(5));
}

#[test]
fn a_delegate_that_was_ended_by_hand_is_an_empty_stop_iteration() {
    let by_hand: [fn(&Numbers); 3] = [
        |g| assert_eq!(g.close().unwrap(), None),
        |g| drop(g.throw(Fault(1)).unwrap_err()),
        |g| assert_eq!(g.count(), 9),
    ];
    for end in by_hand {
        let shared = Rc::new(count_to(10));
        let (g, result) = watched(&shared);
        g.advance().unwrap();
        end(&shared);
        assert_eq!(g.state(), GeneratorState::Suspended);
        assert_eq!(g.delegate().unwrap().state, GeneratorState::Closed);
        assert_eq!(g.advance().unwrap(), Step::Returned(()));
        let thrown = result.take().unwrap().unwrap_err();
        assert!(thrown.downcast::<StopIteration>().unwrap().into_value::<()>().is_none());
    }
}

#[test]
fn what_is_thrown_over_a_finished_delegate_is_raised_at_the_statement() {
    let shared = Rc::new(count_to(10));
    let (g, result) = watched(&shared);
    g.advance().unwrap();
    shared.close().unwrap();
    assert_eq!(g.throw(StopIteration::with_value(5)).unwrap(), Step::Returned(()));
    let stop = result.take().unwrap().unwrap_err().downcast::<StopIteration>().unwrap();
    assert_eq!(stop.into_value(), Some(5));
    // And a close is one.
    let shared = Rc::new(count_to(10));
    let (g, result) = watched(&shared);
    g.advance().unwrap();
    shared.close().unwrap();
    assert_eq!(g.close().unwrap(), Some(()));
    assert!(matches!(result.take(), Some(Err(Thrown::Exit))));
}

#[test]
fn a_circle_is_an_error_at_the_statement_that_would_close_it() {
    let first: Rc<RefCell<Option<Rc<Numbers>>>> = Rc::default();
    let handle = Rc::clone(&first);
    let second = Generator::new(move |y: &Yielder<u64>| {
        let first = handle.take().unwrap();
        let error = y.try_yield_from(first).unwrap_err().downcast::<GeneratorError>().unwrap();
        assert!(matches!(error, GeneratorError::AlreadyExecuting));
        y.yield_(7);
    });
    let g = Rc::new(through(second));
    *first.borrow_mut() = Some(Rc::clone(&g));
    assert_eq!((&*g).collect::<Vec<_>>(), [7]);
}

/// `top` delegates to `shared`, which is running when it resumes `top`.
#[test]
fn a_delegate_that_is_running_elsewhere_is_an_error_for_the_one_that_is_resumed() {
    let top: Rc<RefCell<Option<Numbers>>> = Rc::default();
    let handle = Rc::clone(&top);
    let shared = Rc::new(Generator::new(move |y: &Yielder<u64>| {
        y.yield_(1);
        let top = handle.take().unwrap();
        assert_eq!(top.state(), GeneratorState::Suspended);
        assert_eq!(top.advance().unwrap(), Step::Returned(()));
        y.yield_(2);
    }));
    let (g, result) = watched(&shared);
    g.advance().unwrap();
    *top.borrow_mut() = Some(g);
    assert_eq!(shared.advance().unwrap(), Step::Yielded(2));
    let error = result.take().unwrap().unwrap_err().downcast::<GeneratorError>().unwrap();
    assert!(matches!(error, GeneratorError::AlreadyExecuting));
}

#[test]
fn a_panic_of_a_delegate_can_be_caught_by_the_outer_one_which_goes_on() {
    let g = Generator::new(|y: &Yielder<u64>| {
        let text = panic_text(|| {
            y.yield_from(Generator::new(|y: &Yielder<u64>| {
                y.yield_(1);
                silent_panic("delegate");
            }))
        });
        assert_eq!(text, "delegate");
        y.yield_(2);
        y.yield_from(count_to(2));
    });
    assert_eq!(g.collect::<Vec<_>>(), [1, 2, 0, 1]);
}

#[test]
fn a_panic_that_nobody_catches_ends_all_of_a_chain() {
    for depth in [1, 10, 1_000] {
        let bottom = Generator::new(|y: &Yielder<u64>| {
            y.yield_(1);
            silent_panic("bottom");
        });
        let g = (0..depth).fold(bottom, |inner, _| through(inner));
        g.advance().unwrap();
        assert_eq!(panic_text(|| g.advance()), "bottom");
        assert_eq!(g.state(), GeneratorState::Closed);
    }
}

#[test]
fn a_close_that_is_caught_with_catch_unwind_lets_the_body_go_on() {
    let g = Generator::new(|y: &Yielder<u64>| {
        let caught = catch_unwind(AssertUnwindSafe(|| y.yield_(1)));
        assert!(caught.is_err());
        y.yield_(2);
    });
    g.advance().unwrap();
    assert!(matches!(g.close(), Err(GeneratorError::IgnoredExit)));
    assert_eq!(g.advance().unwrap(), Step::Returned(()));
}

/// Ignores as many ends as it is told to, one for each yield.
fn stubborn(times: u64) -> Numbers {
    Generator::new(move |y: &Yielder<u64>| {
        for i in 0..=times {
            let _ = y.try_yield(i);
        }
    })
}

#[test]
fn an_ignored_exit_at_any_level_is_raised_in_the_one_above() {
    for depth in 1..6 {
        let levels: Rc<RefCell<Vec<usize>>> = Rc::default();
        let g = (0..depth).fold(stubborn(1), |inner, level| {
            let levels = Rc::clone(&levels);
            Generator::new(move |y: &Yielder<u64>| {
                let error = y.try_yield_from(&inner).unwrap_err().downcast::<GeneratorError>().unwrap();
                assert!(matches!(error, GeneratorError::IgnoredExit), "level {level}");
                levels.borrow_mut().push(level);
                // So this one ignores it as well.
                y.yield_(100);
            })
        });
        g.advance().unwrap();
        assert!(matches!(g.close(), Err(GeneratorError::IgnoredExit)));
        assert_eq!(*levels.borrow(), (0..depth).collect::<Vec<_>>());
        assert_eq!(g.close().unwrap(), None);
    }
}

#[test]
fn a_chain_that_ignores_its_end_while_it_is_dropped_is_reported_at_each_level() {
    let ((), errors) = reported(|| {
        let g = through(through(stubborn(3)));
        g.advance().unwrap();
    });
    // That of the innermost, which is dropped as the one above it unwinds, and then the one that comes out at the top.
    let ignored = "generator ignored GeneratorExit: its body yielded when it was asked to end";
    assert_eq!(errors, [ignored, ignored]);
}
