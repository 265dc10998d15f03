//! Unix sockets: addresses, credentials, descriptors that are passed along, and what can go wrong.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cede::io::raw_os_error;
use cede::net::unix::{DESCRIPTORS_MAX, SocketAddr};
use cede::net::{UnixDatagram, UnixListener, UnixStream};
use cede::time::after;
use cede::{JoinHandle, Runner};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, in_child, while_others_run};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cede-unix-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
}

#[test]
fn clients_connect_to_a_path_and_both_say_where_they_are() {
    cede::run(|| {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let server = cede::spawn(move || listener.accept().unwrap());
        while_others_run();
        assert!(!server.is_finished());
        let client = UnixStream::connect(&path).unwrap();
        let (server, peer) = soon(&server);
        assert!(peer.is_unnamed() && client.local_addr().unwrap().is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*path));
        (&client).write_all(b"hello").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(io::read_to_string(&server).unwrap(), "hello");
        assert!(format!("{client:?}").starts_with("UnixStream {"));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_are_addresses_too() {
    use std::os::linux::net::SocketAddrExt;
    cede::run(|| {
        let name = format!("cede-test-{}\0with a NUL", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let client = UnixStream::connect_addr(&address).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), Some(name.as_bytes()));
        drop(client);
        assert_eq!((&server).read(&mut [0]).unwrap(), 0);
        let error = UnixListener::bind_addr(&address).unwrap_err();
        assert!(error.to_string().starts_with("can't bind @cede-test-"), "{error}");
        let receiver =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(format!("{name}2")).unwrap()).unwrap();
        let sender =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(format!("{name}3")).unwrap()).unwrap();
        sender.send_to_addr(b"x", &receiver.local_addr().unwrap()).unwrap();
        let (_, from) = receiver.recv_from(&mut [0]).unwrap();
        assert_eq!(from.as_abstract_name(), Some(format!("{name}3").as_bytes()));
    });
}

