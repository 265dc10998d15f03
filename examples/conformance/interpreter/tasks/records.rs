//! The tasks of a program: how they are made, and what the end of a trace says of them.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use cede::task::{Awaitable, Builder};
use cede::{JoinHandle, RunError, SpawnError, TaskGroup, TaskHandle};

use super::body;
use super::futures::Slot;
use super::world::{World, escape};
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::value::{Value, show};

/// The tasks in the order in which they were made, the main task before all others.
#[derive(Default)]
pub(super) struct Records {
    main: Main,
    others: RefCell<Vec<Rc<Record>>>,
    /// Those that were left when the main task had ended.
    left: OnceCell<Vec<Rc<Record>>>,
}

/// The main task, which has no handle that tells how it ended.
#[derive(Default)]
struct Main {
    handle: OnceCell<TaskHandle>,
    end: OnceCell<MainEnd>,
    outcome: OnceCell<String>,
}

/// How the body of the main task was left.
struct MainEnd {
    time: i64,
    /// How many requests to cancel the task were open.
    cancelling: u32,
    /// The exception that is its result. For a run this is a value as any other, which gives way to a cancellation that was
    /// not delivered.
    raised: Option<Exception>,
}

/// A task that the program has made.
struct Record {
    body: usize,
    handle: Rc<JoinHandle<Value>>,
}

impl World {
    /// Makes a task that runs a body.
    pub(super) fn spawn(self: &Rc<Self>, body: usize, args: Vec<Value>) -> Slot {
        let (builder, world) = (self.records.next_builder(), Rc::clone(self));
        self.records.add(body, builder.try_spawn(move || escape(body::run(&world, body, args))))
    }

    /// Makes a task of a group.
    pub(super) fn spawn_in(
        self: &Rc<Self>,
        group: &TaskGroup,
        body: usize,
        args: Vec<Value>,
    ) -> Result<Slot, Exception> {
        let (builder, world) = (self.records.next_builder(), Rc::clone(self));
        let handle = builder.try_spawn_in(group, move || escape(body::run(&world, body, args)));
        // A task that was refused has ended before it could begin.
        if let Some(Err(error)) = handle.outcome()
            && let Some(refusal) = error.error().and_then(|error| error.downcast_ref::<SpawnError>())
        {
            return Err(Exception::from(*refusal));
        }
        Ok(self.records.add(body, handle))
    }

    /// Runs the body of the main task, in that.
    pub(super) fn run_main(self: &Rc<Self>) -> Result<Value, Exception> {
        let main = &self.records.main;
        let handle = cede::current().expect("this is a task");
        handle.set_name("T0");
        let _ = main.handle.set(handle);
        self.begin();
        let ended = body::run(self, self.main, Vec::new());
        let raised = ended.as_ref().err().filter(|exception| exception.class() != Class::CancelledError);
        let _ = main.end.set(MainEnd {
            time: self.time(),
            cancelling: main.handle.get().map_or(0, TaskHandle::cancelling),
            raised: raised.cloned(),
        });
        escape(ended)
    }
}

impl Records {
    /// What makes the next task.
    fn next_builder(&self) -> Builder {
        Builder::new().name(format!("T{}", 1 + self.others.borrow().len()))
    }

    fn add(&self, body: usize, handle: JoinHandle<Value>) -> Slot {
        let handle = Rc::new(handle);
        self.others.borrow_mut().push(Rc::new(Record { body, handle: Rc::clone(&handle) }));
        Slot::Task(handle)
    }

    /// The main task has ended. Gives the time, and what a trace says of it.
    pub(super) fn end_main(&self, result: Result<Result<Value, Exception>, RunError>) -> (i64, &str) {
        let end = self.main.end.get();
        let outcome = match (result, end.and_then(|end| end.raised.as_ref())) {
            (Ok(Err(_)) | Err(RunError::Cancelled), Some(exception)) => format!("raised {exception}"),
            (Ok(Ok(value)), None) => format!("result {}", show(value)),
            (Err(RunError::Cancelled), None) => "cancelled".to_owned(),
            (result, _) => format!("?{result:?}"),
        };
        (end.map_or(0, |end| end.time), self.main.outcome.get_or_init(|| outcome))
    }

    /// The tasks are going to be shut down. Gives how many are left.
    pub(super) fn begin_shutdown(&self) -> usize {
        let left = self.others.borrow().iter().filter(|task| !task.handle.is_finished()).cloned().collect();
        self.left.get_or_init(|| left).len()
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.left.get().is_some()
    }

    /// Cancels what a deadlock is to be resolved by: the main task, or all that the shutdown waits for.
    pub(super) fn cancel_those_awaited(&self) {
        match self.left.get() {
            Some(left) => {
                for task in left {
                    task.handle.cancel();
                }
            }
            None => {
                self.main.handle.get().map(TaskHandle::cancel);
            }
        }
    }

    /// What the end of a trace says of the tasks.
    pub(super) fn finals(&self, main_body: usize, bodies: &[String]) -> Vec<String> {
        let outcome_of_main = self.main.outcome.get().map_or("pending", String::as_str);
        let cancelling = match self.main.end.get() {
            Some(end) => end.cancelling,
            None => self.main.handle.get().map_or(0, TaskHandle::cancelling),
        };
        let mut lines = vec![line(0, &bodies[main_body], outcome_of_main, cancelling)];
        lines.extend(self.others.borrow().iter().enumerate().map(|(index, task)| {
            let outcome = Slot::Task(Rc::clone(&task.handle)).outcome();
            line(index + 1, &bodies[task.body], &outcome, task.handle.cancelling())
        }));
        lines
    }

    pub(super) fn clear(&self) {
        let old = self.others.take();
        drop(old);
    }
}

fn line(number: usize, body: &str, outcome: &str, cancelling: u32) -> String {
    match cancelling {
        0 => format!("final T{number} {body} {outcome}"),
        _ => format!("final T{number} {body} {outcome} cancelling={cancelling}"),
    }
}
