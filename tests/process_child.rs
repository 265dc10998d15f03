//! Children: waiting for their ends, signals, what becomes of those that are dropped, and what can go wrong.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use cede::io::raw_os_error;
use cede::process::{Child, Command, Stdio, shell};
use cede::time::after;
use cede::{Operation, Runner};
use rustix::process::{Resource, Rlimit, setrlimit};

mod net_pair;
#[path = "process_child/numbers.rs"]
mod numbers;
mod process_shared;
use net_pair::{in_child, while_others_run};
use process_shared::{
    Seen, again_in_all_ways, by_threads, children, counting_turns, descriptors, soon, threads_for_children,
    until,
};

#[test]
fn everything_here_holds_in_all_ways_of_waiting() {
    again_in_all_ways();
}

/// A child that goes on until its input ends.
fn patient() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// A child of the shell that has said that it is ready.
fn ready(script: &str) -> Child {
    let mut child = shell(format!("{script}; echo ready; while :; do sleep 0.01; done"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    child
}

#[test]
fn how_a_child_ends_is_told() {
    cede::run(|| {
        assert_eq!(shell("exit 3").spawn().unwrap().wait().unwrap().code(), Some(3));
        let mut killed = shell("kill -USR1 $$").spawn().unwrap();
        assert_eq!(killed.wait().unwrap().signal(), Some(libc::SIGUSR1));
        assert_eq!(killed.try_wait().unwrap(), Some(killed.wait().unwrap()));
    });
}

#[test]
fn the_others_run_while_a_task_waits_for_a_child() {
    cede::run(|| {
        let (status, turns) = counting_turns(|| shell("sleep 0.3").status().unwrap());
        assert!(status.success());
        assert!(turns > 10, "{turns} turns");
        let mut child = patient();
        let stdin = child.stdin.take();
        let waiting = cede::spawn(move || child.wait().unwrap());
        while_others_run();
        assert!(!waiting.is_finished());
        drop(stdin);
        assert!(soon(&waiting).success());
    });
}

#[test]
fn any_number_of_tasks_may_wait_for_one_child() {
    cede::run(|| {
        let mut child = patient();
        let stdin = child.stdin.take();
        let child = Rc::new(child);
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let child = Rc::clone(&child);
                cede::spawn(move || child.waiting().wait().unwrap())
            })
            .collect();
        while_others_run();
        // One that leaves takes nothing from the others.
        tasks[0].cancel();
        assert!(tasks[0].join().unwrap_err().is_cancelled());
        drop(stdin);
        assert!(tasks[1..].iter().all(|task| soon(task).success()));
    });
}

#[test]
fn tasks_of_several_runs_may_wait_for_one_child() {
    let mut child = patient();
    let stdin = child.stdin.take();
    let child = Arc::new(child);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let child = Arc::clone(&child);
            let main = move || {
                let other = Arc::clone(&child);
                let task = cede::spawn(move || other.waiting().wait().unwrap());
                assert!(child.waiting().wait().unwrap().success());
                assert!(soon(&task).success());
            };
            thread::spawn(move || cede::run(main))
        })
        .collect();
    drop(stdin);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_run_with_nothing_else_waits_for_a_child() {
    let runner = Runner::builder().by_itself(true).build();
    let status = runner.run(|| shell("sleep 0.05; exit 4").status().unwrap());
    assert_eq!(status.unwrap().code(), Some(4));
}

#[test]
fn waiting_by_itself_closes_the_input_and_the_operation_does_not() {
    cede::run(|| {
        assert!(patient().wait().unwrap().success());
        let child = patient();
        cede::select! {
            status = child.waiting() => panic!("{status:?}"),
            _ = after(Duration::from_millis(20)) => {}
        }
        assert!(child.stdin.is_some());
    });
}

