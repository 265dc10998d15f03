//! An orderly end, asked for by a signal.
//!
//! ```text
//!             SIGTERM, SIGINT, request()                   SIGTERM, SIGINT
//!   RUNNING ─────────────────────────────▶ REQUESTED ─────────────────────▶ the process ends at once
//!                                              │                            (if a signal came before)
//!                                              └── the program has ended what it does ──▶ it ends by itself
//! ```
//!
//! The first signal is heard of as by any listener. That the second ends the process is the handler's doing, so that it helps where the run is
//! stuck, too.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use libc::c_int;
use pin_project_lite::pin_project;

use super::kind::SignalKind;
use super::stream::{self, Names, await_signals, set_of};
use crate::runtime::inbox::Sender;
use crate::runtime::operation::{CancelWait, Operation, sealed};
use crate::runtime::process_signals::{self, Listener, Listening, SignalSet};
use crate::runtime::waiter::Waiter;
use crate::sync::{Event, WaitingForEvent};
use crate::task::{self, JoinHandle};
use crate::time::{Elapsed, timeout_with};

/// No signal has asked for the end.
const BY_NONE: c_int = 0;

/// What all tasks may learn: whether the end was asked for, and by what.
struct State {
    requested: Event,
    by: AtomicI32,
}

impl Listener for State {
    fn hear(&self, signal: c_int) {
        if !self.requested.is_set() {
            self.by.store(signal, Ordering::Release);
            self.requested.set();
        }
    }
}

struct Inner {
    signals: SignalSet,
    state: Arc<State>,
    lookout: stream::Watch,
    _listening: Listening,
}

/// An orderly end: the first SIGTERM or SIGINT (Ctrl-C) asks for it, and the program ends what it does; the second ends the process at
/// once, with the status 128 + its number, which is what shells have for a signal.
///
/// Clones are the same, and may be used by every task of every run and worker. As long as one lives these signals do nothing else: Ctrl-C
/// does not cancel the main task of [`run`](crate::run).
///
/// The second signal ends the process without a destructor, and without what is still in buffers, since a run that is stuck, or a
/// clean-up that hangs, must not keep it from ending.
///
/// # Examples
///
/// A server that takes no new connections when it is told to end, lets those that are there end by themselves for ten seconds, and then
/// ends them:
///
/// ```
/// use cede::net::start_server;
/// use cede::signal::{Shutdown, SignalKind};
/// use std::time::Duration;
///
/// cede::run(|| -> std::io::Result<()> {
///     let shutdown = Shutdown::new()?;
///     let server = start_server("127.0.0.1:0", |mut reader, _| reader.read_to_eof().map(drop))?;
///     # cede::spawn(|| SignalKind::TERM.raise());
///     shutdown.wait();
///     server.close();
///     if cede::timeout(Duration::from_secs(10), || server.wait_closed()).is_err() {
///         server.close_clients();
///         server.wait_closed();
///     }
///     assert_eq!(shutdown.signal(), Some(SignalKind::TERM));
///     Ok(())
/// })
/// # .unwrap();
/// ```
///
/// A task that ends between two pieces of its work:
///
/// ```
/// use cede::signal::Shutdown;
/// use cede::sync::mpsc;
///
/// cede::run(|| -> std::io::Result<()> {
///     let shutdown = Shutdown::new()?;
///     let (tx, rx) = mpsc::unbounded::<u32>();
///     let theirs = shutdown.clone();
///     let worker = cede::spawn(move || {
///         let mut sum = 0;
///         loop {
///             cede::select! {
///                 job = rx.receiving() => sum += job.unwrap(),
///                 () = theirs.requested() => break sum,
///             }
///         }
///     });
///     tx.send(1).unwrap();
///     cede::yield_now();
///     shutdown.request();
///     assert_eq!(worker.join().unwrap(), 1);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Clone)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

impl Shutdown {
    /// One that SIGTERM and SIGINT ask for.
    ///
    /// # Errors
    ///
    /// When the system does not give the signals.
    pub fn new() -> io::Result<Self> {
        Shutdown::on([SignalKind::TERM, SignalKind::INT])
    }

    /// One that these kinds ask for. The second signal of any of them ends the process.
    ///
    /// # Errors
    ///
    /// As [`signals`](super::signals).
    pub fn on(kinds: impl IntoIterator<Item = SignalKind>) -> io::Result<Self> {
        let signals = set_of(kinds)?;
        let state = Arc::new(State { requested: Event::new(), by: AtomicI32::new(BY_NONE) });
        let listener = Arc::clone(&state) as Arc<dyn Listener>;
        let listening = process_signals::listen(signals, listener, Some(Arc::default()));
        let listening =
            listening.map_err(|(signal, error)| SignalKind::from_raw(signal).not_given(&error))?;
        let lookout = stream::Watch::new();
        Ok(Shutdown { inner: Arc::new(Inner { signals, state, lookout, _listening: listening }) })
    }

