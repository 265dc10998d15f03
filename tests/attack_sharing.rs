//! User code that runs in the middle of an operation cannot move or free what that operation works on.
//!
//! Such code is a value's `Default` or `Drop`, an error's `Display` or `Drop`, the unraisable hook, and bodies themselves. Each of
//! these tests has it resume, end or free generators of the very chain that is being resumed, closed or dropped.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Mutex;

use cede::{
    Generator, GeneratorError, GeneratorState, SendError, Step, Thrown, Yielder, set_unraisable_hook,
};

/// The hook belongs to the process.
static HOOK: Mutex<()> = Mutex::new(());

thread_local! {
    /// What [`Trigger`] does, once.
    static ACTION: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn arm(action: impl FnOnce() + 'static) {
    ACTION.with_borrow_mut(|slot| *slot = Some(Box::new(action)));
}

fn fire() {
    if let Some(action) = ACTION.with_borrow_mut(Option::take) {
        action();
    }
}

fn fired() -> bool {
    ACTION.with_borrow(Option::is_none)
}

/// A value with a buffer on the heap that acts when it is made by default, and when one that is live is dropped.
struct Sent {
    words: Vec<u64>,
    live: bool,
}

impl Default for Sent {
    fn default() -> Sent {
        fire();
        sent(7)
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if self.live {
            fire();
        }
    }
}

fn sent(word: u64) -> Sent {
    Sent { words: vec![word; 8], live: false }
}

type Shared = Generator<u32, Sent>;

/// Fills the slots that were just freed with suspended generators of another type.
fn refill() -> Vec<Generator<String>> {
    let fill = |i| {
        let g = Generator::new(move |y: &Yielder<String>| y.yield_(format!("value {i}")));
        assert_eq!((&g).next(), Some(format!("value {i}")));
        g
    };
    (0..4).map(fill).collect()
}

#[test]
fn a_default_that_moves_the_delegate_on_does_not_misplace_the_first_value() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hear = Rc::clone(&heard);
    let inner: Rc<Shared> = Rc::new(Generator::new(move |y: &Yielder<u32, Sent>| {
        y.yield_from(Generator::new(|y: &Yielder<u32, Sent>| drop(y.yield_(1))));
        let _in_its_slot = refill();
        y.yield_from(Generator::new(move |y: &Yielder<u32, Sent>| {
            for n in 2..5 {
                let sent = y.yield_(n);
                hear.borrow_mut().push(sent.words.clone());
            }
        }));
    }));
    assert!(matches!(inner.start(), Ok(Step::Yielded(1))));
    let by_hand = Rc::clone(&inner);
    let outer: Shared = Generator::new(move |y: &Yielder<u32, Sent>| y.yield_from(inner));
    arm(move || {
        assert!(matches!(by_hand.send(sent(1)), Ok(Step::Yielded(2))));
        assert!(matches!(by_hand.send(sent(2)), Ok(Step::Yielded(3))));
    });
    assert!(matches!(outer.start(), Ok(Step::Yielded(4))));
    assert!(fired());
    assert_eq!(*heard.borrow(), [vec![2; 8], vec![7; 8]]);
}

#[test]
fn a_default_that_ends_the_delegate_is_an_end_at_the_statement() {
    let inner: Rc<Shared> = Rc::new(Generator::new(|y: &Yielder<u32, Sent>| drop(y.yield_(1))));
    inner.start().unwrap();
    let by_hand = Rc::clone(&inner);
    let outer: Shared = Generator::new(move |y: &Yielder<u32, Sent>| {
        let refused = y.try_yield_from(inner).unwrap_err();
        assert!(refused.is::<cede::StopIteration>(), "{refused}");
    });
    arm(move || assert!(matches!(by_hand.close(), Ok(None))));
    assert!(matches!(outer.start(), Ok(Step::Returned(()))));
    assert!(fired());
}

#[test]
fn a_sent_value_that_cannot_be_delivered_may_end_the_chain_when_it_is_dropped() {
    let leaf: Rc<Shared> = Rc::new(Generator::new(|y: &Yielder<u32, Sent>| drop(y.yield_(1))));
    let by_hand = Rc::clone(&leaf);
    let root: Rc<Shared> = Rc::new(Generator::new(move |y: &Yielder<u32, Sent>| {
        y.yield_from(Generator::new(move |y: &Yielder<u32, Sent>| y.yield_from(leaf)));
    }));
    assert!(matches!(root.start(), Ok(Step::Yielded(1))));
    assert!(matches!(by_hand.close(), Ok(None)));
    let (again, kept) = (Rc::clone(&root), Rc::new(RefCell::new(Vec::new())));
    let keep = Rc::clone(&kept);
    arm(move || {
        assert!(matches!(again.close(), Ok(None)));
        *keep.borrow_mut() = refill();
    });
    let bomb = Sent { words: Vec::new(), live: true };
    assert!(matches!(root.send(bomb), Err(SendError::Raised(_))));
    assert!(fired());
    assert!(kept.borrow().iter().all(|g| matches!(g.advance(), Ok(Step::Returned(())))));
}

