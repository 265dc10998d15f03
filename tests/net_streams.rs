//! What all streams have in common, each kind put through the same: TCP, Unix sockets, streams in memory.
//!
//! Halves, half-closing, peers that stall, send byte by byte, never read or go; cancellations at every tick.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use cede::io::{Duplex, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, ShutDown, WriteHalf, duplex};
use cede::net::{TcpStream, UnixStream};
use cede::time::after;
use cede::{JoinHandle, Operation};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, ask_the_system, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// More than the buffers of any of these take.
const TOO_MUCH: usize = net_pair::TOO_MUCH / 2;

/// A kind of stream, for tests that hold for all.
trait Kind: ShutDown + Sized + 'static {
    fn pair() -> (Self, Self);
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, data: &[u8]) -> io::Result<usize>;
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
    fn reading(&self, buffer: &mut [u8]) -> impl Operation<Output = io::Result<usize>>;
    fn readable(&self) -> impl Operation;
    fn writable(&self) -> impl Operation;
    fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>);
    fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>);
}

macro_rules! kinds {
    ($($type:ty: $pair:expr;)*) => {
        $(
            impl Kind for $type {
                fn pair() -> (Self, Self) {
                    $pair
                }
                fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                    Read::read(&mut &*self, buffer)
                }
                fn write(&self, data: &[u8]) -> io::Result<usize> {
                    Write::write(&mut &*self, data)
                }
                fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
                    <$type>::peek(self, buffer)
                }
                fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                    <$type>::set_read_timeout(self, timeout)
                }
                fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                    <$type>::set_write_timeout(self, timeout)
                }
                fn reading(&self, buffer: &mut [u8]) -> impl Operation<Output = io::Result<usize>> {
                    <$type>::reading(self, buffer)
                }
                fn readable(&self) -> impl Operation {
                    <$type>::readable(self)
                }
                fn writable(&self) -> impl Operation {
                    <$type>::writable(self)
                }
                fn split(&self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
                    <$type>::split(self)
                }
                fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
                    <$type>::into_split(self)
                }
            }
        )*
    };
}

kinds! {
    TcpStream: net_pair::pair();
    UnixStream: UnixStream::pair().unwrap();
    Duplex: duplex(1 << 16);
}

/// A reference as a reader and writer, whatever its kind.
struct Via<'a, S>(&'a S);

impl<S: Kind> Read for Via<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Kind> Write for Via<'_, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a test of each kind out of a function over all.
macro_rules! for_each_kind {
    ($($name:ident)*) => {
        $(
            mod $name {
                use super::*;

                #[test]
                fn tcp() {
                    cede::run(super::$name::<TcpStream>);
                }

                #[test]
                fn unix() {
                    cede::run(super::$name::<UnixStream>);
                }

                #[test]
                fn in_memory() {
                    cede::run(super::$name::<Duplex>);
                }
            }
        )*
    };
}

for_each_kind! {
    a_shut_down_writer_is_an_end_and_the_other_direction_goes_on
    a_peer_that_goes_is_an_end_and_then_a_broken_pipe
    one_byte_at_a_time_arrives
    a_peer_that_never_reads_stops_the_writer_and_nobody_else
    a_peer_that_stalls_makes_a_read_time_out
    peeking_takes_nothing
    owned_halves_work_apart_and_reunite
    halves_of_different_streams_are_given_back
    dropping_the_writing_half_is_an_end
    borrowed_halves_read_and_write_in_two_tasks
    readiness_loses_races_without_effect
    two_readers_get_all_between_them
    a_read_that_loses_its_race_has_read_nothing
    a_read_exact_cancelled_at_any_tick_loses_nothing_but_what_it_read
    a_write_all_cancelled_at_any_tick_has_written_what_it_counted
    lines_come_through_a_buffered_reader
}

fn a_shut_down_writer_is_an_end_and_the_other_direction_goes_on<S: Kind>() {
    let (ours, theirs) = S::pair();
    Via(&ours).write_all(b"question").unwrap();
    ours.shut_down(Shutdown::Write).unwrap();
    assert_eq!(io::read_to_string(Via(&theirs)).unwrap(), "question");
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0, "the end stays");
    assert_eq!(ours.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
    Via(&theirs).write_all(b"answer").unwrap();
    drop(theirs);
    assert_eq!(io::read_to_string(Via(&ours)).unwrap(), "answer");
}

