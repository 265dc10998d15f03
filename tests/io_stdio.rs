//! The standard streams, of children whose streams are pipes, sockets, files and terminals.
//!
//! Each test starts this binary again for a single test, which then plays the child. What the child has to say stands between `<<` and `>>`
//! on one of its streams, since the harness writes there too.

use std::fs::{self, File};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use cede::io::{raw_os_error, stderr, stdin, stdout};
use cede::time::after;

const ROLE: &str = "CEDE_STDIO_ROLE";

/// Whether this process plays that child.
fn plays(role: &str) -> bool {
    std::env::var(ROLE).is_ok_and(|name| name == role)
}

/// This binary, to play a child.
fn child(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1", "children"]).env(ROLE, role);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What stands between the marks.
fn said(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let parts = text.split("<<").skip(1).filter_map(|part| part.split(">>").next());
    parts.collect()
}

/// Waits for the end of a child that goes well, and gives what it said on standard output.
fn outcome(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    said(&output.stdout)
}

fn while_others_run() {
    (0..200).for_each(|_| cede::yield_now());
}

fn assert_blocking_mode(stream: impl AsFd) {
    let flags = rustix::fs::fcntl_getfl(stream.as_fd()).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "the mode that others share was changed");
}

/// All roles. A test of its own, which does nothing where no role is given.
#[test]
fn children() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "echoes lines" => cede::run(echo_lines),
        "reads in pieces" => cede::run(read_in_pieces),
        "reads all" => cede::run(|| {
            let text = io::read_to_string(stdin()).unwrap();
            assert_blocking_mode(io::stdin());
            write!(stdout(), "<<{} {}>>", text.len(), &text[..text.len().min(20)]).unwrap();
        }),
        "cancels a read" => cede::run(cancel_a_read),
        "writes much" => cede::run(write_much),
        "writes lines from many tasks" => cede::run(|| {
            cede::scope(|s| {
                for task in 0..20 {
                    s.spawn(move || {
                        (0..20).for_each(|line| writeln!(stdout(), "<<{task:02}.{line:02}\n>>").unwrap())
                    });
                }
            })
            .unwrap();
        }),
        "writes to nobody" => cede::run(|| {
            write!(stdout(), "<<ready\n>>").unwrap();
            let error = (0..100).find_map(|_| stdout().write_all(&[b' '; 10_000]).err()).unwrap();
            let errno = raw_os_error(&error).unwrap();
            write!(stderr(), "<<{:?} {}: {error}>>", error.kind(), errno == libc::EPIPE).unwrap();
            std::process::exit(0);
        }),
        "locks" => cede::run(lock_the_output),
        "reads outside of a run" => {
            let error = stdin().read(&mut [0]).unwrap_err();
            print!("<<{error}>>");
        }
        other => panic!("no such role: {other}"),
    }
    assert!(!plays("nobody"));
}

fn echo_lines() {
    let reader = cede::spawn(|| {
        for line in stdin().lines() {
            writeln!(stdout(), "<<{}\n>>", line.unwrap().to_uppercase()).unwrap();
        }
    });
    while_others_run();
    assert!(!reader.is_finished());
    write!(stdout(), "<<ready\n>>").unwrap();
    reader.join().unwrap();
    assert_blocking_mode(io::stdin());
    assert_blocking_mode(io::stdout());
}

