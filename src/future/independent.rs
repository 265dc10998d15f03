//! Which operations can be awaited anywhere.
//!
//! Those that end by what tasks and threads do, and signals, which a thread tells of then. Timers and I/O belong to the run that watches them, so their operations are waited for in
//! its tasks only.

use std::future::IntoFuture;

use super::as_future::{AsFuture, as_future};
use crate::executor::Resulting;
use crate::runtime::RemoteJoining;
use crate::runtime::operation::Operation;
use crate::signal::{CtrlC, Receiving, Requested};
use crate::sync::{
    AcquiringLock, AcquiringPermit, Getting, JoiningQueue, Locking, Order, Putting, ReadingRwLock,
    WaitingForEvent, WaitingForValue, WritingRwLock, broadcast, mpsc, oneshot, watch,
};
use crate::task::{Joining, OwnedJoining, Race};

/// An operation that needs no run, and may be awaited in any executor: those of channels, queues, locks and events, of
/// handles and of signals, and a [`race`](crate::task::race()) of these. Sealed, as [`Operation`] is.
///
/// Each of them is [`IntoFuture`], so that `.await` does it; [`as_future`](as_future()) names the future. It is `Send` where what it
/// refers to may be shared with other threads. The operation of a local handle stays on its thread.
///
/// Those that are not: timers ([`after`](crate::time::after)), I/O, and all that needs a task.
///
/// # Examples
///
/// ```
/// use cede::sync::mpsc;
///
/// let (tx, rx) = mpsc::bounded(1);
/// let worker = std::thread::spawn(|| cede::run(move || {
///     (1..=3).for_each(|n| tx.send(n).unwrap());
/// }));
/// let sum = smol::block_on(async {
///     let mut sum = 0;
///     while let Ok(n) = rx.receiving().await {
///         sum += n;
///     }
///     sum
/// });
/// worker.join().unwrap();
/// assert_eq!(sum, 6);
/// ```
///
/// A timer belongs to a run:
///
/// ```compile_fail
/// use cede::time::after;
///
/// async { after(std::time::Duration::from_secs(1)).await };
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be awaited outside of a run",
    label = "ends by timers or I/O of its run, or needs a task",
    note = "wait for it in a task: `operation.wait()`"
)]
pub trait Independent: Operation {}

macro_rules! independent {
    ($([$($parameters:tt)*] $Operation:ty;)+) => {$(
        impl<$($parameters)*> Independent for $Operation {}

        impl<$($parameters)*> IntoFuture for $Operation {
            type Output = <$Operation as Operation>::Output;
            type IntoFuture = AsFuture<$Operation>;

            fn into_future(self) -> AsFuture<$Operation> {
                as_future(self)
            }
        }
    )+};
}

independent! {
    ['a] WaitingForEvent<'a>;
    ['a] AcquiringLock<'a>;
    ['a, T: ?Sized] Locking<'a, T>;
    ['a, T: ?Sized] ReadingRwLock<'a, T>;
    ['a, T: ?Sized] WritingRwLock<'a, T>;
    ['a] AcquiringPermit<'a>;
    ['a, T] WaitingForValue<'a, T>;
    ['a, T, O: Order<T>] Getting<'a, T, O>;
    ['a, T, O: Order<T>] Putting<'a, T, O>;
    ['a, T, O: Order<T>] JoiningQueue<'a, T, O>;
    ['a, T] mpsc::Receiving<'a, T>;
    ['a, T] mpsc::Sending<'a, T>;
    ['a, T] mpsc::Closing<'a, mpsc::Sender<T>>;
    ['a, T] oneshot::Closing<'a, oneshot::Sender<T>>;
    ['a, T] broadcast::Closing<'a, broadcast::Sender<T>>;
    ['a, T] watch::Closing<'a, watch::Sender<T>>;
    ['a, T] oneshot::Receiving<'a, T>;
    ['a, T: Clone] broadcast::Receiving<'a, T>;
    ['a, T] watch::Changing<'a, T>;
    ['a, T] RemoteJoining<'a, T>;
    ['a] Receiving<'a>;
    ['a] Requested<'a>;
    [] CtrlC;
    [T: Send + 'static] Resulting<T>;
    ['a, T] Joining<'a, T>;
    [T] OwnedJoining<T>;
    [A: Independent, B: Independent] Race<(A, B)>;
    [A: Independent, B: Independent, C: Independent] Race<(A, B, C)>;
    [A: Independent, B: Independent, C: Independent, D: Independent] Race<(A, B, C, D)>;
}
