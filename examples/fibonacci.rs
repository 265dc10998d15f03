//! A generator is an iterator: the Fibonacci numbers, endless and lazy.

use cede::Generator;

fn fibonacci() -> Generator<u64> {
    Generator::new(|y| {
        let (mut a, mut b) = (0, 1);
        loop {
            y.yield_(a);
            (a, b) = (b, a + b);
        }
    })
}

fn main() {
    // Adaptors of std work as on any iterator. Dropping the rest ends the body at its yield.
    let first: Vec<u64> = fibonacci().take(10).collect();
    println!("the first ten: {first:?}");
    assert_eq!(first, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);

    // Two generators are two independent computations.
    let even_sum: u64 = fibonacci().filter(|n| n.is_multiple_of(2)).take_while(|&n| n < 4_000_000).sum();
    println!("the even ones below four million add up to {even_sum}");
    assert_eq!(even_sum, 4_613_732);

    // A reference iterates too, so that one generator can be read in portions.
    let numbers = fibonacci();
    let portions: Vec<u64> = (0..3).map(|_| (&numbers).take(4).sum()).collect();
    println!("summed in fours: {portions:?}");
    assert_eq!(portions, [4, 29, 199]);
}
