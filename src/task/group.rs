//! Groups of tasks that end together: `asyncio.TaskGroup`.
//!
//! ```text
//!   OPEN ──── a child fails, or the body does ───▶ ABORTING (children cancelled; no new ones)
//!     │                                                │
//!     └── the body is done ──▶ EXITING ◀───────────────┘
//!                                 │ the last child has ended
//!                                 ▼
//!                              CLOSED
//! ```
//!
//! The first child that fails aborts the group: the others are cancelled in the order in which they were made, and the
//! task that owns the group is cancelled once, so that its body does not wait for what will not come. That one
//! request is taken back at the exit. A child's own cancellation is no failure.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use pin_project_lite::pin_project;

use super::builder::Builder;
use super::crowd::{self, Crowd};
use super::group_error::GroupError;
use super::handle::TaskRef;
use super::join::{JoinError, JoinHandle};
use super::scope::{run_block, task_that_may_wait};
use super::spawn::{failed, launch, make, refuse};
use crate::runtime::callback::Callback;
use crate::runtime::operation::{Operation, sealed};
use crate::runtime::outcome::call_at_end;
use crate::runtime::park::{self, Wake};
use crate::runtime::remote::{ChildFailure, RemoteJoinHandle};
use crate::runtime::report::Culprit;
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::signals::Signals;
use crate::runtime::task::{AnyTask, Failure, TaskCore, TaskKey, TaskOf};
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;

/// Why a task could not be added to a group; what the handle of one that was refused gives when it is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// All its tasks have ended, and nobody waits for more.
    #[error("the group takes no more tasks: it is over")]
    Finished,
    /// Its tasks are being cancelled.
    #[error("the group takes no more tasks: it is shutting down")]
    ShuttingDown,
}

/// What groups of both kinds share.
pub(super) struct GroupCore {
    /// The task that owns the group.
    parent: TaskKey,
    /// By their numbers, and so in the order in which they were made.
    children: RefCell<BTreeMap<u64, Rc<dyn AnyTask>>>,
    errors: RefCell<Vec<Failed>>,
    aborting: Cell<bool>,
    exiting: Cell<bool>,
    parent_requested: Cell<bool>,
    /// Nobody is going to ask for errors.
    abandoned: Cell<bool>,
    /// The parent, while it waits for the children.
    waiters: List,
    /// Its children that may run on other workers, once there was one.
    crowd: OnceCell<Arc<Crowd>>,
}

/// An error of a group, and whose it is: a child's, or the body's.
struct Failed {
    error: JoinError,
    culprit: Option<Whose>,
}

enum Whose {
    Child(Culprit),
    /// A child that has run on any worker.
    Elsewhere(ChildFailure),
}

impl Failed {
    fn of(child: &TaskCore, failure: Failure) -> Self {
        Failed { error: JoinError::from_failure(failure), culprit: Some(Whose::Child(Culprit::of(child))) }
    }

    fn of_crowd(failure: ChildFailure) -> Self {
        let error = JoinError::from_failure(failure.error.clone().into_failure());
        Failed { error, culprit: Some(Whose::Elsewhere(failure)) }
    }

    /// Tells the hook of one that nobody will be given. `why`: what became of the group.
    fn report(self, why: &str) {
        match self.culprit {
            Some(Whose::Child(child)) => child.report_lost(why, &self.error),
            Some(Whose::Elsewhere(failure)) => failure.report_lost(why),
            None => {}
        }
    }
}

/// How the body of a group was left.
pub(super) enum Left {
    Normally,
    Failed(JoinError),
    Cancelled,
    Panicked,
}

impl GroupCore {
    pub(super) fn new(parent: TaskKey) -> Rc<Self> {
        Rc::new(GroupCore {
            parent,
            children: RefCell::new(BTreeMap::new()),
            errors: RefCell::new(Vec::new()),
            aborting: Cell::new(false),
            exiting: Cell::new(false),
            parent_requested: Cell::new(false),
            abandoned: Cell::new(false),
            waiters: List::new(),
            crowd: OnceCell::new(),
        })
    }

    /// Its children that may run on other workers.
    pub(super) fn crowd(self: &Rc<Self>) -> &Arc<Crowd> {
        self.crowd.get_or_init(|| crowd::of(self, self.aborting.get()))
    }

