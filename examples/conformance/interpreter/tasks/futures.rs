//! The slots for tasks, futures and gathers, and the statements on one of them.
//!
//! In cede tasks and promises have handles of different types, and give their value away once. A program does not tell them
//! apart, and asks as often as it likes. So whatever waits for several waits for their ends, which are all of one
//! type, and the values are read afterwards, as copies.

use std::fmt;
use std::rc::Rc;

use cede::task::{Awaitable, End, Promise};
use cede::{JoinError, JoinHandle};

use super::body::Running;
use super::statement::{Tasks, slot, unknown};
use super::waiting::Gathering;
use super::world::World;
use crate::interpreter::control::{Flow, Frame, Outcome};
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Malformed, Scope};
use crate::interpreter::statement::{Creation, NewException, Target};
use crate::interpreter::value::{Value, show};

pub(super) enum FutureStatement {
    Spawn { slot: usize, creation: Creation },
    Await { slot: usize, target: Target },
    Cancel { slot: usize, target: Target },
    Status { slot: usize },
    Future { slot: usize },
    SetResult { slot: usize, value: Expression },
    SetException { slot: usize, exception: NewException },
    Callback { slot: usize, tag: String },
}

impl FutureStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        let slot = slot(args, scope)?;
        Ok(match args.name() {
            "spawn" => Self::Spawn { slot, creation: args.creation(scope)? },
            "await" => Self::Await { slot, target: args.target(scope)? },
            "cancel" => Self::Cancel { slot, target: args.target(scope)? },
            "status" => Self::Status { slot },
            "future" => Self::Future { slot },
            "set_result" => Self::SetResult { slot, value: args.expression(scope)? },
            "set_exception" => Self::SetException { slot, exception: args.exception(scope)? },
            "done_cb" => Self::Callback { slot, tag: args.text()?.to_owned() },
            _ => return Err(unknown(args)),
        })
    }
}

/// What is in a slot.
#[derive(Clone)]
pub(super) enum Slot {
    Task(Rc<JoinHandle<Value>>),
    Promise(Promise<Value>),
    Gather(Rc<Gathering>),
}

/// The value that a slot has at the end: of a gather it is a list.
pub(super) enum Content {
    Value(Value),
    List(Vec<Result<Content, Exception>>),
}

impl Content {
    /// What a local variable gets of it.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Value(value) => *value,
            Self::List(list) => Some(list.len() as i64),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&show(*value)),
            Self::List(list) => {
                let show_member = |member: &Result<Self, Exception>| match member {
                    Ok(content) => content.to_string(),
                    Err(exception) => exception.to_string(),
                };
                write!(f, "[{}]", list.iter().map(show_member).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl Slot {
    /// Its end, for those who wait for several.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Task(task) => task.end(),
            Self::Promise(promise) => promise.end(),
            Self::Gather(gathering) => gathering.end(),
        }
    }

    /// Waits for it, unless it has ended, and gives a copy of its value.
    pub(super) fn join(&self) -> Result<Content, Exception> {
        match self {
            Self::Task(task) => Ok(Content::Value(task.join_cloned()?)),
            Self::Promise(promise) => Ok(Content::Value(promise.join_cloned()?)),
            Self::Gather(gathering) => gathering.join().map(Content::List),
        }
    }

    /// How it stands, in the words of a trace.
    pub(super) fn outcome(&self) -> String {
        let end = self.end();
        if !end.is_finished() {
            return "pending".to_owned();
        }
        if end.is_cancelled() {
            return "cancelled".to_owned();
        }
        match self.join() {
            Ok(content) => format!("result {content}"),
            Err(exception) => format!("raised {exception}"),
        }
    }

    pub(super) fn set_result(&self, value: Value) -> Result<(), Exception> {
        self.promise()?.set_result(value).map_err(|_| Exception::new(Class::InvalidStateError, None))
    }

    fn set_exception(&self, exception: Exception) -> Result<(), Exception> {
        let promise = self.promise()?;
        let set = match exception.class() {
            Class::CancelledError => promise.set_error(JoinError::cancelled()),
            // A coroutine that waited for it could not tell it from its own end.
            Class::StopIteration => {
                promise.set_error(Exception::with_reason(Class::RuntimeError, "stop-in-future"))
            }
            _ => promise.set_error(exception),
        };
        set.map_err(|_| Exception::new(Class::InvalidStateError, None))
    }

    fn promise(&self) -> Result<&Promise<Value>, Exception> {
        match self {
            Self::Promise(promise) => Ok(promise),
            Self::Task(_) | Self::Gather(_) => Err(Exception::fault("only a future can be set")),
        }
    }
}

impl Running<'_> {
    pub(super) fn run_future(&self, statement: &FutureStatement, frame: &mut Frame) -> Outcome {
        let world = &self.world;
        match statement {
            FutureStatement::Spawn { slot, creation } => {
                let task = world.spawn(creation.body, frame.values(&creation.args));
                world.slots.put(*slot, task);
            }
            FutureStatement::Await { slot, target } => {
                let slot = world.slots.get(*slot)?;
                frame.bind(*target, world.catching(|| slot.join())?.value());
            }
            FutureStatement::Cancel { slot, target } => {
                let cancelled = world.slots.get(*slot)?.end().cancel();
                frame.bind(*target, Some(i64::from(cancelled)));
            }
            FutureStatement::Status { slot } => {
                let name = &world.names.slots[*slot];
                let outcome =
                    world.slots.get(*slot).map_or_else(|_| "empty".to_owned(), |slot| slot.outcome());
                world.log(&format!("status {name} {outcome}"));
            }
            FutureStatement::Future { slot } => world.slots.put(*slot, Slot::Promise(Promise::new())),
            FutureStatement::SetResult { slot, value } => {
                world.slots.get(*slot)?.set_result(frame.value(value))?;
            }
            FutureStatement::SetException { slot, exception } => {
                world.slots.get(*slot)?.set_exception(frame.exception(exception))?;
            }
            FutureStatement::Callback { slot, tag } => call_when_done(world, &world.slots.get(*slot)?, tag),
        }
        Ok(Flow::Next)
    }
}

fn call_when_done(world: &Rc<World>, slot: &Slot, tag: &str) {
    // A function that keeps what keeps it would be there for ever where that never ends.
    let number = world.watched.borrow().len();
    world.watched.borrow_mut().push(slot.clone());
    let (world, tag) = (Rc::clone(world), tag.to_owned());
    slot.end().on_done(move |_| {
        let outcome = world.watched.borrow()[number].outcome();
        world.log(&format!("callback {tag} {outcome}"));
    });
}
