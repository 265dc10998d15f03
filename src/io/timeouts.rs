//! How long the reads and writes of a stream may wait: set as std's sockets have it, and shared by the clones of one stream.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Both timeouts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeouts(Arc<Nanoseconds>);

/// 0 for none.
#[derive(Debug, Default)]
struct Nanoseconds {
    read: AtomicU64,
    write: AtomicU64,
}

impl Timeouts {
    #[inline]
    pub(crate) fn read(&self) -> Option<Duration> {
        load(&self.0.read)
    }

    #[inline]
    pub(crate) fn write(&self) -> Option<Duration> {
        load(&self.0.write)
    }

    /// # Errors
    ///
    /// `InvalidInput` for a time of zero.
    pub(crate) fn set_read(&self, timeout: Option<Duration>) -> io::Result<()> {
        store(&self.0.read, timeout)
    }

    /// # Errors
    ///
    /// `InvalidInput` for a time of zero.
    pub(crate) fn set_write(&self, timeout: Option<Duration>) -> io::Result<()> {
        store(&self.0.write, timeout)
    }
}

#[inline]
fn load(timeout: &AtomicU64) -> Option<Duration> {
    Some(timeout.load(Ordering::Relaxed)).filter(|&nanos| nanos > 0).map(Duration::from_nanos)
}

fn store(timeout: &AtomicU64, value: Option<Duration>) -> io::Result<()> {
    if value.is_some_and(|value| value.is_zero()) {
        let message = "a timeout of zero can't be set: use None for no timeout";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let nanos = value.map_or(0, |value| u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    timeout.store(nanos, Ordering::Relaxed);
    Ok(())
}
