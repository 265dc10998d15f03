//! What the bodies of a running program share: its tables, its clock, the record of its tasks.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cede::task::{AsCompleted, CallHandle, End};
use cede::time::{Timeout, now};
use cede::{TaskGroup, catch_cancelled};

use super::futures::Slot;
use super::objects::Object;
use super::records::Records;
use super::statement::Own;
use super::streams::Stream;
use crate::interpreter::control::Frame;
use crate::interpreter::exception::{Class, Exception};
use crate::interpreter::expression::Globals;
use crate::interpreter::statement::Body;
use crate::interpreter::trace;
use crate::interpreter::value::Value;

/// The names of a program that its traces show.
pub(super) struct Names {
    pub(super) bodies: Vec<String>,
    pub(super) slots: Vec<String>,
    pub(super) objects: Vec<String>,
}

/// How many places the tables of a program have.
pub(super) struct Sizes {
    pub(super) globals: usize,
    pub(super) handles: usize,
    pub(super) timeouts: usize,
    pub(super) groups: usize,
}

pub(super) struct World {
    bodies: Vec<Rc<Body<Own>>>,
    /// The body of the main task.
    pub(super) main: usize,
    pub(super) names: Names,
    globals: Rc<Globals>,
    pub(super) objects: Vec<Object>,
    pub(super) slots: Table<Slot>,
    pub(super) handles: Table<Rc<CallHandle>>,
    pub(super) timeouts: Table<Timeout>,
    pub(super) groups: Table<Rc<TaskGroup>>,
    /// Generators that have ignored that they were closed, and that exceptions keep.
    pub(super) left_open: RefCell<Vec<Stream>>,
    /// What callbacks are called at the end of.
    pub(super) watched: RefCell<Vec<Slot>>,
    /// What `as_completed` statements have waited for, kept until the end.
    pub(super) left_early: RefCell<Vec<AsCompleted<Rc<End>>>>,
    pub(super) records: Records,
    start: OnceCell<Instant>,
    /// The trace is complete: what still runs is to end.
    over: Cell<bool>,
}

/// A number of milliseconds. What would be less than nothing is nothing.
pub(super) fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// Places of which each has something or is empty.
pub(super) struct Table<T>(RefCell<Vec<Option<T>>>);

impl<T: Clone> Table<T> {
    fn new(size: usize) -> Self {
        Self(RefCell::new(vec![None; size]))
    }

    pub(super) fn get(&self, place: usize) -> Result<T, Exception> {
        let empty = || Exception::with_reason(Class::KeyError, "empty-slot");
        self.0.borrow()[place].clone().ok_or_else(empty)
    }

    /// Stores something, and then lets go of what was there.
    pub(super) fn put(&self, place: usize, content: T) {
        let old = self.0.borrow_mut()[place].replace(content);
        drop(old);
    }

    fn clear(&self) {
        let old = std::mem::take(&mut *self.0.borrow_mut());
        drop(old);
    }
}

impl World {
    pub(super) fn new(
        bodies: Vec<Body<Own>>,
        main: usize,
        names: Names,
        sizes: &Sizes,
        objects: Vec<Object>,
    ) -> Self {
        Self {
            bodies: bodies.into_iter().map(Rc::new).collect(),
            main,
            globals: Rc::new(RefCell::new(vec![None; sizes.globals])),
            objects,
            slots: Table::new(names.slots.len()),
            handles: Table::new(sizes.handles),
            timeouts: Table::new(sizes.timeouts),
            groups: Table::new(sizes.groups),
            left_open: RefCell::default(),
            watched: RefCell::default(),
            left_early: RefCell::default(),
            names,
            records: Records::default(),
            start: OnceCell::new(),
            over: Cell::new(false),
        }
    }

    pub(super) fn body(&self, body: usize) -> Rc<Body<Own>> {
        Rc::clone(&self.bodies[body])
    }

    /// The variables of a run of a body.
    pub(super) fn frame(&self, body: &Body<Own>, args: Vec<Value>) -> Frame {
        Frame::new(body.locals(args), Rc::clone(&self.globals))
    }

    /// Virtual time begins.
    pub(super) fn begin(&self) {
        let _ = self.start.set(now());
    }

    /// The virtual time in milliseconds.
    pub(super) fn time(&self) -> i64 {
        self.start.get().map_or(0, |start| (now() - *start).as_millis() as i64)
    }

    /// A moment of virtual time, which may lie before its beginning.
    pub(super) fn instant(&self, time: i64) -> Instant {
        let start = *self.start.get().expect("time has begun");
        let distance = Duration::from_millis(time.unsigned_abs());
        if time < 0 { start - distance } else { start + distance }
    }

    /// The moment that is this far away.
    pub(super) fn deadline(&self, ms: i64) -> Instant {
        self.instant(self.time() + ms)
    }

    /// The name of the task that is running, or a dash in a callback.
    pub(super) fn current_name(&self) -> String {
        cede::current().map_or_else(|| "-".to_owned(), |task| task.name())
    }

    /// Appends a line to the trace, with the time and who writes it.
    pub(super) fn log(&self, text: &str) {
        trace::put(format!("{} {} {text}", self.time(), self.current_name()));
    }

    /// Calls something of cede that may wait. A cancellation that comes out of it is from here on an exception.
    ///
    /// When the program is over, it unwinds what is left: no handler and no `finally` block runs any more.
    pub(super) fn catching<T>(&self, f: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
        match catch_cancelled(f) {
            Ok(result) => result,
            Err(cancelled) if self.over.get() => {
                self.free_locks();
                cancelled.resume()
            }
            Err(cancelled) => Err(Exception::caught(cancelled)),
        }
    }

    /// Ends the trace, and has what still runs end without a word.
    pub(super) fn end(&self) {
        self.over.set(true);
        self.free_locks();
    }

    /// Lets those go on who can't leave a condition without its lock. Whoever had it may be stuck himself, or gives it back no more.
    fn free_locks(&self) {
        self.objects.iter().for_each(Object::free);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Lets go of what refers to the program and is referred to by it.
    pub(super) fn clear(&self) {
        self.slots.clear();
        self.handles.clear();
        self.timeouts.clear();
        self.groups.clear();
        drop(self.left_open.take());
        drop(self.watched.take());
        drop(self.left_early.take());
        self.records.clear();
    }
}

/// Ends a closure that cede has called: a CancelledError leaves it as the unwind that cede knows as a cancellation.
pub(super) fn escape<T>(result: Result<T, Exception>) -> Result<T, Exception> {
    match result {
        Err(exception) if exception.class() == Class::CancelledError => exception.unwind(),
        result => result,
    }
}
