//! What the models of the machines that threads share have in common: a run with a task that waits, without coroutines and without an OS.
//!
//! The task's wait is that of `park`, step by step, with the sleep of the scheduler in place of the switch to it: an operation is
//! attempted, registered, slept for, attempted again, withdrawn. All that other threads have to do with is the real
//! thing: the operation, the lists, the waker, the inbox.

use std::sync::Arc;

use crate::atomics::{Condvar, Mutex, PoisonError};

/// Stands for the reactor as other threads see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notifier(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    /// How often it was rung since somebody last waited, and in all.
    rung: Mutex<(u32, u32)>,
    rings: Condvar,
}

impl Notifier {
    pub(crate) fn notify(&self) {
        let mut rung = self.0.rung.lock().unwrap_or_else(PoisonError::into_inner);
        *rung = (rung.0 + 1, rung.1 + 1);
        self.0.rings.notify_all();
    }
}

#[cfg(test)]
impl Notifier {
    /// Waits until it has been rung since somebody last waited.
    pub(crate) fn wait(&self) {
        let mut rung = self.0.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while rung.0 == 0 {
            rung = self.0.rings.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
        rung.0 = 0;
    }

    /// How often it was rung.
    pub(crate) fn rings(&self) -> u32 {
        self.0.rung.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
pub(crate) use fixture::{Run, model, model_of};

#[cfg(test)]
mod fixture {
    use std::cell::Cell;
    use std::panic::Location;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::Notifier;
    use crate::runtime::inbox::{Inbox, Message};
    use crate::runtime::operation::{CancelWait, Operation};
    use crate::runtime::scheduler::Scheduler;
    use crate::runtime::task::{TaskCore, TaskKey};
    use crate::runtime::waiter::Waiter;

    /// Checks a model with as many preemptions as the environment says, three without.
    pub(crate) fn model(f: impl Fn() + Send + Sync + 'static) {
        model_of(usize::MAX, f);
    }

    /// The same with no more than this number, where a model is too large for more.
    pub(crate) fn model_of(preemptions_max: usize, f: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        let preemptions = builder.preemption_bound.unwrap_or(3);
        builder.preemption_bound = Some(preemptions.min(preemptions_max));
        builder.max_branches = 10_000;
        builder.check(f);
    }

    /// A run of the thread on which it is made, with one task. Another thread that is done with it must not outlive it.
    pub(crate) struct Run {
        scheduler: Rc<Scheduler>,
        pub(crate) task: Box<TaskCore>,
        bell: Notifier,
        sleeps: Cell<u32>,
        /// Another thread wants the task to be cancelled.
        cancelled: Cell<bool>,
    }

    impl Run {
        pub(crate) fn new() -> Self {
            let scheduler = Scheduler::for_test();
            let task = Box::new(scheduler.record(None, Location::caller()));
            let bell = Notifier::default();
            let inbox = &scheduler.outside.inbox;
            inbox.set_notifier(bell.clone());
            inbox.touch();
            Run { scheduler, task, bell, sleeps: Cell::new(0), cancelled: Cell::new(false) }
        }

        pub(crate) fn inbox(&self) -> Arc<Inbox> {
            Arc::clone(&self.scheduler.outside.inbox)
        }

        pub(crate) fn scheduler(&self) -> &Scheduler {
            &self.scheduler
        }

        pub(crate) fn key(&self) -> TaskKey {
            self.task.key.get()
        }

        /// A task of this run that there is not.
        pub(crate) fn key_of(&self, index: u32) -> TaskKey {
            TaskKey { index, ..self.key() }
        }

        /// Sleeps once, if nothing has come, and tells of what has.
        pub(crate) fn sleep(&self, hear: &mut dyn FnMut(Message)) {
            self.sleep_unless(&|| false, hear);
        }

        /// The same with a doze, which nothing ends but other threads.
        pub(crate) fn doze(&self, hear: &mut dyn FnMut(Message)) {
            let inbox = &self.scheduler.outside.inbox;
            self.sleeps.set(self.sleeps.get() + 1);
            if inbox.begin_doze() {
                self.bell.wait();
                inbox.end_sleep();
            }
            inbox.drain(hear);
        }

        /// The same as [`sleep`](Self::sleep), unless there turns out to be no reason after the sleep was announced.
        pub(crate) fn sleep_unless(&self, enough: &dyn Fn() -> bool, hear: &mut dyn FnMut(Message)) {
            let inbox = &self.scheduler.outside.inbox;
            self.sleeps.set(self.sleeps.get() + 1);
            if inbox.begin_sleep() {
                if !enough() {
                    self.bell.wait();
                }
                inbox.end_sleep();
            }
            inbox.drain(hear);
        }

        /// Sleeps until the task is woken, or another thread has a function called.
        /// Gives whether it was woken.
        fn park(&self) -> bool {
            let mut woken = 0;
            while woken == 0 && !self.cancelled.get() {
                self.sleep(&mut |message| match message {
                    Message::Wake(task) => {
                        assert_eq!(task, self.key());
                        woken += 1;
                    }
                    Message::Call(call) => {
                        call();
                        self.cancelled.set(true);
                    }
                    Message::Interrupt | Message::Signals => unreachable!("no signals are raised"),
                });
            }
            assert!(woken <= 1, "one wait is completed once");
            woken == 1
        }

        /// Waits as `park::wait` does. Any call that comes in is taken for a request to cancel; gives nothing when it was.
        pub(crate) fn wait<O: Operation>(&self, mut operation: Pin<&mut O>) -> Option<O::Output> {
            if let Some(output) = operation.as_mut().attempt() {
                return Some(output);
            }
            loop {
                operation.as_mut().register(Waiter::new(&self.task));
                let woken = self.park();
                if self.cancelled.replace(false) {
                    match operation.cancel() {
                        CancelWait::Unwind => {}
                        // It has been woken by another thread, or is going to be, and unwinds when it goes on.
                        CancelWait::TooLate if woken => {}
                        CancelWait::TooLate => assert!(self.park(), "somebody wakes it"),
                        answer => unreachable!("{answer:?}"),
                    }
                    operation.as_mut().withdraw();
                    return None;
                }
                let output = operation.as_mut().attempt();
                operation.as_mut().withdraw();
                if output.is_some() {
                    return output;
                }
            }
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            if std::thread::panicking() {
                return;
            }
            assert!(self.bell.rings() <= self.sleeps.get(), "at most one notification for each sleep");
        }
    }
}
