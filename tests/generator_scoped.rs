//! Scoped generators: they borrow, they end with their scope, and their handles are the generators of all statements.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use cede::{Generator, GeneratorError, GeneratorState, SendError, Step, Thrown, Yielder, scoped, try_scoped};

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "generator_statements/child.rs"]
mod child;
#[path = "generator_statements/fault.rs"]
mod fault;

use fault::{Fault, panic_text, reported, silent_panic};

#[test]
fn a_body_borrows_and_changes_what_is_around_it() {
    let words = ["to".to_owned(), "cede".to_owned()];
    let mut lengths = Vec::new();
    let joined = scoped(
        |y: &Yielder<&str>| {
            for word in &words {
                lengths.push(word.len());
                y.yield_(word);
            }
        },
        |words| words.collect::<Vec<_>>().join(" "),
    );
    assert_eq!((joined.as_str(), lengths), ("to cede", vec![2, 4]));
}

#[test]
fn a_handle_has_all_operations_and_its_copies_are_the_same_generator() {
    let body = |y: &Yielder<u32, u32>| {
        let mut heard = 0;
        loop {
            match y.try_yield(heard) {
                Ok(sent) => heard = sent + 1,
                Err(Thrown::Exit) => return heard,
                Err(thrown) => heard = thrown.downcast::<Fault>().unwrap().0,
            }
        }
    };
    scoped(body, |g| {
        let copy = g;
        assert_eq!(g.state(), GeneratorState::Created);
        assert!(matches!(g.send(5), Err(SendError::JustStarted(5))));
        assert_eq!(g.start().unwrap(), Step::Yielded(0));
        assert!(matches!(copy.start(), Err(GeneratorError::AlreadyStarted)));
        assert_eq!(copy.send(5).unwrap(), Step::Yielded(6));
        assert_eq!(g.advance().unwrap(), Step::Yielded(1));
        assert_eq!(g.throw(Fault(9)).unwrap(), Step::Yielded(9));
        assert_eq!(g.close().unwrap(), Some(9));
        assert_eq!(copy.state(), GeneratorState::Closed);
        assert!(matches!(copy.send(5), Err(SendError::Finished(5))));
    });
}

/// Sets it as it is dropped.
struct Flag<'a>(&'a Cell<u32>);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_suspended_body_is_unwound_when_its_scope_is_left() {
    let dropped = Cell::new(0);
    let body = |y: &Yielder<u32>| {
        let _flag = Flag(&dropped);
        y.yield_(1);
    };
    scoped(body, |mut g| assert_eq!(g.next(), Some(1)));
    assert_eq!(dropped.get(), 1);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        scoped(body, |g| {
            g.advance().unwrap();
            silent_panic("of the scope");
        })
    }));
    assert!(caught.is_err());
    assert_eq!(dropped.get(), 2);
    // One that has not begun only drops what it holds.
    let flag = Flag(&dropped);
    scoped(
        move |y: &Yielder<u32>| {
            y.yield_(1);
            drop(flag);
        },
        |_| (),
    );
    assert_eq!(dropped.get(), 3);
}

#[test]
fn what_comes_out_as_the_scope_ends_is_reported() {
    let (value, errors) = reported(|| {
        try_scoped(
            |y: &Yielder<u32>| y.try_yield(1).map_err(|_| Fault(3)),
            |g| {
                g.advance().unwrap();
            },
        );
        scoped(
            |y: &Yielder<u32>| {
                let _ = y.try_yield(1);
                silent_panic("late");
            },
            |g| {
                g.advance().unwrap();
                7
            },
        )
    });
    assert_eq!((value, errors), (7, vec!["fault 3".to_owned(), "generator panicked: late".to_owned()]));
}

#[test]
fn errors_and_panics_of_the_body_go_to_the_one_that_resumes_it() {
    try_scoped(
        |y: &Yielder<u32>| {
            y.yield_(1);
            Err::<(), _>(Fault(2))
        },
        |g| {
            let results: Vec<_> =
                g.fallible().map(|result| result.map_err(|error| error.to_string())).collect();
            assert_eq!(results, [Ok(1), Err("fault 2".into())]);
        },
    );
    scoped(
        |_: &Yielder<u32>| silent_panic("at once"),
        |g: cede::Scoped<'_, u32, (), ()>| assert_eq!(panic_text(|| g.advance()), "at once"),
    );
}

#[test]
fn a_body_that_yields_as_its_scope_ends_is_reported_and_unwound() {
    let dropped = Cell::new(0);
    let ((), errors) = reported(|| {
        scoped(
            |y: &Yielder<u32>| {
                let _flag = Flag(&dropped);
                while y.try_yield(1).is_err() {}
            },
            |g| drop(g.advance()),
        );
    });
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("ignored GeneratorExit"));
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_body_that_catches_every_end_aborts_the_process_with_the_reason() {
    let output = child::run("a_body_that_catches_every_end_aborts_the_process_with_the_reason", None, || {
        let words = String::from("borrowed");
        scoped(
            |y: &Yielder<&str>| {
                loop {
                    let _ = catch_unwind(AssertUnwindSafe(|| y.yield_(&words)));
                }
            },
            |g: cede::Scoped<'_, &str, (), ()>| drop(g.advance()),
        );
    });
    let text = child::text(&output);
    assert!(std::os::unix::process::ExitStatusExt::signal(&output.status).is_some(), "{text}");
    assert!(text.contains("a scoped generator can't be ended"), "{text}");
    assert!(text.contains("so the process is aborted"), "{text}");
}

#[test]
fn scopes_nest_and_delegate_to_outer_and_inner_ones() {
    let log = RefCell::new(Vec::new());
    let numbers = |from: u32| {
        let log = &log;
        move |y: &Yielder<u32>| {
            (from..from + 2).for_each(|i| y.yield_(i));
            log.borrow_mut().push(from);
        }
    };
    scoped(numbers(1), |first| {
        scoped(numbers(10), |second| {
            let both = |y: &Yielder<u32>| {
                y.yield_from(first);
                y.yield_from(second);
                scoped(numbers(20), |third| y.yield_from(third));
            };
            scoped(both, |all| assert_eq!(all.collect::<Vec<_>>(), [1, 2, 10, 11, 20, 21]));
        });
    });
    assert_eq!(*log.borrow(), [1, 10, 20]);
}

#[test]
fn closing_a_generator_inside_the_scope_of_another_ends_that_scope_in_order() {
    let g = Generator::new(|y: &Yielder<u32>| {
        let dropped = Cell::new(0);
        let inner = |inner: &Yielder<u32>| {
            let _flag = Flag(&dropped);
            inner.yield_(1);
        };
        let result = catch_unwind(AssertUnwindSafe(|| scoped(inner, |inner| y.yield_from(inner))));
        assert!(result.is_err());
        dropped.get()
    });
    g.advance().unwrap();
    assert_eq!(g.close().unwrap(), Some(1));
}
