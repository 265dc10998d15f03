//! Pipes, anonymous and named: between tasks, with children, and what can go wrong.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::io::{PipeReader, PipeWriter, make_fifo, pipe, raw_os_error};
use cede::time::after;
use cede::{JoinHandle, Operation, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, ask_the_system, in_child, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

/// A path for a pipe, which goes with this.
struct Fifo(PathBuf);

impl Fifo {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cede-fifo-{}-{number}", std::process::id()));
        make_fifo(&path, 0o600).unwrap();
        Fifo(path)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_written_is_read_and_the_end_follows() {
    cede::run(|| {
        let (mut reader, mut writer) = pipe().unwrap();
        let reading = cede::spawn(move || {
            let mut first = [0; 5];
            reader.read_exact(&mut first).unwrap();
            (first, io::read_to_string(&reader).unwrap())
        });
        while_others_run();
        assert!(!reading.is_finished());
        writer.write_all(b"hello").unwrap();
        let parts = [IoSlice::new(b" in"), IoSlice::new(b""), IoSlice::new(b" parts")];
        assert_eq!((&writer).write_vectored(&parts).unwrap(), 9);
        writer.flush().unwrap();
        drop(writer);
        assert_eq!(soon(&reading), (*b"hello", " in parts".into()));
    });
}

#[test]
fn several_buffers_are_filled_in_order() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        (&writer).write_all(b"abcdef").unwrap();
        let (mut one, mut two) = ([0; 2], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!((&reader).read_vectored(&mut buffers).unwrap(), 6);
        assert_eq!((&one, &two[..4]), (b"ab", &b"cdef"[..]));
        assert_eq!((&reader).read(&mut []).unwrap() + (&writer).write(&[]).unwrap(), 0);
        assert_eq!((&reader).read_vectored(&mut []).unwrap() + (&writer).write_vectored(&[]).unwrap(), 0);
    });
}

#[test]
fn a_pipe_that_nobody_reads_stops_its_writer_and_nobody_else() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        let writer = Rc::new(writer);
        let ours = Rc::clone(&writer);
        let writing = cede::spawn(move || (&*ours).write_all(&[1; 1 << 20]));
        while_others_run();
        assert!(!writing.is_finished());
        writing.cancel();
        assert!(writing.join().unwrap_err().is_cancelled());
        writer.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        assert_eq!((&*writer).write_all(&[1; 1 << 20]).unwrap_err().kind(), ErrorKind::TimedOut);
        drop(reader);
    });
}

#[test]
fn a_reader_that_goes_ends_a_write_that_waits() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        let writing = cede::spawn(move || (&writer).write_all(&[1; 1 << 20]).unwrap_err());
        while_others_run();
        drop(reader);
        let error = soon(&writing);
        assert_eq!((error.kind(), raw_os_error(&error)), (ErrorKind::BrokenPipe, Some(libc::EPIPE)));
        assert!(error.to_string().starts_with("can't write to a pipe: "), "{error}");
    });
}

#[test]
fn a_writer_that_stalls_makes_a_read_time_out_and_the_end_comes_with_the_last_writer() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        reader.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let clone = writer.try_clone().unwrap();
        drop(writer);
        assert_eq!((&reader).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        let error = reader.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        drop(clone);
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn readiness_takes_part_in_races() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        cede::select! {
            _ = reader.readable() => panic!("there is nothing"),
            ready = writer.writable() => ready.unwrap(),
        }
        cede::select! {
            _ = reader.readable() => panic!("there is nothing"),
            _ = after(Duration::from_millis(1)) => {}
        }
        let mut buffer = [0; 4];
        cede::select! {
            _ = reader.reading(&mut buffer) => panic!("there is nothing"),
            _ = after(Duration::from_millis(1)) => {}
        }
        (&writer).write_all(b"x").unwrap();
        cede::select! {
            ready = reader.readable() => ready.unwrap(),
            _ = after(Duration::from_secs(20)) => panic!("it is not told"),
        }
        assert_eq!(reader.reading(&mut buffer).wait().unwrap(), 1);
    });
}

#[test]
fn a_read_exact_that_is_cancelled_anywhere_has_taken_what_is_in_its_buffer() {
    cede::run(|| {
        let ticks = (0..1000).take_while(|&ticks| {
            let (reader, writer) = pipe().unwrap();
            let reader = Rc::new(reader);
            let buffer = Rc::new(RefCell::new([u8::MAX; 5]));
            let (reading, filling) = (Rc::clone(&reader), Rc::clone(&buffer));
            let task = cede::spawn(move || (&*reading).read_exact(&mut *filling.borrow_mut()).unwrap());
            let writing = cede::spawn(move || {
                for byte in 0..5 {
                    (&writer).write_all(&[byte]).unwrap();
                    (0..2).for_each(|_| cede::yield_now());
                }
            });
            for _ in 0..ticks {
                ask_the_system();
                cede::yield_now();
            }
            task.cancel();
            let is_cancelled = task.join().is_err_and(|error| error.is_cancelled());
            writing.join().unwrap();
            let mut all: Vec<u8> =
                buffer.borrow().iter().copied().take_while(|&byte| byte != u8::MAX).collect();
            (&*reader).read_to_end(&mut all).unwrap();
            assert_eq!(all, [0, 1, 2, 3, 4], "{ticks}");
            is_cancelled
        });
        let ticks = ticks.count();
        assert!((2..1000).contains(&ticks), "{ticks}");
    });
}

