//! Python's protocol: an account takes deposits by send, an audit by throw, and is settled by close.

use cede::{Generator, SendError, Step, Thrown, Yielder};

/// Thrown in: the balance is confirmed, and deposits go on.
#[derive(Debug, thiserror::Error)]
#[error("audit")]
struct Audit;

/// Yields the balance after each deposit. Returns the number of audits when it is closed.
fn account(opening: i64) -> Generator<i64, i64, u32> {
    Generator::new(move |y: &Yielder<i64, i64>| {
        let (mut balance, mut audits) = (opening, 0);
        loop {
            match y.try_yield(balance) {
                Ok(deposit) => balance += deposit,
                Err(Thrown::Exit) => return audits,
                Err(thrown) if thrown.is::<Audit>() => audits += 1,
                Err(other) => other.rethrow(),
            }
        }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let savings = account(100);

    // Nothing waits for a value yet: the deposit comes back, and the account stays usable.
    let Err(SendError::JustStarted(returned)) = savings.send(50) else { panic!("nobody could take it") };
    println!("not started, {returned} returned");

    println!("opened with {:?}", savings.start()?);
    assert!(matches!(savings.send(returned)?, Step::Yielded(150)));
    assert!(matches!(savings.throw(Audit)?, Step::Yielded(150)));
    assert!(matches!(savings.send(-30)?, Step::Yielded(120)));

    let audits = savings.close()?;
    println!("closed after {audits:?} audits");
    assert_eq!(audits, Some(1));

    // What the body doesn't know goes through it, back to whoever threw it, and ends the generator.
    let other = account(0);
    other.start()?;
    let Err(SendError::Raised(error)) = other.throw(std::fmt::Error) else { panic!("it passes through") };
    println!("an account without a handler for it raised: {error}");
    assert!(error.is::<std::fmt::Error>());
    assert!(matches!(other.send(1), Err(SendError::Finished(1))));
    Ok(())
}
