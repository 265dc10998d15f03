//! Handles of tasks and jobs as futures.

use std::future::IntoFuture;

use super::as_future::{AsFuture, as_future};
use crate::executor::{Future as Job, FutureError, Resulting};
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

/// What the job gives, as [`result`](Job::result) does, for any executor. Dropping the future lets the job go on.
///
/// # Examples
///
/// ```
/// use cede::executor::{Executor, ThreadPoolExecutor};
///
/// let pool = ThreadPoolExecutor::new(1);
/// assert_eq!(smol::block_on(async { pool.submit(|| 6 * 7).await })?, 42);
/// # Ok::<_, cede::executor::FutureError>(())
/// ```
impl<T: Send + 'static> IntoFuture for Job<T> {
    type Output = Result<T, FutureError>;
    type IntoFuture = AsFuture<Resulting<T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.resulting())
    }
}

/// The same, of a handle that is kept.
impl<T: Send + 'static> IntoFuture for &Job<T> {
    type Output = Result<T, FutureError>;
    type IntoFuture = AsFuture<Resulting<T>>;

    fn into_future(self) -> Self::IntoFuture {
        as_future(self.resulting())
    }
}
