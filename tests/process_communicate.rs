//! Writing to children and reading what they say: much, nothing, cut short anywhere; and the same with CPython's asyncio at the other end.
//!
//! `process_interop/peer.py` is that other end. It is run by `python3`, or what the variable PYTHON names; where that is older than 3.11, or
//! not there, a line on stderr says what was skipped.

#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cede::io::{StreamReader, StreamWriter};
use cede::process::{Child, Command, Output, Stdio, shell};
use cede::signal::{SignalKind, signal};
use cede::{Operation, yield_now};
use rustix::process::{Signal, getpid, kill_process};

mod process_shared;
use process_shared::{Seen, again_in_all_ways, counting_turns};

#[test]
fn everything_here_holds_in_all_ways_of_waiting() {
    again_in_all_ways();
}

/// A child with pipes for all three.
fn piped(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.kill_on_drop(true).spawn().unwrap()
}

/// Bytes that are not the same again soon.
fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn much_goes_in_and_comes_out() {
    cede::run(|| {
        let input = bytes(20 << 20);
        let (output, turns) =
            counting_turns(|| piped(&mut Command::new("cat")).communicate(&*input).unwrap());
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(output.stdout == input);
        assert!(turns > 1, "{turns}");
    });
}

#[test]
fn both_pipes_are_read_at_once() {
    cede::run(|| {
        let script = "i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; i=$((i+1)); done";
        let output = shell(script).output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (4_000_000, 4_000_000));
        let output = piped(&mut shell(script)).wait_with_output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (4_000_000, 4_000_000));
    });
}

#[test]
fn a_child_need_not_read_its_input() {
    cede::run(|| {
        // It ends; it closes its input and goes on; it never reads, and is given up.
        let output = piped(&mut shell("echo done")).communicate(bytes(1 << 20)).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"done\n"[..]));
        let output =
            piped(&mut shell("exec <&-; sleep 0.1; echo later")).communicate(bytes(1 << 20)).unwrap();
        assert_eq!(output.stdout, b"later\n");
        let mut deaf = piped(&mut shell("echo here; exec sleep 1000"));
        while deaf.said_so_far().0.is_empty() {
            let input = if deaf.stdin.is_some() { bytes(1 << 17) } else { Vec::new() };
            assert!(deaf.communicate_timeout(input, Duration::from_millis(5)).unwrap().is_none());
        }
        deaf.kill().unwrap();
        assert_eq!(deaf.communicate("").unwrap().stdout, b"here\n");
    });
}

#[test]
fn a_child_that_speaks_until_it_is_told_to_stop_is_told() {
    cede::run(|| {
        // More than a pipe takes at once, so that reading has its turns in between.
        let mut child = piped(&mut shell("yes & head -c 1000000 >/dev/null; kill $!"));
        let output = child.communicate(bytes(1_000_000)).unwrap();
        assert!(output.status.success() && output.stdout.starts_with(b"y\ny\n"));
    });
}

#[test]
fn what_is_no_pipe_gives_nothing_and_takes_nothing() {
    cede::run(|| {
        let mut child = shell("exit 2").spawn().unwrap();
        let error = child.communicate("text").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("child {} (\"/bin/sh\")", child.id())), "{error}");
        let Output { status, stdout, stderr } = child.communicate("").unwrap();
        assert_eq!((status.code(), stdout.len() + stderr.len()), (Some(2), 0));
        let mut child = piped(&mut Command::new("cat"));
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        stdin.write_all(b"mine").unwrap();
        drop(stdin);
        assert!(child.communicate("").unwrap().stdout.is_empty());
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "mine");
        // All is over, and stays so.
        assert!(child.communicate("").unwrap().status.success());
        assert!(child.communicate("more").is_err());
    });
}

