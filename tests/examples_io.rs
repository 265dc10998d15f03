//! The examples that do a whole job, each in a child with real sockets, files and programs; those that go on for ever to their end by
//! Ctrl-C or SIGTERM.
//!
//! The children are this binary, which has the examples in it, since `cargo test --test examples_io` builds no example. Ctrl-C is for
//! the thread that a process began with, and the usual harness runs tests on others: so this has one of its own.

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/chat.rs"]
mod chat;

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/grep.rs"]
mod grep;

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/proxy.rs"]
mod proxy;

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/supervisor.rs"]
mod supervisor;

#[allow(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/tail.rs"]
mod tail;

mod fs_place;

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use fs_place::Place;
use rustix::process::{Pid, Signal, kill_process};

type Main = fn() -> Result<(), Box<dyn Error>>;

const EXAMPLES: &[(&str, Main)] = &[
    ("chat", chat::main),
    ("grep", grep::main),
    ("proxy", proxy::main),
    ("supervisor", supervisor::main),
    ("tail", tail::main),
];

const TESTS: &[(&str, fn())] = &[
    ("a_chat_tells_all_what_one_says", a_chat_tells_all_what_one_says),
    ("a_proxy_hands_bytes_and_ends_on", a_proxy_hands_bytes_and_ends_on),
    ("a_proxy_lets_its_connections_end", a_proxy_lets_its_connections_end),
    ("a_proxy_delivers_what_is_in_flight_when_it_is_terminated", a_proxy_delivers_what_is_in_flight),
    ("a_proxy_that_is_told_twice_ends_at_once", a_proxy_that_is_told_twice_ends_at_once),
    ("a_proxy_cuts_those_that_take_too_long", a_proxy_cuts_those_that_take_too_long),
    ("a_supervisor_starts_again_and_ends_in_good_order", a_supervisor_starts_again_and_ends_in_good_order),
    ("a_supervisor_shows_itself", a_supervisor_shows_itself),
    ("a_grep_finds_lines_in_the_order_of_paths", a_grep_finds_lines_in_the_order_of_paths),
    ("a_tail_shows_the_last_lines", a_tail_shows_the_last_lines),
    (
        "a_tail_follows_files_that_grow_shrink_and_are_replaced",
        a_tail_follows_files_that_grow_shrink_and_are_replaced,
    ),
    ("an_example_without_arguments_says_how_it_is_used", an_example_without_arguments_says_how_it_is_used),
];

/// Names the example that a child runs.
const CHILD: &str = "CEDE_TEST_EXAMPLE";

fn main() -> ExitCode {
    if let Ok(name) = env::var(CHILD) {
        let (_, main) = EXAMPLES.iter().find(|(example, _)| *example == name).unwrap();
        return match main() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    // What cargo and its friends say to a harness: a filter, and flags, of which one matters.
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_list = arguments.iter().any(|argument| argument == "--list");
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, test) in TESTS {
        if is_list {
            println!("{name}: test");
        } else if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// An example that runs. It is killed when this goes, if it has not ended.
struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(arguments).env(CHILD, name).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Example { child, output, address: String::new() }
    }

    /// One that says where it listens.
    fn serve(name: &str, arguments: &[&str]) -> Self {
        let mut example = Example::start(name, arguments);
        example.address = example.line().strip_prefix("listening on ").unwrap().to_owned();
        example
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    fn interrupt(&self) {
        self.send(Signal::INT);
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it still says, when it has ended well.
    fn end(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
        rest
    }
}

struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }
}

fn a_chat_tells_all_what_one_says() {
    let chat = Example::serve("chat", &["127.0.0.1:0"]);
    let enter = |name: &str| {
        let mut client = chat.connect();
        client.hears("Who are you?");
        client.say(&format!("{name}\n"));
        client
    };
    let mut ann = enter("ann");
    // When she hears herself, she is in.
    ann.say("anybody?\n");
    ann.hears("ann: anybody?");
    let mut bob = enter("bob");
    ann.hears("* bob comes in");
    let mut other = enter("bob");
    other.hears("That name is taken.");
    other.hears("");
    bob.say("I am\r\n");
    ann.hears("bob: I am");
    bob.hears("bob: I am");
    // One that says nothing more is told good-bye; one that breaks off is not, and leaves.
    bob.stream.shutdown(Shutdown::Write).unwrap();
    bob.hears("Good-bye.");
    bob.hears("");
    ann.hears("* bob has left");
    chat.interrupt();
    ann.hears("Good-bye.");
    ann.hears("");
    assert!(chat.end().ends_with("* ann has left\n"));
}