fn a_peer_that_goes_is_an_end_and_then_a_broken_pipe<S: Kind>() {
    let (ours, theirs) = S::pair();
    let reader = cede::spawn(move || {
        let read = ours.read(&mut [0; 8]);
        // TCP hears of it only by the answer to a first write.
        let written = (0..1000).find_map(|_| {
            while_others_run();
            ours.write(b"x").err()
        });
        (read, written.unwrap().kind())
    });
    while_others_run();
    drop(theirs);
    let (read, written) = reader.join().unwrap();
    assert_eq!(read.unwrap(), 0);
    assert!(matches!(written, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{written:?}");
}

fn one_byte_at_a_time_arrives<S: Kind>() {
    let (ours, theirs) = S::pair();
    let writer = cede::spawn(move || {
        for byte in 0..100 {
            assert_eq!(theirs.write(&[byte]).unwrap(), 1);
            cede::yield_now();
        }
    });
    let mut all = [0; 100];
    Via(&ours).read_exact(&mut all).unwrap();
    assert!(all.iter().copied().eq(0..100));
    writer.join().unwrap();
}

fn a_peer_that_never_reads_stops_the_writer_and_nobody_else<S: Kind>() {
    let (ours, theirs) = S::pair();
    let ours = Rc::new(ours);
    let writing = Rc::clone(&ours);
    let writer = cede::spawn(move || Via(&*writing).write_all(&vec![1; TOO_MUCH]));
    while_others_run();
    assert!(!writer.is_finished());
    writer.cancel();
    assert!(writer.join().unwrap_err().is_cancelled());
    ours.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
    let error = Via(&*ours).write_all(&vec![1; TOO_MUCH]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(theirs);
}

fn a_peer_that_stalls_makes_a_read_time_out<S: Kind>() {
    let (ours, theirs) = S::pair();
    Via(&theirs).write_all(b"half").unwrap();
    ours.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(Via(&ours).read_exact(&mut buffer).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(&buffer[..4], b"half", "what came before is there");
    Via(&theirs).write_all(b"rest").unwrap();
    Via(&ours).read_exact(&mut buffer[4..]).unwrap();
    assert_eq!(&buffer, b"halfrest");
    assert_eq!(ours.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ours.set_write_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn peeking_takes_nothing<S: Kind>() {
    let (ours, theirs) = S::pair();
    Via(&theirs).write_all(b"abc").unwrap();
    let mut peeked = [0; 8];
    assert_eq!((ours.peek(&mut peeked).unwrap(), &peeked[..3]), (3, &b"abc"[..]));
    assert_eq!(ours.peek(&mut []).unwrap(), 0);
    let mut read = [0; 3];
    Via(&ours).read_exact(&mut read).unwrap();
    assert_eq!(&read, b"abc");
}

fn owned_halves_work_apart_and_reunite<S: Kind>() {
    let (ours, theirs) = S::pair();
    let (reader, writer) = ours.into_split();
    let writing = cede::spawn(move || {
        Via(writer.as_ref()).write_all(b"there").unwrap();
        writer
    });
    let mut buffer = [0; 5];
    Via(&theirs).read_exact(&mut buffer).unwrap();
    Via(&theirs).write_all(b"back!").unwrap();
    Via(reader.as_ref()).read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"back!");
    let ours = reader.reunite(writing.join().unwrap()).unwrap();
    Via(&ours).write_all(b"whole").unwrap();
    Via(&theirs).read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"whole", "reuniting has shut nothing down");
}

fn halves_of_different_streams_are_given_back<S: Kind>() {
    let (ours, theirs) = S::pair();
    let ((our_reader, our_writer), (their_reader, their_writer)) = (ours.into_split(), theirs.into_split());
    let Err(error) = our_reader.reunite(their_writer) else { panic!("these are two streams") };
    assert_eq!(error.to_string(), "the two halves are of different streams");
    let ReuniteError(our_reader, their_writer) = error;
    assert!(our_reader.reunite(our_writer).is_ok() && their_reader.reunite(their_writer).is_ok());
}

fn dropping_the_writing_half_is_an_end<S: Kind>() {
    let (ours, theirs) = S::pair();
    let (reader, writer) = ours.into_split();
    Via(writer.as_ref()).write_all(b"all").unwrap();
    drop(writer);
    assert_eq!(io::read_to_string(Via(&theirs)).unwrap(), "all");
    Via(&theirs).write_all(b"!").unwrap();
    assert_eq!(reader.as_ref().read(&mut [0; 4]).unwrap(), 1);
    let (ours, theirs) = S::pair();
    let (_reader, writer) = ours.into_split();
    writer.forget();
    theirs.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(theirs.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut, "it is still open");
}

fn borrowed_halves_read_and_write_in_two_tasks<S: Kind>() {
    let (ours, theirs) = S::pair();
    let echo = cede::spawn(move || io::copy(&mut Via(&theirs), &mut Via(&theirs)).unwrap());
    let (reader, writer) = ours.split();
    let data: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let mut back = vec![0; data.len()];
    cede::scope(|s| {
        s.spawn(|| Via(writer.as_ref()).write_all(&data).unwrap());
        s.spawn(|| Via(reader.as_ref()).read_exact(&mut back).unwrap());
    })
    .unwrap();
    assert!(back == data);
    ours.shut_down(Shutdown::Write).unwrap();
    assert_eq!(echo.join().unwrap(), data.len() as u64);
}

fn readiness_loses_races_without_effect<S: Kind>() {
    let (ours, theirs) = S::pair();
    for _ in 0..3 {
        cede::select! {
            _ = ours.readable() => panic!("there is nothing"),
            _ = after(Duration::from_millis(1)) => {}
        }
    }
    ours.writable().wait();
    Via(&theirs).write_all(b"x").unwrap();
    cede::select! {
        _ = ours.readable() => {}
        _ = after(Duration::from_secs(20)) => panic!("it is not told"),
    }
    assert_eq!(ours.read(&mut [0; 4]).unwrap(), 1);
}

fn two_readers_get_all_between_them<S: Kind>() {
    let (ours, theirs) = S::pair();
    let ours = Rc::new(ours);
    let readers = [(); 2].map(|()| {
        let ours = Rc::clone(&ours);
        cede::spawn(move || {
            let mut sum = 0;
            let mut byte = [0];
            while ours.read(&mut byte).unwrap() == 1 {
                sum += u32::from(byte[0]);
            }
            sum
        })
    });
    while_others_run();
    for byte in 1..=100 {
        theirs.write(&[byte]).unwrap();
        if byte % 7 == 0 {
            cede::yield_now();
        }
    }
    drop(theirs);
    assert_eq!(readers.iter().map(soon).sum::<u32>(), 5050);
}

fn a_read_that_loses_its_race_has_read_nothing<S: Kind>() {
    let (ours, theirs) = S::pair();
    let mut buffer = [0; 8];
    for _ in 0..3 {
        cede::select! {
            _ = ours.reading(&mut buffer) => panic!("there is nothing"),
            _ = after(Duration::from_millis(1)) => {}
        }
    }
    assert_eq!(ours.reading(&mut []).wait().unwrap(), 0);
    Via(&theirs).write_all(b"abc").unwrap();
    cede::select! {
        _ = theirs.writable() => {}
        _ = ours.reading(&mut buffer) => panic!("it came second"),
    }
    // Beside readers of the other sort, nobody is forgotten.
    let ours = Rc::new(ours);
    let tasks: Vec<_> = (0..6)
        .map(|i| {
            let ours = Rc::clone(&ours);
            cede::spawn(move || match i % 2 {
                0 => ours.reading(&mut [0; 1]).wait().unwrap(),
                _ => ours.read(&mut [0; 1]).unwrap(),
            })
        })
        .collect();
    while_others_run();
    Via(&theirs).write_all(b"def").unwrap();
    assert_eq!(tasks.iter().map(soon).sum::<usize>(), 6);
    drop(theirs);
    cede::select! {
        read = ours.reading(&mut buffer) => assert_eq!(read.unwrap(), 0),
        _ = after(Duration::from_secs(20)) => panic!("the end is not seen"),
    }
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

/// Does something again and again, with a cancellation after 0, 1, 2… ticks, until there is nothing left to cancel.
fn at_every_tick(is_cancelled: impl Fn(usize) -> bool) {
    let ticks = (0..1000).take_while(|&ticks| is_cancelled(ticks)).count();
    assert!((2..1000).contains(&ticks), "it waits, and comes to an end: {ticks}");
}

/// Cancels a task after some ticks. Gives whether it was not too late.
fn cancel_after<T>(ticks: usize, task: &JoinHandle<T>) -> bool {
    for _ in 0..ticks {
        ask_the_system();
        cede::yield_now();
    }
    task.cancel();
    task.join().is_err_and(|error| error.is_cancelled())
}

fn a_read_exact_cancelled_at_any_tick_loses_nothing_but_what_it_read<S: Kind>() {
    const LENGTH: u8 = 6;
    at_every_tick(|ticks| {
        let (ours, theirs) = S::pair();
        let ours = Rc::new(ours);
        let buffer = Rc::new(RefCell::new([u8::MAX; LENGTH as usize]));
        let (reading, filling) = (Rc::clone(&ours), Rc::clone(&buffer));
        let reader = cede::spawn(move || Via(&*reading).read_exact(&mut *filling.borrow_mut()).unwrap());
        let writer = cede::spawn(move || {
            for byte in 0..LENGTH {
                Via(&theirs).write_all(&[byte]).unwrap();
                (0..2).for_each(|_| cede::yield_now());
            }
        });
        let is_cancelled = cancel_after(ticks, &reader);
        writer.join().unwrap();
        let mut all: Vec<u8> = buffer.borrow().iter().copied().take_while(|&byte| byte != u8::MAX).collect();
        assert!(is_cancelled || all.len() == LENGTH as usize);
        Via(&*ours).read_to_end(&mut all).unwrap();
        assert!(all.iter().copied().eq(0..LENGTH), "{ticks}: {all:?}");
        is_cancelled
    });
}

/// Counts what was written, for those who hear nothing from a `write_all` that ends early.
struct Counting<'a, S> {
    stream: &'a S,
    written: &'a Cell<usize>,
}

impl<S: Kind> Write for Counting<'_, S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(data)?;
        self.written.set(self.written.get() + written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn a_write_all_cancelled_at_any_tick_has_written_what_it_counted<S: Kind>() {
    let data: Rc<Vec<u8>> = Rc::new((0..600_000u32).map(|i| (i % 251) as u8).collect());
    let mut cancelled = 0;
    for ticks in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55] {
        let (ours, theirs) = S::pair();
        let ours = Rc::new(ours);
        let written = Rc::new(Cell::new(0));
        let (writing, count, whole) = (Rc::clone(&ours), Rc::clone(&written), Rc::clone(&data));
        let writer = cede::spawn(move || {
            Counting { stream: &*writing, written: &count }.write_all(&whole).unwrap();
        });
        let reader = cede::spawn(move || {
            let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 14]);
            loop {
                match theirs.read(&mut buffer).unwrap() {
                    0 => return all,
                    length => all.extend_from_slice(&buffer[..length]),
                }
                cede::yield_now();
            }
        });
        let is_cancelled = cancel_after(ticks, &writer);
        cancelled += u32::from(is_cancelled);
        assert!(is_cancelled || written.get() == data.len());
        Via(&*ours).write_all(&data[written.get()..]).unwrap();
        ours.shut_down(Shutdown::Write).unwrap();
        assert!(soon(&reader) == *data, "{ticks}");
    }
    assert!(cancelled > 0, "none of the cancellations came in time");
}

fn lines_come_through_a_buffered_reader<S: Kind>() {
    let (ours, theirs) = S::pair();
    let writer = cede::spawn(move || {
        for line in 0..1000 {
            writeln!(Via(&theirs), "line {line}").unwrap();
        }
    });
    let lines: Vec<_> = BufReader::new(Via(&ours)).lines().map(Result::unwrap).collect();
    assert!(lines.len() == 1000 && lines[999] == "line 999");
    writer.join().unwrap();
}

#[test]
fn several_buffers_are_filled_and_written_in_order_by_all_kinds() {
    fn check<S>(ours: S, theirs: S)
    where
        for<'a> &'a S: Read + Write,
    {
        let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two"), IoSlice::new(b"!")];
        assert_eq!((&ours).write_vectored(&parts).unwrap(), 7);
        let (mut first, mut second) = ([0; 2], [0; 16]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!((&theirs).read_vectored(&mut buffers).unwrap(), 7);
        assert_eq!((&first, &second[..5]), (b"on", &b"etwo!"[..]));
        assert_eq!((&theirs).read_vectored(&mut []).unwrap() + (&ours).write_vectored(&[]).unwrap(), 0);
        assert_eq!((&theirs).read(&mut []).unwrap() + (&ours).write(&[]).unwrap(), 0);
    }
    cede::run(|| {
        let (ours, theirs) = net_pair::pair();
        check(ours, theirs);
        let (ours, theirs) = UnixStream::pair().unwrap();
        check(ours, theirs);
        let (ours, theirs) = duplex(64);
        check(ours, theirs);
    });
}