#[test]
fn cut_short_by_its_time_it_can_be_gone_on_with() {
    cede::run(|| {
        let input = bytes(3 << 20);
        let mut child = piped(&mut Command::new("cat"));
        let mut parts = input.chunks(1 << 20);
        let mut expected = Vec::new();
        let mut times = 0;
        child.send_signal(libc::SIGSTOP).unwrap();
        let output = loop {
            if times == 5 {
                child.send_signal(libc::SIGCONT).unwrap();
            }
            // What is new goes behind what was not written yet.
            let part =
                if times % 3 == 0 && child.stdin.is_some() { parts.next().unwrap_or(&[]) } else { &[] };
            expected.extend_from_slice(part);
            times += 1;
            match child.communicate_timeout(part, Duration::ZERO).unwrap() {
                Some(output) => break output,
                None => assert!(expected.starts_with(child.said_so_far().0)),
            }
            yield_now();
        };
        assert!(output.status.success() && output.stdout == expected);
        assert!(times > 5, "{times}");
    });
}

#[test]
fn cancelled_anywhere_it_can_be_gone_on_with() {
    cede::run(|| {
        let input = bytes(1 << 20);
        let script = "trap 'exit 3' EXIT; cat; echo end >&2";
        let child = Rc::new(RefCell::new(piped(&mut shell(script))));
        let (mut given, mut turns) = (Some(input.clone()), 0);
        child.borrow().send_signal(libc::SIGSTOP).unwrap();
        let output = loop {
            if turns == 5 {
                child.borrow().send_signal(libc::SIGCONT).unwrap();
            }
            let (ours, part) = (Rc::clone(&child), given.take().unwrap_or_default());
            let task = cede::spawn(move || ours.borrow_mut().communicate(part).unwrap());
            (0..=turns % 40).for_each(|_| yield_now());
            task.cancel();
            turns += 1;
            match task.join() {
                Ok(output) => break output,
                Err(error) => assert!(error.is_cancelled()),
            }
            assert!(input.starts_with(child.borrow().said_so_far().0));
        };
        assert_eq!((output.status.code(), &*output.stderr), (Some(3), &b"end\n"[..]));
        assert!(output.stdout == input);
        assert!(turns > 5, "{turns}");
    });
}

#[test]
fn grandchildren_that_hold_the_pipes_can_be_given_up() {
    cede::run(|| {
        let mut child = piped(&mut shell("sleep 1000 & echo $!"));
        let mut said = String::new();
        while !said.ends_with('\n') {
            assert!(child.communicate_timeout("", Duration::from_millis(5)).unwrap().is_none());
            said = String::from_utf8(child.said_so_far().0.to_vec()).unwrap();
        }
        // The child itself is not what it waits for.
        assert!(child.waiting().wait().unwrap().success());
        assert!(child.communicate_timeout("", Duration::from_millis(5)).unwrap().is_none());
        let grandchild = Seen::of(said.trim().parse().unwrap());
        child.stdout = None;
        child.stderr = None;
        assert_eq!(child.communicate("").unwrap().stdout, said.as_bytes());
        grandchild.kill();
        // `output` ends when the last of them does.
        assert_eq!(shell("(sleep 0.1; echo b) & echo a").output().unwrap().stdout, b"a\nb\n");
    });
}

#[test]
fn signals_that_interrupt_change_nothing() {
    cede::run(|| {
        let listener = signal(SignalKind::USR2).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let flood = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                kill_process(getpid(), Signal::USR2).unwrap();
            }
        });
        listener.recv();
        for _ in 0..20 {
            let input = bytes(1 << 20);
            assert!(piped(&mut Command::new("cat")).communicate(&*input).unwrap().stdout == input);
            assert_eq!(shell("sleep 0.01; exit 5").status().unwrap().code(), Some(5));
        }
        stop.store(true, Ordering::Relaxed);
        flood.join().unwrap();
        // The last may still be on its way, and would end the process if nobody listened.
        std::mem::forget(listener);
    });
}

