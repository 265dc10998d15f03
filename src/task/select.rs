//! Waiting for whichever operation is complete first.
//!
//! All operations are tried in order, then registered, and the task parks once. The first that is complete when it runs again
//! wins; the others are withdrawn, and have had no effect. Nothing is spawned.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;

use crate::runtime::Waiter;
use crate::runtime::operation::{Operation, sealed};

/// Which operation of a [`race`] was first, with what it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the first to the eighth")]
pub enum First<
    A,
    B,
    C = Infallible,
    D = Infallible,
    E = Infallible,
    F = Infallible,
    G = Infallible,
    H = Infallible,
> {
    A(A),
    B(B),
    C(C),
    D(D),
    E(E),
    F(F),
    G(G),
    H(H),
}

/// Two to eight operations of which the first is wanted.
#[derive(Debug)]
pub struct Race<O>(O);

/// The operation that is complete when one of these is: two to eight operations, in a tuple. Where several are, the
/// first of them in order wins.
///
/// # Examples
///
/// ```
/// use cede::{Operation, sync::Queue, task::{First, race}, time::after};
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let queue = Queue::<u32>::unbounded();
///     let first = race((queue.getting(), after(Duration::from_secs(1)))).wait();
///     assert_eq!(first, First::B(()));
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
pub fn race<O>(operations: O) -> Race<O>
where
    Race<O>: Operation,
{
    Race(operations)
}

macro_rules! races {
    ($($Op:ident $index:tt $Variant:ident),+ ; $($Never:ident),*) => {
        impl<$($Op: Operation),+> sealed::Sealed for Race<($($Op,)+)> {}

        impl<$($Op: Operation),+> Operation for Race<($($Op,)+)> {
            type Output = First<$($Op::Output,)+ $($Never),*>;

            fn attempt(mut self: Pin<&mut Self>) -> Option<Self::Output> {
                $(
                    // SAFETY: a projection to a field that is pinned with the whole.
                    let operation = unsafe { self.as_mut().map_unchecked_mut(|race| &mut race.0.$index) };
                    if let Some(output) = operation.attempt() {
                        return Some(First::$Variant(output));
                    }
                )+
                None
            }

            fn register(mut self: Pin<&mut Self>, waiter: Waiter) {
                // SAFETY: as above.
                $( unsafe { self.as_mut().map_unchecked_mut(|race| &mut race.0.$index) }.register(waiter); )+
            }

            fn withdraw(mut self: Pin<&mut Self>) {
                // SAFETY: as above.
                $( unsafe { self.as_mut().map_unchecked_mut(|race| &mut race.0.$index) }.withdraw(); )+
            }

            fn is_local(&self) -> bool {
                $( self.0.$index.is_local() && )+ true
            }

            fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("waits for the first: ")?;
                $(
                    if $index > 0 {
                        f.write_str(", ")?;
                    }
                    self.0.$index.describe(f)?;
                )+
                Ok(())
            }
        }
    };
}

races!(O1 0 A, O2 1 B; Infallible, Infallible, Infallible, Infallible, Infallible, Infallible);
races!(O1 0 A, O2 1 B, O3 2 C; Infallible, Infallible, Infallible, Infallible, Infallible);
races!(O1 0 A, O2 1 B, O3 2 C, O4 3 D; Infallible, Infallible, Infallible, Infallible);
races!(O1 0 A, O2 1 B, O3 2 C, O4 3 D, O5 4 E; Infallible, Infallible, Infallible);
races!(O1 0 A, O2 1 B, O3 2 C, O4 3 D, O5 4 E, O6 5 F; Infallible, Infallible);
races!(O1 0 A, O2 1 B, O3 2 C, O4 3 D, O5 4 E, O6 5 F, O7 6 G; Infallible);
races!(O1 0 A, O2 1 B, O3 2 C, O4 3 D, O5 4 E, O6 5 F, O7 6 G, O8 7 H;);

/// Waits for whichever operation is complete first, and goes on with its arm. Two to eight arms, `pattern = operation =>
/// expression`; patterns are irrefutable. Where several are complete the first of them in order wins; the
/// others have had no effect.
///
/// # Examples
///
/// ```
/// use cede::{sync::Queue, time::after};
/// use std::time::Duration;
///
/// let runner = cede::Runner::builder().virtual_time(true).build();
/// runner.run(|| {
///     let jobs = Queue::unbounded();
///     jobs.put(3).unwrap();
///     loop {
///         cede::select! {
///             job = jobs.getting() => assert_eq!(job, Ok(3)),
///             _ = after(Duration::from_secs(30)) => break,
///         }
///     }
/// })?;
/// # Ok::<_, cede::RunError>(())
/// ```
#[macro_export]
macro_rules! select {
    (@arms [$($done:tt)*] [$Variant:ident $($rest:ident)*] $pattern:pat = $operation:expr => $body:block , $($more:tt)*) => {
        $crate::select!(@arms [$($done)* { $Variant ($pattern) ($operation) ($body) }] [$($rest)*] $($more)*)
    };
    (@arms [$($done:tt)*] [$Variant:ident $($rest:ident)*] $pattern:pat = $operation:expr => $body:block $($more:tt)*) => {
        $crate::select!(@arms [$($done)* { $Variant ($pattern) ($operation) ($body) }] [$($rest)*] $($more)*)
    };
    (@arms [$($done:tt)*] [$Variant:ident $($rest:ident)*] $pattern:pat = $operation:expr => $body:expr, $($more:tt)*) => {
        $crate::select!(@arms [$($done)* { $Variant ($pattern) ($operation) ($body) }] [$($rest)*] $($more)*)
    };
    (@arms [$($done:tt)*] [$Variant:ident $($rest:ident)*] $pattern:pat = $operation:expr => $body:expr) => {
        $crate::select!(@arms [$($done)* { $Variant ($pattern) ($operation) ($body) }] [$($rest)*])
    };
    (@arms [$({ $Variant:ident ($pattern:pat) ($operation:expr) ($body:expr) })+] [$($rest:ident)*]) => {
        match $crate::Operation::wait($crate::task::race(($($operation,)+))) {
            $( $crate::task::First::$Variant($pattern) => $body, )+
            $( $crate::task::First::$rest(never) => match never {}, )*
        }
    };
    ($pattern:pat = $($arms:tt)+) => {
        $crate::select!(@arms [] [A B C D E F G H] $pattern = $($arms)+)
    };
}