    fn crowd_has_children(&self) -> bool {
        self.crowd.get().is_some_and(|crowd| crowd.has_children())
    }

    /// Adds a child. Where the group takes none, the child has ended already, with an error.
    ///
    /// # Safety
    ///
    /// What the body and the value borrow outlives the group's exit.
    pub(super) unsafe fn spawn<'a, T: 'a>(
        self: &Rc<Self>,
        settings: Option<&Builder>,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Result<T, Failure> + 'a,
    ) -> Rc<dyn TaskOf<T> + 'a> {
        let task = make(settings, spawned_at, body);
        task.core().observed.set(true);
        if let Some(refusal) = self.refusal() {
            refuse(&*task, failed(refusal));
            return task;
        }
        let any: Rc<dyn AnyTask + 'a> = task.clone();
        // SAFETY: only the lifetime changes. The group lets go of it before its exit is over.
        let any = unsafe { std::mem::transmute::<Rc<dyn AnyTask + 'a>, Rc<dyn AnyTask>>(any) };
        let id = any.core().id;
        self.children.borrow_mut().insert(id, Rc::clone(&any));
        let group = Rc::clone(self);
        let ended = Box::new(move || group.child_ended(id));
        let callback = with_scheduler(|scheduler| Callback::new(scheduler, ended)).expect("a task was made");
        call_at_end(&*any, &callback);
        // SAFETY: the caller's promise. The group knows the child before that begins.
        unsafe { launch(&task, settings) };
        task
    }

    /// Why it takes no more tasks, if it does not.
    pub(super) fn refusal(&self) -> Option<SpawnError> {
        if self.exiting.get() && !self.has_children() {
            Some(SpawnError::Finished)
        } else {
            self.aborting.get().then_some(SpawnError::ShuttingDown)
        }
    }

    pub(super) fn has_children(&self) -> bool {
        !self.children.borrow().is_empty() || self.crowd_has_children()
    }

    fn child_ended(&self, id: u64) {
        let child = self.children.borrow_mut().remove(&id);
        let Some(child) = child else { return };
        if self.children.borrow().is_empty() && self.exiting.get() {
            self.waiters.complete_first();
        }
        let Some(failure) = child.failure() else { return };
        if failure.is_cancelled() {
            return;
        }
        if self.abandoned.get() {
            // The record reports it itself.
            return;
        }
        let failed = Failed::of(child.core(), failure);
        self.errors.borrow_mut().push(failed);
        self.child_failed();
    }

    /// The first child has failed: ends the others, and the parent's body.
    pub(super) fn child_failed(&self) {
        if !self.aborting.get() && !self.parent_requested.get() {
            self.abort();
            self.parent_requested.set(true);
            with_scheduler(|scheduler| {
                scheduler.task(self.parent).map(|parent| scheduler.cancel(parent.core()))
            });
        }
    }

    /// Cancels all children, and takes no new ones.
    pub(super) fn abort(&self) {
        self.aborting.set(true);
        let children: Vec<_> = self.children.borrow().values().cloned().collect();
        with_scheduler(|scheduler| {
            scheduler.cancel_each(children.iter(), |child| {
                scheduler.cancel(child);
            });
        });
        if let Some(crowd) = self.crowd.get() {
            crowd.abort();
        }
    }

