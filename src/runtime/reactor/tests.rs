//! The reactor alone: no tasks, only their names. Everything is tried with both backends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::wait_list::probe::{self, Probe};
use super::*;

/// Runs a test with each backend.
fn with_both(test: impl Fn(Reactor)) {
    for portable in [false, true] {
        test(Reactor::new(portable).unwrap());
    }
}

/// A descriptor that is watched, and removed before it is closed.
struct Watch<T: AsFd> {
    io: T,
    registrations: Registrations,
}

impl<T: AsFd> Watch<T> {
    fn new(io: T) -> Self {
        Watch { io, registrations: Registrations::default() }
    }

    fn source(&self, reactor: &Reactor) -> Rc<Source> {
        self.registrations.find_or_add(reactor, self.io.as_fd()).unwrap()
    }
}

impl<T: AsFd> Drop for Watch<T> {
    fn drop(&mut self) {
        self.registrations.remove(self.io.as_fd());
    }
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, listener.accept().unwrap().0)
}

fn waiter(source: &Source, direction: Direction, number: u32) -> Probe<'_> {
    Probe::link(source.waiters(direction), number)
}

/// What one wait wakes.
fn woken(reactor: &Reactor, timeout: Option<Duration>) -> Vec<u32> {
    reactor.wait(timeout).unwrap();
    probe::woken()
}

const LOOK: Option<Duration> = Some(Duration::ZERO);

/// Takes the edges that a new registration reports at once.
fn settle(reactor: &Reactor, source: &Source) {
    while !source.is_ready(Direction::Write) {
        woken(reactor, None);
    }
    woken(reactor, LOOK);
}

/// Waits until an edge says that there is something to read.
fn until_readable(reactor: &Reactor, source: &Source) {
    while !source.is_ready(Direction::Read) {
        woken(reactor, None);
    }
}

#[test]
fn an_edge_wakes_who_came_first_in_its_direction() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        settle(&reactor, &source);
        let _readers: Vec<_> = [3, 1, 2].map(|task| waiter(&source, Direction::Read, task)).into();
        let writer = waiter(&source, Direction::Write, 4);
        assert_eq!(woken(&reactor, LOOK), [0; 0]);
        theirs.write_all(b"x").unwrap();
        // An edge may repeat that it is writable: that wakes the writer, and nobody else.
        let mut tasks = Vec::new();
        while !source.is_ready(Direction::Read) {
            tasks.extend(woken(&reactor, None));
        }
        tasks.retain(|&task| task != 4);
        assert_eq!(tasks, [3]);
        assert!(!source.waiters(Direction::Read).is_empty());
        drop(writer);
    });
}

#[test]
fn readiness_is_remembered_until_an_operation_would_block() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        settle(&reactor, &source);
        assert!(!source.is_ready(Direction::Read));
        theirs.write_all(b"abc").unwrap();
        until_readable(&reactor, &source);
        assert_eq!(woken(&reactor, LOOK), [0; 0], "an edge is told once");
        assert!(source.is_ready(Direction::Read));
        source.would_block(Direction::Read);
        assert!(!source.is_ready(Direction::Read) && source.is_ready(Direction::Write));
    });
}

#[test]
fn a_short_read_is_believed_only_where_the_end_can_be_seen() {
    for portable in [false, true] {
        let reactor = Reactor::new(portable).unwrap();
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        theirs.write_all(b"abc").unwrap();
        until_readable(&reactor, &source);
        source.read_was_short();
        assert_eq!(source.is_ready(Direction::Read), portable || !cfg!(target_os = "linux"));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_short_read_is_not_believed_when_data_and_end_came_in_one_event() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        theirs.write_all(b"abc").unwrap();
        theirs.shutdown(Shutdown::Write).unwrap();
        wait_for(&ours, rustix::event::PollFlags::RDHUP);
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        until_readable(&reactor, &source);
        let mut buffer = [0; 16];
        assert_eq!((&watch.io).read(&mut buffer).unwrap(), 3);
        source.read_was_short();
        assert!(source.is_ready(Direction::Read), "the end is there already and makes no further edge");
        assert_eq!((&watch.io).read(&mut buffer).unwrap(), 0);
    });
}

