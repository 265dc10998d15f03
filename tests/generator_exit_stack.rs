//! `ExitStack`. Cases of CPython's `test_contextlib` keep their names.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use cede::{
    BlockPanicked, ContextManager, ExitStack, Generator, Yielder, contextmanager, nullcontext, suppress,
    try_contextmanager, with,
};

type Boxed = Box<dyn Error>;

#[derive(Debug, PartialEq)]
struct Fault(u32);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.0)
    }
}

impl Error for Fault {}

/// An error that keeps the one before it, as Python's `__context__` does.
#[derive(Debug)]
struct Chained(u32, Option<Boxed>);

impl fmt::Display for Chained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for Chained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref()
    }
}

fn chain(error: &Boxed) -> Vec<String> {
    std::iter::successors(Some(&**error), |&error| error.source()).map(ToString::to_string).collect()
}

fn pass(error: Option<Boxed>) -> Result<(), Boxed> {
    error.map_or(Ok(()), Err)
}

thread_local!(static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

/// What this thread has reported to the unraisable hook while `f` ran. The hook is the whole process's.
fn reported<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    cede::set_unraisable_hook(|unraisable| {
        REPORTED.with_borrow_mut(|reported| reported.push(unraisable.error().to_string()));
    });
    REPORTED.take();
    let result = f();
    (result, REPORTED.take())
}

/// A panic without a report on stderr.
fn silent_panic(text: impl Into<String>) -> ! {
    panic::resume_unwind(Box::new(text.into()))
}

fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic"),
        Err(payload) => *payload.downcast().expect("a payload of this test"),
    }
}

#[test]
fn no_resources() {
    assert_eq!(ExitStack::new().run(|_| Ok::<_, Fault>(1)).unwrap(), Some(1));
    ExitStack::new().close().unwrap();
}

#[test]
fn callbacks_run_last_in_first_out() {
    let log = RefCell::new(vec![]);
    ExitStack::new()
        .run(|stack| {
            for i in 0..4 {
                let log = &log;
                stack.callback(move || log.borrow_mut().push(i));
            }
            assert!(log.borrow().is_empty());
            Ok::<_, Fault>(())
        })
        .unwrap();
    assert_eq!(*log.borrow(), [3, 2, 1, 0]);
}

#[test]
fn push() {
    let expect_fault = |error: Option<Boxed>| {
        assert!(error.as_ref().unwrap().is::<Fault>());
        pass(error)
    };
    let expect_ok = |error: Option<Boxed>| {
        assert!(error.is_none());
        Ok(())
    };
    let result = ExitStack::new().run(|stack| {
        stack.push(expect_ok);
        stack.push(expect_ok);
        stack.push(|_| Ok(()));
        stack.push(expect_fault);
        stack.push(expect_fault);
        assert_eq!(stack.len(), 5);
        Err::<(), _>(Fault(1))
    });
    assert_eq!(result.unwrap(), None);
}

#[test]
fn enter_context() {
    let log = Rc::new(RefCell::new(vec![]));
    let inner = Rc::clone(&log);
    let manager = contextmanager(move |y| {
        inner.borrow_mut().push(1);
        y.yield_("value");
        inner.borrow_mut().push(3);
    });
    ExitStack::new()
        .run(|stack| -> Result<(), Boxed> {
            stack.callback(|| log.borrow_mut().push(4));
            assert_eq!(stack.enter(manager)?, "value");
            log.borrow_mut().push(2);
            Ok(())
        })
        .unwrap();
    assert_eq!(*log.borrow(), [1, 2, 3, 4]);
}

#[test]
fn enter_context_errors() {
    let mut stack = ExitStack::new();
    let error = stack.enter(try_contextmanager(|_: &Yielder<()>| Err(Fault(1)))).unwrap_err();
    assert!(error.is::<Fault>());
    assert!(stack.is_empty());
}

#[test]
fn close() {
    let log = RefCell::new(vec![]);
    ExitStack::new()
        .run(|stack| {
            stack.callback(|| log.borrow_mut().push(1));
            stack.close().unwrap();
            log.borrow_mut().push(2);
            stack.callback(|| log.borrow_mut().push(3));
            Ok::<_, Fault>(())
        })
        .unwrap();
    assert_eq!(*log.borrow(), [1, 2, 3]);
}

#[test]
fn pop_all() {
    let log = RefCell::new(vec![]);
    let kept = ExitStack::new().run(|stack| {
        stack.callback(|| log.borrow_mut().push(3));
        let kept = stack.pop_all();
        log.borrow_mut().push(1);
        Ok::<_, Fault>(kept)
    });
    log.borrow_mut().push(2);
    kept.unwrap().unwrap().close().unwrap();
    assert_eq!(*log.borrow(), [1, 2, 3]);
}

