//! Handles of tasks as futures.

use std::future::IntoFuture;

use super::as_future::{AsFuture, as_future};
use crate::runtime::{RemoteJoinError, RemoteJoinHandle, RemoteJoining};
use crate::task::{JoinError, JoinHandle, Joining, OwnedJoining};

/// The end of the task, as [`join`](JoinHandle::join) gives it, for executors on this thread. Dropping the future lets the task go on,
/// as dropping the handle does.
///
/// # Examples
///
/// ```
/// use cede::future::Wait;
///
/// cede::run(|| {
///     let task = cede::spawn(|| 20);
///     let more = async { task.await.unwrap() + 1 };
///     assert_eq!(more.wait(), 21);
/// });
/// ```
impl<T> IntoFuture for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = AsFuture<OwnedJoining<T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.into_joining())
    }
}

/// The same, of a handle that is kept.
impl<'a, T> IntoFuture for &'a JoinHandle<T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = AsFuture<Joining<'a, T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.joining())
    }
}

/// The end of the task, as [`join`](RemoteJoinHandle::join) gives it, for any executor. Dropping the future lets the task go on.
///
/// # Examples
///
/// ```
/// let runner = cede::Runner::new();
/// let run = runner.handle();
/// let other = std::thread::spawn(move || smol::block_on(async move {
///     let task = run.spawn(|| cede::current().unwrap().name());
///     task.await
/// }));
/// runner.run(|| while !other.is_finished() { cede::sleep(std::time::Duration::from_millis(1)) })?;
/// assert_eq!(other.join().unwrap()?, "Task-2");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
impl<T: 'static> IntoFuture for RemoteJoinHandle<T> {
    type Output = Result<T, RemoteJoinError>;
    type IntoFuture = AsFuture<RemoteJoining<'static, T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.into_joining())
    }
}

/// The same, of a handle that is kept.
impl<'a, T> IntoFuture for &'a RemoteJoinHandle<T> {
    type Output = Result<T, RemoteJoinError>;
    type IntoFuture = AsFuture<RemoteJoining<'a, T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.joining())
    }
}
