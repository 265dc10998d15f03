//! The harness of tests with signals: children on the thread that a process begins with, and what is done to them.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Names the case that a child carries out.
const MARK: &str = "CEDE_TEST_SIGNALS";

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// In the child.
    pub(crate) body: fn(),
    /// What it does to the child.
    pub(crate) script: fn(&mut Run),
}

/// A child that is under way.
pub(crate) struct Run {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Run {
    fn of(case: &Case) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c 0; exec \"$0\""]).arg(env::current_exe().unwrap());
        command.env(MARK, case.name).env("RUST_BACKTRACE", "0");
        if case.name.ends_with("portable") {
            command.env("CEDE_REACTOR", "portable");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let tell_errors = tell.clone();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        thread::spawn(move || {
            errors.lines().map_while(Result::ok).try_for_each(|line| tell_errors.send(line))
        });
        Run { input: child.stdin.take(), child, lines }
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(Duration::from_secs(120)) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.child.kill().unwrap();
                panic!("the child hangs");
            }
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line().as_deref(), Some(line));
    }

    /// Presses Ctrl-C when the child says that it is ready.
    #[track_caller]
    pub(crate) fn interrupt_when_ready(&mut self) {
        self.send_when_ready(Signal::INT);
    }

    /// Sends the child a signal when it says that it is ready.
    #[track_caller]
    pub(crate) fn send_when_ready(&mut self, signal: Signal) {
        self.expect("ready");
        self.send(signal);
    }

    pub(crate) fn send(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets a child go on that waits for a line.
    pub(crate) fn go_on(&mut self) {
        self.input.as_mut().unwrap().write_all(b"go on\n").unwrap();
    }

    /// Waits for the end, before which these lines come.
    #[track_caller]
    pub(crate) fn ends_after(&mut self, lines: &[&str]) -> ExitStatus {
        let rest: Vec<_> = std::iter::from_fn(|| self.line()).collect();
        assert_eq!(rest, lines);
        self.child.wait().unwrap()
    }

    #[track_caller]
    pub(crate) fn is_killed_after(&mut self, lines: &[&str]) {
        self.is_killed_by(Signal::INT, lines);
    }

    #[track_caller]
    pub(crate) fn is_killed_by(&mut self, signal: Signal, lines: &[&str]) {
        let status = self.ends_after(lines);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
    }

    /// The child ends by itself, with this status.
    #[track_caller]
    pub(crate) fn exits_with(&mut self, code: i32, lines: &[&str]) {
        let status = self.ends_after(lines);
        assert_eq!(status.code(), Some(code), "{status}");
    }

    #[track_caller]
    pub(crate) fn succeeds_after(&mut self, lines: &[&str]) {
        let status = self.ends_after(lines);
        assert!(status.success(), "{status}");
    }
}

/// What the arguments want, which are those of the usual harness: parts of names, and `--skip` with such.
fn wanted() -> impl Fn(&&Case) -> bool {
    let (mut filters, mut skipped) = (Vec::new(), Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--skip" {
            skipped.extend(arguments.next());
        } else if !argument.starts_with('-') {
            filters.push(argument);
        }
    }
    move |case| {
        let is_named = |parts: &[String]| parts.iter().any(|part| case.name.contains(part.as_str()));
        (filters.is_empty() || is_named(&filters)) && !is_named(&skipped)
    }
}

/// Carries a case out where this is a child, and tests all else.
pub(crate) fn main(cases: &[&[Case]]) -> ExitCode {
    let cases = cases.concat();
    if let Some(name) = env::var_os(MARK) {
        let case = cases.iter().find(|case| name == case.name).expect("a case of this name");
        (case.body)();
        return ExitCode::SUCCESS;
    }
    let cases: Vec<_> = cases.iter().filter(wanted()).collect();
    println!("\nrunning {} tests", cases.len());
    let mut failed = 0;
    for case in &cases {
        let result = panic::catch_unwind(AssertUnwindSafe(|| (case.script)(&mut Run::of(case))));
        println!("test {} ... {}", case.name, if result.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(result.is_err());
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {} passed; {failed} failed\n", cases.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