/// Asks the kernel, past the reactor.
#[cfg(target_os = "linux")]
fn wait_for(stream: &TcpStream, what: rustix::event::PollFlags) {
    let mut entry = [rustix::event::PollFd::new(stream, what)];
    assert_eq!(rustix::event::poll(&mut entry, None), Ok(1));
}

#[test]
fn the_end_that_comes_after_a_short_read_wakes() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        theirs.write_all(b"abc").unwrap();
        until_readable(&reactor, &source);
        assert_eq!((&watch.io).read(&mut [0; 16]).unwrap(), 3);
        source.read_was_short();
        source.would_block(Direction::Read);
        let _reader = waiter(&source, Direction::Read, 7);
        drop(theirs);
        let mut tasks = Vec::new();
        while tasks.is_empty() {
            tasks = woken(&reactor, None);
        }
        assert_eq!(tasks, [7]);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_short_read_is_not_believed_when_it_may_have_stopped_at_urgent_data() {
    use rustix::net::{SendFlags, send};
    let reactor = Reactor::new(false).unwrap();
    let (ours, mut theirs) = connected();
    let watch = Watch::new(ours);
    let source = watch.source(&reactor);
    settle(&reactor, &source);
    theirs.write_all(b"before").unwrap();
    send(&theirs, b"!", SendFlags::OOB).unwrap();
    theirs.write_all(b"after").unwrap();
    wait_for(&watch.io, rustix::event::PollFlags::PRI);
    until_readable(&reactor, &source);
    woken(&reactor, LOOK);
    let mut buffer = [0; 32];
    assert_eq!((&watch.io).read(&mut buffer).unwrap(), 6);
    source.read_was_short();
    assert!(source.is_ready(Direction::Read), "more is there, and makes no further edge");
    assert_eq!((&watch.io).read(&mut buffer).unwrap(), 5);
}

#[test]
fn a_descriptor_number_that_is_used_again_gets_nothing_of_the_old_one() {
    with_both(|reactor| {
        let (first, mut first_peer) = connected();
        let duplicate = first.try_clone().unwrap();
        let watch = Watch::new(OwnedFd::from(first));
        let old = watch.source(&reactor);
        settle(&reactor, &old);
        let _reader = waiter(&old, Direction::Read, 1);
        // An edge of the first is on its way when it goes; the duplicate keeps its socket open.
        first_peer.write_all(b"x").unwrap();
        duplicate.set_nonblocking(false).unwrap();
        duplicate.peek(&mut [0]).unwrap();
        let old_key = watch.registrations.key_for_test();
        let mut number = unwatch(watch);
        let (second, mut second_peer) = connected();
        rustix::io::dup2(&second, &mut number).unwrap();
        let watch = Watch::new(number);
        let new = watch.source(&reactor);
        assert_eq!(
            watch.registrations.key_for_test() & NUMBER_MASK,
            old_key & NUMBER_MASK,
            "the number is used again"
        );
        let _reader = waiter(&new, Direction::Read, 2);
        settle(&reactor, &new);
        assert!(!new.is_ready(Direction::Read) && reactor.source(old_key).is_none());
        first_peer.write_all(b"y").unwrap();
        second_peer.write_all(b"z").unwrap();
        let mut tasks = Vec::new();
        while tasks.is_empty() {
            tasks = woken(&reactor, None);
        }
        assert_eq!(tasks, [2]);
    });
}