#[test]
fn paths_that_cannot_be_had_are_named_in_the_error() {
    cede::run(|| {
        let folder = Folder::new();
        let path = folder.path("gone");
        let error = UnixStream::connect(&path).unwrap_err();
        assert_eq!((error.kind(), raw_os_error(&error)), (ErrorKind::NotFound, Some(libc::ENOENT)));
        assert!(error.to_string().starts_with(&format!("can't connect to {path:?}: ")), "{error}");
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("can't bind {path:?}: ")), "{error}");
        let with_nul = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/a\0b"));
        let long = PathBuf::from("x".repeat(200));
        for path in [with_nul, &long] {
            let errors = [
                UnixListener::bind(path).unwrap_err(),
                UnixStream::connect(path).unwrap_err(),
                UnixDatagram::bind(path).unwrap_err(),
                UnixDatagram::unbound().unwrap().send_to(b"x", path).unwrap_err(),
                UnixDatagram::unbound().unwrap().connect(path).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().contains(&format!("{path:?}")), "{error}");
            }
        }
        let unnamed = UnixStream::pair().unwrap().0.local_addr().unwrap();
        assert_eq!(UnixStream::connect_addr(&unnamed).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn the_peer_is_this_process_with_its_user() {
    cede::run(|| {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = ours.peer_cred().unwrap();
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
        if cfg!(target_os = "linux") {
            assert_eq!(peer.pid, Some(std::process::id()));
        }
    });
}

#[test]
fn a_full_queue_makes_clients_wait_and_the_others_run() {
    cede::run(|| {
        let folder = Folder::new();
        let path = folder.path("full");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let brief = Duration::from_millis(30);
        let mut clients = Vec::new();
        let error = loop {
            match UnixStream::connect_timeout(&address, brief) {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
            assert!(clients.len() < 10, "the queue has an end");
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains(&format!("{path:?}")), "{error}");
        let late = cede::spawn(move || UnixStream::connect(&path).map(drop));
        while_others_run();
        assert!(!late.is_finished());
        for _ in 0..=clients.len() {
            listener.accept_timeout(Duration::from_secs(20)).unwrap();
        }
        soon(&late).unwrap();
        let error = UnixStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_cancelled_connect_closes_its_socket() {
    cede::run(|| {
        let folder = Folder::new();
        let path = folder.path("cancelled");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || UnixStream::connect_timeout(&address, Duration::from_millis(5));
        let _taken: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
        let waiting = cede::spawn(move || UnixStream::connect(&path).map(drop));
        while_others_run();
        waiting.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn accepting_takes_part_in_races_and_loses_no_connection() {
    cede::run(|| {
        let folder = Folder::new();
        let listener = UnixListener::bind(folder.path("raced")).unwrap();
        for _ in 0..3 {
            cede::select! {
                _ = listener.accepting() => panic!("nobody is there"),
                _ = after(Duration::from_millis(1)) => {}
            }
        }
        let client = UnixStream::connect(folder.path("raced")).unwrap();
        cede::select! {
            _ = client.writable() => {}
            _ = listener.accepting() => panic!("it came second"),
        }
        cede::select! {
            accepted = listener.accepting() => drop(accepted.unwrap()),
            _ = after(Duration::from_secs(20)) => panic!("it is lost"),
        }
        let error = listener.accept_timeout(Duration::from_millis(1)).unwrap_err();
        assert!(
            error.kind() == ErrorKind::TimedOut && error.to_string().starts_with("can't accept on "),
            "{error}"
        );
    });
}

#[test]
fn an_accept_loop_by_operations_shares_connections_with_other_tasks() {
    cede::run(|| {
        let folder = Folder::new();
        let listener = Rc::new(UnixListener::bind(folder.path("shared")).unwrap());
        let tasks: Vec<_> = (0..6)
            .map(|i| {
                let listener = Rc::clone(&listener);
                cede::spawn(move || match i % 3 {
                    0 => cede::Operation::wait(listener.accepting()).map(drop),
                    1 => listener.incoming().next().unwrap().map(drop),
                    _ => listener.accept().map(drop),
                })
            })
            .collect();
        while_others_run();
        let _clients: Vec<_> = (0..6).map(|_| UnixStream::connect(folder.path("shared")).unwrap()).collect();
        tasks.iter().for_each(|task| soon(task).unwrap());
    });
}

#[test]
fn descriptors_travel_with_bytes_and_are_closed_on_exec() {
    cede::run(|| {
        let folder = Folder::new();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let receiver = cede::spawn(move || {
            let mut buffer = [0; 8];
            let received = theirs.recv_with_descriptors(&mut buffer).unwrap();
            (received, buffer)
        });
        while_others_run();
        let files = ["one", "two"].map(|name| {
            fs::write(folder.path(name), name).unwrap();
            File::open(folder.path(name)).unwrap()
        });
        let borrowed = files.each_ref().map(AsFd::as_fd);
        assert_eq!(ours.send_with_descriptors(b"two files", &borrowed).unwrap(), 9);
        drop(files);
        let (received, buffer) = soon(&receiver);
        assert_eq!((received.length, &buffer), (8, b"two file"));
        assert!(!received.lost_descriptors && !received.truncated);
        let flags = |descriptor: &OwnedFd| rustix::io::fcntl_getfd(descriptor).unwrap();
        assert!(received.descriptors.iter().all(|one| flags(one).contains(rustix::io::FdFlags::CLOEXEC)));
        let texts = received.descriptors.into_iter().map(|one| io::read_to_string(File::from(one)).unwrap());
        assert!(texts.eq(["one", "two"]));
    });
}

#[test]
fn a_read_that_stops_before_descriptors_does_not_forget_what_follows() {
    cede::run(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let reader = cede::spawn(move || {
            let mut buffer = [0; 64];
            let mut read = Vec::new();
            while read.iter().map(|(length, _)| length).sum::<usize>() < 9 {
                let received = theirs.recv_with_descriptors(&mut buffer).unwrap();
                read.push((received.length, received.descriptors.len()));
            }
            read
        });
        // The reader is registered, and what comes gives one edge.
        while_others_run();
        (&ours).write_all(b"abc").unwrap();
        ours.send_with_descriptors(b"def", &[file.as_fd()]).unwrap();
        (&ours).write_all(b"ghi").unwrap();
        let read = soon(&reader);
        assert_eq!(read.iter().map(|(_, descriptors)| descriptors).sum::<usize>(), 1, "{read:?}");
        // The same with plain reads, which stop there too, and let the descriptor go.
        let (ours, theirs) = UnixStream::pair().unwrap();
        let reader = cede::spawn(move || {
            let mut all = [0; 9];
            (&theirs).read_exact(&mut all).unwrap();
            all
        });
        while_others_run();
        (&ours).write_all(b"abc").unwrap();
        ours.send_with_descriptors(b"def", &[file.as_fd()]).unwrap();
        (&ours).write_all(b"ghi").unwrap();
        assert_eq!(&soon(&reader), b"abcdefghi");
    });
}

#[test]
fn as_many_descriptors_as_a_message_takes_arrive_and_more_are_refused() {
    cede::run(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        let many = vec![file.as_fd(); DESCRIPTORS_MAX];
        ours.send_with_descriptors(b"x", &many).unwrap();
        assert_eq!(theirs.recv_with_descriptors(&mut [0]).unwrap().descriptors.len(), DESCRIPTORS_MAX);
        let error = ours.send_with_descriptors(b"x", &vec![file.as_fd(); DESCRIPTORS_MAX + 1]).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("253"), "{error}");
        let error = ours.send_with_descriptors(b"", &many).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // None at all is a plain write.
        ours.send_with_descriptors(b"y", &[]).unwrap();
        let received = theirs.recv_with_descriptors(&mut [0]).unwrap();
        assert!(received.length == 1 && received.descriptors.is_empty());
        drop(ours);
        assert_eq!(theirs.recv_with_descriptors(&mut [0]).unwrap().length, 0);
    });
}

#[test]
fn a_cancelled_receiver_takes_no_descriptor() {
    cede::run(|| {
        for ticks in 0..4 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let theirs = Rc::new(theirs);
            let reading = Rc::clone(&theirs);
            let reader =
                cede::spawn(move || reading.recv_with_descriptors(&mut [0; 4]).unwrap().descriptors.len());
            while_others_run();
            ours.send_with_descriptors(b"x", &[File::open("/dev/null").unwrap().as_fd()]).unwrap();
            (0..ticks).for_each(|_| cede::yield_now());
            reader.cancel();
            match reader.join() {
                Ok(count) => assert_eq!(count, 1),
                Err(error) => {
                    assert!(error.is_cancelled());
                    assert_eq!(theirs.recv_with_descriptors(&mut [0; 4]).unwrap().descriptors.len(), 1);
                }
            }
        }
    });
}

#[test]
fn without_descriptors_those_that_come_are_lost_and_said_to_be_and_accepts_wait() {
    if !in_child("without_descriptors_those_that_come_are_lost_and_said_to_be_and_accepts_wait") {
        return;
    }
    let folder = Folder::new();
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = Rc::new(UnixListener::bind(folder.path("full")).unwrap());
        let file = File::open("/dev/null").unwrap();
        ours.send_with_descriptors(b"lost", &[file.as_fd(), file.as_fd()]).unwrap();
        let _client = UnixStream::connect(folder.path("full")).unwrap();
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let received = theirs.recv_with_descriptors(&mut [0; 8]).unwrap();
        assert_eq!((received.length, received.descriptors.len(), received.lost_descriptors), (4, 0, true));
        let error = UnixStream::connect(folder.path("full")).unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::EMFILE));
        let error = listener.accept().unwrap_err();
        assert_eq!(raw_os_error(&error), Some(libc::EMFILE));
        assert!(error.to_string().starts_with("can't accept on "), "{error}");
        // The next one waits longer, and finds a descriptor.
        let accepting = Rc::clone(&listener);
        let server = cede::spawn(move || accepting.accept().map(drop));
        while_others_run();
        assert!(!server.is_finished());
        drop(taken);
        server.join().unwrap().unwrap();
    });
    run.unwrap();
}

