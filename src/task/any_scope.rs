//! Scopes as children on other workers have them: what crosses threads offers only children that may cross too.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use super::crowd::Crowd;
use super::group::SpawnError;
use crate::runtime::RemoteJoinHandle;
use crate::runtime::remote::Given;

/// A [`Scope`](super::Scope) for its children on other workers; from [`Scope::any`](super::Scope::any).
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// let leaves = AtomicU32::new(0);
/// let runtime = cede::Runtime::builder().workers(2).build()?;
/// runtime.run(|| {
///     cede::scope(|s| {
///         let any = s.any();
///         for _ in 0..3 {
///             any.spawn_any(|| {
///                 for _ in 0..3 {
///                     any.spawn_any(|| leaves.fetch_add(1, Ordering::Relaxed));
///                 }
///             });
///         }
///     })
/// })??;
/// assert_eq!(leaves.into_inner(), 9);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct AnyScope<'scope, 'env: 'scope> {
    crowd: Arc<Crowd>,
    /// Invariant in both, as the scope is.
    marker: PhantomData<(&'scope mut &'scope (), &'env mut &'env ())>,
}

impl fmt::Debug for AnyScope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyScope").finish_non_exhaustive()
    }
}

impl<'scope> AnyScope<'scope, '_> {
    pub(super) fn of(crowd: &Arc<Crowd>) -> Self {
        AnyScope { crowd: Arc::clone(crowd), marker: PhantomData }
    }

    /// Adds a child; see [`Scope::spawn_any`](super::Scope::spawn_any).
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    #[track_caller]
    pub fn spawn_any<T: Send + 'scope>(
        &'scope self,
        f: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedRemoteJoinHandle<'scope, T> {
        self.start(None, Location::caller(), move || Ok(f()))
    }

    /// Adds a child that may fail; see [`Scope::try_spawn_any`](super::Scope::try_spawn_any).
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    #[track_caller]
    pub fn try_spawn_any<T: Send + 'scope, E: Into<Box<dyn Error + Send + Sync>> + 'scope>(
        &'scope self,
        f: impl FnOnce() -> Result<T, E> + Send + 'scope,
    ) -> ScopedRemoteJoinHandle<'scope, T> {
        self.start(None, Location::caller(), move || f().map_err(Into::into))
    }

    pub(super) fn start<T: Send + 'scope>(
        &'scope self,
        refusal: Option<SpawnError>,
        spawned_at: &'static Location<'static>,
        body: impl FnOnce() -> Given<T> + Send + 'scope,
    ) -> ScopedRemoteJoinHandle<'scope, T> {
        // SAFETY: the scope waits for its children before anything that lives as long as `'scope` goes, and the marker keeps the
        // handle from living longer.
        let handle = unsafe { self.crowd.start(refusal, spawned_at, body) };
        ScopedRemoteJoinHandle { handle, marker: PhantomData }
    }
}

/// The handle of a task that a [`scope`](crate::scope) has started on any worker. Has all that a [`RemoteJoinHandle`] has.
pub struct ScopedRemoteJoinHandle<'scope, T> {
    handle: RemoteJoinHandle<T>,
    marker: PhantomData<&'scope mut &'scope ()>,
}

impl<T> Deref for ScopedRemoteJoinHandle<'_, T> {
    type Target = RemoteJoinHandle<T>;

    fn deref(&self) -> &RemoteJoinHandle<T> {
        &self.handle
    }
}

impl<T> fmt::Debug for ScopedRemoteJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
