//! Scopes: children that borrow from their parent's stack.
//!
//! What makes it sound is that `scope` comes back only when all children have ended, however its body is left: an unwind
//! is caught first, a cancellation while it waits only makes it cancel the children. Nor can the wait itself be
//! refused: whether the task may wait is asked at the entry. Where the task's stack is given up, it is leaked with
//! everything that the children borrow.

use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;

use super::any_scope::{AnyScope, ScopedRemoteJoinHandle};
use super::awaitable::{Awaitable, Sealed};
use super::builder::Builder;
use super::group::{GroupCore, Left};
use super::group_error::GroupError;
use super::handle::TaskRef;
use super::join::{JoinError, JoinHandle};
use super::spawn::failed;
use crate::coroutine::Extent;
use crate::runtime::outcome::OutcomeOf;
use crate::runtime::park::{self, CancelToken};
use crate::runtime::task::{Failure, TaskOf};

/// Where the children of a [`scope`] are made.
pub struct Scope<'scope, 'env: 'scope> {
    core: Rc<GroupCore>,
    /// What children on other workers see of it.
    any: OnceCell<AnyScope<'scope, 'env>>,
    /// Invariant in both, as std's scope is.
    marker: PhantomData<(&'scope mut &'scope (), &'env mut &'env ())>,
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The handle of a task in a [`scope`]. Has all that a [`JoinHandle`] has.
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    marker: PhantomData<&'scope mut &'scope ()>,
}

impl<T> Deref for ScopedJoinHandle<'_, T> {
    type Target = JoinHandle<T>;

    fn deref(&self) -> &JoinHandle<T> {
        &self.handle
    }
}

impl<T> Sealed<T> for ScopedJoinHandle<'_, T> {
    fn outcome_of(&self) -> &dyn OutcomeOf<T> {
        self.handle.outcome_of()
    }

    fn shared(&self) -> Rc<dyn OutcomeOf<T>>
    where
        Self: 'static,
    {
        self.handle.record()
    }
}

impl<T> Awaitable for ScopedJoinHandle<'_, T> {
    type Output = T;
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Adds a child, which may borrow what lives as long as the scope. Where the scope takes none any more, joining the
    /// handle gives an error, and the closure never runs.
    #[track_caller]
    pub fn spawn<T: 'scope>(&'scope self, f: impl FnOnce() -> T + 'scope) -> ScopedJoinHandle<'scope, T> {
        self.start(None, Location::caller(), move || Ok(f()))
    }

    /// Adds a child that may fail. The first error cancels the other children and ends the scope.
    #[track_caller]
    pub fn try_spawn<T: 'scope, E: Into<Box<dyn Error>> + 'scope>(
        &'scope self,
        f: impl FnOnce() -> Result<T, E> + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        self.start(None, Location::caller(), move || f().map_err(failed))
    }

    pub(super) fn start<T: 'scope>(
        &'scope self,
        settings: Option<&Builder>,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Result<T, Failure> + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        // SAFETY: the scope waits for its children before anything that lives as long as `'scope` goes.
        let task = unsafe { self.core.spawn(settings, spawned_at, body) };
        // SAFETY: only the lifetime changes, and the marker keeps it.
        let task = unsafe { std::mem::transmute::<Rc<dyn TaskOf<T> + 'scope>, Rc<dyn TaskOf<T>>>(task) };
        ScopedJoinHandle { handle: JoinHandle::new(task), marker: PhantomData }
    }

    /// Adds a child that any worker may begin; it may borrow what lives as long as the scope, as far as that may be shared between
    /// threads. In a run of one thread it is a task of that.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = cede::Runtime::builder().workers(2).build()?;
    /// let words = ["one", "three", "twelve"];
    /// let lengths = runtime.run(|| {
    ///     cede::scope(|s| {
    ///         let tasks: Vec<_> = words.iter().map(|word| s.spawn_any(move || word.len())).collect();
    ///         tasks.iter().map(|task| task.join().unwrap()).collect::<Vec<_>>()
    ///     })
    /// })?;
    /// assert_eq!(lengths?, [3, 5, 6]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_any<T: Send + 'scope>(
        &'scope self,
        f: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedRemoteJoinHandle<'scope, T> {
        self.any().start(self.core.refusal(), Location::caller(), move || Ok(f()))
    }

    /// Adds a child that may fail, and that any worker may begin. The first error cancels the other children and ends the scope.
    #[track_caller]
    pub fn try_spawn_any<T: Send + 'scope, E: Into<Box<dyn Error + Send + Sync>> + 'scope>(
        &'scope self,
        f: impl FnOnce() -> Result<T, E> + Send + 'scope,
    ) -> ScopedRemoteJoinHandle<'scope, T> {
        self.any().start(self.core.refusal(), Location::caller(), move || f().map_err(Into::into))
    }

    /// The scope as its children on other workers may have it.
    pub fn any(&'scope self) -> &'scope AnyScope<'scope, 'env> {
        self.any.get_or_init(|| AnyScope::of(self.core.crowd()))
    }

    /// Cancels all children.
    pub fn cancel(&self) {
        self.core.abort();
    }
}

