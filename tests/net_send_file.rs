//! Files that are sent, whole and in part, and errors that say what was done and with whom.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use cede::JoinHandle;
use cede::io::raw_os_error;
use cede::net::{TcpListener, TcpStream, UnixStream};

mod net_pair;
use net_pair::{again_with_the_portable_reactor, ask_the_system};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// More than the buffers of a connection take.
const TOO_MUCH: usize = net_pair::TOO_MUCH / 2;

/// What a task gives that nothing will wake when its turn is forgotten.
fn soon<T>(task: &JoinHandle<T>) -> T {
    let joined = cede::timeout(Duration::from_secs(20), || task.join());
    joined.expect("no wake-up is lost").expect("it was not cancelled")
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

/// A file that goes with this.
struct Temporary(PathBuf);

impl Temporary {
    fn with(name: &str, data: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("cede-{}-{name}", std::process::id()));
        std::fs::write(&path, data).unwrap();
        Temporary(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn files_are_sent_whole_in_part_and_from_where_the_offset_says() {
    cede::run(|| {
        let data: Vec<u8> = (0..5_000_000u32).map(|i| (i % 249) as u8).collect();
        let temporary = Temporary::with("send-file", &data);
        let file = File::open(&temporary.0).unwrap();
        let (ours, theirs) = net_pair::pair();
        let reader = cede::spawn(move || {
            let mut all = Vec::new();
            (&theirs).read_to_end(&mut all).unwrap();
            all
        });
        let mut offset = 3;
        assert_eq!(ours.send_file(&file, &mut offset, Some(10)).unwrap(), 10);
        assert_eq!(ours.send_file(&file, &mut offset, Some(0)).unwrap(), 0);
        assert_eq!((offset, ours.send_file(&file, &mut offset, None).unwrap()), (13, 4_999_987));
        assert_eq!(ours.send_file(&file, &mut offset, None).unwrap(), 0, "that was all");
        ours.shutdown(Shutdown::Write).unwrap();
        assert!(reader.join().unwrap() == data[3..]);
    });
}

#[test]
fn a_file_that_the_system_does_not_copy_is_sent_through_a_buffer() {
    if !cfg!(target_os = "linux") {
        return;
    }
    cede::run(|| {
        // Of /proc, where the length is said to be 0 and nothing can be mapped.
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::open("/proc/self/status").unwrap();
        let sent = ours.send_file(&file, &mut 0, None).unwrap();
        drop(ours);
        let text = io::read_to_string(&theirs).unwrap();
        assert!(text.len() as u64 == sent && text.starts_with("Name:"), "{text}");
        // A directory can't be read in either way.
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let folder = File::open("/proc").unwrap();
        let error = ours.send_file(&folder, &mut 0, None).unwrap_err();
        assert!(error.to_string().starts_with("can't send a file to "), "{error}");
    });
}

#[test]
fn sending_a_file_that_is_cancelled_anywhere_can_be_gone_on_with() {
    cede::run(|| {
        let data: Rc<Vec<u8>> = Rc::new((0..TOO_MUCH as u32).map(|i| (i % 247) as u8).collect());
        let temporary = Temporary::with("send-file-cancelled", &data);
        let file = Rc::new(File::open(&temporary.0).unwrap());
        let mut cancelled = 0;
        for ticks in [0, 1, 2, 4, 8, 12] {
            let (ours, theirs) = net_pair::pair();
            let ours = Rc::new(ours);
            let offset = Rc::new(RefCell::new(0));
            let (sending, from, progress) = (Rc::clone(&ours), Rc::clone(&file), Rc::clone(&offset));
            let sender = cede::spawn(move || {
                let mut offset = progress.borrow_mut();
                sending.send_file((*from).as_fd(), &mut offset, None).unwrap()
            });
            let reader = cede::spawn(move || {
                let mut all = Vec::new();
                (&theirs).read_to_end(&mut all).unwrap();
                all
            });
            cancelled += u32::from(cancel_after(ticks, &sender));
            ours.send_file((*file).as_fd(), &mut offset.borrow_mut(), None).unwrap();
            ours.shutdown(Shutdown::Write).unwrap();
            assert!(soon(&reader) == *data, "{ticks}");
        }
        assert!(cancelled > 0, "none of the cancellations came in time");
    });
}

#[test]
fn errors_name_the_operation_and_the_address() {
    cede::run(|| {
        let error = TcpStream::connect("127.0.0.1:1").unwrap_err();
        assert!(error.to_string().starts_with("can't connect to 127.0.0.1:1: "), "{error}");
        assert_eq!(raw_os_error(&error), Some(libc::ECONNREFUSED));
        let error = TcpListener::bind("192.0.2.1:80").unwrap_err();
        assert!(error.to_string().starts_with("can't bind 192.0.2.1:80: "), "{error}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let address = client.local_addr().unwrap();
        let (server, _) = listener.accept().unwrap();
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let error = (&server).read(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), format!("can't read from {address}: timed out"));
        server.set_read_timeout(None).unwrap();
        // The system no longer knows who it was.
        drop(client);
        let error = (&server).read(&mut [0]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("can't read from {address}: ")), "{error}");
        assert_eq!(
            (error.kind(), raw_os_error(&error)),
            (ErrorKind::ConnectionReset, Some(libc::ECONNRESET))
        );
    });
}
