//! Values that belong to whoever runs: what context variables are made of.
//!
//! ```text
//!   task ──▶ Values ──▶ [(variable, value), ...]  sorted, never changed
//!   task ──▶ Values ──▶        ▲
//!   callback ▶ Values ─────────┘   copies share it until one of them sets something
//! ```
//!
//! A task has one word for its context, which is null until somebody sets a variable. A copy is a new [`Values`] over the same
//! entries; setting a variable makes new entries. So copying costs one allocation where there is anything to copy, and
//! nothing where there is not.
//!
//! Where no task runs, in callbacks and outside of runs, the word is the thread's. A run begins with a null one and puts that of its caller
//! back at its end.
//!
//! Contexts cross threads with closures that have not begun. No value is cloned or dropped under the lock.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::guarded::Guarded;
use super::scheduler;

/// The value of a variable.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// By the number of the variable.
type Entries = Arc<Vec<(u64, Value)>>;

/// See the head of this file.
pub(crate) struct Values(Guarded<Option<Entries>>);

/// The word of a task or a thread.
#[derive(Default)]
pub(crate) struct Slot(Cell<Option<Arc<Values>>>);

thread_local! {
    static LOOSE: Slot = const { Slot(Cell::new(None)) };
}

impl Values {
    /// A context in which nothing is set.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Values(Guarded::new(None)))
    }

    fn entries(&self) -> Option<Entries> {
        self.0.lock().clone()
    }

    /// One of its own with the same values; none where there are none.
    pub(super) fn copy(&self) -> Option<Arc<Self>> {
        self.entries().map(|entries| Arc::new(Values(Guarded::new(Some(entries)))))
    }

    pub(crate) fn get(&self, variable: u64) -> Option<Value> {
        let entries = self.entries()?;
        let place = entries.binary_search_by_key(&variable, |entry| entry.0).ok()?;
        Some(Arc::clone(&entries[place].1))
    }

    /// Sets a variable, or takes its value away. Gives the value before.
    pub(crate) fn replace(&self, variable: u64, value: Option<Value>) -> Option<Value> {
        let mut entries = self.0.lock();
        let mut changed = entries.as_ref().map_or_else(Vec::new, |entries| (**entries).clone());
        let old = match (changed.binary_search_by_key(&variable, |entry| entry.0), value) {
            (Ok(place), Some(value)) => Some(std::mem::replace(&mut changed[place].1, value)),
            (Ok(place), None) => Some(changed.remove(place).1),
            (Err(place), Some(value)) => {
                changed.insert(place, (variable, value));
                None
            }
            (Err(_), None) => None,
        };
        let changed = (!changed.is_empty()).then(|| Arc::new(changed));
        let unchanged = std::mem::replace(&mut *entries, changed);
        drop(entries);
        // The last owner of a value may be here.
        drop(unchanged);
        old
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values(..)")
    }
}

impl Slot {
    pub(crate) fn new(values: Option<Arc<Values>>) -> Self {
        Slot(Cell::new(values))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<Arc<Values>> {
        let values = Some(self.0.take()?);
        self.0.set(values.clone());
        values
    }

    /// Puts another context in, and gives the one before.
    pub(crate) fn replace(&self, values: Option<Arc<Values>>) -> Option<Arc<Values>> {
        self.0.replace(values)
    }
}

/// Calls `f` with the word of the task that runs, or of the thread.
#[inline]
fn with_slot<R>(f: impl FnOnce(&Slot) -> R) -> R {
    match scheduler::current().and_then(|scheduler| scheduler.current()) {
        // SAFETY: the current task is owned by the scheduler until it has ended, and this runs beneath it.
        Some(task) => f(&unsafe { task.as_ref() }.context),
        None => with_loose_slot(f),
    }
}

/// The same with the word of the thread. When that is gone, with the thread's other locals, it is as if nothing had been set.
fn with_loose_slot<R>(f: impl FnOnce(&Slot) -> R) -> R {
    let mut f = Some(f);
    let mut call = |slot: &Slot| f.take().map(|f| f(slot));
    match LOOSE.try_with(&mut call) {
        Ok(result) => result,
        Err(_) => call(&Slot::default()),
    }
    .expect("it is called once")
}

/// The context of whoever runs, if anything was ever set in it.
#[inline]
pub(crate) fn current() -> Option<Arc<Values>> {
    with_slot(Slot::get)
}

/// The same, which is there from now on.
pub(crate) fn current_or_new() -> Arc<Values> {
    with_slot(|slot| {
        let values = slot.get().unwrap_or_else(Values::new);
        slot.replace(Some(Arc::clone(&values)));
        values
    })
}

/// A copy of it, for who begins.
#[inline]
pub(crate) fn copied() -> Option<Arc<Values>> {
    current()?.copy()
}

/// Puts another context in the place of that of whoever runs, and gives the one before.
pub(crate) fn swap(values: Option<Arc<Values>>) -> Option<Arc<Values>> {
    with_slot(|slot| slot.replace(values))
}

/// Puts another context in the place of the thread's, and gives the one before.
pub(crate) fn swap_loose(values: Option<Arc<Values>>) -> Option<Arc<Values>> {
    with_loose_slot(|slot| slot.replace(values))
}

/// Calls `f`, which is in no task, in this context.
pub(crate) fn within<R>(values: Option<Arc<Values>>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Option<Arc<Values>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let own = self.0.take().map(swap_loose);
            // Here may be the last owner of a value.
            drop(own);
        }
    }
    let _restore = Restore(Some(swap_loose(values)));
    f()
}

/// Calls `f` in this context, wherever that is: it becomes that of the task or the thread meanwhile.
pub(crate) fn lend<R>(values: Option<Arc<Values>>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Option<Arc<Values>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let lent = self.0.take().map(swap);
            drop(lent);
        }
    }
    let _restore = Restore(Some(swap(values)));
    f()
}

/// The same function, for elsewhere: it runs in a copy of the context of whoever calls this.
pub(super) fn carry<R, F: FnOnce() -> R + Send>(f: F) -> impl FnOnce() -> R + Send + use<R, F> {
    let values = copied();
    move || within(values, f)
}
