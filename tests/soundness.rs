//! What must not compile does not compile, and which types may cross threads.
//!
//! The rules are in the soundness chapter of the manual; each file of `tests/ui` opens with the one that it holds. Their expected
//! messages belong to the stable compiler of the day: after an update, `TRYBUILD=overwrite cargo test --test soundness` writes
//! them anew, and the difference shows whether each program is still refused for the reason that it was written for.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::marker::PhantomData;
use std::path::Path;
use std::rc::Rc;

use cede::executor::{
    self, AsCompleted as JobsAsCompleted, Future, FutureError, Job, Map, MapOptions, Resulting,
    ThreadPoolExecutor, TimeoutError,
};
use cede::fs::{DirBuilder, DirEntry, File, FileLines, OpenOptions, ReadDir, TryLockError, Walk, WalkEntry};
use cede::future::{AsFuture, WaitingForFuture};
use cede::generator::Builder;
use cede::io::{
    Chunks, Duplex, IncompleteReadError, Joined, LimitOverrunError, OperationError, OwnedReadHalf,
    OwnedWriteHalf, PipeReader, PipeWriter, ReadExactlyError, ReadHalf, ReadUntilError, Readiness, Relay,
    ReuniteError, Room, Shared, Stderr, StderrLock, Stdin, StdinLines, StdinLock, Stdout, StdoutLock,
    StreamLines, StreamReader, StreamWriter, Watched, WriteHalf,
};
use cede::net::unix::{PeerCredentials, ReceivedWithDescriptors, UnixDatagram, UnixListener, UnixStream};
use cede::net::{
    Datagram, DatagramBatch, Datagrams, Incoming, KeepAlive, Server, ServerBuilder, TcpConnector,
    TcpListener, TcpSocket, TcpStream, UdpSocket,
};
use cede::process::{Child, Command};
use cede::runtime::{
    self, CancelWait, Handle, RemoteJoinError, RemoteJoinHandle, RemoteJoining, RunEnded, Runtime,
    RuntimeBuilder, Waiter,
};
use cede::signal::{CtrlC, Receiving, Requested, Shutdown, Signal, SignalKind, UnknownSignal};
use cede::stack::{StackError, Stats};
use cede::sync::{
    AcquiringLock, AcquiringPermit, Barrier, BoundedSemaphore, BrokenBarrier, Condition, Condvar,
    DoneTooOften, Event, Fifo, GetNowaitError, Getting, JoiningQueue, Lifo, LifoQueue, Lock, LockGuard,
    Locking, Mutex, MutexGuard, NotAcquired, Permit, Priority, PriorityQueue, PutError, PutNowaitError,
    Putting, Queue, QueueBy, QueueShutDown, ReleasedTooOften, Semaphore, WaitTimeoutResult, WaitingForEvent,
};
use cede::sync::{
    Lazy, OnceCell, ReadingRwLock, RwLock, RwLockReadGuard, RwLockWriteGuard, SetError, WaitingForValue,
    WritingRwLock, broadcast, mpsc, oneshot, watch,
};
use cede::task::{
    self, AnyScope, AsCompleted, CallHandle, Context, ContextVar, Done, DoneCallback, End, First, Gather,
    GatherResults, InvalidState, Joining, OwnedJoining, Promise, Race, ReturnWhen, ScopedRemoteJoinHandle,
    Shield, Token, Waited,
};
use cede::time::{After, Timeout, TimeoutOver};
use cede::{
    AlreadyEntered, BlockPanicked, Cancelled, Closing, Deadlock, DelegateInfo, Elapsed, ExitStack, Fallible,
    Generator, GeneratorContext, GeneratorError, GeneratorExit, GeneratorState, GroupError, JoinError,
    JoinHandle, NullContext, OnDeadlock, RunError, Runner, Scope, Scoped, ScopedJoinHandle, SendError,
    SpawnError, Step, StopIteration, StuckTask, Suppress, TaskGroup, TaskHandle, TaskReport, Thrown,
    Unraisable, Yielder,
};

#[test]
fn unsound_programs_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// Without unwinding a suspended stack could not be cleaned up: the crate says so instead of aborting one day.
#[test]
fn a_build_that_aborts_on_panic_is_refused_with_the_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["check", "--lib", "--offline", "--color=never", "--target-dir"])
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/panic-abort"))
        .env("CARGO_PROFILE_DEV_PANIC", "abort")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "panic=abort was accepted");
    assert!(messages.contains("panic = \"abort\""), "refused without the reason:\n{messages}");
}

