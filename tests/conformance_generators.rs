//! Generator programs whose traces CPython recorded, run on cede: the traces must be equal, line for line.
//!
//! The interpreter is that of the example `conformance`. `tests/data/README.md` describes the programs.

#[path = "../examples/conformance/interpreter/mod.rs"]
mod interpreter;

use interpreter::Refusal;
use serde_json::{Value as Json, json};

const PROGRAMS: &str = include_str!("data/generators.jsonl");

fn trace_of(line: &str) -> Vec<String> {
    interpreter::read(line).unwrap_or_else(|refusal| panic!("{refusal}: {line}")).run()
}

/// The first line in which two traces differ, and both forms of it.
fn first_difference(expected: &[String], got: &[String]) -> Option<String> {
    let none = "(the trace ends)".to_owned();
    (0..expected.len().max(got.len())).find_map(|line| {
        let (expected, got) = (expected.get(line).unwrap_or(&none), got.get(line).unwrap_or(&none));
        (expected != got).then(|| format!("line {line}: expected {expected:?}, got {got:?}"))
    })
}

#[test]
fn generators_behave_as_cpythons_do() {
    let mut differences = Vec::new();
    let mut programs = 0;
    for line in PROGRAMS.lines() {
        let item: Json = serde_json::from_str(line).unwrap();
        let expected: Vec<String> = serde_json::from_value(item["trace"].clone()).unwrap();
        if let Some(difference) = first_difference(&expected, &trace_of(line)) {
            differences.push(format!("{}: {difference}", item["id"]));
        }
        programs += 1;
    }
    assert!(programs >= 300, "only {programs} programs were found");
    assert!(
        differences.is_empty(),
        "{} of {programs} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn programs_on_several_threads_keep_their_traces_apart() {
    let expected: Vec<Vec<String>> = PROGRAMS.lines().take(40).map(trace_of).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (line, expected) in PROGRAMS.lines().zip(&expected) {
                    assert_eq!(first_difference(expected, &trace_of(line)), None, "{line}");
                }
            });
        }
    });
}

#[test]
fn a_difference_is_found_where_a_trace_is_too_short() {
    let (short, long) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
    assert_eq!(first_difference(&long, &long), None);
    assert!(first_difference(&short, &long).unwrap().starts_with("line 1"));
    assert!(first_difference(&long, &short).unwrap().starts_with("line 1"));
}

#[test]
fn programs_of_another_kind_are_refused() {
    let item = json!({"kind": "tasks", "program": {"objects": [], "bodies": {"main": {"code": []}}}});
    assert!(
        matches!(interpreter::read(&item.to_string()), Err(Refusal::UnknownKind(kind)) if kind == "tasks")
    );
}

#[test]
fn a_statement_that_does_not_exist_is_refused() {
    let item =
        json!({"kind": "generator", "program": {"bodies": {"a": {"code": [["jump", 3]]}}, "main": []}});
    assert!(matches!(interpreter::read(&item.to_string()), Err(Refusal::Malformed(_))));
}