#[test]
fn the_hook_may_resume_the_delegate_whose_value_was_in_the_way() {
    let _alone = HOOK.lock().unwrap();
    let numbers: Rc<Generator<String>> = Rc::new(Generator::new(|y: &Yielder<String>| {
        (0..u32::MAX).for_each(|i| y.yield_(format!("number {i}")))
    }));
    let inner = Rc::clone(&numbers);
    let g: Generator<String> = Generator::new(move |y: &Yielder<String>| {
        let _ignored = y.try_yield("first".into());
        y.yield_from(inner);
    });
    assert_eq!((&g).next().as_deref(), Some("first"));
    arm(move || assert_eq!((&*numbers).next().as_deref(), Some("number 1")));
    set_unraisable_hook(|_| fire());
    drop(g);
    assert!(fired());
    drop(cede::take_unraisable_hook());
}

#[test]
fn the_hook_may_replace_itself_and_make_resume_and_drop_generators() {
    let _alone = HOOK.lock().unwrap();
    let stubborn = || {
        let g = Generator::new(|y: &Yielder<u32>| while y.try_yield(1).is_ok() {});
        let failing = Generator::try_new(|y: &Yielder<u32>| y.try_yield(1).map_err(|_| "it failed"));
        assert_eq!(((&g).next(), (&failing).next()), (Some(1), Some(1)));
        (g, failing)
    };
    let reports = Rc::new(Cell::new(0));
    let count = Rc::clone(&reports);
    arm(move || {
        set_unraisable_hook(|_| fire());
        arm(move || count.set(count.get() + 1));
        drop(stubborn());
    });
    set_unraisable_hook(|_| fire());
    drop(stubborn());
    assert_eq!(reports.get(), 1);
    drop(cede::take_unraisable_hook());
}

/// Resumes a generator whenever it is shown, and when it is dropped.
#[derive(Debug)]
struct Busybody(Rc<Generator<u32>>);

impl Busybody {
    fn meddle(&self) {
        assert!(matches!(self.0.advance(), Err(GeneratorError::AlreadyExecuting | GeneratorError::Finished)));
        assert!(matches!(self.0.close(), Ok(None) | Err(GeneratorError::AlreadyExecuting)));
    }
}

impl fmt::Display for Busybody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meddle();
        f.write_str("busy")
    }
}

impl Error for Busybody {}

impl Drop for Busybody {
    fn drop(&mut self) {
        self.meddle();
        fire();
    }
}

#[test]
fn errors_that_resume_the_generator_they_are_thrown_into_are_refused() {
    let drop_it = Generator::new(|y: &Yielder<u32>| drop(y.try_yield(1)));
    let show_it = Generator::new(|y: &Yielder<u32>| drop(y.try_yield(1).unwrap_err().to_string()));
    let let_it_out = Generator::new(|y: &Yielder<u32>| y.yield_(1));
    for g in [drop_it, show_it, let_it_out].map(Rc::new) {
        (&*g).next();
        arm(|| ());
        match g.throw(Busybody(Rc::clone(&g))) {
            Ok(Step::Returned(())) => {}
            Err(SendError::Raised(error)) => assert_eq!(error.to_string(), "busy"),
            other => panic!("{other:?}"),
        }
        assert!(fired());
        assert_eq!(g.state(), GeneratorState::Closed);
    }
}

/// Holds what yielded it.
struct Owner(Rc<RefCell<Option<Generator<Owner>>>>);

impl Drop for Owner {
    fn drop(&mut self) {
        let owned = self.0.borrow_mut().take();
        drop(owned);
    }
}

#[test]
fn a_yielded_value_may_drop_the_generator_that_yielded_it() {
    let slot = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&slot);
    let g = Generator::new(move |y: &Yielder<Owner>| while y.try_yield(Owner(Rc::clone(&inside))).is_ok() {});
    let value = (&g).next();
    *slot.borrow_mut() = Some(g);
    drop(value);
    assert!(slot.borrow().is_none());
}

