//! UDP: datagrams between peers that are connected or not, batches, multicast, and what can go wrong.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use cede::io::raw_os_error;
use cede::net::{Datagram, DatagramBatch, UdpSocket};
use cede::time::after;
use cede::{JoinHandle, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

fn local() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

#[test]
fn datagrams_go_to_an_address_and_come_from_one() {
    cede::run(|| {
        let ((ours, our_address), (theirs, their_address)) = (local(), local());
        let receiver = cede::spawn(move || {
            let mut buffer = [0; 16];
            let (length, peer) = theirs.recv_from(&mut buffer).unwrap();
            (buffer[..length].to_vec(), peer)
        });
        while_others_run();
        assert!(!receiver.is_finished());
        assert_eq!(ours.send_to(b"hello", ("localhost", their_address.port())).unwrap(), 5);
        assert_eq!(soon(&receiver), (b"hello".to_vec(), our_address));
    });
}

#[test]
fn a_connected_socket_hears_its_peer_only() {
    cede::run(|| {
        let ((ours, our_address), (theirs, their_address), (other, _)) = (local(), local(), local());
        assert_eq!(ours.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        ours.connect(their_address).unwrap();
        assert_eq!(ours.peer_addr().unwrap(), their_address);
        other.send_to(b"noise", our_address).unwrap();
        theirs.send_to(b"word", our_address).unwrap();
        let mut buffer = [0; 16];
        assert_eq!((ours.recv(&mut buffer).unwrap(), &buffer[..4]), (4, &b"word"[..]));
        assert_eq!(ours.send(b"answer").unwrap(), 6);
        assert_eq!(theirs.recv_from(&mut buffer).unwrap(), (6, our_address));
    });
}

#[test]
fn a_connected_socket_is_told_that_nobody_listens() {
    cede::run(|| {
        let (theirs, their_address) = local();
        drop(theirs);
        let (ours, _) = local();
        ours.connect(their_address).unwrap();
        ours.send(b"anybody?").unwrap();
        let error = ours.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(
            (error.kind(), raw_os_error(&error)),
            (ErrorKind::ConnectionRefused, Some(libc::ECONNREFUSED))
        );
        assert!(error.to_string().starts_with("can't receive on 127.0.0.1:"), "{error}");
        assert!(ours.take_error().unwrap().is_none());
    });
}

#[test]
fn peeking_leaves_the_datagram_and_a_short_buffer_cuts_it_off() {
    cede::run(|| {
        let ((ours, our_address), (theirs, their_address)) = (local(), local());
        ours.send_to(b"a long one", their_address).unwrap();
        ours.send_to(b"", their_address).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(theirs.peek_from(&mut buffer).unwrap(), (4, our_address));
        assert_eq!(theirs.peek(&mut buffer).unwrap(), 4);
        assert_eq!((theirs.recv_from(&mut buffer).unwrap().0, &buffer), (4, b"a lo"));
        assert_eq!(theirs.recv_from(&mut buffer).unwrap(), (0, our_address), "an empty one is one");
    });
}

#[test]
fn a_batch_takes_what_is_there_and_says_from_where() {
    cede::run(|| {
        let ((ours, our_address), (theirs, their_address)) = (local(), local());
        let texts: Vec<_> = (0..10).map(|i| (format!("datagram {i}"), their_address)).collect();
        assert_eq!(ours.send_batch(&texts).unwrap(), 10);
        assert_eq!(ours.send_batch(&texts[..0]).unwrap(), 0);
        let mut batch = DatagramBatch::new(4, 10);
        let mut all = Vec::new();
        while all.len() < 10 {
            let count = theirs.recv_batch(&mut batch).unwrap();
            assert!((1..=4).contains(&count) && batch.len() == count && batch.iter().len() == count);
            assert!(batch.iter().all(|one| one.peer == our_address && !one.truncated));
            all.extend(batch.iter().map(|one| String::from_utf8(one.data.to_vec()).unwrap()));
        }
        assert!(all.iter().eq(texts.iter().map(|(text, _)| text)));
        ours.send_to(b"one that is too long", their_address).unwrap();
        assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 1);
        let Datagram { data, truncated, .. } = batch.iter().next().unwrap();
        assert_eq!((data, truncated), (&b"one that i"[..], true));
        assert!(!batch.is_empty() && format!("{batch:?}").contains("truncated: true"));
    });
}

#[test]
fn a_batch_waits_for_its_first_datagram_and_not_for_the_last() {
    cede::run(|| {
        let ((ours, _), (theirs, their_address)) = (local(), local());
        let receiver = cede::spawn(move || {
            let mut batch = DatagramBatch::new(64, 100);
            theirs.recv_batch(&mut batch)
        });
        while_others_run();
        assert!(!receiver.is_finished());
        ours.send_to(b"one", their_address).unwrap();
        assert_eq!(soon(&receiver).unwrap(), 1);
    });
}

#[test]
fn a_batch_over_ipv6_has_its_addresses() {
    let Ok(ours) = UdpSocket::bind("[::1]:0") else {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    };
    cede::run(|| {
        let theirs = UdpSocket::bind("[::1]:0").unwrap();
        let address = theirs.local_addr().unwrap();
        assert_eq!(ours.send_batch(&[(b"six", address)]).unwrap(), 1);
        let mut batch = DatagramBatch::new(2, 8);
        theirs.recv_batch(&mut batch).unwrap();
        assert_eq!(batch.iter().next().unwrap().peer, ours.local_addr().unwrap());
    });
}

#[test]
fn receiving_takes_part_in_races_and_loses_no_datagram() {
    cede::run(|| {
        let ((ours, our_address), (theirs, their_address)) = (local(), local());
        let mut buffer = [0; 8];
        for _ in 0..3 {
            cede::select! {
                _ = theirs.receiving_from(&mut buffer) => panic!("there is none"),
                _ = after(Duration::from_millis(1)) => {}
            }
        }
        ours.send_to(b"late", their_address).unwrap();
        // Both are ready: the first wins, and the datagram stays.
        cede::select! {
            _ = ours.writable() => {}
            _ = theirs.receiving_from(&mut buffer) => panic!("it came second"),
        }
        cede::select! {
            received = theirs.receiving_from(&mut buffer) => assert_eq!(received.unwrap(), (4, our_address)),
            _ = after(Duration::from_secs(20)) => panic!("it is lost"),
        }
    });
}

#[test]
fn several_tasks_receive_from_one_socket_and_none_is_forgotten() {
    cede::run(|| {
        let ((ours, _), (theirs, their_address)) = (local(), local());
        let theirs = Rc::new(theirs);
        let receivers: Vec<_> = (0..8)
            .map(|i| {
                let theirs = Rc::clone(&theirs);
                cede::spawn(move || {
                    let mut buffer = [0; 1];
                    // Half of them by operations.
                    let received = if i % 2 == 0 {
                        theirs.recv_from(&mut buffer)
                    } else {
                        cede::Operation::wait(theirs.receiving_from(&mut buffer))
                    };
                    received.map(|_| buffer[0])
                })
            })
            .collect();
        while_others_run();
        for byte in 0..8 {
            ours.send_to(&[byte], their_address).unwrap();
        }
        let mut all: Vec<u8> = receivers.iter().map(|receiver| soon(receiver).unwrap()).collect();
        all.sort();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn a_cancelled_receiver_leaves_the_datagram_to_the_next() {
    cede::run(|| {
        for ticks in 0..4 {
            let ((ours, _), (theirs, their_address)) = (local(), local());
            let theirs = Rc::new(theirs);
            let receive = || {
                let theirs = Rc::clone(&theirs);
                cede::spawn(move || theirs.recv(&mut [0; 8]))
            };
            let (first, second) = (receive(), receive());
            while_others_run();
            ours.send_to(b"one", their_address).unwrap();
            (0..ticks).for_each(|_| cede::yield_now());
            first.cancel();
            if first.join().is_ok() {
                ours.send_to(b"two", their_address).unwrap();
            }
            assert_eq!(soon(&second).unwrap(), 3, "{ticks}");
        }
    });
}

#[test]
fn timeouts_are_of_each_call_and_shared_by_clones() {
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let (ours, _) = local();
        let clone = ours.try_clone().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(3600))).unwrap();
        assert_eq!(clone.read_timeout().unwrap(), Some(Duration::from_secs(3600)));
        let error = clone.recv_from(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().ends_with("timed out"), "{error}");
        assert_eq!(ours.set_write_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(ours.write_timeout().unwrap(), None);
    });
    run.unwrap();
}

#[test]
fn sockets_of_std_come_and_go_whatever_their_mode_was() {
    cede::run(|| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let duplicate = socket.try_clone().unwrap();
        let ours = UdpSocket::try_from(socket).unwrap();
        assert_eq!(ours.read_timeout().unwrap(), Some(Duration::from_millis(20)));
        // A duplicate that is set to blocking does not make the task block.
        duplicate.set_nonblocking(false).unwrap();
        let mut batch = DatagramBatch::new(1, 8);
        for error in [ours.recv(&mut [0]).unwrap_err(), ours.recv_batch(&mut batch).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
        let socket = std::net::UdpSocket::try_from(ours).unwrap();
        assert!(!rustix::fs::fcntl_getfl(&socket).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        let ours = UdpSocket::try_from(OwnedFd::from(socket)).unwrap();
        let number = ours.as_raw_fd();
        assert_eq!((ours.as_fd().as_raw_fd(), ours.into_raw_fd()), (number, number));
    });
}

#[test]
fn what_cannot_be_sent_says_where_it_should_have_gone() {
    cede::run(|| {
        let ((ours, _), (_theirs, their_address)) = (local(), local());
        let error = ours.send_to(&[0; 100_000], their_address).unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::EMSGSIZE));
        assert!(error.to_string().starts_with(&format!("can't send to {their_address}: ")), "{error}");
        let none: &[SocketAddr] = &[];
        assert_eq!(ours.send_to(b"x", none).unwrap_err().kind(), ErrorKind::InvalidInput);
        // Of a batch, what comes before the one that is refused is sent.
        let batch: [(Vec<u8>, _); 2] = [(vec![1], their_address), (vec![0; 100_000], their_address)];
        assert_eq!(ours.send_batch(&batch).unwrap(), 1);
        assert_eq!(raw_os_error(&ours.send_batch(&batch[1..]).unwrap_err()), Some(libc::EMSGSIZE));
        let error = UdpSocket::bind(their_address).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&their_address.to_string()), "{error}");
    });
}

