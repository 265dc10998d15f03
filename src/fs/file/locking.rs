//! Locks on files, which all who know of them keep to: `flock`.
//!
//! The system can wait for a lock, but only by blocking a thread, in a call that can't be taken back: one that was cancelled would get
//! its lock later, with nobody to release it, and many that wait would leave no thread for who holds the lock. So it is asked again
//! after a while, which grows.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::File;
use super::opened::Opened;
use crate::io::{Pauses, named};

const LOCKS: &str = "lock";

/// Why [`File::try_lock`] gives no lock: std's `TryLockError`.
#[derive(Debug)]
pub enum TryLockError {
    /// The system says so.
    Error(io::Error),
    /// Somebody else has it.
    WouldBlock,
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryLockError::Error(error) => error.fmt(f),
            TryLockError::WouldBlock => f.write_str("the file is locked by somebody else"),
        }
    }
}

impl Error for TryLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TryLockError::Error(error) => Some(error),
            TryLockError::WouldBlock => None,
        }
    }
}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> Self {
        match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        }
    }
}

/// A lock on its way to the task that wants it. Where that has gone, it is released.
struct Locked {
    opened: Arc<Opened>,
    is_wanted: bool,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.is_wanted {
            // What has been locked can be unlocked.
            let _ = flock(&self.opened.file, FlockOperation::Unlock);
        }
    }
}

impl File {
    /// Locks the file for this handle alone, and waits until nobody else has it locked. What is pending is written before, and
    /// what was read ahead is given up, since others may have changed it.
    ///
    /// The lock is of those that others need not heed, and belongs to the open file: handles made by [`try_clone`](Self::try_clone) share it.
    /// It goes when the last of them does.
    ///
    /// Whether it is free is asked anew after pauses of up to 50 ms, so there is no order among those who wait.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; the file is not locked then.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::fs::File;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let path = std::env::temp_dir().join(format!("cede-lock-{}", std::process::id()));
    ///     let (one, other) = (File::create(&path)?, File::open(&path)?);
    ///     one.lock()?;
    ///     assert!(other.try_lock().is_err());
    ///     one.unlock()?;
    ///     other.try_lock()?;
    ///     cede::fs::remove_file(&path)
    /// })
    /// # .unwrap();
    /// ```
    pub fn lock(&self) -> io::Result<()> {
        self.wait_to_lock(FlockOperation::NonBlockingLockExclusive)
    }

    /// As [`lock`](Self::lock), but together with others who share it.
    ///
    /// # Errors, cancellation
    ///
    /// As [`lock`](Self::lock).
    pub fn lock_shared(&self) -> io::Result<()> {
        self.wait_to_lock(FlockOperation::NonBlockingLockShared)
    }

    /// As [`lock`](Self::lock), but it does not wait for others.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) when somebody else has it locked; those of the system.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.lock_now(FlockOperation::NonBlockingLockExclusive)
    }

    /// As [`lock_shared`](Self::lock_shared), but it does not wait for others.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Self::try_lock).
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.lock_now(FlockOperation::NonBlockingLockShared)
    }

    /// Releases the lock, after what is pending has been written.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn unlock(&self) -> io::Result<()> {
        self.operate("unlock", |buffers| {
            buffers.write_out()?;
            Ok(flock(&buffers.opened().file, FlockOperation::Unlock)?)
        })
    }

    fn wait_to_lock(&self, how: FlockOperation) -> io::Result<()> {
        let mut pauses = Pauses::within(None);
        loop {
            match self.lock_now(how) {
                Err(TryLockError::WouldBlock) => {
                    pauses.pause().map_err(|error| named(error, LOCKS, &self.opened))?;
                }
                locked => return Ok(locked?),
            }
        }
    }

    fn lock_now(&self, how: FlockOperation) -> Result<(), TryLockError> {
        let opened = Arc::clone(&self.opened);
        let locked = self.operate(LOCKS, move |buffers| {
            buffers.write_out()?;
            match retry_on_intr(|| flock(&opened.file, how)) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            let locked = Locked { opened, is_wanted: false };
            buffers.settle()?;
            Ok(Some(locked))
        });
        match locked.map_err(TryLockError::Error)? {
            Some(mut locked) => locked.is_wanted = true,
            None => return Err(TryLockError::WouldBlock),
        }
        Ok(())
    }
}
