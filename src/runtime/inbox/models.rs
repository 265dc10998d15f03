//! What the inbox promises, in every order of the threads that use it.

use loom::thread;

use super::super::models::{Run, model};
use super::*;

impl Inbox {
    /// Makes what of it is made at the first use.
    pub(crate) fn touch(&self) {
        drop(self.lock());
        let _ = (self.has_messages(), self.has_senders(), self.has_handles());
        let front = &self.front.0;
        let _ = (front.state.load(Ordering::Relaxed), front.raised.load(Ordering::Relaxed));
        let _ = self.scheduler.load(Ordering::Relaxed);
        let _ = (self.notifier.get().is_some(), self.sleeper.get().is_some());
    }
}

/// Sleeps until so many wake-ups have come.
fn wait_for(run: &Run, count: usize) -> Vec<TaskKey> {
    let mut woken = Vec::new();
    while woken.len() < count {
        run.sleep(&mut |message| match message {
            Message::Wake(task) => woken.push(task),
            _ => unreachable!("tasks are woken"),
        });
    }
    woken
}

#[test]
fn no_wake_up_is_lost_and_a_sleep_is_notified_once() {
    model(|| {
        let run = Run::new();
        let threads = [1, 2].map(|thread| {
            let (inbox, task) = (run.inbox(), run.key_of(thread));
            thread::spawn(move || inbox.wake(task))
        });
        let mut woken = wait_for(&run, 2);
        woken.sort_by_key(|task| task.index);
        assert_eq!(woken, [1, 2].map(|thread| run.key_of(thread)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn wake_ups_of_one_thread_come_in_order_over_several_sleeps() {
    model(|| {
        let run = Run::new();
        let (inbox, tasks) = (run.inbox(), [1, 2, 3].map(|index| run.key_of(index)));
        let thread = thread::spawn(move || tasks.into_iter().for_each(|task| inbox.wake(task)));
        assert_eq!(wait_for(&run, 3), tasks);
        thread.join().unwrap();
    });
}

/// Some find the word for a lone wake-up empty, and some find it full or the queue in use.
#[test]
fn functions_and_wake_ups_of_one_thread_come_in_order() {
    model(|| {
        let run = Run::new();
        let (inbox, task) = (run.inbox(), run.key());
        // What it takes as the thread sends more.
        inbox.wake(task);
        let thread = thread::spawn(move || {
            inbox.wake(task);
            inbox.call(Box::new(|| ())).ok().expect("the run goes on");
            inbox.wake(task);
        });
        let mut heard = Vec::new();
        while heard.len() < 4 {
            run.sleep(&mut |message| heard.push(matches!(message, Message::Wake(_))));
        }
        assert_eq!(heard, [true, true, false, true]);
        thread.join().unwrap();
    });
}

#[test]
fn results_that_are_held_back_come_with_the_last_one() {
    model(|| {
        let run = Run::new();
        let (inbox, tasks) = (run.inbox(), [1, 2, 3].map(|index| run.key_of(index)));
        let thread = thread::spawn(move || {
            for (task, behind) in tasks.into_iter().zip([2, 1, 0]) {
                inbox.wake_with_result(task, |unheard| behind > unheard);
            }
        });
        let mut woken = Vec::new();
        while woken.len() < 3 {
            // Nothing ends it but the thread.
            run.doze(&mut |message| match message {
                Message::Wake(task) => woken.push(task),
                _ => unreachable!("tasks are woken"),
            });
        }
        assert_eq!(woken, tasks);
        thread.join().unwrap();
    });
}

#[test]
fn a_message_ends_a_doze_whatever_is_held_back() {
    model(|| {
        let run = Run::new();
        let (inbox, theirs) = (run.inbox(), run.inbox());
        let (result, other) = (run.key_of(1), run.key_of(2));
        let threads = [
            thread::spawn(move || inbox.wake_with_result(result, |_| true)),
            thread::spawn(move || theirs.wake(other)),
        ];
        let mut woken = Vec::new();
        while !woken.contains(&other) {
            run.doze(&mut |message| match message {
                Message::Wake(task) => woken.push(task),
                _ => unreachable!("tasks are woken"),
            });
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        run.inbox().drain(&mut |_| woken.push(result));
        assert_eq!(woken.len(), 2);
    });
}

#[test]
fn a_nap_ends_with_a_message() {
    model(|| {
        let inbox = Inbox::new();
        inbox.touch();
        let theirs = Arc::clone(&inbox);
        let thread = thread::spawn(move || theirs.wake(TaskKey::for_test(1)));
        let mut woken = 0;
        while woken == 0 {
            inbox.nap(Duration::MAX);
            inbox.drain(&mut |_| woken += 1);
        }
        thread.join().unwrap();
    });
}

#[test]
fn the_last_sender_to_go_ends_the_sleep() {
    model(|| {
        let run = Run::new();
        let inbox = run.inbox();
        let threads = [inbox.sender(), inbox.sender()].map(|sender| thread::spawn(move || drop(sender)));
        while inbox.has_senders() {
            // As `Outside::sleep` does: it looks again after the sleep was announced.
            run.sleep_unless(&|| !inbox.has_senders(), &mut |_| unreachable!("nobody says anything"));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn what_comes_as_the_run_ends_is_taken_or_given_back() {
    model(|| {
        let run = Run::new();
        let inbox = run.inbox();
        let thread = thread::spawn(move || {
            let held = Arc::new(());
            let theirs = Arc::clone(&held);
            let taken = inbox.call(Box::new(move || drop(theirs))).is_ok();
            (held, taken)
        });
        let inbox = run.inbox();
        let mut calls = 0;
        inbox.drain(&mut |message| {
            drop(message);
            calls += 1;
        });
        inbox.close();
        let (held, taken) = thread.join().unwrap();
        assert_eq!(Arc::strong_count(&held), 1, "it was called or dropped");
        assert!(taken || calls == 0);
        assert!(!inbox.has_messages());
    });
}

#[test]
fn what_comes_between_two_runs_is_refused_or_waits_for_the_second() {
    model(|| {
        let run = Run::new();
        let inbox = run.inbox();
        inbox.close();
        let theirs = Arc::clone(&inbox);
        let thread = thread::spawn(move || theirs.call(Box::new(|| ())).is_ok());
        inbox.open();
        let taken = thread.join().unwrap();
        let mut calls = 0;
        inbox.drain(&mut |_| calls += 1);
        assert_eq!(calls, u32::from(taken));
    });
}

#[test]
fn an_interrupt_is_heard_once_beside_messages() {
    model(|| {
        let run = Run::new();
        let (inbox, theirs) = (run.inbox(), run.inbox());
        let task = run.key();
        let threads = [thread::spawn(move || inbox.interrupt()), thread::spawn(move || theirs.wake(task))];
        let (mut woken, mut interrupts) = (0, 0);
        while woken + interrupts < 2 {
            run.sleep(&mut |message| match message {
                Message::Wake(_) => woken += 1,
                Message::Interrupt => interrupts += 1,
                Message::Signals => unreachable!("nobody listens"),
                Message::Call(_) => unreachable!("nobody calls"),
            });
        }
        assert_eq!((woken, interrupts), (1, 1));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!run.inbox().take_interrupt());
    });
}

#[test]
fn signals_that_are_raised_twice_are_heard_after_the_last() {
    model(|| {
        let run = Run::new();
        let inbox = run.inbox();
        let count = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&count);
        let thread = thread::spawn(move || {
            for _ in 0..2 {
                theirs.fetch_add(1, Ordering::SeqCst);
                inbox.signal();
            }
        });
        let mut seen = 0;
        while seen < 2 {
            run.sleep(&mut |message| match message {
                Message::Signals => seen = count.load(Ordering::SeqCst),
                _ => unreachable!("only signals come"),
            });
        }
        thread.join().unwrap();
    });
}
