//! Where the time of a request goes that comes over a socket, what was tried to save some, and what did not help.
//!
//! # How it is measured
//!
//! | with | what | disturbed by other load |
//! |---|---|---|
//! | `.ci/syscalls` | system calls of an echo under load, by strace; fails where one is wasted | no |
//! | `.ci/counts` | instructions of the same outside of the system: `echo` in `benches/counts.txt` | no |
//! | `benches/peers/run-peers.py --only echo` | an echo server of each runtime and a bare loop over epoll, in turns: processor time for each request, requests/s, p50, p99 | somewhat: read the ratios |
//!
//! Servers are compared by the processor time of their process for one request. On few cores the client is at its limit first, so requests/s
//! say more of the client; with one connection they say how long the machine takes to wake up a core.
//!
//! # System calls
//!
//! A request costs one read and one write, and all requests that have come meanwhile one wait together. Measured with strace,
//! 64 connections:
//!
//! | server | requests | reads | writes | waits | for each connection, once |
//! |---|---|---|---|---|---|
//! | bare epoll loop | 11,511 | 11,512 | 11,511 | 182 | accept4, setsockopt, epoll_ctl |
//! | cede | 6,419 | 6,482 | 6,419 | 103 | the same, ioctl, and a read that finds nothing |
//! | tokio | 15,815 | 15,884 | 15,815 | 454 | accept4, setsockopt, epoll_ctl, and a read that finds nothing |
//! | smol | 9,839 | 9,907 | 9,839 | 6 | accept4, setsockopt, ioctl, 2 epoll_ctl |
//! | may | 13,144 | 13,207 | 13,144 | 55 | accept4, setsockopt, ioctl, epoll_ctl, write |
//! | Go 1.19 | 15,586 | 24,641 | 15,586 | | and a sleep for every fourth request, on another thread |
//!
//! (smol and may make so few waits since there whoever is answered at once goes on at once: see below.)
//!
//! - The read that only says "nothing there" is saved by trusting one that did not fill its buffer. That is right only where
//!   the end of the stream is reported by an event of its own (RDHUP), which is what the registration asks for. A read that did
//!   fill its buffer has to be followed by another, so a buffer of exactly the size of a message costs a read more.
//! - Nothing is ever armed again: registrations are for both directions and report edges.
//! - A descriptor is registered when an operation on it has to wait for the first time. A connection that is answered and closed
//!   before that is never registered.
//! - The wait is one system call, with its deadline in it. Other threads end it by an event counter that is never read.
//! - The call for each accept that is not needed elsewhere (ioctl) sets the mode of the listener: see the head of
//!   `net/tcp_listener.rs`.
//!
//! # Instructions outside of the system
//!
//! For one request, with 64 connections: 65 in the bare loop, 685 in cede, 1,015 in tokio. With one connection, where each request has a wait
//! and a tick of its own: 90, 860 and 1,680. What cede's are spent on:
//!
//! | step | instructions |
//! |---|---|
//! | the event: read it, find the source by its key, note the edge, the waiter out of its list, its task into the run queue | 125 |
//! | the tick: take the task, fetch ahead, switch there and back | 110 |
//! | read: find the source, the budget, may the task wait, into the list, suspend; out of it, and the call | 300 |
//! | write: find the source, the budget, and the call | 130 |
//!
//! 620 instructions are some 100 ns, of a request that takes 3,500 to 4,500 in the system: 3%.
//!
//! # Beside the others
//!
//! Processor time of the server for one request in nanoseconds, medians of three rounds in turns of `benches/peers/run-peers.py`:
//!
//! | connections | bare loop | cede | tokio |
//! |---|---|---|---|
//! | 1 | 8,618 | 7,060 | 8,592 |
//! | 64 | 5,189 | 4,857 | 5,178 |
//! | 1,000 | 5,550 | 5,262 | 4,845 |
//!
//! That the bare loop is not ahead says how far such figures can be trusted: the system's part, nine tenths of all, depends on how many requests come
//! together, and so on who else has the other core at the moment.
//!
//! With 1,000 connections what tokio is ahead by may be memory: a task's stack has its top in one page and, beneath a buffer of 4 KiB, its
//! current frames in another. The bare loop has one buffer for all of them.
//!
//! # Streams with buffers
//!
//! A message to a task over a connection and back, both sides on one thread, as `cargo bench --bench io` has it: processor time of the thread in
//! microseconds, medians of 60 rounds in which the ways took turns, and the median of the ratios to raw reads and writes in the same round.
//!
//! | bytes | raw | `BufReader`, `BufWriter` | `StreamReader`, `StreamWriter` | ratio | by lines |
//! |---|---|---|---|---|---|
//! | 16 | 5.8 | 5.9 | 5.4 | 0.96 | 5.5 |
//! | 1,024 | 5.8 | 6.0 | 5.5 | 0.95 | 5.7 |
//! | 16,384 | 8.0 | 8.1 | 7.9 | 0.99 | 11.1 |
//! | 32,768 | 10.3 | 10.3 | 10.0 | 0.97 | 16.7 |
//! | 65,536 | 19.2 | 19.4 | 19.0 | 0.98 | 32.1 |
//! | 262,144 | 59.3 | 58.9 | 59.4 | 1.01 | |
//!
//! A message of 64 KiB was at 1.4 when the writer copied it into its buffer and the reader out of its own. What made the difference:
//!
//! | what | ratio at 64 KiB |
//! |---|---|
//! | large pieces are sent from where they are, and large messages read into the vector that is handed out | 1.16 |
//! | that vector has 64 bytes more room than the message, so that a read which does not fill it has emptied the stream: 1.05 reads for a message in place of 2 | |
//! | its memory is not cleared before it is read into (`ReadSpare`) | 0.98 |
//!
//! That is what `open_connection` and servers give. A reader of any stream, from [`streams`](crate::io::streams) or
//! [`StreamReader::new`](crate::io::StreamReader::new), clears that memory, and stays at the second figure: 1.0 to 1.2 up to 64 KiB, 1.25 at 256 KiB. No memory is mapped or given back for a message. Lines are searched for their end and copied out of the buffer, which
//! reads ahead.
//!
//! # Files
//!
//! `cargo bench --bench fs`: milliseconds, medians of rounds in turns, warm caches, two cores. The pool beside it has as many threads and nothing
//! else to do; cede's tasks are on a third thread, and so is what takes in the results of the pool.
//!
//! | what | cede | std | aiofiles | std/cede |
//! |---|---|---|---|---|
//! | 10,000 files of 1 KiB read, 2 threads | 28.3 | 38.3 | 1,431 | 1.26 |
//! | the same, 8 threads | 30.5 | 28.0 | 1,763 | 0.94 |
//! | 100,000 lines read | 5.1 | 4.3 | 8,244 | 0.83 |
//! | 100,000 lines written | 13.4 | 9.3 | 8,576 | 0.71 |
//! | 32 MiB copied by the system | 36.1 | 36.6 | | 1.00 |
//! | 32 MiB copied by blocks | 56.8 | 37.0 | 101 | 0.69 |
//!
//! aiofiles' column is of another day. The ratios of the first two rows lay between 1.03 and 1.39, and 0.90 and 0.94, over eleven runs; those of what is
//! written vary most, since the disk has a part in it: 0.51 to 0.76 for lines. Copying by blocks was at 0.97 on that other day, and at 0.69 on this
//! one with the same code.
//!
//! What small files cost was the wake-ups. A result woke the run, mostly for one task, which put one more call behind sixty others: two
//! system calls and two switches for two files in three. Now a run dozes while the threads have more before them than it has heard of
//! (the head of `runtime/dozing.rs`), and 10,000 files took in five runs in turns:
//!
//! | | 2 threads | std/cede | 8 threads | std/cede |
//! |---|---|---|---|---|
//! | locks for each call | 38.0 | 0.88 | 34.1 | 0.85 |
//! | one word and one allocation for each call | 37.9 | 0.88 | 35.6 | 0.84 |
//! | the same, and the run dozes | 28.3 | 1.26 | 30.5 | 0.94 |
//!
//! The second row has half the atomic operations of the first, some 20 in place of 42 for each call, and is no faster: beside the system's part
//! they are nothing.
//!
//! With eight threads cede uses less processor time than the pool beside it (56.5 ms and 57.7), but not all of two cores at every moment: with 64 files
//! under way the threads run out of work when the run's thread has to wait for its turn among eight, and they sleep once for some twenty
//! files. The pool was given all of its 10,000 jobs before. When the run is woken, after half of what is before the threads or
//! after a tenth, and whether a doze lasts 100 or 200 us, makes no difference that could be told from noise.
//!
//! A line read costs a lock more than std's, since several tasks may have the file in hand: 80 ns in place of 68, or 51 in place of 43. A line written costs
//! that, and is formatted apart first, since what formats it may use the file itself; that happens on the stack, where it took an
//! allocation (12.7 ms of processor time for all lines before, and 11.6 now).
//!
//! Looked at and left: a read at the end of a file in place of the question for its size (60 to 90 ns of some 5,000 for a file, and a read more for
//! those that are not small); lines made from the bytes where they lie (no difference).
//!
//! # What helped
//!
//! | what | from | to | |
//! |---|---|---|---|
//! | waiting on the poller's own descriptor, not by `Poller::wait` | 834 ns | 88 ns | five system calls become one |
//! | edges in place of interest that fires once | | - 15% of an echo | arming is a system call for each message |
//! | trusting short reads, with RDHUP | 2 reads | 1 read | for each message |
//! | finding the source of a descriptor without a lock | 1,250 | 860 | instructions for each request; it was found four times under a mutex |
//! | an operation of its own for the wait of reads and writes | 860 | 690 | the one for `select!` also asks the system, and keeps errors |
//! | a read after one that was short waits its turn, also before the descriptor is registered | 52 ms | as the bare loop | p99 with 1,000 connections, where the bare loop has 23 ms and tokio 20 |
//! | results of blocking calls come together while more calls wait for threads | 38.0 ms | 28.3 ms | 10,000 small files, 2 threads |
//! | the frames in which a task waits are fetched ahead, found by what it waits for (now by an address in its record) | 1 x | 0.9 to 0.95 x | of a turn, at 1,000 tasks with 4 KiB on their stacks |
//!
//! The row before the last two was a fault of fairness. As long as nothing is known of a descriptor an operation on it is tried, and a client on another core
//! may answer faster than the server comes back to the next read. Then that connection had its next request served, and the
//! next, up to the budget of a step, 64 requests in a row, while the others waited; and as it never had to wait, it was not
//! registered either. strace showed it: 13 waits for 41,000 requests, and 9 registrations for 64 connections. Now the
//! first read that empties a descriptor is remembered, and the next registers it without trying. The registration reports what has
//! come in between, so nothing is missed.
//!
//! # What was looked at and left
//!
//! | what | why |
//! |---|---|
//! | registering a connection when it is accepted | saves the first read, which mostly finds nothing, and costs two calls for a connection that is answered and closed |
//! | interest in reading alone | the system looks at both directions anyway, and tells of room to write only after there was none |
//! | `epoll_wait` in place of `epoll_pwait` without a mask | the same path in the system, but for one comparison |
//! | the clock | it is read only where a timer is set, so a server without timeouts never reads it |
//! | asking the system in the middle of a batch | a batch is what was ready at one time; those who come later are served after it, and a wait for each few would cost more than it brings |
//! | no reference count for a source that is in use | 8 instructions, for a pointer whose target another owner of the number could take away |
//! | believing a read that filled its buffer | nothing tells whether it has emptied the stream as well |
//!
//! # Growth
//!
//! One connection that is active beside idle ones costs the same for each request, however many there are: 10,420 ns beside 10, 11,270
//! beside 1,000 and 11,000 beside 9,000, where the bare loop takes 10,530, 10,570 and 10,040 (lower quartiles, noisy). The
//! system's list of ready descriptors, the reactor's table by number and the run queue hold only what happens. `echo 1 beside ... idle`
//! in `benches/peers` measures it.
