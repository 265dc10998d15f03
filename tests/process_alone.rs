//! What can be seen only in a process of one thread, which the usual harness does not have: that the threads which are there for children
//! count for nothing.

use std::env;
use std::process::{ExitCode, Stdio};

use cede::process::Command;
use cede::sync::Queue;
use cede::{RunError, Runner};

mod process_shared;
use process_shared::{Seen, threads_for_children, until};

fn main() -> ExitCode {
    if !cfg!(target_os = "linux") {
        return ExitCode::SUCCESS;
    }
    if env::args().any(|argument| argument == "--list") {
        println!("an_orphan_is_no_reason_to_wait_at_a_deadlock: test");
        return ExitCode::SUCCESS;
    }
    if env::var_os("CEDE_PROCESS").is_some() {
        an_orphan_is_no_reason_to_wait_at_a_deadlock();
        return ExitCode::SUCCESS;
    }
    for how in ["descriptors", "threads"] {
        let mut again = std::process::Command::new(env::current_exe().unwrap());
        let output = again.env("CEDE_PROCESS", how).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{how}: {}", String::from_utf8_lossy(&output.stderr));
    }
    println!("test an_orphan_is_no_reason_to_wait_at_a_deadlock ... ok");
    ExitCode::SUCCESS
}

fn an_orphan_is_no_reason_to_wait_at_a_deadlock() {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let orphan = Seen::of(child.id());
    drop(child);
    until("it is looked after", || threads_for_children().len() == 1);
    let error = Runner::builder().build().run(|| Queue::<()>::unbounded().get()).unwrap_err();
    assert!(matches!(error, RunError::Deadlock(_)), "{error}");
    assert_eq!(threads_for_children().len(), 1);
    orphan.kill();
    orphan.wait_until_gone();
}
