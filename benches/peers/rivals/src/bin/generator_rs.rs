//! generator-rs: stackful generators that hand on values as an `Iterator`.

use std::hint::black_box;

use generator::{Gn, done};
use peers::{Peer, sum_below, timed, unsupported};

fn values(values: u64) {
    let generator = Gn::<()>::new_scoped(move |mut scope| {
        for value in 0..black_box(values) {
            scope.yield_(value);
        }
        done!();
    });
    let mut sum = 0u64;
    for value in generator {
        sum = sum.wrapping_add(black_box(value));
    }
    assert_eq!(sum, sum_below(values));
}

fn generators(generators: u64) {
    for _ in 0..generators {
        let three = Gn::<()>::new_scoped(move |mut scope| {
            for value in 0..3u64 {
                scope.yield_(value);
            }
            done!();
        });
        assert_eq!(three.into_iter().map(black_box).sum::<u64>(), 3);
    }
}

fn main() {
    let peer = Peer::from_command_line("generator-rs");
    let count = peer.number(0);
    match peer.workload() {
        "gen" => peer.report(count, timed(|| values(count)).1),
        "gennew" => peer.report(count, timed(|| generators(count)).1),
        _ => unsupported(),
    }
}
