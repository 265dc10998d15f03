//! What a runtime costs while it has nothing to do, and a process that forks in a task.

use std::process::{Command, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cede::runtime::unblock_scoped;
use cede::sync::Event;
use cede::{RunError, Runner, Runtime, sleep, spawn, spawn_any, unblock, yield_now};

/// The processor time that this process has used.
fn processor_time() -> Duration {
    // SAFETY: `rusage` is plain data, and the call fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

const CHILD: &str = "CEDE_TEST_CHILD";

/// Runs one of the functions below in a process of its own.
fn in_a_process(name: &str) {
    let test = std::env::current_exe().unwrap();
    let mut child = Command::new(test).arg("children").env(CHILD, name).spawn().unwrap();
    let number = child.id();
    let (tell, told) = mpsc::channel();
    let waits = thread::spawn(move || {
        let status = child.wait().unwrap();
        // Nobody listens any more when it took too long.
        let _ = tell.send(());
        status
    });
    if told.recv_timeout(Duration::from_secs(30)).is_err() {
        // SAFETY: the child was not waited for, so the number is its.
        unsafe { libc::kill(number as libc::pid_t, libc::SIGKILL) };
        panic!("{name} hangs");
    }
    let status = waits.join().unwrap();
    assert!(status.success(), "{name}: {status}");
}

#[test]
fn children() {
    match std::env::var(CHILD).as_deref() {
        Ok("idle") => idle(),
        Ok("busy before") => idle_after_work(),
        Ok("fork") => fork(),
        Ok("fork before a run") => fork_before_a_run(),
        Ok("fork beside a call") => fork_beside_a_call(),
        Ok("fork beside a call that borrows") => fork_beside_a_call_that_borrows(false),
        Ok("fork beside a call that main has lent to") => fork_beside_a_call_that_borrows(true),
        _ => {}
    }
}

/// 300 ms in which nothing happens, after `work`, cost next to nothing.
fn idles(work: impl FnOnce()) {
    let runtime = Runtime::builder().workers(4).build().unwrap();
    let used = runtime.run(|| {
        work();
        // The workers go to sleep.
        sleep(Duration::from_millis(20));
        let before = processor_time();
        sleep(Duration::from_millis(300));
        processor_time() - before
    });
    let used = used.unwrap();
    assert!(used < Duration::from_millis(5), "{used:?}");
}

fn idle() {
    idles(|| ());
}

/// So it is after a time in which workers have woken each other a lot, and wait awake.
fn idle_after_work() {
    idles(|| {
        for n in 0..2000 {
            assert_eq!(spawn_any(move || n).join().unwrap(), n);
        }
    });
}

/// A child that goes on in a task comes out of its run, and so does the parent.
fn fork() {
    let runtime = Runtime::builder().workers(2).build().unwrap();
    let (tell, told) = mpsc::channel();
    let forked = runtime.run(|| {
        let event = Arc::new(Event::new());
        let waits = Arc::clone(&event);
        let other = spawn_any(move || waits.wait());
        sleep(Duration::from_millis(5));
        // SAFETY: the child does nothing but leave the run and exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            return None;
        }
        event.set();
        other.join().unwrap();
        tell.send(()).unwrap();
        Some(child)
    });
    let Some(child) = forked.unwrap() else { exit(7) };
    ends_with_7(child);
    assert!(told.recv().is_ok());
}

/// What was made before is as good in the child as what it makes itself.
fn fork_before_a_run() {
    let runner = Runner::new();
    // SAFETY: no other thread holds a lock that the child needs.
    let child = unsafe { libc::fork() };
    if child != 0 {
        return ends_with_7(child);
    }
    let mut lent = 0;
    let run = runner.run(|| {
        unblock_scoped(|| {
            (0..1000).for_each(|_| thread::yield_now());
            lent = 3;
        });
        unblock(|| {
            (0..1000).for_each(|_| thread::yield_now());
            4
        })
    });
    exit(lent + run.unwrap());
}

/// A child that goes on in a task while a blocking call is under way, on a thread that the child does not have.
fn fork_beside_a_call() {
    let runner = Runner::builder().max_blocking_threads(1).build();
    let ((begin, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let forked = runner.run(|| {
        let call = spawn(move || {
            unblock(move || {
                begin.send(()).unwrap();
                released.recv().unwrap();
            })
        });
        yield_now();
        begun.recv().unwrap();
        // SAFETY: the child does nothing but leave the run and exit.
        let child = unsafe { libc::fork() };
        if child != 0 {
            release.send(()).unwrap();
            call.join().unwrap();
        }
        child
    });
    drop(runner);
    match forked.unwrap() {
        0 => exit(7),
        child => ends_with_7(child),
    }
}

/// The same with a call that uses what its task lends it: the child's copy of that is used by nobody. Where it is the main task that
/// waits for the call, the child's run is at a deadlock.
fn fork_beside_a_call_that_borrows(main_waits: bool) {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static RELEASED: AtomicBool = AtomicBool::new(false);
    let wait_until = |flag: &AtomicBool| {
        while !flag.load(SeqCst) {
            thread::yield_now();
        }
    };
    let call = move || {
        let lent = String::from("lent");
        let length = unblock_scoped(|| {
            BEGUN.store(true, SeqCst);
            wait_until(&RELEASED);
            lent.len()
        });
        assert_eq!(length, 4);
    };
    let fork = move || {
        wait_until(&BEGUN);
        // SAFETY: the child does nothing but leave the run and exit.
        let child = unsafe { libc::fork() };
        if child != 0 {
            RELEASED.store(true, SeqCst);
        }
        child
    };
    let runner = Runner::new();
    let forked = runner.run(|| {
        if main_waits {
            let forks = spawn(fork);
            call();
            forks.join().unwrap()
        } else {
            let call = spawn(call);
            yield_now();
            let child = fork();
            if child != 0 {
                call.join().unwrap();
            }
            child
        }
    });
    drop(runner);
    match forked {
        Ok(0) if !main_waits => exit(7),
        Err(RunError::Deadlock(deadlock)) if main_waits => {
            assert!(deadlock.to_string().contains("a blocking call that borrows"), "{deadlock}");
            exit(7)
        }
        forked => ends_with_7(forked.unwrap()),
    }
}

fn ends_with_7(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: it waits for the child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status}");
}

#[test]
fn an_idle_runtime_uses_no_processor_time() {
    in_a_process("idle");
}

#[test]
fn a_runtime_that_was_busy_uses_none_when_it_is_idle() {
    in_a_process("busy before");
}

#[test]
fn a_child_that_was_forked_in_a_task_and_its_parent_both_come_out() {
    in_a_process("fork");
    in_a_process("fork before a run");
    in_a_process("fork beside a call");
    in_a_process("fork beside a call that borrows");
    in_a_process("fork beside a call that main has lent to");
}
