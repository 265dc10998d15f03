//! Yielding from any depth: a recursive walk of a binary tree needs one generator, not one for each node.

use std::rc::Rc;

use cede::{Generator, Yielder};

type Tree = Option<Rc<Node>>;

struct Node {
    left: Tree,
    value: u32,
    right: Tree,
}

/// A plain recursive function that yields to whoever drives the generator it runs in.
fn in_order(tree: &Tree, y: &Yielder<u32>) {
    if let Some(node) = tree {
        in_order(&node.left, y);
        y.yield_(node.value);
        in_order(&node.right, y);
    }
}

fn values(tree: &Tree) -> Generator<u32> {
    let tree = tree.clone();
    Generator::new(move |y| in_order(&tree, y))
}

/// The search tree of `low..high`, as flat as it can be.
fn balanced(low: u32, high: u32) -> Tree {
    let middle = low.midpoint(high);
    (low < high).then(|| {
        Rc::new(Node { left: balanced(low, middle), value: middle, right: balanced(middle + 1, high) })
    })
}

/// The same values, one below the other.
fn chain(low: u32, high: u32) -> Tree {
    (low < high).then(|| Rc::new(Node { left: None, value: low, right: chain(low + 1, high) }))
}

fn main() {
    // Trees of different shapes with the same fringe: both walks go in step and stop where they differ.
    let (flat, deep) = (balanced(0, 500), chain(0, 500));
    assert!(values(&flat).eq(values(&deep)));

    let longer = chain(0, 501);
    let in_common = values(&flat).zip(values(&longer)).filter(|(one, other)| one == other).count();
    println!("{in_common} values in common, and {:?} after them", values(&longer).nth(in_common));
    assert_eq!((in_common, values(&longer).nth(in_common)), (500, Some(500)));
}
