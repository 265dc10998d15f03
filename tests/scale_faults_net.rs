//! Many connections when something is short: descriptors, or the will of a client to read. Nothing is lost and nothing spins.

#![cfg(target_os = "linux")]

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cede::net::{TcpListener, TcpStream};
use cede::{JoinHandle, sleep, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

mod net_pair;
use net_pair::{TOO_MUCH, in_child, pair, while_others_run};

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// A server that sends back each byte it gets. Counts what it accepts and how often it could not.
#[derive(Default)]
struct Server {
    accepted: Cell<usize>,
    refused: Cell<usize>,
    served: RefCell<Vec<JoinHandle<()>>>,
}

impl Server {
    fn serve(self: &Rc<Self>, listener: TcpListener) -> JoinHandle<()> {
        let server = Rc::clone(self);
        spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else {
                    server.refused.set(server.refused.get() + 1);
                    continue;
                };
                server.accepted.set(server.accepted.get() + 1);
                server.served.borrow_mut().push(spawn(move || {
                    let mut byte = [0];
                    while stream.read(&mut byte).is_ok_and(|read| read == 1) {
                        stream.write_all(&byte).unwrap();
                    }
                }));
            }
        })
    }
}

fn echo(mut client: &TcpStream, byte: u8) {
    client.write_all(&[byte]).unwrap();
    let mut answer = [0];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [byte]);
}

/// Lets the others go on until something holds.
fn wait_until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_thousand_connections_live_on_when_there_is_no_descriptor_for_more() {
    const CONNECTED: usize = 1_000;
    const MORE: usize = 40;
    if !in_child("a_thousand_connections_live_on_when_there_is_no_descriptor_for_more") {
        return;
    }
    let needed = (2 * CONNECTED + 2 * MORE + 100) as u64;
    let most = getrlimit(Resource::Nofile).maximum;
    if most.is_some_and(|most| most < needed) {
        println!("skipped: {needed} descriptors are not to be had");
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: most }).unwrap();
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Rc::new(Server::default());
        let serving = server.serve(listener);
        let mut clients: Vec<_> = (0..CONNECTED).map(|_| TcpStream::connect(address).unwrap()).collect();
        wait_until(|| server.accepted.get() == CONNECTED);
        // Room for the ends of the clients, and for none of the server.
        let full = (open_descriptors() + MORE) as u64;
        setrlimit(Resource::Nofile, Rlimit { current: Some(full), maximum: most }).unwrap();
        let late: Vec<_> = (0..MORE).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        wait_until(|| server.refused.get() > 0);
        let (refused, start, used) = (server.refused.get(), Instant::now(), processor_time());
        sleep(Duration::from_millis(300));
        assert!(server.refused.get() - refused < 20, "{} attempts", server.refused.get() - refused);
        let used = processor_time() - used;
        assert!(used * 4 < start.elapsed(), "{used:?} of processor time to wait {:?}", start.elapsed());
        // The others are served as if nothing were wrong.
        clients.iter().enumerate().for_each(|(number, client)| echo(client, number as u8));
        assert_eq!(server.accepted.get(), CONNECTED);
        // Each that goes gives back two descriptors, as many as one that comes needs here.
        clients.truncate(CONNECTED - MORE);
        wait_until(|| server.accepted.get() == CONNECTED + MORE);
        let late: Vec<TcpStream> = late.into_iter().map(|client| client.try_into().unwrap()).collect();
        late.iter().chain(&clients).enumerate().for_each(|(number, client)| echo(client, number as u8));
        drop((late, clients));
        wait_until(|| server.served.borrow().iter().all(JoinHandle::is_finished));
        serving.cancel();
        assert!(serving.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn clients_that_never_read_hold_up_their_own_tasks_alone() {
    const DEAF: usize = 20;
    if !in_child("clients_that_never_read_hold_up_their_own_tasks_alone") {
        return;
    }
    cede::run(|| {
        let data: Rc<[u8]> = vec![7; TOO_MUCH].into();
        let (writers, deaf): (Vec<_>, Vec<_>) = (0..DEAF)
            .map(|number| {
                let (ours, theirs) = pair();
                let data = Rc::clone(&data);
                let writer = spawn(move || {
                    match number % 3 {
                        0 => ours.set_write_timeout(Some(Duration::from_millis(400))).unwrap(),
                        1 => {
                            return cede::timeout(Duration::from_millis(400), || (&ours).write_all(&data))
                                .is_err();
                        }
                        _ => {}
                    }
                    (&ours).write_all(&data).is_err()
                });
                (writer, theirs)
            })
            .unzip();
        while_others_run();
        // The buffers of the connections are full, and those who fill them wait.
        let (start, used, resident) = (Instant::now(), processor_time(), resident_bytes());
        sleep(Duration::from_millis(100));
        let used = processor_time() - used;
        assert!(used * 4 < start.elapsed(), "{used:?} of processor time to wait {:?}", start.elapsed());
        assert!(!writers.iter().any(JoinHandle::is_finished));
        // Others talk as they please, and nothing piles up.
        let (ours, theirs) = pair();
        let answering = spawn(move || {
            let mut byte = [0];
            while (&theirs).read(&mut byte).unwrap() == 1 {
                (&theirs).write_all(&byte).unwrap();
            }
        });
        (0..2_000).for_each(|number| echo(&ours, number as u8));
        assert!(resident_bytes().saturating_sub(resident) < 1 << 20);
        drop(ours);
        answering.join().unwrap();
        // Timeouts end the waits, and so does cancelling; with the others their connections go.
        writers.iter().skip(2).step_by(3).for_each(|writer| assert!(writer.cancel()));
        for (number, writer) in writers.iter().enumerate() {
            match writer.join() {
                Ok(timed_out) => assert!(timed_out && number % 3 != 2),
                Err(error) => assert!(error.is_cancelled() && number % 3 == 2),
            }
        }
        drop(deaf);
    });
}
