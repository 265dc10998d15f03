//! The layout of the crate, made executable.
//!
//! Style that is only written down is forgotten, so what can be checked by reading the files is checked here: who may name
//! whom, where `unsafe` may stand, how long files and functions may be, what they are called and what they open with. Every
//! check is a plain function from a [`Source`] to its findings, and `tidy/checks.rs` shows each of them failing on a small
//! string: a check that has never failed is worth nothing.
//!
//! The files are read as text. [`Source::new`] blanks out comments and literals and cuts the rest into tokens, which is all
//! the Rust that these checks need to understand; a full parser would be a dependency for no gain.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, path::Path};

/// The layers, lowest first. A layer may name itself and those before it, nothing after it.
const LAYERS: &[&str] = &[
    "atomics",
    "stack",
    "coroutine",
    "generator",
    "runtime",
    "task",
    "time",
    "sync",
    "io",
    "net",
    "fs",
    "process",
    "signal",
    "executor",
    "future",
    "testing",
    "dns",
    "tls",
    "http",
    "ws",
];

/// What stands beside the layers and may name all of them.
const ABOVE_ALL: &[&str] = &["lib", "manual"];

/// Crates that one place alone may name: the crate, and what the paths of that place begin with.
const CONFINED: &[(&str, &str)] = &[("corosensei", "src/coroutine.rs"), ("polling", "src/runtime/reactor")];

/// The files that may hold `unsafe`, and must: one that no longer does is taken off the list.
const UNSAFE_FILES: &[&str] = &[
    "benches/peers/src/bin/load.rs",
    "src/atomics/modelled.rs",
    "src/coroutine.rs",
    "src/coroutine/fibers.rs",
    "src/coroutine/grow.rs",
    "src/future/task_waker.rs",
    "src/generator/builder.rs",
    "src/generator/core.rs",
    "src/generator/delegation.rs",
    "src/generator/mod.rs",
    "src/generator/record.rs",
    "src/generator/scoped.rs",
    "src/generator/yielder.rs",
    "src/net/datagram_batch.rs",
    "src/net/unix/credentials.rs",
    "src/process/group.rs",
    "src/runtime/blocking/job.rs",
    "src/runtime/blocking/scoped.rs",
    "src/runtime/blocking/scoped/models.rs",
    "src/runtime/context.rs",
    "src/runtime/guarded.rs",
    "src/runtime/holder.rs",
    "src/runtime/park.rs",
    "src/runtime/prefetch.rs",
    "src/runtime/process_signals/action.rs",
    "src/runtime/process_signals/handler.rs",
    "src/runtime/remote.rs",
    "src/runtime/remote/shared.rs",
    "src/runtime/remote/work.rs",
    "src/runtime/run_queue.rs",
    "src/runtime/runner.rs",
    "src/runtime/reactor/epoll.rs",
    "src/runtime/reactor/portable.rs",
    "src/runtime/scheduler.rs",
    "src/runtime/scheduler/fresh.rs",
    "src/runtime/scheduler/step.rs",
    "src/runtime/task.rs",
    "src/runtime/timers/action.rs",
    "src/runtime/wait_list.rs",
    "src/runtime/waiter.rs",
    "src/sync/mutex.rs",
    "src/sync/rwlock.rs",
    "src/task/any_scope.rs",
    "src/task/crowd.rs",
    "src/task/group.rs",
    "src/task/handle.rs",
    "src/task/scope.rs",
    "src/task/select.rs",
    "src/task/spawn.rs",
    "src/stack/advice.rs",
    "src/stack/arena.rs",
    "src/stack/directory.rs",
    "src/stack/guard.rs",
    "src/stack/overflow.rs",
    "src/stack/overflow/tests.rs",
    "src/stack/pool.rs",
    "src/stack/pool/tests.rs",
    "src/stack/residency.rs",
    "src/stack/running.rs",
    "src/stack/signal_stack.rs",
    "src/stack/size.rs",
    "src/stack/slot.rs",
    "src/stack/thread.rs",
    "tests/future_memory.rs",
    "tests/io_pipe.rs",
    "tests/net_limits.rs",
    "tests/net_unix.rs",
    "tests/overflow.rs",
    "tests/runtime_interrupt.rs",
    "tests/signal_shutdown.rs",
    "tests/signal_streams/dispositions.rs",
    "tests/sync_memory.rs",
    "tests/workers_idle.rs",
];

/// Single-file examples that do a whole job and may be longer than the others.
const WHOLE_JOBS: &[&str] = &["chat.rs", "grep.rs", "supervisor.rs", "tail.rs"];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const EXAMPLE_LINES_MAX: usize = 59;
const WHOLE_JOB_LINES_MAX: usize = 99;

/// Names that say nothing about what a file or module is.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "misc"];

