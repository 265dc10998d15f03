//! No unwind crosses from one stack to another by itself, and what is caught on the way can be kept, moved and raised again.
//!
//! Payloads of cede's own unwinds are opened by the generator that they were raised in, on its own thread; anywhere else they
//! are a panic like any other. What a payload carries is dropped once, or leaked where it would be dropped on another thread.

#[path = "attack/child.rs"]
mod child;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use cede::{Generator, GeneratorError, SendError, Step, Thrown, Yielder, scoped};

type Payload = Box<dyn Any + Send>;
type Slot<T> = Rc<RefCell<Option<T>>>;

fn caught<T>(f: impl FnOnce() -> T) -> Option<Payload> {
    catch_unwind(AssertUnwindSafe(f)).err()
}

/// An error that is bound to its thread and counts how many there are.
#[derive(Debug)]
struct Local(Rc<Cell<i32>>);

impl Local {
    fn new(count: &Rc<Cell<i32>>) -> Local {
        count.set(count.get() + 1);
        Local(Rc::clone(count))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("local")
    }
}

impl Error for Local {}

/// A payload that carries a [`Local`], caught in a body, which then goes on to its end.
fn payload(count: &Rc<Cell<i32>>) -> Payload {
    let slot: Slot<Payload> = Rc::default();
    let keep = Rc::clone(&slot);
    let g = Generator::new(move |y: &Yielder<u32>| *keep.borrow_mut() = caught(|| y.yield_(1)));
    (&g).next();
    assert!(matches!(g.throw(Local::new(count)), Ok(Step::Returned(()))));
    drop(g);
    let payload = slot.borrow_mut().take();
    payload.expect("the yield unwound")
}

#[test]
fn a_payload_that_outlives_its_generator_owns_what_it_carries() {
    let count = Rc::new(Cell::new(0));
    let kept = payload(&count);
    assert_eq!(count.get(), 1);
    drop(kept);
    assert_eq!(count.get(), 0);
}

#[test]
fn a_payload_that_is_raised_outside_of_any_generator_is_a_panic_and_stays_whole() {
    let count = Rc::new(Cell::new(0));
    let kept = payload(&count);
    let again = caught(|| resume_unwind(kept)).unwrap();
    assert_eq!(count.get(), 1);
    drop(again);
    assert_eq!(count.get(), 0);
}

#[test]
fn a_payload_that_is_raised_in_another_generator_is_a_panic_of_that_one() {
    let count = Rc::new(Cell::new(0));
    let kept = RefCell::new(Some(payload(&count)));
    let other = Generator::new(move |_: &Yielder<u32>| {
        let kept = kept.borrow_mut().take().unwrap();
        resume_unwind(kept)
    });
    let panic = caught(|| other.advance()).expect("it is not the other's to open");
    assert_eq!(count.get(), 1);
    drop(panic);
    assert_eq!(count.get(), 0);
}

#[test]
fn a_payload_that_is_raised_again_in_its_own_generator_means_what_it_meant() {
    let count = Rc::new(Cell::new(0));
    let g = Generator::new(|y: &Yielder<u32>| {
        let first = caught(|| y.yield_(1)).unwrap();
        // Another unwind of the same generator in between, and a suspension.
        drop(caught(|| y.yield_(2)));
        y.yield_(3);
        resume_unwind(first)
    });
    (&g).next();
    assert!(matches!(g.throw(Local::new(&count)), Ok(Step::Yielded(2))));
    assert!(matches!(g.throw("another"), Ok(Step::Yielded(3))));
    let Err(GeneratorError::Raised(error)) = g.advance() else { panic!("it returned") };
    assert!(error.is::<Local>());
    drop((error, g));
    assert_eq!(count.get(), 0);
}

#[test]
fn a_payload_that_goes_to_another_thread_and_back_is_whole_and_there_it_is_only_a_panic() {
    let count = Rc::new(Cell::new(0));
    let there = payload(&count);
    let back = thread::spawn(move || resume_unwind(there)).join().unwrap_err();
    assert_eq!(count.get(), 1);
    drop(back);
    assert_eq!(count.get(), 0);
}

