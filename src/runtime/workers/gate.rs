//! The way into a runtime, for who is not one of its workers: it outlives the runs.
//!
//! ```text
//!             open              close              open
//!   WAITING ────────▶ RUNNING ────────▶ CLOSED ────────▶ RUNNING
//!      └──────────────── close ───────────▲
//! ```
//!
//! What comes before the first run waits for it; what comes after a run is given back, until the next begins. A push is made under
//! the lock of the stage, so that nothing is put where nobody looks any more.

use std::fmt;
use std::sync::Arc;

use super::crew::Crew;
use crate::atomics::deque::{Injector, Steal};
use crate::atomics::{Ordering, PoisonError, RwLock, hint};
use crate::runtime::remote::Fresh;

enum Stage {
    Waiting,
    Running(Arc<Crew>),
    Closed,
}

/// See the head of this file.
pub(in crate::runtime) struct Gate {
    /// Tells its tasks from those of others.
    pub(super) number: u32,
    pub(super) injector: Injector<Fresh>,
    stage: RwLock<Stage>,
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        // It orders nothing, and so is no part of the models.
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        Arc::new(Gate {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            injector: Injector::new(),
            stage: RwLock::new(Stage::Waiting),
        })
    }

    /// What tells its tasks from those of others.
    pub(in crate::runtime) fn number(&self) -> u32 {
        self.number
    }

    /// A run begins. Gives false when one is under way.
    pub(super) fn open(&self, crew: &Arc<Crew>) -> bool {
        let mut stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Running(_)) {
            return false;
        }
        *stage = Stage::Running(Arc::clone(crew));
        true
    }

    /// The run is over: nothing comes in any more.
    pub(super) fn close(&self) {
        let before = {
            let mut stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *stage, Stage::Closed)
        };
        drop(before);
    }

    /// Drops what was left, when it is closed.
    pub(super) fn clear(&self) {
        while let Some(fresh) = steal_until_settled(|| self.injector.steal()) {
            fresh.refuse();
        }
    }

    /// Puts work where any worker finds it. Gives it back when the run is over.
    pub(in crate::runtime) fn push(&self, fresh: Fresh) -> Result<(), Fresh> {
        let stage = self.stage.read().unwrap_or_else(PoisonError::into_inner);
        match &*stage {
            Stage::Closed => return Err(fresh),
            Stage::Waiting => self.injector.push(fresh),
            Stage::Running(crew) => {
                self.injector.push(fresh);
                crew.work_came();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Steals until there is an answer.
pub(super) fn steal_until_settled<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(taken) => return Some(taken),
            Steal::Empty => return None,
            Steal::Retry => hint::spin_loop(),
        }
    }
}
