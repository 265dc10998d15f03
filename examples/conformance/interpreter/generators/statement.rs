//! The statements that only generator programs have.

use serde_json::Value as Json;

use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Dialect, Malformed, Names, Scope};
use crate::interpreter::statement::{Block, Creation, NewException, Target};

/// The kind "generator". Its table has the names of the slots.
pub(super) enum Generators {}

/// A generator that a statement uses: a fresh one, or the one in a slot.
pub(super) enum Source {
    New(Creation),
    Slot(usize),
}

/// What a generator can delegate to.
pub(super) enum Delegate {
    Generator(Source),
    List(Vec<Expression>),
}

pub(super) enum Own {
    Yield { value: Expression, target: Target },
    YieldFrom { delegate: Delegate, target: Target },
    New { slot: usize, creation: Creation },
    Next { slot: usize, target: Target },
    Send { slot: usize, value: Expression, target: Target },
    Throw { slot: usize, exception: NewException, target: Target },
    Close { slot: usize, target: Target },
    State { slot: usize },
    Drop { slot: usize },
    For { source: Source, target: Target, limit: Option<i64>, block: Block<Own> },
    List { source: Source, target: Target },
}

impl Dialect for Generators {
    type Own = Own;
    type Tables = Names;

    fn read(mut args: Args<'_>, scope: &mut Scope<'_, Self>) -> Result<Own, Malformed> {
        Ok(match args.name() {
            "yield" => Own::Yield { value: args.expression(scope)?, target: args.target(scope)? },
            "yieldfrom" => {
                Own::YieldFrom { delegate: Delegate::read(args.json()?, scope)?, target: args.target(scope)? }
            }
            "new" => Own::New { slot: slot(&mut args, scope)?, creation: args.creation(scope)? },
            "next" => Own::Next { slot: slot(&mut args, scope)?, target: args.target(scope)? },
            "send" => Own::Send {
                slot: slot(&mut args, scope)?,
                value: args.expression(scope)?,
                target: args.target(scope)?,
            },
            "throw" => Own::Throw {
                slot: slot(&mut args, scope)?,
                exception: args.exception(scope)?,
                target: args.target(scope)?,
            },
            "close" => Own::Close { slot: slot(&mut args, scope)?, target: args.target(scope)? },
            "state" => Own::State { slot: slot(&mut args, scope)? },
            "drop" => Own::Drop { slot: slot(&mut args, scope)? },
            "for" => Own::For {
                source: Source::read(args.json()?, scope)?,
                target: args.target(scope)?,
                limit: args.limit()?,
                block: args.block(scope)?,
            },
            "list" => Own::List { source: Source::read(args.json()?, scope)?, target: args.target(scope)? },
            other => return Err(Malformed::new(format!("there is no statement {other:?}"))),
        })
    }
}

/// The number of the slot that comes next in the arguments.
pub(super) fn slot(args: &mut Args<'_>, scope: &mut Scope<'_, Generators>) -> Result<usize, Malformed> {
    Ok(scope.tables.own.number(args.text()?))
}

impl Source {
    pub(super) fn read(json: &Json, scope: &mut Scope<'_, Generators>) -> Result<Self, Malformed> {
        let mut args = Args::new(json)?;
        match args.name() {
            "new" => args.creation(scope).map(Self::New),
            "gen" => slot(&mut args, scope).map(Self::Slot),
            other => Err(Malformed::new(format!("there is no source {other:?}"))),
        }
    }
}

impl Delegate {
    fn read(json: &Json, scope: &mut Scope<'_, Generators>) -> Result<Self, Malformed> {
        let mut args = Args::new(json)?;
        match args.name() {
            "list" => args.expressions(scope).map(Self::List),
            _ => Source::read(json, scope).map(Self::Generator),
        }
    }
}
