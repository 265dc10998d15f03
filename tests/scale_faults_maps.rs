//! No mappings left for guards that are made by `mprotect`: an error that names the setting, and all others go on.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::rc::Rc;

use cede::stack::{StackError, stats};
use cede::sync::Event;
use cede::{JoinHandle, Runner, spawn, yield_now};

const TEST: &str = "tasks_beyond_the_limit_on_mappings_fail_and_the_others_live_on";

fn limit() -> usize {
    fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap()
}

#[test]
fn tasks_beyond_the_limit_on_mappings_fail_and_the_others_live_on() {
    if limit() > 200_000 {
        println!("skipped: so many stacks would be too many for a test");
    } else if std::env::var_os("CEDE_STACK_GUARD").is_some() {
        Runner::builder().stack_size(16 << 10).virtual_time(true).build().run(reach_the_limit).unwrap();
    } else {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([TEST, "--exact", "--nocapture", "--test-threads=1"]).env("CEDE_STACK_GUARD", "mprotect");
        let output = child.output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success() && text[0].contains("running 1 test"), "{}", text.concat());
    }
}

fn reach_the_limit() {
    let event = Rc::new(Event::new());
    let waits = || {
        let event = Rc::clone(&event);
        spawn(move || event.wait())
    };
    let half = limit() / 2;
    // Tasks that begin one after the other, so that the last ones meet the limit.
    let tasks: Vec<_> = (0..half + 500).map(|_| waits()).collect();
    yield_now();
    let (failed, alive): (Vec<_>, Vec<_>) = tasks.into_iter().partition(JoinHandle::is_finished);
    assert!(
        alive.len() > half - 1_000 && failed.len() > 400,
        "{} live, {} failed",
        alive.len(),
        failed.len()
    );
    assert_eq!(stats().in_use, alive.len() + 1);
    for task in &failed {
        let error = task.join().unwrap_err();
        assert!(matches!(error.error().unwrap().downcast_ref(), Some(StackError::MapLimit)), "{error}");
        assert!(error.to_string().contains("vm.max_map_count"), "{error}");
    }
    event.set();
    assert!(alive.iter().all(|task| task.join().is_ok()), "those that had a stack never noticed");
    event.clear();
    let again: Vec<_> = (0..alive.len()).map(|_| waits()).collect();
    yield_now();
    assert!(!again.iter().any(JoinHandle::is_finished), "there is a stack for as many as before");
    event.set();
    assert!(again.iter().all(|task| task.join().is_ok()));
}
