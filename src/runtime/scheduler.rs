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

mod fresh;
mod requests;
mod step;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::io;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::addresses::{self, Listed};
use super::callback::Callback;
use super::clock::Clock;
use super::completion::Completion;
use super::context::{self, Slot, Values};
use super::inbox::Message;
use super::outside::Outside;
use super::prefetch;
use super::process_signals::{self, Handlers};
use super::report;
use super::run_queue::RunQueue;
use super::signals::Signals;
use super::task::{AnyTask, Identity, StackSize, State, TaskCore, TaskKey};
pub(crate) use super::timers::Action;
use super::timers::{TimerKey, Timers, What};
use super::waker_cell;
use super::workers::Seat;

/// Something to do in a tick. Two words, which travel in registers: entries that are put together in memory and copied
/// at once cost several times as much, since the copy has to wait for the parts.
enum Entry {
    /// The next step of a task. It is in the slab, and only once in the run queue.
    Step(NonNull<TaskCore>),
    /// A timer that is due, unless it is cancelled before its turn.
    Timer(TimerKey),
    /// A callback, unless it was taken back.
    Call(Rc<Callback>),
}

struct Place {
    generation: u32,
    /// Of a free place: the next one that is free.
    next_free: u32,
    task: Option<Rc<dyn AnyTask>>,
}

/// The number of no place.
const NO_PLACE: u32 = u32::MAX;

/// See the head of this file.
pub(crate) struct Scheduler {
    /// Tells its keys from those of others.
    pub(super) serial: u32,
    me: Weak<Scheduler>,
    ready: RunQueue<Entry>,
    timers: RefCell<Timers<Action>>,
    pub(crate) clock: Clock,
    tasks: RefCell<Vec<Place>>,
    /// The place in `tasks` that became free last.
    free: Cell<u32>,
    live: Cell<usize>,
    next_id: Cell<u64>,
    /// From one number to the next.
    id_step: u64,
    current: Cell<Option<NonNull<TaskCore>>>,
    stack_size: Option<usize>,
    /// In debug mode: how long a step may take.
    slow_step: Option<Duration>,
    /// While many are cancelled: those that have been.
    cancelled: RefCell<Option<HashSet<TaskKey>>>,
    /// The main task of the run, and how often it was interrupted.
    main: Cell<Option<TaskKey>>,
    interrupts: Cell<u32>,
    /// What is called when signals come.
    pub(crate) signal_handlers: Handlers,
    /// The OS and other threads.
    pub(crate) outside: Outside,
    /// Where it is one of the workers of a runtime.
    seat: Option<Seat>,
    _listed: Listed,
}

thread_local! {
    static CURRENT: Cell<*const Scheduler> = const { Cell::new(ptr::null()) };
}

/// A scheduler runs on this thread as long as this lives.
pub(super) struct Entered<'a> {
    scheduler: &'a Scheduler,
    /// The context of who has begun the run.
    outside: Option<Arc<Values>>,
    /// Whether the run goes on when this is left, before its caller has it.
    goes_on: Cell<bool>,
}

impl Entered<'_> {
    /// A copy of the context of who has begun the run.
    pub(super) fn context(&self) -> Option<Arc<Values>> {
        self.outside.as_ref()?.copy()
    }

    /// The run goes on at once when this is left, and ends its tasks: blocking calls that borrow may wait for that.
    pub(super) fn goes_on(&self) {
        self.goes_on.set(true);
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        debug_assert!(ptr::eq(CURRENT.get(), self.scheduler));
        // Whoever called may let go of what the tasks have lent to other threads.
        if !self.goes_on.get() {
            self.scheduler.outside.jobs.drain_lending();
        }
        CURRENT.set(ptr::null());
        let left = context::swap_loose(self.outside.take());
        drop(left);
    }
}

/// Calls `f` with the scheduler that runs on this thread, if there is one.
#[inline]
pub(crate) fn with_scheduler<R>(f: impl FnOnce(&Scheduler) -> R) -> Option<R> {
    let current = CURRENT.get();
    // SAFETY: `Entered` keeps the scheduler borrowed while `CURRENT` points to it, and `f` runs beneath that.
    unsafe { current.as_ref() }.map(f)
}

/// The address of the scheduler that runs on this thread, with a lifetime that ends before anything else can happen.
#[inline(always)]
pub(super) fn current<'a>() -> Option<&'a Scheduler> {
    // SAFETY: as above; the callers are in this module's layer, and use it at once.
    unsafe { CURRENT.get().as_ref() }
}

