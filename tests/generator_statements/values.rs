//! Values of every shape go in and out, and destructors that panic harm nobody else.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use cede::{Generator, GeneratorError, GeneratorState, Step, Yielder};

use crate::child;
use crate::fault::{panic_text, reported, silent_panic};

/// Panics as it is dropped.
#[derive(Debug)]
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        silent_panic(self.0);
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error that panics")
    }
}

impl std::error::Error for Bomb {}

#[test]
fn a_panic_in_a_destructor_of_a_dropped_generator_is_reported() {
    let ((), errors) = reported(|| {
        let g = Generator::new(|y: &Yielder<u32>| {
            let _bomb = Bomb("in a local");
            let _ = y.try_yield(1);
        });
        g.advance().unwrap();
        drop(g);
        let bomb = Bomb("in a captured value");
        drop(Generator::new(move |y: &Yielder<u32>| {
            let _bomb = bomb;
            y.yield_(1);
        }));
    });
    assert_eq!(errors, ["generator panicked: in a local", "generator panicked: in a captured value"]);
}

#[test]
fn a_panic_in_what_an_unstarted_body_holds_goes_to_the_one_that_closes_it() {
    let make = || {
        let bomb = Bomb("captured");
        Generator::new(move |y: &Yielder<u32>| {
            let _bomb = bomb;
            y.yield_(1);
        })
    };
    let g = make();
    assert_eq!(panic_text(|| g.close()), "captured");
    assert_eq!(g.state(), GeneratorState::Closed);
    let g = make();
    assert_eq!(panic_text(|| g.throw("an error")), "captured");
    assert_eq!(g.state(), GeneratorState::Closed);
}

#[test]
fn a_panic_in_a_value_that_was_yielded_instead_of_an_end() {
    let make = || {
        Generator::new(|y: &Yielder<Option<Bomb>>| {
            let _ = y.try_yield(None);
            let _ = y.try_yield(Some(Bomb("ignored value")));
        })
    };
    let g = make();
    g.advance().unwrap();
    assert_eq!(panic_text(|| g.close()), "ignored value");
    assert_eq!(g.state(), GeneratorState::Suspended);
    assert_eq!(g.close().unwrap(), Some(()));
    let ((), errors) = reported(|| {
        let g = make();
        g.advance().unwrap();
        drop(g);
    });
    // The value goes before the hook is called, which might resume the generator.
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(errors[0], "generator panicked: ignored value");
    assert!(errors[1].contains("ignored GeneratorExit"), "{errors:?}");
    // The same below one that delegates: the panic is raised there.
    let outer = Generator::new(move |y: &Yielder<Option<Bomb>>| {
        assert_eq!(panic_text(|| y.yield_from(make())), "ignored value");
    });
    let ((), errors) = reported(|| {
        outer.advance().unwrap();
        assert_eq!(outer.close().unwrap(), Some(()));
    });
    assert_eq!(errors.len(), 0, "{errors:?}");
}

#[test]
fn a_panic_in_a_returned_value_that_nobody_takes() {
    let ((), errors) = reported(|| {
        let inner = Generator::new(|y: &Yielder<u32>| {
            let _ = y.try_yield(1);
            Bomb("returned")
        });
        // A close throws the value of an inner one away, and raises what that does.
        let outer = Generator::new(move |y: &Yielder<u32>| {
            assert_eq!(panic_text(|| std::mem::forget(y.try_yield_from(inner))), "returned");
        });
        outer.advance().unwrap();
        outer.close().unwrap();
    });
    assert!(errors.is_empty(), "{errors:?}");
    let mut g = Generator::new(|y: &Yielder<u32>| {
        y.yield_(1);
        Bomb("of an iterator")
    });
    assert_eq!(g.next(), Some(1));
    assert_eq!(panic_text(|| g.next()), "of an iterator");
    assert_eq!(g.next(), None);
}

#[test]
fn a_panic_in_a_value_that_is_returned_while_the_generator_is_dropped_is_reported() {
    let ((), errors) = reported(|| {
        let g = Generator::new(|y: &Yielder<u32>| {
            let _ = y.try_yield(1);
            Bomb("returned to nobody")
        });
        g.advance().unwrap();
        drop(g);
    });
    assert_eq!(errors, ["generator panicked: returned to nobody"]);
}

#[test]
fn a_panic_in_the_destructor_of_a_reported_error_is_not_lost_in_an_abort() {
    let ((), errors) = reported(|| {
        let g = Generator::try_new(|y: &Yielder<u32>| y.try_yield(1).map_err(|_| Bomb("error")));
        g.advance().unwrap();
        drop(g);
    });
    assert_eq!(errors, ["an error that panics"]);
}

#[test]
fn a_panic_in_the_hook_goes_no_further() {
    child::alone("values::a_panic_in_the_hook_goes_no_further", None, || {
        cede::set_unraisable_hook(|_| silent_panic("hook"));
        for _ in 0..3 {
            let g = Generator::try_new(|y: &Yielder<u32>| y.try_yield(1).map_err(|_| "an error"));
            g.advance().unwrap();
            drop(g);
        }
        assert_eq!(Generator::new(|y: &Yielder<u32>| y.yield_(1)).count(), 1);
    });
}

