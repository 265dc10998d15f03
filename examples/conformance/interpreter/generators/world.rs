//! The generators of a running program: its slots, and the operations on what is in them.
//!
//! Each operation is one call of cede's API, made while it holds a reference to the generator, which it lets go
//! before it gives its outcome. No operation holds a borrow of the slots while generator code may run.

use std::cell::RefCell;
use std::rc::Rc;

use cede::{Generator, GeneratorState, SendError, Step, Yielder};

use super::body;
use super::statement::Own;
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::expression::Globals;
use crate::interpreter::statement::Body;
use crate::interpreter::value::Value;

/// Generators of the language yield, receive and return values.
pub(super) type ValueGenerator = Generator<Value, Value, Value>;
pub(super) type ValueYielder = Yielder<Value, Value>;

/// What the bodies and the driver of a program share.
pub(super) struct World {
    bodies: Vec<Rc<Body<Own>>>,
    slots: RefCell<Vec<Option<Rc<ValueGenerator>>>>,
    slot_names: Vec<String>,
    pub(super) globals: Rc<Globals>,
}

impl World {
    pub(super) fn new(bodies: Vec<Body<Own>>, slot_names: Vec<String>, globals: usize) -> Self {
        Self {
            bodies: bodies.into_iter().map(Rc::new).collect(),
            slots: RefCell::new(vec![None; slot_names.len()]),
            slot_names,
            globals: Rc::new(RefCell::new(vec![None; globals])),
        }
    }

    pub(super) fn slot_name(&self, slot: usize) -> &str {
        &self.slot_names[slot]
    }

    /// A fresh generator that nothing has run yet.
    pub(super) fn create(self: &Rc<Self>, body: usize, args: Vec<Value>) -> Rc<ValueGenerator> {
        let (world, body) = (Rc::clone(self), Rc::clone(&self.bodies[body]));
        Rc::new(Generator::try_new(move |yielder: &ValueYielder| body::run(world, &body, args, yielder)))
    }

    /// A reference to the generator in a slot.
    pub(super) fn get(&self, slot: usize) -> Result<Rc<ValueGenerator>, Exception> {
        self.slots.borrow()[slot].clone().ok_or_else(empty_slot)
    }

    /// Puts a generator into a slot, and then lets go of what was there.
    pub(super) fn store(&self, slot: usize, generator: Rc<ValueGenerator>) {
        let old = self.slots.borrow_mut()[slot].replace(generator);
        drop(old);
    }

    /// Empties a slot and lets go of what was there.
    pub(super) fn empty(&self, slot: usize) -> Result<(), Exception> {
        let old = self.slots.borrow_mut()[slot].take();
        old.map(drop).ok_or_else(empty_slot)
    }

    /// Lets go of all that is left in the slots.
    ///
    /// Generators refer to the world and the slots to generators, so this also ends that circle. Code that runs while
    /// a generator is let go may fill a slot again; programs are finite, and so is this. Suspended generators whose
    /// loops hold each other stay for ever, as they do in Python until its garbage collector comes.
    pub(super) fn clear(&self) {
        while let Some(slot) = self.filled().first() {
            drop(self.empty(*slot));
        }
    }

    /// The slots that are not empty, in order of their names.
    pub(super) fn filled(&self) -> Vec<usize> {
        let slots = self.slots.borrow();
        let mut filled: Vec<usize> = (0..slots.len()).filter(|slot| slots[*slot].is_some()).collect();
        filled.sort_by_key(|slot| self.slot_name(*slot));
        filled
    }

    pub(super) fn next(&self, slot: usize) -> Result<Value, Exception> {
        let generator = self.get(slot)?;
        advance(&generator)
    }

    pub(super) fn send(&self, slot: usize, value: Value) -> Result<Value, Exception> {
        let generator = self.get(slot)?;
        match value {
            // Python's `send(None)` is `next`.
            None => advance(&generator),
            Some(_) => yielded(generator.send(value)),
        }
    }

    pub(super) fn throw(&self, slot: usize, exception: Exception) -> Result<Value, Exception> {
        let generator = self.get(slot)?;
        yielded(generator.throw(exception))
    }

    pub(super) fn close(&self, slot: usize) -> Result<Value, Exception> {
        let generator = self.get(slot)?;
        Ok(generator.close()?.flatten())
    }

    /// The state of the generator in a slot, or that there is none, in the words of a trace.
    pub(super) fn state(&self, slot: usize) -> &'static str {
        match self.slots.borrow()[slot].as_ref().map(|generator| generator.state()) {
            None => "EMPTY",
            Some(GeneratorState::Created) => "GEN_CREATED",
            Some(GeneratorState::Running) => "GEN_RUNNING",
            Some(GeneratorState::Suspended) => "GEN_SUSPENDED",
            Some(GeneratorState::Closed) => "GEN_CLOSED",
        }
    }
}

fn empty_slot() -> Exception {
    Exception::with_reason(Class::KeyError, "empty-slot")
}

/// Python's `next(generator)`.
pub(super) fn advance(generator: &ValueGenerator) -> Result<Value, Exception> {
    match generator.advance()? {
        Step::Yielded(value) => Ok(value),
        Step::Returned(value) => Err(Exception::new(Class::StopIteration, value)),
    }
}

fn yielded<T>(step: Result<Step<Value, Value>, SendError<T>>) -> Result<Value, Exception> {
    match step? {
        Step::Yielded(value) => Ok(value),
        Step::Returned(value) => Err(Exception::new(Class::StopIteration, value)),
    }
}

/// The next value for a loop, or none when the generator has ended.
pub(super) fn next_item(generator: &ValueGenerator) -> Result<Option<Value>, Exception> {
    match advance(generator) {
        Ok(value) => Ok(Some(value)),
        Err(exception) if exception.class() == Class::StopIteration => Ok(None),
        Err(exception) => Err(exception),
    }
}

/// All the values that a generator still gives. Lets go of it at the end.
pub(super) fn collect(generator: Rc<ValueGenerator>) -> Result<Vec<Value>, Exception> {
    let mut values = Vec::new();
    while let Some(value) = next_item(&generator)? {
        values.push(value);
    }
    Ok(values)
}