    /// Waits for the children and says how the group ended. `Err(None)` is a cancellation of the parent.
    pub(super) fn exit(&self, left: Left) -> Result<(), Option<GroupError>> {
        self.exiting.set(true);
        let mut cancelled = matches!(left, Left::Cancelled);
        if !matches!(left, Left::Normally) && !self.aborting.get() {
            self.abort();
        }
        while self.has_children() {
            let crowd_node = Node::default();
            let all_ended = pin!(AllEnded { group: self, node: Node::default(), crowd_node });
            let (wake, _) = park::wait_once(all_ended, |_| Some(()));
            if wake == Wake::Cancelled && !self.aborting.get() {
                cancelled = true;
                self.abort();
            }
        }
        let parent = with_scheduler(|scheduler| scheduler.task(self.parent)).flatten();
        let parent = parent.as_ref().map(|parent| parent.core());
        let mut errors = self.errors.take();
        if let Some(crowd) = self.crowd.get() {
            crowd::forget(crowd);
            errors.extend(crowd.take_errors().into_iter().map(Failed::of_crowd));
        }
        if let Some(parent) = parent
            && self.parent_requested.get()
            && parent.uncancel() == 0
        {
            // Nothing of it is left, also where the body has swallowed it.
            parent.signals.clear(Signals::UNWINDING);
            cancelled = false;
        }
        if cancelled && errors.is_empty() {
            return Err(None);
        }
        let panicked = matches!(left, Left::Panicked);
        if let Left::Failed(error) = left {
            errors.push(Failed { error, culprit: None });
        }
        if errors.is_empty() && !panicked {
            return Ok(());
        }
        if let Some(parent) = parent
            && parent.cancels.get() > 0
        {
            // The cancellation from outside is not lost: the parent's next wait gets it.
            parent.uncancel();
            with_scheduler(|scheduler| {
                scheduler.task(self.parent).map(|parent| scheduler.cancel(parent.core()))
            });
        }
        if panicked {
            errors.into_iter().for_each(|failed| failed.report("in a group whose body panicked"));
            return Ok(());
        }
        Err(GroupError::of(errors.into_iter().map(|failed| failed.error).collect()))
    }

    /// Nobody waits for the children: ends them, and has their errors reported.
    fn abandon(&self) {
        self.abandoned.set(true);
        for child in self.children.borrow().values() {
            child.core().observed.set(false);
        }
        if self.has_children() {
            self.abort();
        }
        if let Some(crowd) = self.crowd.get() {
            crowd.abandon();
        }
        for failed in self.errors.take() {
            failed.report("in a group that nobody joined");
        }
    }
}

impl Drop for GroupCore {
    fn drop(&mut self) {
        if let Some(crowd) = self.crowd.get() {
            crowd::forget(crowd);
        }
    }
}

pin_project! {
    // Waiting for the last child of a group.
    struct AllEnded<'a> {
        group: &'a GroupCore,
        #[pin]
        node: Node,
        #[pin]
        crowd_node: Node,
    }
}

impl sealed::Sealed for AllEnded<'_> {}

impl Operation for AllEnded<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        (!self.group.has_children()).then_some(())
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.group.waiters.link(this.node.as_ref(), waiter);
        if let Some(crowd) = this.group.crowd.get()
            && !crowd.link(this.crowd_node.as_ref(), waiter)
            && this.group.children.borrow().is_empty()
        {
            // The last one has ended since.
            waiter.wake_later();
        }
    }

    fn withdraw(self: Pin<&mut Self>) {
        self.group.waiters.remove(&self.node);
        if let Some(crowd) = self.group.crowd.get() {
            crowd.unlink(&self.crowd_node);
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waits for the tasks of its group: ")?;
        for (i, id) in self.group.children.borrow().keys().enumerate() {
            write!(f, "{}{id}", if i == 0 { "" } else { ", " })?;
        }
        match self.group.crowd.get().map_or(0, |crowd| crowd.count()) {
            0 => Ok(()),
            count => write!(f, " and {count} on any worker"),
        }
    }
}

