//! The port of `chain.py`: functions in a chain, each waiting for the one before; several chains at the same time.

use std::collections::HashMap;
use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use cede::{sleep, spawn, yield_now};

const TICK: Duration = Duration::from_millis(30);
static PRICES: LazyLock<HashMap<&str, u32>> =
    LazyLock::new(|| HashMap::from([("bolt", 3), ("nut", 2), ("gear", 40)]));

fn look_up(order: u32) -> &'static [&'static str] {
    sleep((2 + order) * TICK);
    let items = &["bolt", "nut", "gear"][..order as usize];
    println!("order {order}: {} items", items.len());
    items
}

fn add_up(order: u32, items: &[&str]) -> u32 {
    let mut total = 0;
    for item in items {
        sleep((6 - 2 * order) * TICK);
        total += PRICES[item];
    }
    println!("order {order}: costs {total}");
    total
}

fn bill(order: u32) -> String {
    let items = look_up(order);
    let total = add_up(order, items);
    format!("order {order}: {} for {total}", items.join(", "))
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let bills = [1, 2, 3].map(|order| spawn(move || bill(order)));
    yield_now();
    println!("all have begun");
    for task in bills {
        println!("{}", task.join()?);
    }
    println!("{}", bill(2));
    Ok(())
}