#[test]
fn a_wait_that_takes_too_long_or_is_cancelled_loses_nothing() {
    cede::run(|| {
        let mut child = ready("true");
        assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
        assert_eq!(child.wait_timeout(Duration::from_millis(5)).unwrap(), None);
        let child = Rc::new(child);
        let ours = Rc::clone(&child);
        let task = cede::spawn(move || ours.waiting().wait());
        while_others_run();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(cede::timeout(Duration::from_millis(5), || child.waiting().wait()).is_err());
        child.kill().unwrap();
        assert_eq!(child.waiting().wait().unwrap().signal(), Some(libc::SIGKILL));
        let mut child = Rc::into_inner(child).unwrap();
        let status = child.wait_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(status.unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn signals_reach_a_child_and_do_nothing_to_one_that_has_ended() {
    cede::run(|| {
        let mut child = ready("trap 'exit 7' USR1");
        child.send_signal(libc::SIGUSR1).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        child.send_signal(libc::SIGUSR1).unwrap();
        child.kill().unwrap();
        child.terminate().unwrap();
        for number in [0, -1, 65, 1000] {
            let error = child.send_signal(number).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains(&child.id().to_string()), "{error}");
        }
        let mut willing = ready("true");
        willing.terminate().unwrap();
        assert_eq!(willing.wait().unwrap().signal(), Some(libc::SIGTERM));
    });
}

#[test]
fn a_stopped_child_has_not_ended() {
    cede::run(|| {
        let mut child = ready("true");
        child.send_signal(libc::SIGSTOP).unwrap();
        until("it is stopped", || Seen::of(child.id()).state() == Some('T'));
        assert_eq!(child.wait_timeout(Duration::from_millis(5)).unwrap(), None);
        // It hears of its end when it goes on, which it is told to.
        let status = child.shut_down(Duration::from_secs(60)).unwrap();
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        let stopped = ready("trap '' TERM");
        stopped.send_signal(libc::SIGSTOP).unwrap();
        stopped.kill().unwrap();
        assert_eq!(stopped.waiting().wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_child_is_shut_down_gently_or_not() {
    cede::run(|| {
        let tidy = ready("trap 'exit 5' TERM");
        assert_eq!(tidy.shut_down(Duration::from_secs(60)).unwrap().code(), Some(5));
        let deaf = ready("trap '' TERM");
        assert_eq!(deaf.shut_down(Duration::from_millis(30)).unwrap().signal(), Some(libc::SIGKILL));
        assert_eq!(deaf.shut_down(Duration::ZERO).unwrap().signal(), Some(libc::SIGKILL));
        // Cancelled meanwhile, it was asked and not killed.
        let deaf = Rc::new(ready("trap '' TERM"));
        let ours = Rc::clone(&deaf);
        let task = cede::spawn(move || ours.shut_down(Duration::from_secs(60)));
        while_others_run();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(deaf.try_wait().unwrap(), None);
    });
}

#[test]
fn without_a_run_all_that_does_not_wait_works() {
    let mut child = patient();
    assert_eq!(child.try_wait().unwrap(), None);
    let error = child.waiting().wait().unwrap_err();
    assert!(error.to_string().contains("cede::run"), "{error}");
    let error = child.wait_timeout(Duration::from_secs(1)).unwrap_err();
    assert!(error.to_string().contains("cede::run"), "{error}");
    until("its input is closed", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    assert!(child.wait_timeout(Duration::ZERO).unwrap().unwrap().success());
}

#[test]
fn a_child_of_std_is_taken_over() {
    let mut command = std::process::Command::new("cat");
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cede::run(|| {
        let mut child = Child::try_from(child).unwrap();
        assert_eq!(child.communicate("text").unwrap().stdout, b"text");
        let mut waited = std::process::Command::new("true").spawn().unwrap();
        waited.wait().unwrap();
        assert!(Child::try_from(waited).unwrap().wait().unwrap().success());
    });
}

#[test]
fn a_child_that_is_dropped_leaves_no_zombie() {
    // In a run, with its end before and after.
    let (ended, goes_on) = cede::run(|| {
        let ended = shell("exit 0").spawn().unwrap();
        let seen = Seen::of(ended.id());
        until("it is a zombie", || seen.state() == Some('Z'));
        (seen, Seen::of(patient().id()))
    });
    // Without one.
    let child = shell("exit 0").spawn().unwrap();
    let short = Seen::of(child.id());
    drop(child);
    [ended, goes_on, short].into_iter().for_each(Seen::wait_until_gone);
}

#[test]
fn a_child_that_is_dropped_goes_on_unless_it_is_to_be_killed() {
    let mut command = Command::new("sleep");
    let child = command.arg("1000").spawn().unwrap();
    let goes_on = Seen::of(child.id());
    drop(child);
    let child = command.kill_on_drop(true).spawn().unwrap();
    let killed = Seen::of(child.id());
    drop(child);
    killed.wait_until_gone();
    goes_on.kill();
    goes_on.wait_until_gone();
}

#[test]
fn a_task_that_is_cancelled_leaves_its_child_or_kills_it() {
    for kill in [false, true] {
        let child = cede::run(move || {
            let (reader, writer) = cede::io::pipe().unwrap();
            let task = cede::spawn(move || {
                let mut command = shell("echo $$; exec sleep 1000");
                command.kill_on_drop(kill).stdout(writer).status().map(drop)
            });
            let mut line = String::new();
            BufReader::new(reader).read_line(&mut line).unwrap();
            let child = Seen::of(line.trim().parse().unwrap());
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
            child
        });
        if !kill {
            child.kill();
        }
        child.wait_until_gone();
    }
}

#[test]
fn orphans_cost_nothing_once_they_have_ended() {
    if !in_child("orphans_cost_nothing_once_they_have_ended") {
        return;
    }
    assert_eq!(threads_for_children(), [""; 0]);
    let before = descriptors();
    for _ in 0..3 {
        let mut inputs = Vec::new();
        for _ in 0..70 {
            let mut child = patient();
            inputs.push(child.stdin.take());
        }
        let threads = if by_threads() { 70 } else { 1 };
        until("threads have given themselves their names", || threads_for_children().len() == threads);
        assert_eq!(children().len(), 70);
        drop(inputs);
        until("all are gone", || children().is_empty());
        until("the threads are gone", || threads_for_children().is_empty());
        until("the descriptors are closed", || descriptors() == before);
    }
}

#[test]
fn a_thousand_children_are_started_and_fed_and_leave_nothing() {
    if !in_child("a_thousand_children_are_started_and_fed_and_leave_nothing") {
        return;
    }
    let run = |count: usize| {
        cede::run(move || {
            let next = Rc::new(std::cell::Cell::new(0));
            let worker = || {
                let next = Rc::clone(&next);
                cede::spawn(move || {
                    while next.get() < count {
                        let number = next.replace(next.get() + 1);
                        let mut command = Command::new("cat");
                        let mut child = command
                            .stdin(Stdio::piped())
                            .stdout(Stdio::piped())
                            .stderr(Stdio::piped())
                            .spawn()
                            .unwrap();
                        let output = child.communicate(number.to_string()).unwrap();
                        assert!(output.status.success() && output.stderr.is_empty());
                        assert_eq!(output.stdout, number.to_string().as_bytes());
                    }
                })
            };
            let workers: Vec<_> = (0..20).map(|_| worker()).collect();
            workers.iter().for_each(|worker| worker.join().unwrap());
        });
    };
    run(20);
    until("the threads are gone", || threads_for_children().is_empty());
    let before = descriptors();
    run(1000);
    assert_eq!(children(), [0; 0]);
    until("the threads are gone", || threads_for_children().is_empty());
    assert_eq!(descriptors(), before);
}

#[test]
fn without_descriptors_what_can_be_started_is_waited_for() {
    if !in_child("without_descriptors_what_can_be_started_is_waited_for") {
        return;
    }
    cede::run(|| {
        // The run has what it needs.
        assert!(Command::new("sleep").arg("0.05").status().unwrap().success());
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
        let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let error = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::EMFILE));
        assert!(error.to_string().starts_with("can't start \"cat\": "), "{error}");
        // Nothing is opened for this one, and so nothing can be opened to wait for it either.
        let mut child = shell("exit 6").spawn().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(6));
        let orphan = Command::new("sleep").arg("0.1").spawn().unwrap();
        drop(orphan);
        taken.clear();
        until("it is gone", || children().is_empty());
    });
}

#[test]
fn where_the_system_keeps_no_status_that_is_said() {
    const NAME: &str = "where_the_system_keeps_no_status_that_is_said";
    if env::var_os("CEDE_TEST_IGNORES").is_none() {
        let mut command = std::process::Command::new("env");
        command.arg("--ignore-signal=CHLD").arg(env::current_exe().unwrap());
        command.args([NAME, "--exact", "--nocapture", "--test-threads=1"]).env("CEDE_TEST_IGNORES", "1");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    cede::run(|| {
        let mut child = patient();
        assert_eq!(child.try_wait().unwrap(), None);
        let error = child.wait().unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::ECHILD));
        let text = error.to_string();
        assert!(text.starts_with("can't wait for child ") && text.contains("(\"cat\")"), "{text}");
        assert!(text.contains("SIGCHLD is ignored"), "{text}");
        // It is known to be over.
        child.kill().unwrap();
        assert!(child.try_wait().is_err());
        let unseen = shell("exit 0").spawn().unwrap();
        until("it is gone", || children().is_empty());
        unseen.kill().unwrap();
        assert!(unseen.waiting().wait().is_err());
        // What it said is here all the same.
        let mut child = shell("echo hello").stdout(Stdio::piped()).spawn().unwrap();
        assert!(child.communicate("").is_err());
        assert_eq!(child.said_so_far().0, b"hello\n");
    });
}

#[test]
fn a_report_names_the_child_that_a_task_waits_for() {
    let child = patient();
    let text = format!("{child:?}");
    assert!(text.contains(&child.id().to_string()), "{text}");
    cede::run(|| {
        let error = child.stdin.as_ref().map(|pipe| pipe.set_write_timeout(Some(Duration::from_millis(5))));
        error.unwrap().unwrap();
        child.send_signal(libc::SIGSTOP).unwrap();
        let error = io::Write::write_all(&mut child.stdin.as_ref().unwrap(), &[0; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().starts_with("can't write to the input of child "), "{error}");
        child.kill().unwrap();
    });
}

/// A shell that leads a group, and two that it has started. They ignore SIGTERM if told so.
fn group(traps: &str, kill_on_drop: bool) -> (Child, Vec<Seen>) {
    let member = format!("(trap {traps}; exec sh -c 'echo $$; exec sleep 1000')");
    let mut command = shell(format!("{member} & {member} & exec sleep 1000"));
    let command = command.process_group(0).kill_group_on_drop(kill_on_drop).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let lines = stdout.lines().take(2).map(|line| Seen::of(line.unwrap().parse().unwrap()));
    let mut members: Vec<_> = lines.collect();
    members.push(Seen::of(child.id()));
    (child, members)
}

#[test]
fn a_signal_to_the_group_reaches_all_that_the_child_has_started() {
    cede::run(|| {
        let (mut child, members) = group("- TERM", false);
        child.send_signal_to_group(libc::SIGSTOP).unwrap();
        until("all are stopped", || members.iter().all(|member| member.state() == Some('T')));
        child.send_signal_to_group(libc::SIGCONT).unwrap();
        child.send_signal_to_group(libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        members.iter().for_each(|member| member.wait_until_gone());
    });
}

#[test]
fn those_who_outlive_their_leader_are_reached_or_the_error_says_what_to_do() {
    cede::run(|| {
        let (mut child, members) = group("- TERM", false);
        child.kill().unwrap();
        // The leader has ended, and its number is kept until somebody looks.
        until("it has ended", || members[2].state() == Some('Z'));
        child.send_signal_to_group(libc::SIGCONT).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert!(members[0].is_alive() && members[1].is_alive());
        let killed = child.kill_group();
        if by_threads() {
            let error = killed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("Signal the group before waiting for its leader"), "{error}");
            members[..2].iter().for_each(|member| member.kill());
        } else {
            killed.unwrap();
            members.iter().for_each(|member| member.wait_until_gone());
            child.kill_group().expect("that nobody is left is no error");
        }
    });
}

#[test]
fn a_group_that_is_shut_down_has_its_time_and_is_killed_then() {
    cede::run(|| {
        // All listen.
        let (child, members) = group("- TERM", false);
        assert_eq!(child.shut_down_group(Duration::MAX).unwrap().signal(), Some(libc::SIGTERM));
        members.iter().for_each(|member| assert!(!member.is_alive()));
        // Two are deaf, and outlive the shell.
        let (child, members) = group("'' TERM", false);
        let status = child.shut_down_group(Duration::from_millis(50)).unwrap();
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        members.iter().for_each(|member| member.wait_until_gone());
        // The shell is deaf as well, and stopped.
        let child = shell("trap '' TERM; kill -STOP $$; sleep 1000").process_group(0).spawn().unwrap();
        let seen = Seen::of(child.id());
        until("it is stopped", || seen.state() == Some('T'));
        let status = child.shut_down_group(Duration::from_millis(1)).unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_group_is_shut_down_while_others_wait_for_its_leader() {
    cede::run(|| {
        let mut all = Vec::new();
        for _ in 0..40 {
            let (child, members) = group("'' TERM", false);
            all.extend(members);
            let child = Rc::new(child);
            let waits = cede::spawn({
                let child = Rc::clone(&child);
                move || child.waiting().wait().unwrap()
            });
            cede::yield_now();
            let status = child.shut_down_group(Duration::from_millis(1)).unwrap();
            assert_eq!(soon(&waits), status);
        }
        all.iter().for_each(|member| member.wait_until_gone());
    });
}

#[test]
fn a_group_goes_with_the_child_where_that_was_asked_for() {
    cede::run(|| {
        for end_first in [false, true] {
            let (child, members) = group("'' TERM", true);
            if end_first {
                child.kill().unwrap();
                until("it has ended", || members[2].state() == Some('Z'));
            }
            drop(child);
            members.iter().for_each(|member| member.wait_until_gone());
        }
        let (child, members) = group("- TERM", false);
        drop(child);
        assert!(members.iter().all(|member| member.is_alive()), "it goes on");
        members.iter().for_each(|member| member.kill());
        // One that was put into another group goes alone.
        let mut leader = Command::new("cat").process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        let mut command = Command::new("sleep");
        let member =
            command.arg("1000").kill_group_on_drop(true).process_group(leader.id() as i32).spawn().unwrap();
        let seen = Seen::of(member.id());
        drop(member);
        seen.wait_until_gone();
        assert!(leader.wait().unwrap().success());
    });
}

#[test]
fn a_child_that_leads_no_group_says_how_to_have_one() {
    cede::run(|| {
        let mut child = patient();
        for refused in [child.send_signal_to_group(libc::SIGTERM), child.kill_group()] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(
                error.to_string().ends_with("it leads none. Start it with `process_group(0)`"),
                "{error}"
            );
        }
        assert_eq!(child.shut_down_group(Duration::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(child.wait().unwrap().success(), "it heard of nothing");
        let mut leader = Command::new("cat").process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        assert_eq!(leader.send_signal_to_group(0).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(leader.wait().unwrap().success());
    });
}

#[test]
fn real_time_signals_are_sent_as_any_other() {
    cede::run(|| {
        for number in [libc::SIGRTMIN(), libc::SIGRTMIN() + 3, libc::SIGRTMAX()] {
            let mut child = patient();
            child.send_signal(number).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(number));
        }
        let mut child = patient();
        // The C library's own, and none.
        for number in [libc::SIGRTMIN() - 1, libc::SIGRTMAX() + 1, i32::MAX] {
            let error = child.send_signal(number).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = format!("can't send signal {number} to child {} (\"cat\")", child.id());
            assert!(error.to_string().starts_with(&text), "{error}");
        }
        assert!(child.wait().unwrap().success());
    });
}
