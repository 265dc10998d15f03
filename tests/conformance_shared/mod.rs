//! What the conformance tests share: running recorded programs, and where their traces differ.
//!
//! The interpreter is that of the example `conformance`, which each of them has as its module `interpreter`.

use serde_json::Value as Json;

use crate::interpreter;

/// The trace that cede gives for a line of a file of programs.
pub(crate) fn trace_of(line: &str) -> Vec<String> {
    interpreter::read(line).unwrap_or_else(|refusal| panic!("{refusal}: {line}")).run()
}

/// The first line in which two traces differ, and both forms of it.
pub(crate) fn first_difference(expected: &[String], got: &[String]) -> Option<String> {
    let none = "(the trace ends)".to_owned();
    (0..expected.len().max(got.len())).find_map(|line| {
        let (expected, got) = (expected.get(line).unwrap_or(&none), got.get(line).unwrap_or(&none));
        (expected != got).then(|| format!("line {line}: expected {expected:?}, got {got:?}"))
    })
}

/// Runs all programs of a file, and asserts that their traces are those that were recorded. `programs_min` is how many there are at
/// least.
#[track_caller]
pub(crate) fn assert_all_agree(programs: &str, programs_min: usize) {
    let mut differences = Vec::new();
    let mut count = 0;
    for line in programs.lines() {
        let item: Json = serde_json::from_str(line).unwrap();
        let expected: Vec<String> = serde_json::from_value(item["trace"].clone()).unwrap();
        if let Some(difference) = first_difference(&expected, &trace_of(line)) {
            differences.push(format!("{}: {difference}", item["id"]));
        }
        count += 1;
    }
    assert!(count >= programs_min, "only {count} programs were found");
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
}

/// Runs programs on several threads at once, and asserts that each trace is the one that a single thread gives.
#[track_caller]
pub(crate) fn assert_threads_keep_apart(programs: &str) {
    let expected: Vec<Vec<String>> = programs.lines().take(40).map(trace_of).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (line, expected) in programs.lines().zip(&expected) {
                    assert_eq!(first_difference(expected, &trace_of(line)), None, "{line}");
                }
            });
        }
    });
}