#[test]
fn datagrams_keep_their_bounds_and_say_from_where() {
    cede::run(|| {
        let folder = Folder::new();
        let ours = UnixDatagram::bind(folder.path("ours")).unwrap();
        let theirs = UnixDatagram::bind(folder.path("theirs")).unwrap();
        let receiver = cede::spawn(move || {
            let mut buffer = [0; 8];
            let first = theirs.recv_from(&mut buffer).unwrap();
            let second = theirs.recv_from(&mut buffer).unwrap();
            (first, second)
        });
        while_others_run();
        ours.send_to(b"one", folder.path("theirs")).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"three", folder.path("theirs")).unwrap();
        let ((first, named), (second, unnamed)) = soon(&receiver);
        assert_eq!((first, named.as_pathname()), (3, Some(&*folder.path("ours"))));
        assert!(second == 5 && unnamed.is_unnamed());
        let error = ours.send_to(b"x", folder.path("nobody")).unwrap_err();
        assert!(
            error.to_string().starts_with("can't send to ") && error.to_string().contains("nobody"),
            "{error}"
        );
    });
}

#[test]
fn a_full_receiver_makes_a_connected_sender_wait() {
    cede::run(|| {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let sender = cede::spawn(move || {
            for number in 0..2000u32 {
                ours.send(&number.to_ne_bytes()).unwrap();
            }
        });
        while_others_run();
        assert!(!sender.is_finished());
        for number in 0..2000u32 {
            let mut buffer = [0; 4];
            assert_eq!(theirs.recv(&mut buffer).unwrap(), 4);
            assert_eq!(u32::from_ne_bytes(buffer), number);
        }
        soon(&sender);
    });
}