#[test]
fn a_payload_that_is_dropped_on_another_thread_leaks_what_is_bound_to_its_own() {
    let count = Rc::new(Cell::new(0));
    let there = payload(&count);
    thread::spawn(move || drop(there)).join().unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn a_payload_that_is_raised_in_a_generator_of_another_thread_is_not_opened_there() {
    let count = Rc::new(Cell::new(0));
    let there = payload(&count);
    let joined = thread::spawn(move || {
        let slot = RefCell::new(Some(there));
        let g = Generator::try_new(move |y: &Yielder<u32>| {
            drop(y.try_yield(1));
            let there = slot.borrow_mut().take().unwrap();
            if true { resume_unwind(there) } else { Ok::<(), &str>(()) }
        });
        g.advance().unwrap();
        g.advance().map(|_| ()).map_err(|error| error.to_string())
    });
    drop(joined.join().unwrap_err());
    assert_eq!(count.get(), 0, "it came back whole");
}

/// Panics with its name when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(self.0));
    }
}

fn name(payload: Payload) -> &'static str {
    *payload.downcast::<&str>().expect("a bomb")
}

#[test]
fn a_destructor_that_panics_at_each_place_reaches_whoever_resumed_closed_or_dropped() {
    let in_body = Generator::new(|y: &Yielder<u32>| {
        let _bomb = Bomb("local");
        drop(y.try_yield(1));
    });
    (&in_body).next();
    assert_eq!(name(caught(|| (&in_body).next()).unwrap()), "local");
    assert_eq!((&in_body).next(), None);

    let captured = Bomb("captured");
    let unstarted = Generator::new(move |_: &Yielder<u32>| drop(captured));
    assert_eq!(name(caught(|| unstarted.close()).unwrap()), "captured");
    assert!(matches!(unstarted.close(), Ok(None)));

    let yielded = Generator::new(|y: &Yielder<Bomb>| drop(y.try_yield(Bomb("yielded"))));
    assert_eq!(name(caught(|| drop((&yielded).next())).unwrap()), "yielded");
    assert!((&yielded).next().is_none());

    let returned = Generator::new(|_: &Yielder<u32>| Bomb("returned"));
    assert_eq!(name(caught(|| (&returned).next()).unwrap()), "returned");
    assert_eq!((&returned).next(), None);
}

#[test]
fn a_delegate_that_panics_in_a_destructor_of_a_close_panics_in_the_one_above() {
    let slot: Slot<&'static str> = Rc::default();
    let seen = Rc::clone(&slot);
    let g = Generator::new(move |y: &Yielder<u32>| {
        let inner = Generator::new(|y: &Yielder<u32>| {
            let _bomb = Bomb("inner");
            drop(y.try_yield(1));
        });
        *seen.borrow_mut() = caught(|| y.yield_from(inner)).map(name);
    });
    (&g).next();
    assert!(matches!(g.close(), Ok(Some(()))));
    assert_eq!(*slot.borrow(), Some("inner"));
}

#[test]
fn an_unwind_through_a_grown_segment_gives_it_back_and_goes_on() {
    let before = cede::stack::stats().in_use;
    let g = Generator::new(|y: &Yielder<u32>| {
        cede::grow_with(usize::MAX, 128 << 10, || {
            let held = Rc::new(1);
            let first = caught(|| cede::grow_with(usize::MAX, 64 << 10, || y.yield_(*held)));
            // The inner segment is gone, and its slot in other hands, when its payload goes on.
            let _in_its_slot = Generator::builder().stack_size(64 << 10).build(|y: &Yielder<u8>| y.yield_(1));
            y.yield_(2);
            resume_unwind(first.unwrap())
        })
    });
    assert_eq!((&g).next(), Some(1));
    assert!(matches!(g.throw("thrown"), Ok(Step::Yielded(2))));
    assert!(matches!(g.advance(), Err(GeneratorError::Raised(error)) if error.to_string() == "thrown"));
    drop(g);
    assert_eq!(cede::stack::stats().in_use, before);
}

