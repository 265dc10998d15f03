//! What a generator costs beside its rivals: `cargo bench --bench generator`.
//!
//! Every figure that criterion prints is for one unit, because each routine times a whole batch of units itself and criterion
//! divides by their number:
//!
//! | group | unit |
//! |---|---|
//! | `generator_next` | one value produced by a warm generator and consumed |
//! | `generator_lifecycle` | a generator created, asked for its three values, run to its end and dropped |
//! | `generator_abandoned` | an endless generator created, asked for three values and dropped |
//! | `generator_delegate` | one value that reaches the consumer through so many levels of `yield_from` |
//!
//! All consumers add up what they get, so that no form can leave out work that another does. The rivals are used as their
//! authors mean them to be used; `corosensei_reused` hands one stack on from coroutine to coroutine, as a pool would, and
//! `iterator` is a hand-written `Iterator` that the compiler may inline: what a value costs when nothing is suspended.
//!
//! Corosensei is measured without its feature `unwind`, as cede uses it: with the feature each of its switches costs more, and
//! cede's with them. An abandoned coroutine is therefore unwound by hand, in the way in which the feature does it.

use std::hint::black_box;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use cede::{Generator, Yielder};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

/// The stack of the rivals that leave its size to the user.
const STACK_SIZE: usize = 64 * 1024;

/// Measures `batch`, which does its unit of work as often as it is told to.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, mut batch: impl FnMut(u64)) {
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|units| {
            let begin = Instant::now();
            batch(units);
            begin.elapsed()
        });
    });
}

/// Takes so many values and adds them up.
fn consume(units: u64, mut next: impl FnMut() -> Option<u64>) {
    let mut sum = 0u64;
    for _ in 0..units {
        sum = sum.wrapping_add(black_box(next().expect("an endless generator ended")));
    }
    black_box(sum);
}

/// The body that every generator of values has: it counts.
fn count(y: &Yielder<u64>) {
    for value in 0.. {
        y.yield_(value);
    }
}

/// The same as a hand-written iterator.
struct Count(u64);

impl Iterator for Count {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 += 1;
        Some(self.0)
    }
}

fn next(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generator_next");

    let mut generator = Generator::new(count);
    measure(&mut group, "cede", |units| consume(units, || generator.next()));

    let mut coroutine: Coroutine<(), u64, ()> = Coroutine::new(|yielder, ()| {
        for value in 0.. {
            yielder.suspend(value);
        }
    });
    measure(&mut group, "corosensei", |units| consume(units, || coroutine.resume(()).as_yield()));
    // Without its feature `unwind` a suspended coroutine can't be dropped.
    mem::forget(coroutine);

    let mut generator_rs = generator::Gn::<()>::new_scoped(|mut scope| {
        for value in 0u64.. {
            scope.yield_(value);
        }
        generator::done!();
    });
    measure(&mut group, "generator-rs", |units| consume(units, || generator_rs.resume()));

    let genawaiter = genawaiter::rc::Gen::new(|co| async move {
        for value in 0u64.. {
            co.yield_(value).await;
        }
    });
    let mut genawaiter = genawaiter.into_iter();
    measure(&mut group, "genawaiter", |units| consume(units, || genawaiter.next()));

    let mut iterator = Count(0);
    measure(&mut group, "iterator", |units| consume(units, || iterator.next()));
    group.finish();
}

/// A coroutine of three values on `stack`, run to its end; the stack comes back.
fn corosensei_lifecycle(stack: DefaultStack) -> DefaultStack {
    let mut coroutine: Coroutine<(), u64, (), DefaultStack> = Coroutine::with_stack(stack, |yielder, ()| {
        for value in 0..3 {
            yielder.suspend(value);
        }
    });
    consume(3, || coroutine.resume(()).as_yield());
    assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
    coroutine.into_stack()
}

fn lifecycle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generator_lifecycle");

    measure(&mut group, "cede", |units| {
        for _ in 0..units {
            let mut generator = Generator::new(|y: &Yielder<u64>| {
                for value in 0..3 {
                    y.yield_(value);
                }
            });
            consume(3, || generator.next());
            assert!(generator.next().is_none());
        }
    });

    measure(&mut group, "corosensei_fresh", |units| {
        for _ in 0..units {
            corosensei_lifecycle(DefaultStack::new(STACK_SIZE).expect("a stack"));
        }
    });

    let mut spare = Some(DefaultStack::new(STACK_SIZE).expect("a stack"));
    measure(&mut group, "corosensei_reused", |units| {
        for _ in 0..units {
            spare = spare.take().map(corosensei_lifecycle);
        }
    });

    measure(&mut group, "generator-rs", |units| {
        for _ in 0..units {
            let mut generator = generator::Gn::<()>::new_scoped(|mut scope| {
                for value in 0..3u64 {
                    scope.yield_(value);
                }
                generator::done!();
            });
            consume(3, || generator.resume());
            assert!(generator.resume().is_none());
        }
    });
    group.finish();
}

/// An endless coroutine on `stack`, unwound after three values; the stack comes back.
fn corosensei_abandoned(stack: DefaultStack) -> DefaultStack {
    let mut coroutine: Coroutine<bool, u64, (), DefaultStack> = Coroutine::with_stack(stack, |yielder, _| {
        let body = || {
            for value in 0.. {
                if yielder.suspend(value) {
                    resume_unwind(Box::new(()));
                }
            }
        };
        assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
    });
    consume(3, || coroutine.resume(false).as_yield());
    assert!(matches!(coroutine.resume(true), CoroutineResult::Return(())));
    coroutine.into_stack()
}

fn abandoned(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generator_abandoned");

    measure(&mut group, "cede_yield", |units| {
        for _ in 0..units {
            let mut generator = Generator::new(count);
            consume(3, || generator.next());
        }
    });

    measure(&mut group, "cede_try_yield", |units| {
        for _ in 0..units {
            let mut generator = Generator::new(|y: &Yielder<u64>| {
                for value in 0.. {
                    if y.try_yield(value).is_err() {
                        return;
                    }
                }
            });
            consume(3, || generator.next());
        }
    });

    let mut spare = Some(DefaultStack::new(STACK_SIZE).expect("a stack"));
    measure(&mut group, "corosensei_reused", |units| {
        for _ in 0..units {
            spare = spare.take().map(corosensei_abandoned);
        }
    });

    measure(&mut group, "generator-rs", |units| {
        for _ in 0..units {
            let mut generator = generator::Gn::<()>::new_scoped(|mut scope| {
                for value in 0u64.. {
                    scope.yield_(value);
                }
                generator::done!();
            });
            consume(3, || generator.resume());
        }
    });
    group.finish();
}

/// A generator that passes the values of one which counts through `depth` levels of delegation.
fn delegating(depth: u32) -> Generator<u64> {
    match depth {
        0 => Generator::new(count),
        _ => Generator::new(move |y| y.yield_from(delegating(depth - 1))),
    }
}

fn delegate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generator_delegate");
    for depth in [1, 10, 1000] {
        let mut generator = delegating(depth);
        generator.next();
        measure(&mut group, &format!("depth_{depth}"), |units| consume(units, || generator.next()));
    }
    group.finish();
}

/// Short samples: the figures are stable to a few per cent, and the whole file takes well under two minutes.
fn config() -> Criterion {
    Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500))
        .nresamples(10_000)
}

criterion_group! {
    name = generator;
    config = config();
    targets = next, lifecycle, abandoned, delegate
}
criterion_main!(generator);
