//! Runs a test again in a process of its own, for what ends a process or is about its end.

use std::env;
use std::process::{Command, Output};

/// Set in the child, where the body runs.
const MARK: &str = "CEDE_ATTACK_CHILD";

/// Calls `body` in a child, which is this test run again with these variables, and gives what came of it to the parent.
/// The child ends with status 0 when the body returns.
pub(crate) fn run(test: &str, environment: &[(&str, &str)], body: impl FnOnce()) -> Output {
    if env::var_os(MARK).is_some_and(|mark| mark == test) {
        body();
        std::process::exit(0);
    }
    // Nobody wants the memory of a process that is meant to fail.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c 0; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(MARK, test).env("RUST_BACKTRACE", "0").envs(environment.iter().copied()).output().unwrap()
}

/// What was printed, to both streams.
pub(crate) fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream)).concat()
}
