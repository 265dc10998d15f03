//! The port of `callbacks.py`: callbacks, soon and later, and promises that somebody keeps.

use std::error::Error;
use std::time::Duration;

use cede::task::{Awaitable, Promise, call_at, call_later};
use cede::time::now;
use cede::{call_soon, sleep, spawn, yield_now};

const TICK: Duration = Duration::from_millis(30);

type Word = Promise<&'static str>;

fn wait_for_word(name: &str, word: &Word) {
    match word.join_cloned() {
        Ok(word) => println!("{name} hears {word}"),
        Err(error) if error.is_cancelled() => println!("{name} hears nothing"),
        Err(error) => println!("{name} hears of an error: {error}"),
    }
}

fn calls() {
    call_soon(|| println!("soon, first"));
    call_soon(|| println!("soon, second"));
    println!("not yet");
    yield_now();
    println!("now they have been called");

    call_later(3 * TICK, || println!("three ticks later"));
    call_later(TICK, || println!("one tick later"));
    let regretted = call_later(2 * TICK, || println!("this is not printed"));
    call_at(now() + 4 * TICK, || println!("at the fourth tick"));
    regretted.cancel();
    if regretted.is_cancelled() {
        println!("one was taken back");
    }
    sleep(5 * TICK);
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    calls();

    let word = Word::new();
    word.on_done(|_| println!("the word is there"));
    let hearers = ["ann", "bob"].map(|name| {
        let word = word.clone();
        spawn(move || wait_for_word(name, &word))
    });
    let speaker = word.clone();
    call_later(TICK, move || speaker.set_result("peace").expect("it was not said before"));
    for hearer in hearers {
        hearer.join()?;
    }
    if word.set_result("war").is_err() {
        println!("it has been said already");
    }
    println!("once more: {}", word.join()?);

    let word = Word::new();
    word.set_error("no such word").expect("it was not said before");
    wait_for_word("eve", &word);

    let word = Word::new();
    let listened = word.clone();
    let hearer = spawn(move || wait_for_word("joe", &listened));
    sleep(TICK);
    word.cancel();
    hearer.join()?;
    Ok(())
}
