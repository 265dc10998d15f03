//! Statements 10 to 17: closing, misuse, dropping, states, and the chain of causes.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};

use cede::{Generator, GeneratorError, GeneratorExit, GeneratorState, SendError, Step, Thrown, Yielder};

use crate::fault::{Fault, reported, silent_panic};

type Log = Rc<RefCell<Vec<u32>>>;

/// Writes its number as it is dropped.
struct Note(u32, Log);

impl Drop for Note {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[test]
fn statement_10_closing_a_generator_that_has_not_begun_runs_nothing() {
    // test_generators: GeneratorCloseTest.test_close_not_started
    let log = Log::default();
    let note = Note(1, Rc::clone(&log));
    let g = Generator::new(move |y: &Yielder<i32>| {
        note.1.borrow_mut().push(99);
        y.yield_(1);
    });
    assert_eq!(g.close().unwrap(), None);
    assert_eq!(*log.borrow(), [1], "what the body holds is dropped by the close");
    assert_eq!(g.state(), GeneratorState::Closed);
    assert!(matches!(g.start(), Err(GeneratorError::Finished)));
}

#[test]
fn statement_10_closing_a_finished_or_closed_generator_does_nothing() {
    // test_generators: GeneratorCloseTest.test_close_exhausted, test_close_closed
    let finished = Generator::new(|_: &Yielder<i32>| 3);
    assert_eq!(finished.advance().unwrap(), Step::Returned(3));
    let closed = Generator::new(|y: &Yielder<i32>| {
        y.yield_(0);
        3
    });
    closed.advance().unwrap();
    closed.close().unwrap();
    for g in [finished, closed] {
        assert_eq!(g.close().unwrap(), None);
        assert_eq!(g.close().unwrap(), None);
        assert_eq!(g.state(), GeneratorState::Closed);
    }
}

#[test]
fn statement_11_close_throws_an_exit_at_the_yield_and_destructors_run() {
    // test_generators: GeneratorCloseTest.test_close_not_catching_exit, test_close_releases_frame_locals
    let log = Log::default();
    let inside = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<i32>| {
        let _outer = Note(2, Rc::clone(&inside));
        let _inner = Note(1, inside);
        y.yield_(1);
        unreachable!("a close does not return from yield_");
    });
    g.advance().unwrap();
    assert_eq!(g.close().unwrap(), None);
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn statement_11_an_exit_that_the_body_raises_again_is_a_normal_end() {
    let by_rethrow = Generator::try_new(|y: &Yielder<i32>| -> Result<(), Box<dyn Error>> {
        y.try_yield(1).unwrap_err().rethrow()
    });
    let by_return = Generator::try_new(|y: &Yielder<i32>| y.try_yield(1).map_err(Box::<dyn Error>::from));
    for g in [by_rethrow, by_return] {
        g.advance().unwrap();
        assert_eq!(g.close().unwrap(), None);
        assert_eq!(g.state(), GeneratorState::Closed);
    }
}

#[test]
fn statement_11_another_error_that_comes_out_of_a_close_goes_to_the_closer() {
    // test_generators: GeneratorCloseTest.test_close_raises
    let g = Generator::try_new(|y: &Yielder<i32>| y.try_yield(1).map_err(|_| Fault(2)));
    g.advance().unwrap();
    let Err(GeneratorError::Raised(error)) = g.close() else { panic!() };
    assert_eq!(*error.downcast::<Fault>().unwrap(), Fault(2));
    assert_eq!(g.close().unwrap(), None);
}

#[test]
fn statement_11_a_thrown_exit_that_nobody_catches_comes_back_as_an_error() {
    let g = Generator::new(|y: &Yielder<i32>| y.yield_(1));
    g.advance().unwrap();
    let Err(SendError::Raised(error)) = g.throw(GeneratorExit) else { panic!() };
    assert!(error.is::<GeneratorExit>());
    assert_eq!(g.state(), GeneratorState::Closed);
}

#[test]
fn statement_12_a_body_that_yields_when_it_is_closed_is_told_of_and_stays_suspended() {
    // test_generators: doctest "generator ignored GeneratorExit"
    let g = Generator::new(|y: &Yielder<u32>| {
        let mut ignored = 0;
        while ignored < 3 {
            if y.try_yield(ignored).is_err() {
                ignored += 1;
            }
        }
        ignored
    });
    assert_eq!(g.advance().unwrap(), Step::Yielded(0));
    for n in 1..3 {
        assert!(matches!(g.close(), Err(GeneratorError::IgnoredExit)));
        assert_eq!(g.state(), GeneratorState::Suspended);
        assert_eq!(g.advance().unwrap(), Step::Yielded(n));
    }
    assert_eq!(g.close().unwrap(), Some(3));
}

#[test]
fn statement_12_the_value_that_was_yielded_instead_of_an_end_is_dropped() {
    let log = Log::default();
    let inside = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<Note>| {
        let _ = y.try_yield(Note(1, Rc::clone(&inside)));
        let _ = y.try_yield(Note(2, inside));
    });
    drop(g.advance().unwrap());
    assert!(matches!(g.close(), Err(GeneratorError::IgnoredExit)));
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn statement_13_close_gives_what_the_body_returned_then_once() {
    // test_generators: GeneratorCloseTest.test_close_return_value
    let g = Generator::new(|y: &Yielder<i32>| match y.try_yield(1) {
        Err(Thrown::Exit) => "closed",
        _ => "resumed",
    });
    g.advance().unwrap();
    assert_eq!(g.close().unwrap(), Some("closed"));
    assert_eq!(g.close().unwrap(), None);
}

/// A generator whose body does this with the generator itself.
fn with_itself(
    what: impl FnOnce(&Generator<u32, u32, String>) -> String + 'static,
) -> Rc<Generator<u32, u32, String>> {
    Rc::new_cyclic(|me: &Weak<_>| {
        let me = Weak::clone(me);
        Generator::new(move |y: &Yielder<u32, u32>| {
            y.yield_(1);
            what(&me.upgrade().expect("it is running"))
        })
    })
}

#[test]
fn statement_14_whatever_is_asked_of_a_running_generator_says_that_it_is_executing() {
    // test_generators: doctest "generator already executing"
    type Ask = fn(&Generator<u32, u32, String>) -> String;
    let asked: [Ask; 6] = [
        |g| format!("{:?}", matches!(g.advance(), Err(GeneratorError::AlreadyExecuting))),
        |g| format!("{:?}", matches!(g.start(), Err(GeneratorError::AlreadyExecuting))),
        |g| format!("{:?}", matches!(g.send(7), Err(SendError::AlreadyExecuting(7)))),
        |g| match g.throw(Fault(1)) {
            Err(SendError::AlreadyExecuting(thrown)) => thrown.is::<Fault>().to_string(),
            other => format!("{other:?}"),
        },
        |g| format!("{:?}", matches!(g.close(), Err(GeneratorError::AlreadyExecuting))),
        |g| (g.state() == GeneratorState::Running).to_string(),
    ];
    for (number, ask) in asked.into_iter().enumerate() {
        let g = with_itself(ask);
        g.start().unwrap();
        assert_eq!(g.advance().unwrap(), Step::Returned("true".into()), "operation {number}");
    }
}

#[test]
fn statement_14_a_generator_that_resumes_another_is_executing_for_that_one() {
    let first: Rc<RefCell<Option<Rc<Generator<u32>>>>> = Rc::default();
    let seen = Rc::new(Cell::new(None));
    let (handle, note) = (Rc::clone(&first), Rc::clone(&seen));
    let second = Generator::new(move |y: &Yielder<u32>| {
        let first = handle.borrow().clone().unwrap();
        note.set(Some(matches!(first.advance(), Err(GeneratorError::AlreadyExecuting))));
        y.yield_(2);
    });
    let g = Rc::new(Generator::new(move |y: &Yielder<u32>| {
        let value = second.advance().unwrap().yielded().unwrap();
        y.yield_(value);
    }));
    *first.borrow_mut() = Some(Rc::clone(&g));
    assert_eq!(g.advance().unwrap(), Step::Yielded(2));
    assert_eq!(seen.get(), Some(true));
    first.take();
}

#[test]
fn statement_15_dropping_a_suspended_generator_runs_its_destructors_inner_to_outer() {
    let log = Log::default();
    let inside = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<i32>| {
        let _outer = Note(2, Rc::clone(&inside));
        {
            let _inner = Note(1, Rc::clone(&inside));
            y.yield_(1);
        }
    });
    g.advance().unwrap();
    drop(g);
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn statement_15_dropping_a_generator_that_has_not_begun_runs_nothing() {
    let log = Log::default();
    let note = Note(1, Rc::clone(&log));
    drop(Generator::new(move |y: &Yielder<i32>| {
        note.1.borrow_mut().push(99);
        y.yield_(1);
    }));
    assert_eq!(*log.borrow(), [1]);
}

#[test]
fn statement_15_errors_and_panics_of_a_drop_are_reported_and_not_lost() {
    let ((), errors) = reported(|| {
        let g = Generator::try_new(|y: &Yielder<i32>| y.try_yield(1).map_err(|_| Fault(4)));
        g.advance().unwrap();
        drop(g);
        let g = Generator::new(|y: &Yielder<i32>| {
            let _ = y.try_yield(1);
            silent_panic("in clean-up");
        });
        g.advance().unwrap();
        drop(g);
    });
    assert_eq!(errors, ["fault 4", "generator panicked: in clean-up"]);
}

#[test]
fn statement_15_a_body_that_yields_while_it_is_dropped_is_reported_once_and_unwound() {
    let log = Log::default();
    let inside = Rc::clone(&log);
    let ((), errors) = reported(|| {
        let g = Generator::new(move |y: &Yielder<i32>| {
            let _note = Note(1, Rc::clone(&inside));
            loop {
                if y.try_yield(0).is_err() {
                    inside.borrow_mut().push(0);
                }
            }
        });
        g.advance().unwrap();
    });
    assert_eq!(errors, ["generator ignored GeneratorExit: its body yielded when it was asked to end"]);
    assert_eq!(*log.borrow(), [0, 1]);
}

#[test]
fn statement_15_a_break_out_of_a_loop_only_drops() {
    let log = Log::default();
    let inside = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<i32>| {
        let _note = Note(1, inside);
        (0..100).for_each(|i| y.yield_(i));
    });
    for i in &g {
        if i == 2 {
            break;
        }
    }
    assert!(log.borrow().is_empty(), "a reference was dropped, not the generator");
    for i in g {
        if i == 4 {
            break;
        }
    }
    assert_eq!(*log.borrow(), [1]);
}

