//! Servers as asyncio's stream programs have them: a handler that gets a reader and a writer for each connection.
//!
//! ```text
//!   IDLE ── start_serving ─▶ SERVING ── close ─▶ CLOSED ── the last accept and the last handler end ─▶ `over` is set
//!     └──────────────────── close ───────────────▶
//! ```
//!
//! A task for each listener accepts, and starts a task for each connection. Both hold the core alive; the [`Server`] that the
//! program has closes it when it goes. A task that is counted in it is known by a guard that its closure owns from the beginning, so that one which is
//! cancelled before it begins is counted off as well.
//!
//! A handler's error or panic is its task's, and goes to the task hook, since nobody joins that task. An accept that fails is
//! told to the hook as a task that fails; the server goes on. An error that comes at once after another, which can only mean that
//! the listener is broken, makes it pause, so that it does not spin.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use super::listener::{Accepted, Ending, Listener};
use super::open_connection::{TcpReader, TcpWriter};
use super::resolve::ToSocketAddrs;
use super::tcp_listener::TcpListener;
use crate::io::{StreamReader, StreamWriter};
use crate::sync::Event;
use crate::task::{self, JoinHandle, catch_cancelled};
use crate::time;

/// How long a failing accept takes at least where it makes sense to go on at once: one that finds no descriptor waits by itself.
const ACCEPT_MIN: Duration = Duration::from_millis(4);

/// How long the server pauses after an accept that failed faster.
const PAUSE: Duration = Duration::from_secs(1);

type Handler<S> = dyn Fn(StreamReader<S>, StreamWriter<S>) -> Result<(), Box<dyn Error>>;

/// Settings of a server; [`start_server`] has the usual ones.
///
/// # Examples
///
/// ```
/// use cede::net::{ServerBuilder, TcpListener};
///
/// cede::run(|| -> std::io::Result<()> {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let server = ServerBuilder::new().limit(1 << 20).start_serving(false).serve([listener], |mut reader, mut writer| {
///         writer.write_nowait(&reader.readline()?)?;
///         writer.drain()
///     });
///     assert!(!server.is_serving());
///     server.start_serving()
/// })
/// # .unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "it makes nothing before it is told to serve"]
pub struct ServerBuilder {
    limit: Option<usize>,
    waits: bool,
}

impl ServerBuilder {
    /// The settings that [`start_server`] has.
    pub const fn new() -> Self {
        ServerBuilder { limit: None, waits: false }
    }

    /// How long a line may be for the readers of the handlers; 64 KiB without.
    ///
    /// # Panics
    ///
    /// Panics when it is 0.
    pub fn limit(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "cede: the limit of a stream reader can't be 0");
        self.limit = Some(bytes);
        self
    }

    /// Whether it accepts from the beginning; true without. Otherwise [`Server::start_serving`] and
    /// [`Server::serve_forever`] begin.
    pub fn start_serving(mut self, on: bool) -> Self {
        self.waits = !on;
        self
    }

    /// A server on sockets that are there: asyncio's `start_server(sock=)`.
    ///
    /// # Panics
    ///
    /// Panics outside of a run.
    pub fn serve<L: Listener, E: Into<Box<dyn Error>>>(
        self,
        listeners: impl IntoIterator<Item = L>,
        handler: impl Fn(StreamReader<L::Stream>, StreamWriter<L::Stream>) -> Result<(), E> + 'static,
    ) -> Server<L> {
        let core = Rc::new(Core {
            listeners: RefCell::new(listeners.into_iter().map(Rc::new).collect()),
            handler: Box::new(move |reader, writer| handler(reader, writer).map_err(Into::into)),
            limit: self.limit,
            state: Cell::new(State::Idle),
            accepting: RefCell::default(),
            accepting_now: Cell::new(0),
            clients: RefCell::default(),
            clients_ever: Cell::new(0),
            forever: Cell::new(false),
            over: Event::new(),
        });
        if !self.waits {
            Core::start(&core);
        }
        Server { core }
    }
}

