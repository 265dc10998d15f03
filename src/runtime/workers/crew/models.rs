//! What the workers of a run promise each other, in every order of their threads. Crew, gate, seat and inbox are real, and so is each
//! way to go to sleep; a worker here is no more than a loop that takes closures and rests.

use std::cell::Cell;

use loom::thread::{self, JoinHandle};

use super::super::seat::Seat;
use super::*;
use crate::atomics::Place;
use crate::runtime::models::{Notifier, model, model_of};
use crate::runtime::remote::FreshCall;
use crate::runtime::task::TaskKey;

/// The seats of so many workers, with the bells that end their sleeps.
fn seats(workers: usize) -> Vec<Member> {
    let gate = Gate::new();
    let (crew, deques) = Crew::new(&gate, workers, false);
    assert!(gate.open(&crew));
    crew.touch();
    let seats = deques.into_iter().enumerate().map(|(worker, deque)| {
        let inbox = &crew.inboxes[worker];
        let bell = Notifier::default();
        inbox.set_notifier(bell.clone());
        inbox.touch();
        Member { seat: Seat::new(Arc::clone(&crew), worker, deque), bell, sleeps: Cell::new(0) }
    });
    seats.collect()
}

impl Crew {
    /// Makes what of it is made at the first use.
    fn touch(&self) {
        let _ = (self.idle.load(Ordering::Relaxed), self.hopeless.load(Ordering::Relaxed));
        let _ = (self.stirred.load(Ordering::Relaxed), self.order(), self.present(), self.has_fresh());
        drop((lock(&self.sleepers), lock(&self.idle_for_good)));
        self.departure.notify_all();
    }
}

/// A worker.
struct Member {
    seat: Seat,
    bell: Notifier,
    sleeps: Cell<u32>,
}

impl Member {
    fn crew(&self) -> &Crew {
        &self.seat.crew
    }

    fn inbox(&self) -> &Inbox {
        &self.crew().inboxes[self.seat.worker]
    }

    /// Sleeps, unless something has come.
    fn sleep(&self) {
        self.sleeps.set(self.sleeps.get() + 1);
        if self.inbox().begin_sleep() {
            self.bell.wait();
            self.inbox().end_sleep();
        }
    }

    /// As the scheduler of a worker does it that has nothing to do.
    fn rest(&self) {
        let inbox = self.inbox();
        if !self.seat.search(inbox, false) {
            let slept = self.seat.asleep(inbox, || {
                self.sleep();
                Ok(true)
            });
            assert!(slept.unwrap());
        }
        inbox.drain(&mut |_| ());
        if !self.seat.has_own() {
            // What it has found may be gone, by all that it knows.
            thread::yield_now();
        }
    }

    /// Does what there is, until the order to end.
    fn work(&self) {
        while self.crew().order() != STOP {
            match self.seat.next() {
                Some(Fresh::Call(FreshCall(call))) => call(),
                Some(Fresh::Task(_)) => unreachable!("nobody sends tasks"),
                None => self.rest(),
            }
        }
    }

    /// The same on a thread of its own.
    fn start(self) -> JoinHandle<()> {
        thread::spawn(move || self.work())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.bell.rings() <= self.sleeps.get(), "at most one notification for each sleep");
        }
    }
}

/// A closure that rings.
fn rings(bell: &Notifier) -> Fresh {
    let bell = bell.clone();
    Fresh::Call(FreshCall(Box::new(move || bell.notify())))
}

fn end(crew: &Crew, threads: impl IntoIterator<Item = JoinHandle<()>>) {
    crew.stop();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    crew.gate.close();
}

#[test]
fn what_a_busy_worker_pushes_is_done_by_one_that_slept_or_was_about_to() {
    model(|| {
        let mut seats = seats(2);
        let other = seats.pop().unwrap().start();
        let (busy, done) = (&seats[0], Notifier::default());
        for _ in 0..2 {
            busy.seat.push(rings(&done));
            done.wait();
        }
        end(busy.crew(), [other]);
    });
}

#[test]
fn what_comes_from_outside_is_done_though_all_sleep_or_are_about_to() {
    model_of(2, || {
        let mut seats = seats(3);
        let others = [seats.pop().unwrap().start(), seats.pop().unwrap().start()];
        let (first, done) = (&seats[0], Notifier::default());
        // What the first worker would do is the push of somebody who is none.
        first.crew().gate.push(rings(&done)).unwrap();
        done.wait();
        end(first.crew(), others);
    });
}

