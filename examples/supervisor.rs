//! A process supervisor: it starts programs again when they end, each time after a longer pause, and writes what they say, line by line. On
//! SIGTERM or Ctrl-C all of them are asked to end, and have some time for it.
//!
//! `cargo run --example supervisor -- 5 'web=exec python3 -m http.server' 'clock=while date; do sleep 1; done'`: how many seconds they have,
//! and commands of the shell with their names. Without arguments it shows itself on two of its own.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};
use std::process::ExitStatus;
use std::time::Duration;

use cede::io::pipe;
use cede::process::{Stdio, shell};
use cede::signal::Shutdown;
use cede::time::{after, now};

/// The pauses before a program is started again. One that has run for longer than the longest begins with the shortest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long what a program has left behind may go on speaking.
const LAST_WORDS: Duration = Duration::from_millis(200);

const DEMONSTRATION: [&str; 3] =
    ["0.2", "flaky=echo in trouble >&2; exit 3", "deaf=trap '' TERM; while echo busy; do sleep 0.3; done"];

fn log_lines(name: &str, output: impl Read) {
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        println!("{name}: {}", String::from_utf8_lossy(&line));
    }
}

/// One life of a program. Both its streams go into one pipe, so that their lines stay in order.
fn run_once(name: &str, command: &str, grace: Duration, shutdown: &Shutdown) -> io::Result<ExitStatus> {
    let (output, input) = pipe()?;
    let mut command = shell(command);
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    // Ctrl-C at the terminal is for this process, which tells the others.
    let child = command.process_group(0).kill_on_drop(true).spawn()?;
    // It has ends of the pipe, too, which would keep that open.
    drop(command);
    println!("{name}* started as {}", child.id());
    let owned = name.to_owned();
    let speaking = cede::spawn(move || log_lines(&owned, output));
    let status = cede::select! {
        status = child.waiting() => status,
        () = shutdown.requested() => child.shut_down(grace),
    };
    if cede::timeout(LAST_WORDS, || speaking.join()).is_err() {
        speaking.cancel();
    }
    status
}

fn supervise(service: &str, grace: Duration, shutdown: &Shutdown) {
    let Some((name, command)) = service.split_once('=') else {
        return println!("{service:?} is no service: NAME=COMMAND is");
    };
    let mut pause = PAUSE_MIN;
    while !shutdown.is_requested() {
        let begin = now();
        match run_once(name, command, grace, shutdown) {
            Ok(status) => println!("{name}* {status}"),
            Err(error) => println!("{name}* {error}"),
        }
        if now() - begin > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        cede::select! {
            () = shutdown.requested() => {}
            () = after(pause) => pause = PAUSE_MAX.min(pause * 2),
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<_> = env::args().skip(1).collect();
    let demonstrates = arguments.is_empty();
    if demonstrates {
        arguments = DEMONSTRATION.map(str::to_owned).into();
    }
    let grace = Duration::from_secs_f64(arguments[0].parse()?);
    cede::run(|| {
        let shutdown = Shutdown::new()?;
        cede::scope(|tasks| {
            for service in &arguments[1..] {
                tasks.spawn(|| supervise(service, grace, &shutdown));
            }
            if demonstrates {
                cede::sleep(Duration::from_secs(1));
                shutdown.request();
            }
        })?;
        println!("all have ended");
        Ok(())
    })
}