/// A proxy to a server that shouts, which serves one connection after the other.
fn proxied(seconds: &str) -> Example {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in upstream.incoming() {
            let stream = stream.unwrap();
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                if writeln!(&stream, "{}", line.to_uppercase()).is_err() {
                    break;
                }
            }
        }
    });
    Example::serve("proxy", &["127.0.0.1:0", &address, seconds])
}

fn a_proxy_hands_bytes_and_ends_on() {
    let mut proxy = proxied("10");
    let mut client = proxy.connect();
    client.say("hello\n");
    client.hears("HELLO");
    client.say("bye\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    client.hears("BYE");
    client.hears("");
    let peer = client.stream.local_addr().unwrap();
    assert_eq!(proxy.line(), format!("{peer}: 10 bytes up, 10 bytes down"));
    proxy.interrupt();
    assert!(proxy.end().contains("stopping: 0 connections"));
}

fn a_proxy_lets_its_connections_end() {
    let mut proxy = proxied("10");
    let mut client = proxy.connect();
    client.say("hello\n");
    client.hears("HELLO");
    proxy.interrupt();
    assert_eq!(proxy.line(), "stopping: 1 connections have 10s");
    // The socket goes a tick after that was said.
    while TcpStream::connect(&proxy.address).is_ok() {
        thread::yield_now();
    }
    client.say("still here\n");
    client.hears("STILL HERE");
    drop(client);
    assert!(proxy.end().ends_with("17 bytes up, 17 bytes down\nstopped\n"));
}

fn a_proxy_delivers_what_is_in_flight() {
    const LINES: usize = 100_000;
    let mut proxy = proxied("60");
    let mut client = proxy.connect();
    client.say("hello\n");
    client.hears("HELLO");
    // More than fits into the sockets on the way, so that it is in the middle of it.
    let mut sender = client.stream.try_clone().unwrap();
    let sends = thread::spawn(move || {
        (0..LINES).for_each(|line| writeln!(sender, "this is line {line}").unwrap());
        sender.shutdown(Shutdown::Write).unwrap();
    });
    client.hears("THIS IS LINE 0");
    proxy.send(Signal::TERM);
    assert_eq!(proxy.line(), "stopping: 1 connections have 60s");
    (1..LINES).for_each(|line| client.hears(&format!("THIS IS LINE {line}")));
    client.hears("");
    sends.join().unwrap();
    assert!(proxy.end().ends_with("bytes down\nstopped\n"));
}

fn a_proxy_that_is_told_twice_ends_at_once() {
    let mut proxy = proxied("60");
    let mut client = proxy.connect();
    client.say("hello\n");
    client.hears("HELLO");
    proxy.send(Signal::TERM);
    assert_eq!(proxy.line(), "stopping: 1 connections have 60s");
    proxy.send(Signal::TERM);
    client.hears("");
    assert_eq!(proxy.child.wait().unwrap().code(), Some(128 + 15));
}

fn a_proxy_cuts_those_that_take_too_long() {
    let proxy = proxied("0.05");
    let mut client = proxy.connect();
    client.say("hello\n");
    client.hears("HELLO");
    proxy.interrupt();
    client.hears("");
    let rest = proxy.end();
    assert!(rest.contains("stopping: 1 connections are cut"), "{rest}");
    assert!(rest.ends_with("6 bytes up, 6 bytes down\nstopped\n"), "{rest}");
}

fn a_supervisor_starts_again_and_ends_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let tidy = "tidy=trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.01; done";
        let deaf = "deaf=trap '' TERM; echo ready; while :; do sleep 0.01; done";
        let services =
            ["1", tidy, deaf, "short=echo out; echo error >&2; exit 3", "missing=exec /there/is/none"];
        let mut supervisor = Example::start("supervisor", &services);
        let mut lines = Vec::new();
        let count = |lines: &[String], text: &str| lines.iter().filter(|line| line.starts_with(text)).count();
        while count(&lines, "short* started") < 4 || count(&lines, "missing* exit status: 127") < 2 {
            lines.push(supervisor.line());
        }
        let of_short: Vec<_> =
            lines.iter().filter(|line| line.starts_with("short")).skip(1).take(3).collect();
        assert_eq!(of_short, ["short: out", "short: error", "short* exit status: 3"]);
        assert_eq!((count(&lines, "tidy* started"), count(&lines, "deaf* started")), (1, 1), "{lines:?}");
        while count(&lines, "tidy: ready") + count(&lines, "deaf: ready") < 2 {
            lines.push(supervisor.line());
        }
        supervisor.send(signal);
        let rest = supervisor.end();
        assert!(rest.contains("tidy: bye\n") && rest.contains("tidy* exit status: 4\n"), "{rest}");
        assert!(rest.contains("deaf* signal: 9 (SIGKILL)\n"), "{rest}");
        assert!(rest.ends_with("all have ended\n"), "{rest}");
    }
}