#[test]
fn exit_raise() {
    let error = ExitStack::new().run(|stack| {
        stack.push(pass);
        Err::<(), _>(Fault(1))
    });
    assert_eq!(error.unwrap_err().downcast_ref(), Some(&Fault(1)));
}

#[test]
fn exit_exception_chaining() {
    let raise = |number| move |error| Err(Chained(number, error).into());
    let saved = Cell::new(None);
    let result = ExitStack::new().run(|stack| {
        stack.push(raise(1));
        stack.push(raise(2));
        stack.push(raise(3));
        stack.push(|error| {
            saved.set(error);
            Ok(())
        });
        stack.push(raise(4));
        Err::<(), _>(Chained(5, None))
    });
    assert_eq!(chain(&result.unwrap_err()), ["1", "2", "3"]);
    assert_eq!(chain(&saved.take().unwrap()), ["4", "5"]);
}

#[test]
fn exit_exception_non_suppressing() {
    let result = ExitStack::new().run(|stack| {
        stack.callback(|| {});
        stack.push(|_| Err(Fault(1).into()));
        Ok::<_, Fault>(())
    });
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&Fault(1)));

    let result = ExitStack::new().run(|stack| {
        stack.push(|_| Err(Fault(2).into()));
        stack.push(|_| Ok(()));
        stack.push(|_| Err(Fault(1).into()));
        Ok::<_, Fault>(())
    });
    assert_eq!(result.unwrap_err().downcast_ref(), Some(&Fault(2)));
}

#[test]
fn exit_exception_with_correct_context() {
    let chained = |number| {
        try_contextmanager(move |y| y.try_yield(()).map_err(|thrown| Chained(number, Some(thrown.into()))))
    };
    let result = ExitStack::new().run(|stack| {
        stack.enter(chained(4))?;
        stack.enter(chained(3))?;
        stack.enter(chained(2))?;
        Err::<(), Boxed>(Chained(1, None).into())
    });
    assert_eq!(chain(&result.unwrap_err()), ["4", "3", "2", "1"]);
}

#[test]
fn exit_exception_chaining_suppress() {
    let result = ExitStack::new().run(|stack| {
        stack.push(|_| Ok(()));
        stack.push(|_| Err(Fault(1).into()));
        stack.push(|_| Err(Fault(2).into()));
        Ok::<_, Fault>("value")
    });
    assert_eq!(result.unwrap(), Some("value"));
}

#[test]
fn dont_reraise_runtime_error() {
    let second = try_contextmanager(|y| y.try_yield(()).map_err(|thrown| Chained(2, Some(thrown.into()))));
    let first = try_contextmanager(|y| y.try_yield(()));
    let result = ExitStack::new().run(|stack| {
        stack.enter(second)?;
        stack.enter(first)?;
        Err::<(), Boxed>(Chained(1, None).into())
    });
    assert_eq!(chain(&result.unwrap_err()), ["2", "1"]);
}

#[test]
fn excessive_nesting() {
    let count = Cell::new(0);
    let mut stack = ExitStack::new();
    for _ in 0..10_000 {
        stack.callback(|| count.set(count.get() + 1));
    }
    stack.close().unwrap();
    assert_eq!(count.get(), 10_000);
}

/// What an exit of the comparison does with what it is given.
#[derive(Clone, Copy, Debug)]
enum Act {
    Pass,
    Suppress,
    Raise,
    Panic,
}

/// An exit that notes what it was given and then acts.
struct Actor<'a>(usize, Act, &'a RefCell<Vec<String>>);

impl ContextManager for Actor<'_> {
    type Value = ();

    fn enter(&mut self) -> Result<(), Boxed> {
        Ok(())
    }

    fn exit(&mut self, error: Option<Boxed>) -> Result<(), Boxed> {
        let Actor(index, act, log) = *self;
        log.borrow_mut().push(format!("{index} {:?}", error.as_ref().map(ToString::to_string)));
        match act {
            Act::Pass => pass(error),
            Act::Suppress => Ok(()),
            Act::Raise => Err(Fault(index as u32).into()),
            Act::Panic => silent_panic(format!("exit {index}")),
        }
    }
}

fn block(act: Act) -> Result<(), Boxed> {
    match act {
        Act::Pass | Act::Suppress => Ok(()),
        Act::Raise => Err(Fault(100).into()),
        Act::Panic => silent_panic("block"),
    }
}

