//! The task's side of what crosses threads: a closure that has not begun, and the task that it becomes.
//!
//! ```text
//!   Unbegun ──── inbox, deque or injector ────▶ RemoteTask
//!      │ Owner                                    │ Owner
//!      └──────────────▶ Remote ◀──────────────────┘
//!                   one allocation: how it stands, closure, result       ◀──── handle
//! ```
//!
//! A closure crosses, a task never does: the record of a task is made by the thread that begins it.
//!
//! The end of a task of a group is told last, by the drop of its [`Ticket`]: the closure is gone then, and with the owner's part the
//! result, unless a handle has that. So what either has borrowed may go when the group has been told.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::super::completion::Completion;
use super::super::context::{self, Values};
use super::super::outcome::Outcome;
use super::super::report;
use super::super::scheduler::Scheduler;
use super::super::task::{AnyTask, Failure, TaskCore, TaskKey};
use super::error::RemoteJoinError;
use super::shared::{Origin, Shared};
use crate::atomics::Place;

/// What a closure gives that crosses threads.
pub(crate) type Given<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the task and its handle share, with the closure.
struct Remote<T, F> {
    shared: Shared<T>,
    /// Only the owner touches it.
    body: Place<Option<F>>,
    /// The context in which it runs. Only the owner touches it.
    values: Place<Option<Arc<Values>>>,
}

// SAFETY: the closure and the context are touched by the owner alone, which is one thread at a time, and both are `Send`. For what is
// shared see there.
unsafe impl<T: Send, F: Send> Send for Remote<T, F> {}
// SAFETY: as above.
unsafe impl<T: Send, F: Send> Sync for Remote<T, F> {}

/// The part without the type of the closure, for handles.
pub(super) trait Joint<T>: Send + Sync {
    fn shared(&self) -> &Shared<T>;
}

impl<T: Send, F: Send> Joint<T> for Remote<T, F> {
    fn shared(&self) -> &Shared<T> {
        &self.shared
    }
}

/// The part without any type, for the owner. All of it is for the owner alone: that is each method's condition.
trait Work: Send + Sync {
    fn origin(&self) -> &Origin;
    unsafe fn values(&self) -> Option<Arc<Values>>;
    unsafe fn begin(&self, key: TaskKey) -> u32;
    unsafe fn run(&self) -> bool;
    unsafe fn discard(&self);
    unsafe fn fail(&self, error: RemoteJoinError);
    unsafe fn failure(&self) -> Option<RemoteJoinError>;
    unsafe fn publish(&self, name: String);
}

impl<T: Send, F: FnOnce() -> Given<T> + Send> Work for Remote<T, F> {
    fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    unsafe fn values(&self) -> Option<Arc<Values>> {
        // SAFETY: the owner's, who is here.
        unsafe { (*self.values.to_write()).take() }
    }

    unsafe fn begin(&self, key: TaskKey) -> u32 {
        // SAFETY: the caller is the owner.
        unsafe { self.shared.begin(key) }
    }

    unsafe fn run(&self) -> bool {
        // SAFETY: the owner's, who is here. It is taken out before it is called.
        let Some(body) = (unsafe { (*self.body.to_write()).take() }) else { return false };
        let result = body().map_err(RemoteJoinError::from_error);
        let succeeded = result.is_ok();
        // SAFETY: the caller is the owner.
        let before = unsafe { self.shared.keep(result) };
        drop(before);
        succeeded
    }

    unsafe fn discard(&self) {
        // SAFETY: the owner's, who is here. It is taken out before it is dropped.
        let body = unsafe { (*self.body.to_write()).take() };
        drop(body);
    }

    unsafe fn fail(&self, error: RemoteJoinError) {
        // SAFETY: the caller is the owner.
        let before = unsafe { self.shared.keep(Err(error)) };
        drop(before);
    }

    unsafe fn failure(&self) -> Option<RemoteJoinError> {
        // SAFETY: the caller is the owner.
        unsafe { self.shared.failure() }
    }

    unsafe fn publish(&self, name: String) {
        // SAFETY: the caller is the owner.
        unsafe { self.shared.publish(name) }
    }
}

