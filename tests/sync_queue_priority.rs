//! Priority queues whose items are compared by code that panics, waits, yields, or uses the queue itself.

mod sync_shared;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use cede::sync::{GetNowaitError, PriorityQueue};
use cede::{Generator, Yielder, spawn, yield_now};
use sync_shared::trace::{panic_text, run, silent_panic};
use sync_shared::{on_two_threads, pass, task};

/// What a comparison does before it compares.
type Does = Rc<RefCell<Option<Box<dyn Fn()>>>>;

/// Compared by its number, after something else was done.
struct Item {
    number: u32,
    does: Does,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(does) = &*self.does.borrow() {
            does();
        }
        self.number.cmp(&other.number)
    }
}

#[derive(Default)]
struct Shared {
    queue: PriorityQueue<Item>,
    does: Does,
}

impl Shared {
    fn with(numbers: impl IntoIterator<Item = u32>) -> Rc<Self> {
        let shared = Rc::<Self>::default();
        numbers.into_iter().for_each(|number| shared.put(number));
        shared
    }

    fn put(&self, number: u32) {
        let item = Item { number, does: Rc::clone(&self.does) };
        assert!(self.queue.put_nowait(item).is_ok());
    }

    fn does(&self, f: impl Fn() + 'static) {
        *self.does.borrow_mut() = Some(Box::new(f));
    }

    fn does_nothing(&self) {
        self.does.borrow_mut().take();
    }

    /// Takes all out, in order of their numbers.
    fn sorted(&self) -> Vec<u32> {
        let mut all: Vec<_> =
            std::iter::from_fn(|| self.queue.get_nowait().ok()).map(|item| item.number).collect();
        all.sort_unstable();
        all
    }
}

#[test]
fn an_item_whose_comparison_panics_is_in_the_queue_and_wakes_a_getter() {
    run(|| {
        let shared = Shared::with([2]);
        let first = task(&shared, |shared| shared.queue.get().map(|item| item.number));
        yield_now();
        assert_eq!(first.join().unwrap(), Ok(2));
        let waits = task(&shared, |shared| {
            let item = shared.queue.get().map(|item| item.number);
            (item, shared.queue.get().map(|item| item.number))
        });
        yield_now();
        shared.put(5);
        shared.does(|| silent_panic("while it compares"));
        assert_eq!(panic_text(|| shared.put(3)), "while it compares");
        shared.does_nothing();
        assert_eq!(shared.queue.len(), 2);
        let (one, other) = waits.join().unwrap();
        let mut both = [one.unwrap(), other.unwrap()];
        both.sort_unstable();
        assert_eq!(both, [3, 5]);
        // All three count.
        (0..3).for_each(|_| shared.queue.task_done().unwrap());
        assert!(shared.queue.task_done().is_err());
    });
}

#[test]
fn an_item_is_not_taken_when_a_comparison_panics_and_the_next_getter_is_woken() {
    run(|| {
        let shared = Shared::with([]);
        let getters = [(); 2].map(|()| task(&shared, |shared| shared.queue.get().map(|item| item.number)));
        yield_now();
        [3, 1, 2].into_iter().for_each(|number| shared.put(number));
        let times = Cell::new(1);
        shared.does(move || {
            if times.replace(0) == 1 {
                silent_panic("while it compares")
            }
        });
        assert!(getters[0].join().unwrap_err().is_panic());
        assert!(getters[1].join().unwrap().is_ok());
        assert_eq!((shared.queue.len(), shared.sorted().len()), (2, 2));
    });
}

#[test]
fn nothing_is_lost_at_whichever_comparison_it_panics() {
    for enough in 0..6 {
        for puts in [true, false] {
            let shared = Shared::with([5, 3, 8, 1, 9, 7, 2]);
            let left = Cell::new(enough);
            shared.does(move || match left.get() {
                0 => silent_panic("enough"),
                more => left.set(more - 1),
            });
            let used = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match puts {
                true => shared.put(0),
                false => drop(shared.queue.get_nowait()),
            }));
            shared.does_nothing();
            let expected = match (puts, &used) {
                (true, _) => 8,
                (false, Ok(())) => 6,
                (false, Err(_)) => 7,
            };
            assert_eq!(shared.queue.len(), expected, "{enough} comparisons");
            assert_eq!(shared.sorted().len(), expected);
            assert!(matches!(shared.queue.get_nowait(), Err(GetNowaitError::Empty)));
        }
    }
}