#[test]
fn a_write_that_is_cancelled_has_written_what_it_said() {
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        let written = Rc::new(Cell::new(0));
        let counting = Rc::clone(&written);
        let writing = cede::spawn(move || {
            loop {
                counting.set(counting.get() + (&writer).write(&[7; 3000]).unwrap());
            }
        });
        while_others_run();
        writing.cancel();
        assert!(writing.join().is_err_and(|error: cede::JoinError| error.is_cancelled()));
        let mut all = Vec::new();
        (&reader).read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), written.get());
    });
}

#[test]
fn children_get_ends_in_blocking_mode() {
    cede::run(|| {
        let (reader, stdout) = pipe().unwrap();
        let (stdin, writer) = pipe().unwrap();
        let mut child = Command::new("cat").stdin(stdin).stdout(stdout).spawn().unwrap();
        let data: Vec<u8> = (0..500_000u32).map(|i| (i % 251) as u8).collect();
        let mut back = Vec::new();
        cede::scope(|s| {
            s.spawn(|| {
                (&writer).write_all(&data).unwrap();
                drop(writer);
            });
            s.spawn(|| (&reader).read_to_end(&mut back).unwrap());
        })
        .unwrap();
        assert!(back == data);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn pipes_of_children_are_taken_over() {
    cede::run(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "read line; echo got $line; echo bad >&2"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = PipeWriter::try_from(child.stdin.take().unwrap()).unwrap();
        let stdout = PipeReader::try_from(child.stdout.take().unwrap()).unwrap();
        let stderr = PipeReader::try_from(child.stderr.take().unwrap()).unwrap();
        let out = cede::spawn(move || io::read_to_string(stdout).unwrap());
        while_others_run();
        stdin.write_all(b"something\n").unwrap();
        assert_eq!(soon(&out), "got something\n");
        assert_eq!(io::read_to_string(stderr).unwrap(), "bad\n");
        child.wait().unwrap();
    });
}

#[test]
fn what_is_no_pipe_is_refused_with_its_number() {
    let folder = File::open("/").unwrap();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let number = file.as_raw_fd();
    let error = PipeReader::try_from(file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), format!("descriptor {number} is a file and no pipe"));
    let error = PipeWriter::try_from(OwnedFd::from(folder)).unwrap_err();
    assert!(error.to_string().ends_with("is a directory and no pipe"), "{error}");
}

#[test]
fn ends_of_std_come_and_go_and_their_modes_with_them() {
    let is_nonblocking =
        |end: &dyn AsFd| rustix::fs::fcntl_getfl(end.as_fd()).unwrap().contains(rustix::fs::OFlags::NONBLOCK);
    let (reader, writer) = io::pipe().unwrap();
    let (reader, writer) = (PipeReader::try_from(reader).unwrap(), PipeWriter::try_from(writer).unwrap());
    assert!(is_nonblocking(&reader) && is_nonblocking(&writer));
    assert!(format!("{reader:?}").starts_with("PipeReader {"));
    let reader = io::PipeReader::try_from(reader).unwrap();
    assert!(!is_nonblocking(&reader));
    let number = writer.as_raw_fd();
    assert_eq!(writer.into_raw_fd(), number);
}

#[test]
fn a_reader_of_a_named_pipe_waits_for_its_writer_and_sees_its_end() {
    cede::run(|| {
        let fifo = Fifo::new();
        let reader = PipeReader::open(&fifo.0).unwrap();
        reader.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!((&reader).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut, "not an end");
        let mut buffer = [0; 4];
        cede::select! {
            _ = reader.reading(&mut buffer) => panic!("there is nobody, which is not an end"),
            _ = after(Duration::from_millis(1)) => {}
        }
        reader.set_read_timeout(None).unwrap();
        let reading = cede::spawn(move || io::read_to_string(&reader).unwrap());
        while_others_run();
        assert!(!reading.is_finished());
        let mut writer = PipeWriter::open(&fifo.0).unwrap();
        writer.write_all(b"by name").unwrap();
        drop(writer);
        assert_eq!(soon(&reading), "by name");
        let reader = PipeReader::open(&fifo.0).unwrap();
        let writer = PipeWriter::open(&fifo.0).unwrap();
        drop(reader.try_clone().unwrap());
        drop(reader);
        let error = (&writer).write(b"x").unwrap_err();
        assert!(error.to_string().starts_with(&format!("can't write to the pipe {:?}: ", fifo.0)), "{error}");
    });
}

#[test]
fn a_writer_of_a_named_pipe_waits_until_somebody_reads() {
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let fifo = Fifo::new();
        let path = fifo.0.clone();
        let opening = cede::spawn(move || PipeWriter::open(path).unwrap());
        cede::sleep(Duration::from_secs(3600));
        assert!(!opening.is_finished());
        let reader = PipeReader::open(&fifo.0).unwrap();
        let writer = opening.join().unwrap();
        (&writer).write_all(b"x").unwrap();
        assert_eq!((&reader).read(&mut [0; 4]).unwrap(), 1);
        let path = fifo.0.clone();
        drop(reader);
        let opening = cede::spawn(move || PipeWriter::open(path).map(drop));
        cede::sleep(Duration::from_secs(1));
        opening.cancel();
        assert!(opening.join().unwrap_err().is_cancelled());
    });
    run.unwrap();
}

