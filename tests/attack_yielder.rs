//! Only the innermost generator that runs may yield, and nothing that it lends gets out of its closure.
//!
//! The programs that must not compile are in `tests/ui`; these compile, and have to be refused when they run.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use cede::{Generator, GeneratorError, Scoped, Step, Thrown, Yielder, scoped, try_scoped};

#[track_caller]
fn assert_refused(yielded: Result<(), Thrown>) {
    let error = yielded.unwrap_err().downcast::<GeneratorError>().unwrap();
    assert!(matches!(error, GeneratorError::NotInnermost), "{error}");
}

#[test]
fn an_outer_yielder_is_refused_in_every_kind_of_inner_stack() {
    let g = Generator::new(|outer: &Yielder<u32>| {
        let try_all = || {
            assert_refused(outer.try_yield(0));
            assert_refused(outer.try_yield_from(Generator::new(|y: &Yielder<u32>| y.yield_(1))));
            assert_refused(outer.try_yield_from_iter([1, 2]).map(drop));
            assert!(catch_unwind(AssertUnwindSafe(|| outer.yield_(0))).is_err());
        };
        scoped(
            |y: &Yielder<u32>| {
                try_all();
                cede::grow_with(usize::MAX, 128 << 10, try_all);
                y.yield_(10);
                try_all();
            },
            |inner| {
                // In the closure of the scope it is this generator that runs.
                outer.yield_(1);
                assert_eq!(inner.inspect(|n| outer.yield_(*n)).count(), 1);
                outer.yield_(2);
            },
        );
        cede::grow_with(usize::MAX, 128 << 10, || outer.yield_(3));
    });
    assert_eq!(g.collect::<Vec<_>>(), [1, 10, 2, 3]);
}

#[test]
fn scopes_that_yield_to_each_other_s_callers_keep_their_order() {
    let words = [String::from("to"), String::from("cede")];
    let seen = RefCell::new(Vec::new());
    scoped(
        |a: &Yielder<&str>| {
            scoped(
                |b: &Yielder<&str>| {
                    assert_refused(a.try_yield("no"));
                    words.iter().for_each(|word| b.yield_(word));
                },
                |inner| inner.for_each(|word| a.yield_(word)),
            );
        },
        |outer| outer.for_each(|word| seen.borrow_mut().push(word)),
    );
    assert_eq!(*seen.borrow(), ["to", "cede"]);
}

#[test]
fn a_scoped_handle_that_its_own_body_reaches_is_executing() {
    // The body's environment outlives the scope, so that only a `'static` generator can be put there.
    let slot: RefCell<Option<Rc<Generator<u32>>>> = RefCell::new(None);
    scoped(
        |y: &Yielder<u32>| {
            let Some(g) = slot.borrow_mut().take() else { return };
            assert_eq!((&*g).next(), Some(5));
            y.yield_(1);
            assert_eq!((&*g).next(), None);
        },
        |mut inner| {
            *slot.borrow_mut() = Some(Rc::new(Generator::new(|y: &Yielder<u32>| y.yield_(5))));
            assert_eq!((inner.next(), inner.next()), (Some(1), None));
        },
    );
}

#[test]
fn a_scope_that_is_left_in_every_way_ends_its_body_first() {
    struct Borrower<'a>(&'a Cell<u32>);
    impl Drop for Borrower<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let ended = Cell::new(0);
    let body = |y: &Yielder<u32>| {
        let _borrower = Borrower(&ended);
        y.yield_(1);
    };
    scoped(body, |mut g| g.next());
    drop(catch_unwind(AssertUnwindSafe(|| {
        scoped(body, |mut g| {
            g.next();
            std::panic::resume_unwind(Box::new(1u8))
        })
    })));
    assert_eq!(ended.get(), 2);
    // A generator that is dropped, closed or thrown into inside a scope of its own.
    for how in 0..3 {
        let count = Rc::new(Cell::new(0));
        let theirs = Rc::clone(&count);
        let g = Generator::new(move |y: &Yielder<u32>| {
            let local = Cell::new(0);
            let body = |y: &Yielder<u32>| {
                let _borrower = Borrower(&local);
                y.yield_(1);
            };
            let _at_the_end = Report(&theirs, &local);
            scoped(body, |inner| inner.for_each(|n| y.yield_(n)));
        });
        (&g).next();
        match how {
            0 => drop(g),
            1 => assert!(matches!(g.close(), Ok(None))),
            _ => drop(g.throw("it").unwrap_err()),
        }
        assert_eq!(count.get(), 1, "in way {how}");
    }
    struct Report<'a>(&'a Rc<Cell<u32>>, &'a Cell<u32>);
    impl Drop for Report<'_> {
        fn drop(&mut self) {
            self.0.set(self.1.get());
        }
    }
}

