//! Commands: all that can be set, what their children get of it, and why they can't be started.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::io::{OperationError, pipe, raw_os_error};
use cede::process::{ChildStdout, Command, Stdio, shell};
use cede::time::after;
use cede::{Operation, no_switch};

mod net_pair;
mod process_shared;
use net_pair::while_others_run;
use process_shared::{Seen, again_in_all_ways, soon, until};

#[test]
fn everything_here_holds_in_all_ways_of_waiting() {
    again_in_all_ways();
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cede-process-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path.canonicalize().unwrap())
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command says.
fn said(command: &mut Command) -> String {
    let output = cede::run(|| command.output()).unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_child_gets_what_was_set() {
    let folder = Folder::new();
    assert_eq!(said(Command::new("echo").arg("a b").args(["c", "$d"])), "a b c $d\n");
    assert_eq!(said(Command::new("pwd").current_dir(&folder.0)), format!("{}\n", folder.0.display()));
    let mut all = Command::new("/usr/bin/env");
    all.env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("B");
    assert_eq!(said(&mut all), "A=1\nC=3\n");
    let has_path = |text: String| text.lines().any(|line| line.starts_with("PATH="));
    assert!(has_path(said(&mut Command::new("/usr/bin/env"))));
    assert!(!has_path(said(Command::new("/usr/bin/env").env_remove("PATH"))));
    assert_eq!(said(Command::new("sh").arg0("called").args(["-c", "echo $0"])), "called\n");
    let group = "read -r _ _ _ _ group _ </proc/self/stat; test $group = $$ && echo own";
    assert_eq!(said(shell(group).process_group(0)), "own\n");
    let as_user = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!(said(shell("id -u").uid(as_user.0).gid(as_user.1)), format!("{}\n", as_user.0));
}

#[test]
fn a_shell_takes_a_line_and_what_belongs_to_it() {
    assert_eq!(said(&mut shell("echo b; echo a | tr a-z A-Z")), "b\nA\n");
    assert_eq!(said(shell("echo \"$1\"").args(["name", "; exit 1"])), "; exit 1\n");
    assert_eq!(cede::run(|| shell("exit 9").status()).unwrap().code(), Some(9));
}

#[test]
fn what_was_set_can_be_asked_for() {
    let mut command = Command::new("program");
    command.args(["a", "b"]).env("K", "V").env_remove("R").current_dir("/tmp");
    assert_eq!(command.get_program(), "program");
    assert_eq!(command.get_args().collect::<Vec<_>>(), ["a", "b"]);
    let variables: Vec<_> = command.get_envs().collect();
    assert_eq!(variables, [(OsStr::new("K"), Some(OsStr::new("V"))), (OsStr::new("R"), None)]);
    assert_eq!(command.get_current_dir(), Some(Path::new("/tmp")));
    assert!(!command.get_kill_on_drop());
    assert!(command.kill_on_drop(true).get_kill_on_drop());
    assert_eq!(format!("{command:?}"), format!("{:?}", command.as_std()));
    assert_eq!(command.into_std().get_program(), "program");
}

#[test]
fn a_command_of_std_is_one_of_these() {
    let mut std = std::process::Command::new("sh");
    std.args(["-c", "echo $0"]).arg0("hello");
    let mut command = Command::from(std);
    assert_eq!(said(&mut command), "hello\n");
    command.as_std_mut().args(["ignored"]);
    assert_eq!(command.get_args().len(), 3);
    assert_eq!(said(&mut command), "ignored\n");
}

#[test]
fn output_takes_what_was_not_set_and_for_this_time_only() {
    let folder = Folder::new();
    let (out, err) = (folder.0.join("out"), folder.0.join("err"));
    cede::run(|| {
        let mut command = shell("cat; echo out; echo err >&2");
        command.stderr(File::create(&err).unwrap());
        for _ in 0..2 {
            // Nothing to read, and not the input of this process, which might never end.
            let output = command.output().unwrap();
            assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b""[..]));
        }
        assert_eq!(fs::read_to_string(&err).unwrap(), "err\nerr\n");
        command.stdout(File::create(&out).unwrap()).stdin(File::open(&err).unwrap());
        assert!(command.output().unwrap().stdout.is_empty());
        assert_eq!(fs::read_to_string(&out).unwrap(), "err\nerr\nout\n");
        let mut command = Command::new("true");
        command.output().unwrap();
        let child = command.spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
    });
}

