//! Where each nanosecond of a switch goes, what was tried to save some, and what did not help; where each byte of a sleeping task
//! goes; and how costs grow with the number of what there is.
//!
//! # How it is measured
//!
//! | with | what | disturbed by other load |
//! |---|---|---|
//! | `.ci/counts` | instructions of each hot path in the release profile that users have by default, against `benches/counts.txt` | no |
//! | `cargo bench` | time of each path, beside the same done with a rival in the same program | somewhat: read the ratios |
//! | `benches/peers/run-peers.py` | whole programs, cede's and each rival's, in turns | somewhat: medians of many rounds |
//!
//! Figures below are for x86-64 and rustc 1.95, with the crate's release profile. Counts of instructions are exact, found by running
//! a routine at two lengths under callgrind and subtracting; times are medians on a virtual machine with two cores.
//!
//! # A yield
//!
//! One task of a hundred gives way, and has its turn again: 138 instructions. The same with bare corosensei, whose coroutines are
//! kept in a `VecDeque`, takes 93.
//!
//! | on | step | instructions |
//! |---|---|---|
//! | the task's stack | find the task: the thread's scheduler, the scheduler's current task | 6 |
//! | | may it wait: no `no_switch`, no unwinding, its own stack (the stack pointer against the slot's size) | 13 |
//! | | note that it is ready, find the coroutine | 4 |
//! | | switch: push two registers and where to go on, swap stack pointers, return | 14 |
//! | | is anything out of the ordinary (one byte: cancelled, masked, ...) | 3 |
//! | the scheduler's | count the tick's entries, take the next | 18 |
//! | | ask for the memory of those after it | 26 |
//! | | is it a task, has it a stack; note that it runs | 11 |
//! | | is the thread unwinding | 4 |
//! | | switch | 8 |
//! | | note that none runs; has it ended, is it ready | 13 |
//! | | put it back | 14 |
//!
//! What a tick has to do besides (I/O that is due, timers, messages of other threads) is 40 instructions for all its entries
//! together, and so is what a lone task pays on top.
//!
//! At 100 tasks everything lies in near caches. Then come records (one line of each is touched, the first), headers and stack
//! tops (two lines), and what the task touches before it goes back, a line or two: at 10,000 tasks 2.5 to 3 MB, beyond a second-level
//! cache, and at 100,000 beyond the third. There a yield costs what memory costs, and the order of the run queue is the only thing that is known in advance.
//!
//! # A value of a generator
//!
//! `next` of a generator that yields numbers: 69 instructions with the loops on both sides. The same with a bare coroutine of corosensei takes 33.
//!
//! | on | what bare corosensei has not | instructions |
//! |---|---|---|
//! | the caller's stack | can it be resumed, is the thread not at its end | 6 |
//! | | note that it runs, and then that it does not | 2 |
//! | | is the thread unwinding: if so, note it, since a yield is fine then | 5 |
//! | | has it yielded or ended or begun to delegate | 2 |
//! | | take the value from its place | 2 |
//! | | the address of the generator over the switch, which keeps no register | 7 |
//! | the body's | is this the innermost coroutine, with no timeout or scope open: the stack pointer against the slot | 5 |
//! | | is anything unwinding | 5 |
//! | | put the value into its place, find the way back | 2 |
//!
//! Each of the checks stands between a safe program and a torn stack, save what finds the generator again after the switch. A generator that is made,
//! gives three values and is dropped takes 519 instructions where a coroutine on a stack that is at hand takes 160: four times the 36 above,
//! 109 to get a stack and write a header of 272 bytes there (what the report of an overflow says of it, whom it delegates to), 44 to give it back,
//! and 66 for its end and its result.
//!
//! # What helped
//!
//! | what | from | to | why |
//! |---|---|---|---|
//! | everything from the public call to the switch inlined | 18.9 ns | 1.9 ns | `ret` after a switch goes to where the processor does not expect it; each frame between the user's code and the switch is a misprediction |
//! | corosensei without its feature `unwind` | 20 ns | 3.5 ns | with it rustc can't inline the suspension across codegen units |
//! | stack starts coloured by 16 steps of 64 bytes | 2 x | 1 x | tops of stacks at equal low addresses share the sets of a cache; at 1,000 tasks |
//! | the next tasks' records and the upper ends of their stacks fetched ahead | 1 x | 0.7 x | at 10,000 and 100,000 tasks |
//! | what other threads read to wake a task apart from what changes in each tick, a lone wake-up in one word, no search before an answer has had its time | 1,110 to 1,510 | 650 to 850 | ns for a message between two workers: two to three cache lines less |
//! | what a switch touches of the header in one line, with the way back that corosensei keeps below it | 1 x | 0.92 x | at 10,000 tasks: two lines where there were three |
//! | the lower ends of stacks fetched ahead, too, from an address noted in the record at each suspension | 1 x | 0.94 x, 0.8 x | at 10,000 and 100,000 tasks; a task may wait in a deep call |
//! | a ring of two-word entries in place of a `VecDeque` in a `RefCell` | 1 x | 0.3 x | of the queue's part: no borrow to count, no bounds, entries travel in registers |
//! | all that is out of the ordinary in one byte | | | one comparison where there were five |
//! | a lock that belongs to its first thread ([`sync`](crate::sync) types) | | | an atomic read-modify-write costs 8.5 ns there, and a lock takes one at least; 14 instructions without any do the same |
//! | a channel's first attempt and its registration under one lock | 98 | 76 | instructions of a receive that has to wait |
//! | the tick in the loop that drives it, with all that is rare moved out | 147 | 84 | instructions between two tasks, when each tick has one |
//! | a stack only when a task first runs, from the top of the pool | | | a million tasks that never wait need one stack, which is warm |
//!
//! # What did not
//!
//! | what | found |
//! |---|---|
//! | a thread-local word for the innermost coroutine, compared at each yield | + 2.5 ns; the stack pointer tells the same for nothing |
//! | events and commands in registers in place of the header | - 0.3 ns, for a second way to do it |
//! | fetching ahead only where there are many tasks | 20 instructions less; 1.3 times as slow at 50 tasks and the same at 10, on a machine with other load |
//! | the guard of a lock returned in registers | 11 instructions more for a message |
//! | values through the switch in place of a slot | 8.2 against 2.4 ns for values of several words |
//! | huge pages for stacks | no gain, in a prototype |
//! | giving pages back when a stack is freed | 1.2 us each time; now in batches above a water mark |
//!
//! # A message
//!
//! From one task to another that waits for it, through a bounded channel: 423 instructions.
//!
//! | step | instructions |
//! |---|---|
//! | send: lock, a place for the item, put it, unlock | 62 |
//! | the first that waits: out of the list, its task into the run queue | 45 |
//! | receive: lock, nothing there, into the list, unlock | 76 |
//! | suspend, the tick, resume | 129 |
//! | receive: lock, take the item, is a sender waiting, unlock | 62 |
//! | the operations on the stack, and moving results to the caller | 49 |
//!
//! Each lock is taken by plain loads and stores, 14 instructions with its release, as long as one thread uses the channel.
//!
//! # A message to another thread
//!
//! Where the two tasks are on different workers, a message costs what it costs to hand cache lines from one processor to the other. So what
//! both sides touch is kept to few lines: the lock of the channel, its counts and its queue lie together; a wake-up is one word beside the
//! state of the other's inbox, written without a lock; and a worker that waits for an answer reads that line alone, and counts as searching only
//! after some microseconds. `cargo bench --bench workers` has a row `cache_line` beside it, two threads that wait awake for a word of
//! each other, which is the least that a message can cost. In ns, in runs that took turns: that 130 to 175, cede 650 to 850 (1,110 to 1,510
//! before the above), tokio 2,100 to 2,200 where its tasks are on two threads. tokio (250 to 270) and may (300) are faster where they put both tasks on
//! one, which cede does not do with tasks that have begun; two tasks of cede on one thread take 40 to 50. What is left is as long as
//! five of those lines one after the other. Both sides write the channel, the node of who waits, its record and the inbox.
//!
//! # What a sleeping task weighs
//!
//! A million tasks asleep at once have 4,368 bytes resident each, 1.07 pages, and 129 bytes of page tables at slots of 64 KiB, 513 at
//! those of 256 KiB. That is with the system's default limits, and each has its guard. `cargo run --release --example million -- 1000000`
//! measures it; `tests/scale_million.rs` holds the limits.
//!
//! | bytes | what |
//! |---|---|
//! | 4,096 | the page at the top of the stack: the coroutine's header, corosensei's frame, the body's frames, and the operation that is waited for with its node |
//! | 152 | the record, in one allocation with the next three |
//! | 16 | the counts of its `Rc` |
//! | 32 | the closure, here of 24 bytes, and later the result, in the same place; which of them it is |
//! | 8 | the allocator's header |
//! | 24 | its place in the list of tasks |
//! | 24 | its entry in the heap of timers |
//! | 16 | what its timer does |
//! | 0 | its entry in the run queue, whose ring is given back when the run has nothing to do |
//! | 0 | its place in the pool's list of free stacks, which is written when it ends |
//!
//! Lists double, and what is beyond their end is not resident.
//!
//! Once they have ended, the stacks of all but 1,024 are given back, and the rest of the lists with the run. What the records leave is in the
//! allocator, which has it for the next ones; whether the system gets it back is for the allocator to say. Who has a crowd again
//! and again finds up to 131,072 stacks warm: the pool learns. Who will have a million again says so by [`stack::set_kept`](crate::stack::set_kept),
//! and pays 0.5 us for each that begins and 0.5 for each that ends (`cargo run --release --example million -- 1000000 keep`).
//!
//! On a warm stack a task begins in 0.5 us and ends in 0.4, its timer included; where the system has to clear its page first it begins in
//! 2.4, and ends in 0.8 where the page is given back. A million that are cancelled at once end in their order, in 6.7 us each, and
//! take no more memory than they did: the stack on which one has unwound serves the next, or is given back.
//!
//! A million that sleep between 0 and 1 s, cold, take 4.3 us each in `benches/peers`, and 5.3 where they were profiled, on a machine with other load. There two
//! thirds were the system's, 3.3 us: the first touch of the page (2.0, which is all that the
//! floor of `benches/peers` does), the guard (0.7) and giving the page back (0.5), each as it was measured by itself. Of the rest, 1.9 us, the heap of a million timers has a quarter, and the
//! waiting for stacks that have left the caches, which are resumed in an order that is known only as each timer comes up, the better
//! part. Go, whose stacks begin at 2 KiB, two to a page and without a guard, touches half as many pages.
//!
//! What made it less: a closure and its result share their place (16 to 24 bytes), free places are a list in themselves, fields fill the
//! gaps between others (24), a timer is 40 bytes and was 72. Nodes of timers on the stacks of those who sleep would need nothing at all,
//! but each step through the heap would touch another page.
//!
//! # Growth
//!
//! `cargo bench --bench growth` measures what an operation costs among ten tasks, timers, waiters, messages or connections, and among
//! up to a million, and can draw it. Nanoseconds of processor time, on a machine that had other things to do as well:
//!
//! | unit | 10 | 1,000 | 100,000 | 1,000,000 |
//! |---|---|---|---|---|
//! | a task spawned and joined | 166 | 112 | 185 | 224 |
//! | a task yields to the others | 20 | 17 | 127 | 109 |
//! | a task begins to wait, is woken and ends | 267 | 417 | 1,187 | 3,168 |
//! | a timer set and fired | 185 | 278 | 906 | 1,562 |
//! | a timeout among so many timers | 398 | 519 | 636 | 662 |
//! | a lock goes on to the next of so many | 173 | 208 | 1,020 | 1,187 |
//! | an event wakes so many | 160 | 222 | 666 | 994 |
//! | one of so many waiters is cancelled | 6,703 | 5,643 | 6,687 | |
//! | a message through a channel that holds so many | 51 | 10 | 10 | 15 |
//! | an item through a priority queue that holds so many | 160 | 159 | 243 | 390 |
//! | an echo, the other connections idle | 6,480 | 6,505 | | |
//!
//! Timers and priority queues are heaps, and grow as a logarithm does. All else is constant but for the memory that it touches: from some
//! thousand tasks on their stacks are in no near cache, and beyond the stacks that the pool keeps each begins with a page that
//! the system has to clear.
//!
//! # The floor
//!
//! A resume and a suspension of bare corosensei are 27 instructions and about 2 ns when nothing else is done. What makes a turn of a task
//! cost more than that is, first, that somebody has to say who is next, and memory that is not in a register; and second, what
//! makes it safe: that the task may suspend itself here and now, and that nobody wants it to end.