struct Token {
    text: String,
    line: usize,
}

struct Source {
    /// Relative to the root of the project, with `/`.
    path: String,
    text: String,
    /// The text of the comments; all else is blank.
    comments: String,
    /// What is neither comment nor literal.
    tokens: Vec<Token>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        Source { path: path.into(), text: text.into(), comments, tokens: tokens(&code) }
    }

    fn at(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &token.text)
    }

    /// The last component of the path without its ending.
    fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".rs").unwrap_or(name)
    }

    /// The module at the crate root that a file of `src` belongs to.
    fn layer(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// How far below the crate root the module of this file lies.
    fn depth(&self) -> usize {
        self.path.matches('/').count() - usize::from(self.stem() == "mod")
    }

    fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Separates code from comments, keeping every line where it was. Literals are blank in both.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut i = 0;
    while i < chars.len() {
        let (length, kind) = piece(&chars, i);
        for &c in &chars[i..i + length] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Piece::Code { c } else { blank });
            comments.push(if kind == Piece::Comment { c } else { blank });
        }
        i += length;
    }
    (code, comments)
}

#[derive(PartialEq)]
enum Piece {
    Code,
    Comment,
    Literal,
}

/// The length and kind of the piece of text that begins at `i`.
fn piece(chars: &[char], i: usize) -> (usize, Piece) {
    let at = |j: usize| chars.get(j).copied().unwrap_or('\0');
    match (chars[i], at(i + 1)) {
        ('/', '/') => (chars[i..].iter().take_while(|&&c| c != '\n').count(), Piece::Comment),
        ('/', '*') => (block_comment(&chars[i..]), Piece::Comment),
        ('"', _) => (quoted(&chars[i..], '"'), Piece::Literal),
        ('\'', '\\') => (quoted(&chars[i..], '\''), Piece::Literal),
        ('\'', _) if at(i + 2) == '\'' => (3, Piece::Literal),
        ('r', '"' | '#') if i == 0 || !is_word(at(i - 1)) || matches!(at(i - 1), 'b' | 'c') => {
            raw_string(&chars[i..]).map_or((1, Piece::Code), |length| (length, Piece::Literal))
        }
        _ => (1, Piece::Code),
    }
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 1),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 1),
            _ => {}
        }
        i += 1;
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut i = 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// The length of `r"…"` or `r#"…"#`, when it is one and not a raw identifier.
fn raw_string(chars: &[char]) -> Option<usize> {
    let hashes = chars[1..].iter().take_while(|&&c| c == '#').count();
    (chars.get(1 + hashes) == Some(&'"')).then_some(())?;
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &chars[2 + hashes..];
    let length = body.windows(end.len()).position(|window| window == end).unwrap_or(body.len());
    Some((2 + hashes + length + end.len()).min(chars.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<Token> {
    let mut out = Vec::new();
    for (number, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            out.push(Token { text: rest[..length].into(), line: number + 1 });
            rest = rest[length..].trim_start();
        }
    }
    out
}

/// Every name that the code reaches through the crate root, by `crate::` or by enough `super::`, groups included.
fn root_names(source: &Source) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let (mut braces, mut inline_modules) = (0, Vec::new());
    for i in 0..source.tokens.len() {
        let before = if i == 0 { "" } else { source.at(i - 1) };
        match source.at(i) {
            "{" => {
                braces += 1;
                if i >= 2 && source.at(i - 2) == "mod" {
                    inline_modules.push(braces);
                }
            }
            "}" => {
                inline_modules.pop_if(|opened| *opened == braces);
                braces -= 1;
            }
            "crate" if source.at(i + 1) == "::" => heads(source, i + 2, 0, &mut out),
            "crate" if source.at(i + 1) == "as" || before == "extern" => {
                out.push((source.tokens[i].line, "self".into()));
            }
            "super" if before != "::" || (i >= 2 && source.at(i - 2) == "self") => {
                heads(source, i, source.depth() + inline_modules.len(), &mut out);
            }
            _ => {}
        }
    }
    out
}

/// The names that the path or group at `i` takes from the crate root, when it begins `depth` modules below it.
fn heads(source: &Source, i: usize, depth: usize, out: &mut Vec<(usize, String)>) {
    let Some(token) = source.tokens.get(i) else { return };
    match (token.text.as_str(), source.at(i + 1)) {
        ("super", "::") => heads(source, i + 2, depth.saturating_sub(1), out),
        ("super", "as") if depth == 1 => out.push((token.line, "self".into())),
        ("self", "::") => heads(source, i + 2, depth, out),
        ("{", _) => {
            let (mut level, mut j) = (1, i + 1);
            heads(source, j, depth, out);
            while level > 0 && j < source.tokens.len() {
                match source.at(j) {
                    "{" => level += 1,
                    "}" => level -= 1,
                    "," if level == 1 => heads(source, j + 1, depth, out),
                    _ => {}
                }
                j += 1;
            }
        }
        ("}", _) => {}
        (name, _) if depth == 0 => out.push((token.line, name.into())),
        _ => {}
    }
}

/// Which layer each name that `lib.rs` re-exports comes from.
fn exports(lib: &Source) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for i in (0..lib.tokens.len()).filter(|&i| lib.at(i) == "use") {
        let skip = if matches!(lib.at(i + 1), "crate" | "self") { 3 } else { 1 };
        let layer = lib.at(i + skip);
        if !LAYERS.contains(&layer) {
            continue;
        }
        for j in (i + skip..lib.tokens.len()).take_while(|&j| lib.at(j) != ";") {
            if matches!(lib.at(j + 1), "," | "}" | ";") && lib.at(j).chars().all(is_word) {
                out.insert(lib.at(j).to_string(), layer.to_string());
            }
        }
    }
    out
}