fn read_in_pieces() {
    let mut lock = stdin().lock();
    let mut first = [0; 2];
    lock.read_exact(&mut first).unwrap();
    assert!(lock.readable().unwrap().is_none(), "the buffer holds more");
    let mut line = String::new();
    lock.read_line(&mut line).unwrap();
    drop(lock);
    let mut rest = Vec::new();
    (&stdin()).read_to_end(&mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    write!(stdout(), "<<{}|{line}|{rest}>>", String::from_utf8_lossy(&first)).unwrap();
}

fn cancel_a_read() {
    let reader = cede::spawn(|| stdin().read(&mut [0; 8]).map(drop));
    while_others_run();
    reader.cancel();
    assert!(reader.join().unwrap_err().is_cancelled());
    let lock = stdin().lock();
    let readable = lock.readable().unwrap().expect("it is a pipe");
    cede::select! {
        _ = readable => panic!("there is nothing"),
        _ = after(Duration::from_millis(1)) => {}
    }
    drop(lock);
    write!(stdout(), "<<ready\n>>").unwrap();
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    write!(stdout(), "<<{line}>>").unwrap();
}

fn write_much() {
    let writer = cede::spawn(|| {
        let mut stdout = stdout();
        stdout.write_all(b"<<").unwrap();
        stdout.write_all(&vec![b'x'; 1 << 20]).unwrap();
        stdout.write_all(b">>").unwrap();
        stdout.flush().unwrap();
    });
    while_others_run();
    write!(stderr(), "<<{}>>", if writer.is_finished() { "done" } else { "waits" }).unwrap();
    writer.join().unwrap();
    assert_blocking_mode(io::stdout());
    assert_blocking_mode(io::stderr());
}

fn lock_the_output() {
    let order = Rc::new(std::cell::RefCell::new(String::new()));
    let lock = stdout().lock();
    let ours = Rc::clone(&order);
    let other = cede::spawn(move || {
        write!(stdout(), "<<second>>").unwrap();
        ours.borrow_mut().push('2');
    });
    while_others_run();
    order.borrow_mut().push('1');
    let mut lock = lock;
    let how = "alone";
    write!(lock, "<<first, {how}, >>").unwrap();
    lock.write_all(b"<<>>").unwrap();
    lock.flush().unwrap();
    drop(lock);
    other.join().unwrap();
    assert_eq!(*order.borrow(), "12");
    assert!(stdout().writable().unwrap().is_some());
}

/// Reads from a child until it has said something.
fn await_word(child: &mut Child, word: &str) {
    let mut heard = Vec::new();
    let mut byte = [0];
    let stdout = child.stdout.as_mut().unwrap();
    while !said(&heard).contains(word) {
        stdout.read_exact(&mut byte).expect("the child says it");
        heard.push(byte[0]);
    }
}

#[test]
fn reading_a_pipe_lets_the_others_run() {
    let mut child = child("echoes lines").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    await_word(&mut child, "ready");
    stdin.write_all(b"one\ntwo\r\n").unwrap();
    await_word(&mut child, "TWO");
    stdin.write_all(b"thr").unwrap();
    stdin.write_all(b"ee").unwrap();
    drop(stdin);
    assert_eq!(outcome(child), "THREE\n");
}

#[test]
fn reading_a_socket_lets_the_others_run() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = child("echoes lines").stdin(OwnedFd::from(theirs)).spawn().unwrap();
    await_word(&mut child, "ready");
    (&ours).write_all(b"by socket\n").unwrap();
    drop(ours);
    assert_eq!(outcome(child), "BY SOCKET\n");
}

#[test]
fn what_one_handle_has_buffered_the_next_one_reads() {
    let mut child = child("reads in pieces").stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"ab first line\nand the rest\n").unwrap();
    assert_eq!(outcome(child), "ab| first line\n|and the rest\n");
}

/// A file that goes with this.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn temporary(name: &str) -> Temporary {
    Temporary(std::env::temp_dir().join(format!("cede-stdio-{}-{name}", std::process::id())))
}

#[test]
fn files_are_read_whole_and_nothing_is_an_end() {
    let file = temporary("input");
    fs::write(&file.0, "0123456789".repeat(30_000)).unwrap();
    let reader = child("reads all").stdin(File::open(&file.0).unwrap()).spawn().unwrap();
    assert_eq!(outcome(reader), "300000 01234567890123456789");
    assert_eq!(outcome(child("reads all").spawn().unwrap()), "0 ");
}