/// The right to run the closure and to say how it ended. There is one for each, so it is of one thread at a time.
pub(super) struct Owner {
    work: Arc<dyn Work>,
    /// May go to another thread, and is never shared with one.
    marker: PhantomData<Cell<()>>,
}

impl Owner {
    fn origin(&self) -> &Origin {
        self.work.origin()
    }

    fn run(&self) -> bool {
        // SAFETY: this is the owner.
        unsafe { self.work.run() }
    }

    fn discard(&self) {
        // SAFETY: this is the owner.
        unsafe { self.work.discard() }
    }

    fn fail(&self, error: RemoteJoinError) {
        // SAFETY: this is the owner.
        unsafe { self.work.fail(error) }
    }

    fn failure(&self) -> Option<RemoteJoinError> {
        // SAFETY: this is the owner.
        unsafe { self.work.failure() }
    }

    fn publish(&self, name: String) {
        // SAFETY: this is the owner.
        unsafe { self.work.publish(name) }
    }
}

/// A group that wants to know of the end of a task.
pub(crate) trait Crowd: Send + Sync {
    /// A task of it begins. Gives whether it is to be cancelled at once.
    fn child_begins(&self, child: u64, task: TaskKey) -> bool;

    /// It has ended, and nothing of it is left but what its handle has.
    fn child_ended(&self, child: u64, failure: Option<ChildFailure>);
}

/// What a child ended with that is neither a value nor a cancellation.
#[derive(Debug)]
pub(crate) struct ChildFailure {
    pub(crate) error: RemoteJoinError,
    /// Whose it was.
    pub(crate) name: String,
    pub(crate) spawned_at: &'static Location<'static>,
}

/// The place of a task in its group. Tells of its end when it is dropped.
pub(crate) struct Ticket {
    crowd: Arc<dyn Crowd>,
    child: u64,
    failure: Option<ChildFailure>,
}

impl Ticket {
    pub(crate) fn new(crowd: Arc<dyn Crowd>, child: u64) -> Self {
        Ticket { crowd, child, failure: None }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.crowd.child_ended(self.child, self.failure.take());
    }
}

/// A closure on its way to whoever begins it. The fields go in this order.
pub(crate) struct Unbegun {
    owner: Option<Owner>,
    ticket: Option<Ticket>,
}

/// What fresh work is made of, and the part for the handle.
pub(super) fn make<'a, T: Send + 'a, F: FnOnce() -> Given<T> + Send + 'a>(
    origin: Origin,
    ticket: Option<Ticket>,
    body: F,
) -> (UnbegunOf<'a>, Arc<dyn Joint<T> + 'a>) {
    let remote = Arc::new(Remote {
        shared: Shared::new(origin),
        body: Place::new(Some(body)),
        values: Place::new(context::copied()),
    });
    (UnbegunOf { work: Arc::clone(&remote) as Arc<dyn Work + 'a>, ticket }, remote)
}

/// An [`Unbegun`] that may borrow.
pub(super) struct UnbegunOf<'a> {
    work: Arc<dyn Work + 'a>,
    ticket: Option<Ticket>,
}

impl UnbegunOf<'_> {
    /// # Safety
    ///
    /// What the closure and its value borrow stays until the ticket was dropped, or for ever.
    pub(super) unsafe fn forget_lifetime(self) -> Unbegun {
        // SAFETY: only the lifetime changes; the caller answers for it.
        let work = unsafe { std::mem::transmute::<Arc<dyn Work + '_>, Arc<dyn Work>>(self.work) };
        Unbegun { owner: Some(Owner { work, marker: PhantomData }), ticket: self.ticket }
    }
}

impl Unbegun {
    /// The record of the task that it becomes, in this run. `adopt` gives it its place there. Gives the task and how often it is to
    /// be cancelled at once.
    pub(in super::super) fn begin<R>(
        mut self,
        scheduler: &Scheduler,
        adopt: impl FnOnce(Rc<dyn AnyTask>) -> R,
    ) -> R {
        let owner = self.owner.take().expect("it has not begun");
        let ticket = self.ticket.take();
        // SAFETY: this is the owner.
        let values = unsafe { owner.work.values() };
        let core = scheduler.record_within(None, owner.origin().spawned_at, values);
        let task = Rc::new(RemoteTask { core, owner, ticket: Cell::new(ticket) });
        let adopted = adopt(Rc::clone(&task) as Rc<dyn AnyTask>);
        let key = task.core.key.get();
        // SAFETY: this is the owner, and it begins here alone.
        let mut cancels = unsafe { task.owner.work.begin(key) };
        if let Some(ticket) = task.ticket.take() {
            cancels += u32::from(ticket.crowd.child_begins(ticket.child, key));
            task.ticket.set(Some(ticket));
        }
        for _ in 0..cancels {
            scheduler.cancel(&task.core);
        }
        adopted
    }
}

impl Unbegun {
    /// It is not going to begin, for this reason. Drops the closure here.
    pub(crate) fn refuse(self, error: impl Into<Box<dyn Error + Send + Sync>>) {
        if let Some(owner) = &self.owner {
            owner.fail(RemoteJoinError::from_error(error.into()));
        }
    }
}

impl Drop for Unbegun {
    /// It is not going to begin. Who waits for it is told also where the destructor of the closure panics.
    fn drop(&mut self) {
        struct Tell<'a>(&'a Owner);
        impl Drop for Tell<'_> {
            fn drop(&mut self) {
                self.0.publish(String::new());
            }
        }
        if let Some(owner) = &self.owner {
            let _tell = Tell(owner);
            owner.discard();
        }
    }
}

