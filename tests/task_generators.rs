//! Generators in tasks: who may advance them, who may yield, and what tasks know of code that is left in the middle.

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "generator_statements/child.rs"]
mod child;
#[path = "task_order/trace.rs"]
mod trace;

use std::rc::Rc;

use cede::sync::Queue;
use cede::{ContextManager, current, no_cancel, no_switch, scope, sleep, spawn, yield_now};
use cede::{
    Generator, GeneratorError, GeneratorState, Runner, Step, Thrown, Yielder, contextmanager, scoped,
};
use trace::{Logs, SECOND, log, logged, panic_text, run, silent_panic};

fn forever() {
    Queue::<()>::unbounded().get().unwrap();
}

/// The error with which a yield is refused.
fn refused(tried: Result<(), Thrown>) -> GeneratorError {
    let Err(thrown) = tried else { panic!("it was not refused") };
    let Ok(error) = thrown.downcast::<GeneratorError>() else { panic!("another error") };
    error
}

#[test]
fn a_generator_that_waits_is_an_asynchronous_generator() {
    run(|| {
        let numbers = Generator::new(|y: &Yielder<u32>| {
            for i in 0..3 {
                sleep(SECOND);
                y.yield_(i);
            }
        });
        let (start, other) = (cede::time::now(), spawn(|| sleep(2 * SECOND)));
        assert_eq!(numbers.collect::<Vec<_>>(), [0, 1, 2]);
        assert!(other.is_finished());
        assert_eq!(cede::time::now() - start, 3 * SECOND);
    });
}

#[test]
fn a_generator_may_be_started_in_one_task_and_advanced_in_others_and_in_another_run() {
    let runner = Runner::builder().virtual_time(true).build();
    let ids = runner
        .run(|| {
            let ids = Rc::new(Generator::new(|y: &Yielder<u64>| {
                loop {
                    yield_now();
                    y.yield_(current().unwrap().id());
                }
            }));
            for id in 1..4 {
                let other = Rc::clone(&ids);
                let next = move || (&*other).next();
                assert_eq!(if id == 1 { next() } else { spawn(next).join().unwrap() }, Some(id));
            }
            ids
        })
        .unwrap();
    assert_eq!(runner.run(|| (&*ids).next()).unwrap(), Some(4));
    let text = panic_text(|| (&*ids).next());
    assert_eq!(text, "cede: only a task can wait: call this inside cede::run, not in a callback");
}

#[test]
fn two_tasks_that_advance_one_generator_are_told_that_it_is_executing() {
    run(|| {
        let slow = Rc::new(Generator::new(|y: &Yielder<u8>| {
            sleep(SECOND);
            y.yield_(1);
        }));
        let other = Rc::clone(&slow);
        let first = spawn(move || (&*other).next());
        yield_now();
        assert!(matches!(slow.advance(), Err(GeneratorError::AlreadyExecuting)));
        assert!(matches!(slow.close(), Err(GeneratorError::AlreadyExecuting)));
        assert_eq!(slow.state(), GeneratorState::Running);
        assert_eq!(first.join().unwrap(), Some(1));
        assert!(matches!(slow.advance(), Ok(Step::Returned(()))));
    });
}

/// PEP 789: what goes on meanwhile would be cancelled, or kept from it, in the generator's stead.
#[test]
fn a_generator_does_not_yield_out_of_what_it_opened_for_its_task() {
    type Block = fn(&mut dyn FnMut());
    let blocks: [(&str, Block); 5] = [
        ("timeout", |f| cede::timeout(SECOND, f).unwrap()),
        ("scope", |f| scope(|_| f()).unwrap()),
        ("no_cancel", |f| no_cancel(f)),
        ("no_switch", |f| no_switch(f)),
        ("timeout_with", |f| cede::time::timeout_with(None, |_| f()).unwrap()),
    ];
    run(|| {
        for (name, block) in blocks {
            let generator = Generator::new(move |y: &Yielder<u8>| {
                y.yield_(0);
                block(&mut || {
                    assert!(matches!(refused(y.try_yield(1)), GeneratorError::InExtent), "{name}");
                    let inner = Generator::new(|y: &Yielder<u8>| y.yield_(7));
                    let delegated = y.try_yield_from(&inner);
                    assert!(matches!(refused(delegated), GeneratorError::InExtent), "{name}");
                    assert!(y.try_yield_from_iter([1, 2]).is_err(), "{name}");
                    assert_eq!(inner.collect::<Vec<_>>(), [7], "an inner generator of its own may yield");
                    cede::grow_with(usize::MAX, 4 << 20, || assert!(y.try_yield(1).is_err(), "{name}"));
                });
                y.yield_(2);
            });
            assert_eq!(generator.collect::<Vec<_>>(), [0, 2], "{name}");
        }
    });
}