/// Runs `f`, in which tasks can be made that borrow from around it, and comes back when all of them have ended.
///
/// The first child that fails or panics cancels the others, and the body where it waits.
///
/// # Errors
///
/// The errors of the children.
///
/// # Cancellation
///
/// A task that is cancelled meanwhile cancels the children, waits for them, and unwinds.
///
/// # Panics
///
/// Panics where a task may not wait (see [`Operation::wait`](crate::Operation::wait)). Goes on with a panic of `f` after
/// the children have been cancelled and have ended; their errors, which nobody is given then, go to the hook of
/// [`set_task_hook`](crate::set_task_hook).
///
/// # Examples
///
/// ```
/// cede::run(|| {
///     let mut totals = [0u64; 4];
///     let data: Vec<u64> = (0..100).collect();
///     cede::scope(|s| {
///         for (total, part) in totals.iter_mut().zip(data.chunks(25)) {
///             s.spawn(move || *total = part.iter().sum());
///         }
///     })?;
///     assert_eq!(totals.iter().sum::<u64>(), 4950);
///     Ok::<_, cede::GroupError>(())
/// }).unwrap();
/// ```
pub fn scope<'env, T>(f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> Result<T, GroupError> {
    run(|scope| Ok(f(scope)))
}

/// Like [`scope`], with a body that may fail: its error cancels the children, and joins theirs.
///
/// # Errors, cancellation, panics
///
/// As [`scope`].
pub fn try_scope<'env, T, E: Into<Box<dyn Error>>>(
    f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<T, E>,
) -> Result<T, GroupError> {
    run(|scope| f(scope).map_err(failed))
}

fn run<'env, T>(
    f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<T, Failure>,
) -> Result<T, GroupError> {
    let task = task_that_may_wait();
    let scope = Scope { core: GroupCore::new(task.key()), any: OnceCell::new(), marker: PhantomData };
    run_block(&task, &scope.core, || f(&scope))
}

/// The current task.
///
/// # Panics
///
/// Panics where that may not wait.
pub(super) fn task_that_may_wait() -> TaskRef {
    if let Some(refusal) = park::refusal() {
        panic!("cede: {refusal}");
    }
    TaskRef::current().expect("`refusal` has found a task")
}

/// Runs the block of a group, and then waits for its children, however the block is left.
pub(super) fn run_block<T>(
    task: &TaskRef,
    group: &GroupCore,
    f: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, GroupError> {
    let extent = Extent::open();
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    let mut value = None;
    let mut payload = None;
    let left = match result {
        Ok(Ok(ok)) => {
            value = Some(ok);
            Left::Normally
        }
        Ok(Err(failure)) => Left::Failed(JoinError::from_failure(failure)),
        Err(caught) if caught.is::<CancelToken>() && task.catch_cancellation() => Left::Cancelled,
        Err(caught) => {
            payload = Some(caught);
            Left::Panicked
        }
    };
    if group.has_children()
        && let Some(refusal) = park::refusal()
    {
        // A context manager that was entered in a task and is left where none may wait.
        eprintln!(
            "cede: a scope can't wait for its tasks, which may borrow what is about to go: {refusal}: aborting"
        );
        std::process::abort();
    }
    let end = group.exit(left);
    drop(extent);
    if let Some(payload) = payload {
        panic::resume_unwind(payload);
    }
    match end {
        Ok(()) => Ok(value.expect("a body that did not fail gave a value")),
        Err(Some(error)) => Err(error),
        Err(None) => park::raise_cancellation(),
    }
}