impl fmt::Debug for Unbegun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unbegun(..)")
    }
}

/// A task whose result crosses threads. Like a [`Task`](super::super::task::Task) in all else. The fields go in this order.
struct RemoteTask {
    core: TaskCore,
    owner: Owner,
    ticket: Cell<Option<Ticket>>,
}

impl RemoteTask {
    fn describe_itself(&self) -> String {
        format!("task {} {:?}", self.core.id, &*self.core.name())
    }
}

impl AnyTask for RemoteTask {
    fn core(&self) -> &TaskCore {
        &self.core
    }

    fn run(&self) -> bool {
        self.owner.run()
    }

    fn discard(&self) {
        self.owner.discard();
    }

    fn fail(&self, failure: Failure) {
        self.owner.fail(RemoteJoinError::from_failure(failure));
    }

    fn give_up(&self) {
        self.owner.publish(String::new());
    }
}

impl Outcome for RemoteTask {
    fn completion(&self) -> &Completion {
        &self.core.completion
    }

    fn cancel(&self) -> bool {
        self.core.scheduler().is_some_and(|scheduler| scheduler.cancel(&self.core))
    }

    fn failure(&self) -> Option<Failure> {
        self.owner.failure().map(RemoteJoinError::into_failure)
    }

    fn note_observed(&self) {}

    fn task(&self) -> Option<&TaskCore> {
        Some(&self.core)
    }

    fn describe(&self, _level: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe_itself())
    }
}

impl Drop for RemoteTask {
    fn drop(&mut self) {
        let mut name = String::new();
        if let Some(error) = self.owner.failure().filter(RemoteJoinError::is_failure) {
            name = self.describe_itself();
            if let Some(ticket) = self.ticket.get_mut() {
                let spawned_at = self.core.spawned_at;
                ticket.failure = Some(ChildFailure { error, name: name.clone(), spawned_at });
            }
        }
        self.owner.publish(name);
    }
}

/// Work for whichever worker takes it first.
#[derive(Debug)]
pub(crate) enum Fresh {
    /// A closure that becomes a task.
    Task(Unbegun),
    /// A callback.
    Call(FreshCall),
}

/// A callback of users, which brings its context with it.
pub(crate) struct FreshCall(pub(crate) Box<dyn FnOnce() + Send>);

impl fmt::Debug for FreshCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreshCall(..)")
    }
}

impl Fresh {
    /// Nobody is going to begin it: drops it, outside of tasks, where a panic must not go on.
    pub(in super::super) fn refuse(self) {
        report::dropping("the destructor of a function that was sent to a run", self);
    }
}