/// A destructor that the scheduler runs would take the run with it.
#[test]
fn a_generator_does_not_yield_out_of_a_run_that_it_called() {
    struct YieldsInDrop<'a>(&'a Yielder<u8>);
    impl Drop for YieldsInDrop<'_> {
        fn drop(&mut self) {
            assert!(matches!(refused(self.0.try_yield(9)), GeneratorError::InExtent));
            log("refused");
        }
    }
    let generator = Generator::new(|y: &Yielder<u8>| {
        cede::run(|| {
            assert!(matches!(refused(y.try_yield(1)), GeneratorError::NotInnermost));
            scope(|s| {
                s.spawn(|| YieldsInDrop(y));
            })
            .unwrap();
        });
        y.yield_(2);
    });
    assert_eq!(generator.collect::<Vec<_>>(), [2]);
    assert_eq!(logged(), ["refused"]);
}

#[test]
fn a_child_does_not_yield_through_the_generator_of_its_parent() {
    run(|| {
        let generator = Generator::new(|y: &Yielder<u8>| {
            scope(|s| {
                let child = s.spawn(|| matches!(refused(y.try_yield(1)), GeneratorError::NotInnermost));
                assert!(child.join().unwrap());
                let error = s.spawn(|| y.yield_(1)).join().unwrap_err();
                assert!(error.is_panic());
            })
            .unwrap_err();
            y.yield_(2);
        });
        assert_eq!(generator.collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_scoped_generator_borrows_across_waits() {
    run(|| {
        let mut seen = Vec::new();
        scoped(
            |y: &Yielder<u32>| {
                for i in 0..3 {
                    yield_now();
                    seen.push(i);
                    y.yield_(i);
                }
            },
            |g| assert_eq!(g.sum::<u32>(), 3),
        );
        assert_eq!(seen, [0, 1, 2]);
    });
}

#[test]
fn a_generator_that_is_dropped_in_a_task_may_wait_in_its_clean_up() {
    run(|| {
        let generator = Generator::new(|y: &Yielder<u8>| {
            cede::finally(
                || y.yield_(1),
                || {
                    sleep(SECOND);
                    log("cleaned up");
                },
            );
        });
        assert_eq!((&generator).next(), Some(1));
        let start = cede::time::now();
        drop(generator);
        assert_eq!(cede::time::now() - start, SECOND);
        assert_eq!(logged(), ["cleaned up"]);
    });
}

#[test]
fn a_generator_that_is_forgotten_while_its_task_waits_in_it_stays_where_it_is() {
    let runner = Runner::builder().virtual_time(true).build();
    let result = runner.run(|| {
        let generator = Rc::new(Generator::new(|y: &Yielder<u8>| {
            let data = [1, 2, 3];
            let _ = scope(|s| {
                s.spawn(|| {
                    cede::finally(forever, || log(format!("child sees {data:?}")));
                });
            });
            y.yield_(1);
        }));
        std::mem::forget(Rc::clone(&generator));
        spawn(move || (&*generator).next());
        (0..3).for_each(|_| yield_now());
    });
    result.unwrap();
    runner.close().unwrap();
    assert_eq!(logged(), ["child sees [1, 2, 3]"]);
}

#[test]
fn the_counters_of_a_task_stay_its_own_when_a_context_manager_is_left_in_another() {
    run(|| {
        let mut masked = contextmanager(|y: &Yielder<()>| no_cancel(|| y.yield_(())));
        let entered = Rc::new(std::cell::Cell::new(None));
        let keep = Rc::clone(&entered);
        let first = spawn(move || {
            masked.enter().unwrap();
            keep.set(Some(masked));
            sleep(SECOND);
            log("masked until it is left");
            yield_now();
            yield_now();
            forever();
        });
        yield_now();
        let second = spawn(move || {
            sleep(2 * SECOND);
            entered.take().unwrap().exit(None).unwrap();
            forever();
        });
        first.cancel();
        sleep(SECOND * 3 / 2);
        assert_eq!(logged(), ["masked until it is left"]);
        sleep(SECOND);
        assert!(!first.is_finished(), "it had to wait anew after the mask");
        first.cancel();
        second.cancel();
        assert!(first.join().unwrap_err().is_cancelled());
        assert!(second.join().unwrap_err().is_cancelled());
    });
}

/// The scope of a context manager may be open while its block runs. Its children borrow from the generator's stack, so
/// it must not be left where nobody can wait for them.
#[test]
fn a_context_manager_whose_scope_cannot_wait_aborts_with_a_message() {
    let enter = || {
        let mut manager = contextmanager(|y: &Yielder<()>| {
            let data = [1, 2, 3];
            let _ = scope(|s| {
                s.spawn(|| {
                    forever();
                    data.len()
                });
                y.yield_(());
            });
        });
        manager.enter().unwrap();
        yield_now();
        manager
    };
    let test = "a_context_manager_whose_scope_cannot_wait_aborts_with_a_message";
    let output = child::run(test, None, || {
        let runner = Runner::new();
        let mut manager = runner.run(enter).unwrap();
        let _ = manager.exit(None);
    });
    let text = child::text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("cede: a scope can't wait for its tasks, which may borrow what is about to go"),
        "{text}"
    );
}

#[test]
fn a_context_manager_whose_scope_is_dropped_by_an_unwind_aborts_with_a_message() {
    let test = "a_context_manager_whose_scope_is_dropped_by_an_unwind_aborts_with_a_message";
    let output = child::run(test, None, || {
        cede::run(|| {
            let mut manager = contextmanager(|y: &Yielder<()>| {
                let data = [1, 2, 3];
                let _ = scope(|s| {
                    s.spawn(|| {
                        forever();
                        data.len()
                    });
                    y.yield_(());
                });
            });
            manager.enter().unwrap();
            yield_now();
            silent_panic("unwinding with the manager open")
        })
    });
    let text = child::text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("a scope can't wait for its tasks"), "{text}");
}

/// The one documented abort: an operation that has no way to fail waits in a destructor during an unwind.
#[test]
fn a_destructor_that_waits_during_an_unwind_aborts_with_the_reason() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            yield_now();
        }
    }
    let output = child::run("a_destructor_that_waits_during_an_unwind_aborts_with_the_reason", None, || {
        cede::run(|| {
            let task = spawn(|| {
                let _waits = Waits;
                forever();
            });
            yield_now();
            task.cancel();
            let _ = task.join();
        })
    });
    let text = child::text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("a task can't wait while its thread is unwinding"), "{text}");
}

struct OpensScopeInDrop;

impl Drop for OpensScopeInDrop {
    fn drop(&mut self) {
        log(panic_text(|| scope(|_| unreachable!()).map(|(): ()| ())));
    }
}

#[test]
fn a_scope_in_a_destructor_during_an_unwind_is_refused_at_its_entry() {
    run(|| {
        let task = spawn(|| {
            let _opens = OpensScopeInDrop;
            let _held = Logs("held");
            forever();
        });
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
    let all = logged();
    assert_eq!(all.len(), 2);
    assert!(all[1].starts_with("cede: a task can't wait while its thread is unwinding"), "{all:?}");
}