/// `SendProbe::<T>::HOLDS` is the inherent constant where `T: Send`, and otherwise that of [`Otherwise`].
struct SendProbe<T>(PhantomData<T>);

/// The same for `Sync`.
struct SyncProbe<T>(PhantomData<T>);

trait Otherwise {
    const HOLDS: bool = false;
}

impl<T> Otherwise for SendProbe<T> {}

impl<T> Otherwise for SyncProbe<T> {}

impl<T: Send> SendProbe<T> {
    const HOLDS: bool = true;
}

impl<T: Sync> SyncProbe<T> {
    const HOLDS: bool = true;
}

/// Asserts for each type whether it is `Send` and whether it is `Sync`, and gives the names of the types.
macro_rules! crosses_threads {
    ($($type:ty: $send:literal, $sync:literal;)*) => {{
        $(
            let found = (SendProbe::<$type>::HOLDS, SyncProbe::<$type>::HOLDS);
            assert_eq!(found, ($send, $sync), "(Send, Sync) of {}", stringify!($type));
        )*
        [$(stringify!($type)),*]
    }};
}

/// Not `Send`, and so what it is put into is not either.
type Local = Rc<()>;

/// `Send` but not `Sync`.
type Single = Cell<u8>;

#[test]
fn each_public_type_crosses_threads_only_where_it_may() {
    assert_names_all(
        &[
            generators().as_slice(),
            tasks().as_slice(),
            shared().as_slice(),
            channels().as_slice(),
            more_channels().as_slice(),
            values_and_guards().as_slice(),
            streams().as_slice(),
            executors().as_slice(),
            futures().as_slice(),
            streams_with_features().as_slice(),
            processes_and_signals().as_slice(),
            files().as_slice(),
            temporary_files().as_slice(),
        ]
        .concat(),
    );
}

fn generators() -> Vec<&'static str> {
    crosses_threads! {
        u8: true, true;
        Local: false, false;
        Single: true, false;

        Generator<u8>: false, false;
        Generator<u8, u8, u8>: false, false;
        &'static Generator<u8>: false, false;
        Fallible<Generator<u8>>: false, false;
        Scoped<'static, u8, (), ()>: false, false;
        Yielder<u8>: false, false;
        Yielder<u8, u8>: false, false;
        &'static Yielder<u8>: false, false;
        Builder: true, true;

        Step<u8, u8>: true, true;
        Step<Local, u8>: false, false;
        Step<u8, Single>: true, false;
        GeneratorState: true, true;
        DelegateInfo: true, true;

        Thrown: false, false;
        GeneratorExit: true, true;
        StopIteration: false, false;
        GeneratorError: false, false;
        SendError<u8>: false, false;
        Unraisable: false, false;

        GeneratorContext<u8>: false, false;
        ExitStack<'static>: false, false;
        Closing<u8>: false, false;
        Suppress<Local>: true, true;
        NullContext<u8>: true, true;
        NullContext<Local>: false, false;
        BlockPanicked: true, true;
        AlreadyEntered: true, true;

        StackError: true, true;
        Stats: true, true;
    }
    .into()
}

