//! The scheduler of one thread: the run queue, the timers, and the tick.
//!
//! A tick runs exactly the entries that were ready when it began, in order; what they add waits for the next. Entries
//! are steps of tasks and small callbacks. Before each tick come, after what is queued already, the I/O that is ready and
//! then the timers that are due, so that a port of an asyncio program interleaves as it did in Python.
//!
//! The OS is asked for I/O when nothing is ready, and else after a bounded number of entries.
//!
//! Invariants:
//! - One scheduler runs on a thread at a time (`CURRENT`).
//! - No user code runs or is dropped while one of the cells is borrowed.
//! - The slab of tasks owns every task that has not ended; the run queue only names them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe, Location};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::clock::Clock;
use super::inbox::Message;
use super::outside::Outside;
use super::park::CancelToken;
use super::task::{AnyTask, Failure, State, TaskCore, TaskFrame, TaskKey};
use super::timers::{TimerKey, Timers};
use super::wait_list::List;
use crate::coroutine::{self, Command, Coroutine, Event, Kind};
use crate::stack::{Label, StackError};

/// Something to do in a tick. Two words, which travel in registers: entries that are put together in memory and copied
/// at once cost several times as much, since the copy has to wait for the parts.
enum Entry {
    /// The next step of a task. It is in the slab, and only once in the run queue.
    Step(NonNull<TaskCore>),
    /// A timer that is due, unless it is cancelled before its turn.
    Timer(TimerKey),
    /// A callback.
    Call(Box<Box<dyn FnOnce()>>),
}

/// What a timer does.
pub(crate) enum Action {
    /// Wakes a task that waits for it.
    Wake(TaskKey),
    /// Calls a function.
    Call(Box<dyn FnOnce()>),
}

struct Place {
    generation: u32,
    task: Option<Rc<dyn AnyTask>>,
}

/// See the head of this file.
pub(crate) struct Scheduler {
    /// Tells its keys from those of others.
    serial: u32,
    ready: RefCell<VecDeque<Entry>>,
    timers: RefCell<Timers<Action>>,
    pub(crate) clock: Clock,
    tasks: RefCell<Vec<Place>>,
    free: RefCell<Vec<u32>>,
    live: Cell<usize>,
    next_id: Cell<u64>,
    current: Cell<Option<NonNull<TaskCore>>>,
    stack_size: Option<usize>,
    /// The OS and other threads.
    pub(crate) outside: Outside,
}

thread_local! {
    static CURRENT: Cell<*const Scheduler> = const { Cell::new(ptr::null()) };
}

/// A scheduler runs on this thread as long as this lives.
pub(super) struct Entered<'a> {
    scheduler: &'a Scheduler,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        debug_assert!(ptr::eq(CURRENT.get(), self.scheduler));
        CURRENT.set(ptr::null());
    }
}

/// Calls `f` with the scheduler that runs on this thread, if there is one.
#[inline]
pub(crate) fn with_scheduler<R>(f: impl FnOnce(&Scheduler) -> R) -> Option<R> {
    let current = CURRENT.get();
    // SAFETY: `Entered` keeps the scheduler borrowed while `CURRENT` points to it, and `f` runs beneath that.
    unsafe { current.as_ref() }.map(f)
}

impl Scheduler {
    pub(super) fn new(clock: Clock, stack_size: Option<usize>) -> Self {
        static NEXT_SERIAL: AtomicU32 = AtomicU32::new(1);
        Scheduler {
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            ready: RefCell::new(VecDeque::new()),
            timers: RefCell::new(Timers::new()),
            clock,
            tasks: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
            live: Cell::new(0),
            next_id: Cell::new(1),
            current: Cell::new(None),
            stack_size,
            outside: Outside::new(false),
        }
    }

