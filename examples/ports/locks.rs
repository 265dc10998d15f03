//! The port of `locks.py`: who waits, who goes first, and who is let in.

use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

use cede::sync::{BoundedSemaphore, Event, Lock, Semaphore};
use cede::{scope, sleep};

const TICK: Duration = Duration::from_millis(25);

struct Account {
    lock: Lock,
    balance: Cell<u32>,
}

fn withdraw(name: &str, account: &Account, amount: u32) {
    let _held = account.lock.acquire();
    let balance = account.balance.get();
    sleep(2 * TICK);
    if balance < amount {
        println!("{name} gets nothing, {balance} are left");
        return;
    }
    account.balance.set(balance - amount);
    println!("{name} gets {amount}");
}

fn download(name: &str, slots: &Semaphore, ticks: u32) {
    if slots.is_locked() {
        println!("{name} waits");
    }
    let _slot = slots.acquire();
    println!("{name} begins");
    sleep(ticks * TICK);
    println!("{name} is done");
}

fn runner(name: &str, start: &Event) {
    start.wait();
    println!("{name} runs");
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let account = &Account { lock: Lock::new(), balance: Cell::new(100) };
    scope(|group| {
        for (name, amount) in [("ann", 60), ("bob", 50), ("eve", 40)] {
            group.spawn(move || withdraw(name, account, amount));
        }
    })?;
    println!("balance: {}", account.balance.get());

    let slots = &Semaphore::new(2);
    scope(|group| {
        for (name, ticks) in [("a.iso", 2), ("b.iso", 5), ("c.iso", 6), ("d.iso", 1)] {
            group.spawn(move || download(name, slots, ticks));
        }
    })?;

    let tokens = BoundedSemaphore::new(1);
    tokens.acquire().forget();
    tokens.release()?;
    if tokens.release().is_err() {
        println!("there is no more than one token");
    }

    let start = &Event::new();
    scope(|group| {
        for name in ["first", "second", "third"] {
            group.spawn(move || runner(name, start));
        }
        sleep(TICK);
        println!("go");
        start.set();
    })?;
    Ok(())
}