fn tasks() -> Vec<&'static str> {
    crosses_threads! {
        Runner: false, false;
        runtime::Builder: false, false;
        Runtime: true, true;
        RuntimeBuilder: true, true;
        OnDeadlock: true, true;
        RunError: true, true;
        Deadlock: true, true;
        StuckTask: true, true;
        TaskReport: true, true;
        Handle: true, true;
        RunEnded: true, true;
        RemoteJoinHandle<u8>: true, true;
        RemoteJoinHandle<Single>: true, true;
        RemoteJoinHandle<Local>: false, false;
        RemoteJoinError: true, true;
        RemoteJoining<'static, u8>: true, false;
        RemoteJoining<'static, Local>: false, false;
        Waiter: false, false;
        CancelWait: true, true;

        JoinHandle<u8>: false, false;
        Done<u32>: false, false;
        DoneCallback: false, false;
        Promise<u8>: false, false;
        InvalidState<Single>: true, false;
        End: false, false;
        Gather<Vec<u8>>: false, false;
        Gather<(u8, u8)>: false, false;
        GatherResults<Vec<u8>>: false, false;
        Shield<u8>: false, false;
        ReturnWhen: true, true;
        Waited<u8>: true, true;
        Waited<Local>: false, false;
        AsCompleted<End>: false, false;
        JoinError: false, false;
        Joining<'static, u8>: false, false;
        OwnedJoining<u8>: false, false;
        TaskHandle: false, false;
        task::Builder: true, true;
        CallHandle: false, false;
        Context: true, true;
        ContextVar<Local>: true, true;
        Token<Local>: true, true;
        TaskGroup: false, false;
        Scope<'static, 'static>: false, false;
        ScopedJoinHandle<'static, u8>: false, false;
        AnyScope<'static, 'static>: true, true;
        ScopedRemoteJoinHandle<'static, u8>: true, true;
        ScopedRemoteJoinHandle<'static, Local>: false, false;
        GroupError: false, false;
        SpawnError: true, true;
        Cancelled: true, true;
        First<u8, u8>: true, true;
        First<u8, Local>: false, false;
        Race<(After, After)>: true, true;

        After: true, true;
        Elapsed: true, true;
        Timeout: false, false;
        TimeoutOver: true, true;
    }
    .into()
}

fn shared() -> Vec<&'static str> {
    crosses_threads! {
        Lock: true, true;
        LockGuard<'static>: false, true;
        AcquiringLock<'static>: true, false;
        NotAcquired: true, true;
        Mutex<u8>: true, true;
        Mutex<Single>: true, true;
        Mutex<Local>: false, false;
        MutexGuard<'static, u8>: false, true;
        MutexGuard<'static, Single>: false, false;
        Locking<'static, u8>: true, false;
        Condvar: true, true;
        WaitTimeoutResult: true, true;
        Event: true, true;
        WaitingForEvent<'static>: true, false;
        Semaphore: true, true;
        BoundedSemaphore: true, true;
        Permit<'static>: false, true;
        AcquiringPermit<'static>: true, false;
        ReleasedTooOften: true, true;
        Condition: true, true;
        Barrier: true, true;
        BrokenBarrier: true, true;

        Queue<u8>: true, true;
        Queue<Single>: true, true;
        Queue<Local>: false, false;
        QueueBy<Single, Lifo>: true, true;
        LifoQueue<Local>: false, false;
        PriorityQueue<Single>: true, true;
        PriorityQueue<Local>: false, false;
        Fifo: true, true;
        Lifo: true, true;
        Priority: true, true;
        DoneTooOften: true, true;
        Getting<'static, u8, Fifo>: true, false;
        Getting<'static, Local, Fifo>: false, false;
        Putting<'static, u8, Lifo>: true, false;
        Putting<'static, Local, Lifo>: false, false;
        JoiningQueue<'static, u8, Priority>: true, false;
        QueueShutDown: true, true;
        GetNowaitError: true, true;
        PutError<Single>: true, false;
        PutNowaitError<Single>: true, false;
    }
    .into()
}

fn channels() -> Vec<&'static str> {
    crosses_threads! {
        mpsc::Sender<Single>: true, true;
        mpsc::Sender<Local>: false, false;
        mpsc::Receiver<Single>: true, true;
        mpsc::Receiver<Local>: false, false;
        mpsc::Iter<'static, Single>: true, true;
        mpsc::TryIter<'static, Single>: true, true;
        mpsc::IntoIter<Single>: true, true;
        mpsc::Sending<'static, u8>: true, false;
        mpsc::Sending<'static, Local>: false, false;
        mpsc::Receiving<'static, u8>: true, false;
        mpsc::Closing<'static, mpsc::Sender<Single>>: true, false;
        mpsc::Closing<'static, mpsc::Sender<Local>>: false, false;
        mpsc::SendError<Single>: true, false;
        mpsc::TrySendError<Single>: true, false;
        mpsc::SendTimeoutError<Single>: true, false;
        mpsc::RecvError: true, true;
        mpsc::TryRecvError: true, true;
        mpsc::RecvTimeoutError: true, true;

        oneshot::Sender<Single>: true, true;
        oneshot::Sender<Local>: false, false;
        oneshot::Receiver<Single>: true, true;
        oneshot::Receiver<Local>: false, false;
        oneshot::Receiving<'static, u8>: true, false;
        oneshot::Closing<'static, oneshot::Sender<Single>>: true, false;
    }
    .into()
}

