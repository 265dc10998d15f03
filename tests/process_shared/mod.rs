//! What the tests of child processes share.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::cell::Cell;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use cede::JoinHandle;

/// Runs all tests of the binary in other processes: where threads wait for children, and with the reactor that every system has.
pub(crate) fn again_in_all_ways() {
    if std::env::var_os("CEDE_PROCESS").is_some() || std::env::var_os("CEDE_REACTOR").is_some() {
        return;
    }
    for (key, value) in [("CEDE_PROCESS", "threads"), ("CEDE_REACTOR", "portable")] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.env(key, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{key}={value} {text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Whether a thread waits for each child.
pub(crate) fn by_threads() -> bool {
    std::env::var_os("CEDE_PROCESS").is_some()
}

/// What a task gives that nothing will wake when its turn is forgotten.
pub(crate) fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(60), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

/// Waits, by looking, until something holds that nobody tells of.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How a process stands, by the letter that the system has for it: `R`, `S`, `T` for stopped, `Z` for a zombie. None where there is none.
pub(crate) fn state_of(id: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

/// All descriptors of this process.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The names of the threads of this process that are there for children.
pub(crate) fn threads_for_children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("cede-child") || name.starts_with("cede-orphans")).collect()
}

/// All children of this process, zombies included.
pub(crate) fn children() -> Vec<u32> {
    let mut all = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let list = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        all.extend(list.split_whitespace().map(|id| id.parse::<u32>().unwrap()));
    }
    all
}

/// Counts how often the others get a turn.
pub(crate) fn counting_turns<R>(f: impl FnOnce() -> R) -> (R, usize) {
    let turns = std::rc::Rc::new(Cell::new(0));
    let count = std::rc::Rc::clone(&turns);
    let task = cede::spawn(move || {
        loop {
            count.set(count.get() + 1);
            cede::sleep(Duration::from_micros(100));
        }
    });
    let result = f();
    task.cancel();
    (result, turns.get())
}
