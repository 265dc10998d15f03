//! Two scoped generators cannot trade places: the one of the inner scope would live on in the outer one.

use cede::{Yielder, scoped};

fn main() {
    scoped(
        |y: &Yielder<u32>| y.yield_(1),
        |mut outer| {
            let local = 2;
            scoped(|y: &Yielder<u32>| y.yield_(local), |mut inner| std::mem::swap(&mut outer, &mut inner));
            assert_eq!(outer.count(), 1);
        },
    );
}
