//! Times per operation: all lengths, and ends that come in the same tick as a cancellation and as what was waited for.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use cede::net::{TcpListener, TcpStream};
use cede::task::First;
use cede::time::after;
use cede::{JoinHandle, Operation, Runner};

mod net_pair;
use net_pair::{
    Counting, TOO_MUCH, again_with_the_portable_reactor, ask_the_system, pair, std_pair, while_others_run,
};

#[test]
fn everything_here_holds_with_the_portable_reactor_too() {
    again_with_the_portable_reactor();
}

/// Where arithmetic with times goes wrong, if it does.
fn edges() -> impl Iterator<Item = Duration> {
    let powers = [0, 10, 20, 30, 31, 32, 53, 62, 63].map(|bits| 1_u64 << bits);
    let nanos =
        powers.into_iter().flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX - 1, u64::MAX]);
    let seconds = [i64::MAX as u64, u64::MAX].map(Duration::from_secs);
    nanos.filter(|&nanos| nanos > 0).map(Duration::from_nanos).chain(seconds).chain([Duration::MAX])
}

/// The times that end: longer ones than the clock can tell are for ever.
fn finite() -> impl Iterator<Item = Duration> {
    edges().filter(|time| cede::time::now().checked_add(*time).is_some())
}

fn with_virtual_time(test: impl FnOnce()) {
    Runner::builder().virtual_time(true).build().run(test).unwrap();
}

#[test]
fn a_read_takes_any_time_and_lasts_exactly_so_long() {
    with_virtual_time(|| {
        let (ours, _theirs) = pair();
        for time in finite() {
            ours.set_read_timeout(Some(time)).unwrap();
            assert_eq!(ours.read_timeout().unwrap(), Some(time.min(Duration::from_nanos(u64::MAX))));
            let start = cede::time::now();
            assert_eq!((&ours).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
            assert_eq!(cede::time::now() - start, time);
        }
    });
}

#[test]
fn any_time_is_enough_for_what_is_there_or_comes() {
    cede::run(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        for time in edges() {
            ours.set_read_timeout(Some(time)).unwrap();
            (&theirs).write_all(b"there").unwrap();
            assert_eq!((&*ours).read(&mut [0; 8]).unwrap(), 5);
            // Times that are over before anything can come are left out.
            if time > Duration::from_secs(60) {
                let reading = Rc::clone(&ours);
                let reader = cede::spawn(move || (&*reading).read(&mut [0; 8]));
                while_others_run();
                (&theirs).write_all(b"comes").unwrap();
                assert_eq!(reader.join().unwrap().unwrap(), 5);
            }
        }
    });
}

#[test]
fn a_write_takes_any_time_too() {
    with_virtual_time(|| {
        let (ours, theirs) = pair();
        let ours = Rc::new(ours);
        for time in edges() {
            ours.set_write_timeout(Some(time)).unwrap();
            assert_eq!((&*ours).write_all(&vec![7; TOO_MUCH]).unwrap_err().kind(), ErrorKind::TimedOut);
        }
        let writing = Rc::clone(&ours);
        let writer = cede::spawn(move || (&*writing).write_all(&vec![7; TOO_MUCH]).unwrap());
        while_others_run();
        assert!(!writer.is_finished());
        cede::spawn(move || io::copy(&mut &theirs, &mut io::sink()));
        writer.join().unwrap();
    });
}

#[test]
fn connecting_takes_any_time() {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for time in edges().filter(|time| *time > Duration::from_secs(60)) {
            let client = TcpStream::connect_timeout(&address, time).unwrap();
            assert_eq!(client.local_addr().unwrap(), listener.accept().unwrap().1);
        }
    });
    with_virtual_time(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut taken = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(60)) {
            taken.push(stream);
        }
        for time in finite() {
            let error = TcpStream::connect_timeout(&address, time).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{time:?}");
        }
    });
}

