//! The steps of tasks: from the first, which needs a stack, to the last, which gives it back.
//!
//! A step is taken by the scheduler in its turn. The first step of an eager task is taken beneath whoever spawns it, on whose stack
//! the switch then lies until the new task suspends itself. Where that must not be (the thread is unwinding, or the
//! one that spawns has promised not to switch) it waits for its turn like any other.

use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::thread;

use super::{Entry, Scheduler};
use crate::coroutine::{self, Command, Coroutine, Event, Kind};
use crate::runtime::park::CancelToken;
use crate::runtime::report;
use crate::runtime::signals::Signals;
use crate::runtime::task::{AnyTask, Failure, State, TaskCore, TaskFrame};
use crate::stack::{Label, StackError};

impl Scheduler {
    /// Takes a task in, and puts its first step into the run queue.
    pub(crate) fn adopt(&self, task: Rc<dyn AnyTask>) {
        let core = self.take_in(task);
        self.ready.push(Entry::Step(core));
    }

    /// Takes a task in, and takes its first step at once, where that may be done.
    pub(crate) fn adopt_eagerly(&self, task: Rc<dyn AnyTask>) {
        let core = self.take_in(task);
        let outer = self.current.get();
        // SAFETY: the current task is owned by the slab until it has ended.
        let promised = outer.is_some_and(|outer| unsafe { outer.as_ref() }.signals.has(Signals::NO_SWITCH));
        if promised || thread::panicking() {
            self.ready.push(Entry::Step(core));
            return;
        }
        // SAFETY: the slab owns the task, which has not begun.
        let ended = self.step(unsafe { core.as_ref() });
        self.current.set(outer);
        if let Some(ended) = ended {
            report::dropping("the destructor of a task's result", ended);
        }
    }

    /// Runs a task until it suspends itself or ends. Gives its record when it has ended.
    #[inline(always)]
    pub(super) fn step(&self, core: &TaskCore) -> Option<Rc<dyn AnyTask>> {
        let frame = match core.frame.get() {
            Some(frame) => frame,
            None => match self.begin(core) {
                Some(frame) => frame,
                None => return self.finish(core),
            },
        };
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
            self.ready.push(Entry::Step(core.into()));
        }
        None
    }

    /// Gives a task that takes its first step a stack. Where there is none, it fails.
    fn begin(&self, core: &TaskCore) -> Option<NonNull<TaskFrame>> {
        let task = self.task(core.key.get())?;
        match self.make_stack(&task) {
            Ok(frame) => Some(frame),
            Err(error) => {
                // What the closure borrows may go as soon as the task has ended; the record may stay.
                report::calling("the destructor of a task's closure", || task.discard());
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
            name: core.given_name().as_deref().map(Box::from),
            made_at: core.spawned_at,
            owner: ptr::null(),
        };
        let pointer = Rc::as_ptr(task);
        // SAFETY: a `TaskFrame` begins with a `Coroutine`. `run_task` catches all unwinds. The slab owns the task until
        // it has ended, and what its closure borrows is kept by whoever made it (scopes wait).
        let frame = unsafe {
            coroutine::build(
                core.stack_size.get().or(self.stack_size),
                label,
                Kind::Task,
                |coroutine| TaskFrame { coroutine, task: pointer },
                |frame: NonNull<TaskFrame>| run_task(&*frame.as_ref().task),
            )?
        };
        core.frame.set(Some(frame));
        Ok(frame)
    }

    /// A task has ended: wakes those who wait for that, and gives its record, which is forgotten here.
    fn finish(&self, core: &TaskCore) -> Option<Rc<dyn AnyTask>> {
        core.state.set(State::Done);
        let key = core.key.get();
        let mut tasks = self.tasks.borrow_mut();
        let place = &mut tasks[key.index as usize];
        place.generation = place.generation.wrapping_add(1);
        place.next_free = self.free.replace(key.index);
        let owned = place.task.take();
        drop(tasks);
        self.live.set(self.live.get() - 1);
        core.completion.complete(|| owned.as_ref()?.failure());
        owned
    }
}

/// The root of a task's stack.
fn run_task(task: &dyn AnyTask) {
    let core = task.core();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        if core.signals.take(Signals::MUST_CANCEL) {
            task.discard();
            task.fail(Failure::Cancelled);
            return;
        }
        if task.run() && core.signals.take(Signals::MUST_CANCEL) {
            // Drops the value, which may panic. An error is not lost to a request that was not delivered.
            task.fail(Failure::Cancelled);
        }
    }));
    core.waiting.set(None);
    match outcome {
        Ok(()) => {}
        Err(payload) => match payload.downcast::<CancelToken>() {
            Ok(token) if token.is_for(core) => {
                core.signals.clear(Signals::UNWINDING);
                task.fail(Failure::Cancelled);
            }
            Ok(token) => task.fail(Failure::panicked(token)),
            Err(payload) => task.fail(Failure::panicked(payload)),
        },
    }
}
