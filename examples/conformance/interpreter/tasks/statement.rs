//! The statements that only task programs have, and how they are read.

use super::blocks::BlockStatement;
use super::callbacks::CallbackStatement;
use super::futures::FutureStatement;
use super::objects::{Kind, ObjectStatement};
use super::streams::StreamStatement;
use super::waiting::WaitingStatement;
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Dialect, Malformed, Names, Scope};
use crate::interpreter::statement::{Creation, Target};

/// The kind "tasks".
pub(super) enum Tasks {}

/// The names that only this kind has.
#[derive(Default)]
pub(super) struct TaskNames {
    /// The slots for tasks, futures and gathers.
    pub(super) slots: Names,
    /// The slots for the handles of callbacks.
    pub(super) handles: Names,
    pub(super) timeouts: Names,
    pub(super) groups: Names,
    /// The objects, which the program declares.
    pub(super) objects: Names,
    pub(super) kinds: Vec<Kind>,
}

/// A statement of the kind's own, by what it is about: each group of them is read and run in a file of its own.
pub(super) enum Own {
    Sleep { ms: Expression },
    Call { creation: Creation, target: Target },
    Name,
    Time { target: Target },
    Uncancel { target: Target },
    Cancelling { target: Target },
    Future(FutureStatement),
    Waiting(WaitingStatement),
    Block(BlockStatement),
    Callback(CallbackStatement),
    Stream(StreamStatement),
    Object(ObjectStatement),
}

impl Dialect for Tasks {
    type Own = Own;
    type Tables = TaskNames;

    fn read(mut args: Args<'_>, scope: &mut Scope<'_, Self>) -> Result<Own, Malformed> {
        let args = &mut args;
        Ok(match args.name() {
            "sleep" => Own::Sleep { ms: args.expression(scope)? },
            "call" => Own::Call { creation: args.creation(scope)?, target: args.target(scope)? },
            "name" => Own::Name,
            "time" => Own::Time { target: args.target(scope)? },
            "uncancel" => Own::Uncancel { target: args.target(scope)? },
            "cancelling" => Own::Cancelling { target: args.target(scope)? },
            "spawn" | "await" | "cancel" | "status" | "future" | "set_result" | "set_exception"
            | "done_cb" => Own::Future(FutureStatement::read(args, scope)?),
            "gather" | "gather_start" | "wait" | "as_completed" | "wait_for" | "shield" => {
                Own::Waiting(WaitingStatement::read(args, scope)?)
            }
            "timeout" | "timeout_at" | "reschedule" | "expired" | "taskgroup" | "tg_spawn" => {
                Own::Block(BlockStatement::read(args, scope)?)
            }
            "call_soon" | "call_later" | "hcancel" => Own::Callback(CallbackStatement::read(args, scope)?),
            "afor" | "emit" => Own::Stream(StreamStatement::read(args, scope)?),
            _ => Own::Object(ObjectStatement::read(args, scope)?),
        })
    }
}

/// The number of the slot for a task, future or gather that comes next in the arguments.
pub(super) fn slot(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<usize, Malformed> {
    Ok(scope.tables.own.slots.number(args.text()?))
}

/// The number of the object that comes next in the arguments.
pub(super) fn object(args: &mut Args<'_>, scope: &Scope<'_, Tasks>) -> Result<usize, Malformed> {
    let name = args.text()?;
    let object = scope.tables.own.objects.find(name);
    object.ok_or_else(|| Malformed::new(format!("there is no object {name:?}")))
}

/// A statement that belongs to a group but is unknown to it.
pub(super) fn unknown(args: &Args<'_>) -> Malformed {
    Malformed::new(format!("there is no statement {:?}", args.name()))
}
