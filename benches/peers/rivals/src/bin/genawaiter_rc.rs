//! genawaiter's generators on the heap (`genawaiter::rc`): state machines that the compiler makes of `async` blocks.

use std::hint::black_box;

use genawaiter::rc::Gen;
use peers::{Peer, sum_below, timed, unsupported};

fn values(values: u64) {
    let generator = Gen::new(|co| async move {
        for value in 0..black_box(values) {
            co.yield_(value).await;
        }
    });
    let mut sum = 0u64;
    for value in generator {
        sum = sum.wrapping_add(black_box(value));
    }
    assert_eq!(sum, sum_below(values));
}

fn generators(generators: u64) {
    for _ in 0..generators {
        let three = Gen::new(|co| async move {
            for value in 0..3u64 {
                co.yield_(value).await;
            }
        });
        assert_eq!(three.into_iter().map(black_box).sum::<u64>(), 3);
    }
}

fn main() {
    let peer = Peer::from_command_line("genawaiter-rc");
    let count = peer.number(0);
    match peer.workload() {
        "gen" => peer.report(count, timed(|| values(count)).1),
        "gennew" => peer.report(count, timed(|| generators(count)).1),
        _ => unsupported(),
    }
}