#[test]
fn streams_of_asyncio_have_their_verbs_here() {
    cede::run(|| {
        let mut child = piped(&mut shell("while read line; do echo \"<$line>\"; done; printf tail"));
        let mut writer = StreamWriter::new(child.stdin.take().unwrap());
        let mut reader = StreamReader::new(child.stdout.take().unwrap());
        for n in 0..50 {
            writeln!(writer, "line {n}").unwrap();
            writer.drain().unwrap();
            assert_eq!(reader.readline().unwrap(), format!("<line {n}>\n").as_bytes());
        }
        drop(writer);
        assert_eq!(reader.read_to_eof().unwrap(), b"tail");
        assert!(child.wait().unwrap().success());
    });
}

fn python() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// The other end, if there is a Python that is new enough for it.
fn peer(arguments: &[&str]) -> Option<Command> {
    let asked = "import sys; sys.exit(sys.version_info < (3, 11))";
    let is_new = std::process::Command::new(python()).args(["-c", asked]).stderr(Stdio::null()).status();
    if !is_new.is_ok_and(|status| status.success()) {
        // Not `eprintln`, which the harness keeps to itself when the test passes.
        let line =
            format!("skipped: pipes to asyncio need Python 3.11, and {:?} is older or not there\n", python());
        io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    let program: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/process_interop/peer.py");
    let mut command = Command::new(python());
    command.args(["-I", "-B", "-W", "error"]).arg(program).args(arguments);
    Some(command)
}

const FRAME: usize = 3 << 20;

#[test]
fn a_child_of_asyncio_talks_to_a_parent_of_cede() {
    let Some(mut command) = peer(&["child"]) else { return };
    cede::run(|| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut writer = StreamWriter::new(child.stdin.take().unwrap());
        let mut reader = StreamReader::new(child.stdout.take().unwrap());
        for n in 0..100 {
            writeln!(writer, "line {n}").unwrap();
            writer.drain().unwrap();
            assert_eq!(reader.readline().unwrap(), format!("LINE {n}\n").as_bytes());
        }
        // A frame, back again, while neither reads before it has written.
        let frame = bytes(FRAME);
        let writing = cede::spawn({
            let frame = frame.clone();
            move || {
                writer.write_all(b"\n").unwrap();
                writer.write_all(&(FRAME as u32).to_be_bytes()).unwrap();
                writer.write_all(&frame).unwrap();
                writer.drain().unwrap();
            }
        });
        assert!(reader.readexactly(FRAME).unwrap() == frame);
        writing.join().unwrap();
        // The end of its input is the end of it.
        assert_eq!(reader.read_to_eof().unwrap(), b"bye\n");
        assert_eq!(child.wait().unwrap().code(), Some(7));
    });
    let mut command = peer(&["child"]).unwrap();
    cede::run(|| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = b"one\ntwo\n\n\0\0\0\x04abcd".to_vec();
        let output = child.communicate(std::mem::take(&mut input)).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"ONE\nTWO\nabcdbye\n"[..]));
    });
}

/// What `peer.py child` does, by the standard streams of cede. What the harness has said before is ended by a line.
fn serve() -> io::Result<()> {
    let (mut input, mut output) = (cede::io::stdin().lock(), cede::io::stdout().lock());
    output.write_all(b"\nready\n")?;
    output.flush()?;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        if line.len() <= 1 {
            break;
        }
        output.write_all(line.to_uppercase().as_bytes())?;
        output.flush()?;
    }
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut frame)?;
    output.write_all(&frame)?;
    output.flush()?;
    assert_eq!(input.read(&mut [0])?, 0);
    output.write_all(b"bye\n")?;
    output.flush()
}

#[test]
fn a_child_of_cede_talks_to_a_parent_of_asyncio() {
    const NAME: &str = "a_child_of_cede_talks_to_a_parent_of_asyncio";
    if env::var_os("CEDE_TEST_SERVES").is_some() {
        cede::run(serve).unwrap();
        std::process::exit(7);
    }
    let program = env::current_exe().unwrap();
    let arguments = ["parent", program.to_str().unwrap(), NAME, "--exact", "--nocapture", "--test-threads=1"];
    let Some(mut command) = peer(&arguments) else { return };
    let output = cede::run(|| command.env("CEDE_TEST_SERVES", "1").output()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