#[test]
fn a_blocking_program_may_be_at_the_other_end_of_a_named_pipe() {
    cede::run(|| {
        let (there, back) = (Fifo::new(), Fifo::new());
        let script = format!("cat < {:?} > {:?}", there.0, back.0);
        let mut child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        let writer = PipeWriter::open(&there.0).unwrap();
        let reader = PipeReader::open(&back.0).unwrap();
        (&writer).write_all(b"through a shell").unwrap();
        drop(writer);
        assert_eq!(io::read_to_string(&reader).unwrap(), "through a shell");
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn paths_that_are_no_pipes_are_named_in_the_error() {
    cede::run(|| {
        let error = PipeReader::open("/nowhere/at/all").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("can't open \"/nowhere/at/all\": "), "{error}");
        let file = std::env::current_exe().unwrap();
        let error = PipeReader::open(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("{file:?} is no pipe"));
        let with_nul = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/a\0b"));
        for error in [
            PipeReader::open(with_nul).unwrap_err(),
            PipeWriter::open(with_nul).unwrap_err(),
            make_fifo(with_nul, 0o600).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("NUL"), "{error}");
        }
        let fifo = Fifo::new();
        let error = make_fifo(&fifo.0, 0o600).unwrap_err();
        assert!(
            error.kind() == ErrorKind::AlreadyExists
                && error.to_string().starts_with("can't make a pipe at ")
        );
    });
    let fifo = Fifo::new();
    let error = PipeWriter::open(&fifo.0).unwrap_err();
    assert!(error.to_string().contains("cede::run"), "{error}");
}

#[test]
fn without_descriptors_a_pipe_can_not_be_made() {
    if !in_child("without_descriptors_a_pipe_can_not_be_made") {
        return;
    }
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let errors = [pipe().map(drop), reader.try_clone().map(drop), writer.try_clone().map(drop)];
        for error in errors.map(Result::unwrap_err) {
            assert_eq!(raw_os_error(&error), Some(libc::EMFILE));
        }
        drop(taken);
        (&writer).write_all(b"x").unwrap();
        assert_eq!((&reader).read(&mut [0]).unwrap(), 1);
    });
}

#[test]
fn signals_interrupt_nothing() {
    if !in_child("signals_interrupt_nothing") {
        return;
    }
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    // Each signal interrupts a call, since the handler asks for no restart.
    static SEEN: AtomicU32 = AtomicU32::new(0);
    extern "C" fn note(_: libc::c_int) {
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only counts, by an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let over = Arc::new(AtomicBool::new(false));
    let target = rustix::process::getpid();
    let stop = Arc::clone(&over);
    let sender = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            rustix::process::kill_process(target, rustix::process::Signal::USR1).unwrap();
            std::thread::yield_now();
        }
    });
    cede::run(|| {
        let (reader, writer) = pipe().unwrap();
        let (ours, theirs) = cede::net::UnixStream::pair().unwrap();
        let data: Vec<u8> = (0..2_000_000u32).map(|i| (i % 251) as u8).collect();
        let mut back = Vec::new();
        cede::scope(|s| {
            s.spawn(|| {
                (&writer).write_all(&data).unwrap();
                drop(writer);
            });
            s.spawn(|| {
                io::copy(&mut &reader, &mut &ours).unwrap();
                drop(ours);
            });
            s.spawn(|| (&theirs).read_to_end(&mut back).unwrap());
        })
        .unwrap();
        assert!(back == data);
    });
    over.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    assert!(SEEN.load(Ordering::Relaxed) > 0);
}