#[test]
fn a_comparison_that_uses_its_own_queue_panics_and_says_why() {
    let shared = Shared::with([1]);
    let uses: [fn(&PriorityQueue<Item>); 4] = [
        |queue| drop(queue.get_nowait()),
        |queue| drop(queue.put_nowait(Item { number: 0, does: Does::default() })),
        |queue| queue.shutdown(true),
        |queue| drop(queue.get()),
    ];
    for (number, uses) in uses.into_iter().enumerate() {
        let inner = Rc::clone(&shared);
        shared.does(move || uses(&inner.queue));
        let text = panic_text(|| shared.put(2));
        assert!(
            text.contains(
                "an Ord must not touch the queue that it orders (made at tests/sync_queue_priority.rs"
            ),
            "{text}"
        );
        shared.does_nothing();
        assert_eq!(shared.queue.len(), number + 2);
    }
    // What looks at no item is fine.
    let inner = Rc::clone(&shared);
    shared.does(move || assert!(inner.queue.len() >= 5 && !inner.queue.is_full()));
    shared.put(0);
    shared.does_nothing();
    assert_eq!(shared.sorted(), [0, 1, 2, 2, 2, 2]);
}

#[test]
fn a_comparison_may_use_another_queue() {
    let (shared, other) = (Shared::with([2, 1]), Rc::new(PriorityQueue::unbounded()));
    let log = Rc::clone(&other);
    shared.does(move || log.put_nowait(log.len()).unwrap());
    shared.put(0);
    assert!(!other.is_empty());
    shared.does_nothing();
}

#[test]
fn a_comparison_that_waits_panics_and_the_queue_can_be_used() {
    run(|| {
        let shared = Shared::with([2]);
        shared.does(yield_now);
        let text = panic_text(|| shared.put(1));
        assert!(text.contains("inside no_switch"), "{text}");
        shared.does_nothing();
        assert_eq!(shared.sorted(), [1, 2]);
    });
}

/// Yields when it is compared.
struct Yields<'a>(u32, &'a Yielder<u32>);

impl PartialEq for Yields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Yields<'_> {}

impl PartialOrd for Yields<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Yields<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.1.yield_(7);
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_comparison_that_yields_panics_and_the_queue_can_be_used() {
    let mut generator = Generator::new(|y| {
        let queue = PriorityQueue::unbounded();
        assert!(queue.put_nowait(Yields(2, y)).is_ok());
        let text = panic_text(|| queue.put_nowait(Yields(1, y)).is_ok());
        assert!(text.contains("no_switch"), "{text}");
        assert_eq!(queue.len(), 2);
        queue.shutdown(true);
    });
    assert_eq!(generator.next(), None);
}

/// Uses the queue when it is dropped.
struct UsesInDrop(u32, Rc<PriorityQueue<Self>>);

impl PartialEq for UsesInDrop {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for UsesInDrop {}

impl PartialOrd for UsesInDrop {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UsesInDrop {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl Drop for UsesInDrop {
    fn drop(&mut self) {
        // Neither the heap nor the state is held.
        self.1.shutdown(false);
        assert!(self.1.is_empty());
    }
}

#[test]
fn items_are_dropped_outside_of_all_locks() {
    let queue = Rc::new(PriorityQueue::unbounded());
    (0..3).for_each(|i| drop(queue.put_nowait(UsesInDrop(i, Rc::clone(&queue)))));
    queue.shutdown(true);
    assert_eq!(queue.len(), 0);
    drop(queue.put_nowait(UsesInDrop(3, Rc::clone(&queue))));
    assert_eq!(Rc::strong_count(&queue), 1);
}

#[test]
fn two_runs_on_two_threads_lose_and_double_nothing() {
    let sums = on_two_threads(PriorityQueue::bounded(3), |queue, number| {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(queue);
                spawn(move || match number {
                    0 => {
                        (1..=300).for_each(|item| assert!(queue.put(item).is_ok()));
                        0
                    }
                    _ => (0..300).map(|_| queue.get().unwrap()).sum::<u32>(),
                })
            })
            .collect();
        pass(3);
        tasks.iter().map(|task| task.join().unwrap()).sum::<u32>()
    });
    assert_eq!(sums, [0, 300 * 301]);
}
