//! Settings of a task that is to be made.

use std::error::Error;
use std::panic::Location;

use super::context::Context;
use super::group::TaskGroup;
use super::join::JoinHandle;
use super::scope::{Scope, ScopedJoinHandle};
use super::spawn::{failed, start};

/// Settings of a task: what `create_task` has as named arguments, and the size of the stack.
///
/// # Examples
///
/// ```
/// use cede::task::Builder;
///
/// cede::run(|| {
///     let task = Builder::new().name("parser").stack_size(1 << 20).spawn(|| cede::current().unwrap().name());
///     assert_eq!(task.name(), "parser");
///     assert_eq!(task.join().unwrap(), "parser");
/// });
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "it makes nothing before it is told to spawn"]
pub struct Builder {
    pub(super) name: Option<String>,
    pub(super) stack_size: Option<usize>,
    pub(super) context: Option<Context>,
    pub(super) eager: bool,
}

impl Builder {
    /// The settings that [`spawn`](super::spawn()) has.
    pub const fn new() -> Self {
        Builder { name: None, stack_size: None, context: None, eager: false }
    }

    /// The name of the task, for reports and [`current`](super::current). Without one it goes by its number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The size of its stack in bytes, guard included; that of the run without. Where there is no memory for it, joining the handle
    /// says so.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Whether the task begins inside `spawn`, and runs there until it first suspends itself, instead of in the next tick: what
    /// asyncio's `eager_task_factory` does. One that never does has ended when `spawn` returns.
    ///
    /// So the code of the task and that of its parent interleave in another order. Inside [`no_switch`](super::no_switch), and while the
    /// thread is unwinding, it begins in the next tick all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::task::Builder;
    ///
    /// cede::run(|| {
    ///     let task = Builder::new().eager(true).spawn(|| 6 * 7);
    ///     assert!(task.is_finished());
    ///     assert_eq!(task.join().unwrap(), 42);
    /// });
    /// ```
    pub fn eager(mut self, on: bool) -> Self {
        self.eager = on;
        self
    }

    /// The context in which it runs: it changes this one, and sees what others change in it. Without, it has a copy of that of
    /// whoever spawns it.
    pub fn context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }

    /// Starts the task; see [`spawn`](super::spawn()).
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    #[track_caller]
    pub fn spawn<T: 'static>(self, f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        JoinHandle::new(start(Some(&self), Location::caller(), move || Ok(f())))
    }

    /// Starts the task, which may fail; see [`try_spawn`](super::try_spawn).
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    #[track_caller]
    pub fn try_spawn<T, E>(self, f: impl FnOnce() -> Result<T, E> + 'static) -> JoinHandle<T>
    where
        T: 'static,
        E: Into<Box<dyn Error>> + 'static,
    {
        JoinHandle::new(start(Some(&self), Location::caller(), move || f().map_err(failed)))
    }

    /// Adds the task to a scope; see [`Scope::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::task::Builder;
    ///
    /// cede::run(|| {
    ///     let word = String::from("cede");
    ///     let length = cede::scope(|s| Builder::new().name("counter").spawn_scoped(s, || word.len()).join())?;
    ///     assert_eq!(length.unwrap(), 4);
    ///     Ok::<_, cede::GroupError>(())
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn spawn_scoped<'scope, T: 'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: impl FnOnce() -> T + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        scope.start(Some(&self), Location::caller(), move || Ok(f()))
    }

    /// Adds the task, which may fail, to a scope; see [`Scope::try_spawn`].
    #[track_caller]
    pub fn try_spawn_scoped<'scope, T: 'scope, E: Into<Box<dyn Error>> + 'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: impl FnOnce() -> Result<T, E> + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        scope.start(Some(&self), Location::caller(), move || f().map_err(failed))
    }

    /// Adds the task to a group; see [`TaskGroup::spawn`].
    #[track_caller]
    pub fn spawn_in<T: 'static>(self, group: &TaskGroup, f: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        group.start(Some(&self), Location::caller(), move || Ok(f()))
    }

    /// Adds the task, which may fail, to a group; see [`TaskGroup::try_spawn`].
    #[track_caller]
    pub fn try_spawn_in<T, E>(
        self,
        group: &TaskGroup,
        f: impl FnOnce() -> Result<T, E> + 'static,
    ) -> JoinHandle<T>
    where
        T: 'static,
        E: Into<Box<dyn Error>> + 'static,
    {
        group.start(Some(&self), Location::caller(), move || f().map_err(failed))
    }
}