/// A group whose life is not a block: tasks are added as long as it is open, and [`join`](TaskGroup::join) waits for all.
///
/// Where it is a block, [`scope`](crate::scope) is the better choice: its children may borrow. Dropping a group that was
/// not joined cancels its tasks, and their errors go to the hook of [`set_task_hook`](crate::set_task_hook).
///
/// # Examples
///
/// ```
/// use cede::TaskGroup;
///
/// cede::run(|| {
///     let group = TaskGroup::new();
///     let answer = group.spawn(|| 42);
///     group.try_spawn(|| Err::<(), _>("the disk is full"));
///     let error = group.join().unwrap_err();
///     assert_eq!(error.to_string(), "the disk is full");
///     assert_eq!(answer.join().unwrap(), 42);
/// });
/// ```
pub struct TaskGroup {
    core: Rc<GroupCore>,
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("running", &self.core.children.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Default for TaskGroup {
    fn default() -> Self {
        TaskGroup::new()
    }
}

impl TaskGroup {
    /// A group that belongs to the current task.
    ///
    /// # Panics
    ///
    /// Panics outside of a task.
    pub fn new() -> Self {
        let Some(task) = TaskRef::current() else {
            panic!("cede: a group belongs to a task: make it inside cede::run");
        };
        TaskGroup { core: GroupCore::new(task.key()) }
    }

    /// Runs `f` as the block of a group, and comes back when all tasks of the group have ended: `async with TaskGroup()`.
    ///
    /// A [`scope`](crate::scope) is the better choice where only the block and the children themselves add tasks. This group
    /// can be kept where others find it, and takes tasks from all who have it for as long as one of its own runs.
    ///
    /// # Errors
    ///
    /// The errors of the tasks that failed, and the one of `f`. The first of them cancels the other tasks, and the block
    /// where it waits.
    ///
    /// # Cancellation
    ///
    /// A task that is cancelled meanwhile cancels the tasks of the group, waits for them, and unwinds.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait; see [`Operation::wait`]. Goes on with a panic of `f` when the tasks have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::TaskGroup;
    /// use std::rc::Rc;
    ///
    /// cede::run(|| {
    ///     let error = TaskGroup::run(|group| {
    ///         let others = Rc::clone(group);
    ///         group.spawn(move || others.try_spawn(|| Err::<(), _>("the disk is full")));
    ///         Ok::<_, std::io::Error>(())
    ///     });
    ///     assert_eq!(error.unwrap_err().to_string(), "the disk is full");
    /// });
    /// ```
    pub fn run<T, E: Into<Box<dyn Error>>>(
        f: impl FnOnce(&Rc<TaskGroup>) -> Result<T, E>,
    ) -> Result<T, GroupError> {
        let task = task_that_may_wait();
        let group = Rc::new(TaskGroup { core: GroupCore::new(task.key()) });
        run_block(&task, &group.core, || f(&group).map_err(failed))
    }

    /// Adds a task. Where the group takes none, joining the handle gives an error, and the closure never runs.
    #[track_caller]
    pub fn spawn<T: 'static>(&self, f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        self.start(None, Location::caller(), move || Ok(f()))
    }

    /// Adds a task that may fail; its error aborts the group.
    #[track_caller]
    pub fn try_spawn<T, E>(&self, f: impl FnOnce() -> Result<T, E> + 'static) -> JoinHandle<T>
    where
        T: 'static,
        E: Into<Box<dyn Error>> + 'static,
    {
        self.start(None, Location::caller(), move || f().map_err(failed))
    }

    /// Adds a task that any worker may begin: see [`spawn_any`](crate::spawn_any).
    #[track_caller]
    pub fn spawn_any<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> RemoteJoinHandle<T> {
        let refusal = self.core.refusal();
        // SAFETY: everything is `'static`.
        unsafe { self.core.crowd().start(refusal, Location::caller(), move || Ok(f())) }
    }

    /// Adds a task that may fail, and that any worker may begin. Its error aborts the group.
    #[track_caller]
    pub fn try_spawn_any<T, E>(
        &self,
        f: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> RemoteJoinHandle<T>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let refusal = self.core.refusal();
        // SAFETY: everything is `'static`.
        unsafe { self.core.crowd().start(refusal, Location::caller(), move || f().map_err(Into::into)) }
    }

    pub(super) fn start<T: 'static>(
        &self,
        settings: Option<&Builder>,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Result<T, Failure> + 'static,
    ) -> JoinHandle<T> {
        // SAFETY: everything is `'static`.
        JoinHandle::new(unsafe { self.core.spawn(settings, spawned_at, body) })
    }

    /// Cancels all tasks of the group.
    pub fn cancel(&self) {
        self.core.abort();
    }

    /// Waits until all tasks have ended.
    ///
    /// # Errors
    ///
    /// The errors of the tasks that failed.
    ///
    /// # Cancellation
    ///
    /// A task that is cancelled meanwhile cancels the tasks of the group, waits for them, and unwinds.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait; see [`Operation::wait`].
    pub fn join(self) -> Result<(), GroupError> {
        self.core.exit(Left::Normally).map_err(|error| error.unwrap_or_else(|| park::raise_cancellation()))
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        self.core.abandon();
    }
}
