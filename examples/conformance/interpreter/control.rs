//! Control flow: runs the statements that all kinds of programs have.
//!
//! Exceptions of the language are the `Err` of a Rust `Result`, so handlers and `finally` blocks are ordinary code. A
//! body whose stack is unwound by force (it ignored the GeneratorExit of a drop) therefore runs none of them any
//! more, as in Python.

use std::rc::Rc;

use super::exception::Exception;
use super::expression::{Expression, Globals};
use super::statement::{Block, Handler, NewException, Statement, Target, Try};
use super::value::{Value, is_true, show};

/// How a statement was left when no exception left it.
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

pub(crate) type Outcome = Result<Flow, Exception>;

/// What runs the statements of one kind.
pub(crate) trait Host {
    /// The statements that only this kind has.
    type Own;

    /// Writes a line of the program's own into the trace.
    fn log(&self, line: String);

    fn run_own(&self, statement: &Self::Own, frame: &mut Frame) -> Outcome;
}

/// One run of a body, or of a driver: its variables.
pub(crate) struct Frame {
    locals: Vec<Value>,
    globals: Rc<Globals>,
    /// The exceptions that are being handled, the innermost last.
    handled: Vec<Exception>,
}

impl Frame {
    pub(crate) fn new(locals: Vec<Value>, globals: Rc<Globals>) -> Self {
        Self { locals, globals, handled: Vec::new() }
    }

    pub(crate) fn bind(&mut self, target: Target, value: Value) {
        if let Some(local) = target {
            self.locals[local] = value;
        }
    }

    pub(crate) fn value(&self, expression: &Expression) -> Value {
        expression.value(&self.locals, &self.globals)
    }

    pub(crate) fn values(&self, expressions: &[Expression]) -> Vec<Value> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    pub(crate) fn exception(&self, new: &NewException) -> Exception {
        Exception::new(new.class, self.value(&new.payload))
    }

    /// The line that a `log` statement writes.
    pub(crate) fn log_line(&self, tag: &str, values: &[Expression]) -> String {
        let mut line = format!("log {tag}");
        for value in values {
            line.push(' ');
            line.push_str(&show(self.value(value)));
        }
        line
    }

    /// The line that an `exc` statement writes.
    fn handled_line(&self, tag: &str) -> String {
        match self.handled.last() {
            Some(exception) => format!("exc {tag} {exception}"),
            None => format!("exc {tag} null"),
        }
    }

    fn reraised(&self) -> Exception {
        let nothing = || Exception::fault("no exception is being handled");
        self.handled.last().cloned().unwrap_or_else(nothing)
    }
}

/// Runs a body's code to its end and gives its return value.
pub(crate) fn run_body<H: Host>(
    host: &H,
    code: &Block<H::Own>,
    frame: &mut Frame,
) -> Result<Value, Exception> {
    match run_block(host, code, frame)? {
        Flow::Return(value) => Ok(value),
        Flow::Next | Flow::Break | Flow::Continue => Ok(None),
    }
}

pub(crate) fn run_block<H: Host>(host: &H, block: &Block<H::Own>, frame: &mut Frame) -> Outcome {
    for statement in block {
        match run_statement(host, statement, frame)? {
            Flow::Next => {}
            left => return Ok(left),
        }
    }
    Ok(Flow::Next)
}

fn run_statement<H: Host>(host: &H, statement: &Statement<H::Own>, frame: &mut Frame) -> Outcome {
    match statement {
        Statement::Log { tag, values } => host.log(frame.log_line(tag, values)),
        Statement::LogHandled { tag } => host.log(frame.handled_line(tag)),
        Statement::Set { target, value } => frame.bind(*target, frame.value(value)),
        Statement::SetGlobal { global, value } => {
            let value = frame.value(value);
            frame.globals.borrow_mut()[*global] = value;
        }
        Statement::If { condition, then, otherwise } => {
            let block = if is_true(frame.value(condition)) { then } else { otherwise };
            return run_block(host, block, frame);
        }
        Statement::Loop { rounds, block } => return run_rounds(host, *rounds, None, block, frame),
        Statement::While { condition, rounds_max, block } => {
            return run_rounds(host, *rounds_max, Some(condition), block, frame);
        }
        Statement::Break => return Ok(Flow::Break),
        Statement::Continue => return Ok(Flow::Continue),
        Statement::Return(value) => return Ok(Flow::Return(frame.value(value))),
        Statement::Raise(new) => return Err(frame.exception(new)),
        Statement::RaiseGroup(members) => {
            return Err(Exception::group(members.iter().map(|new| frame.exception(new)).collect()));
        }
        Statement::Reraise => return Err(frame.reraised()),
        Statement::Try(parts) => return run_try(host, parts, frame),
        Statement::Own(own) => return host.run_own(own, frame),
    }
    Ok(Flow::Next)
}

fn run_rounds<H: Host>(
    host: &H,
    rounds: i64,
    condition: Option<&Expression>,
    block: &Block<H::Own>,
    frame: &mut Frame,
) -> Outcome {
    for _ in 0..rounds {
        if condition.is_some_and(|condition| !is_true(frame.value(condition))) {
            break;
        }
        match run_block(host, block, frame)? {
            Flow::Next | Flow::Continue => {}
            Flow::Break => break,
            left @ Flow::Return(_) => return Ok(left),
        }
    }
    Ok(Flow::Next)
}

fn run_try<H: Host>(host: &H, parts: &Try<H::Own>, frame: &mut Frame) -> Outcome {
    let outcome = match run_block(host, &parts.block, frame) {
        Ok(Flow::Next) => match &parts.otherwise {
            Some(block) => run_block(host, block, frame),
            None => Ok(Flow::Next),
        },
        Err(exception) => match handler_for(&parts.handlers, &exception) {
            Some(handler) => run_handler(host, handler, exception, frame),
            None => Err(exception),
        },
        left => left,
    };
    match &parts.finally {
        // Whatever leaves the block early takes the place of what was under way.
        Some(block) => match run_block(host, block, frame)? {
            Flow::Next => outcome,
            left => Ok(left),
        },
        None => outcome,
    }
}

fn handler_for<'h, O>(handlers: &'h [Handler<O>], exception: &Exception) -> Option<&'h Handler<O>> {
    handlers.iter().find(|handler| handler.classes.iter().any(|class| exception.class().is_below(*class)))
}

fn run_handler<H: Host>(
    host: &H,
    handler: &Handler<H::Own>,
    exception: Exception,
    frame: &mut Frame,
) -> Outcome {
    frame.bind(handler.target, exception.payload());
    frame.handled.push(exception);
    let outcome = run_block(host, &handler.block, frame);
    frame.handled.pop();
    outcome
}