fn a_supervisor_shows_itself() {
    let text = Example::start("supervisor", &[]).end();
    assert!(text.matches("flaky: in trouble\n").count() > 1, "{text}");
    assert!(text.ends_with("deaf* signal: 9 (SIGKILL)\nall have ended\n"), "{text}");
}

fn a_grep_finds_lines_in_the_order_of_paths() {
    let place = Place::new();
    let mut expected = String::new();
    for n in 100..300 {
        // Large ones take longer, and come at their place all the same.
        let filler = "nothing\n".repeat(if n % 7 == 0 { 20_000 } else { n % 5 });
        let path = place.file(&format!("{}/{n}", n / 50), format!("{filler}a needle {n}\r\nlast needle"));
        let line = filler.lines().count() + 1;
        let path = path.display();
        expected += &format!("{path}:{line}:a needle {n}\n{path}:{}:last needle\n", line + 1);
    }
    place.file("3/binary", b"needle\0");
    place.file("3/latin", b"n\xe9 nothing\n");
    let root = place.path().to_str().unwrap();
    assert!(Example::start("grep", &["needle", root]).end() == expected);
    assert_eq!(Example::start("grep", &["no such thing", root, "/nowhere"]).end(), "");
}

fn a_tail_shows_the_last_lines() {
    let place = Place::new();
    let lines: Vec<String> = (0..50_000).map(|n| format!("line {n}\n")).collect();
    let path = place.file("a", lines.concat());
    let name = path.to_str().unwrap();
    let tail = |count: &str| Example::start("tail", &["-n", count, name]).end();
    for count in [0, 1, 2, 20_000, 50_000, 60_000] {
        assert!(tail(&count.to_string()) == lines[50_000_usize.saturating_sub(count)..].concat(), "{count}");
    }
    let unfinished = place.file("b", "one\ntwo\nthree");
    let empty = place.file("c", "");
    let other = unfinished.to_str().unwrap();
    let both = Example::start("tail", &["-n", "2", other, empty.to_str().unwrap(), name]).end();
    assert_eq!(both, format!("==> {other} <==\ntwo\nthree\n==> {name} <==\nline 49998\nline 49999\n"));
}

fn a_tail_follows_files_that_grow_shrink_and_are_replaced() {
    let place = Place::new();
    let (one, other) = (place.file("one", "first line\nsecond line\n"), place.at("other"));
    let (one_name, other_name) = (one.to_str().unwrap(), other.to_str().unwrap());
    let mut tail = Example::start("tail", &["-f", "-n", "1", one_name, other_name]);
    let mut shows = |expected: &str| assert_eq!(tail.line(), expected);
    let append = |path: &Path, text: &str| {
        fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    shows(&format!("==> {one_name} <=="));
    shows("second line");
    append(&one, "third line\n");
    shows("third line");
    fs::write(&other, "it is there now\n").unwrap();
    shows("");
    shows(&format!("==> {other_name} <=="));
    shows("it is there now");
    fs::write(&one, "cut off\n").unwrap();
    shows("");
    shows(&format!("==> {one_name} <=="));
    shows("cut off");
    append(&one, "late\n");
    fs::rename(&one, place.at("one.1")).unwrap();
    fs::write(&one, "fresh\n").unwrap();
    shows("late");
    shows("fresh");
    tail.interrupt();
    assert_eq!(tail.end(), "");
}

fn an_example_without_arguments_says_how_it_is_used() {
    for (name, _) in EXAMPLES.iter().filter(|(name, _)| *name != "supervisor") {
        let output = Command::new(env::current_exe().unwrap()).env(CHILD, name).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(&format!("usage: {name}")), "{text}");
    }
}
