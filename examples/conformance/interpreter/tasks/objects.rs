//! The objects by which tasks wait for each other, and the statements on them.
//!
//! A program takes and gives back locks and permits by hand, and in whichever task it likes. So a guard is forgotten as
//! soon as it is there.

use std::sync::Arc;

use cede::sync::{
    Barrier, BoundedSemaphore, Condition, Event, LifoQueue, Lock, Order, PriorityQueue, Queue, QueueBy,
    Semaphore,
};
use serde_json::Value as Json;

use super::body::Running;
use super::statement::{Own, TaskNames, Tasks, object, unknown};
use crate::interpreter::control::{Flow, Frame, Outcome, run_block};
use crate::interpreter::exception::Exception;
use crate::interpreter::expression::Expression;
use crate::interpreter::program::{Args, Malformed, Scope, list};
use crate::interpreter::statement::{Block, Target};
use crate::interpreter::value::{Value, is_true, number};

/// How an object is made.
pub(super) enum Kind {
    Event,
    Lock,
    Semaphore(usize),
    BoundedSemaphore(usize),
    /// With the lock of this number, or with one of its own.
    Condition(Option<usize>),
    Barrier(usize),
    Queue(usize),
    LifoQueue(usize),
    PriorityQueue(usize),
}

pub(super) enum Object {
    Event(Event),
    Lock(Arc<Lock>),
    Semaphore(Semaphore),
    BoundedSemaphore(BoundedSemaphore),
    Condition(Condition),
    Barrier(Barrier),
    Queue(Queue<i64>),
    LifoQueue(LifoQueue<i64>),
    PriorityQueue(PriorityQueue<i64>),
}

/// A statement on the object of this number.
pub(super) struct ObjectStatement {
    object: usize,
    operation: Operation,
    target: Target,
}

enum Operation {
    SetEvent,
    ClearEvent,
    WaitForEvent,
    IsEventSet,
    Acquire,
    Release,
    IsLocked,
    With(Block<Own>),
    Wait,
    WaitFor(Expression),
    Notify(usize),
    NotifyAll,
    WaitAtBarrier,
    ResetBarrier,
    AbortBarrier,
    Put(Expression),
    PutNowait(Expression),
    Get,
    GetNowait,
    TaskDone,
    Join,
    Size,
    ShutDown { immediate: bool },
}

/// Reads the objects that a program declares.
pub(super) fn read(objects: &Json, names: &mut TaskNames) -> Result<(), Malformed> {
    for declaration in list(objects)? {
        let mut args = Args::new(declaration)?;
        let name = args.name();
        let kind = Kind::read(&mut args, names)?;
        if names.objects.number(name) != names.kinds.len() {
            return Err(Malformed::new(format!("there are two objects {name:?}")));
        }
        names.kinds.push(kind);
    }
    Ok(())
}

impl Kind {
    fn read(args: &mut Args<'_>, names: &TaskNames) -> Result<Self, Malformed> {
        Ok(match args.text()? {
            "event" => Self::Event,
            "lock" => Self::Lock,
            "semaphore" => Self::Semaphore(count(args)?),
            "bsemaphore" => Self::BoundedSemaphore(count(args)?),
            "condition" if args.is_empty() => Self::Condition(None),
            "condition" => Self::Condition(Some(lock(args.text()?, names)?)),
            "barrier" => Self::Barrier(count(args)?),
            "queue" => Self::Queue(count(args)?),
            "lifo" => Self::LifoQueue(count(args)?),
            "prio" => Self::PriorityQueue(count(args)?),
            other => return Err(Malformed::new(format!("there is no kind {other:?} of objects"))),
        })
    }
}

fn count(args: &mut Args<'_>) -> Result<usize, Malformed> {
    usize::try_from(args.integer()?).map_err(|_| Malformed::new(format!("{:?} is less than 0", args.name())))
}

fn lock(name: &str, names: &TaskNames) -> Result<usize, Malformed> {
    let number = names.objects.find(name).filter(|lock| matches!(names.kinds[*lock], Kind::Lock));
    number.ok_or_else(|| Malformed::new(format!("there is no lock {name:?}")))
}