#[test]
fn grow_inside_generators_inside_grow_is_unwound_level_by_level() {
    fn level(depth: u32, ended: &Rc<Cell<u32>>) -> Generator<u32> {
        let ended = Rc::clone(ended);
        Generator::new(move |y: &Yielder<u32>| {
            let end = Count(Rc::clone(&ended));
            cede::grow_with(usize::MAX, 64 << 10, || {
                let _end = end;
                if depth == 0 {
                    return y.yield_(0);
                }
                for n in level(depth - 1, &ended) {
                    cede::grow_with(usize::MAX, 64 << 10, || y.yield_(n + 1));
                }
            });
        })
    }
    struct Count(Rc<Cell<u32>>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (ended, before) = (Rc::new(Cell::new(0)), cede::stack::stats().in_use);
    cede::grow_with(usize::MAX, 64 << 10, || {
        let top = level(8, &ended);
        assert_eq!((&top).next(), Some(8));
        drop(top);
    });
    assert_eq!(ended.get(), 9);
    assert_eq!(cede::stack::stats().in_use, before);
}

#[test]
fn rethrow_ends_the_innermost_generator_also_from_a_scope_in_it_and_a_segment() {
    let g = Generator::new(|y: &Yielder<u32>| {
        let inner = scoped(
            |_: &Yielder<u32>| {
                cede::grow_with(usize::MAX, 64 << 10, || Thrown::from(Box::from("it")).rethrow())
            },
            |inner: cede::Scoped<'_, u32, (), ()>| inner.advance().map(|_| ()).unwrap_err().to_string(),
        );
        assert_eq!(inner, "it");
        y.yield_(1);
    });
    assert_eq!(g.collect::<Vec<_>>(), [1]);
    let outside = caught(|| Thrown::Exit.rethrow()).unwrap();
    assert!(outside.downcast_ref::<String>().unwrap().contains("outside of any generator"));
}

#[test]
fn panicking_is_what_it_was_on_both_sides_of_every_switch() {
    struct Ask<'a>(&'a Generator<bool>);
    impl Drop for Ask<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            assert_eq!(self.0.next_from_here(), Some(true));
            assert!(thread::panicking());
        }
    }
    trait Next {
        fn next_from_here(&self) -> Option<bool>;
    }
    impl Next for Generator<bool> {
        fn next_from_here(&self) -> Option<bool> {
            let mut g = self;
            g.next()
        }
    }
    let g = Generator::new(|y: &Yielder<bool>| {
        loop {
            assert!(caught(|| resume_unwind(Box::new(0u8))).is_some());
            y.yield_(thread::panicking());
        }
    });
    assert_eq!(g.next_from_here(), Some(false));
    drop(caught(|| {
        let _ask = Ask(&g);
        resume_unwind(Box::new(1u8))
    }));
    assert!(!thread::panicking());
    assert_eq!(g.next_from_here(), Some(false));
    assert!(matches!(g.throw("it"), Err(SendError::Raised(_))));
    assert!(!thread::panicking());
}

#[test]
fn a_body_that_catches_its_forced_unwind_for_ever_is_leaked_and_nothing_is_used_again() {
    let count = Rc::new(Cell::new(0));
    let local = Local::new(&count);
    let before = cede::stack::stats().in_use;
    let g = Generator::new(move |y: &Yielder<u32>| {
        let _held = local;
        loop {
            drop(caught(|| y.yield_(1)));
        }
    });
    (&g).next();
    drop(g);
    assert_eq!((count.get(), cede::stack::stats().in_use), (1, before + 1));
}

#[test]
fn a_scope_whose_body_can_t_be_ended_aborts_since_its_stack_borrows() {
    let run = child::run("a_scope_whose_body_can_t_be_ended_aborts_since_its_stack_borrows", &[], || {
        let lent = String::from("lent");
        scoped(
            |y: &Yielder<&str>| {
                loop {
                    drop(caught(|| y.yield_(&lent)));
                }
            },
            |mut g| g.next(),
        );
    });
    let text = child::text(&run);
    assert!(text.contains("cede: a scoped generator can't be ended"), "{text}");
    assert_eq!(run.status.signal(), Some(6), "{text}");
}