fn check_layers(source: &Source, exports: &BTreeMap<String, String>) -> Vec<String> {
    let Some(own) = source.layer().filter(|layer| !ABOVE_ALL.contains(layer)) else { return Vec::new() };
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let Some(own_rank) = rank(own) else {
        return vec![source.finding(1, &format!("`{own}` is not in the table of layers"))];
    };
    let comments = Source { tokens: tokens(&source.comments), ..Source::new(&source.path, "") };
    let linked =
        (0..comments.tokens.len()).filter(|&i| comments.at(i) == "crate" && comments.at(i + 1) == "::");
    let linked = linked.map(|i| (comments.tokens[i].line, comments.at(i + 2).to_string()));
    let mut findings = Vec::new();
    for (line, name) in root_names(source).into_iter().chain(linked) {
        let layer = exports.get(&name).unwrap_or(&name);
        if matches!(name.as_str(), "*" | "self") {
            findings.push(source.finding(line, "takes the whole crate root, which hides what it uses"));
        } else if rank(layer).is_some_and(|rank| rank > own_rank) {
            findings.push(source.finding(line, &format!("`{own}` must not know `{name}` of `{layer}`")));
        }
    }
    findings
}

fn check_confined_crates(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for token in source.tokens.iter().filter(|_| source.path.starts_with("src/")) {
        let confined = CONFINED.iter().find(|(name, _)| *name == token.text);
        if let Some((name, place)) = confined.filter(|(_, place)| !source.path.starts_with(place)) {
            findings.push(source.finding(token.line, &format!("only {place} may name the crate {name}")));
        }
    }
    findings
}

fn check_opening(source: &Source) -> Vec<String> {
    let documented = source.text.starts_with("//! ");
    if documented { Vec::new() } else { vec![source.finding(1, "does not open with `//! ` and what it is")] }
}

fn check_lengths(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let mut findings = Vec::new();
    if lines > FILE_LINES_MAX {
        findings.push(source.finding(lines, &format!("a file of {lines} lines: which room is really two?")));
    }
    for i in (0..source.tokens.len()).filter(|&i| source.at(i) == "fn") {
        let Some(end) = end_of_function(source, i) else { continue };
        let (name, line) = (source.at(i + 1), source.tokens[i].line);
        let lines = source.tokens[end].line + 1 - line;
        if lines > FUNCTION_LINES_MAX {
            findings.push(source.finding(line, &format!("`{name}` has {lines} lines")));
        }
    }
    findings
}

/// The closing brace of the function whose `fn` is at `i`; none for declarations and pointer types.
fn end_of_function(source: &Source, i: usize) -> Option<usize> {
    source.at(i + 1).chars().next().filter(|&c| is_word(c))?;
    let (mut nesting, mut in_body) = (0, false);
    for j in i + 2..source.tokens.len() {
        match source.at(j) {
            ";" if nesting == 0 => return None,
            "(" | "[" => nesting += 1,
            ")" | "]" => nesting -= 1,
            "{" => (nesting, in_body) = (nesting + 1, in_body || nesting == 0),
            "}" => {
                nesting -= 1;
                if nesting == 0 && in_body {
                    return Some(j);
                }
            }
            _ => {}
        }
    }
    None
}

fn check_names(source: &Source) -> Vec<String> {
    let words = source.path.split('/').map(|part| (1, part.strip_suffix(".rs").unwrap_or(part)));
    let modules = (1..source.tokens.len()).filter(|&i| source.at(i - 1) == "mod");
    let modules = modules.map(|i| (source.tokens[i].line, source.at(i)));
    let empty = words.chain(modules).filter(|(_, name)| EMPTY_NAMES.contains(name));
    empty.map(|(line, name)| source.finding(line, &format!("the name `{name}` says nothing"))).collect()
}