#[test]
fn who_waits_for_a_descriptor_that_was_closed_underneath_learns_it_when_the_number_is_registered_again() {
    with_both(|reactor| {
        let (mut number, (second, mut peer)) = (OwnedFd::from(connected().0), connected());
        let (mut old, new) = (Registrations::default(), Registrations::default());
        let lost = old.find_or_add(&reactor, number.as_fd()).unwrap();
        let sides = [(Direction::Read, 1), (Direction::Read, 2), (Direction::Write, 3)];
        let _waiters = sides.map(|(side, number)| waiter(&lost, side, number));
        rustix::io::dup2(&second, &mut number).unwrap();
        drop(second);
        let source = new.find_or_add(&reactor, number.as_fd()).unwrap();
        assert!(lost.is_lost());
        assert_eq!(probe::woken(), [1, 2, 3]);
        let is_bad = |error: io::Error| error.raw_os_error() == Some(libc::EBADF);
        assert!(is_bad(old.find(&reactor).unwrap_err()));
        assert!(is_bad(old.find_or_add(&reactor, number.as_fd()).unwrap_err()));
        // The old one goes, and takes nothing with it.
        old.remove(number.as_fd());
        assert!(!source.is_lost() && reactor.sources() == 1);
        peer.write_all(b"x").unwrap();
        until_readable(&reactor, &source);
    });
}

#[test]
fn a_descriptor_that_is_watched_twice_is_refused_the_second_time_and_not_lost() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        assert!(Registrations::default().find_or_add(&reactor, watch.io.as_fd()).is_err());
        assert!(!source.is_lost());
        theirs.write_all(b"x").unwrap();
        until_readable(&reactor, &source);
    });
}

/// Takes a descriptor out of its reactors, and leaves it open.
fn unwatch(mut watch: Watch<OwnedFd>) -> OwnedFd {
    watch.registrations.remove(watch.io.as_fd());
    watch.io.try_clone().map(|spare| std::mem::replace(&mut watch.io, spare)).unwrap()
}

#[test]
fn a_stale_key_finds_nothing() {
    with_both(|reactor| {
        let keys: Vec<u64> = (0..3)
            .map(|_| {
                let watch = Watch::new(connected().0);
                watch.source(&reactor);
                watch.registrations.key_for_test()
            })
            .collect();
        woken(&reactor, LOOK);
        assert!(keys.iter().all(|&key| reactor.source(key).is_none()));
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        assert_eq!(reactor.sources(), 0);
    });
}

#[test]
fn a_notification_ends_the_wait_that_is_going_on_and_the_next_one() {
    with_both(|reactor| {
        let notifier = reactor.notifier();
        notifier.notify();
        woken(&reactor, None);
        for _ in 0..100 {
            let done = Arc::new(AtomicBool::new(false));
            let (other, is_done) = (notifier.clone(), Arc::clone(&done));
            let thread = thread::spawn(move || {
                is_done.store(true, Ordering::SeqCst);
                other.notify();
            });
            while !done.load(Ordering::SeqCst) {
                woken(&reactor, None);
            }
            thread.join().unwrap();
            woken(&reactor, LOOK);
        }
    });
}

#[test]
fn a_wait_lasts_until_its_deadline() {
    with_both(|reactor| {
        for wait in [1, 300_000, 1_500_000, 20_000_000].map(Duration::from_nanos) {
            let start = Instant::now();
            woken(&reactor, Some(wait));
            assert!(start.elapsed() >= wait, "{wait:?}");
        }
    });
}

/// A reactor on a kernel without waits of fine deadlines, or with a filter that forbids them.
#[cfg(target_os = "linux")]
fn on_an_old_kernel(refusal: rustix::io::Errno) -> Reactor {
    let reactor = Reactor::new(false).unwrap();
    reactor.backend.epoll_for_test().refusal.set(refusal).unwrap();
    reactor
}

