//! When a thread's locals are being destroyed no suspended body runs on, since it may refer to one that is gone.
//!
//! Each test runs a thread to its end with generators in its locals, or ends a process inside a body. What the
//! soundness chapter says remains, a local that was first used after the generator's, is not here.

#[path = "attack/child.rs"]
mod child;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use cede::{Generator, GeneratorError, SendError, Step, Yielder, scoped};

/// What the destructors of a thread's locals have seen. They can't panic: that aborts the process.
type Log = Arc<Mutex<Vec<String>>>;

fn say(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

/// A local that says when it is gone.
struct Other {
    alive: Cell<bool>,
    boxed: Box<u32>,
}

impl Drop for Other {
    fn drop(&mut self) {
        self.alive.set(false);
    }
}

/// What a suspended frame holds: it looks at the local when it is dropped.
struct User<'a>(&'a Other, Log);

impl Drop for User<'_> {
    fn drop(&mut self) {
        say(&self.1, if self.0.alive.get() { "used while alive" } else { "used after its end" });
    }
}

thread_local! {
    static OTHER: Other = Other { alive: Cell::new(true), boxed: Box::new(5) };
    static GENERATOR: RefCell<Option<Generator<u32>>> = const { RefCell::new(None) };
    static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

/// Suspended inside `OTHER.with`.
fn borrower(log: &Log) -> Generator<u32> {
    let log = Arc::clone(log);
    Generator::new(move |y: &Yielder<u32>| {
        OTHER.with(|other| {
            let _user = User(other, log);
            y.yield_(*other.boxed);
            y.yield_(*other.boxed + 1);
        });
    })
}

/// Runs its closure when the thread's locals are destroyed.
struct AtExit(Option<Box<dyn FnOnce()>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

fn at_exit(action: impl FnOnce() + 'static) {
    AT_EXIT.with_borrow_mut(|slot| *slot = Some(AtExit(Some(Box::new(action)))));
}

fn in_thread(run: impl FnOnce(&Log) + Send + 'static) -> Vec<String> {
    let log = Log::default();
    let theirs = Arc::clone(&log);
    thread::spawn(move || run(&theirs)).join().unwrap();
    let seen = log.lock().unwrap();
    seen.clone()
}

#[test]
fn a_body_inside_a_local_is_never_unwound_after_that_local_whichever_was_used_first() {
    for order in 0..6 {
        let seen = in_thread(move |log| {
            // In all orders before the first generator, in some of them also before each other.
            let touch_generator = || GENERATOR.with_borrow(|_| ());
            let touch_other = || OTHER.with(|_| ());
            match order {
                0 => touch_generator(),
                1 => touch_other(),
                2 => (touch_generator(), touch_other()).0,
                3 => (touch_other(), touch_generator()).0,
                4 => drop(OTHER.with(|_| borrower(&Log::default()))),
                _ => {}
            }
            let g = borrower(log);
            assert_eq!((&g).next(), Some(5));
            GENERATOR.with_borrow_mut(|slot| *slot = Some(g));
        });
        assert!(!seen.iter().any(|text| text.contains("after")), "order {order}: {seen:?}");
    }
}

#[test]
fn a_suspended_generator_is_refused_in_a_destructor_of_a_local_that_was_there_first() {
    let seen = in_thread(|log| {
        let slot = Rc::new(RefCell::new(None::<Generator<u32>>));
        let (last, log) = (Rc::clone(&slot), Arc::clone(log));
        let for_the_body = Arc::clone(&log);
        at_exit(move || {
            let g = last.borrow_mut().take().unwrap();
            say(&log, format!("{:?}", g.advance().map(|_| ())));
            say(&log, format!("{:?}", g.close().map(|_| ())));
            say(&log, format!("{}", matches!(g.send(()), Err(SendError::ThreadExiting(())))));
            say(&log, format!("{}", matches!(g.throw("it"), Err(SendError::ThreadExiting(_)))));
            drop(g);
        });
        let g = borrower(&for_the_body);
        (&g).next();
        *slot.borrow_mut() = Some(g);
    });
    assert_eq!(seen, ["Err(ThreadExiting)", "Err(ThreadExiting)", "true", "true"]);
}

#[test]
fn a_generator_that_has_not_begun_may_be_dropped_or_closed_at_any_time() {
    let seen = in_thread(|log| {
        let slot = Rc::new(RefCell::new(Vec::new()));
        let (last, log) = (Rc::clone(&slot), Arc::clone(log));
        at_exit(move || {
            let mut made: Vec<Generator<u32>> = last.take();
            say(&log, format!("{:?}", made[0].close()));
            say(&log, format!("{:?}", made[1].start().map(|_| ())));
            made.clear();
            say(&log, "dropped");
        });
        let made = (0..3).map(|n| Generator::new(move |y: &Yielder<u32>| y.yield_(n)));
        slot.borrow_mut().extend(made);
    });
    assert_eq!(seen, ["Ok(None)", "Err(ThreadExiting)", "dropped"]);
}

#[test]
fn a_destructor_of_a_local_may_make_generators_and_gets_values_or_an_error() {
    // The thread has had generators before, or it has none until its locals are destroyed.
    for had_some in [false, true] {
        let seen = in_thread(move |log| {
            let log = Arc::clone(log);
            at_exit(move || {
                let made = Generator::builder().build(|y: &Yielder<u32>| y.yield_(7));
                let value = made.map(|g| g.advance());
                let fine = match value {
                    Ok(Ok(step)) => matches!(step, Step::Yielded(7)),
                    Ok(Err(error)) => matches!(error, GeneratorError::ThreadExiting),
                    Err(error) => matches!(error, cede::stack::StackError::ThreadExiting),
                };
                say(&log, format!("{fine}"));
                // Neither may a segment be the end of the process where there is still a stack to be had.
                say(&log, format!("{:?}", catch_unwind(|| cede::grow_with(0, 64 << 10, || 1)).is_ok()));
            });
            if had_some {
                assert_eq!(Generator::new(|y: &Yielder<u32>| y.yield_(1)).count(), 1);
            }
        });
        assert_eq!(seen, ["true", "true"]);
    }
}

#[test]
fn a_payload_and_an_error_in_a_local_are_dropped_on_their_thread() {
    thread_local!(static KEPT: RefCell<Vec<Box<dyn Any + Send>>> = const { RefCell::new(Vec::new()) });
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&dropped);
    let run = move || {
        KEPT.with(|_| ());
        let g = Generator::new(|y: &Yielder<u32>| {
            let payload = catch_unwind(AssertUnwindSafe(|| y.yield_(1))).unwrap_err();
            KEPT.with_borrow_mut(|kept| kept.push(payload));
        });
        (&g).next();
        let stop = cede::StopIteration::with_value(Counted(theirs));
        assert!(matches!(g.throw(stop), Ok(Step::Returned(()))));
    };
    thread::spawn(run).join().unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn memory_that_a_leaked_generator_lends_outlives_its_thread() {
    let (tell, told) = mpsc::channel();
    let go = thread::spawn(move || {
        let (lend, lent) = mpsc::channel();
        let g = Generator::new(move |y: &Yielder<u32>| {
            let on_the_stack = AtomicU32::new(77);
            // A thread that borrows from this stack waits for its end, which never comes.
            thread::scope(|s| {
                let (go, wait) = mpsc::channel::<()>();
                let borrowed = &on_the_stack;
                s.spawn(move || {
                    wait.recv().unwrap();
                    tell.send(borrowed.load(Ordering::Relaxed)).unwrap();
                });
                lend.send(go).unwrap();
                y.yield_(1);
            });
        });
        (&g).next();
        std::mem::forget(g);
        lent.recv().unwrap()
    })
    .join()
    .unwrap();
    // Other threads with stacks of their own come and go meanwhile; then the borrower reads.
    for _ in 0..4 {
        thread::spawn(|| assert_eq!(Generator::new(|y: &Yielder<u32>| y.yield_(1)).count(), 1))
            .join()
            .unwrap();
    }
    go.send(()).unwrap();
    assert_eq!(told.recv(), Ok(77));
}

#[test]
fn a_process_that_exits_inside_nested_bodies_scopes_and_segments_runs_no_body_on() {
    let test = "a_process_that_exits_inside_nested_bodies_scopes_and_segments_runs_no_body_on";
    let run = child::run(test, &[], || {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                eprintln!("a body ran on");
            }
        }
        GENERATOR.with_borrow(|slot| assert!(slot.is_none()));
        let suspended = Generator::new(|y: &Yielder<u32>| {
            let _loud = Loud;
            y.yield_(1);
        });
        (&suspended).next();
        GENERATOR.with_borrow_mut(|slot| *slot = Some(suspended));
        let exit = |y: &Yielder<u32>| {
            let _loud = Loud;
            let borrowed = String::from("x");
            scoped(
                |_: &Yielder<&str>| {
                    cede::grow_with(usize::MAX, 64 << 10, || {
                        if !borrowed.is_empty() {
                            std::process::exit(7)
                        }
                    })
                },
                |mut inner| assert_eq!(inner.next(), None),
            );
            y.yield_(1);
        };
        Generator::new(exit).next();
    });
    let text = child::text(&run);
    assert_eq!(run.status.code(), Some(7), "{text}");
    assert!(!text.contains("a body ran on"), "{text}");
}

#[test]
fn a_thread_that_panics_with_suspended_generators_unwinds_each_once() {
    struct Count(Arc<AtomicU32>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let ended = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&ended);
    let run = move || {
        let made = |_| {
            let count = Count(Arc::clone(&theirs));
            let g = Generator::new(move |y: &Yielder<u32>| {
                let _count = count;
                y.yield_(1);
            });
            (&g).next();
            g
        };
        let _held: Vec<_> = (0..5).map(made).collect();
        let inside = Generator::new(|_: &Yielder<u32>| std::panic::resume_unwind(Box::new(1u8)));
        drop(inside.advance());
    };
    thread::spawn(run).join().unwrap_err();
    assert_eq!(ended.load(Ordering::Relaxed), 5);
}