#[test]
fn a_cancelled_read_takes_nothing() {
    let mut child = child("cancels a read").stdin(Stdio::piped()).spawn().unwrap();
    await_word(&mut child, "ready");
    child.stdin.take().unwrap().write_all(b"all of it\n").unwrap();
    assert_eq!(outcome(child), "all of it\n");
}

#[test]
fn a_pipe_that_is_full_stops_the_writer_and_nobody_else() {
    let mut child = child("writes much").spawn().unwrap();
    // It says so while nobody reads what it writes.
    let mut heard = Vec::new();
    let mut byte = [0];
    while said(&heard) != "waits" {
        child.stderr.as_mut().unwrap().read_exact(&mut byte).expect("the child says it");
        heard.push(byte[0]);
        assert!(!said(&heard).contains("done"));
    }
    assert_eq!(outcome(child).len(), 1 << 20);
}

#[test]
fn a_socket_that_is_full_stops_the_writer_and_nobody_else() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = child("writes much").stdout(OwnedFd::from(theirs)).spawn().unwrap();
    let mut heard = Vec::new();
    let mut byte = [0];
    while said(&heard) != "waits" {
        child.stderr.as_mut().unwrap().read_exact(&mut byte).expect("the child says it");
        heard.push(byte[0]);
    }
    let mut all = Vec::new();
    (&ours).read_to_end(&mut all).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said(&all).len(), 1 << 20);
}

#[test]
fn files_are_written_whole() {
    let file = temporary("output");
    let out = File::create(&file.0).unwrap();
    let mut writer = child("writes much").stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
    assert!(writer.wait().unwrap().success());
    let text = fs::read(&file.0).unwrap();
    let xs = text.iter().filter(|&&byte| byte == b'x').count();
    // The harness has an x or two of its own.
    assert!((1 << 20..(1 << 20) + 10).contains(&xs), "{xs}");
}

#[test]
fn lines_of_many_tasks_come_out_whole() {
    let text = outcome(child("writes lines from many tasks").spawn().unwrap());
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 400);
    lines.sort();
    assert!(lines.iter().enumerate().all(|(i, line)| *line == format!("{:02}.{:02}", i / 20, i % 20)));
}

#[test]
fn an_output_that_nobody_reads_is_an_error_with_its_name() {
    let mut child = child("writes to nobody").spawn().unwrap();
    // The harness has said its first words by then.
    await_word(&mut child, "ready");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let text = said(&output.stderr);
    assert!(
        text.starts_with(&format!("{:?} true: can't write to the standard output: ", ErrorKind::BrokenPipe)),
        "{text}"
    );
}

#[test]
fn who_has_locked_the_output_writes_alone() {
    assert_eq!(outcome(child("locks").spawn().unwrap()), "first, alone, second");
}

#[test]
fn outside_of_a_run_there_is_an_error_that_says_what_to_do() {
    let text = outcome(child("reads outside of a run").stdin(Stdio::piped()).spawn().unwrap());
    assert!(text.contains("cede::run"), "{text}");
}

/// A terminal, from Python, which has what it takes to make one.
#[test]
fn a_terminal_is_read_line_by_line_and_its_mode_is_left_alone() {
    const DRIVER: &str = r#"
import os, pty, sys, fcntl
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
heard = b""
def until(word):
    global heard
    while word not in heard:
        heard += os.read(master, 4096)
until(b"<<ready")
os.write(master, b"typed\n")
until(b"<<TYPED")
os.write(master, b"\x04")
try:
    while True:
        more = os.read(master, 4096)
        if not more:
            break
        heard += more
except OSError:
    pass
_, status = os.waitpid(pid, 0)
assert status == 0, (status, heard)
print("fine")
"#;
    let mut driver = Command::new("python3");
    driver.env("PYENV_VERSION", "3.13.0").args(["-c", DRIVER]).arg(std::env::current_exe().unwrap());
    driver.args(["--exact", "--nocapture", "--test-threads=1", "children"]).env(ROLE, "echoes lines");
    let Ok(output) = driver.output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("fine"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