#[test]
fn a_value_that_is_yielded_instead_of_an_end_may_own_what_is_left_of_the_generator() {
    let _alone = HOOK.lock().unwrap();
    set_unraisable_hook(|_| ());
    let slot = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&slot);
    let g = Generator::new(move |y: &Yielder<Owner>| {
        for _ in 0..3 {
            let _ignored = y.try_yield(Owner(Rc::clone(&inside)));
        }
    });
    std::mem::forget((&g).next());
    *slot.borrow_mut() = Some(g);
    let owned = slot.borrow_mut().take();
    drop(owned);
    drop(cede::take_unraisable_hook());
}

#[test]
fn a_body_that_closes_throws_into_or_delegates_to_itself_is_refused_and_goes_on() {
    let slot: Rc<RefCell<Option<Rc<Generator<u32>>>>> = Rc::default();
    let inside = Rc::clone(&slot);
    let g = Rc::new(Generator::new(move |y: &Yielder<u32>| {
        let me = inside.borrow_mut().take().unwrap();
        assert!(matches!(me.close(), Err(GeneratorError::AlreadyExecuting)));
        assert!(matches!(me.throw("no"), Err(SendError::AlreadyExecuting(Thrown::Error(_)))));
        assert!(matches!(me.send(()), Err(SendError::AlreadyExecuting(()))));
        assert!(y.try_yield_from(&*me).unwrap_err().is::<GeneratorError>());
        // The last but one of its handles.
        drop(me);
        y.yield_(1);
    }));
    *slot.borrow_mut() = Some(Rc::clone(&g));
    assert_eq!((&*g).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_delegate_that_closes_or_drops_the_handles_of_those_above_it_is_refused() {
    let slot: Rc<RefCell<Vec<Rc<Generator<u32>>>>> = Rc::default();
    let above = Rc::clone(&slot);
    let leaf = Generator::new(move |y: &Yielder<u32>| {
        for g in above.take() {
            assert_eq!(g.state(), GeneratorState::Running);
            assert!(matches!(g.close(), Err(GeneratorError::AlreadyExecuting)));
            assert!(matches!(g.advance(), Err(GeneratorError::AlreadyExecuting)));
        }
        y.yield_(1);
    });
    let middle = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_from(leaf)));
    let held = Rc::clone(&middle);
    let root = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_from(held)));
    slot.borrow_mut().extend([Rc::clone(&root), middle]);
    assert_eq!((&*root).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_destructor_that_is_run_by_a_close_finds_everything_of_the_chain_executing() {
    struct Look(Rc<RefCell<Vec<Rc<Generator<u32>>>>>, Rc<Cell<u32>>);
    impl Drop for Look {
        fn drop(&mut self) {
            for g in self.0.borrow().iter() {
                assert!(matches!(g.advance(), Err(GeneratorError::AlreadyExecuting)));
                self.1.set(self.1.get() + 1);
            }
        }
    }
    let (slot, seen) = (Rc::<RefCell<Vec<_>>>::default(), Rc::new(Cell::new(0)));
    let look = Look(Rc::clone(&slot), Rc::clone(&seen));
    let leaf = Rc::new(Generator::new(move |y: &Yielder<u32>| {
        let _look = look;
        y.yield_(1);
    }));
    let held = Rc::clone(&leaf);
    let middle = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_from(held)));
    let held = Rc::clone(&middle);
    let root = Rc::new(Generator::new(move |y: &Yielder<u32>| y.yield_from(held)));
    (&*root).next();
    slot.borrow_mut().extend([leaf, middle, Rc::clone(&root)]);
    assert!(matches!(root.close(), Ok(None)));
    assert_eq!(seen.get(), 3);
    slot.take();
}

#[test]
fn deep_chains_are_closed_dropped_and_unwound_on_small_stacks() {
    fn chain(depth: u32, ended: &Rc<Cell<u32>>) -> Generator<u32> {
        struct End(Rc<Cell<u32>>);
        impl Drop for End {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let mut chain = Generator::new(|y: &Yielder<u32>| y.yield_(1));
        for _ in 0..depth {
            let (inner, end) = (chain, End(Rc::clone(ended)));
            chain = Generator::builder()
                .stack_size(64 << 10)
                .build(move |y: &Yielder<u32>| {
                    let _end = end;
                    y.yield_from(inner);
                })
                .unwrap();
        }
        chain
    }
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(|| {
            let ended = Rc::new(Cell::new(0));
            let (closed, dropped, thrown) =
                (chain(1_000, &ended), chain(1_000, &ended), chain(1_000, &ended));
            assert!([&closed, &dropped, &thrown].into_iter().all(|mut g| g.next() == Some(1)));
            assert!(matches!(closed.close(), Ok(None)));
            drop(dropped);
            assert!(matches!(thrown.throw("it"), Err(SendError::Raised(error)) if error.to_string() == "it"));
            assert_eq!(ended.get(), 3_000);
        })
        .unwrap()
        .join()
        .unwrap();
}
