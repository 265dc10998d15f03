//! TCP as it should be: the shapes of std, with other tasks running meanwhile.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cede::net::{TcpListener, TcpStream, ToSocketAddrs};
use cede::task::First;
use cede::time::after;
use cede::{Operation, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, pair, std_pair, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

#[test]
fn streams_read_and_write_by_value_by_reference_and_in_several_buffers() {
    cede::run(|| {
        let (mut ours, theirs) = pair();
        ours.write_all(b"by value").unwrap();
        (&ours).write_all(b", by reference").unwrap();
        let parts = [IoSlice::new(b", in"), IoSlice::new(b""), IoSlice::new(b" parts")];
        assert_eq!(ours.write_vectored(&parts).unwrap(), 10);
        ours.flush().unwrap();
        let (mut first, mut second) = ([0; 8], [0; 64]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let read = (&theirs).read_vectored(&mut buffers).unwrap();
        assert_eq!((&first, &second[..read - 8]), (b"by value", &b", by reference, in parts"[..]));
        assert_eq!((&theirs).read(&mut []).unwrap(), 0);
        assert_eq!((&theirs).read_vectored(&mut []).unwrap(), 0);
        assert_eq!((&theirs).write(&[]).unwrap() + (&theirs).write_vectored(&[]).unwrap(), 0);
    });
}

#[test]
fn more_buffers_than_the_system_takes_are_written_in_several_calls() {
    cede::run(|| {
        let (mut ours, mut theirs) = pair();
        let parts = vec![IoSlice::new(b"x"); 3000];
        assert_eq!(ours.write_vectored(&parts).unwrap(), 1024);
        let mut read = vec![0; 1024];
        theirs.read_exact(&mut read).unwrap();
    });
}

#[test]
fn a_task_that_waits_for_a_stream_lets_the_others_run() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let reader = cede::spawn(move || {
            let mut byte = [0];
            (&ours).read_exact(&mut byte).unwrap();
            byte[0]
        });
        while_others_run();
        assert!(!reader.is_finished());
        (&theirs).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap(), b'x');
    });
}

#[test]
fn accept_gives_the_address_of_the_peer_and_streams_say_their_own() {
    cede::run(|| {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, address) = listener.accept().unwrap();
        assert_eq!(client.local_addr().unwrap(), address);
        assert_eq!(server.peer_addr().unwrap(), address);
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert!(
            format!("{client:?}").starts_with("TcpStream {")
                && format!("{listener:?}").starts_with("TcpListener {")
        );
    });
}

#[test]
fn several_tasks_accept_from_one_listener_and_its_clones() {
    cede::run(|| {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|i| {
                let shared = Rc::clone(&listener);
                let clone = listener.try_clone().unwrap();
                cede::spawn(move || if i % 2 == 0 { shared.accept() } else { clone.accept() }.unwrap().1)
            })
            .collect();
        cede::yield_now();
        let clients: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut accepted: Vec<_> = tasks.iter().map(|task| task.join().unwrap()).collect();
        let mut connected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        accepted.sort();
        connected.sort();
        assert_eq!(accepted, connected);
    });
}

#[test]
fn peeking_takes_nothing() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let peeker = cede::spawn(move || {
            let (mut peeked, mut read) = ([0; 8], [0; 3]);
            assert_eq!(ours.peek(&mut peeked).unwrap(), 3);
            assert_eq!(ours.peek(&mut []).unwrap(), 0);
            (&ours).read_exact(&mut read).unwrap();
            assert_eq!(&read, b"abc");
        });
        cede::yield_now();
        (&theirs).write_all(b"abc").unwrap();
        peeker.join().unwrap();
    });
}

#[test]
fn options_are_those_of_the_socket() {
    cede::run(|| {
        let (ours, _theirs) = pair();
        ours.set_nodelay(true).unwrap();
        ours.set_ttl(42).unwrap();
        assert!(ours.nodelay().unwrap() && ours.ttl().unwrap() == 42);
        assert!(ours.take_error().unwrap().is_none());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_ttl(43).unwrap();
        assert!(listener.ttl().unwrap() == 43 && listener.take_error().unwrap().is_none());
    });
}

