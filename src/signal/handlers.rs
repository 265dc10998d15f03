//! Functions that a run calls when signals come: asyncio's.

use std::io;

use super::kind::SignalKind;
use crate::runtime::scheduler::with_scheduler;

/// Has the run call a function each time a signal has come: `loop.add_signal_handler`. It takes the place of the one that this run had for the
/// signal; other runs, and streams, have theirs beside it.
///
/// It is called as by [`call_soon`](crate::call_soon), in the tick after the one in which the run hears of the signal: it is no task and can't
/// wait, so that what takes time is for a task that it spawns or an [`Event`](crate::sync::Event) that it sets. It sees the context
/// that the caller has now, and keeps what it sets there. A panic in it goes to the hook of [`set_task_hook`](crate::set_task_hook), and the
/// handler stays. Signals that come before it is called are one. It may take itself away or put another in its place.
///
/// It goes with the run: [`run`](crate::run) and [`Runner::close`](crate::Runner::close) take it away at the end, when the tasks have ended. Between
/// the runs of a [`Runner`](crate::Runner) it stays, and what comes then is for the next run. A run with a handler is never at a deadlock, since
/// the signal may come.
///
/// In Python this is for the main thread alone, and for one loop.
///
/// # Errors
///
/// When the kind can't be listened to ([`InvalidInput`](io::ErrorKind::InvalidInput)). The handler that was there stays.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use cede::signal::{SignalKind, add_signal_handler};
/// use cede::sync::Event;
/// use std::rc::Rc;
///
/// cede::run(|| -> std::io::Result<()> {
///     let stop = Rc::new(Event::new());
///     let set = Rc::clone(&stop);
///     add_signal_handler(SignalKind::TERM, move || set.set())?;
///     SignalKind::TERM.raise()?;
///     stop.wait();
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn add_signal_handler(kind: SignalKind, function: impl FnMut() + 'static) -> io::Result<()> {
    kind.set()?;
    let added = with_scheduler(|scheduler| {
        scheduler.signal_handlers.add(scheduler, kind.as_raw(), Box::new(function))
    });
    let Some(added) = added else { no_run("add_signal_handler") };
    added.map_err(|(_, error)| kind.not_given(&error))
}

/// Takes the function of this run for a signal away: `loop.remove_signal_handler`. Gives whether there was one.
///
/// If nobody else listens to the signal, it does what it did before.
///
/// # Panics
///
/// Panics outside of a run, and goes on with a panic of the destructor of what the function owned.
pub fn remove_signal_handler(kind: SignalKind) -> bool {
    with_scheduler(|scheduler| scheduler.signal_handlers.remove(kind.as_raw()))
        .unwrap_or_else(|| no_run("remove_signal_handler"))
}

fn no_run(what: &str) -> ! {
    panic!("cede: there is no run on this thread: call {what} inside cede::run")
}
