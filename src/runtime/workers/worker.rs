//! The life of a worker: ticks until the order to end, and what it does about its tasks then.
//!
//! Worker 0 is the thread that has called `run`; the others have threads of their own. All of them end in the same way (see
//! [`crew`](super::crew)).

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::crew::{Crew, Report, STOP};
use super::seat::Seat;
use super::settings::Settings;
use crate::atomics::deque::Worker as Deque;
use crate::coroutine::Extent;
use crate::runtime::blocking::OwnThreads;
use crate::runtime::elsewhere::Elsewhere;
use crate::runtime::remote::Fresh;
use crate::runtime::report;
use crate::runtime::runner::{AbortOnUnwind, Runner};
use crate::runtime::shutdown::Pass;
use crate::runtime::task::TaskKey;

/// How many rounds of orders there are at most: as many generations of tasks may begin while those before them are ended.
const PASSES: u32 = 64;

/// How long a worker waits that the system has refused what waiting needs.
const PAUSE: Duration = Duration::from_millis(10);

/// One worker, while a run is under way.
pub(super) struct Worker<'a> {
    runner: &'a Runner,
    seat: &'a Seat,
    crew: &'a Crew,
    /// Tasks that can't be ended.
    given_up: Vec<TaskKey>,
    elsewhere: Elsewhere,
}

/// All that a worker's thread does.
pub(super) fn work(
    crew: Arc<Crew>,
    worker: usize,
    deque: Deque<Fresh>,
    settings: &Settings,
    own_threads: Option<Arc<OwnThreads>>,
) {
    let runner = settings.runner(Seat::new(Arc::clone(&crew), worker, deque), own_threads);
    settings.tell_begin(worker);
    if let Ok(_entered) = runner.enter() {
        let _extent = Extent::open();
        let _guard = AbortOnUnwind;
        let mut worker = Worker::new(&runner, &crew);
        worker.obey();
        worker.finish();
    }
    crew.await_departure();
    settings.tell_end(worker);
}

impl<'a> Worker<'a> {
    pub(super) fn new(runner: &'a Runner, crew: &'a Crew) -> Self {
        let seat = runner.scheduler.seat().expect("a worker has a seat");
        Worker { runner, seat, crew, given_up: Vec::new(), elsewhere: Elsewhere::default() }
    }

    /// Runs what there is, until the order to end.
    fn obey(&mut self) {
        let mut carried_out = 0;
        loop {
            match self.crew.order() {
                STOP => return,
                order if order != carried_out => {
                    carried_out = order;
                    self.end_tasks(|worker| worker.turn());
                    self.crew.report(order, self.state());
                }
                _ => {
                    if let Err(error) = self.runner.scheduler.tick() {
                        self.crew.report_fault(error);
                        thread::park_timeout(PAUSE);
                    }
                }
            }
        }
    }

    fn state(&self) -> Report {
        let scheduler = &self.runner.scheduler;
        // One may have ended after all.
        let given_up = self.given_up.iter().filter(|task| scheduler.task(**task).is_some()).count();
        Report { live: scheduler.live() - given_up, begun: self.seat.begun() }
    }

    /// Ends the tasks that there are now, in the order in which they were made. `turn` lets the run go on for a tick, and gives false
    /// when nothing can happen any more.
    fn end_tasks(&mut self, mut turn: impl FnMut(&mut Self) -> bool) {
        self.runner.scheduler.signal_handlers.keep_no_run_awake();
        let mut tasks = self.runner.scheduler.all_keys();
        tasks.retain(|task| !self.given_up.contains(task));
        let scheduler = &self.runner.scheduler;
        let mut pass = Pass::of(scheduler, &tasks);
        if !pass.end(|| turn(self)) {
            for task in pass.left() {
                self.given_up.push(task.core().key.get());
                // Else its worker would never sleep, and the others would not learn that nothing can happen any more.
                scheduler.stop(task.core());
            }
        }
    }

    /// A tick of a worker that is not the first. Gives false when worker 0 has found that nothing can happen any more.
    fn turn(&mut self) -> bool {
        let round = self.crew.round();
        if let Err(error) = self.runner.scheduler.tick() {
            self.crew.report_fault(error);
            return false;
        }
        self.crew.round() == round
    }

    /// The same for worker 0, which finds that out, and tells the others. `is_over`: whether they have carried the order out, and wait for
    /// the next.
    fn turn_of_first(&mut self, is_over: impl FnOnce() -> bool) -> bool {
        let goes_on = self.runner.wind_down(&mut self.elsewhere, true, is_over);
        if !goes_on {
            self.crew.next_round();
        }
        goes_on
    }

    /// Ends the tasks of all workers, and then the other workers. By worker 0.
    pub(super) fn end_all(&mut self) {
        if self.crew.is_forked() {
            // There is nobody to give orders to.
            self.crew.gate.close();
            return;
        }
        let mut clean = None;
        for pass in 0..PASSES {
            let fresh = self.seat.take_all();
            let had_fresh = !fresh.is_empty();
            for fresh in fresh {
                self.runner.scheduler.adopt_fresh(fresh);
            }
            self.crew.give_order();
            self.end_tasks(|worker| worker.turn_of_first(|| false));
            self.runner.breathe();
            self.runner.breathe();
            let crew = self.crew;
            let others = loop {
                match self.crew.reports() {
                    Some(others) => break others,
                    None => self.turn_of_first(|| crew.reports().is_some()),
                };
            };
            if pass == 0 {
                self.crew.gate.close();
            }
            let own = self.state();
            let begun = others.begun + own.begun;
            let is_clean = others.live + own.live == 0 && !had_fresh && !self.crew.has_fresh();
            if is_clean && clean == Some(begun) {
                break;
            }
            clean = is_clean.then_some(begun);
        }
        self.crew.stop();
    }

    /// The worker is over: nothing comes in any more, and what is left is told so. What destructors begin meanwhile has its turn as
    /// far as it needs nobody else.
    pub(super) fn finish(&mut self) {
        let runner = self.runner;
        runner.closed.set(true);
        for _ in 0..PASSES {
            self.crew.inboxes[self.seat.worker].close();
            self.seat.clear();
            self.end_tasks(|worker| {
                let scheduler = &worker.runner.scheduler;
                (scheduler.is_ready() || worker.seat.has_own()) && scheduler.tick().is_ok()
            });
            if self.state().live == 0 && !self.seat.has_own() {
                break;
            }
        }
        if runner.scheduler.live() > 0 {
            runner.leave(report::given_up);
        }
        // A call of a task that is left may use a local of another worker's thread, which goes when this worker is over.
        runner.scheduler.outside.jobs.drain_lending();
    }
}