fn nested(acts: &[Act], index: usize, last: Act, log: &RefCell<Vec<String>>) -> Result<(), Boxed> {
    match acts.get(index) {
        None => block(last),
        Some(&act) => with(Actor(index, act, log), |()| nested(acts, index + 1, last, log)).map(|_| ()),
    }
}

fn stacked(acts: &[Act], last: Act, log: &RefCell<Vec<String>>) -> Result<(), Boxed> {
    let result = ExitStack::new().run(|stack| {
        for (index, &act) in acts.iter().enumerate() {
            stack.enter(Actor(index, act, log))?;
        }
        block(last)
    });
    result.map(|_| ())
}

/// Everything that can be seen of a run: what the exits were given, how it ended, what was reported.
fn observe(
    run: impl FnOnce(&RefCell<Vec<String>>) -> Result<(), Boxed>,
) -> (Vec<String>, String, Vec<String>) {
    let log = RefCell::default();
    let (outcome, reports) = reported(|| catch_unwind(AssertUnwindSafe(|| run(&log))));
    let outcome = match outcome {
        Ok(result) => format!("{:?}", result.map_err(|error| error.to_string())),
        Err(payload) => format!("panic {}", payload.downcast::<String>().unwrap()),
    };
    (log.into_inner(), outcome, reports)
}

#[test]
fn a_stack_does_what_nested_with_blocks_do() {
    const ACTS: [Act; 4] = [Act::Pass, Act::Suppress, Act::Raise, Act::Panic];
    for length in 0..=4u32 {
        for choice in 0..4usize.pow(length) {
            let acts: Vec<Act> = (0..length).map(|i| ACTS[choice / 4usize.pow(i) % 4]).collect();
            for last in [Act::Pass, Act::Raise, Act::Panic] {
                let one_by_one = observe(|log| nested(&acts, 0, last, log));
                assert_eq!(observe(|log| stacked(&acts, last, log)), one_by_one, "{acts:?} {last:?}");
                let in_a_stack = observe(|log| {
                    let mut inner = ExitStack::new();
                    for (index, &act) in acts.iter().enumerate() {
                        inner.enter(Actor(index, act, log))?;
                    }
                    with(inner, |()| block(last)).map(|_| ())
                });
                assert_eq!(in_a_stack, one_by_one, "as a manager: {acts:?} {last:?}");
            }
        }
    }
}

#[test]
fn a_panic_does_not_keep_the_other_exits_from_running() {
    let log = RefCell::new(vec![]);
    let text = panic_text(|| {
        let mut stack = ExitStack::new();
        stack.callback(|| log.borrow_mut().push("first"));
        stack.push(|error| {
            assert_eq!(error.unwrap().downcast_ref::<BlockPanicked>().unwrap().message(), Some("boom"));
            log.borrow_mut().push("second");
            Ok(())
        });
        stack.callback(|| silent_panic("boom"));
        stack.close()
    });
    assert_eq!(text, "boom");
    assert_eq!(*log.borrow(), ["second", "first"]);
}

#[test]
fn an_exit_runs_once_even_if_it_panics() {
    let count = Cell::new(0);
    let mut stack = ExitStack::new();
    stack.callback(|| {
        count.set(count.get() + 1);
        silent_panic("boom")
    });
    assert_eq!(panic_text(|| stack.close()), "boom");
    assert!(stack.close().is_ok());
    drop(stack);
    assert_eq!(count.get(), 1);
}

#[test]
fn dropping_a_stack_runs_what_is_left_and_reports_its_error() {
    let log = RefCell::new(vec![]);
    let ((), reports) = reported(|| {
        let mut stack = ExitStack::new();
        stack.callback(|| log.borrow_mut().push("outer"));
        stack.push(|error| {
            assert!(error.is_none());
            Err(Fault(1).into())
        });
    });
    assert_eq!(*log.borrow(), ["outer"]);
    assert_eq!(reports, ["fault 1"]);
}

#[test]
fn a_panic_of_an_exit_comes_out_of_drop_when_all_have_run() {
    let ran = Cell::new(false);
    let text = panic_text(|| {
        let mut stack = ExitStack::new();
        stack.callback(|| ran.set(true));
        stack.callback(|| silent_panic("boom"));
    });
    assert_eq!(text, "boom");
    assert!(ran.get());
}

