//! For tests that need a process of their own: because it ends badly, or because they count what belongs to the process.

use std::env;
use std::process::{Command, Output};

/// Set in the child, where the test itself runs.
const MARK: &str = "CEDE_TEST_CHILD";

/// Runs the test of this name again in a child, where `body` is called. Returns what came of it, to the parent;
/// the child does not return when its body did. `limit` is the child's address space in KiB.
pub(crate) fn run(test: &str, limit: Option<u64>, body: impl FnOnce()) -> Output {
    if env::var_os(MARK).is_some_and(|mark| mark == test) {
        body();
        std::process::exit(0);
    }
    let limit = limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c 0; ulimit -v $0; exec \"$@\"", &limit]);
    command.arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1", "--include-ignored"]);
    command.env(MARK, test).env("RUST_BACKTRACE", "0").output().unwrap()
}

/// Both outputs as one text.
pub(crate) fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// Runs the body in a child and expects it to end well.
pub(crate) fn alone(test: &str, limit: Option<u64>, body: impl FnOnce()) {
    let output = run(test, limit, body);
    let text = text(&output);
    assert!(output.status.success(), "{:?}: {text}", output.status);
    assert!(text.contains("running 1 test"), "there is no test {test}");
}