impl Scheduler {
    pub(super) fn new(
        clock: Clock,
        stack_size: Option<usize>,
        slow_step: Option<Duration>,
        seat: Option<Seat>,
    ) -> Rc<Self> {
        static NEXT_SERIAL: AtomicU32 = AtomicU32::new(1);
        let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        let inbox = fresh::inbox_of(seat.as_ref());
        inbox.belongs_to(serial);
        let (first_id, id_step) = fresh::numbers(seat.as_ref());
        Rc::new_cyclic(|me| Scheduler {
            serial,
            me: Weak::clone(me),
            ready: RunQueue::new(),
            timers: RefCell::new(Timers::new()),
            clock,
            tasks: RefCell::new(Vec::new()),
            free: Cell::new(NO_PLACE),
            live: Cell::new(0),
            next_id: Cell::new(first_id),
            id_step,
            current: Cell::new(None),
            stack_size,
            slow_step,
            cancelled: RefCell::new(None),
            main: Cell::new(None),
            interrupts: Cell::new(0),
            signal_handlers: Handlers::default(),
            _listed: addresses::list(serial, &inbox),
            outside: Outside::new(false, inbox),
            seat,
        })
    }

    #[cfg(test)]
    pub(super) fn for_test() -> Rc<Self> {
        Scheduler::new(Clock::Real, None, None, None)
    }

    pub(crate) fn downgrade(&self) -> Weak<Self> {
        Weak::clone(&self.me)
    }

