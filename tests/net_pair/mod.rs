//! What the tests of the network share.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::cell::Cell;
use std::env;
use std::io::{self, Write};
use std::process::Command;

use cede::net::TcpStream;

/// Two ends of a connection, of std.
pub(crate) fn std_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// Two ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let (ours, theirs) = std_pair();
    (ours.try_into().unwrap(), theirs.try_into().unwrap())
}

/// Lets the others run for a good while, the I/O that is ready included.
pub(crate) fn while_others_run() {
    (0..200).for_each(|_| cede::yield_now());
}

/// More than the buffers of a connection take, however they grow.
pub(crate) const TOO_MUCH: usize = 32 << 20;

/// Counts what was written, for those who hear nothing from a `write_all` that fails.
pub(crate) struct Counting<'a> {
    pub(crate) stream: &'a TcpStream,
    pub(crate) written: &'a Cell<usize>,
}

impl Write for Counting<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = (&mut &*self.stream).write(buffer)?;
        self.written.set(self.written.get() + written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sees to it that the system is asked for I/O before the next tick.
pub(crate) fn ask_the_system() {
    (0..64).for_each(|_| drop(cede::spawn(|| ())));
}

/// Runs all tests of the binary in a child, with the reactor that every system has.
pub(crate) fn again_with_the_portable_reactor() {
    if env::var_os("CEDE_REACTOR").is_none() && env::var_os(CHILD).is_none() {
        run(&mut Command::new(env::current_exe().unwrap()));
    }
}

const CHILD: &str = "CEDE_TEST_CHILD";

fn run(command: &mut Command) {
    let output = command.env("CEDE_REACTOR", "portable").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether this is the child in which a test does what can't be done beside others. If not, runs that child, with both
/// reactors.
pub(crate) fn in_child(test: &str) -> bool {
    if env::var(CHILD).is_ok_and(|name| name == test) {
        return true;
    }
    if env::var_os(CHILD).is_none() && env::var_os("CEDE_REACTOR").is_none() {
        for reactor in ["", "portable"] {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args([test, "--exact", "--nocapture", "--test-threads=1"]);
            let output = child.env(CHILD, test).env("CEDE_REACTOR", reactor).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{reactor} {text}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    false
}
