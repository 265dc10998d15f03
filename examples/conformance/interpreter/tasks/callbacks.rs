//! Callbacks: functions that the loop calls soon or later, and that can be taken back.

use std::rc::Rc;

use cede::task::{Awaitable, call_later, call_soon};

use super::body::Running;
use super::statement::{Tasks, object, slot, unknown};
use super::world::{World, duration};
use crate::interpreter::control::{Flow, Frame, Outcome};
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Malformed, Scope};
use crate::interpreter::value::{Value, show};

pub(super) enum CallbackStatement {
    Soon { handle: usize, action: Action },
    Later { handle: usize, ms: i64, action: Action },
    Cancel { handle: usize },
}

/// What a callback does.
pub(super) enum Action {
    Log { tag: String, value: Expression },
    SetResult { slot: usize, value: Expression },
    Cancel { slot: usize },
    SetEvent { object: usize },
}

impl CallbackStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        let name = args.name();
        let handle = scope.tables.own.handles.number(args.text()?);
        Ok(match name {
            "call_soon" => Self::Soon { handle, action: Action::read(args, scope)? },
            "call_later" => Self::Later { handle, ms: args.integer()?, action: Action::read(args, scope)? },
            "hcancel" => Self::Cancel { handle },
            _ => return Err(unknown(args)),
        })
    }
}

impl Action {
    fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        let mut args = Args::new(args.json()?)?;
        Ok(match args.name() {
            "log" => Self::Log { tag: args.text()?.to_owned(), value: args.expression(scope)? },
            "set_result" => Self::SetResult { slot: slot(&mut args, scope)?, value: args.expression(scope)? },
            "cancel" => Self::Cancel { slot: slot(&mut args, scope)? },
            "event_set" => Self::SetEvent { object: object(&mut args, scope)? },
            _ => return Err(unknown(&args)),
        })
    }

    /// The function that does it, with the value as it is now.
    fn function(&self, world: &Rc<World>, frame: &Frame) -> impl FnOnce() + 'static {
        let world = Rc::clone(world);
        let doing = match self {
            Self::Log { tag, value } => Doing::Log(format!("call {tag} {}", show(frame.value(value)))),
            Self::SetResult { slot, value } => Doing::SetResult(*slot, frame.value(value)),
            Self::Cancel { slot } => Doing::Cancel(*slot),
            Self::SetEvent { object } => Doing::SetEvent(*object),
        };
        move || doing.carry_out(&world)
    }
}

/// An action with its value.
enum Doing {
    Log(String),
    SetResult(usize, Value),
    Cancel(usize),
    SetEvent(usize),
}

impl Doing {
    /// Does nothing where the slot is empty, or what is in it has ended.
    fn carry_out(self, world: &World) {
        match self {
            Self::Log(line) => world.log(&line),
            Self::SetResult(slot, value) => {
                if let Ok(slot) = world.slots.get(slot) {
                    let _ = slot.set_result(value);
                }
            }
            Self::Cancel(slot) => {
                if let Ok(slot) = world.slots.get(slot) {
                    slot.end().cancel();
                }
            }
            Self::SetEvent(object) => world.objects[object].set(),
        }
    }
}

impl Running<'_> {
    pub(super) fn run_callback(&self, statement: &CallbackStatement, frame: &Frame) -> Outcome {
        let world = &self.world;
        match statement {
            CallbackStatement::Soon { handle, action } => {
                world.handles.put(*handle, Rc::new(call_soon(action.function(world, frame))));
            }
            CallbackStatement::Later { handle, ms, action } => {
                let call = call_later(duration(*ms), action.function(world, frame));
                world.handles.put(*handle, Rc::new(call));
            }
            CallbackStatement::Cancel { handle } => {
                world.handles.get(*handle)?.cancel();
            }
        }
        Ok(Flow::Next)
    }
}
