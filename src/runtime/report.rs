//! What a run says when something is wrong: a deadlock, an error that nobody looked at, a task that can't be ended.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::context::{self, Values};
use super::remote::RemoteJoinError;
use super::scheduler::Scheduler;
use super::task::{AnyTask, Failure, TaskCore, panic_message};

/// One task of a deadlock.
#[derive(Debug, Clone)]
pub struct StuckTask {
    /// Counted from 1 in each run.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it waits for, as a verb with an object.
    pub waits_for: String,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
}

/// A run in which nothing can ever happen again: no task is ready, no timer is set, no I/O is waited for, and no other
/// thread could wake anyone.
#[derive(Debug, Clone)]
pub struct Deadlock {
    /// The tasks that have not ended, in the order in which they were made.
    pub tasks: Vec<StuckTask>,
}

impl Deadlock {
    pub(super) fn of(scheduler: &Scheduler) -> Self {
        let tasks = scheduler.all_tasks().iter().map(|task| StuckTask::of(task.core())).collect();
        Deadlock { tasks }
    }
}

impl StuckTask {
    fn of(core: &TaskCore) -> Self {
        StuckTask {
            id: core.id,
            name: core.name().to_string(),
            waits_for: core.waiting_for().unwrap_or_else(|| "waits for nothing that is known".to_owned()),
            spawned_at: core.spawned_at,
        }
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tasks.len() {
            1 => write!(f, "deadlock: 1 task waits and nothing can wake it")?,
            n => write!(f, "deadlock: {n} tasks wait and nothing can wake them")?,
        }
        let width = |text: fn(&StuckTask) -> usize| self.tasks.iter().map(text).max().unwrap_or(0);
        let names = width(|task| task.name.chars().count() + 2);
        let waits = width(|task| task.waits_for.chars().count());
        for task in &self.tasks {
            let name = format!("{:?}", task.name);
            write!(f, "\n  task {} {name:names$}  {:waits$}", task.id, task.waits_for)?;
            write!(f, "  spawned at {}", task.spawned_at)?;
        }
        Ok(())
    }
}

impl Error for Deadlock {}

/// Something that went wrong with a task and that nobody was told otherwise.
#[derive(Debug)]
pub struct TaskReport {
    name: String,
    spawned_at: Option<&'static Location<'static>>,
    message: String,
}

impl TaskReport {
    /// The name of the task, or what else it was.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.spawned_at
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for TaskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)?;
        match self.spawned_at {
            Some(place) => write!(f, " (spawned at {place})"),
            None => Ok(()),
        }
    }
}

type Hook = Arc<dyn Fn(&TaskReport) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Sets what is told of errors of tasks that nobody looked at, of callbacks that panicked, of tasks that could not be
/// ended, of files that were dropped and whose last bytes could not be written, and, in debug mode
/// ([`Builder::debug`](crate::runtime::Builder::debug)), of steps that took long. The default prints them to stderr. What asyncio calls the exception handler. It runs in the context of the task or the callback,
/// so that context variables say whose it was.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(String::new()));
/// let sink = Arc::clone(&seen);
/// cede::set_task_hook(move |report| *sink.lock().unwrap() = report.message().to_owned());
/// cede::run(|| {
///     drop(cede::try_spawn(|| Err::<(), _>("the disk is full")));
///     cede::yield_now();
/// });
/// assert_eq!(*seen.lock().unwrap(), "failed and nobody asked: the disk is full");
/// # cede::take_task_hook();
/// ```
pub fn set_task_hook(hook: impl Fn(&TaskReport) + Send + Sync + 'static) {
    replace(Some(Arc::new(hook)));
}

/// Puts the default hook back, and gives the one that was set, or one that does what the default does.
pub fn take_task_hook() -> Box<dyn Fn(&TaskReport) + Send + Sync> {
    match replace(None) {
        Some(hook) => Box::new(move |report| hook(report)),
        None => Box::new(print),
    }
}

fn replace(hook: Option<Hook>) -> Option<Hook> {
    std::mem::replace(&mut *HOOK.write().unwrap_or_else(PoisonError::into_inner), hook)
}

fn print(report: &TaskReport) {
    eprintln!("cede: {report}");
}

fn report(report: &TaskReport) {
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    let called = panic::catch_unwind(AssertUnwindSafe(move || match hook {
        Some(hook) => hook(report),
        None => print(report),
    }));
    if let Err(payload) = called {
        // Its destructor may panic in turn, and there is nobody left to tell.
        std::mem::forget(payload);
    }
}

/// A task failed, and its record is going without anybody having looked.
pub(super) fn unobserved(core: &TaskCore, failure: &Failure) {
    if let Some(message) = nobody_asked(failure) {
        report_task(core, message);
    }
}

/// What is no task failed, and is going without anybody having looked.
pub(crate) fn unobserved_outcome(name: String, failure: &Failure) {
    if let Some(message) = nobody_asked(failure) {
        report(&TaskReport { name, spawned_at: None, message });
    }
}

/// What is said of a failure that nobody looked at; a cancellation is none.
fn nobody_asked(failure: &Failure) -> Option<String> {
    Some(match failure {
        Failure::Cancelled | Failure::CancelledError => return None,
        Failure::Error(error) => failed_unobserved(&**error),
        Failure::Crossed(error) => failed_unobserved(&**error),
        Failure::Panicked(panic) => format!("panicked and nobody asked: {}", panic.message),
    })
}