fn more_channels() -> Vec<&'static str> {
    crosses_threads! {
        broadcast::Sender<u8>: true, true;
        broadcast::Sender<Single>: false, false;
        broadcast::Receiver<u8>: true, true;
        broadcast::Receiver<Single>: false, false;
        broadcast::Receiver<Local>: false, false;
        broadcast::Iter<'static, u8>: true, true;
        broadcast::Receiving<'static, u8>: true, false;
        broadcast::Closing<'static, broadcast::Sender<u8>>: true, false;
        broadcast::Closing<'static, broadcast::Sender<Single>>: false, false;
        broadcast::Lagged: true, true;
        broadcast::RecvError: true, true;
        broadcast::TryRecvError: true, true;
        broadcast::RecvTimeoutError: true, true;

        watch::Sender<u8>: true, true;
        watch::Sender<Single>: false, false;
        watch::Receiver<u8>: true, true;
        watch::Receiver<Single>: false, false;
        watch::Ref<u8>: true, true;
        watch::Ref<Single>: false, false;
        watch::Changing<'static, u8>: true, false;
        watch::Closing<'static, watch::Sender<u8>>: true, false;
        watch::Closing<'static, watch::Sender<Single>>: false, false;
    }
    .into()
}

fn values_and_guards() -> Vec<&'static str> {
    crosses_threads! {
        RwLock<u8>: true, true;
        RwLock<Single>: true, false;
        RwLock<Local>: false, false;
        RwLockReadGuard<'static, u8>: false, true;
        RwLockReadGuard<'static, Single>: false, false;
        RwLockWriteGuard<'static, u8>: false, true;
        RwLockWriteGuard<'static, Single>: false, false;
        ReadingRwLock<'static, u8>: true, false;
        WritingRwLock<'static, u8>: true, false;

        OnceCell<u8>: true, true;
        OnceCell<Single>: true, false;
        OnceCell<Local>: false, false;
        SetError<Single>: true, false;
        WaitingForValue<'static, u8>: true, false;
        Lazy<u8>: true, true;
        Lazy<Single>: true, false;
        Lazy<u8, Single>: true, false;
    }
    .into()
}

fn streams() -> Vec<&'static str> {
    crosses_threads! {
        Watched<std::net::TcpStream>: true, true;
        Readiness<'static>: false, false;
        OperationError: true, true;
        TcpListener: true, true;
        Incoming<'static>: true, true;
        TcpStream: true, true;
        TcpSocket: true, true;
        TcpConnector: true, true;
        KeepAlive: true, true;
        UdpSocket: true, true;
        DatagramBatch: true, true;
        Datagrams<'static>: true, true;
        Datagram<'static>: true, true;
        UnixStream: true, true;
        UnixListener: true, true;
        cede::net::unix::Incoming<'static>: true, true;
        UnixDatagram: true, true;
        PeerCredentials: true, true;
        ReceivedWithDescriptors: true, true;
        PipeReader: true, true;
        PipeWriter: true, true;
        Duplex: true, true;
        Room<'static>: true, false;
        ReadHalf<'static, TcpStream>: true, true;
        WriteHalf<'static, TcpStream>: true, true;
        ReadHalf<'static, Single>: false, false;
        OwnedReadHalf<TcpStream>: true, true;
        OwnedWriteHalf<TcpStream>: true, true;
        OwnedReadHalf<Single>: false, false;
        ReuniteError<TcpStream>: true, true;
        Joined<u8, u8>: true, true;
        Joined<u8, Local>: false, false;
        Stdin: true, true;
        StdinLines: true, true;
        StdinLock: false, true;
        Stdout: true, true;
        StdoutLock: false, true;
        Stderr: true, true;
        StderrLock: false, true;
        Server: false, false;
        ServerBuilder: true, true;

        Shared<u8>: true, true;
        Shared<Single>: false, false;
        StreamReader<u8>: true, true;
        StreamReader<Single>: true, false;
        StreamReader<Local>: false, false;
        StreamLines<'static, u8>: true, true;
        StreamLines<'static, Local>: false, false;
        Chunks<'static, u8>: true, true;
        Chunks<'static, Local>: false, false;
        StreamWriter<Vec<u8>>: true, true;
        StreamWriter<std::io::StdoutLock<'static>>: false, false;
        Relay<'static, u8, u8>: true, false;
        Relay<'static, Single, u8>: false, false;
        IncompleteReadError: true, true;
        LimitOverrunError: true, true;
        ReadExactlyError: true, true;
        ReadUntilError: true, true;
    }
    .into()
}