#[test]
fn statement_16_the_four_states_are_visible() {
    let me: Rc<RefCell<Weak<Generator<GeneratorState>>>> = Rc::default();
    let inside = Rc::clone(&me);
    let g = Rc::new(Generator::new(move |y: &Yielder<GeneratorState>| {
        let state = inside.borrow().upgrade().unwrap().state();
        y.yield_(state);
    }));
    *me.borrow_mut() = Rc::downgrade(&g);
    assert_eq!(g.state(), GeneratorState::Created);
    assert_eq!(g.advance().unwrap(), Step::Yielded(GeneratorState::Running));
    assert_eq!(g.state(), GeneratorState::Suspended);
    assert_eq!(g.advance().unwrap(), Step::Returned(()));
    assert_eq!(g.state(), GeneratorState::Closed);
}

#[test]
fn statement_16_what_a_generator_delegates_to_is_visible() {
    let inner = Generator::builder().name("inner").build(|y: &Yielder<i32>| y.yield_(1)).unwrap();
    let made_at = inner.made_at();
    let outer = Generator::new(move |y: &Yielder<i32>| {
        y.yield_from(inner);
        y.yield_(2);
    });
    assert_eq!(outer.delegate(), None);
    outer.advance().unwrap();
    let info = outer.delegate().unwrap();
    assert_eq!((info.name.as_deref(), info.made_at), (Some("inner"), made_at));
    assert_eq!(info.state, GeneratorState::Suspended);
    outer.advance().unwrap();
    assert_eq!(outer.delegate(), None);
}

/// An error with a cause.
#[derive(Debug)]
struct Caused(Box<dyn Error>);

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("caused")
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn statement_17_errors_keep_their_chain_of_causes() {
    let inner = Generator::try_new(|y: &Yielder<i32>| -> Result<(), Caused> {
        let thrown = y.try_yield(1).unwrap_err();
        Err(Caused(thrown.into()))
    });
    let outer = Generator::new(move |y: &Yielder<i32>| y.yield_from(inner));
    outer.advance().unwrap();
    let error = outer.throw(Caused(Fault(1).into())).unwrap_err();
    let chain: Vec<_> = std::iter::successors(error.source(), |&error| error.source()).collect();
    assert_eq!(error.to_string(), "caused");
    assert_eq!(chain.iter().map(|error| error.to_string()).collect::<Vec<_>>(), ["caused", "fault 1"]);
    assert!(chain[1].is::<Fault>());
}
