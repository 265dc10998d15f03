//! Tests of the pool's private machine. Each runs on a thread of its own, whose pool nobody else uses.

use super::*;
use crate::stack::{arena, child, directory};

const SIZE: usize = 64 << 10;

/// Runs on a new thread, which has ended when this returns.
fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

fn give_back(slots: impl IntoIterator<Item = Slot>) {
    for slot in slots {
        // SAFETY: the tests use slots only before they release them.
        unsafe { release(slot) };
    }
}

/// Makes the top page of the slot resident, as a coroutine does.
fn touch(slot: &Slot) {
    // SAFETY: the byte belongs to the slot.
    unsafe { (slot.colored_top() as *mut u8).sub(1).write_volatile(1) };
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * size::page_size()
}

#[test]
fn the_slot_that_was_released_last_is_acquired_first() {
    on_a_thread(|| {
        let (a, b) = (acquire(SIZE).unwrap(), acquire(SIZE).unwrap());
        assert!(a.is_fresh() && b.is_fresh());
        let (a_top, b_top) = (a.top(), b.top());
        assert_ne!(a_top, b_top);
        give_back([a, b]);
        let again = [acquire(SIZE).unwrap(), acquire(SIZE).unwrap()];
        assert_eq!(again.each_ref().map(Slot::top), [b_top, a_top]);
        assert!(!again[0].is_fresh() && !again[1].is_fresh());
        give_back(again);
    });
}

#[test]
fn sizes_do_not_mix() {
    on_a_thread(|| {
        give_back([acquire(SIZE).unwrap()]);
        let other = acquire(4 * SIZE).unwrap();
        assert_eq!((other.size(), other.is_fresh()), (4 * SIZE, true));
        let default = acquire_default().unwrap();
        assert_eq!(default.size(), crate::stack::DEFAULT_SIZE);
        give_back([other, default]);
    });
}

#[test]
fn a_thread_with_one_stack_reserves_little_and_arenas_grow() {
    on_a_thread(|| {
        let first = acquire(SIZE).unwrap();
        assert_eq!(stats().reserved_bytes, ARENA_BYTES_MIN);
        let more: Vec<_> = (0..10_000).map(|_| acquire(SIZE).unwrap()).collect();
        let limit = if guard::kind() == Guard::Install { 8 } else { 64 };
        with_pool(|pool| {
            let store = pool.classes[size::class_of(SIZE).unwrap()].store.borrow();
            assert!(store.as_ref().unwrap().arenas.len() <= limit);
        });
        give_back(more.into_iter().chain([first]));
    });
}

#[test]
fn the_counts_follow_the_slots() {
    on_a_thread(|| {
        assert_eq!(stats(), Stats::default());
        let mut slots: Vec<_> = (0..10).map(|_| acquire(SIZE).unwrap()).collect();
        give_back(slots.drain(..4));
        let counts = stats();
        assert_eq!((counts.in_use, counts.high_water, counts.pooled, counts.trimmed), (6, 10, 4, 0));
        give_back(slots);
        let counts = stats();
        assert_eq!((counts.in_use, counts.high_water, counts.pooled), (0, 10, 10));
    });
}

#[test]
fn many_slots_freed_at_once_are_given_back_and_remain_usable() {
    const COUNT: usize = 12_000;
    on_a_thread(|| {
        let slots: Vec<_> = (0..COUNT).map(|_| acquire(SIZE).unwrap()).collect();
        slots.iter().for_each(touch);
        give_back(slots);
        let counts = stats();
        assert_eq!(counts.pooled, COUNT);
        assert!(counts.trimmed >= COUNT - 1_024, "{counts:?}");

        let again: Vec<_> = (0..COUNT).map(|_| acquire(SIZE).unwrap()).collect();
        assert_eq!(stats().high_water, COUNT, "no slot was carved while free ones were left");
        let resident = again.iter().filter(|slot| crate::stack::touched(slot) > 0).count();
        assert!(resident <= 1_024, "{resident} slots kept their pages");
        again.iter().for_each(touch);
        give_back(again);
        // The second round has taught the pool to keep that many.
        assert_eq!(stats().trimmed, 0);
    });
}

