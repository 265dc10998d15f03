//! The driver: runs the operations of `main` one after the other and traces their outcomes.

use std::rc::Rc;

use serde_json::Value as Json;

use super::statement::{Generators, Source, slot};
use super::world::{ValueGenerator, World, collect, next_item};
use crate::interpreter::control::Frame;
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Malformed, Names, Scope, Tables, list};
use crate::interpreter::statement::{Creation, NewException};
use crate::interpreter::trace;
use crate::interpreter::value::{Value, show};

/// An operation, and the words with which its outcome lines begin.
pub(super) struct Operation {
    head: String,
    action: Action,
}

enum Action {
    Log { tag: String, values: Vec<Expression> },
    State { slot: usize },
    New { slot: usize, creation: Creation },
    Next { slot: usize },
    Send { slot: usize, value: Expression },
    Throw { slot: usize, exception: NewException },
    Close { slot: usize },
    Drop { slot: usize },
    For { source: Source, limit: Option<i64> },
    List { source: Source },
}

/// Reads `main`. Gives its operations and how many local variables they use.
pub(super) fn read(main: &Json, tables: &mut Tables<Names>) -> Result<(Vec<Operation>, usize), Malformed> {
    let mut scope = Scope::<Generators>::new(tables);
    let operations =
        list(main)?.iter().map(|json| Operation::read(json, &mut scope)).collect::<Result<_, _>>()?;
    Ok((operations, scope.locals()))
}

impl Operation {
    fn read(json: &Json, scope: &mut Scope<'_, Generators>) -> Result<Self, Malformed> {
        let mut args = Args::new(json)?;
        let head = format!("{} {}:", args.name(), label(&json[1])?);
        Ok(Self { head, action: Action::read(&mut args, scope)? })
    }
}

/// What an operation is done to: a slot, or a body with a star before it for a fresh generator.
fn label(json: &Json) -> Result<String, Malformed> {
    if let Some(name) = json.as_str() {
        return Ok(name.to_owned());
    }
    let mut source = Args::new(json)?;
    let star = if source.name() == "new" { "*" } else { "" };
    Ok(format!("{star}{}", source.text()?))
}

impl Action {
    fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Generators>) -> Result<Self, Malformed> {
        Ok(match args.name() {
            "log" => Self::Log { tag: args.text()?.to_owned(), values: args.rest(scope)? },
            "state" => Self::State { slot: slot(args, scope)? },
            "new" => Self::New { slot: slot(args, scope)?, creation: args.creation(scope)? },
            "next" => Self::Next { slot: slot(args, scope)? },
            "send" => Self::Send { slot: slot(args, scope)?, value: args.expression(scope)? },
            "throw" => Self::Throw { slot: slot(args, scope)?, exception: args.exception(scope)? },
            "close" => Self::Close { slot: slot(args, scope)? },
            "drop" => Self::Drop { slot: slot(args, scope)? },
            "for" => Self::For { source: Source::read(args.json()?, scope)?, limit: args.limit()? },
            "list" => Self::List { source: Source::read(args.json()?, scope)? },
            other => return Err(Malformed::new(format!("there is no operation {other:?}"))),
        })
    }
}

/// Runs a program's driver, and then lets go of the slots one after the other.
pub(super) fn run(world: &Rc<World>, main: &[Operation], locals: usize) {
    let driver = Driver { world, frame: Frame::new(vec![None; locals], Rc::clone(&world.globals)) };
    for operation in main {
        driver.run(operation);
    }
    let slots = world.filled();
    for slot in &slots {
        trace::put(format!("final {} {}", world.slot_name(*slot), world.state(*slot)));
    }
    for slot in &slots {
        trace::put(format!("release {}", world.slot_name(*slot)));
        // It may have become empty when another slot was let go.
        let _ = world.empty(*slot);
    }
    trace::put("end".to_owned());
}

struct Driver<'w> {
    world: &'w Rc<World>,
    frame: Frame,
}

impl Driver<'_> {
    fn run(&self, operation: &Operation) {
        let (world, frame, head) = (self.world, &self.frame, &operation.head);
        let outcome = match &operation.action {
            Action::Log { tag, values } => return trace::put(frame.log_line(tag, values)),
            Action::State { slot } => {
                return trace::put(format!("state {} {}", world.slot_name(*slot), world.state(*slot)));
            }
            Action::New { slot, creation } => {
                world.store(*slot, self.create(creation));
                Ok("ok".to_owned())
            }
            Action::Next { slot } => step(world.next(*slot)),
            Action::Send { slot, value } => step(world.send(*slot, frame.value(value))),
            Action::Throw { slot, exception } => step(world.throw(*slot, frame.exception(exception))),
            Action::Close { slot } => world.close(*slot).map(closed),
            Action::Drop { slot } => world.empty(*slot).map(|()| "ok".to_owned()),
            Action::For { source, limit } => self.run_for(head, source, *limit).map(str::to_owned),
            Action::List { source } => self.source(source).and_then(collect).map(|values| show_list(&values)),
        };
        trace::put(match outcome {
            Ok(text) => format!("{head} {text}"),
            Err(exception) => format!("{head} raise {exception}"),
        });
    }

    fn create(&self, creation: &Creation) -> Rc<ValueGenerator> {
        self.world.create(creation.body, self.frame.values(&creation.args))
    }

    fn source(&self, source: &Source) -> Result<Rc<ValueGenerator>, Exception> {
        match source {
            Source::New(creation) => Ok(self.create(creation)),
            Source::Slot(slot) => self.world.get(*slot),
        }
    }

    fn run_for(&self, head: &str, source: &Source, limit: Option<i64>) -> Result<&'static str, Exception> {
        let generator = self.source(source)?;
        let mut items = 0;
        while let Some(value) = next_item(&generator)? {
            trace::put(format!("{head} item {}", show(value)));
            items += 1;
            if limit == Some(items) {
                return Ok("break");
            }
        }
        Ok("end")
    }
}

/// The outcome of next, send and throw: of all exceptions a StopIteration has a line of its own.
fn step(outcome: Result<Value, Exception>) -> Result<String, Exception> {
    match outcome {
        Ok(value) => Ok(format!("yield {}", show(value))),
        Err(exception) if exception.class() == Class::StopIteration => {
            Ok(format!("stop {}", show(exception.payload())))
        }
        Err(exception) => Err(exception),
    }
}

/// The outcome of a close that raised nothing.
fn closed(value: Value) -> String {
    value.map_or_else(|| "ok".to_owned(), |value| format!("value {value}"))
}

fn show_list(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().copied().map(show).collect();
    format!("[{}]", values.join(","))
}
