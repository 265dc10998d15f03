//! `tail`: the ends of files, and with `-f` what is added to them, also where they are cut off, replaced, or not there yet.
//!
//! `cargo run --example tail -- -n 5 -f one.log other.log`. Ctrl-C ends it.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::{cell::RefCell, env, error::Error, os::unix::fs::MetadataExt, time::Duration};

use cede::{catch_cancelled, fs, fs::File, sleep, try_scope};

const PAUSE: Duration = Duration::from_millis(100);

struct Tail {
    lines: usize,
    follow: bool,
    shown_last: RefCell<String>,
}

/// Where the last lines begin: found from the end, in a part that grows until they are in it.
fn last_lines(file: &File, lines: usize) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let Some(others) = lines.checked_sub(1) else { return Ok(length) };
    let mut size = 64 << 10;
    loop {
        let begin = length.saturating_sub(size);
        let mut part = vec![0; (length - begin) as usize];
        file.read_exact_at(&mut part, begin)?;
        part.pop(); // The end of the last line ends no other.
        match (0..part.len()).rev().filter(|&at| part[at] == b'\n').nth(others) {
            Some(at) => return Ok(begin + at as u64 + 1),
            None if begin == 0 => return Ok(0),
            None => size *= 2,
        }
    }
}

impl Tail {
    fn show_rest(&self, mut file: &File, name: &str) -> io::Result<()> {
        let mut text = Vec::new();
        if file.read_to_end(&mut text)? > 0 && *self.shown_last.borrow() != name {
            let gap = if self.shown_last.replace(name.into()).is_empty() { "" } else { "\n" };
            text.splice(..0, format!("{gap}==> {name} <==\n").into_bytes());
        }
        cede::io::stdout().write_all(&text)
    }

    fn show(&self, name: &str) -> io::Result<()> {
        while self.follow && !fs::exists(name)? {
            sleep(PAUSE);
        }
        let mut file = File::open(name)?;
        file.seek(SeekFrom::Start(last_lines(&file, self.lines)?))?;
        self.show_rest(&file, name)?;
        if !self.follow {
            return Ok(());
        }
        loop {
            sleep(PAUSE);
            let (ours, theirs) = (file.metadata()?, fs::metadata(name).ok());
            if file.stream_position()? > ours.len() {
                file.rewind()?;
            }
            self.show_rest(&file, name)?;
            if theirs.is_some_and(|theirs| (theirs.dev(), theirs.ino()) != (ours.dev(), ours.ino())) {
                file = File::open(name)?;
            }
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (mut tail, mut names) =
        (Tail { lines: 10, follow: false, shown_last: RefCell::default() }, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "-f" => tail.follow = true,
            "-n" => tail.lines = arguments.next().unwrap_or_default().parse()?,
            _ => names.push(argument),
        }
    }
    if names.is_empty() {
        println!("usage: tail [-n LINES] [-f] FILE...");
    }
    // No header for one that is alone.
    *tail.shown_last.get_mut() = names.first().filter(|_| names.len() == 1).cloned().unwrap_or_default();
    let all = || {
        try_scope(|files| {
            for name in &names {
                match tail.follow {
                    true => _ = files.try_spawn(|| tail.show(name)),
                    false => tail.show(name)?,
                }
            }
            Ok::<_, io::Error>(())
        })
    };
    // Ctrl-C is no error.
    Ok(cede::run(|| catch_cancelled(all)).unwrap_or(Ok(()))?)
}
