//! Streams of cede behind the traits of futures-io, as libraries use them that know nothing of cede.

mod future_shared;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cede::future::{AsyncStream, Wait};
use cede::io::Watched;
use cede::net::{TcpListener, TcpStream};
use cede::{Operation, Runner, spawn, yield_now};
use future_shared::trace::run;
use futures_util::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use futures_util::{SinkExt, StreamExt, TryStreamExt};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

#[test]
fn a_library_that_is_generic_over_futures_io_works_unchanged() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let echo = spawn(move || {
            let (reader, mut writer) = AsyncStream::new(theirs).split();
            let copied = copy(reader, &mut writer).wait().unwrap();
            writer.close().wait().unwrap();
            copied
        });
        let (reader, mut writer) = AsyncStream::new(ours).split();
        let writes = spawn(move || {
            for line in 0..200 {
                writer.write_all(format!("line {line}\n").as_bytes()).wait().unwrap();
            }
            writer.close().wait().unwrap();
        });
        let lines: Vec<String> = BufReader::new(reader).lines().try_collect().wait().unwrap();
        writes.join().unwrap();
        assert_eq!(lines.len(), 200);
        assert_eq!(lines[199], "line 199");
        assert_eq!(echo.join().unwrap(), lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>());
    });
}

#[test]
fn large_writes_wait_for_room_and_the_other_side_is_a_plain_stream() {
    const LENGTH: usize = 8 << 20;
    cede::run(|| {
        let (ours, mut theirs) = pair();
        let reads = spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        let data: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
        let mut stream = AsyncStream::new(ours);
        stream.write_all(&data).wait().unwrap();
        stream.close().wait().unwrap();
        assert!(reads.join().unwrap().unwrap() == data);
    });
}

#[test]
fn a_sink_and_a_stream_of_futures_util_run_over_it() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let reads = spawn(move || {
            let stream = AsyncStream::new(theirs);
            let chunks = futures_util::stream::unfold(stream, |mut stream| async move {
                let mut chunk = [0; 4];
                stream.read_exact(&mut chunk).await.ok().map(|()| (u32::from_be_bytes(chunk), stream))
            });
            chunks.collect::<Vec<_>>().wait()
        });
        let mut sink = AsyncStream::new(ours).into_sink::<Vec<u8>>();
        for n in 0..100u32 {
            sink.feed(n.to_be_bytes().to_vec()).wait().unwrap();
        }
        sink.close().wait().unwrap();
        assert_eq!(reads.join().unwrap(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_read_that_loses_a_race_takes_nothing_and_others_are_served() {
    cede::run(|| {
        let (ours, mut theirs) = pair();
        let mut stream = AsyncStream::new(ours);
        let mut buffer = [0; 8];
        for _ in 0..3 {
            assert!(stream.read(&mut buffer).wait_timeout(Duration::from_millis(1)).is_err());
        }
        theirs.write_all(b"late").unwrap();
        let read = stream.read(&mut buffer).wait_timeout(Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(&buffer[..read], b"late");
        let mut inner = stream.into_inner();
        theirs.write_all(b"more").unwrap();
        inner.read_exact(&mut buffer[..4]).unwrap();
        assert_eq!(&buffer[..4], b"more");
    });
}

#[test]
fn a_stream_that_is_dropped_while_it_waits_leaves_the_readiness_to_others() {
    cede::run(|| {
        let (ours, mut theirs) = pair();
        let clone = ours.try_clone().unwrap();
        let victim = spawn(move || AsyncStream::new(clone).read(&mut [0; 8]).wait().unwrap());
        let mut reader = ours;
        let reads = spawn(move || {
            let mut buffer = [0; 4];
            reader.read_exact(&mut buffer).map(|()| buffer)
        });
        yield_now();
        victim.cancel();
        theirs.write_all(b"data").unwrap();
        assert!(victim.join().is_err());
        assert_eq!(&reads.join().unwrap().unwrap(), b"data");
    });
}

#[test]
fn whatever_is_watched_can_be_wrapped() {
    cede::run(|| {
        let (ours, theirs) = cede::net::UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (AsyncStream::new(ours), AsyncStream::new(theirs));
        let mut text = String::new();
        ours.write_all(b"by name").wait().unwrap();
        ours.close().wait().unwrap();
        theirs.read_to_string(&mut text).wait().unwrap();
        assert_eq!(text, "by name");

        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = AsyncStream::new(Watched::new(ours).unwrap());
        let theirs = Watched::new(theirs).unwrap();
        let answers = spawn(move || {
            let mut buffer = [0; 16];
            let read = theirs.read_with(|mut stream| stream.read(&mut buffer)).unwrap();
            theirs.write_with(|mut stream| stream.write(&buffer[..read])).unwrap();
        });
        ours.write_all(b"over a socket").wait().unwrap();
        let mut text = String::new();
        ours.read_to_string(&mut text).wait().unwrap();
        assert_eq!(text, "over a socket");
        answers.join().unwrap();
        assert!(ours.get_ref().readable().wait().is_ok());
    });
}

#[test]
fn a_poll_outside_of_tasks_is_an_error_and_a_later_run_goes_on() {
    let runner = Runner::new();
    let (mut stream, mut peer) = runner
        .run(|| {
            let (ours, theirs) = pair();
            (AsyncStream::new(ours), theirs)
        })
        .unwrap();
    runner.run(|| assert!(stream.read(&mut [0; 4]).wait_timeout(Duration::from_millis(1)).is_err())).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let polled = Pin::new(&mut stream).poll_read(&mut context, &mut [0; 4]);
    assert!(matches!(polled, std::task::Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Other));
    drop(runner);
    cede::run(|| {
        peer.write_all(b"next").unwrap();
        let mut buffer = [0; 4];
        stream.read_exact(&mut buffer).wait().unwrap();
        assert_eq!(&buffer, b"next");
    });
}

#[test]
fn a_stream_that_is_always_ready_lets_others_run() {
    cede::run(|| {
        let (ours, mut theirs) = pair();
        theirs.write_all(&[7; 4096]).unwrap();
        let beats = std::rc::Rc::new(std::cell::Cell::new(0));
        let counts = std::rc::Rc::clone(&beats);
        let counter = spawn(move || {
            loop {
                counts.set(counts.get() + 1);
                yield_now();
            }
        });
        let mut stream = AsyncStream::new(ours);
        yield_now();
        let before = beats.get();
        for _ in 0..4096 {
            stream.read_exact(&mut [0]).wait().unwrap();
        }
        assert!(beats.get() - before >= 20, "{}", beats.get() - before);
        counter.cancel();
    });
}

#[test]
fn a_deadlock_with_a_stream_is_none_since_its_peer_may_speak() {
    // Under virtual time I/O does not hold the clock up, and so the timeout comes at once.
    run(|| {
        let (ours, _theirs) = pair();
        let mut stream = AsyncStream::new(ours);
        assert!(stream.read(&mut [0; 4]).wait_timeout(Duration::from_secs(3600)).is_err());
    });
}