#[test]
fn the_ends_of_the_child_block_and_ours_do_not() {
    const NONBLOCKING: &str = "for n in 0 1 2; do grep flags /proc/self/fdinfo/$n; done >&2";
    cede::run(|| {
        let mut command = shell(NONBLOCKING);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let is_blocking = |end: &dyn AsFd| {
            let flags = rustix::fs::fcntl_getfl(end.as_fd()).unwrap();
            !flags.contains(rustix::fs::OFlags::NONBLOCK)
        };
        assert!(!is_blocking(child.stdin.as_ref().unwrap()) && !is_blocking(child.stdout.as_ref().unwrap()));
        let output = child.communicate("").unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let flags: Vec<_> = text.split_whitespace().filter(|word| *word != "flags:").collect();
        assert_eq!(flags.len(), 3, "{text}");
        for flags in flags {
            assert_eq!(i32::from_str_radix(flags, 8).unwrap() & libc::O_NONBLOCK, 0, "{text}");
        }
    });
}

#[test]
fn children_are_chained_by_their_pipes() {
    cede::run(|| {
        let mut first = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = first.stdin.take().unwrap();
        let mut second =
            shell("tr a-z A-Z").stdin(first.stdout.take().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
        let (reader, writer) = pipe().unwrap();
        let mut third =
            Command::new("cat").stdin(second.stdout.take().unwrap()).stdout(writer).spawn().unwrap();
        let writing = cede::spawn(move || (0..200_000).try_for_each(|n| writeln!(input, "line {n}")));
        let text = io::read_to_string(reader).unwrap();
        assert!(text.lines().eq((0..200_000).map(|n| format!("LINE {n}"))));
        soon(&writing).unwrap();
        for child in [&mut first, &mut second, &mut third] {
            assert!(child.wait().unwrap().success());
        }
    });
}

#[test]
fn the_pipes_have_timeouts_take_part_in_races_and_convert() {
    cede::run(|| {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        stdout.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let error = (&stdout).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let named = error.get_ref().unwrap().downcast_ref::<OperationError>().unwrap();
        assert_eq!(named.operation(), "read from");
        assert_eq!(named.object(), format!("the output of child {} (\"cat\")", child.id()));
        let mut buffer = [0; 8];
        cede::select! {
            read = stdout.reading(&mut buffer) => panic!("{read:?}"),
            _ = after(Duration::from_millis(5)) => {}
        }
        assert_eq!(stdin.writing(b"").wait().unwrap(), 0);
        assert_eq!(stdin.writing(b"hello").wait().unwrap(), 5);
        assert_eq!(stdout.reading(&mut buffer).wait().unwrap(), 5);
        // Full, it does not take part.
        child.send_signal(libc::SIGSTOP).unwrap();
        until("it is stopped", || Seen::of(child.id()).state() == Some('T'));
        while !cede::select! {
            written = stdin.writing(&[0; 4096]) => written.unwrap() == 0,
            _ = after(Duration::from_millis(20)) => true,
        } {}
        child.send_signal(libc::SIGCONT).unwrap();
        drop(stdin);
        let stdout = std::process::ChildStdout::from(std::os::fd::OwnedFd::from(stdout));
        let rest = io::read_to_string(ChildStdout::try_from(stdout).unwrap()).unwrap();
        assert!(rest.len() >= 4096 && rest.bytes().all(|byte| byte == 0));
    });
}

#[track_caller]
fn fails(command: &mut Command, kind: ErrorKind, starts: &str) {
    let error = command.spawn().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().starts_with(starts), "{error}");
}