/// Makes the objects of a program.
pub(super) fn make(kinds: &[Kind]) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let object = match kind {
            Kind::Event => Object::Event(Event::new()),
            Kind::Lock => Object::Lock(Arc::new(Lock::new())),
            Kind::Semaphore(permits) => Object::Semaphore(Semaphore::new(*permits)),
            Kind::BoundedSemaphore(permits) => Object::BoundedSemaphore(BoundedSemaphore::new(*permits)),
            Kind::Condition(None) => Object::Condition(Condition::new()),
            Kind::Condition(Some(lock)) => match &objects[*lock] {
                Object::Lock(lock) => Object::Condition(Condition::with_lock(Arc::clone(lock))),
                _ => unreachable!("whoever has read the program has seen that it is a lock"),
            },
            Kind::Barrier(parties) => Object::Barrier(Barrier::new(*parties)),
            Kind::Queue(capacity) => Object::Queue(Queue::bounded(*capacity)),
            Kind::LifoQueue(capacity) => Object::LifoQueue(LifoQueue::bounded(*capacity)),
            Kind::PriorityQueue(capacity) => Object::PriorityQueue(PriorityQueue::bounded(*capacity)),
        };
        objects.push(object);
    }
    objects
}

impl ObjectStatement {
    pub(super) fn read(args: &mut Args<'_>, scope: &mut Scope<'_, Tasks>) -> Result<Self, Malformed> {
        let name = args.name();
        let object = object(args, scope);
        let operation = match name {
            "event_set" => Operation::SetEvent,
            "event_clear" => Operation::ClearEvent,
            "event_wait" => Operation::WaitForEvent,
            "event_is_set" => Operation::IsEventSet,
            "acquire" => Operation::Acquire,
            "release" => Operation::Release,
            "locked" => Operation::IsLocked,
            "with" => Operation::With(args.block(scope)?),
            "cond_wait" => Operation::Wait,
            "cond_wait_for" => Operation::WaitFor(args.expression(scope)?),
            "notify" => Operation::Notify(count(args)?),
            "notify_all" => Operation::NotifyAll,
            "barrier_wait" => Operation::WaitAtBarrier,
            "barrier_reset" => Operation::ResetBarrier,
            "barrier_abort" => Operation::AbortBarrier,
            "put" => Operation::Put(args.expression(scope)?),
            "put_nowait" => Operation::PutNowait(args.expression(scope)?),
            "get" => Operation::Get,
            "get_nowait" => Operation::GetNowait,
            "task_done" => Operation::TaskDone,
            "join" => Operation::Join,
            "qsize" => Operation::Size,
            "queue_shutdown" => Operation::ShutDown { immediate: args.integer()? != 0 },
            _ => return Err(unknown(args)),
        };
        let target = if args.is_empty() { None } else { args.target(scope)? };
        Ok(Self { object: object?, operation, target })
    }
}

impl Running<'_> {
    pub(super) fn run_object(&self, statement: &ObjectStatement, frame: &mut Frame) -> Outcome {
        let object = &self.world.objects[statement.object];
        if let Operation::With(block) = &statement.operation {
            self.operate(object, &Operation::Acquire, frame)?;
            let outcome = run_block(self, block, frame);
            self.operate(object, &Operation::Release, frame)?;
            return outcome;
        }
        let value = self.operate(object, &statement.operation, frame)?;
        frame.bind(statement.target, value);
        Ok(Flow::Next)
    }

    /// Calls cede, and gives the value to bind.
    fn operate(&self, object: &Object, operation: &Operation, frame: &Frame) -> Result<Value, Exception> {
        self.world.catching(|| match object {
            Object::Event(event) => operate_event(event, operation),
            Object::Lock(lock) => operate_lock(lock, operation),
            Object::Semaphore(semaphore) => {
                match operation {
                    Operation::Acquire => semaphore.acquire().forget(),
                    Operation::Release => semaphore.release(),
                    Operation::IsLocked => return Ok(flag(semaphore.is_locked())),
                    _ => return unfit(),
                }
                Ok(None)
            }
            Object::BoundedSemaphore(semaphore) => {
                match operation {
                    Operation::Acquire => semaphore.acquire().forget(),
                    Operation::Release => semaphore.release()?,
                    Operation::IsLocked => return Ok(flag(semaphore.is_locked())),
                    _ => return unfit(),
                }
                Ok(None)
            }
            Object::Condition(condition) => operate_condition(condition, operation, frame),
            Object::Barrier(barrier) => operate_barrier(barrier, operation),
            Object::Queue(queue) => operate_queue(queue, operation, frame),
            Object::LifoQueue(queue) => operate_queue(queue, operation, frame),
            Object::PriorityQueue(queue) => operate_queue(queue, operation, frame),
        })
    }
}

