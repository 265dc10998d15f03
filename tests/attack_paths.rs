//! A path through a chain is forgotten when a node in its middle moves though its end does not.
//!
//! The end of a chain may be resumed directly, by a handle of its own. What it then does to those above it is answered by "already
//! executing", which is raised in the node next to it: that one moves, and may end and be freed, while the end runs.

use std::cell::RefCell;
use std::rc::Rc;

use cede::{Generator, GeneratorError, GeneratorState, SendError, Step, Thrown, Yielder};

type Chain = Generator<u32, Box<u32>>;
type Handle = Rc<RefCell<Option<Rc<Chain>>>>;

/// Takes the slots that were freed: suspended generators that take nothing until it is sent to them.
fn refill() -> Vec<Chain> {
    let fill = |n| {
        let g = Generator::new(move |y: &Yielder<u32, Box<u32>>| {
            let heard = y.yield_(n);
            assert_eq!(*heard, n, "woken by another, with a value of another");
        });
        g.start().unwrap();
        g
    };
    (0..6).map(fill).collect()
}

fn send_to(g: &Chain, value: u32) -> Option<u32> {
    g.send(Box::new(value)).ok()?.yielded()
}

/// `top` delegates to `upper`, that to a node which it owns, and that to `leaf`, which is shared. When `leaf` is resumed for the
/// second time it does `act` to `upper`, and fills the slots that were freed.
fn run(act: impl FnOnce(&Chain) + 'static) -> (Chain, Rc<Chain>, Vec<Chain>) {
    let (upper_slot, kept) = (Handle::default(), Rc::new(RefCell::new(Vec::new())));
    let (handle, keep) = (Rc::clone(&upper_slot), Rc::clone(&kept));
    let leaf: Rc<Chain> = Rc::new(Generator::new(move |y: &Yielder<u32, Box<u32>>| {
        y.yield_(1);
        let upper = handle.borrow_mut().take().unwrap();
        act(&upper);
        drop(upper);
        *keep.borrow_mut() = refill();
        y.yield_(2);
    }));
    let held = Rc::clone(&leaf);
    let upper: Rc<Chain> = Rc::new(Generator::new(move |y: &Yielder<u32, Box<u32>>| {
        y.yield_from(Generator::new(move |y: &Yielder<u32, Box<u32>>| y.yield_from(held)));
    }));
    *upper_slot.borrow_mut() = Some(Rc::clone(&upper));
    let top: Chain = Generator::new(move |y: &Yielder<u32, Box<u32>>| {
        let ended = y.try_yield_from(upper).unwrap_err();
        assert!(ended.is::<cede::StopIteration>(), "{ended}");
        y.yield_(50);
    });
    assert!(matches!(top.start(), Ok(Step::Yielded(1))));
    // Directly; the path from the top ends here.
    assert_eq!(send_to(&leaf, 0), Some(2));
    (top, leaf, kept.take())
}

fn assert_whole((top, leaf, others): (Chain, Rc<Chain>, Vec<Chain>)) {
    assert_eq!(leaf.state(), GeneratorState::Suspended);
    // What the top delegated to has ended, so it goes on, and nobody else does.
    assert_eq!(send_to(&top, 0), Some(50));
    assert_eq!(leaf.state(), GeneratorState::Suspended);
    for (n, g) in (0..).zip(&others) {
        assert!(matches!(g.send(Box::new(n)), Ok(Step::Returned(()))));
    }
    assert!(matches!(leaf.send(Box::default()), Ok(Step::Returned(()))));
    assert!(matches!(top.send(Box::default()), Ok(Step::Returned(()))));
}

fn is_executing(error: GeneratorError) -> bool {
    let GeneratorError::Raised(error) = error else { return false };
    matches!(error.downcast_ref(), Some(GeneratorError::AlreadyExecuting))
}

#[test]
fn an_end_that_closes_a_node_above_it() {
    assert_whole(run(|upper| assert!(is_executing(upper.close().map(drop).unwrap_err()))));
}

#[test]
fn an_end_that_sends_to_a_node_above_it() {
    assert_whole(run(|upper| assert!(is_executing(upper.send(Box::new(9)).unwrap_err().into()))));
}

#[test]
fn an_end_that_throws_into_a_node_above_it() {
    assert_whole(run(|upper| {
        let Err(SendError::Raised(error)) = upper.throw("it") else { panic!("it went on") };
        assert!(matches!(error.downcast_ref(), Some(GeneratorError::AlreadyExecuting)), "{error}");
    }));
}

#[test]
fn an_end_that_resumes_another_which_delegates_to_a_node_above_it() {
    assert_whole(run(|upper| {
        // Borrowed by a body: it lives as long as this scope.
        cede::scoped(
            |y: &Yielder<u32, Box<u32>>| {
                let Err(Thrown::Error(error)) = y.try_yield_from(upper) else { panic!("it went on") };
                assert!(matches!(error.downcast_ref(), Some(GeneratorError::AlreadyExecuting)), "{error}");
            },
            |other: cede::Scoped<'_, u32, Box<u32>, ()>| {
                assert!(matches!(other.start(), Ok(Step::Returned(()))))
            },
        );
    }));
}

#[test]
fn a_node_that_catches_the_refusal_and_goes_elsewhere_takes_those_above_it_along() {
    let slot = Handle::default();
    let handle = Rc::clone(&slot);
    let leaf: Rc<Chain> = Rc::new(Generator::new(move |y: &Yielder<u32, Box<u32>>| {
        y.yield_(1);
        let upper = handle.borrow_mut().take().unwrap();
        assert_eq!(send_to(&upper, 9), Some(100));
        y.yield_(2);
        y.yield_(3);
    }));
    let held = Rc::clone(&leaf);
    let upper: Rc<Chain> = Rc::new(Generator::new(move |y: &Yielder<u32, Box<u32>>| {
        assert!(y.try_yield_from(&*held).unwrap_err().is::<GeneratorError>());
        y.yield_from(Generator::new(|y: &Yielder<u32, Box<u32>>| {
            y.yield_(100);
            y.yield_(101);
        }));
    }));
    *slot.borrow_mut() = Some(Rc::clone(&upper));
    let top: Chain = Generator::new(move |y: &Yielder<u32, Box<u32>>| y.yield_from(upper));
    assert!(matches!(top.start(), Ok(Step::Yielded(1))));
    assert_eq!(send_to(&leaf, 0), Some(2));
    assert_eq!(send_to(&top, 0), Some(101), "the top follows the one that it delegates to");
    assert_eq!(send_to(&leaf, 0), Some(3));
    assert!(matches!(top.send(Box::default()), Ok(Step::Returned(()))));
}