fn executors() -> Vec<&'static str> {
    crosses_threads! {
        ThreadPoolExecutor: true, true;
        executor::Builder: true, true;
        Job: true, true;
        Future<u8>: true, true;
        Future<Single>: true, true;
        Future<Local>: false, false;
        Resulting<u8>: true, false;
        FutureError: true, true;
        TimeoutError: true, true;
        MapOptions: true, true;
        Map<'static, ThreadPoolExecutor, std::ops::Range<u8>, fn(u8) -> u8, Single>: true, false;
        JobsAsCompleted<Future<Single>>: true, true;
    }
    .into()
}

fn futures() -> Vec<&'static str> {
    crosses_threads! {
        AsFuture<WaitingForEvent<'static>>: true, false;
        AsFuture<Getting<'static, Single, Fifo>>: true, false;
        AsFuture<Getting<'static, Local, Fifo>>: false, false;
        AsFuture<RemoteJoining<'static, Single>>: true, false;
        AsFuture<OwnedJoining<u8>>: false, false;
        AsFuture<Joining<'static, u8>>: false, false;
        WaitingForFuture<std::future::Ready<u8>>: false, false;
    }
    .into()
}

#[cfg(feature = "futures-io")]
fn streams_with_features() -> Vec<&'static str> {
    crosses_threads! {
        cede::future::AsyncStream<TcpStream>: false, false;
    }
    .into()
}

#[cfg(not(feature = "futures-io"))]
fn streams_with_features() -> Vec<&'static str> {
    vec!["AsyncStream"]
}

fn processes_and_signals() -> Vec<&'static str> {
    crosses_threads! {
        Command: true, true;
        Child: true, true;
        SignalKind: true, true;
        UnknownSignal: true, true;
        Signal: true, true;
        Receiving<'static>: true, false;
        CtrlC: true, false;
        Shutdown: true, true;
        Requested<'static>: true, false;
    }
    .into()
}

fn files() -> Vec<&'static str> {
    crosses_threads! {
        File: true, true;
        FileLines: true, true;
        TryLockError: true, true;
        OpenOptions: true, true;
        DirBuilder: true, true;
        ReadDir: true, true;
        DirEntry: true, true;
        Walk: false, false;
        WalkEntry: true, true;
    }
    .into()
}

#[cfg(feature = "tempfile")]
fn temporary_files() -> Vec<&'static str> {
    crosses_threads! {
        cede::fs::temp::Builder: true, true;
        cede::fs::temp::NamedTempFile: true, true;
        cede::fs::temp::PersistError: true, true;
        cede::fs::temp::TempDir: true, true;
        cede::fs::temp::SpooledTempFile: true, true;
    }
    .into()
}

#[cfg(not(feature = "tempfile"))]
fn temporary_files() -> Vec<&'static str> {
    vec!["NamedTempFile", "PersistError", "TempDir", "SpooledTempFile"]
}

/// Types that are `pub` for the sake of a sealed trait and that nobody can name.
const UNNAMEABLE: &[&str] = &[
    "Accepted",
    "Begun",
    "Completion",
    "Exclusive",
    "Failure",
    "Heap",
    "InTuple",
    "Iterated",
    "Panic",
    "Part",
    "Record",
    "Released",
    "TaskCore",
    "Later",
];

/// The matrix leaves no public type out: lints see to it that what is `pub` can be reached.
fn assert_names_all(named: &[&str]) {
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').map(String::from).collect::<Vec<_>>()
    };
    let named: BTreeSet<String> = named.iter().flat_map(|name| words(name)).collect();
    let mut missing = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                let line = words(line.trim_start());
                if let [public, "struct" | "enum" | "union", name, ..] =
                    &line.iter().map(String::as_str).collect::<Vec<_>>()[..]
                    && *public == "pub"
                    && !named.contains(*name)
                    && !UNNAMEABLE.contains(name)
                {
                    missing.push(format!("{name} of {}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "public types that are not in the matrix: {missing:?}");
}
