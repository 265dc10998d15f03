//! What the ports of CPython's tests of groups share: the kinds of errors in a group, and bodies that do the usual things.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::collections::BTreeSet;
use std::time::Duration;

use cede::{GroupError, JoinError, catch_cancelled, sleep};

use super::trace::log;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The text of an error, or "group" for a group of them.
pub(crate) fn kind(error: &JoinError) -> String {
    match error.error() {
        Some(error) if error.is::<GroupError>() => "group".to_owned(),
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

/// The kinds of errors in a group, in order of the alphabet and without repeats: CPython's `get_error_types`.
pub(crate) fn kinds(error: &GroupError) -> Vec<String> {
    let kinds: BTreeSet<_> = error.iter().map(kind).collect();
    kinds.into_iter().collect()
}

/// The kinds of errors in the groups that are in a group.
pub(crate) fn inner_kinds(error: &GroupError) -> Vec<String> {
    error.of_type::<GroupError>().flat_map(kinds).collect()
}

/// Fails after a while.
pub(crate) fn fail_after(ms: u32, text: &'static str) -> Result<(), &'static str> {
    sleep(ms * MS);
    Err(text)
}

/// Sleeps, and says so when it is cancelled meanwhile.
pub(crate) fn sleep_noting(ms: u32, text: &str) {
    if let Err(cancelled) = catch_cancelled(|| sleep(ms * MS)) {
        log(text);
        cancelled.resume();
    }
}

/// Sleeps, and fails when it is cancelled meanwhile.
pub(crate) fn sleep_failing(ms: u32, text: &'static str) -> Result<(), &'static str> {
    catch_cancelled(|| sleep(ms * MS)).map_err(|_| text)
}

/// Sleeps, and takes a while to clean up when it is cancelled meanwhile.
pub(crate) fn sleep_lingering(ms: u32, cleanup_ms: u32) {
    if let Err(cancelled) = catch_cancelled(|| sleep(ms * MS)) {
        sleep(cleanup_ms * MS);
        cancelled.resume();
    }
}