#[test]
fn a_stack_that_an_unwind_drops_tells_its_exits() {
    let log = RefCell::new(vec![]);
    let (text, reports) = reported(|| {
        panic_text(|| {
            let mut stack = ExitStack::new();
            for i in 0..4 {
                let log = &log;
                stack.push(move |error| {
                    let panicked = error.as_ref().is_some_and(|error| error.is::<BlockPanicked>());
                    log.borrow_mut().push((i, panicked));
                    match i {
                        3 => Ok(()),
                        2 => Err(Fault(2).into()),
                        1 => silent_panic("second"),
                        _ => pass(error),
                    }
                });
            }
            silent_panic("boom");
        })
    });
    assert_eq!(text, "boom");
    assert_eq!(*log.borrow(), [(3, true), (2, true), (1, true), (0, true)]);
    assert_eq!(reports, ["fault 2", "the block of a context manager panicked: second"]);
}

#[test]
fn a_stack_made_and_dropped_in_a_destructor_knows_of_no_panic() {
    struct Cleanup<'a>(&'a Cell<bool>);
    impl Drop for Cleanup<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            let mut stack = ExitStack::new();
            stack.callback(|| silent_panic("reported"));
            stack.push(|error| {
                self.0.set(error.is_none());
                Ok(())
            });
        }
    }
    let normal = Cell::new(false);
    let (text, reports) = reported(|| {
        panic_text(|| {
            let _cleanup = Cleanup(&normal);
            silent_panic("boom");
        })
    });
    assert_eq!(text, "boom");
    assert!(normal.get());
    assert_eq!(reports, ["the block of a context manager panicked: reported"]);
}

#[test]
fn a_stack_in_a_generator_is_unwound_with_it() {
    let log = Rc::new(RefCell::new(vec![]));
    let inner = Rc::clone(&log);
    let g = Generator::new(move |y: &Yielder<u32>| {
        let mut stack = ExitStack::new();
        stack.callback(|| inner.borrow_mut().push("callback"));
        let manager = contextmanager({
            let inner = Rc::clone(&inner);
            move |y| {
                if y.try_yield(()).unwrap_err().is::<BlockPanicked>() {
                    inner.borrow_mut().push("manager");
                }
            }
        });
        stack.enter(manager).unwrap();
        y.yield_(1);
    });
    g.advance().unwrap();
    drop(g);
    assert_eq!(*log.borrow(), ["manager", "callback"]);
}

#[test]
fn exits_may_yield_from_the_generator_around_them() {
    let g = Generator::new(|y: &Yielder<u32>| {
        let result = ExitStack::new().run(|stack| {
            stack.callback(|| y.yield_(3));
            stack.callback(|| y.yield_(2));
            y.yield_(1);
            Ok::<_, Fault>(())
        });
        assert!(result.is_ok());
    });
    assert_eq!(g.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_stack_entered_into_another_runs_in_its_turn() {
    let log = RefCell::new(vec![]);
    let note = |text| log.borrow_mut().push(text);
    let mut outer = ExitStack::new();
    outer.callback(|| note("outer, first"));
    let mut inner = ExitStack::new();
    inner.callback(|| note("inner"));
    outer.enter(inner).unwrap();
    outer.callback(|| note("outer, last"));
    outer.close().unwrap();
    assert_eq!(*log.borrow(), ["outer, last", "inner", "outer, first"]);
}

#[test]
fn a_failed_setup_is_undone_and_a_good_one_is_kept() {
    let open = Rc::new(Cell::new(0));
    let resource = |fails: bool| {
        let open = Rc::clone(&open);
        try_contextmanager(move |y| {
            if fails {
                return Err(Boxed::from(Fault(1)));
            }
            open.set(open.get() + 1);
            let outcome = y.try_yield(());
            open.set(open.get() - 1);
            Ok(outcome?)
        })
    };
    let set_up = |fails: &[bool]| {
        ExitStack::new().run(|stack| {
            fails.iter().try_for_each(|&fails| stack.enter(resource(fails)))?;
            Ok::<_, Boxed>(stack.pop_all())
        })
    };
    assert!(set_up(&[false, false, true]).unwrap_err().is::<Fault>());
    assert_eq!(open.get(), 0);
    let kept = set_up(&[false, false, false]).unwrap();
    assert_eq!(open.get(), 3);
    drop(kept);
    assert_eq!(open.get(), 0);
}

#[test]
fn a_ready_made_manager_works_on_a_stack() {
    let result = ExitStack::new().run(|stack| {
        stack.enter(suppress::<fmt::Error>())?;
        stack.enter(suppress::<Fault>())?;
        assert_eq!(stack.enter(nullcontext(5))?, 5);
        Err::<(), Boxed>(fmt::Error.into())
    });
    assert_eq!(result.unwrap(), None);
}
