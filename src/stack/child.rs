//! For tests that need a process of their own: because it ends badly, or because they count what belongs to
//! the process.

use std::env;
use std::process::{Command, Output};

/// Set in the child, where the test itself runs.
const MARK: &str = "CEDE_TEST_CHILD";

/// The test binary, to be run again with these arguments.
pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// Runs the test of this name again in a child, where `body` is called. Returns what came of it, to the
/// parent; the child does not return when its body did.
pub(super) fn run(test: &str, environment: &[(&str, &str)], body: impl FnOnce()) -> Output {
    if env::var_os(MARK).is_some_and(|mark| mark == test) {
        body();
        std::process::exit(0);
    }
    let mut command = command(&["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(MARK, test).envs(environment.iter().copied());
    command.output().unwrap()
}

/// Runs the body in a child where no other test runs, and expects it to end well.
pub(super) fn alone(test: &str, body: impl FnOnce()) {
    alone_with(test, &[], body);
}

/// As [`alone`], with these variables in the environment.
pub(super) fn alone_with(test: &str, environment: &[(&str, &str)], body: impl FnOnce()) {
    let run = run(test, environment, body);
    let text = [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(run.status.success(), "{}", text.concat());
    assert!(text[0].contains("running 1 test"), "there is no test {test}");
}
