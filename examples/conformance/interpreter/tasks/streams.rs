//! Asynchronous generators: bodies that yield values and may await meanwhile, in the task that loops over them.
//!
//! In cede that is a generator whose body waits. A cancellation unwinds it from where it waits and goes on in the
//! loop, as any unwind out of a generator does.

use std::rc::Rc;

use cede::{Generator, GeneratorState, Step, Yielder};

use super::body::Running;
use super::statement::{Own, Tasks, unknown};
use super::world::{World, escape};
use crate::interpreter::control::{Flow, Frame, Outcome, run_block, run_body};
use crate::interpreter::exception::Exception;
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Malformed, Scope};
use crate::interpreter::statement::{Block, Creation, Target};
use crate::interpreter::value::Value;

/// A generator that gives values and gets none.
pub(super) type Stream = Generator<Value, (), ()>;
pub(super) type Emitter = Yielder<Value, ()>;

pub(super) enum StreamStatement {
    For { creation: Creation, target: Target, limit: Option<i64>, block: Block<Own> },
    Emit { value: Expression },
}

impl StreamStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        Ok(match args.name() {
            "afor" => Self::For {
                creation: args.creation(scope)?,
                target: args.target(scope)?,
                limit: args.limit()?,
                block: args.block(scope)?,
            },
            "emit" => Self::Emit { value: args.expression(scope)? },
            _ => return Err(unknown(args)),
        })
    }
}

impl World {
    fn stream(self: &Rc<Self>, body: usize, args: Vec<Value>) -> Stream {
        let world = Rc::clone(self);
        Generator::try_new(move |emitter: &Emitter| {
            let body = world.body(body);
            let mut frame = world.frame(&body, args);
            let running = Running::new(&world, Some(emitter));
            escape(run_body(&running, &body.code, &mut frame)).map(drop)
        })
    }
}

impl Running<'_> {
    pub(super) fn run_stream(&self, statement: &StreamStatement, frame: &mut Frame) -> Outcome {
        match statement {
            StreamStatement::For { creation, target, limit, block } => {
                let stream = self.world.stream(creation.body, frame.values(&creation.args));
                let outcome = self.run_rounds(&stream, *target, *limit, block, frame);
                let closed = self.world.catching(|| stream.close().map_err(Exception::from));
                if stream.state() == GeneratorState::Suspended {
                    self.left_open.borrow_mut().push(stream);
                }
                // What the generator raises while it is closed takes the place of what was under way.
                closed?;
                outcome
            }
            StreamStatement::Emit { value } => {
                let emitter = self.emitter.ok_or_else(|| Exception::fault("emit outside of a generator"))?;
                emitter.try_yield(frame.value(value))?;
                Ok(Flow::Next)
            }
        }
    }

    fn run_rounds(
        &self,
        stream: &Stream,
        target: Target,
        limit: Option<i64>,
        block: &Block<Own>,
        frame: &mut Frame,
    ) -> Outcome {
        let mut rounds = 0;
        while let Step::Yielded(value) = self.world.catching(|| stream.advance().map_err(Exception::from))? {
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
    }
}
