//! Runs the body of a generator.
//!
//! # References that statements hold
//!
//! A `for` or `yieldfrom` statement holds a reference to its generator and lets go of it when it is left: so of nested
//! ones the innermost goes first. There is one exception. When a body ignores the GeneratorExit of a drop, CPython
//! empties its frame from the bottom, so the outermost reference goes first. cede unwinds the Rust stack of such
//! a body, innermost frame first. That order is Rust's, and so the references are not kept in the frames of the
//! statements but in [`Running::held`], a list in the body's outermost frame: statements that are left take theirs
//! from its end, an unwind leaves the list alone until it reaches that frame and drops it front to back.

use std::cell::RefCell;
use std::rc::Rc;

use super::statement::{Delegate, Own, Source};
use super::world::{ValueGenerator, ValueYielder, World, collect, next_item};
use crate::interpreter::control::{Flow, Frame, Host, Outcome, run_block, run_body};
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::statement::{Block, Body, Creation, Target};
use crate::interpreter::trace;
use crate::interpreter::value::Value;

/// A generator body that runs.
struct Running<'y> {
    world: Rc<World>,
    yielder: &'y ValueYielder,
    /// The references that statements hold, the outermost first.
    held: RefCell<Vec<Rc<ValueGenerator>>>,
}

/// Runs a body inside its generator.
pub(super) fn run(
    world: Rc<World>,
    body: &Body<Own>,
    args: Vec<Value>,
    yielder: &ValueYielder,
) -> Result<Value, Exception> {
    let mut frame = Frame::new(body.locals(args), Rc::clone(&world.globals));
    let running = Running { world, yielder, held: RefCell::default() };
    run_body(&running, &body.code, &mut frame)
}

impl Host for Running<'_> {
    type Own = Own;

    fn log(&self, line: String) {
        trace::put(line);
    }

    fn run_own(&self, statement: &Own, frame: &mut Frame) -> Outcome {
        let world = &self.world;
        let (target, value) = match statement {
            Own::Yield { value, target } => (*target, self.yielder.try_yield(frame.value(value))?),
            Own::YieldFrom { delegate, target } => (*target, self.yield_from(delegate, frame)?),
            Own::New { slot, creation } => {
                world.store(*slot, self.create(creation, frame));
                return Ok(Flow::Next);
            }
            Own::Next { slot, target } => (*target, world.next(*slot)?),
            Own::Send { slot, value, target } => (*target, world.send(*slot, frame.value(value))?),
            Own::Throw { slot, exception, target } => {
                (*target, world.throw(*slot, frame.exception(exception))?)
            }
            Own::Close { slot, target } => (*target, world.close(*slot)?),
            Own::State { slot } => {
                trace::put(format!("state {} {}", world.slot_name(*slot), world.state(*slot)));
                return Ok(Flow::Next);
            }
            Own::Drop { slot } => return world.empty(*slot).map(|()| Flow::Next),
            Own::For { source, target, limit, block } => {
                return self.run_for(source, *target, *limit, block, frame);
            }
            Own::List { source, target } => {
                (*target, Some(collect(self.source(source, frame)?)?.len() as i64))
            }
        };
        frame.bind(target, value);
        Ok(Flow::Next)
    }
}

impl Running<'_> {
    fn create(&self, creation: &Creation, frame: &Frame) -> Rc<ValueGenerator> {
        self.world.create(creation.body, frame.values(&creation.args))
    }

    fn source(&self, source: &Source, frame: &Frame) -> Result<Rc<ValueGenerator>, Exception> {
        match source {
            Source::New(creation) => Ok(self.create(creation, frame)),
            Source::Slot(slot) => self.world.get(*slot),
        }
    }

    /// Runs `statement`, which holds a reference to `generator`, and lets go of it afterwards.
    fn holding<T>(
        &self,
        generator: Rc<ValueGenerator>,
        statement: impl FnOnce(&Rc<ValueGenerator>) -> T,
    ) -> T {
        self.held.borrow_mut().push(Rc::clone(&generator));
        let outcome = statement(&generator);
        drop(generator);
        let held = self.held.borrow_mut().pop();
        drop(held);
        outcome
    }

    fn yield_from(&self, delegate: &Delegate, frame: &Frame) -> Result<Value, Exception> {
        let ended = match delegate {
            Delegate::List(items) => self
                .yielder
                .try_yield_from_iter(frame.values(items))
                .map(|stop| Exception::from_stop(&stop).payload()),
            Delegate::Generator(source) => {
                let generator = self.source(source, frame)?;
                self.holding(generator, |generator| self.yielder.try_yield_from(Rc::clone(generator)))
            }
        };
        match ended.map_err(Exception::from) {
            // The delegate had ended before: what ends the delegation is a StopIteration without a return value.
            Err(exception) if exception.class() == Class::StopIteration => Ok(exception.payload()),
            ended => ended,
        }
    }

    fn run_for(
        &self,
        source: &Source,
        target: Target,
        limit: Option<i64>,
        block: &Block<Own>,
        frame: &mut Frame,
    ) -> Outcome {
        let generator = self.source(source, frame)?;
        self.holding(generator, |generator| {
            let mut rounds = 0;
            while let Some(value) = next_item(generator)? {
                frame.bind(target, value);
                match run_block(self, block, frame)? {
                    Flow::Next => rounds += 1,
                    Flow::Continue => continue,
                    Flow::Break => break,
                    left @ Flow::Return(_) => return Ok(left),
                }
                if limit.is_some_and(|limit| rounds >= limit) {
                    break;
                }
            }
            Ok(Flow::Next)
        })
    }
}