#[test]
fn slots_that_lie_idle_are_given_back() {
    on_a_thread(|| {
        for _ in 0..2 {
            let slots: Vec<_> = (0..8_000).map(|_| acquire(SIZE).unwrap()).collect();
            slots.iter().for_each(touch);
            give_back(slots);
        }
        assert_eq!(stats().trimmed, 0);
        let mut steps = vec![0];
        for _ in 0..40 * EPOCH_MIN {
            give_back([acquire(SIZE).unwrap()]);
            if stats().trimmed > steps[steps.len() - 1] {
                steps.push(stats().trimmed);
            }
        }
        // The colder half each time, down to what is always kept.
        assert_eq!(steps, [0, 4_000, 6_000, 6_976]);
    });
}

#[test]
fn watched_slots_that_are_used_are_kept() {
    on_a_thread(|| {
        for _ in 0..60 {
            let slots: Vec<_> = (0..8_000).map(|_| acquire(SIZE).unwrap()).collect();
            give_back(slots);
        }
        assert_eq!(stats().trimmed, 0);
    });
}

#[test]
fn guards_survive_trimming() {
    on_a_thread(|| {
        let slots: Vec<_> = (0..4_000).map(|_| acquire(SIZE).unwrap()).collect();
        let places: Vec<_> = slots.iter().map(Slot::limit).collect();
        give_back(slots);
        assert!(stats().trimmed > 2_000);
        for limit in places {
            assert!(!is_readable(limit), "{limit:#x}");
            assert!(is_readable(limit + SIZE - 8), "{limit:#x}");
        }
    });
}

#[test]
fn a_slot_that_was_never_released_outlives_its_thread() {
    let (top, neighbour) = on_a_thread(|| {
        let (leaked, released) = (acquire(SIZE).unwrap(), acquire(SIZE).unwrap());
        let (top, neighbour) = (leaked.top(), released.top());
        // SAFETY: the words belong to the slots.
        unsafe {
            ((top - 64) as *mut u64).write_volatile(42);
            ((neighbour - 64) as *mut u64).write_volatile(43);
        }
        give_back([released]);
        (top, neighbour)
    });
    // SAFETY: a slot that was not released stays mapped, and so do its neighbours.
    unsafe {
        assert_eq!(((top - 64) as *const u64).read_volatile(), 42);
        if cfg!(target_os = "linux") {
            assert_eq!(((neighbour - 64) as *const u64).read_volatile(), 0, "free pages are given back");
        }
    }
    assert!(directory::slot_at(top - 1).is_some(), "an overflow is still reported");
}

#[test]
fn arenas_without_a_slot_in_use_are_unmapped_with_their_thread() {
    let tops = on_a_thread(|| {
        let slots: Vec<_> = (0..600).map(|_| acquire(SIZE).unwrap()).collect();
        let tops: Vec<_> = slots.iter().map(Slot::top).collect();
        give_back(slots);
        tops
    });
    // Another test may have mapped something there since, so only the sum is looked at.
    let mapped = tops.iter().filter(|top| directory::slot_at(*top - 1).is_some()).count();
    assert!(mapped < 600, "{mapped} slots are still known");
}

#[test]
fn a_thread_that_lost_its_pool_leaks_what_is_released_and_gets_nothing() {
    on_a_thread(|| {
        let slot = acquire(SIZE).unwrap();
        let top = slot.top();
        close();
        give_back([slot]);
        assert_eq!(stats(), Stats::default());
        touch(&Slot::new(NonZeroUsize::new(top).unwrap(), Shape::new(16, 12), false));
    });
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

struct Late {
    slot: Option<Slot>,
    report: std::sync::mpsc::Sender<bool>,
}

impl Drop for Late {
    fn drop(&mut self) {
        give_back(self.slot.take());
        let refused = matches!(acquire(SIZE), Err(StackError::ThreadExiting));
        self.report.send(refused && stats() == Stats::default()).unwrap();
    }
}

#[test]
fn destructors_of_thread_locals_that_come_late_get_an_error() {
    let (report, refused) = std::sync::mpsc::channel();
    on_a_thread(move || {
        // Registered before the pool's own destructor, so destroyed after it.
        LATE.with(|late| *late.borrow_mut() = Some(Late { slot: None, report }));
        LATE.with(|late| late.borrow_mut().as_mut().unwrap().slot = Some(acquire(SIZE).unwrap()));
    });
    assert!(refused.recv().unwrap());
}

#[test]
fn neighbours_become_one_run() {
    let shape = Shape::new(16, 12);
    let tops: Vec<_> = [2, 3, 4, 7, 9, 10].map(|i| NonZeroUsize::new(i << 16).unwrap()).into();
    let expected = [(1, 3), (6, 1), (8, 2)].map(|(i, n)| Span { start: i << 16, len: n << 16 });
    assert_eq!(runs(&tops, shape), expected);
    assert_eq!(runs(&[], shape), []);
}

/// Whether the kernel can read there: it copies the byte to a pipe, and answers EFAULT where it cannot.
fn is_readable(address: usize) -> bool {
    let (reader, writer) = io::pipe().unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&writer);
    // SAFETY: the kernel checks the address.
    let written = unsafe { libc::write(descriptor, address as *const libc::c_void, 1) };
    drop(reader);
    written == 1
}