#[test]
fn one_push_wakes_one_worker() {
    model_of(2, || {
        let mut seats = seats(3);
        let bells = [seats[1].bell.clone(), seats[2].bell.clone()];
        let others = [seats.pop().unwrap().start(), seats.pop().unwrap().start()];
        let (first, done) = (&seats[0], Notifier::default());
        first.seat.push(rings(&done));
        done.wait();
        assert!(bells.iter().map(Notifier::rings).sum::<u32>() <= 1);
        end(first.crew(), others);
    });
}

#[test]
fn what_has_to_be_done_side_by_side_has_as_many_woken() {
    model_of(2, || {
        let mut seats = seats(3);
        let others = [seats.pop().unwrap().start(), seats.pop().unwrap().start()];
        let busy = &seats[0];
        let (here, there, done) = (Notifier::default(), Notifier::default(), Notifier::default());
        for (mine, yours) in [(&here, &there), (&there, &here)] {
            let (mine, yours, done) = (mine.clone(), yours.clone(), done.clone());
            busy.seat.push(Fresh::Call(FreshCall(Box::new(move || {
                yours.notify();
                mine.wait();
                done.notify();
            }))));
        }
        while done.rings() < 2 {
            done.wait();
        }
        end(busy.crew(), others);
    });
}

#[test]
fn a_thread_goes_when_no_worker_runs_anything() {
    model(|| {
        let seats = seats(3);
        let crew = Arc::clone(&seats[0].seat.crew);
        let runs: Arc<[Place<()>; 3]> = Arc::new([(); 3].map(Place::new));
        let threads = [1, 2].map(|worker| {
            let (crew, runs) = (Arc::clone(&crew), Arc::clone(&runs));
            thread::spawn(move || {
                runs[worker].to_write();
                crew.await_departure();
                runs[0].to_read();
                runs[3 - worker].to_read();
            })
        });
        crew.await_idleness();
        let _ = (runs[1].to_read(), runs[2].to_read());
        runs[0].to_write();
        crew.let_go();
        end(&crew, threads);
    });
}

#[test]
fn a_standstill_is_found_and_not_before_the_last_message_was_heard() {
    model_of(2, || {
        let mut seats = seats(3);
        let crew = Arc::clone(&seats[0].seat.crew);
        let heard = Arc::new(AtomicUsize::new(0));
        heard.load(Ordering::Relaxed);
        let sends = {
            let crew = Arc::clone(&crew);
            thread::spawn(move || {
                crew.inboxes[1].wake(TaskKey::NONE);
                crew.lose_hope(2);
            })
        };
        let hears = {
            let (other, heard) = (seats.remove(1), Arc::clone(&heard));
            thread::spawn(move || {
                while heard.load(Ordering::Relaxed) == 0 {
                    let hope = other.seat.lose_hope();
                    other.sleep();
                    drop(hope);
                    other.inbox().drain(&mut |_| heard.store(1, Ordering::Relaxed));
                }
                other.crew().lose_hope(1);
            })
        };
        let first = &seats[0];
        loop {
            let hope = first.seat.lose_hope();
            if first.seat.is_at_a_standstill() {
                // What is true, whether or not this thread need know of it.
                assert_eq!(heard.fetch_add(0, Ordering::Relaxed), 1);
                break;
            }
            first.sleep();
            drop(hope);
            first.inbox().drain(&mut |_| ());
        }
        end(&crew, [sends, hears]);
    });
}

/// What the count and the queues say is not of one moment: a worker may have woken after it was counted, and taken the last there was before
/// the queues are looked at. (A message would do as well. But loom does not go into a load of one thread, a load and a store of another
/// in each of their orders, and that is how messages are taken out.)
#[test]
fn a_worker_that_has_taken_out_all_that_there_was_is_at_no_standstill() {
    model(|| {
        let mut seats = seats(2);
        let (other, first) = (seats.pop().unwrap(), seats.pop().unwrap());
        let crew = Arc::clone(&first.seat.crew);
        let done = Arc::new(AtomicUsize::new(0));
        done.load(Ordering::Relaxed);
        let does = Arc::clone(&done);
        let call = FreshCall(Box::new(move || does.store(1, Ordering::Relaxed)));
        assert!(crew.gate.push(Fresh::Call(call)).is_ok());
        // It sleeps without hope, and was just woken, to search.
        crew.lose_hope(1);
        assert!(crew.begin_search());
        let wakes = thread::spawn(move || {
            other.crew().regain_hope();
            assert!(other.seat.search(other.inbox(), true));
            match other.seat.next() {
                Some(Fresh::Call(FreshCall(call))) => call(),
                _ => unreachable!("it was there"),
            }
            other.crew().lose_hope(1);
        });
        let hope = first.seat.lose_hope();
        if first.seat.is_at_a_standstill() {
            assert_eq!(done.fetch_add(0, Ordering::Relaxed), 1);
        }
        drop(hope);
        wakes.join().unwrap();
        end(&crew, []);
    });
}