/// Listens on all of the addresses, and calls `handler` for each connection, in a task of its own: `asyncio.start_server`.
///
/// An error or a panic of a handler goes to the hook of [`set_task_hook`](crate::set_task_hook) and ends nothing but the
/// connection. Dropping the server closes it.
///
/// # Errors
///
/// That of the first address that can't be had; one that this machine doesn't have is passed over if another is left.
///
/// # Panics
///
/// Panics outside of a run.
///
/// # Examples
///
/// ```
/// use cede::net::{TcpReader, TcpWriter, open_connection, start_server};
/// use std::io;
///
/// fn echo(mut reader: TcpReader, mut writer: TcpWriter) -> io::Result<()> {
///     for line in &mut reader {
///         writer.write_nowait(&line?)?;
///         writer.drain()?;
///     }
///     writer.close()
/// }
///
/// cede::run(|| -> io::Result<()> {
///     let server = start_server("127.0.0.1:0", echo)?;
///     let (mut reader, mut writer) = open_connection(server.local_addr()?)?;
///     writer.write_nowait(b"one\ntwo\n")?;
///     writer.write_eof()?;
///     assert_eq!(reader.read_to_eof()?, b"one\ntwo\n");
///     server.close();
///     server.wait_closed();
///     Ok(())
/// })
/// # .unwrap();
/// ```
pub fn start_server<E: Into<Box<dyn Error>>>(
    addresses: impl ToSocketAddrs,
    handler: impl Fn(TcpReader, TcpWriter) -> Result<(), E> + 'static,
) -> io::Result<Server<TcpListener>> {
    Ok(ServerBuilder::new().serve(bind_all(addresses)?, handler))
}

fn bind_all(addresses: impl ToSocketAddrs) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut not_here = None;
    for address in addresses.to_socket_addrs()? {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => not_here = Some(error),
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() {
        let nothing = || io::Error::new(io::ErrorKind::InvalidInput, "there are no addresses to listen on");
        return Err(not_here.unwrap_or_else(nothing));
    }
    Ok(listeners)
}

/// Accepts connections, each of which is handled by a task: `asyncio.Server`. It belongs to the run it was made in.
///
/// Dropping it closes it, as leaving `async with server` does; the tasks of its connections go on.
///
/// # Examples
///
/// A graceful end: no new connections, some time for those that are there, and then the end of them too.
///
/// ```
/// use cede::net::{open_connection, start_server};
/// use std::time::Duration;
///
/// cede::run(|| -> std::io::Result<()> {
///     let server = start_server("127.0.0.1:0", |mut reader, _| reader.read_to_eof().map(drop))?;
///     let client = open_connection(server.local_addr()?)?;
///     cede::sleep(Duration::from_millis(1));
///     server.close();
///     if cede::timeout(Duration::from_millis(5), || server.wait_closed()).is_err() {
///         server.close_clients();
///         server.wait_closed();
///     }
///     drop(client);
///     Ok(())
/// })
/// # .unwrap();
/// ```
#[must_use = "dropping a server closes it"]
pub struct Server<L: Listener = TcpListener> {
    core: Rc<Core<L>>,
}

struct Core<L: Listener> {
    /// Empty when it is closed; the tasks that accept own them as well.
    listeners: RefCell<Vec<Rc<L>>>,
    handler: Box<Handler<L::Stream>>,
    limit: Option<usize>,
    state: Cell<State>,
    accepting: RefCell<Vec<JoinHandle<()>>>,
    /// How many tasks accept.
    accepting_now: Cell<usize>,
    clients: RefCell<BTreeMap<u64, Client>>,
    clients_ever: Cell<u64>,
    /// Whether a task is in `serve_forever`.
    forever: Cell<bool>,
    /// Set when it is closed, and no task of it is left.
    over: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Serving,
    Closed,
}

/// A connection whose handler runs, or is going to.
struct Client {
    shut_down: Ending,
    task: Option<JoinHandle<()>>,
}

impl<L: Listener> Core<L> {
    fn start(self: &Rc<Self>) {
        if self.state.get() != State::Idle {
            return;
        }
        self.state.set(State::Serving);
        for listener in Vec::from_iter(self.listeners.borrow().iter().cloned()) {
            self.accepting_now.set(self.accepting_now.get() + 1);
            let counted = Counted { core: Rc::clone(self), client: None };
            let name = format!("server on {}", described(&*listener));
            let accepting = task::Builder::new().name(name).spawn(move || accept(&counted.core, &*listener));
            self.accepting.borrow_mut().push(accepting);
        }
    }

    fn close(&self) {
        if self.state.replace(State::Closed) == State::Closed {
            return;
        }
        for accepting in self.accepting.take() {
            accepting.cancel();
        }
        drop(self.listeners.take());
        self.check_over();
    }

    fn check_over(&self) {
        let is_closed = self.state.get() == State::Closed;
        if is_closed && self.accepting_now.get() == 0 && self.clients.borrow().is_empty() {
            self.over.set();
        }
    }

    /// Starts the task of a connection.
    fn handle(self: &Rc<Self>, accepted: Accepted<L::Stream>) {
        let Accepted { stream, peer, shut_down } = accepted;
        let id = self.clients_ever.get();
        self.clients_ever.set(id + 1);
        let mut reader = StreamReader::of_stream(stream.clone());
        if let Some(limit) = self.limit {
            reader.set_limit(limit);
        }
        let writer = StreamWriter::new(stream);
        let counted = Counted { core: Rc::clone(self), client: Some(id) };
        self.clients.borrow_mut().insert(id, Client { shut_down, task: None });
        let handling = move || (counted.core.handler)(reader, writer);
        let task = task::Builder::new().name(format!("client {peer}")).try_spawn(handling);
        if let Some(client) = self.clients.borrow_mut().get_mut(&id) {
            client.task = Some(task);
        }
    }
}

