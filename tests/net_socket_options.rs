//! What is set before a socket listens or connects, and after; and connecting with a say in how.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use cede::net::{KeepAlive, TcpConnector, TcpListener, TcpSocket, TcpStream};
use cede::time::after;
use cede::{Operation, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, in_child, pair, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn options_that_are_set_are_had() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_ttl(44).unwrap();
    socket.set_linger(Some(secs(3))).unwrap();
    socket.set_recv_buffer_size(50_000).unwrap();
    socket.set_send_buffer_size(60_000).unwrap();
    assert!(socket.reuse_address().unwrap() && socket.reuse_port().unwrap() && socket.nodelay().unwrap());
    assert_eq!((socket.ttl().unwrap(), socket.linger().unwrap()), (44, Some(secs(3))));
    assert!(socket.recv_buffer_size().unwrap() >= 50_000 && socket.send_buffer_size().unwrap() >= 60_000);
    assert_eq!(socket.keepalive().unwrap(), None);
    socket.set_keepalive(Some(KeepAlive::default())).unwrap();
    let system = socket.keepalive().unwrap().unwrap();
    assert!(system.idle > Some(secs(0)) && system.count > Some(0), "{system:?}");
    let ours = KeepAlive { idle: Some(secs(60)), interval: Some(secs(5)), count: Some(4) };
    socket.set_keepalive(Some(ours)).unwrap();
    assert_eq!(socket.keepalive().unwrap(), Some(ours));
    socket.set_keepalive(None).unwrap();
    assert_eq!(socket.keepalive().unwrap(), None);
    let zero = KeepAlive { idle: Some(secs(0)), ..KeepAlive::default() };
    assert_eq!(socket.set_keepalive(Some(zero)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(socket.only_v6().is_err(), "of IPv4");
    assert!(format!("{socket:?}").starts_with("TcpSocket {"));
}

#[test]
fn options_of_a_connection_are_those_of_its_socket() {
    cede::run(|| {
        let (ours, _theirs) = pair();
        let keepalive = KeepAlive { idle: Some(secs(7)), interval: Some(secs(2)), count: Some(3) };
        ours.set_keepalive(Some(keepalive)).unwrap();
        ours.set_linger(Some(secs(1))).unwrap();
        let clone = ours.try_clone().unwrap();
        assert_eq!(clone.keepalive().unwrap(), Some(keepalive));
        assert_eq!(clone.linger().unwrap(), Some(secs(1)));
        ours.set_linger(None).unwrap();
        assert!(clone.linger().unwrap().is_none() && clone.recv_buffer_size().unwrap() > 0);
    });
}

#[test]
fn a_linger_of_zero_resets_the_peer() {
    cede::run(|| {
        let (ours, theirs) = pair();
        ours.set_linger(Some(Duration::ZERO)).unwrap();
        drop(ours);
        assert_eq!((&theirs).read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn sockets_that_say_so_share_a_port_and_others_do_not() {
    cede::run(|| {
        let listen = |address| {
            let socket = TcpSocket::new_for(&address)?;
            socket.set_reuse_port(true)?;
            socket.bind(address)?;
            socket.listen(64)
        };
        let first = listen(local()).unwrap();
        let address = first.local_addr().unwrap();
        let second = listen(address).unwrap();
        let other = TcpSocket::new_v4().unwrap();
        let error = other.bind(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("can't bind {address}: ")), "{error}");
        let _clients: Vec<_> = (0..32).map(|_| TcpStream::connect(address).unwrap()).collect();
        for _ in 0..32 {
            cede::select! {
                accepted = first.accepting() => drop(accepted.unwrap()),
                accepted = second.accepting() => drop(accepted.unwrap()),
                _ = after(secs(20)) => panic!("a connection is lost"),
            }
        }
    });
}

#[test]
fn a_socket_for_ipv6_alone_leaves_the_port_to_ipv4() {
    let Ok(socket) = TcpSocket::new_v6() else {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    };
    cede::run(|| {
        socket.set_only_v6(true).unwrap();
        assert!(socket.only_v6().unwrap());
        socket.bind("[::]:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let six = socket.listen(4).unwrap();
        let four = TcpListener::bind(("0.0.0.0", port)).unwrap();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(four.accept().unwrap().1, client.local_addr().unwrap());
        assert_eq!(six.accept_timeout(Duration::from_millis(1)).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_socket_connects_with_its_address_and_options() {
    cede::run(|| {
        let listener = TcpListener::bind(local()).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(local()).unwrap();
        socket.set_nodelay(true).unwrap();
        let own = socket.local_addr().unwrap();
        let stream = socket.connect(address).unwrap();
        assert!(stream.local_addr().unwrap() == own && stream.nodelay().unwrap());
        assert_eq!(listener.accept().unwrap().1, own);
        let socket = TcpSocket::try_from(OwnedFd::from(TcpSocket::new_v4().unwrap())).unwrap();
        socket.connect_timeout(address, secs(5)).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.connect_timeout(address, secs(0)).unwrap_err().kind(), ErrorKind::InvalidInput);
        let socket = TcpSocket::new_v4().unwrap();
        let number = socket.as_raw_fd();
        assert_eq!(socket.into_raw_fd(), number);
        // Nobody listens there, and nobody else gets the number.
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind(local()).unwrap();
        let address = silent.local_addr().unwrap();
        let error = TcpSocket::new_v4().unwrap().connect(address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("can't connect to {address}: ")), "{error}");
    });
}

#[test]
fn the_queue_of_a_listener_is_as_long_as_its_backlog() {
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(local()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, secs(1));
        let clients: Vec<_> = std::iter::from_fn(|| connect().ok()).take(100).collect();
        assert!((1..10).contains(&clients.len()), "{}", clients.len());
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(local()).unwrap();
        let listener = socket.listen(u32::MAX).unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert_eq!(clients.len(), 100);
    });
    run.unwrap();
}

#[test]
fn a_connector_tries_all_addresses_and_tells_of_all_that_failed() {
    cede::run(|| {
        let listener = TcpListener::bind(local()).unwrap();
        let good = listener.local_addr().unwrap();
        let bad: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let worse: SocketAddr = "127.0.0.2:1".parse().unwrap();
        for connector in [TcpConnector::new(), TcpConnector::new().attempt_delay(None)] {
            let stream = connector.connect(&[bad, worse, good][..]).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            let error = connector.connect(&[bad, worse][..]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let text = error.to_string();
            assert!(
                text.contains("connect to 127.0.0.1:1: ") && text.contains("connect to 127.0.0.2:1: "),
                "{text}"
            );
            let none: &[SocketAddr] = &[];
            assert_eq!(connector.connect(none).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn a_silent_address_makes_way_for_one_that_answers() {
    if !in_child("a_silent_address_makes_way_for_one_that_answers") {
        return;
    }
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        // Nobody accepts, and the queue is full: connections are not answered.
        let silent = std::net::TcpListener::bind(local()).unwrap();
        rustix::net::listen(&silent, 0).unwrap();
        let silent = silent.local_addr().map(|address| (silent, address)).unwrap();
        let connect = || TcpStream::connect_timeout(&silent.1, secs(60));
        let _taken: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
        let listener = TcpListener::bind(local()).unwrap();
        let good = listener.local_addr().unwrap();
        let open = open_descriptors();
        let begun = cede::time::now();
        let stream = TcpStream::connect(&[silent.1, silent.1, good][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert_eq!((cede::time::now() - begun).as_millis(), 500, "two attempts were silent for 250 ms each");
        assert_eq!(open_descriptors(), open + 1, "the sockets of the others are closed");
        drop(stream);
        let connector = TcpConnector::new().timeout(secs(5));
        let error = connector.connect(&[silent.1, silent.1][..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains(&silent.1.to_string()), "{error}");
        let error = connector.connect(silent.1).unwrap_err();
        assert_eq!(error.to_string(), format!("can't connect to {}: timed out", silent.1));
        let connecting = cede::spawn(move || TcpStream::connect(&[silent.1, silent.1][..]).map(drop));
        while_others_run();
        connecting.cancel();
        assert!(connecting.join().unwrap_err().is_cancelled());
        assert_eq!(open_descriptors(), open);
    });
    run.unwrap();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_connector_connects_from_its_address_and_leaves_other_families_out() {
    cede::run(|| {
        let listener = TcpListener::bind(local()).unwrap();
        let good = listener.local_addr().unwrap();
        let own: SocketAddr = "127.0.0.3:0".parse().unwrap();
        let connector = TcpConnector::new().local_addr(own).interleave(false);
        let six: SocketAddr = "[::1]:1".parse().unwrap();
        let stream = connector.connect(&[six, good][..]).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), own.ip());
        assert_eq!(connector.connect(six).unwrap_err().kind(), ErrorKind::InvalidInput);
        let far: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let error = TcpConnector::new().local_addr(far).connect(good).unwrap_err();
        assert!(error.to_string().starts_with("can't bind 192.0.2.1:0: "), "{error}");
        let error = TcpConnector::new().timeout(secs(0)).connect(good).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn accepting_takes_part_in_races_and_loses_no_connection() {
    cede::run(|| {
        let listener = Rc::new(TcpListener::bind(local()).unwrap());
        let address = listener.local_addr().unwrap();
        for _ in 0..3 {
            cede::select! {
                _ = listener.accepting() => panic!("nobody is there"),
                _ = after(Duration::from_millis(1)) => {}
            }
        }
        let error = listener.accept_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.to_string(), format!("can't accept on {address}: timed out"));
        // Tasks that race and tasks that accept share what comes.
        let tasks: Vec<_> = (0..8)
            .map(|i| {
                let listener = Rc::clone(&listener);
                cede::spawn(move || match i % 2 {
                    0 => listener.accepting().wait(),
                    _ => listener.accept(),
                })
            })
            .collect();
        while_others_run();
        let clients: Vec<_> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut accepted: Vec<_> = tasks
            .iter()
            .map(|task| {
                cede::timeout(secs(20), || task.join()).expect("none is forgotten").unwrap().unwrap().1
            })
            .collect();
        let mut connected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        accepted.sort();
        connected.sort();
        assert_eq!(accepted, connected);
        (&clients[0]).write_all(b"x").unwrap();
    });
}
