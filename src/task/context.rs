//! Variables that each task has for itself, and that tasks inherit: `contextvars`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::TaskRef;
use crate::coroutine::Extent;
use crate::runtime::context::{self, Value, Values};

/// A variable that each task has for itself: `contextvars.ContextVar`.
///
/// A task begins with a copy of the values of whoever spawned it, and what it sets is seen by itself, by what it calls, and by
/// the tasks that it spawns afterwards. The callbacks of [`call_soon`](super::call_soon), [`call_later`](super::call_later) and
/// [`on_done`](super::Awaitable::on_done) run in copies too. Outside of runs a thread has values of its own, with which a run begins.
///
/// It is declared as a `static`. Values are given out as clones; they may cross threads with what inherits them.
///
/// A generator has no values of its own: its body uses those of the task that resumes it, as in Python.
///
/// # Examples
///
/// ```
/// use cede::task::ContextVar;
///
/// static USER: ContextVar<String> = ContextVar::with_default("user", || "nobody".into());
///
/// fn greet() -> String {
///     format!("hello, {}", USER.get().unwrap())
/// }
///
/// cede::run(|| {
///     USER.set("ann".into());
///     let inherits = cede::spawn(greet);
///     let other = cede::spawn(|| { USER.set("bob".into()); greet() });
///     assert_eq!(inherits.join().unwrap(), "hello, ann");
///     assert_eq!(other.join().unwrap(), "hello, bob");
///     assert_eq!(greet(), "hello, ann");
/// });
/// assert_eq!(greet(), "hello, nobody");
/// ```
pub struct ContextVar<T> {
    name: &'static str,
    default: Option<fn() -> T>,
    /// Its number, which no other has; 0 before it was set for the first time.
    number: AtomicU64,
}

impl<T> ContextVar<T> {
    /// A variable that is not set.
    pub const fn new(name: &'static str) -> Self {
        ContextVar { name, default: None, number: AtomicU64::new(0) }
    }

    /// A variable that has this value where it is not set.
    pub const fn with_default(name: &'static str, default: fn() -> T) -> Self {
        ContextVar { name, default: Some(default), number: AtomicU64::new(0) }
    }

    /// Its name, for reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn number(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        match self.number.load(Ordering::Relaxed) {
            0 => {
                let new = NEXT.fetch_add(1, Ordering::Relaxed);
                let set = self.number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
                set.map_or_else(|there| there, |_| new)
            }
            number => number,
        }
    }
}

impl<T: Clone + Send + Sync + 'static> ContextVar<T> {
    /// Its value here, or the default. Nothing where there is neither, which is a LookupError in Python.
    pub fn get(&self) -> Option<T> {
        self.get_in(context::current().as_deref())
    }

    fn get_in(&self, values: Option<&Values>) -> Option<T> {
        let number = self.number.load(Ordering::Relaxed);
        let value = values.filter(|_| number > 0).and_then(|values| values.get(number));
        match value {
            Some(value) => value.downcast_ref::<T>().cloned(),
            None => self.default.map(|default| default()),
        }
    }

    /// Sets it here. [`reset`](ContextVar::reset) takes that back, given what this gives.
    pub fn set(&self, value: T) -> Token<T> {
        let values = context::current_or_new();
        let old = values.replace(self.number(), Some(Arc::new(value)));
        Token { values, number: self.number(), old, marker: PhantomData }
    }

    /// Gives it the value back that it had before [`set`](ContextVar::set).
    ///
    /// # Panics
    ///
    /// Panics when it was another variable that was set, or this one in another context.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::task::ContextVar;
    ///
    /// static DEPTH: ContextVar<u32> = ContextVar::new("depth");
    ///
    /// let token = DEPTH.set(1);
    /// assert_eq!(DEPTH.get(), Some(1));
    /// DEPTH.reset(token);
    /// assert_eq!(DEPTH.get(), None);
    /// ```
    pub fn reset(&self, token: Token<T>) {
        let name = self.name;
        assert!(token.number == self.number(), "cede: the token is not one of the context variable {name:?}");
        let here = context::current().is_some_and(|values| Arc::ptr_eq(&values, &token.values));
        assert!(here, "cede: the token of the context variable {name:?} was made in another context");
        let value = token.values.replace(token.number, token.old);
        drop(value);
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a variable was before it was set; from [`ContextVar::set`]. Dropping it leaves the variable as it is.
pub struct Token<T> {
    /// Where it was set.
    values: Arc<Values>,
    number: u64,
    old: Option<Value>,
    marker: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The values of all variables, as somebody has them: `contextvars.Context`. Clones share them.
///
/// # Examples
///
/// ```
/// use cede::task::{Builder, Context, ContextVar};
///
/// static USER: ContextVar<&str> = ContextVar::new("user");
///
/// cede::run(|| {
///     let context = Context::new();
///     context.run(|| USER.set("ann"));
///     let task = Builder::new().context(context.clone()).spawn(|| USER.get());
///     assert_eq!(task.join().unwrap(), Some("ann"));
///     assert_eq!(USER.get(), None);
/// });
/// ```
#[derive(Clone)]
pub struct Context {
    values: Arc<Values>,
}

impl Context {
    /// A context in which nothing is set.
    pub fn new() -> Self {
        Context { values: Values::new() }
    }

    /// A copy of that of whoever runs: `copy_context()`.
    pub fn current() -> Self {
        Context { values: context::copied().unwrap_or_else(Values::new) }
    }

    /// Calls a function in this context, which keeps what is set there.
    ///
    /// The function may wait; other tasks have their own contexts meanwhile. Python refuses to enter a context that somebody
    /// is in; here all who are in it share it. A generator that is made around this can't yield from inside it, as for
    /// [`timeout`](super::timeout::timeout).
    ///
    /// # Panics
    ///
    /// Goes on with panics of the function.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        let _extent = Extent::open();
        let _inside = Inside::of(Arc::clone(&self.values));
        f()
    }

    /// What a variable is there.
    pub fn get<T: Clone + Send + Sync + 'static>(&self, variable: &ContextVar<T>) -> Option<T> {
        variable.get_in(Some(&self.values))
    }

    pub(super) fn values(&self) -> &Arc<Values> {
        &self.values
    }
}

impl Default for Context {
    fn default() -> Self {
        Context::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// Whoever runs is in another context as long as this lives: also where a context manager that was entered in a task is left in another.
struct Inside {
    task: Option<TaskRef>,
    outside: Option<Arc<Values>>,
}

impl Inside {
    fn of(values: Arc<Values>) -> Self {
        Inside { task: TaskRef::current(), outside: context::swap(Some(values)) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let outside = self.outside.take();
        match &self.task {
            Some(task) => task.set_context(outside),
            None => drop(context::swap_loose(outside)),
        }
    }
}
