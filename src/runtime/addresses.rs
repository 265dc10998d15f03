//! Where the runs of this process are reached: for who only has the number of a task.
//!
//! A task that any worker may take has no home until it begins, and a handle that kept the inbox of its worker would count its
//! owners with every task, on a cache line that all workers write. The number of a task names its run. Cancelling from
//! elsewhere, which is seldom, looks the inbox up here.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::inbox::Inbox;

static RUNS: RwLock<BTreeMap<u32, Weak<Inbox>>> = RwLock::new(BTreeMap::new());

/// A run can be reached by its number as long as this lives.
#[derive(Debug)]
pub(super) struct Listed(u32);

/// Lists a run.
pub(super) fn list(serial: u32, inbox: &Arc<Inbox>) -> Listed {
    RUNS.write().unwrap_or_else(PoisonError::into_inner).insert(serial, Arc::downgrade(inbox));
    Listed(serial)
}

/// The inbox of the run with this number, if it is there.
pub(super) fn inbox_of(serial: u32) -> Option<Arc<Inbox>> {
    RUNS.read().unwrap_or_else(PoisonError::into_inner).get(&serial)?.upgrade()
}

impl Drop for Listed {
    fn drop(&mut self) {
        RUNS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_reached_as_long_as_it_is_listed() {
        let inbox = Inbox::new();
        let listed = list(u32::MAX, &inbox);
        assert!(Arc::ptr_eq(&inbox_of(u32::MAX).unwrap(), &inbox));
        drop(listed);
        assert!(inbox_of(u32::MAX).is_none());
    }
}