fn check_unsafe(source: &Source, listed: &[&str]) -> Vec<String> {
    let first = source.tokens.iter().find(|token| token.text == "unsafe");
    match (first, listed.contains(&source.path.as_str())) {
        (Some(token), false) => {
            vec![source.finding(token.line, "`unsafe` in a file that is not listed for it")]
        }
        (None, true) => vec![source.finding(1, "is listed for `unsafe` and holds none")],
        _ => Vec::new(),
    }
}

/// The manual is text: its modules hold nothing but other modules.
fn check_manual(source: &Source) -> Vec<String> {
    if source.layer() != Some("manual") {
        return Vec::new();
    }
    let item = |token: &&Token| {
        matches!(
            token.text.as_str(),
            "fn" | "struct" | "enum" | "trait" | "impl" | "const" | "static" | "macro_rules"
        )
    };
    let items = source.tokens.iter().filter(item);
    items.map(|token| source.finding(token.line, "the manual holds text, not code")).collect()
}

fn check_examples(source: &Source, whole_jobs: &[&str]) -> Vec<String> {
    let Some(name) = source.path.strip_prefix("examples/").filter(|name| !name.contains('/')) else {
        return Vec::new();
    };
    let most = if whole_jobs.contains(&name) { WHOLE_JOB_LINES_MAX } else { EXAMPLE_LINES_MAX };
    let lines = source.text.lines().count();
    if lines <= most {
        Vec::new()
    } else {
        vec![source.finding(most, &format!("an example of {lines} lines"))]
    }
}

fn check_finished(source: &Source) -> Vec<String> {
    let marked = source.comments.lines().enumerate().filter(|(_, text)| {
        let mut words = text.split(|c| !is_word(c));
        words.any(|word| matches!(word, "TODO" | "FIXME" | "XXX"))
    });
    let marked = marked.map(|(index, _)| index + 1);
    let stubs = (0..source.tokens.len())
        .filter(|&i| matches!(source.at(i), "todo" | "unimplemented") && source.at(i + 1) == "!");
    let stubs = stubs.map(|i| source.tokens[i].line);
    marked.chain(stubs).map(|line| source.finding(line, "is left unfinished")).collect()
}

/// All Rust files of the project, those of the peers' workspace included, but not what a build has made.
fn sources() -> Vec<Source> {
    fn walk(root: &Path, folder: &Path, out: &mut Vec<Source>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let paths: BTreeSet<_> = entries.map(|entry| entry.unwrap().path()).collect();
        for path in paths {
            if path.is_dir() {
                if !path.ends_with("target") {
                    walk(root, &path, out);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let relative = path.strip_prefix(root).unwrap().components();
                let parts: Vec<_> = relative.map(|part| part.as_os_str().to_string_lossy()).collect();
                out.push(Source::new(&parts.join("/"), &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        walk(root, &root.join(folder), &mut out);
    }
    assert!(out.iter().any(|source| source.path == "src/lib.rs"), "the sources were not found");
    out
}

fn assert_tidy(check: impl Fn(&Source) -> Vec<String>) {
    let findings: Vec<String> = sources().iter().flat_map(check).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn a_layer_names_only_those_before_it() {
    let sources = sources();
    let exports = exports(sources.iter().find(|source| source.path == "src/lib.rs").unwrap());
    assert_tidy(|source| check_layers(source, &exports));
}

#[test]
fn each_confined_crate_is_named_in_one_place() {
    assert_tidy(check_confined_crates);
}

#[test]
fn every_file_opens_with_what_it_is() {
    assert_tidy(check_opening);
}

#[test]
fn files_and_functions_are_short() {
    assert_tidy(check_lengths);
}

#[test]
fn names_say_what_is_inside() {
    assert_tidy(check_names);
}

#[test]
fn unsafe_stands_only_in_listed_files() {
    assert_tidy(|source| check_unsafe(source, UNSAFE_FILES));
    let paths: BTreeSet<_> = sources().into_iter().map(|source| source.path).collect();
    for listed in UNSAFE_FILES {
        assert!(paths.contains(*listed), "{listed} is listed for `unsafe` and does not exist");
    }
}

#[test]
fn the_manual_is_text() {
    assert_tidy(check_manual);
}

#[test]
fn examples_show_one_idea_each() {
    assert_tidy(|source| check_examples(source, WHOLE_JOBS));
}

#[test]
fn nothing_is_left_unfinished() {
    assert_tidy(check_finished);
}

#[test]
fn the_changelog_says_what_is_new() {
    let changelog = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md")).unwrap();
    let version = concat!("## [", env!("CARGO_PKG_VERSION"), "]");
    assert!(changelog.contains("## [Unreleased]") || changelog.contains(version));
}

#[path = "tidy/checks.rs"]
mod checks;
