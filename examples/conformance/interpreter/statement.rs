//! Statements, with names resolved: those that all kinds of programs have, and a place for those of one kind.

use super::exception::Class;
use super::expression::Expression;
use super::value::Value;

/// Statements that run in order. `O` are the kind's own statements.
pub(crate) type Block<O> = Vec<Statement<O>>;

/// The local variable, by its number, that a statement binds; none when the value is dropped.
pub(crate) type Target = Option<usize>;

pub(crate) enum Statement<O> {
    Log { tag: String, values: Vec<Expression> },
    LogHandled { tag: String },
    Set { target: Target, value: Expression },
    SetGlobal { global: usize, value: Expression },
    If { condition: Expression, then: Block<O>, otherwise: Block<O> },
    Loop { rounds: i64, block: Block<O> },
    While { condition: Expression, rounds_max: i64, block: Block<O> },
    Break,
    Continue,
    Return(Expression),
    Raise(NewException),
    RaiseGroup(Vec<NewException>),
    Reraise,
    Try(Box<Try<O>>),
    Own(O),
}

/// An exception that is made when the statement runs.
pub(crate) struct NewException {
    pub(crate) class: Class,
    pub(crate) payload: Expression,
}

/// A run of a body that begins when the statement runs: which body, and the arguments for it.
pub(crate) struct Creation {
    pub(crate) body: usize,
    pub(crate) args: Vec<Expression>,
}

/// `try`, with the parts that it has.
pub(crate) struct Try<O> {
    pub(crate) block: Block<O>,
    pub(crate) handlers: Vec<Handler<O>>,
    pub(crate) otherwise: Option<Block<O>>,
    pub(crate) finally: Option<Block<O>>,
}

/// An `except` clause.
pub(crate) struct Handler<O> {
    pub(crate) classes: Vec<Class>,
    pub(crate) target: Target,
    pub(crate) block: Block<O>,
}

/// The code of a generator or a task.
pub(crate) struct Body<O> {
    /// How many local variables it has. The first ones are its parameters.
    pub(crate) locals: usize,
    pub(crate) code: Block<O>,
}

impl<O> Body<O> {
    /// The local variables at the start of a run.
    pub(crate) fn locals(&self, args: Vec<Value>) -> Vec<Value> {
        let mut locals = args;
        locals.resize(self.locals, None);
        locals
    }
}