fn failed_unobserved(error: &dyn Error) -> String {
    match text_of(error) {
        Some(text) => format!("failed and nobody asked: {text}"),
        None => "failed and nobody asked, with an error whose Display panicked".to_owned(),
    }
}

/// The text of an error, unless that panics.
fn text_of(error: &dyn Error) -> Option<String> {
    let text = panic::catch_unwind(AssertUnwindSafe(|| error.to_string()));
    text.map_err(std::mem::forget).ok()
}

/// The same for one whose result was for another thread.
pub(crate) fn unobserved_remote(name: &str, spawned_at: &'static Location<'static>, error: &RemoteJoinError) {
    let message = match error.panic_message() {
        Some(text) => format!("panicked and nobody asked: {text}"),
        None => failed_unobserved(error),
    };
    report(&TaskReport { name: name.to_owned(), spawned_at: Some(spawned_at), message });
}

/// The same for a job of an executor.
pub(crate) fn unobserved_job(submitted_at: &'static Location<'static>, error: &dyn Error) {
    let message = failed_unobserved(error);
    report(&TaskReport { name: "a job".to_owned(), spawned_at: Some(submitted_at), message });
}

/// What was written to a file is lost, and the file is going.
pub(crate) fn lost_writes(file: &str, error: &io::Error) {
    let message = format!("was dropped, and what was written to it is lost: {error}");
    report(&TaskReport { name: format!("file {file}"), spawned_at: None, message });
}

/// A task that could not be ended is left where it is.
pub(super) fn given_up(task: &dyn AnyTask) {
    let core = task.core();
    let times = core.swallowed.get().max(core.cancels.get());
    report_task(
        core,
        format!("can't be ended: it was cancelled {times} times and goes on. Its stack is leaked"),
    );
}

/// A task is left where it is, since its runner goes where no task can be ended.
pub(super) fn left_behind(task: &dyn AnyTask) {
    let core = task.core();
    let what = core.waiting_for().unwrap_or_else(|| "waits for its turn".to_owned());
    let message = format!(
        "is pending while its runner goes, where no task can be ended; it {what}. Its stack is leaked"
    );
    report_task(core, message);
}

/// A step or a callback took long, and nothing else could run meanwhile. Without a task it was a callback.
pub(super) fn slow_step(task: Option<(u64, Option<&str>, &'static Location<'static>)>, took: Duration) {
    let (name, spawned_at) = match task {
        Some((id, name, place)) => (task_name(id, name), Some(place)),
        None => ("callback".to_owned(), None),
    };
    report(&TaskReport {
        name,
        spawned_at,
        message: format!("ran for {took:?} at a stretch, and nothing else could run"),
    });
}

/// A run waits for threads of which it knows nothing, and has done so for a while.
pub(super) fn waits_for_other_threads(stuck: &Deadlock) {
    let tasks = stuck.to_string();
    let tasks = tasks.split_once('\n').map_or("", |(_, tasks)| tasks);
    report(&TaskReport {
        name: "a run".to_owned(),
        spawned_at: None,
        message: format!("waits for other threads, since nothing of its own can wake its tasks:\n{tasks}"),
    });
}

fn report_task(core: &TaskCore, message: String) {
    Culprit::of(core).report(message);
}

/// Whose fault something is: a task, as far as it is known when its record is gone.
pub(crate) struct Culprit {
    name: String,
    spawned_at: &'static Location<'static>,
    context: Option<Arc<Values>>,
}

impl Culprit {
    pub(crate) fn of(core: &TaskCore) -> Self {
        let name = task_name(core.id, Some(&core.name()));
        Culprit { name, spawned_at: core.spawned_at, context: core.context.get() }
    }

    fn report(self, message: String) {
        let told = TaskReport { name: self.name, spawned_at: Some(self.spawned_at), message };
        context::lend(self.context, || report(&told));
    }

    /// Its error can't be given to who waited for it. `why` says why.
    pub(crate) fn report_lost(self, why: &str, error: &dyn Error) {
        self.report(match text_of(error) {
            Some(text) => format!("failed {why}: {text}"),
            None => format!("failed {why}, with an error whose Display panicked"),
        });
    }
}

/// The error of a task that has run elsewhere can't be given to who waited for it. `why` says why.
pub(crate) fn lost_remote(
    name: String,
    spawned_at: &'static Location<'static>,
    why: &str,
    error: &RemoteJoinError,
) {
    let message = match text_of(error) {
        Some(text) => format!("failed {why}: {text}"),
        None => format!("failed {why}, with an error whose Display panicked"),
    };
    report(&TaskReport { name, spawned_at: Some(spawned_at), message });
}

/// Drops something that users may have given a destructor, where a panic must not go on: `what` says of what it was.
pub(crate) fn dropping<T>(what: &str, value: T) {
    calling(what, move || drop(value));
}

/// Calls code of users where a panic must not go on: `what` says what it is.
pub(crate) fn calling(what: &str, f: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) {
        panicked(what, payload);
    }
}

fn task_name(id: u64, given: Option<&str>) -> String {
    match given {
        Some(name) => format!("task {id} {name:?}"),
        None => format!("task {id} \"Task-{id}\""),
    }
}

/// User code panicked that the scheduler had called: `what` says which.
pub(super) fn panicked(what: &str, payload: Box<dyn Any + Send>) {
    let message = format!("panicked: {}", panic_message(&*payload));
    std::mem::forget(payload);
    report(&TaskReport { name: what.to_owned(), spawned_at: None, message });
}
