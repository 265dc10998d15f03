//! Streams of signals.
//!
//! A stream is a mailbox: a bit for each kind, set when it is heard of and taken out by who receives. Each stream has its own, so that all
//! that listen to a signal get it. Tasks that wait for the same stream share what comes: all are woken, and who finds nothing waits again.
//!
//! Kinds are given out in turn, from one number to the next, so that one that comes all the time leaves the others their chance.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libc::c_int;
use pin_project_lite::pin_project;

use super::kind::SignalKind;
use crate::runtime::guarded::Guarded;
use crate::runtime::inbox::Sender;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::process_signals::{self, Listener, Listening, Lookout, SignalSet};
use crate::runtime::scheduler::with_scheduler;
use crate::runtime::wait_list::{List, Node};
use crate::runtime::waiter::Waiter;
use crate::runtime::with_deadline::wait_within;
use crate::time::Elapsed;

/// What has come for a stream.
pub(super) struct Mailbox {
    signals: SignalSet,
    state: Guarded<State>,
    lookout: Watch,
}

/// Who tells of signals where futures wait for them; nobody before one does.
pub(super) type Watch = OnceLock<Arc<Lookout>>;

struct State {
    raised: SignalSet,
    /// The one that was given out last.
    last: c_int,
    waiters: List,
}

impl State {
    fn take(&mut self) -> Option<c_int> {
        let next = self.raised.after(self.last)?;
        self.raised = self.raised.without(SignalSet::of(next));
        self.last = next;
        Some(next)
    }
}

impl Listener for Mailbox {
    fn hear(&self, signal: c_int) {
        let mut state = self.state.lock();
        state.raised = state.raised.with(SignalSet::of(signal));
        state.waiters.pop_all();
    }
}

/// A stream of signals, of one kind or several; from [`signal`] and [`signals`].
///
/// It hears what is raised from when it is made until it is dropped, also while nobody receives. All streams of a signal get it. Tasks that
/// receive from the same stream share what comes, whichever run and worker they are in. As an iterator it never ends.
///
/// # Examples
///
/// A server that reads its settings again on SIGHUP:
///
/// ```
/// use cede::signal::{SignalKind, signal};
///
/// cede::run(|| -> std::io::Result<()> {
///     let reload = signal(SignalKind::HUP)?;
///     let times = cede::spawn(move || reload.take(2).count());
///     SignalKind::HUP.raise()?;
///     cede::sleep(std::time::Duration::from_millis(1));
///     SignalKind::HUP.raise()?;
///     assert_eq!(times.join().unwrap(), 2);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[must_use = "dropping a stream of signals ends it"]
pub struct Signal {
    mailbox: Arc<Mailbox>,
    _listening: Listening,
}

/// Listens to a kind of signal: a stream of what comes from now on. `signals` is for several.
///
/// See the [module](super) for what the signal does meanwhile. It need not be in a run: only who waits has to be.
///
/// # Errors
///
/// When the kind can't be listened to ([`InvalidInput`](io::ErrorKind::InvalidInput)).
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    signals([kind])
}

/// Listens to several kinds of signals, in one stream that says which has come.
///
/// Of those that are there, each has its turn.
///
/// # Errors
///
/// When one of them can't be listened to; then none is. An empty list is an error too
/// ([`InvalidInput`](io::ErrorKind::InvalidInput)).
///
/// # Examples
///
/// ```
/// use cede::signal::{SignalKind, signals};
///
/// cede::run(|| -> std::io::Result<()> {
///     let signals = signals([SignalKind::USR1, SignalKind::USR2])?;
///     SignalKind::USR2.raise()?;
///     assert_eq!(signals.recv(), SignalKind::USR2);
///     assert_eq!(signals.try_recv(), None);
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn signals(kinds: impl IntoIterator<Item = SignalKind>) -> io::Result<Signal> {
    let signals = set_of(kinds)?;
    let state = State { raised: SignalSet::EMPTY, last: 0, waiters: List::new() };
    let mailbox = Arc::new(Mailbox { signals, state: Guarded::new(state), lookout: Watch::new() });
    let listener = Arc::clone(&mailbox) as Arc<dyn Listener>;
    let listening = process_signals::listen(signals, listener, None);
    let listening = listening.map_err(|(signal, error)| SignalKind::from_raw(signal).not_given(&error))?;
    Ok(Signal { mailbox, _listening: listening })
}

/// The set of these kinds, all of which can be listened to, as far as is known here.
pub(super) fn set_of(kinds: impl IntoIterator<Item = SignalKind>) -> io::Result<SignalSet> {
    let mut signals = SignalSet::EMPTY;
    for kind in kinds {
        signals = signals.with(kind.set()?);
    }
    if signals.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there are no signals to listen to"));
    }
    Ok(signals)
}

