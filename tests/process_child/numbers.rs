//! Numbers of processes that have gone, which others have got: no signal reaches those.
//!
//! The tests run in numbers of their own, which they may choose. Where that can't be had, there is nothing to be seen.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::time::Duration;
use std::{env, fs};

use cede::process::{Command as Ours, shell};
use rustix::process::{Pid, Signal, kill_process};

use super::process_shared::{Seen, by_threads, soon, until};

/// Runs one test of this file again, where it chooses numbers. Gives whether this is there.
fn in_numbers_of_its_own(test: &str) -> bool {
    const INSIDE: &str = "CEDE_TEST_NUMBERS";
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshared = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]);
        command
    };
    if unshared().arg("true").output().is_ok_and(|output| output.status.success()) {
        let mut command = unshared();
        command.arg(env::current_exe().unwrap()).arg(format!("numbers::{test}"));
        command.args(["--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    }
    false
}

/// A process with this number, which leads a group.
fn stranger(id: u32) -> Child {
    until("its number is free", || !fs::exists(format!("/proc/{id}")).unwrap());
    loop {
        // Any thread may take a number too.
        fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string()).unwrap();
        let mut stranger = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        if stranger.id() == id {
            return stranger;
        }
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

/// Ends it, by a signal that nothing else here sends.
fn end(mut stranger: Child) {
    assert!(stranger.try_wait().unwrap().is_none(), "no signal has reached it");
    // One that was sent before ends it first, also where it has not done so yet.
    kill_process(Pid::from_child(&stranger), Signal::USR1).unwrap();
    assert_eq!(stranger.wait().unwrap().signal(), Some(libc::SIGUSR1));
}

#[test]
fn no_signal_reaches_a_stranger_with_the_same_number() {
    if !in_numbers_of_its_own("no_signal_reaches_a_stranger_with_the_same_number") {
        return;
    }
    cede::run(|| {
        let mut child = Ours::new("true").kill_group_on_drop(true).spawn().unwrap();
        child.wait().unwrap();
        let stranger = stranger(child.id());
        child.terminate().unwrap();
        child.send_signal(libc::SIGHUP).unwrap();
        assert_eq!(child.send_signal_to_group(libc::SIGHUP).is_err(), by_threads());
        end(stranger);
    });
}

#[test]
fn a_group_that_is_shut_down_is_not_taken_for_that_of_a_stranger() {
    if !in_numbers_of_its_own("a_group_that_is_shut_down_is_not_taken_for_that_of_a_stranger") {
        return;
    }
    cede::run(|| {
        let child = shell("exec sleep 1000").process_group(0).spawn().unwrap();
        let (id, leader) = (child.id(), Seen::of(child.id()));
        // It is deaf when it has given its place away.
        let mut member = Command::new("sh");
        member.args(["-c", "trap '' TERM; exec sleep 1000"]).process_group(id as i32);
        let mut member = member.spawn().unwrap();
        let name = format!("/proc/{}/comm", member.id());
        until("it is deaf", || fs::read_to_string(&name).unwrap().trim() == "sleep");
        let task = cede::spawn(move || child.shut_down_group(Duration::from_secs(30)).unwrap());
        while leader.state().is_some() {
            cede::sleep(Duration::from_millis(1));
        }
        // That task has no turn meanwhile.
        member.kill().unwrap();
        member.wait().unwrap();
        let stranger = stranger(id);
        assert_eq!(soon(&task).signal(), Some(libc::SIGTERM));
        end(stranger);
    });
}