#[test]
fn timeouts_are_shared_by_clones_and_refuse_zero() {
    cede::run(|| {
        let (ours, _theirs) = pair();
        let clone = ours.try_clone().unwrap();
        assert_eq!(ours.read_timeout().unwrap(), None);
        clone.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        clone.set_write_timeout(Some(Duration::MAX)).unwrap();
        assert_eq!(ours.read_timeout().unwrap(), Some(Duration::from_millis(5)));
        assert!(ours.write_timeout().unwrap().unwrap() > Duration::from_secs(500 * 365 * 86400));
        let zero = ours.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
        clone.set_read_timeout(None).unwrap();
        assert_eq!(ours.read_timeout().unwrap(), None);
    });
}

#[test]
fn streams_of_std_come_and_go_with_their_timeouts_whatever_their_mode_was() {
    for nonblocking in [false, true] {
        let (ours, mut theirs) = std_pair();
        ours.set_nonblocking(nonblocking).unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(7))).unwrap();
        let back: std::net::TcpStream = cede::run(|| {
            let stream = TcpStream::try_from(ours).unwrap();
            assert_eq!(stream.read_timeout().unwrap(), Some(Duration::from_secs(7)));
            stream.set_write_timeout(Some(Duration::from_secs(8))).unwrap();
            let stream = Rc::new(stream);
            let reader = Rc::clone(&stream);
            let reader = cede::spawn(move || (&*reader).read(&mut [0]).unwrap());
            cede::yield_now();
            theirs.write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
            drop(reader);
            Rc::into_inner(stream).unwrap().try_into().unwrap()
        });
        assert_eq!(back.read_timeout().unwrap(), Some(Duration::from_secs(7)));
        assert_eq!(back.write_timeout().unwrap(), Some(Duration::from_secs(8)));
        let writer = thread::spawn(move || theirs.write_all(b"late").unwrap());
        let mut late = [0; 4];
        (&back).read_exact(&mut late).unwrap();
        writer.join().unwrap();
    }
}

#[test]
fn a_duplicate_that_blocks_does_not_make_the_task_block() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let _std: std::net::TcpStream = ours.try_clone().unwrap().try_into().unwrap();
        let reader = cede::spawn(move || (&ours).read(&mut [0; 4]).unwrap());
        while_others_run();
        (&theirs).write_all(b"abc").unwrap();
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
fn a_listener_whose_duplicate_blocks_does_not_make_the_task_block() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, is_done) = mpsc::channel::<()>();
    // Ends an accept that blocks the thread, so that this test fails and does not hang.
    let rescuer = thread::spawn(move || {
        let is_late = is_done.recv_timeout(Duration::from_secs(20)) == Err(mpsc::RecvTimeoutError::Timeout);
        is_late.then(|| std::net::TcpStream::connect(address).unwrap())
    });
    cede::run(|| {
        let std: std::net::TcpListener = listener.try_clone().unwrap().try_into().unwrap();
        let listener = Rc::new(listener);
        for _ in 0..3 {
            std.set_nonblocking(false).unwrap();
            let accepting = Rc::clone(&listener);
            let server = cede::spawn(move || accepting.accept().unwrap().1);
            while_others_run();
            assert!(!server.is_finished());
            std.set_nonblocking(false).unwrap();
            let client = TcpStream::connect(address).unwrap();
            assert_eq!(server.join().unwrap(), client.local_addr().unwrap());
        }
        // The duplicate learns of it, and is not left behind.
        assert_eq!(std.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
    drop(done);
    assert!(rescuer.join().unwrap().is_none(), "the thread was blocked in an accept");
}

#[test]
fn a_socket_that_is_no_listener_gives_an_error() {
    cede::run(|| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::try_from(OwnedFd::from(socket)).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::Unsupported);
        let listener = TcpListener::try_from(OwnedFd::from(std_pair().0)).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn descriptors_go_in_and_out() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let number = ours.as_raw_fd();
        assert_eq!(ours.as_fd().as_raw_fd(), number);
        let descriptor = OwnedFd::from(ours);
        let mut ours = TcpStream::try_from(descriptor).unwrap();
        ours.write_all(b"x").unwrap();
        assert_eq!((&theirs).read(&mut [0; 2]).unwrap(), 1);
        assert_eq!(ours.into_raw_fd(), number);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::try_from(OwnedFd::from(listener)).unwrap();
        let std: std::net::TcpListener = listener.try_into().unwrap();
        let client = TcpStream::connect(std.local_addr().unwrap()).unwrap();
        assert_eq!(std.accept().unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn readiness_takes_part_in_races_and_loses_nothing() {
    let runner = Runner::builder().virtual_time(true).build();
    runner
        .run(|| {
            let (ours, theirs) = pair();
            let second = || after(Duration::from_secs(1));
            assert!(matches!(cede::race((ours.readable(), second())).wait(), First::B(())));
            assert!(matches!(cede::race((ours.writable(), second())).wait(), First::A(Ok(()))));
            (&theirs).write_all(b"x").unwrap();
            assert!(matches!(cede::race((ours.readable(), second())).wait(), First::A(Ok(()))));
            assert_eq!((&ours).read(&mut [0; 4]).unwrap(), 1);
            assert!(matches!(cede::race((ours.readable(), second())).wait(), First::B(())));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            assert!(matches!(cede::race((listener.readable(), second())).wait(), First::B(())));
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.readable().wait().unwrap();
            listener.accept().unwrap();
        })
        .unwrap();
}

#[test]
fn a_stream_moves_to_the_run_of_another_thread_and_back() {
    let (ours, theirs) = std_pair();
    let mut ours = TcpStream::try_from(ours).unwrap();
    let mut theirs = TcpStream::try_from(theirs).unwrap();
    for round in 0..3 {
        // Each is registered with the reactors of many runs, one after the other.
        let reader = thread::spawn(move || {
            cede::run(|| {
                let mut byte = [0];
                ours.read_exact(&mut byte).unwrap();
                (ours, byte[0])
            })
        });
        theirs = cede::run(|| {
            theirs.write_all(&[round]).unwrap();
            theirs
        });
        let byte;
        (ours, byte) = reader.join().unwrap();
        assert_eq!(byte, round);
    }
}

#[test]
fn two_threads_share_one_stream_each_in_its_own_run() {
    let (ours, theirs) = std_pair();
    let ours = TcpStream::try_from(ours).unwrap();
    let theirs = TcpStream::try_from(theirs).unwrap();
    const EACH: usize = 100_000;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    cede::run(|| {
                        let (mut buffer, mut total) = ([0; 777], 0);
                        loop {
                            match (&ours).read(&mut buffer).unwrap() {
                                0 => return total,
                                read => total += read,
                            }
                        }
                    })
                })
            })
            .collect();
        cede::run(|| (&theirs).write_all(&[7; 2 * EACH]).unwrap());
        theirs.shutdown(Shutdown::Write).unwrap();
        let total: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert_eq!(total, 2 * EACH);
    });
}