impl Signal {
    /// Waits for a signal, and says which.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; no signal is lost.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn recv(&self) -> SignalKind {
        self.receiving().wait()
    }

    /// A signal that has come, if there is one. Anywhere, also outside of runs.
    pub fn try_recv(&self) -> Option<SignalKind> {
        self.mailbox.take()
    }

    /// As [`recv`](Signal::recv), for so long at most.
    ///
    /// # Errors
    ///
    /// When the time was up.
    ///
    /// # Cancellation, panics
    ///
    /// As [`recv`](Signal::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<SignalKind, Elapsed> {
        wait_within(pin!(self.receiving()), timeout).ok_or(Elapsed::new())
    }

    /// The operation of [`recv`](Signal::recv), for `select!`, and for `.await` in any executor: there a thread tells of signals, from when
    /// the first future waits until the stream is dropped.
    ///
    /// # Panics
    ///
    /// A future of it panics where that thread can't be had.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::signal::{SignalKind, signal};
    ///
    /// let hang_up = signal(SignalKind::HUP)?;
    /// SignalKind::HUP.raise()?;
    /// assert_eq!(smol::block_on(async { hang_up.receiving().await }), SignalKind::HUP);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    ///
    /// ```
    /// use cede::signal::{SignalKind, signal};
    /// use cede::time::after;
    /// use std::time::Duration;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let winch = signal(SignalKind::WINCH)?;
    ///     let resized = cede::select! {
    ///         _ = winch.receiving() => true,
    ///         () = after(Duration::from_millis(1)) => false,
    ///     };
    ///     assert!(!resized);
    ///     Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn receiving(&self) -> Receiving<'_> {
        Receiving { mailbox: &self.mailbox, wait: Wait::default() }
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
}

impl Iterator for Signal {
    type Item = SignalKind;

    fn next(&mut self) -> Option<SignalKind> {
        Some(self.recv())
    }
}

impl Iterator for &Signal {
    type Item = SignalKind;

    fn next(&mut self) -> Option<SignalKind> {
        Some(self.recv())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({})", Names(self.mailbox.signals))
    }
}

/// The names of some signals.
pub(super) struct Names(pub(super) SignalSet);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, signal) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", SignalKind::from_raw(signal))?;
        }
        Ok(())
    }
}

pin_project! {
    /// What a wait for a mailbox has in it, whoever owns the mailbox.
    #[derive(Debug, Default)]
    pub(super) struct Wait {
        // As long as it is registered: the run is not at a deadlock.
        awake: Option<Sender>,
        #[pin]
        node: Node,
    }
}

impl Mailbox {
    pub(super) fn take(&self) -> Option<SignalKind> {
        process_signals::dispatch();
        self.state.lock().take().map(SignalKind::from_raw)
    }

    pub(super) fn register(&self, wait: Pin<&mut Wait>, waiter: Waiter) {
        let wait = wait.project();
        *wait.awake = await_signals(waiter, &self.lookout);
        let state = self.state.lock();
        if state.raised.is_empty() {
            state.waiters.link(wait.node.as_ref(), waiter);
        } else {
            waiter.wake_later();
        }
    }

    pub(super) fn withdraw(&self, wait: Pin<&mut Wait>) {
        // There is nothing to hand on: all are woken when there is something.
        let wait = wait.project();
        self.state.lock().waiters.remove(&wait.node);
        *wait.awake = None;
    }

    pub(super) fn cancel(&self, wait: &Wait) -> CancelWait {
        self.state.lock().waiters.cancel_wait(&wait.node)
    }

    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for {}", Names(self.signals))
    }
}

/// Who is about to wait hears of signals from now on; what has been raised already is told: by the run that this is in, which is not at a
/// deadlock as long as what this gives lives; to a future, which may be in no run or outlive the one it is in, by the lookout, too.
pub(super) fn await_signals(waiter: Waiter, lookout: &Watch) -> Option<Sender> {
    if waiter.is_cell() {
        lookout.get_or_init(|| match process_signals::keep_lookout() {
            Ok(lookout) => lookout,
            Err(error) => panic!("cede: no thread can be had that tells a future of signals: {error}"),
        });
    }
    let awake = with_scheduler(|scheduler| scheduler.outside.await_signals());
    // What came before anybody was there to tell of it.
    process_signals::dispatch();
    awake
}

pin_project! {
    /// The operation of [`Signal::recv`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Receiving<'a> {
        mailbox: &'a Mailbox,
        #[pin]
        wait: Wait,
    }
}

impl fmt::Debug for Receiving<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiving({})", Names(self.mailbox.signals))
    }
}

impl sealed::Sealed for Receiving<'_> {}

impl Operation for Receiving<'_> {
    type Output = SignalKind;

    fn attempt(self: Pin<&mut Self>) -> Option<SignalKind> {
        self.mailbox.take()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        this.mailbox.register(this.wait, waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        this.mailbox.withdraw(this.wait);
    }

    fn cancel(&self) -> CancelWait {
        self.mailbox.cancel(&self.wait)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mailbox.describe(f)
    }
}