    /// Makes this the scheduler of the thread, unless there is one.
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        if !CURRENT.get().is_null() {
            return None;
        }
        let outside = context::swap_loose(None);
        CURRENT.set(self);
        Some(Entered { scheduler: self, outside, goes_on: Cell::new(false) })
    }

    /// The record of a task that is about to be made.
    pub(crate) fn record(&self, name: Option<&str>, spawned_at: &'static Location<'static>) -> TaskCore {
        let id = self.next_id.replace(self.next_id.get() + self.id_step);
        TaskCore {
            frame: Cell::new(None),
            state: Cell::new(State::Fresh),
            signals: Signals::new(),
            scheduler: self,
            waiting: Cell::new(None),
            key: Cell::new(TaskKey { scheduler: self.serial, index: 0, generation: 0 }),
            completion: Completion::new(),
            id,
            identity: name.map(Identity::named).map_or_else(OnceCell::new, OnceCell::from),
            spawned_at,
            context: Slot::new(context::copied()),
            stack_size: StackSize::OF_RUN,
            cancels: Cell::new(0),
            resting: Cell::new(ptr::null()),
            masked: Cell::new(0),
            unswitchable: Cell::new(0),
            swallowed: Cell::new(0),
            observed: Cell::new(false),
        }
    }

    /// Gives a task its place. It is the caller's to see to its first step.
    fn take_in(&self, task: Rc<dyn AnyTask>) -> NonNull<TaskCore> {
        let mut tasks = self.tasks.borrow_mut();
        let mut index = self.free.get();
        if index == NO_PLACE {
            index = u32::try_from(tasks.len()).expect("fewer than 2^32 tasks");
            tasks.push(Place { generation: 0, next_free: NO_PLACE, task: None });
        }
        let place = &mut tasks[index as usize];
        self.free.set(place.next_free);
        let key = TaskKey { scheduler: self.serial, index, generation: place.generation };
        task.core().key.set(key);
        let core = NonNull::from(task.core());
        place.task = Some(task);
        drop(tasks);
        self.live.set(self.live.get() + 1);
        core
    }

    /// Puts a callback into the run queue, for the next tick.
    pub(crate) fn call_soon(&self, callback: Rc<Callback>) {
        self.ready.push(Entry::Call(callback));
    }

    /// Has a callback called at a moment, which is not before the next tick.
    pub(crate) fn call_at(&self, when: Instant, callback: &Rc<Callback>) {
        callback.note_timer(self.set_timer(when, Action::call(Rc::clone(callback))));
    }

    /// Makes a task ready that waits. Others are left as they are.
    #[inline]
    pub(super) fn wake_task(&self, task: &TaskCore) {
        if task.state.get() == State::Parked {
            task.state.set(State::Ready);
            self.ready.push(Entry::Step(task.into()));
        }
    }

    /// The same, for one that may have ended.
    pub(crate) fn wake(&self, key: TaskKey) {
        if let Some(task) = self.task(key) {
            self.wake_task(task.core());
        }
    }

    /// Whether a task is one of this run, which may have ended.
    #[inline]
    pub(crate) fn has(&self, key: TaskKey) -> bool {
        key.scheduler == self.serial
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

    /// The numbers of the tasks that have not ended, in the order in which they were made.
    pub(super) fn all_keys(&self) -> Vec<TaskKey> {
        self.all_tasks().iter().map(|task| task.core().key.get()).collect()
    }

    /// A run begins, whose main task this is.
    pub(super) fn begin_main(&self, task: TaskKey) {
        self.main.set(Some(task));
        self.interrupts.set(0);
    }

    /// Whether an interrupt has cancelled the main task.
    pub(super) fn was_interrupted(&self) -> bool {
        self.interrupts.get() > 0
    }

    /// Whether there is something to do in the next tick.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.len() > 0
    }

    /// Whether something other than steps of tasks is to be done in the next tick: a callback may be a part of what a task waits for.
    pub(super) fn has_calls(&self) -> bool {
        let mut entries = (0..self.ready.len()).map_while(|place| self.ready.peek(place));
        entries.any(|entry| !matches!(entry, Entry::Step(_)))
    }

    /// A task was given up: where it is ready, and so goes on by itself, it has no more steps.
    pub(super) fn stop(&self, task: &TaskCore) {
        if task.state.get() != State::Ready {
            return;
        }
        task.state.set(State::Left);
        for _ in 0..self.ready.len() {
            match self.ready.pop() {
                Some(Entry::Step(core)) if ptr::eq(core.as_ptr(), task) => {}
                Some(entry) => self.ready.push(entry),
                None => break,
            }
        }
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

    /// Names the task that runs, for good.
    pub(crate) fn current_key(&self) -> Option<TaskKey> {
        // SAFETY: the current task is owned by the scheduler until it has ended.
        self.current.get().map(|task| unsafe { task.as_ref() }.key.get())
    }

    pub(crate) fn set_timer(&self, deadline: Instant, action: Action) -> TimerKey {
        self.timers.borrow_mut().insert(deadline, action)
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) -> Option<Action> {
        self.timers.borrow_mut().cancel(key)
    }

    /// Whether the moment of a timer has not come, and it was not cancelled.
    pub(crate) fn timer_is_pending(&self, key: TimerKey) -> bool {
        self.timers.borrow().is_ahead(key)
    }

    /// Runs one tick. Gives false when there was nothing to do and nothing can happen any more.
    #[inline(always)]
    pub(super) fn tick(&self) -> io::Result<bool> {
        let entries = self.ready.len();
        if (entries == 0 || self.outside.is_due(entries)) && !self.hear_outside(entries)? {
            return Ok(false);
        }
        self.outside.budget.renew();
        self.queue_due_timers();
        if let Some(limit) = self.slow_step {
            self.carry_out_timed(limit);
        } else {
            for _ in 0..self.ready.len() {
                let Some(entry) = self.ready.pop() else { break };
                self.fetch_ahead();
                self.carry_out(entry);
            }
        }
        if let Some(seat) = &self.seat {
            self.run_fresh(seat, entries);
        }
        Ok(true)
    }

    /// As [`tick`](Scheduler::tick), for who does not do it over and over.
    #[inline(never)]
    pub(super) fn tick_apart(&self) -> io::Result<bool> {
        self.tick()
    }

    /// Takes what has come from outside, and waits for it where nothing is ready. Gives false when nothing can come.
    #[inline(never)]
    fn hear_outside(&self, entries: usize) -> io::Result<bool> {
        let mut hear = |message| self.hear(message);
        if entries > 0 {
            self.outside.look(&mut hear)?;
            waker_cell::wake_due();
            return Ok(true);
        }
        if let Some(seat) = &self.seat {
            return self.hear_outside_as_worker(seat);
        }
        self.ready.give_back();
        let deadline = self.timers.borrow_mut().next_deadline();
        let comes = self.outside.wait(deadline, &self.clock, &mut hear);
        waker_cell::wake_due();
        comes
    }

    /// Has the processor fetch what the next steps need.
    #[inline(always)]
    fn fetch_ahead(&self) {
        if let Some(Entry::Step(task)) = self.ready.peek(prefetch::RECORD_AHEAD) {
            prefetch::record(task.as_ptr());
        }
        if let Some(Entry::Step(task)) = self.ready.peek(prefetch::STACK_AHEAD) {
            // SAFETY: a task in the run queue has not ended, so the slab owns it.
            prefetch::stack(unsafe { task.as_ref() });
        }
    }

    /// Whether a task waits for something that other threads can bring about.
    pub(super) fn waits_for_other_threads(&self) -> bool {
        if self.seat.is_some() {
            // Those of the other workers can't be asked; what tasks of several workers share is such a thing, as a rule.
            return true;
        }
        let tasks = self.tasks.borrow();
        let mut waiting = tasks.iter().filter_map(|place| place.task.as_ref()?.core().waiting());
        waiting.any(|waiting| !waiting.is_local())
    }

    /// Whether time or anything outside that is known of may wake a task.
    pub(super) fn expects_anything(&self) -> bool {
        let others = self.seat.as_ref().is_some_and(|seat| !seat.is_alone());
        others || self.timers.borrow().len() > 0 || self.outside.can_speak()
    }

    /// Waits until another thread wakes a task. Gives false when the time is over first.
    pub(super) fn wait_for_other_threads(&self, time: Duration) -> io::Result<bool> {
        if let Some(seat) = &self.seat {
            return self.doze(seat, time);
        }
        let mut heard = false;
        self.outside.wait_for_threads(time, &mut |message| {
            heard = true;
            self.hear(message);
        })?;
        Ok(heard)
    }

    /// Takes what has come from outside.
    fn hear(&self, message: Message) {
        match message {
            Message::Wake(task) => self.wake(task),
            Message::Call(call) => self.call_soon(Callback::from_elsewhere(self, call)),
            Message::Interrupt => self.interrupt(),
            Message::Signals => process_signals::dispatch(),
        }
    }

    /// Somebody has pressed Ctrl-C.
    fn interrupt(&self) {
        let main = self.main.get().and_then(|main| self.task(main));
        if main.is_some_and(|main| self.cancel(main.core())) {
            self.interrupts.set(self.interrupts.get() + 1);
        } else {
            // Too late: whoever restores the signal has it raised again.
            self.outside.inbox.keep_interrupt();
        }
    }

    fn has_due_timers(&self) -> bool {
        let deadline = self.timers.borrow_mut().next_deadline();
        deadline.is_some_and(|deadline| deadline <= self.clock.now())
    }

    #[inline]
    fn queue_due_timers(&self) {
        if self.timers.borrow().len() > 0 {
            self.queue_some_due_timers();
        }
    }

    #[inline(never)]
    fn queue_some_due_timers(&self) {
        let mut timers = self.timers.borrow_mut();
        let now = self.clock.now();
        while let Some(key) = timers.pop_due(now) {
            self.ready.push(Entry::Timer(key));
        }
    }

    /// The entries of a tick in debug mode.
    fn carry_out_timed(&self, limit: Duration) {
        for _ in 0..self.ready.len() {
            let Some(entry) = self.ready.pop() else { break };
            let task = match &entry {
                // SAFETY: a task in the run queue has not ended, so the slab owns it.
                Entry::Step(core) => Some(unsafe { core.as_ref() }),
                Entry::Timer(_) | Entry::Call(_) => None,
            };
            // Its record may be gone after the step.
            let task = task.map(|core| (core.id, core.given_name(), core.spawned_at));
            let begin = Instant::now();
            self.carry_out(entry);
            let took = begin.elapsed();
            if took > limit {
                super::report::slow_step(
                    task.as_ref().map(|(id, name, at)| (*id, name.as_deref(), *at)),
                    took,
                );
            }
        }
    }

    #[inline(always)]
    fn carry_out(&self, entry: Entry) {
        match entry {
            Entry::Step(core) => {
                // SAFETY: a task in the run queue has not ended, so the slab owns it.
                if let Some(ended) = self.step(unsafe { core.as_ref() }) {
                    // With it goes a result that nobody has a handle for.
                    report::dropping("the destructor of a task's result", ended);
                }
            }
            Entry::Timer(key) => {
                let action = self.timers.borrow_mut().take(key);
                match action.map(Action::what) {
                    // SAFETY: who waits for a timer takes it back before its wait returns, so it still waits.
                    Some(What::Wake(task)) => self.wake_task(unsafe { task.as_ref() }),
                    Some(What::Call(callback)) => self.call(callback),
                    None => {}
                }
            }
            Entry::Call(callback) => self.call(callback),
        }
    }

    fn call(&self, callback: Rc<Callback>) {
        // What is dropped without having been called is code of users too.
        report::calling("callback", move || callback.call());
    }
}