#[test]
fn names_are_looked_up_while_others_run() {
    cede::run(|| {
        let lookup = cede::spawn(|| ("localhost", 80).to_socket_addrs().unwrap().collect::<Vec<_>>());
        while_others_run();
        assert!(lookup.join().unwrap().iter().all(|address| address.ip().is_loopback()));
        let listener = TcpListener::bind("localhost:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("localhost".to_owned(), port)).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn addresses_come_in_all_forms_and_need_no_task() {
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let one = |addresses: io::Result<std::vec::IntoIter<SocketAddr>>| addresses.unwrap().collect::<Vec<_>>();
    assert_eq!(one("127.0.0.1:80".to_socket_addrs()), [address]);
    assert_eq!(one("127.0.0.1:80".to_owned().to_socket_addrs()), [address]);
    assert_eq!(one(("127.0.0.1", 80).to_socket_addrs()), [address]);
    assert_eq!(one((address.ip(), 80).to_socket_addrs()), [address]);
    assert_eq!(one((&[address, address][..]).to_socket_addrs()), [address, address]);
    assert_eq!(one("[::1]:80".to_socket_addrs()), ["[::1]:80".parse().unwrap()]);
    for bad in ["localhost", "localhost:", "localhost:99999", ":::"] {
        assert_eq!(bad.to_socket_addrs().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
    }
    let outside = "localhost:80".to_socket_addrs().unwrap_err();
    assert!(outside.to_string().contains("cede::run"), "{outside}");
    let none = cede::run(|| TcpStream::connect(&[][..] as &[SocketAddr])).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_hundred_thousand_small_messages_arrive_in_order() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let writer =
            cede::spawn(move || (0..100_000_u32).for_each(|i| (&ours).write_all(&i.to_ne_bytes()).unwrap()));
        let mut reader = io::BufReader::new(&theirs);
        for i in 0..100_000_u32 {
            let mut bytes = [0; 4];
            reader.read_exact(&mut bytes).unwrap();
            assert_eq!(u32::from_ne_bytes(bytes), i);
        }
        writer.join().unwrap();
    });
}
