//! What the tests of child processes share.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::cell::Cell;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use cede::JoinHandle;
use rustix::process::{Pid, Signal, kill_process};

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
        assert!(begin.elapsed() < Duration::from_secs(60), "not after a minute: {what}");
        std::thread::yield_now();
    }
}

/// A process as the system has it. Not its number alone, which another one may get soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    id: u32,
    /// In ticks since the system was started.
    began: u64,
}

impl Seen {
    /// One that is there.
    #[track_caller]
    pub(crate) fn of(id: u32) -> Self {
        Seen { id, began: look_at(id).expect("it is there").1 }
    }

    /// How it stands, by the letter that the system has for it: `R`, `S`, `T` for stopped, `Z` for a zombie.
    pub(crate) fn state(self) -> Option<char> {
        look_at(self.id).filter(|&(_, began)| began == self.began).map(|(state, _)| state)
    }

    /// Whether it is there, not as a zombie only.
    pub(crate) fn is_alive(self) -> bool {
        self.state().is_some_and(|state| state != 'Z')
    }

    #[track_caller]
    pub(crate) fn wait_until_gone(self) {
        until("it is gone", || self.state().is_none());
    }

    pub(crate) fn kill(self) {
        assert!(self.is_alive());
        kill_process(Pid::from_raw(self.id as i32).unwrap(), Signal::KILL).unwrap();
    }
}

/// How a process stands, and when it began.
fn look_at(id: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<_> = text.rsplit_once(") ")?.1.split(' ').collect();
    Some((fields[0].chars().next()?, fields[19].parse().unwrap()))
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