/// Counts a task of a server off when it ends, or when it never begins.
struct Counted<L: Listener> {
    core: Rc<Core<L>>,
    /// The connection; none for a task that accepts.
    client: Option<u64>,
}

impl<L: Listener> Drop for Counted<L> {
    fn drop(&mut self) {
        let core = &self.core;
        let gone = match &self.client {
            Some(id) => core.clients.borrow_mut().remove(id),
            None => {
                core.accepting_now.set(core.accepting_now.get() - 1);
                None
            }
        };
        drop(gone);
        core.check_over();
    }
}

fn described<L: Listener>(listener: &L) -> String {
    listener.address().map_or_else(|_| "a socket that has gone".into(), |address| format!("{address:?}"))
}

/// Accepts until it is cancelled.
fn accept<L: Listener>(core: &Rc<Core<L>>, listener: &L) {
    loop {
        let began = time::now();
        match listener.accept_shared() {
            Ok(accepted) => core.handle(accepted),
            Err(error) => {
                let name = format!("accept on {}", described(listener));
                drop(task::Builder::new().name(name).try_spawn(move || Err::<(), _>(error)));
                if time::now() - began < ACCEPT_MIN {
                    time::sleep(PAUSE);
                }
            }
        }
    }
}

impl<L: Listener> Server<L> {
    /// Whether it accepts connections.
    pub fn is_serving(&self) -> bool {
        self.core.state.get() == State::Serving
    }

    /// Begins to accept connections, if it does not yet.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub fn start_serving(&self) -> io::Result<()> {
        if self.core.state.get() == State::Closed {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the server is closed"));
        }
        Core::start(&self.core);
        Ok(())
    }

    /// Accepts connections until it is closed, and comes back when the last handler has ended.
    ///
    /// # Errors
    ///
    /// When it is closed already, or another task is in here.
    ///
    /// # Cancellation
    ///
    /// Closes the server when the task is cancelled, waits until the last handler has ended, and unwinds. Another cancellation
    /// ends that wait.
    pub fn serve_forever(&self) -> io::Result<()> {
        self.start_serving()?;
        if self.core.forever.replace(true) {
            let message = "another task is in serve_forever already";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
        }
        let _leaving = Leaving(&self.core.forever);
        if let Err(cancelled) = catch_cancelled(|| self.wait_closed()) {
            self.close();
            self.wait_closed();
            cancelled.resume();
        }
        Ok(())
    }

    /// Ends the accepting, in the next tick, and the sockets with it. The handlers go on, and are not told.
    pub fn close(&self) {
        self.core.close();
    }

    /// Waits until it is closed and the last handler has ended. It does not close it.
    ///
    /// # Cancellation
    ///
    /// Unwinds when the task is cancelled meanwhile; nothing else changes.
    pub fn wait_closed(&self) {
        self.core.over.wait();
    }

    /// Tells the handlers to come to an end: what they read from now on is the end of their stream. What they write still goes
    /// out.
    pub fn close_clients(&self) {
        self.shut_down_clients(Shutdown::Read);
    }

    /// Ends all connections in both directions: what the handlers read is an end, and their writes fail.
    pub fn abort_clients(&self) {
        self.shut_down_clients(Shutdown::Both);
    }

    fn shut_down_clients(&self, how: Shutdown) {
        for client in self.core.clients.borrow().values() {
            (client.shut_down)(how);
        }
    }

    /// Cancels the tasks of all handlers, which unwind from whatever they wait for. asyncio has no such thing.
    pub fn cancel_clients(&self) {
        let clients = self.core.clients.borrow();
        for task in clients.values().filter_map(|client| client.task.as_ref()) {
            task.cancel();
        }
    }

    /// How many connections have a handler that has not ended.
    pub fn clients(&self) -> usize {
        self.core.clients.borrow().len()
    }

    /// Where it listens: the addresses of asyncio's `server.sockets`. None when it is closed.
    pub fn local_addrs(&self) -> Vec<L::Addr> {
        self.core.listeners.borrow().iter().filter_map(|listener| listener.address().ok()).collect()
    }

    /// Where it listens, or the first place of several.
    ///
    /// # Errors
    ///
    /// When it is closed; those of the system.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        match self.core.listeners.borrow().first() {
            Some(listener) => listener.address(),
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "the server is closed")),
        }
    }
}

/// Takes a mark back.
struct Leaving<'a>(&'a Cell<bool>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<L: Listener> Drop for Server<L> {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl<L: Listener> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.local_addrs())
            .field("state", &self.core.state.get())
            .field("clients", &self.clients())
            .finish()
    }
}
