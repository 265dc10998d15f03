//! Tests of lists of waiters, with callbacks in the place of tasks.

use super::super::scheduler::Scheduler;
use super::*;

/// A list with as many waiters as there are numbers, each with a node of its own.
struct Waits {
    list: List,
    nodes: Vec<Pin<Box<Node>>>,
}

impl Waits {
    fn of(count: usize) -> Self {
        let list = List::new();
        let nodes: Vec<_> = (0..count).map(|_| Box::pin(Node::default())).collect();
        nodes.iter().for_each(|node| list.append(node, Target::Nobody));
        Waits { list, nodes }
    }

    fn states(&self) -> Vec<State> {
        self.nodes.iter().map(|node| self.list.state(node)).collect()
    }

    fn remove_all(&self) {
        self.nodes.iter().for_each(|node| {
            self.list.remove(node);
        });
    }
}

use State::{Cancelled, Completed, Idle, Waiting};

#[test]
fn waiters_are_completed_in_the_order_in_which_they_came() {
    let waits = Waits::of(3);
    assert!(waits.list.complete_first());
    assert_eq!(waits.states(), [Completed, Waiting, Waiting]);
    assert!(waits.list.pop_first());
    assert_eq!(waits.states(), [Completed, Completed, Waiting]);
    assert!(waits.list.pop_first() && !waits.list.pop_first() && !waits.list.complete_first());
    assert!(!waits.list.is_empty(), "the first has stayed");
    waits.remove_all();
    assert!(waits.list.is_empty());
    assert_eq!(waits.states(), [Idle; 3]);
}

#[test]
fn a_cancelled_waiter_keeps_its_place_and_is_passed_by() {
    let waits = Waits::of(3);
    assert!(waits.list.cancel(&waits.nodes[0]) && !waits.list.cancel(&waits.nodes[0]));
    assert!(!waits.list.complete_head(), "it is at the head");
    assert!(waits.list.complete_first());
    assert_eq!(waits.states(), [Cancelled, Completed, Waiting]);
    assert!(!waits.list.cancel(&waits.nodes[1]), "too late");
    assert_eq!((waits.list.count_waiting(), waits.list.all_cancelled()), (1, false));
    assert_eq!(waits.list.remove(&waits.nodes[0]), Cancelled);
    assert_eq!(waits.list.remove(&waits.nodes[1]), Completed);
    assert!(waits.list.complete_head());
    waits.remove_all();
    assert!(waits.list.all_cancelled());
}

#[test]
fn a_node_that_leaves_takes_itself_out_wherever_it_stands() {
    for gone in 0..3 {
        for done in 0..3 {
            let waits = Waits::of(3);
            (0..done).for_each(|_| assert!(waits.list.complete_first()));
            waits.list.remove(&waits.nodes[gone]);
            let left = 3 - done - usize::from(gone >= done);
            assert_eq!(waits.list.count_waiting(), left);
            assert_eq!(std::iter::from_fn(|| waits.list.pop_first().then_some(())).count(), left);
            waits.list.append(&waits.nodes[gone], Target::Nobody);
            assert!(waits.list.has_waiting(), "one that comes later is found");
            waits.remove_all();
            assert!(waits.list.is_empty() && waits.list.all_cancelled());
        }
    }
}

#[test]
fn a_callback_is_owned_by_the_list_until_it_is_taken_out() {
    let scheduler = Scheduler::for_test();
    let alive = Rc::new(());
    let callback = || {
        let alive = Rc::clone(&alive);
        Callback::new(&scheduler, Box::new(move || drop(alive)))
    };
    let (list, other) = (List::new(), List::new());
    let [first, second] = [callback(), callback()];
    list.link_callback(Rc::clone(&first));
    list.link_callback(Rc::clone(&second));
    list.link_callback(callback());
    assert!(
        !other.remove_callback(&second) && list.remove_callback(&second) && !list.remove_callback(&second)
    );
    drop((first, second));
    assert_eq!(Rc::strong_count(&alive), 3);
    assert!(list.pop_first(), "it is in the run queue now");
    assert_eq!(Rc::strong_count(&alive), 3);
    drop(list);
    assert_eq!(Rc::strong_count(&alive), 2);
    drop(scheduler);
    assert_eq!(Rc::strong_count(&alive), 1);
}