#[test]
fn a_broadcast_needs_leave() {
    cede::run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let everybody = (Ipv4Addr::BROADCAST, 9);
        assert!(!socket.broadcast().unwrap());
        assert_eq!(socket.send_to(b"x", everybody).unwrap_err().kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
    });
}

#[test]
fn members_of_a_multicast_group_all_hear_and_others_do_not() {
    cede::run(|| {
        let group = Ipv4Addr::new(239, 77, 1, 1);
        let first = UdpSocket::bind_shared((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        let address = first.local_addr().unwrap();
        let second = UdpSocket::bind_shared(address).unwrap();
        for socket in [&first, &second] {
            socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        }
        let (sender, _) = local();
        sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        sender.set_multicast_ttl_v4(1).unwrap();
        sender.set_multicast_loop_v4(true).unwrap();
        assert_eq!(sender.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
        assert!(sender.multicast_ttl_v4().unwrap() == 1 && sender.multicast_loop_v4().unwrap());
        sender.send_to(b"all", (group, address.port())).unwrap();
        for socket in [&first, &second] {
            assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 3);
        }
        second.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        first.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        let error = first.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
        assert!(error.to_string().starts_with("can't leave 239.77.1.1: "), "{error}");
        let error = first.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST).unwrap_err();
        assert!(error.to_string().starts_with("can't join 127.0.0.1: "), "{error}");
    });
}

#[test]
fn multicast_over_ipv6_reaches_its_members() {
    let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 0x77);
    let joined = UdpSocket::bind_shared((Ipv6Addr::UNSPECIFIED, 0).into()).and_then(|socket| {
        let loopback = 1;
        socket.join_multicast_v6(&group, loopback)?;
        Ok(socket)
    });
    let Ok(receiver) = joined else {
        eprintln!("skipped: no multicast over IPv6 on this machine");
        return;
    };
    cede::run(|| {
        let port = receiver.local_addr().unwrap().port();
        let sender = UdpSocket::bind("[::]:0").unwrap();
        sender.set_multicast_if_v6(1).unwrap();
        sender.set_multicast_loop_v6(true).unwrap();
        assert!(sender.multicast_if_v6().unwrap() == 1 && sender.multicast_loop_v6().unwrap());
        let sent = sender.send_to(b"six", (IpAddr::from(group), port));
        if let Err(error) = sent {
            eprintln!("skipped: {error}");
            return;
        }
        receiver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 3);
        receiver.leave_multicast_v6(&group, 1).unwrap();
    });
}