#[test]
fn why_a_child_can_not_be_started_is_said() {
    let folder = Folder::new();
    let text = folder.file("text", "no program\n", 0o644);
    let script = folder.file("script", "#!/there/is/none\n", 0o755);
    let nonsense = folder.file("nonsense", "\u{1}\u{2}", 0o755);
    let path = folder.0.display();
    fails(&mut Command::new("cede-none"), ErrorKind::NotFound, "can't start \"cede-none\": ");
    let error = Command::new("cede-none").spawn().unwrap_err();
    assert_eq!(raw_os_error(&error), Some(libc::ENOENT));
    fails(&mut Command::new(&text), ErrorKind::PermissionDenied, &format!("can't start \"{path}/text\": "));
    fails(&mut Command::new(&folder.0), ErrorKind::PermissionDenied, &format!("can't start \"{path}\": "));
    let missing = format!("can't start \"{path}/script\", whose interpreter is missing: ");
    fails(&mut Command::new(&script), ErrorKind::NotFound, &missing);
    assert_eq!(raw_os_error(&Command::new(&nonsense).spawn().unwrap_err()), Some(libc::ENOEXEC));
    let nowhere = folder.0.join("nowhere");
    let expected = format!("can't start \"true\" in \"{path}/nowhere\", which is no directory: ");
    fails(Command::new("true").current_dir(&nowhere), ErrorKind::NotFound, &expected);
    let expected = format!("can't start \"true\" in \"{path}/text\", which is no directory: ");
    fails(Command::new("true").current_dir(&text), ErrorKind::NotADirectory, &expected);
    let expected = format!("can't start \"cede-none\" in \"{path}\": ");
    fails(Command::new("cede-none").current_dir(&folder.0), ErrorKind::NotFound, &expected);
    let huge = "x".repeat(10 << 20);
    assert_eq!(raw_os_error(&Command::new("true").arg(huge).spawn().unwrap_err()), Some(libc::E2BIG));
}

#[test]
fn a_name_with_nul_is_refused() {
    let mut commands = [
        Command::new("tr\0ue"),
        Command::new("true"),
        Command::new("true"),
        Command::new("true"),
        Command::new("true"),
    ];
    commands[1].arg("a\0b");
    commands[2].env("K\0", "v");
    commands[3].env("K", "v\0");
    commands[4].current_dir("/tmp\0");
    for command in &mut commands {
        fails(command, ErrorKind::InvalidInput, "can't start \"");
    }
}

#[test]
fn nothing_is_started_where_nobody_may_wait() {
    let folder = Folder::new();
    let made = folder.0.join("made");
    let mut command = Command::new("touch");
    command.arg(&made);
    for error in [command.status().unwrap_err(), command.output().map(drop).unwrap_err()] {
        assert!(error.to_string().contains("cede::run"), "{error}");
    }
    cede::run(|| {
        let error = no_switch(|| command.status()).unwrap_err();
        assert!(error.to_string().contains("no_switch"), "{error}");
    });
    assert!(!made.exists());
}

#[test]
fn a_child_is_started_on_another_thread_where_that_takes_long() {
    cede::run(|| {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cede::runtime::unblock(move || command.spawn()).unwrap();
        assert_eq!(child.communicate("text").unwrap().stdout, b"text");
    });
}

#[test]
fn outputs_are_had_side_by_side() {
    cede::run(|| {
        // Each waits for what the other does, so that they do not end one after the other.
        let (reader, writer) = pipe().unwrap();
        let other = cede::spawn(|| shell("cat").stdin(reader).output().unwrap());
        while_others_run();
        assert!(shell("echo hello").stdout(writer).output().unwrap().stdout.is_empty());
        assert_eq!(soon(&other).stdout, b"hello\n");
    });
}
