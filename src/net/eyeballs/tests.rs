//! Races of addresses with connectors that do what they are told, under virtual time.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;

use super::*;
use crate::time::{now, sleep};

fn address(number: u16, is_v4: bool) -> SocketAddr {
    let text = if is_v4 { format!("10.0.0.1:{number}") } else { format!("[fd00::1]:{number}") };
    text.parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn under_virtual_time<T>(f: impl FnOnce() -> T) -> T {
    crate::Runner::builder().virtual_time(true).build().run(f).unwrap()
}

/// When each attempt began, in milliseconds.
type Starts = RefCell<Vec<(u16, u128)>>;

/// Notes when it begins, takes a while, and does or does not connect.
fn attempt(
    address: SocketAddr,
    takes: Duration,
    ok: bool,
    starts: &Starts,
    begun: std::time::Instant,
) -> io::Result<u16> {
    starts.borrow_mut().push((address.port(), (now() - begun).as_millis()));
    sleep(takes);
    if ok { Ok(address.port()) } else { Err(ErrorKind::ConnectionRefused.into()) }
}

#[test]
fn families_take_turns_and_the_first_stays_first() {
    let mixed = |kinds: &[bool]| {
        let addresses = kinds.iter().enumerate().map(|(i, &is_v4)| address(i as u16, is_v4)).collect();
        interleave(addresses).iter().map(SocketAddr::port).collect::<Vec<_>>()
    };
    assert_eq!(mixed(&[false, false, false, true, true]), [0, 3, 1, 4, 2]);
    assert_eq!(mixed(&[true, false, false]), [0, 1, 2]);
    assert_eq!(mixed(&[true, true]), [0, 1]);
    assert_eq!(mixed(&[]), [0u16; 0]);
}

#[test]
fn the_next_address_is_tried_after_the_delay_and_the_first_to_answer_wins() {
    under_virtual_time(|| {
        let (starts, begun) = (Starts::default(), now());
        let addresses = [address(1, false), address(2, true), address(3, false)];
        let connect = |address: SocketAddr| {
            let takes = if address.port() == 1 { ms(100_000) } else { ms(300) };
            attempt(address, takes, true, &starts, begun)
        };
        assert_eq!(connect_first(&addresses, Some(ATTEMPT_DELAY), &connect).unwrap(), 2);
        assert_eq!(*starts.borrow(), [(1, 0), (2, 250), (3, 500)]);
        assert_eq!((now() - begun).as_millis(), 550, "the slow one was not waited for");
    });
}

#[test]
fn an_address_that_fails_makes_way_for_the_next_at_once() {
    under_virtual_time(|| {
        let (starts, begun) = (Starts::default(), now());
        let addresses = [1, 2, 3].map(|number| address(number, true));
        let connect = |address: SocketAddr| attempt(address, ms(10), address.port() == 3, &starts, begun);
        assert_eq!(connect_first(&addresses, Some(ATTEMPT_DELAY), &connect).unwrap(), 3);
        assert_eq!(*starts.borrow(), [(1, 0), (2, 10), (3, 20)]);
    });
}

#[test]
fn when_all_fail_the_error_tells_of_all() {
    under_virtual_time(|| {
        let addresses = [1, 2].map(|number| address(number, true));
        let connect = |address: SocketAddr| -> io::Result<()> {
            let kind = if address.port() == 1 { ErrorKind::TimedOut } else { ErrorKind::ConnectionRefused };
            Err(io::Error::new(kind, format!("port {}", address.port())))
        };
        for delay in [Some(ATTEMPT_DELAY), None] {
            let error = connect_first(&addresses, delay, &connect).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::ConnectionRefused, "port 1; port 2")
            );
        }
        let error = connect_first(&[], Some(ATTEMPT_DELAY), &connect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn without_a_delay_addresses_are_tried_one_after_the_other() {
    under_virtual_time(|| {
        let (starts, begun) = (Starts::default(), now());
        let addresses = [1, 2].map(|number| address(number, true));
        let connect = |address: SocketAddr| attempt(address, ms(5000), address.port() == 2, &starts, begun);
        assert_eq!(connect_first(&addresses, None, &connect).unwrap(), 2);
        assert_eq!(*starts.borrow(), [(1, 0), (2, 5000)]);
    });
}

#[test]
fn the_losers_are_cancelled_and_a_connection_that_came_too_late_is_closed() {
    struct Open<'a>(&'a Cell<i32>);
    impl Drop for Open<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    under_virtual_time(|| {
        let (open, finished) = (Cell::new(0), Cell::new(0));
        let addresses = [1, 2, 3].map(|number| address(number, true));
        let connect = |address: SocketAddr| {
            open.set(open.get() + 1);
            let connection = Open(&open);
            // The first two are done in the same tick, the third is far from it.
            sleep(ms([0, 600, 350, 10_000][usize::from(address.port())]));
            finished.set(finished.get() + 1);
            Ok(connection)
        };
        let won = connect_first(&addresses, Some(ATTEMPT_DELAY), &connect).unwrap();
        assert_eq!((open.get(), finished.get()), (1, 2));
        drop(won);
        assert_eq!(open.get(), 0);
    });
}

#[test]
fn a_race_that_is_cancelled_takes_its_attempts_along() {
    under_virtual_time(|| {
        let open = Rc::new(());
        let ours = Rc::clone(&open);
        let race = crate::spawn(move || {
            let addresses = [1, 2, 3].map(|number| address(number, true));
            let connect = |_| -> io::Result<()> {
                let _open = Rc::clone(&ours);
                sleep(ms(60_000));
                Ok(())
            };
            connect_first(&addresses, Some(ATTEMPT_DELAY), &connect)
        });
        sleep(ms(300));
        assert_eq!(Rc::strong_count(&open), 4);
        race.cancel();
        assert!(race.join().unwrap_err().is_cancelled());
        assert_eq!(Rc::strong_count(&open), 1);
    });
}