#[test]
fn a_full_receiver_makes_a_sender_wait_that_is_not_connected() {
    let runner = Runner::builder().virtual_time(true).build();
    let run = runner.run(|| {
        let folder = Folder::new();
        let theirs = UnixDatagram::bind(folder.path("full")).unwrap();
        let path = folder.path("full");
        let sender = cede::spawn(move || {
            let ours = UnixDatagram::unbound().unwrap();
            (0..1000u32)
                .for_each(|number| assert_eq!(ours.send_to(&number.to_ne_bytes(), &path).unwrap(), 4));
        });
        cede::sleep(Duration::from_secs(60));
        assert!(!sender.is_finished());
        for number in 0..1000u32 {
            let mut buffer = [0; 4];
            theirs.recv(&mut buffer).unwrap();
            assert_eq!(u32::from_ne_bytes(buffer), number);
        }
        sender.join().unwrap();
        // One that is never read from times out.
        let ours = UnixDatagram::unbound().unwrap();
        ours.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let send = || ours.send_to(b"x", folder.path("full"));
        let error = std::iter::from_fn(|| Some(send())).take(1_000_000).find_map(Result::err).unwrap();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(
            error.to_string().starts_with("can't send to ") && error.to_string().contains("full"),
            "{error}"
        );
    });
    run.unwrap();
}

#[test]
fn a_socket_that_is_closed_underneath_gives_an_error_with_its_name() {
    if !in_child("a_socket_that_is_closed_underneath_gives_an_error_with_its_name") {
        return;
    }
    cede::run(|| {
        let folder = Folder::new();
        let listener = UnixListener::bind(folder.path("closed")).unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let socket = UnixDatagram::bind(folder.path("datagrams")).unwrap();
        // The reactor opens its own descriptors before.
        (&ours).write_all(b"x").unwrap();
        // Another owner of the same numbers.
        for number in [listener.as_raw_fd(), ours.as_raw_fd(), socket.as_raw_fd()] {
            // SAFETY: the number is that of an open descriptor. That its owner goes on to use it is what is tested, in a process of
            // its own where nothing else opens any.
            unsafe { libc::close(number) };
        }
        let errors = [
            listener.accept().unwrap_err(),
            (&ours).read(&mut [0]).unwrap_err(),
            (&ours).write(&[0]).unwrap_err(),
            ours.recv_with_descriptors(&mut [0]).unwrap_err(),
            socket.recv(&mut [0]).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(raw_os_error(&error), Some(libc::EBADF), "{error}");
            assert!(error.to_string().starts_with("can't "), "{error}");
        }
        // Their destructors find nothing to close, or something of others: not here.
        std::mem::forget((listener, ours, socket));
    });
}

#[test]
fn datagrams_carry_descriptors_and_say_when_they_were_cut_off() {
    cede::run(|| {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        ours.send_with_descriptors(b"a long text", &[file.as_fd()]).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(theirs.peek(&mut buffer).unwrap(), 4);
        assert_eq!(theirs.peek_from(&mut buffer).unwrap().0, 4);
        let (received, _) = theirs.recv_with_descriptors(&mut buffer).unwrap();
        assert!(received.truncated && received.descriptors.len() == 1 && received.length == 4);
        let mut buffer = [0; 4];
        cede::select! {
            _ = theirs.receiving_from(&mut buffer) => panic!("there is none"),
            _ = after(Duration::from_millis(1)) => {}
        }
        drop(ours);
        assert_eq!(theirs.send(b"x").unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn sockets_of_std_come_and_go_whatever_their_mode_was() {
    cede::run(|| {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let duplicate = ours.try_clone().unwrap();
        let ours = UnixStream::try_from(ours).unwrap();
        duplicate.set_nonblocking(false).unwrap();
        // A duplicate that is set to blocking does not make the task block.
        assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(ours.recv_with_descriptors(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        let clone = ours.try_clone().unwrap();
        clone.set_read_timeout(None).unwrap();
        assert_eq!(ours.read_timeout().unwrap(), None);
        let ours = std::os::unix::net::UnixStream::try_from(ours).unwrap();
        assert!(!rustix::fs::fcntl_getfl(&ours).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        let ours = UnixStream::try_from(OwnedFd::from(ours)).unwrap();
        let number = ours.as_raw_fd();
        assert_eq!(ours.into_raw_fd(), number);
        drop(theirs);
    });
}

#[test]
fn a_listener_whose_duplicate_blocks_does_not_make_the_task_block() {
    cede::run(|| {
        let folder = Folder::new();
        let listener = std::os::unix::net::UnixListener::bind(folder.path("mode")).unwrap();
        let duplicate = listener.try_clone().unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        duplicate.set_nonblocking(false).unwrap();
        let error = listener.accept_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn outside_of_tasks_there_is_an_error_that_says_what_to_do() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.path("outside")).unwrap();
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let errors = [
        listener.accept().unwrap_err(),
        UnixStream::connect(folder.path("outside")).unwrap_err(),
        (&ours).read(&mut [0]).unwrap_err(),
        (&ours).write(&[0]).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("cede::run"), "{error}");
    }
}
