//! Both directions between two streams at the same time: what a proxy does.
//!
//! ```text
//!   a ends      ─▶ what a said goes to b, then b's writing side is shut down; b → a goes on
//!   b ends too  ─▶ done, with both counts
//!   an error    ─▶ the other direction is cancelled, the error is given; the counts stay readable
//! ```
//!
//! Errors do not wait for the other direction: where one side is broken, what the other says can't be answered, and would keep
//! the connection for as long as it likes. So it is when the task is cancelled.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use super::copy::copy_counting;
use super::split::ShutDown;
use crate::task::try_scope;

/// Copies between two streams in both directions, as [`copy_bidirectional`], and tells at any time how much it was.
///
/// # Examples
///
/// ```
/// use cede::io::Relay;
/// use cede::net::{TcpListener, TcpStream};
/// use std::time::Duration;
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let address = listener.local_addr()?;
///     let (one, other) = (TcpStream::connect(address)?, TcpStream::connect(address)?);
///     let relay = Relay::new(&one, &other);
///     // Nobody says anything.
///     assert!(cede::timeout(Duration::from_millis(1), || relay.run()).is_err());
///     assert_eq!(relay.counts(), (0, 0));
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[derive(Debug)]
pub struct Relay<'a, A, B> {
    a: &'a A,
    b: &'a B,
    to_b: Cell<u64>,
    to_a: Cell<u64>,
}

impl<'a, A: ShutDown, B: ShutDown> Relay<'a, A, B>
where
    for<'r> &'r A: Read + Write,
    for<'r> &'r B: Read + Write,
{
    /// A relay that has not begun.
    pub fn new(a: &'a A, b: &'a B) -> Self {
        Relay { a, b, to_b: Cell::new(0), to_a: Cell::new(0) }
    }

    /// Copies until both sides have ended, and gives the counts. See [`copy_bidirectional`].
    ///
    /// # Errors, cancellation, panics
    ///
    /// As [`copy_bidirectional`].
    pub fn run(&self) -> io::Result<(u64, u64)> {
        let first = Cell::new(None);
        let keep = |result: io::Result<()>| {
            result.map_err(|error| {
                first.set(first.take().or(Some(error)));
                "one direction of a relay has failed"
            })
        };
        let both = try_scope(|tasks| {
            tasks.try_spawn(|| keep(pass_on(self.b, self.a, &self.to_a)));
            keep(pass_on(self.a, self.b, &self.to_b))
        });
        match (first.take(), both) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(self.counts()),
            (None, Err(error)) => Err(io::Error::other(error.to_string())),
        }
    }

    /// How many bytes have gone from a to b, and from b to a.
    pub fn counts(&self) -> (u64, u64) {
        (self.to_b.get(), self.to_a.get())
    }
}

/// Copies in one direction, and hands the end on.
fn pass_on<F, T: ShutDown>(from: &F, to: &T, count: &Cell<u64>) -> io::Result<()>
where
    for<'r> &'r F: Read,
    for<'r> &'r T: Write,
{
    copy_counting(&mut &*from, &mut &*to, |length| count.set(count.get() + length))?;
    match to.shut_down(Shutdown::Write) {
        // It has gone meanwhile; what it says comes to its end by itself.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

/// Copies from `a` to `b` and from `b` to `a` until both have ended, and gives how many bytes went each way.
///
/// When one has ended, the other is told so (its writing side is shut down), and goes on sending for as long as it likes. The
/// streams are not closed: that is for who owns them.
///
/// # Errors
///
/// That of the first read or write that fails; the other direction is cancelled. [`Relay::counts`] tells how far it came.
///
/// # Cancellation
///
/// Unwinds when the task is cancelled, both directions with it. What was read from one and not yet written to the other
/// is lost.
///
/// # Panics
///
/// Panics where a task may not wait; see [`Operation::wait`](crate::Operation::wait).
///
/// # Examples
///
/// ```
/// use cede::io::copy_bidirectional;
/// use cede::net::{Shutdown, TcpListener, TcpStream};
/// use std::io::{self, Write};
///
/// cede::run(|| -> io::Result<()> {
///     let (front, back) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
///     let (there, door) = (back.local_addr()?, front.local_addr()?);
///     // A server that shouts, and a proxy before it.
///     let server = cede::try_spawn(move || {
///         let (mut stream, _) = back.accept()?;
///         let text = io::read_to_string(&stream)?;
///         stream.write_all(text.to_uppercase().as_bytes())
///     });
///     let proxy = cede::try_spawn(move || {
///         let (client, _) = front.accept()?;
///         copy_bidirectional(&client, &TcpStream::connect(there)?)
///     });
///     let mut client = TcpStream::connect(door)?;
///     client.write_all(b"hello")?;
///     client.shutdown(Shutdown::Write)?;
///     assert_eq!(io::read_to_string(&client)?, "HELLO");
///     assert_eq!(proxy.join()?, (5, 5));
///     server.join()?;
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn copy_bidirectional<A: ShutDown, B: ShutDown>(a: &A, b: &B) -> io::Result<(u64, u64)>
where
    for<'r> &'r A: Read + Write,
    for<'r> &'r B: Read + Write,
{
    Relay::new(a, b).run()
}
