//! Runs the body of a task, of what it calls, or of a generator that it loops over.

use std::cell::RefCell;
use std::rc::Rc;

use cede::no_switch;

use super::statement::Own;
use super::streams::{Emitter, Stream};
use super::world::{World, duration};
use crate::interpreter::control::{Flow, Frame, Host, Outcome, run_body};
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::value::{Value, number};

/// A body that runs.
pub(super) struct Running<'e> {
    pub(super) world: Rc<World>,
    /// What `emit` uses, in the body of a generator.
    pub(super) emitter: Option<&'e Emitter>,
    /// The generators that it has looped over and that have ignored that they were closed. Python lets go of them with the frame.
    pub(super) left_open: RefCell<Vec<Stream>>,
}

impl<'e> Running<'e> {
    pub(super) fn new(world: &Rc<World>, emitter: Option<&'e Emitter>) -> Self {
        Running { world: Rc::clone(world), emitter, left_open: RefCell::default() }
    }
}

/// Runs a body that is no generator, inside the task that is running.
pub(super) fn run(world: &Rc<World>, body: usize, args: Vec<Value>) -> Result<Value, Exception> {
    let body = world.body(body);
    let running = Running::new(world, None);
    let ended = run_body(&running, &body.code, &mut world.frame(&body, args));
    let left_open = running.left_open.take();
    match ended {
        // Whatever they still do, they can't wait any more.
        Ok(_) => no_switch(|| drop(left_open)),
        // An exception keeps the frames that it has left.
        Err(_) => world.left_open.borrow_mut().extend(left_open),
    }
    ended.map_err(|exception| match exception.class() {
        Class::StopIteration => Exception::with_reason(Class::RuntimeError, "raised-stop"),
        _ => exception,
    })
}

impl Host for Running<'_> {
    type Own = Own;

    fn log(&self, line: String) {
        self.world.log(&line);
    }

    fn run_own(&self, statement: &Own, frame: &mut Frame) -> Outcome {
        let world = &self.world;
        if world.is_over() {
            return Err(Exception::fault("the program is over"));
        }
        let (target, value) = match statement {
            Own::Sleep { ms } => {
                let time = duration(number(frame.value(ms)));
                world.catching(|| {
                    cede::sleep(time);
                    Ok(())
                })?;
                return Ok(Flow::Next);
            }
            Own::Call { creation, target } => {
                (*target, run(world, creation.body, frame.values(&creation.args))?)
            }
            Own::Name => {
                world.log(&format!("name {}", world.current_name()));
                return Ok(Flow::Next);
            }
            Own::Time { target } => (*target, Some(world.time())),
            Own::Uncancel { target } => (*target, current(|task| task.uncancel())?),
            Own::Cancelling { target } => (*target, current(|task| task.cancelling())?),
            Own::Future(statement) => return self.run_future(statement, frame),
            Own::Waiting(statement) => return self.run_waiting(statement, frame),
            Own::Block(statement) => return self.run_watched(statement, frame),
            Own::Callback(statement) => return self.run_callback(statement, frame),
            Own::Stream(statement) => return self.run_stream(statement, frame),
            Own::Object(statement) => return self.run_object(statement, frame),
        };
        frame.bind(target, value);
        Ok(Flow::Next)
    }
}

fn current(count: impl FnOnce(cede::TaskHandle) -> u32) -> Result<Value, Exception> {
    let task = cede::current().ok_or_else(|| Exception::fault("there is no current task"))?;
    Ok(Some(i64::from(count(task))))
}