#[test]
fn options_are_those_of_the_socket() {
    cede::run(|| {
        let (ours, _) = local();
        ours.set_ttl(33).unwrap();
        ours.set_recv_buffer_size(100_000).unwrap();
        ours.set_send_buffer_size(50_000).unwrap();
        assert!(ours.ttl().unwrap() == 33);
        assert!(ours.recv_buffer_size().unwrap() >= 100_000 && ours.send_buffer_size().unwrap() >= 50_000);
        assert!(format!("{ours:?}").starts_with("UdpSocket {"));
    });
}

#[test]
fn outside_of_tasks_there_is_an_error_that_says_what_to_do() {
    let (ours, address) = local();
    for error in [ours.recv(&mut [0]).unwrap_err(), ours.send_to(b"x", address).unwrap_err()] {
        assert!(error.to_string().contains("cede::run"), "{error}");
    }
}

#[test]
fn a_flood_does_not_keep_the_thread_for_itself() {
    cede::run(|| {
        let ((ours, _), (theirs, their_address)) = (local(), local());
        let turns = Rc::new(std::cell::Cell::new(0));
        let counted = Rc::clone(&turns);
        let other = cede::spawn(move || {
            loop {
                counted.set(counted.get() + 1);
                cede::yield_now();
            }
        });
        let exchange = || -> io::Result<()> {
            for _ in 0..1000 {
                ours.send_to(b"x", their_address)?;
                theirs.recv(&mut [0])?;
            }
            Ok(())
        };
        exchange().unwrap();
        assert!(turns.get() >= 10, "{}", turns.get());
        other.cancel();
    });
}
