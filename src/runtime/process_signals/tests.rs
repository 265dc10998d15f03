//! What has to see the inside. The signals are such as nobody else in this process uses, and these tests take turns: whoever listens or
//! stops dispatches for all.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Listener for Count {
    fn hear(&self, _signal: c_int) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn listen_to(signal: c_int) -> (Arc<Count>, Listening) {
    let count = Arc::new(Count::default());
    let listening = listen(SignalSet::of(signal), Arc::clone(&count) as Arc<dyn Listener>, None).unwrap();
    (count, listening)
}

/// Comes back when the kernel has called the handler.
fn raise(signal: c_int) {
    deliver_here(signal);
}

#[test]
fn a_listener_hears_what_was_raised_since_it_listens_and_until_it_goes() {
    let _turn = turn();
    let signal = libc::SIGUSR1;
    let (first, one) = listen_to(signal);
    raise(signal);
    let (second, other) = listen_to(signal);
    dispatch();
    (0..3).for_each(|_| raise(signal));
    dispatch();
    dispatch();
    assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (2, 1));
    drop(one);
    raise(signal);
    drop(other);
    assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (2, 2));
    assert!(Action::current(signal).unwrap().is_default());
    assert!(RAISED.is_empty());
}

#[test]
fn a_flood_tells_a_run_once_until_the_listeners_were_told() {
    let _turn = turn();
    let signal = libc::SIGWINCH;
    let (count, _listening) = listen_to(signal);
    let inbox = Inbox::new();
    let long = Some(Duration::from_secs(1));
    assert!(!inbox.needs_reactor(long));
    let ear = Ear::open(&inbox);
    assert!(inbox.needs_reactor(long), "a handler can't end every kind of sleep");
    for heard in 1..=3 {
        (0..1000).for_each(|_| raise(signal));
        let mut messages = 0;
        inbox.drain(&mut |_| messages += 1);
        assert_eq!(messages, 1);
        raise(signal);
        assert!(!inbox.has_messages(), "it was told, and has not looked yet");
        dispatch();
        assert_eq!(count.0.load(Ordering::SeqCst), heard);
    }
    drop(ear);
    raise(signal);
    assert!(!inbox.has_messages() && !inbox.needs_reactor(long), "the run is over");
}

#[test]
fn a_signal_that_the_system_does_not_give_is_refused_and_nothing_stays() {
    let _turn = turn();
    let count = Arc::new(Count::default());
    let signals: SignalSet = [libc::SIGUSR2, libc::SIGKILL].into_iter().collect();
    let (signal, error) = listen(signals, Arc::clone(&count) as Arc<dyn Listener>, None).unwrap_err();
    assert_eq!((signal, error.raw_os_error()), (libc::SIGKILL, Some(libc::EINVAL)));
    assert!(Action::current(libc::SIGUSR2).unwrap().is_default());
    assert_eq!(Arc::strong_count(&count), 1);
}
