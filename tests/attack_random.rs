//! Generators that share delegates and do anything to each other from anywhere: bodies, destructors, defaults and the hook.
//!
//! Each seed is one world: a few slots with shared generators, whose bodies take random steps until the world's
//! budget is spent. Values are boxed and marked, so that one that is lost, doubled or taken from the wrong place shows;
//! bodies know whether they wait. Run under a memory checker this looks for misuse of memory; by itself it holds
//! that every value that was made is dropped once, and that nothing panics that did not mean to.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use cede::{Generator, GeneratorExit, StopIteration, Thrown, Yielder};

type G = Generator<Value, Value, Value>;
type Y<'a> = &'a Yielder<Value, Value>;

const SLOTS: usize = 5;
const NESTING_MAX: u32 = 10;
const MARK: u64 = 0x5eed_cafe_f00d_1234;

thread_local! {
    static WORLD: World = const { World::new() };
}

struct World {
    slots: RefCell<[Option<Rc<G>>; SLOTS]>,
    random: Cell<u64>,
    budget: Cell<u32>,
    nesting: Cell<u32>,
    alive: Cell<i64>,
}

impl World {
    const fn new() -> Self {
        World {
            slots: RefCell::new([const { None }; SLOTS]),
            random: Cell::new(1),
            budget: Cell::new(0),
            nesting: Cell::new(0),
            alive: Cell::new(0),
        }
    }
}

fn below(n: u64) -> u64 {
    WORLD.with(|w| {
        let mut x = w.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        w.random.set(x);
        (x >> 11) % n
    })
}

/// Takes one step from the budget.
fn may_go_on() -> bool {
    WORLD.with(|w| {
        let left = w.budget.get();
        w.budget.set(left.saturating_sub(1));
        left > 0
    })
}

/// A value that knows when it is not what it was, and whose ends are counted.
struct Value(Box<u64>);

impl Value {
    fn plain() -> Value {
        WORLD.with(|w| w.alive.set(w.alive.get() + 1));
        Value(Box::new(MARK))
    }

    fn check(&self) {
        assert_eq!(*self.0, MARK, "a value from somewhere else");
    }
}

impl Default for Value {
    fn default() -> Value {
        if below(8) == 0 {
            meddle();
        }
        Value::plain()
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.check();
        WORLD.with(|w| w.alive.set(w.alive.get() - 1));
        if below(8) == 0 {
            meddle();
        }
    }
}

/// Does something to a random generator, when it is dropped.
struct Meddler;

impl Drop for Meddler {
    fn drop(&mut self) {
        meddle();
    }
}

fn slot() -> usize {
    below(SLOTS as u64) as usize
}

fn chosen() -> Option<Rc<G>> {
    let slot = slot();
    WORLD.with(|w| w.slots.borrow()[slot].clone())
}

fn put(generator: Option<Rc<G>>) {
    let slot = slot();
    let old = WORLD.with(|w| std::mem::replace(&mut w.slots.borrow_mut()[slot], generator));
    drop(old);
}

fn an_error() -> Box<dyn Error> {
    match below(4) {
        0 => Box::new(GeneratorExit),
        1 => Box::new(StopIteration::with_value(Value::plain())),
        _ => "thrown".into(),
    }
}

fn a_generator() -> G {
    let made = Generator::builder().stack_size(128 << 10);
    match below(4) {
        0 => made.build(|y: Y| {
            (0..2).for_each(|_| y.yield_(Value::plain()).check());
            Value::plain()
        }),
        _ => made.try_build(body),
    }
    .expect("there is memory")
}

/// One operation on one generator that somebody may be in the middle of.
fn meddle() {
    let deep = WORLD.with(|w| w.nesting.get() >= NESTING_MAX);
    if deep || !may_go_on() {
        return;
    }
    WORLD.with(|w| w.nesting.set(w.nesting.get() + 1));
    let done = catch_unwind(AssertUnwindSafe(|| match below(10) {
        0 => put(Some(Rc::new(a_generator()))),
        1 => put(None),
        2 => put(chosen()),
        _ => operate(),
    }));
    WORLD.with(|w| w.nesting.set(w.nesting.get() - 1));
    if let Err(payload) = done {
        meant(&payload);
    }
}