#[test]
#[cfg(target_os = "linux")]
fn without_fine_deadlines_a_wait_still_lasts_until_its_deadline_and_not_much_longer() {
    use rustix::io::Errno;
    for refusal in [Errno::NOSYS, Errno::PERM] {
        let reactor = on_an_old_kernel(refusal);
        assert!(reactor.backend.epoll_for_test().has_fine_deadlines(), "until it is tried");
        for wait in [1, 300_000, 1_000_000, 1_500_000, 20_000_000].map(Duration::from_nanos) {
            let start = Instant::now();
            woken(&reactor, Some(wait));
            assert!(start.elapsed() >= wait, "{wait:?}");
            assert!(!reactor.backend.epoll_for_test().has_fine_deadlines(), "it is not tried again");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn without_fine_deadlines_edges_and_notifications_end_a_wait() {
    let reactor = on_an_old_kernel(rustix::io::Errno::NOSYS);
    let (ours, mut theirs) = connected();
    let watch = Watch::new(ours);
    let source = watch.source(&reactor);
    settle(&reactor, &source);
    let _reader = waiter(&source, Direction::Read, 1);
    theirs.write_all(b"x").unwrap();
    for far in [Duration::from_secs(3600), Duration::MAX] {
        reactor.notifier().notify();
        woken(&reactor, Some(far));
    }
    assert!(source.is_ready(Direction::Read));
}

#[test]
#[cfg(target_os = "linux")]
fn another_error_of_a_wait_with_a_fine_deadline_is_an_error() {
    let reactor = on_an_old_kernel(rustix::io::Errno::INVAL);
    let error = reactor.wait(Some(Duration::from_millis(1))).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(reactor.backend.epoll_for_test().has_fine_deadlines());
}

#[test]
fn waits_that_cannot_be_expressed_are_as_good_as_endless() {
    with_both(|reactor| {
        reactor.notifier().notify();
        woken(&reactor, Some(Duration::MAX));
        let (ours, _theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        woken(&reactor, Some(Duration::from_secs(u64::MAX)));
        assert!(source.is_ready(Direction::Write));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn more_events_than_there_is_room_for_come_with_the_next_waits() {
    let backend = Backend::new(false).unwrap();
    let pairs: Vec<_> = (0..10).map(|_| connected()).collect();
    for (key, (ours, _)) in pairs.iter().enumerate() {
        backend.add(ours.as_fd(), key as u64).unwrap();
    }
    let mut room = Room::Epoll(Vec::with_capacity(4));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        backend.wait(&mut room, LOOK).unwrap();
        room.for_each(|key, _| assert!(seen.insert(key)));
    }
    assert_eq!(seen.len(), 10);
}

#[test]
fn a_descriptor_may_be_removed_on_another_thread() {
    with_both(|reactor| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        settle(&reactor, &source);
        drop(source);
        thread::spawn(move || drop(watch)).join().unwrap();
        let _ = theirs.write(b"x");
        assert_eq!(woken(&reactor, LOOK), [0; 0]);
        assert_eq!(reactor.sources(), 0);
    });
}

#[test]
fn a_descriptor_outlives_its_reactor_and_serves_in_another() {
    with_both(|first| {
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        watch.source(&first);
        drop(first);
        let second = Reactor::new(false).unwrap();
        assert!(watch.registrations.find(&second).unwrap().is_none());
        let source = watch.source(&second);
        assert_eq!(watch.registrations.len_for_test(), 1, "what has gone is not kept");
        theirs.write_all(b"x").unwrap();
        until_readable(&second, &source);
        drop(second);
        drop(watch);
    });
}

#[test]
fn two_reactors_may_watch_one_descriptor() {
    with_both(|first| {
        let second = Reactor::new(false).unwrap();
        let (ours, mut theirs) = connected();
        let watch = Watch::new(ours);
        let sources = [watch.source(&first), watch.source(&second)];
        theirs.write_all(b"x").unwrap();
        until_readable(&first, &sources[0]);
        until_readable(&second, &sources[1]);
    });
}

#[test]
fn operations_that_wait_are_counted() {
    with_both(|reactor| {
        let (ours, _theirs) = connected();
        let watch = Watch::new(ours);
        let source = watch.source(&reactor);
        assert!(!reactor.has_waiters());
        source.count_waiter();
        source.count_waiter();
        source.discount_waiter();
        assert!(reactor.has_waiters());
        source.discount_waiter();
        assert!(!reactor.has_waiters());
    });
}

#[test]
fn what_cannot_be_watched_is_refused_and_leaves_nothing() {
    let reactor = Reactor::new(false).unwrap();
    let watch = Watch::new(std::fs::File::open("/proc/self/exe").unwrap());
    assert!(watch.registrations.find_or_add(&reactor, watch.io.as_fd()).is_err());
    assert_eq!((reactor.sources(), watch.registrations.len_for_test()), (0, 0));
}