#[test]
fn a_write_all_that_times_out_has_written_what_its_writes_said() {
    with_virtual_time(|| {
        let (ours, mut theirs) = std_pair();
        let ours = TcpStream::try_from(ours).unwrap();
        ours.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        let written = Cell::new(0);
        let error = Counting { stream: &ours, written: &written }.write_all(&vec![7; TOO_MUCH]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(ours);
        assert_eq!(theirs.read_to_end(&mut Vec::new()).unwrap(), written.get());
    });
}

/// What happens to a task that waits, each in one of the ticks 0 to 3.
#[derive(Debug, Clone, Copy)]
struct Plan {
    data_comes: u32,
    is_cancelled: u32,
    time_is_over: u32,
    system_is_asked: u32,
}

impl Plan {
    fn all() -> impl Iterator<Item = Plan> {
        (0..256).map(|n| Plan {
            data_comes: n & 3,
            is_cancelled: n >> 2 & 3,
            time_is_over: n >> 4 & 3,
            system_is_asked: n >> 6,
        })
    }

    fn carry_out<T>(self, theirs: &TcpStream, first: &JoinHandle<T>, deadline: Instant) {
        for tick in 0..4 {
            if self.system_is_asked == tick {
                ask_the_system();
            }
            if self.is_cancelled == tick {
                first.cancel();
            }
            if self.data_comes == tick {
                (&*theirs).write_all(b"abc").unwrap();
            }
            if self.time_is_over == tick {
                while Instant::now() <= deadline {
                    std::hint::spin_loop();
                }
            }
            cede::yield_now();
        }
    }
}

/// Carries out all plans. The first one waits for a time that is as short as this machine can tell apart from no time at all:
/// each of the three ends (what it waited for, its time, a cancellation) must come about in some plan.
fn with_all_plans(ends: impl Fn(Plan, Duration, &Rc<TcpStream>, &TcpStream) -> usize) {
    let (ours, theirs) = pair();
    let ours = Rc::new(ours);
    for micros in [300, 3_000, 30_000] {
        let mut seen = [0; 3];
        Plan::all().for_each(|plan| seen[ends(plan, Duration::from_micros(micros), &ours, &theirs)] += 1);
        if !seen.contains(&0) {
            return;
        }
    }
    panic!("one of the ends never came first");
}

#[test]
fn one_datum_goes_to_one_reader_whatever_ends_the_wait_of_the_first_in_the_same_tick() {
    cede::run(|| {
        with_all_plans(|plan, short, ours, theirs| {
            ours.set_read_timeout(Some(short)).unwrap();
            let first = spawn_reader(ours);
            cede::yield_now();
            let deadline = Instant::now() + short;
            ours.set_read_timeout(None).unwrap();
            let second = spawn_reader(ours);
            cede::yield_now();
            plan.carry_out(theirs, &first, deadline);
            let end = match first.join() {
                Ok(Ok(length)) => {
                    assert_eq!(length, 3, "{plan:?}");
                    // It was read once: the other goes on waiting.
                    while_others_run();
                    assert!(!second.is_finished(), "{plan:?}");
                    (&*theirs).write_all(b"def").unwrap();
                    0
                }
                Ok(Err(error)) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut, "{plan:?}");
                    1
                }
                Err(error) => {
                    assert!(error.is_cancelled(), "{plan:?}");
                    2
                }
            };
            assert_eq!(soon(&second, plan), 3, "{plan:?}");
            end
        });
    });
}

/// What a reader reads, which nothing else will wake when its turn is forgotten.
fn soon(reader: &JoinHandle<io::Result<usize>>, plan: Plan) -> usize {
    let read = cede::timeout(Duration::from_secs(20), || reader.join());
    read.unwrap_or_else(|_| panic!("{plan:?}: a wake-up was lost")).unwrap().unwrap()
}

fn spawn_reader(stream: &Rc<TcpStream>) -> JoinHandle<io::Result<usize>> {
    let stream = Rc::clone(stream);
    cede::spawn(move || (&*stream).read(&mut [0; 8]))
}

#[test]
fn a_race_that_ends_in_the_same_tick_in_several_ways_leaves_the_datum_to_the_other_reader() {
    cede::run(|| {
        with_all_plans(|plan, short, ours, theirs| {
            let racing = Rc::clone(ours);
            let first = cede::spawn(move || cede::race((racing.readable(), after(short))).wait());
            cede::yield_now();
            let deadline = Instant::now() + short;
            let second = spawn_reader(ours);
            cede::yield_now();
            plan.carry_out(theirs, &first, deadline);
            let end = match first.join() {
                Ok(First::A(result)) => {
                    result.unwrap();
                    0
                }
                Ok(First::B(())) => 1,
                Err(_) => 2,
            };
            assert_eq!(soon(&second, plan), 3, "{plan:?}");
            end
        });
    });
}