fn operate() {
    let Some(generator) = chosen() else { return };
    match below(8) {
        0..=2 => drop(generator.advance()),
        3 => drop(generator.send(Value::plain())),
        4 => drop(generator.throw(an_error())),
        5 => drop(generator.close()),
        6 => drop(generator.start()),
        _ => drop((generator.state(), generator.delegate(), format!("{generator:?}"))),
    }
}

/// Only the unwinds of this test, cede's own that pass through, and refusals to yield in a destructor are caught.
fn meant(payload: &Box<dyn std::any::Any + Send>) {
    let text =
        payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    if let Some(text) = text {
        assert!(text.starts_with("cede: a generator can't yield while"), "{text}");
    }
}

/// A body that does what comes.
fn body(y: Y) -> Result<Value, Box<dyn Error>> {
    let _at_the_end = (below(4) == 0).then_some(Meddler);
    while may_go_on() {
        match below(12) {
            0..4 => {
                if let Err(thrown) = await_value(y) {
                    leave_or_stay(thrown)?;
                }
            }
            4 => y.yield_(Value::plain()).check(),
            5 | 6 => {
                if let Some(other) = chosen() {
                    delegated(y.try_yield_from(other))?;
                }
            }
            7 => delegated(y.try_yield_from(a_generator()))?,
            8 => delegated(catching(|| y.yield_from(Box::new(a_generator()))))?,
            9 => return Ok(Value::plain()),
            10 if below(4) == 0 => resume_unwind(Box::new(1u8)),
            _ => meddle(),
        }
    }
    Ok(Value::plain())
}

fn await_value(y: Y) -> Result<(), Thrown> {
    let waiting = Cell::new(true);
    let sent = y.try_yield(Value::plain());
    assert!(waiting.replace(false), "woken twice");
    sent.map(|value| value.check())
}

fn delegated(outcome: Result<Value, Thrown>) -> Result<(), Box<dyn Error>> {
    match outcome {
        Ok(value) => value.check(),
        Err(thrown) => leave_or_stay(thrown)?,
    }
    Ok(())
}

fn leave_or_stay(thrown: Thrown) -> Result<(), Box<dyn Error>> {
    match below(4) {
        0 => Ok(()),
        1 => thrown.rethrow(),
        _ => Err(thrown.into()),
    }
}

/// Catches an unwind and raises it again, with something in between.
fn catching(f: impl FnOnce() -> Value) -> Result<Value, Thrown> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Ok(value),
        Err(payload) => {
            meddle();
            resume_unwind(payload)
        }
    }
}

fn live_through(seed: u64) {
    WORLD.with(|w| {
        w.random.set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        w.budget.set(400);
    });
    (0..SLOTS).for_each(|_| put(Some(Rc::new(a_generator()))));
    while WORLD.with(|w| w.budget.get()) > 0 {
        meddle();
    }
    // What still waits is closed: without a budget bodies only end.
    while let Some(last) = WORLD.with(|w| w.slots.borrow_mut().iter_mut().find_map(Option::take)) {
        drop(last);
    }
}

/// `CEDE_ATTACK_SEEDS` is how many worlds there are, `CEDE_ATTACK_FIRST` the seed of the first.
fn seeds() -> std::ops::Range<u64> {
    let number = |name, otherwise| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a seed is a number"))
    };
    let first = number("CEDE_ATTACK_FIRST", 0);
    first..first + number("CEDE_ATTACK_SEEDS", 2_000)
}

#[test]
fn shared_generators_that_meddle_with_each_other_keep_every_value() {
    cede::set_unraisable_hook(|_| meddle());
    let counts = || (cede::stack::stats().in_use, WORLD.with(|w| w.alive.get()));
    let mut whole = 0;
    for seed in seeds() {
        let before = counts();
        live_through(seed);
        let after = counts();
        // Generators that hold each other in a circle stay, and so do those that ignored every request to end.
        if after.0 == before.0 {
            assert_eq!(after.1, before.1, "values lost or doubled in the world of seed {seed}");
            whole += 1;
        }
    }
    assert!(whole > 0, "in every world something was leaked");
}