/// A body that holds this much.
fn holding<const N: usize>() {
    let dropped = Rc::new(Cell::new(0));
    let held = ([7u8; N], Rc::clone(&dropped));
    let g = Generator::new(move |y: &Yielder<usize>| {
        let (bytes, dropped) = held;
        y.yield_(bytes.iter().filter(|&&b| b == 7).count());
        dropped.set(dropped.get() + 1);
    });
    assert_eq!(g.advance().unwrap(), Step::Yielded(N));
    assert_eq!(g.advance().unwrap(), Step::Returned(()));
    assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (1, 1));
    let held = ([7u8; N], Rc::clone(&dropped));
    drop(Generator::new(move |y: &Yielder<usize>| {
        y.yield_(N);
        drop(held);
    }));
    assert_eq!(Rc::strong_count(&dropped), 1);
}

#[test]
fn bodies_of_any_size_are_kept_run_and_dropped() {
    holding::<0>();
    holding::<1_000>();
    holding::<1_024>();
    holding::<1_025>();
    holding::<5_000>();
    holding::<70_000>();
}

type Large = [u8; 64 << 10];

fn is_all(value: &Large, byte: u8) -> bool {
    value.iter().all(|&b| b == byte)
}

/// On a thread with a stack of its own size: without optimisation each call on the way copies them.
#[test]
fn values_of_64_kib_go_out_in_and_back() {
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(|| {
        let g = Generator::builder().stack_size(8 << 20);
        let g = g.build(|y: &Yielder<Large, Large>| y.yield_(y.yield_([1; 64 << 10]))).unwrap();
        assert!(is_all(&g.start().unwrap().yielded().unwrap(), 1));
        assert!(is_all(&g.send([2; 64 << 10]).unwrap().yielded().unwrap(), 2));
        assert!(is_all(&g.send([3; 64 << 10]).unwrap().returned().unwrap(), 3));
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn yielded_values_of_64_kib_need_no_other_stack_than_the_default() {
    let g = Generator::new(|y: &Yielder<Large>| (1..4).for_each(|i| y.yield_([i; 64 << 10])));
    assert!((1..4).all(|i| is_all(&g.advance().unwrap().yielded().unwrap(), i)));
}

macro_rules! aligned {
    ($name:ident, $align:literal) => {
        #[derive(Clone, Copy, PartialEq, Debug, Default)]
        #[repr(align($align))]
        struct $name(u8);

        impl $name {
            fn checked(self) -> Self {
                assert_eq!((&raw const self).addr() % $align, 0);
                self
            }

            fn go_through() {
                let held = $name(9);
                let g = Generator::new(move |y: &Yielder<$name, $name>| {
                    assert_eq!((&raw const held).addr() % $align, 0);
                    let sent = y.yield_($name(1)).checked();
                    let inner = Generator::new(move |y: &Yielder<$name, $name>| y.yield_(sent));
                    y.yield_from(inner).checked();
                    held
                });
                assert_eq!(g.start().unwrap(), Step::Yielded($name(1)));
                assert_eq!(g.send($name(2)).unwrap(), Step::Yielded($name(2)));
                assert_eq!(g.send($name(3)).unwrap(), Step::Returned($name(9)));
            }
        }
    };
}

aligned!(By256, 256);
aligned!(By4096, 4096);

#[test]
fn values_that_are_over_aligned_keep_their_alignment() {
    By256::go_through();
    By4096::go_through();
}

#[test]
fn values_of_no_size_are_dropped_as_often_as_they_are_made() {
    thread_local!(static DROPS: Cell<u32> = const { Cell::new(0) });
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
        }
    }
    let g = Generator::new(|y: &Yielder<Nothing, Nothing>| {
        drop(y.yield_(Nothing));
        drop(y.yield_(Nothing));
        Nothing
    });
    drop(g.start().unwrap());
    drop(g.send(Nothing).unwrap());
    assert_eq!(DROPS.get(), 3);
    drop(g.send(Nothing).unwrap());
    assert_eq!(DROPS.get(), 5);
    drop(g.send(Nothing).map(drop).unwrap_err());
    assert_eq!(DROPS.get(), 6);
}

#[test]
fn a_value_that_was_sent_to_a_generator_that_cannot_take_it_comes_back() {
    let g = Generator::new(|y: &Yielder<(), Rc<()>>| drop(y.yield_(())));
    let value = Rc::new(());
    drop(g.send(Rc::clone(&value)).unwrap_err());
    g.start().unwrap();
    g.send(Rc::clone(&value)).unwrap();
    let error = g.send(Rc::clone(&value)).unwrap_err();
    assert_eq!(Rc::strong_count(&value), 2);
    assert!(matches!(GeneratorError::from(error), GeneratorError::Finished));
    assert_eq!(Rc::strong_count(&value), 1);
}