    /// Asks for the end, as a signal does. The first signal after that does not end the process yet.
    pub fn request(&self) {
        // A signal that has come before is what has asked for it.
        if !self.is_requested() {
            self.inner.state.requested.set();
        }
    }

    /// Whether the end was asked for. Anywhere, also outside of runs and in loops that only compute.
    pub fn is_requested(&self) -> bool {
        process_signals::dispatch();
        self.inner.state.requested.is_set()
    }

    /// The signal that has asked for the end; `None` before, and where the program did.
    pub fn signal(&self) -> Option<SignalKind> {
        process_signals::dispatch();
        let by = self.inner.state.by.load(Ordering::Acquire);
        (by != BY_NONE).then(|| SignalKind::from_raw(by))
    }

    /// Waits until the end was asked for; not at all if it was.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing is lost.
    ///
    /// # Panics
    ///
    /// Panics where a task may not wait, if it has to; see [`Operation::wait`].
    pub fn wait(&self) {
        self.requested().wait();
    }

    /// The operation of [`wait`](Shutdown::wait), for `select!`, and for `.await` in any executor; see
    /// [`Signal::receiving`](super::Signal::receiving).
    pub fn requested(&self) -> Requested<'_> {
        Requested { shutdown: self, event: self.inner.state.requested.waiting(), awake: None }
    }

    /// Runs `f`, which has this much time to come to its end from when that is asked for; then it is cancelled. A `scope` in it ends its children
    /// in that way.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the time was up and `f` was left by the cancellation. A value that `f` gives all the same is given.
    ///
    /// # Cancellation
    ///
    /// A cancellation from elsewhere goes through unchanged.
    ///
    /// # Panics
    ///
    /// Panics outside of a task. Goes on with panics of `f`.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::signal::Shutdown;
    /// use std::time::Duration;
    ///
    /// let runner = cede::Runner::builder().virtual_time(true).build();
    /// runner.run(|| -> std::io::Result<()> {
    ///     let shutdown = Shutdown::new()?;
    ///     let begin = cede::time::now();
    ///     cede::task::call_later(Duration::from_secs(60), { let it = shutdown.clone(); move || it.request() });
    ///     let outcome = shutdown.with_grace(Duration::from_secs(10), || {
    ///         cede::scope(|s| {
    ///             s.spawn(|| cede::sleep(Duration::from_secs(65)));
    ///             s.spawn(|| cede::sleep(Duration::MAX));
    ///         })
    ///     });
    ///     assert!(outcome.is_err());
    ///     assert_eq!(cede::time::now() - begin, Duration::from_secs(70));
    ///     Ok(())
    /// })?
    /// # .unwrap();
    /// # Ok::<_, cede::RunError>(())
    /// ```
    pub fn with_grace<T>(&self, grace: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
        timeout_with(None, |timeout| {
            let (shutdown, timeout) = (self.clone(), timeout.clone());
            let watch = move || {
                shutdown.wait();
                // One that is too far away is none. The block may have been left just now.
                let _ = timeout.reschedule(crate::time::now().checked_add(grace));
            };
            let _watch = Watch(task::Builder::new().name("shutdown").spawn(watch));
            f()
        })
    }
}

/// A task that ends with what it watches.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requested = self.inner.state.requested.is_set();
        f.debug_struct("Shutdown")
            .field("signals", &format_args!("{}", Names(self.inner.signals)))
            .field("requested", &requested)
            .finish()
    }
}

pin_project! {
    /// The operation of [`Shutdown::wait`].
    #[must_use = "it does nothing unless it is waited for"]
    pub struct Requested<'a> {
        shutdown: &'a Shutdown,
        #[pin]
        event: WaitingForEvent<'a>,
        // As long as it is registered: the run is not at a deadlock.
        awake: Option<Sender>,
    }
}

impl fmt::Debug for Requested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requested").field(self.shutdown).finish()
    }
}

impl sealed::Sealed for Requested<'_> {}

impl Operation for Requested<'_> {
    type Output = ();

    fn attempt(self: Pin<&mut Self>) -> Option<()> {
        process_signals::dispatch();
        self.project().event.attempt()
    }

    fn register(self: Pin<&mut Self>, waiter: Waiter) {
        let this = self.project();
        *this.awake = await_signals(waiter, &this.shutdown.inner.lookout);
        this.event.register(waiter);
    }

    fn withdraw(self: Pin<&mut Self>) {
        let this = self.project();
        this.event.withdraw();
        *this.awake = None;
    }

    fn cancel(&self) -> CancelWait {
        Operation::cancel(&self.event)
    }

    fn is_local(&self) -> bool {
        false
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waits for a shutdown by {}", Names(self.shutdown.inner.signals))
    }
}