#[cfg(target_os = "linux")]
#[test]
fn memory_of_many_slots_freed_at_once_goes_back_to_the_system() {
    const COUNT: usize = 30_000;
    // In a process where nothing else takes memory.
    child::alone("stack::pool::tests::memory_of_many_slots_freed_at_once_goes_back_to_the_system", || {
        let mut slots = Vec::with_capacity(COUNT);
        let before = resident_bytes();
        slots.extend((0..COUNT).map(|_| acquire(SIZE).unwrap()));
        slots.iter().for_each(touch);
        let used = resident_bytes() - before;
        assert!(used > COUNT * size::page_size(), "{used} bytes for {COUNT} stacks");
        give_back(slots);
        let kept = resident_bytes() - before;
        // What is left: the slots that are always kept, the lists, and what a process takes for itself.
        assert!(kept < 1_024 * size::page_size() + COUNT * 64 + (1 << 20), "{kept} bytes");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_map_limit_is_an_error_that_passes() {
    let test = "stack::pool::tests::the_map_limit_is_an_error_that_passes";
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    if limit.trim().parse::<usize>().unwrap() > 200_000 {
        return;
    }
    child::alone_with(test, &[("CEDE_STACK_GUARD", "mprotect")], || {
        let mut slots = Vec::with_capacity(200_000);
        let error = loop {
            match acquire(SIZE) {
                Ok(slot) => slots.push(slot),
                Err(error) => break error,
            }
            assert!(slots.len() < 200_000, "there is no limit");
        };
        let half = slots.len() / 2;
        give_back(slots.drain(half..));
        assert!(matches!(error, StackError::MapLimit), "{error}");
        let again = acquire(SIZE).unwrap();
        assert!(!is_readable(again.limit()));
        give_back(slots.into_iter().chain([again]));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn where_address_space_is_short_smaller_arenas_serve() {
    child::alone("stack::pool::tests::where_address_space_is_short_smaller_arenas_serve", || {
        let mut slots = Vec::with_capacity(1_000);
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let used = statm.split(' ').next().unwrap().parse::<libc::rlim_t>().unwrap()
            * size::page_size() as libc::rlim_t;
        let limit = libc::rlimit {
            rlim_cur: used + (arena::HEADROOM + ARENA_BYTES_MIN / 2) as libc::rlim_t,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: sets a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        let error = loop {
            match acquire(SIZE) {
                Ok(slot) => slots.push(slot),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StackError::OutOfMemory { size: SIZE, .. }), "{error}");
        assert!(slots.len() * SIZE > ARENA_BYTES_MIN / 4, "{} slots", slots.len());
        assert!(stats().reserved_bytes <= ARENA_BYTES_MIN / 2);
        // What is left is for all else.
        assert!(Vec::<u8>::new().try_reserve_exact(arena::HEADROOM - SIZE).is_ok());
        give_back(slots);
        give_back([acquire(SIZE).unwrap()]);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn locked_memory_is_guarded_too() {
    child::alone("stack::pool::tests::locked_memory_is_guarded_too", || {
        let before = acquire(SIZE).unwrap();
        // SAFETY: a call that touches no memory. Without the right to do this there is nothing to test.
        if unsafe { libc::mlockall(libc::MCL_FUTURE) } != 0 {
            return;
        }
        let after: Vec<_> = (0..20).map(|_| acquire(2 * SIZE).unwrap()).collect();
        for slot in after.iter().chain([&before]) {
            assert!(!is_readable(slot.limit()) && !is_readable(slot.floor() - 1));
            assert!(is_readable(slot.floor()));
        }
        give_back(after.into_iter().chain([before]));
    });
}

#[test]
fn all_of_this_holds_with_guards_made_by_mprotect() {
    if std::env::var_os("CEDE_STACK_GUARD").is_some() {
        assert_eq!(guard::kind(), Guard::Protect);
        return;
    }
    // One test at a time: together they have more stacks than the limit on mappings allows.
    let run = child::command(&["stack::", "--test-threads=1"]).env("CEDE_STACK_GUARD", "mprotect").output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}