fn flag(flag: bool) -> Value {
    Some(i64::from(flag))
}

/// The object has no such operation.
fn unfit<T>() -> Result<T, Exception> {
    Err(Exception::fault("the object has no such operation"))
}

fn operate_event(event: &Event, operation: &Operation) -> Result<Value, Exception> {
    match operation {
        Operation::SetEvent => event.set(),
        Operation::ClearEvent => event.clear(),
        Operation::WaitForEvent => event.wait(),
        Operation::IsEventSet => return Ok(flag(event.is_set())),
        _ => return unfit(),
    }
    Ok(None)
}

fn operate_lock(lock: &Lock, operation: &Operation) -> Result<Value, Exception> {
    match operation {
        Operation::Acquire => lock.acquire().forget(),
        Operation::Release => lock.release()?,
        Operation::IsLocked => return Ok(flag(lock.is_locked())),
        _ => return unfit(),
    }
    Ok(None)
}

fn operate_condition(
    condition: &Condition,
    operation: &Operation,
    frame: &Frame,
) -> Result<Value, Exception> {
    match operation {
        Operation::Acquire => condition.acquire().forget(),
        Operation::Release => condition.release()?,
        Operation::IsLocked => return Ok(flag(condition.is_locked())),
        Operation::Wait => condition.wait()?,
        Operation::WaitFor(until) => condition.wait_for(|| is_true(frame.value(until)))?,
        Operation::Notify(count) => condition.notify(*count)?,
        Operation::NotifyAll => condition.notify_all()?,
        _ => return unfit(),
    }
    Ok(None)
}

fn operate_barrier(barrier: &Barrier, operation: &Operation) -> Result<Value, Exception> {
    match operation {
        Operation::WaitAtBarrier => return Ok(Some(barrier.wait()? as i64)),
        Operation::ResetBarrier => barrier.reset(),
        Operation::AbortBarrier => barrier.abort(),
        _ => return unfit(),
    }
    Ok(None)
}

fn operate_queue<O: Order<i64>>(
    queue: &QueueBy<i64, O>,
    operation: &Operation,
    frame: &Frame,
) -> Result<Value, Exception> {
    match operation {
        Operation::Put(item) => queue.put(number(frame.value(item)))?,
        Operation::PutNowait(item) => queue.put_nowait(number(frame.value(item)))?,
        Operation::Get => return Ok(Some(queue.get()?)),
        Operation::GetNowait => return Ok(Some(queue.get_nowait()?)),
        Operation::TaskDone => queue.task_done()?,
        Operation::Join => queue.join(),
        Operation::Size => return Ok(Some(queue.len() as i64)),
        Operation::ShutDown { immediate } => queue.shutdown(*immediate),
        _ => return unfit(),
    }
    Ok(None)
}

impl Object {
    /// Sets an event, from a callback.
    pub(super) fn set(&self) {
        if let Self::Event(event) = self {
            event.set();
        }
    }

    /// Releases a lock, whoever has it.
    pub(super) fn free(&self) {
        match self {
            Self::Lock(lock) => drop(lock.release()),
            Self::Condition(condition) => drop(condition.release()),
            _ => {}
        }
    }

    /// What the end of a trace says of it.
    pub(super) fn state(&self) -> String {
        match self {
            Self::Event(event) => format!("set={}", u8::from(event.is_set())),
            Self::Lock(lock) => format!("locked={}", u8::from(lock.is_locked())),
            Self::Condition(condition) => format!("locked={}", u8::from(condition.is_locked())),
            Self::Semaphore(semaphore) => format!("value={}", semaphore.available()),
            Self::BoundedSemaphore(semaphore) => format!("value={}", semaphore.available()),
            Self::Barrier(barrier) => {
                format!("waiting={} broken={}", barrier.n_waiting(), u8::from(barrier.is_broken()))
            }
            Self::Queue(queue) => format!("size={}", queue.len()),
            Self::LifoQueue(queue) => format!("size={}", queue.len()),
            Self::PriorityQueue(queue) => format!("size={}", queue.len()),
        }
    }
}