    /// Makes this the scheduler of the thread, unless there is one.
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        if !CURRENT.get().is_null() {
            return None;
        }
        CURRENT.set(self);
        Some(Entered { scheduler: self })
    }

    /// The record of a task that is about to be made.
    pub(crate) fn record(&self, name: Option<&str>, spawned_at: &'static Location<'static>) -> TaskCore {
        let id = self.next_id.replace(self.next_id.get() + 1);
        TaskCore {
            id,
            key: Cell::new(TaskKey { scheduler: self.serial, index: 0, generation: 0 }),
            given_name: RefCell::new(name.map(Rc::from)),
            spawned_at,
            state: Cell::new(State::Fresh),
            frame: Cell::new(None),
            waiting: Cell::new(None),
            cancel_ordered: Cell::new(false),
            must_cancel: Cell::new(false),
            cancels: Cell::new(0),
            masked: Cell::new(0),
            unswitchable: Cell::new(0),
            unwinding: Cell::new(false),
            swallowed: Cell::new(0),
            was_cancelled: Cell::new(false),
            observed: Cell::new(false),
            joiners: List::new(),
            callbacks: RefCell::new(Vec::new()),
        }
    }

    /// Takes a task in, and puts its first step into the run queue.
    pub(crate) fn adopt(&self, task: Rc<dyn AnyTask>) {
        let free = self.free.borrow_mut().pop();
        let mut tasks = self.tasks.borrow_mut();
        let index = free.unwrap_or_else(|| {
            tasks.push(Place { generation: 0, task: None });
            u32::try_from(tasks.len() - 1).expect("fewer than 2^32 tasks")
        });
        let place = &mut tasks[index as usize];
        let key = TaskKey { scheduler: self.serial, index, generation: place.generation };
        task.core().key.set(key);
        let core = NonNull::from(task.core());
        place.task = Some(task);
        drop(tasks);
        self.live.set(self.live.get() + 1);
        self.push(Entry::Step(core));
    }

    #[inline]
    fn push(&self, entry: Entry) {
        self.ready.borrow_mut().push_back(entry);
    }

    /// Calls a function in the next tick.
    pub(crate) fn call_soon(&self, call: Box<dyn FnOnce()>) {
        self.push(Entry::Call(Box::new(call)));
    }

    /// Makes a task ready that waits. Others are left as they are.
    pub(crate) fn wake(&self, key: TaskKey) {
        if let Some(task) = self.task(key)
            && task.core().state.get() == State::Parked
        {
            task.core().state.set(State::Ready);
            self.push(Entry::Step(task.core().into()));
        }
    }

    pub(crate) fn task(&self, key: TaskKey) -> Option<Rc<dyn AnyTask>> {
        let tasks = self.tasks.borrow();
        let place = tasks.get(key.index as usize)?;
        if place.generation == key.generation && key.scheduler == self.serial {
            place.task.clone()
        } else {
            None
        }
    }

    /// The tasks that have not ended, in the order in which they were made.
    pub(crate) fn all_tasks(&self) -> Vec<Rc<dyn AnyTask>> {
        let mut all: Vec<_> = self.tasks.borrow().iter().filter_map(|place| place.task.clone()).collect();
        all.sort_by_key(|task| task.core().id);
        all
    }

    /// Whether there is something to do in the next tick.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// The task that runs; none in callbacks.
    #[inline]
    pub(crate) fn current(&self) -> Option<NonNull<TaskCore>> {
        self.current.get()
    }

    pub(crate) fn set_timer(&self, deadline: Instant, action: Action) -> TimerKey {
        self.timers.borrow_mut().insert(deadline, action)
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) -> Option<Action> {
        self.timers.borrow_mut().cancel(key)
    }

    pub(crate) fn timer_is_pending(&self, key: TimerKey) -> bool {
        self.timers.borrow().is_pending(key)
    }

    /// Whether this is a task of this scheduler: a handle may have come from another runner of the thread.
    fn owns(&self, core: &TaskCore) -> bool {
        let key = core.key.get();
        let tasks = self.tasks.borrow();
        let place = tasks.get(key.index as usize);
        place.and_then(|place| place.task.as_ref()).is_some_and(|task| ptr::eq(task.core(), core))
    }

    /// Requests the cancellation of a task. Gives whether it was not too late.
    pub(crate) fn cancel(&self, core: &TaskCore) -> bool {
        if core.is_done() || !self.owns(core) {
            return false;
        }
        core.cancels.set(core.cancels.get() + 1);
        if core.state.get() == State::Parked && core.masked.get() == 0 {
            if !core.cancel_waiting() {
                core.cancel_ordered.set(true);
                self.wake(core.key.get());
            }
        } else {
            core.must_cancel.set(true);
        }
        true
    }

    /// Runs one tick. Gives false when there was nothing to do and nothing can happen any more.
    pub(super) fn tick(&self) -> io::Result<bool> {
        let mut hear = |message| match message {
            Message::Wake(task) => self.wake(task),
            Message::Call(call) => self.call_soon(call),
        };
        let entries = self.ready.borrow().len();
        if entries > 0 {
            self.outside.look(entries, &mut hear)?;
        } else {
            let deadline = self.timers.borrow_mut().next_deadline();
            if !self.outside.wait(deadline, &self.clock, &mut hear)? {
                return Ok(false);
            }
        }
        self.queue_due_timers();
        let entries = self.ready.borrow().len();
        for _ in 0..entries {
            let Some(entry) = self.ready.borrow_mut().pop_front() else { break };
            self.carry_out(entry);
        }
        Ok(true)
    }

    fn queue_due_timers(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.len() == 0 {
            return;
        }
        let now = self.clock.now();
        while let Some(key) = timers.pop_due(now) {
            self.push(Entry::Timer(key));
        }
    }

    fn carry_out(&self, entry: Entry) {
        match entry {
            Entry::Step(core) => {
                // SAFETY: a task in the run queue has not ended, so the slab owns it.
                if let Some(ended) = self.step(unsafe { core.as_ref() }) {
                    let_go(ended);
                }
            }
            Entry::Timer(key) => {
                let action = self.timers.borrow_mut().take(key);
                match action {
                    Some(Action::Wake(key)) => self.wake(key),
                    Some(Action::Call(call)) => self.call(call),
                    None => {}
                }
            }
            Entry::Call(call) => self.call(*call),
        }
    }

    fn call(&self, call: Box<dyn FnOnce()>) {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(call)) {
            super::report::panicked("callback", payload);
        }
    }

    /// Runs a task until it suspends itself or ends. Gives its record when it has ended.
    #[inline]
    fn step(&self, core: &TaskCore) -> Option<Rc<dyn AnyTask>> {
        let Some(frame) = core.frame.get().or_else(|| self.begin(core)) else { return self.finish(core) };
        core.state.set(State::Running);
        self.current.set(Some(core.into()));
        // SAFETY: the task is not running and has not ended; `run` refuses to begin on a thread that exits, and the
        // task's stack was made on this thread.
        let event = unsafe { frame.as_ref().coroutine.resume(Command::Go) };
        self.current.set(None);
        if event == Event::Ended {
            core.frame.set(None);
            // SAFETY: it has ended, and nobody else knows of its frame.
            unsafe { Coroutine::dispose(frame) };
            return self.finish(core);
        }
        if core.state.get() == State::Ready {
            // It gave way, or its wait was over before it began.
            self.push(Entry::Step(core.into()));
        }
        None
    }

    /// Gives a task that takes its first step a stack. Where there is none, it fails.
    fn begin(&self, core: &TaskCore) -> Option<NonNull<TaskFrame>> {
        let task = self.task(core.key.get())?;
        match self.make_stack(&task) {
            Ok(frame) => Some(frame),
            Err(error) => {
                task.fail(Failure::Error(Rc::new(error)));
                None
            }
        }
    }

    /// Gives a task that begins its stack.
    fn make_stack(&self, task: &Rc<dyn AnyTask>) -> Result<NonNull<TaskFrame>, StackError> {
        let core = task.core();
        let label = Label {
            kind: "task",
            name: core.given_name.borrow().as_deref().map(Box::from),
            made_at: core.spawned_at,
            owner: ptr::null(),
        };
        let pointer = Rc::as_ptr(task);
        // SAFETY: a `TaskFrame` begins with a `Coroutine`. `run_task` catches all unwinds. The slab owns the task until
        // it has ended, and what its closure borrows is kept by whoever made it (scopes wait).
        let frame = unsafe {
            coroutine::build(
                self.stack_size,
                label,
                Kind::Task,
                |coroutine| TaskFrame { coroutine, task: pointer },
                |frame: NonNull<TaskFrame>| run_task(&*frame.as_ref().task),
            )?
        };
        core.frame.set(Some(frame));
        Ok(frame)
    }

    /// A task has ended: wakes those who wait for that, and gives its record, which is forgotten here. Its group, which has
    /// known it for longer than anybody could join it, comes first, as in asyncio.
    fn finish(&self, core: &TaskCore) -> Option<Rc<dyn AnyTask>> {
        core.state.set(State::Done);
        for callback in core.callbacks.take() {
            self.call_soon(callback);
        }
        while let Some(joiner) = core.joiners.complete_first() {
            self.wake(joiner);
        }
        let key = core.key.get();
        let mut tasks = self.tasks.borrow_mut();
        let place = &mut tasks[key.index as usize];
        place.generation = place.generation.wrapping_add(1);
        let owned = place.task.take();
        drop(tasks);
        self.free.borrow_mut().push(key.index);
        self.live.set(self.live.get() - 1);
        owned
    }
}

/// Drops the record of a task that has ended, and with it a result that nobody has a handle for, which is user code: a
/// panic must not come through the scheduler.
fn let_go(ended: Rc<dyn AnyTask>) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(move || drop(ended))) {
        super::report::panicked("the destructor of a task's result", payload);
    }
}

/// The root of a task's stack.
fn run_task(task: &dyn AnyTask) {
    let core = task.core();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        if core.must_cancel.take() {
            task.discard();
            task.fail(Failure::Cancelled);
            return;
        }
        task.run();
        if core.must_cancel.take() {
            // Drops the value, which may panic.
            task.fail(Failure::Cancelled);
        }
    }));
    core.waiting.set(None);
    match outcome {
        Ok(()) => {}
        Err(payload) => match payload.downcast::<CancelToken>() {
            Ok(token) if token.is_for(core) => {
                core.unwinding.set(false);
                task.fail(Failure::Cancelled);
            }
            Ok(token) => task.fail(Failure::panicked(token)),
            Err(payload) => task.fail(Failure::panicked(payload)),
        },
    }
}
