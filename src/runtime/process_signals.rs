//! The signals of the process: who wants them, and how they reach the runs. The one place that changes what a signal does.
//!
//! ```text
//!   kernel ──▶ handler ──▶ RAISED ──▶ inboxes of the runs that listen ──▶ dispatch, by whichever comes first ──▶ listeners
//!                  └─────▶ inbox of the run that Ctrl-C interrupts
//! ```
//!
//! What a signal does, by who wants it:
//!
//! ```text
//!                     a run begins                  first SIGINT
//!           before ───────────────▶ ours, once ────────────────────▶ the default
//!            │  ▲                      │  ▲                              │  ▲
//!       first│  │last                  │  │                              │  │
//!    listener│  │listener              ▼  │                              ▼  │
//!            └──┴───────────────▶ ours, with what was before kept for when the last listener goes
//! ```
//!
//! The upper line is that of SIGINT where a run can be interrupted (`interrupt.rs`); the other signals have `before` and `ours`. A signal that
//! somebody listens to does nothing else: a run is not interrupted by it. Where a function was installed before, that is
//! called as well, since it may be a library's that needs it. What comes while a listener goes is for the listener or for what
//! the signal does then, and not lost between the two.
//!
//! A signal belongs to whoever takes it over: where another handler was installed over ours, that stays when the last listener goes. It may
//! have kept ours to call it, so ours goes on passing signals on to what was there before.
//!
//! # Listeners and runs
//!
//! A listener is told on whatever thread dispatches, under the lock of the board; none of them runs code of users there. A run takes part from
//! its first wait for a signal, or its first handler, until it is gone (`Ear`): each signal, or flood of signals, ends its sleep once, and
//! whichever run is first tells all listeners, so that one that is busy holds nobody up. Who asks a listener whether something has come
//! dispatches first, so that a listener needs no run until somebody waits.
//!
//! Who waits by a future may do so outside of runs, and outlive the run that it began in: it has a thread tell it (`lookout.rs`).
//!
//! What waits for a signal holds a [`Sender`](super::inbox::Sender), so that the run is not at a deadlock: signals come from outside.
//!
//! Rejected: the crate signal-hook. Once it has installed its handler it never gives the signal back: when the last listener is gone, or between
//! runs, Ctrl-C would do nothing, or end the process in spite of what others have registered since. A thread that reads a pipe, which is what
//! Python and others have: it costs a switch of threads for each signal, a thread that counts in every look at who else could wake a run,
//! and two descriptors, and Ctrl-C would need it in each `cede::run`.
//!
//! # Forks
//!
//! A child has the handlers of its parent until it calls `exec`, which gives the signals that are caught their defaults back. One that comes
//! in between, or in a child that calls none, sets bits in the child's memory, and ends a sleep of the parent for no reason where the two
//! share the reactor. No lock is taken in the handler, so that this is safe wherever the fork was; the board must not be used in a
//! child that was made while another thread did.

mod action;
mod handler;
mod handlers;
mod lookout;
mod signal_set;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::c_int;

use self::action::{Action, Stay};
use self::handler::{RAISED, Reach};
use super::inbox::Inbox;
use super::waker_cell::HoldWakers;

pub(super) use self::action::deliver_here;
pub(crate) use self::action::{by_number, real_time, send_to_self};
pub(crate) use self::handler::Ending;
pub(crate) use self::handlers::Handlers;
pub(crate) use self::lookout::{Lookout, keep as keep_lookout};
pub(crate) use self::signal_set::SignalSet;

/// Who wants signals.
pub(crate) trait Listener: Send + Sync {
    /// A signal has come, maybe several times. Called under the lock of the board, so that nothing of users may run here.
    fn hear(&self, signal: c_int);
}

struct Entry {
    number: u64,
    signals: SignalSet,
    listener: Arc<dyn Listener>,
    ending: Option<Arc<Ending>>,
}

/// See the head of this file.
struct Board {
    entries: Vec<Entry>,
    next_number: u64,
    runs: Vec<Arc<Inbox>>,
    /// What the signals did that are ours now, or that others have taken from us.
    before: BTreeMap<c_int, Action>,
    /// A run wants to be interrupted by SIGINT.
    interrupts: bool,
}

static BOARD: Mutex<Board> = Mutex::new(Board {
    entries: Vec::new(),
    next_number: 0,
    runs: Vec::new(),
    before: BTreeMap::new(),
    interrupts: false,
});

fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// What somebody listens to.
    fn wanted(&self) -> SignalSet {
        self.entries.iter().fold(SignalSet::EMPTY, |set, entry| set.with(entry.signals))
    }

    /// Has the handler see how things are.
    fn publish(&self) {
        let functions = self.before.iter().filter(|(_, action)| action.function().is_some());
        let endings = self.entries.iter().filter_map(|entry| Some((entry.signals, entry.ending.clone()?)));
        handler::publish(Reach {
            wanted: self.wanted(),
            before: functions.map(|(&signal, &action)| (signal, action)).collect(),
            runs: self.runs.clone(),
            endings: endings.collect(),
        });
    }

    /// Tells the listeners what was raised since the last time.
    fn dispatch(&self) {
        let raised = RAISED.take(self.wanted());
        for entry in &self.entries {
            raised.both(entry.signals).iter().for_each(|signal| entry.listener.hear(signal));
        }
    }

    /// The signals become ours, of which an entry is the first to want them.
    fn take_over(&mut self, signals: SignalSet) -> Result<(), (c_int, io::Error)> {
        for signal in signals.iter() {
            let current = Action::current(signal).map_err(|error| (signal, error))?;
            if !current.is_ours() {
                self.before.insert(signal, current);
            } else {
                // It was for one SIGINT.
                self.before.entry(signal).or_insert_with(Action::default);
            }
        }
        // Before the first of them can come.
        self.publish();
        for signal in signals.iter() {
            let ours = Action::ours(Stay::Always, &self.before[&signal]);
            ours.install(signal).map_err(|error| (signal, error))?;
        }
        Ok(())
    }

    /// Nobody listens to these any more: they do what they did before. Gives those that came too late for the listeners.
    fn give_back(&mut self, signals: SignalSet) -> SignalSet {
        let mut given = Vec::new();
        for signal in signals.iter() {
            let Ok(current) = Action::current(signal) else { continue };
            if !current.is_ours() {
                // Whoever has it now may pass it on to ours, which passes it on to what was before, unless it never became ours.
                self.before.retain(|of, before| *of != signal || !before.is_like(&current));
                continue;
            }
            let before = self.before.remove(&signal).unwrap_or_else(Action::default);
            let interrupts = signal == libc::SIGINT && self.interrupts && !handler::was_interrupted();
            let next =
                if interrupts && before.is_default() { Action::ours(Stay::Once, &before) } else { before };
            // The system has had it so before.
            let _ = next.install(signal);
            given.push((signal, next));
        }
        self.publish();
        let late = RAISED.take(signals);
        let mut to_raise = SignalSet::EMPTY;
        for (signal, next) in given.into_iter().filter(|(signal, _)| late.has(*signal)) {
            // Where it is ours for one time, that may have been this one.
            let _ = next.install(signal);
            to_raise = to_raise.with(SignalSet::of(signal));
        }
        to_raise
    }
}

/// Has a listener hear of these signals, as long as what this gives lives. `ending`: the second of them ends the process.
///
/// # Errors
///
/// The signal that can't be had, and why.
pub(crate) fn listen(
    signals: SignalSet,
    listener: Arc<dyn Listener>,
    ending: Option<Arc<Ending>>,
) -> Result<Listening, (c_int, io::Error)> {
    let _hold = HoldWakers::new();
    let mut board = board();
    // What has come already is for the others.
    board.dispatch();
    let fresh = signals.without(board.wanted());
    let number = board.next_number;
    board.next_number += 1;
    board.entries.push(Entry { number, signals, listener, ending });
    let listening = Listening { number };
    if fresh.is_empty() {
        board.publish();
        return Ok(listening);
    }
    let result = board.take_over(fresh);
    drop(board);
    // On an error it goes here, and what was taken over with it.
    result.map(|()| listening)
}

/// Tells the listeners what was raised since the last time.
pub(crate) fn dispatch() {
    if !RAISED.is_empty() {
        let _hold = HoldWakers::new();
        board().dispatch();
    }
}

/// That somebody listens. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let hold = HoldWakers::new();
        let mut board = board();
        // What has come by now it still hears.
        board.dispatch();
        let place = board.entries.iter().position(|entry| entry.number == self.number);
        let entry = place.map(|place| board.entries.remove(place));
        let gone = entry.as_ref().map_or(SignalSet::EMPTY, |entry| entry.signals).without(board.wanted());
        let late = board.give_back(gone);
        drop(board);
        drop(hold);
        for signal in late.iter() {
            // As if it had come a moment later.
            let _ = send_to_self(signal);
        }
        drop(entry);
    }
}

/// That a run hears when signals were raised. Ends when it is dropped.
pub(crate) struct Ear {
    inbox: Arc<Inbox>,
}

impl Ear {
    /// Of the run with this inbox, on its thread.
    pub(super) fn open(inbox: &Arc<Inbox>) -> Self {
        inbox.expect_signals();
        let mut board = board();
        board.runs.push(Arc::clone(inbox));
        board.publish();
        Ear { inbox: Arc::clone(inbox) }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut board = board();
        board.runs.retain(|run| !Arc::ptr_eq(run, &self.inbox));
        board.publish();
        drop(board);
        // What it was told and has not heard the other runs were told as well.
        self.inbox.expect_no_signals();
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear(..)")
    }
}

/// Has SIGINT interrupt a run, if it would end the process otherwise and no other run has it. Gives whether it does. Where somebody
/// listens to it, it does when the last of them has gone.
pub(super) fn begin_interrupts(inbox: &Arc<Inbox>) -> bool {
    let mut board = board();
    if board.interrupts {
        return false;
    }
    let is_listened_to = board.wanted().has(libc::SIGINT);
    let below = match board.before.get(&libc::SIGINT) {
        Some(before) if is_listened_to => *before,
        _ => match Action::current(libc::SIGINT) {
            Ok(current) => current,
            Err(_) => return false,
        },
    };
    if !below.is_default() {
        return false;
    }
    inbox.expect_signals();
    handler::set_interrupted(Some(inbox));
    let is_set = is_listened_to || Action::ours(Stay::Once, &below).install(libc::SIGINT).is_ok();
    if !is_set {
        handler::set_interrupted(None);
        inbox.expect_no_signals();
    }
    board.interrupts = is_set;
    is_set
}

/// The run that SIGINT interrupts is over. From then on nothing of it is touched.
pub(super) fn end_interrupts(inbox: &Inbox) {
    let mut board = board();
    board.interrupts = false;
    let is_ours = Action::current(libc::SIGINT).is_ok_and(|current| current.is_ours());
    if is_ours && !board.wanted().has(libc::SIGINT) {
        // It was before.
        let _ = Action::default().install(libc::SIGINT);
    }
    handler::set_interrupted(None);
    inbox.expect_no_signals();
}

/// A signal does what it does by default, from now on.
pub(super) fn restore_default(signal: c_int) {
    // There is no signal here that the system does not know.
    let _ = Action::default().install(signal);
}

#[cfg(all(test, not(cede_loom)))]
mod tests;