#[test]
fn values_that_hold_handles_go_out_in_and_back() {
    type Inner = Generator<u32>;
    let swap = Generator::new(|y: &Yielder<Box<dyn Any>, Option<Rc<Inner>>>| {
        let mut kept: Vec<Rc<Inner>> = Vec::new();
        while let Some(g) = y.yield_(Box::new(kept.clone())) {
            let mut next = &*g;
            next.next();
            kept.push(g);
        }
        kept
    });
    swap.start().unwrap();
    for n in 0..3 {
        let g = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_(n)));
        let Ok(Step::Yielded(kept)) = swap.send(Some(g)) else { panic!("it ended") };
        assert_eq!(kept.downcast::<Vec<Rc<Inner>>>().unwrap().len(), n as usize + 1);
    }
    let Ok(Step::Returned(kept)) = swap.send(None) else { panic!("it goes on") };
    drop(swap);
    assert!(kept.into_iter().all(|g| matches!(g.advance(), Ok(Step::Returned(())))));
}

#[test]
fn copies_of_a_scoped_handle_are_one_generator_and_delegate_once() {
    scoped(
        |y: &Yielder<u32>| (0..4).for_each(|n| y.yield_(n)),
        |inner: Scoped<'_, u32>| {
            scoped(
                |y: &Yielder<u32>| y.yield_from(inner),
                |first| {
                    scoped(
                        |y: &Yielder<u32>| y.yield_from(&inner),
                        |second| {
                            let mut copy = inner;
                            let (mut first, mut second) = (first, second);
                            assert_eq!((first.next(), second.next()), (Some(0), Some(1)));
                            assert_eq!((first.next(), second.next()), (Some(2), Some(3)));
                            assert_eq!(copy.next(), None);
                        },
                    );
                },
            );
        },
    );
}

#[test]
fn handles_may_be_swapped_and_replaced_while_their_bodies_wait() {
    let count_from = |n: u32| Generator::new(move |y: &Yielder<u32>| (n..u32::MAX).for_each(|n| y.yield_(n)));
    let (mut a, mut b) = (count_from(0), count_from(100));
    assert_eq!((a.next(), b.next()), (Some(0), Some(100)));
    std::mem::swap(&mut a, &mut b);
    assert_eq!((a.next(), b.next()), (Some(101), Some(1)));
    let old = std::mem::replace(&mut a, count_from(50));
    assert_eq!((a.next(), b.next()), (Some(50), Some(2)));
    drop(old);
    assert_eq!((a.next(), b.next()), (Some(51), Some(3)));
}

#[test]
fn an_iterator_adaptor_that_iterates_inside_may_be_left_in_the_middle() {
    let g = Generator::new(|y: &Yielder<u32>| {
        let owned: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let sorted = |a: &String, b: &String| {
            y.yield_(1);
            b.cmp(a)
        };
        let mut copy = owned.clone();
        copy.sort_by(sorted);
        copy.retain(|_| {
            y.yield_(2);
            true
        });
        copy.dedup_by_key(|_| y.yield_(3));
    });
    // At each of these the vector is in the middle of a change; all of it is unwound.
    for steps in [1, 50, 300, 700, 900] {
        let again = Generator::new({
            move |y: &Yielder<u32>| {
                let mut boxes: Vec<Box<u32>> = (0..100u32).rev().map(Box::new).collect();
                boxes.sort_by(|a, b| {
                    y.yield_(1);
                    a.cmp(b)
                });
                boxes.retain(|n| {
                    y.yield_(2);
                    **n % 2 == 0
                });
                drop(boxes.into_iter().map(|n| y.yield_(*n)).collect::<Vec<_>>());
            }
        });
        let taken = (&again).take(steps).count();
        assert!(taken > 0);
    }
    assert!(g.count() > 200);
}

#[test]
fn a_scoped_body_that_fails_and_one_that_panics_tell_the_closure() {
    let text = String::from("borrowed");
    let failed = try_scoped(
        |y: &Yielder<&str>| {
            y.yield_(&text);
            Err::<(), _>("failed")
        },
        |g| {
            g.advance().unwrap();
            g.advance().unwrap_err().to_string()
        },
    );
    assert_eq!(failed, "failed");
    let panicked = scoped(
        |_: &Yielder<&str>| std::panic::resume_unwind(Box::new(text.len())),
        |g: Scoped<'_, &str, (), ()>| catch_unwind(AssertUnwindSafe(|| g.advance())).map(drop).unwrap_err(),
    );
    assert_eq!(panicked.downcast_ref::<usize>(), Some(&8));
}
