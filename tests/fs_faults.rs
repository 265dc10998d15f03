//! What can go wrong with files: disks that are full, descriptors that are used up, tasks that are cancelled in the middle, runs that end.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use cede::fs::{File, OpenOptions, read_dir, walk};
use cede::{Runner, unblock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

mod fs_place;
use fs_place::{Place, cancel, in_child, says, soon, until_it_waits};

fn read_write(path: impl AsRef<std::path::Path>) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

/// What the task hook is told meanwhile, of files.
fn told(f: impl FnOnce()) -> Vec<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|error| error.into_inner());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    cede::set_task_hook(move |report| sink.lock().unwrap().push(report.to_string()));
    f();
    drop(cede::take_task_hook());
    let seen = seen.lock().unwrap();
    seen.iter().filter(|text| text.starts_with("file ")).cloned().collect()
}

/// A run with one thread for calls, and what keeps that busy until it is dropped.
fn with_one_busy_thread<T>(main: impl FnOnce(mpsc::Sender<()>) -> T) -> T {
    let runner = Runner::builder().max_blocking_threads(1).build();
    runner
        .run(|| {
            let (free, busy) = mpsc::channel::<()>();
            let blocking = cede::spawn(move || unblock(move || _ = busy.recv()));
            until_it_waits(&blocking);
            main(free)
        })
        .unwrap()
}

#[test]
fn a_full_disk_is_told_by_flush_and_nothing_is_kept_back() {
    cede::run(|| {
        let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(file.write(b"abc").unwrap(), 3);
        says(&file.flush().unwrap_err(), "can't write to \"/dev/full\": No space left", libc::ENOSPC);
        says(&file.sync_all().unwrap_err(), "can't write to \"/dev/full\": No space left", libc::ENOSPC);
        says(&file.write_all(&[0; 100_000]).unwrap_err(), "can't write to \"/dev/full\": ", libc::ENOSPC);
        says(&file.close().unwrap_err(), "can't write to \"/dev/full\": No space left", libc::ENOSPC);
        let mut file = OpenOptions::new().write(true).unbuffered(true).open("/dev/full").unwrap();
        says(&file.write(b"abc").unwrap_err(), "can't write to \"/dev/full\": No space left", libc::ENOSPC);
    });
}

#[test]
fn a_file_that_is_dropped_tells_the_hook_what_nobody_was_told() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let texts = told(|| {
        cede::run(|| {
            full().write_all(b"abc").unwrap();
            let mut known = full();
            known.write_all(b"abc").unwrap();
            known.flush().unwrap_err();
        });
    });
    let [text] = &*texts else { panic!("{texts:?}") };
    assert!(
        text.starts_with("file \"/dev/full\": was dropped, and what was written to it is lost: "),
        "{text}"
    );
    assert!(text.contains("No space left"), "{text}");
}

#[test]
fn what_did_not_fit_is_written_when_there_is_room() {
    if !in_child("what_did_not_fit_is_written_when_there_is_room") {
        return;
    }
    let place = Place::new();
    let most = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(10), maximum: most.maximum }).unwrap();
    cede::run(|| {
        let path = place.at("a");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"0123456789abcdef").unwrap();
        says(&file.flush().unwrap_err(), &format!("can't write to {path:?}: File too large"), libc::EFBIG);
        assert_eq!(fs::read(&path).unwrap(), b"0123456789");
        says(&cede::fs::write(place.at("b"), [0; 20]).unwrap_err(), "can't write ", libc::EFBIG);
        setrlimit(Resource::Fsize, most).unwrap();
        file.write_all(b"g").unwrap();
        file.close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123456789abcdefg");
    });
}

#[test]
fn directories_and_what_is_open_for_the_other_direction_give_the_errors_of_the_system() {
    let place = Place::new();
    cede::run(|| {
        let mut directory = File::open(place.path()).unwrap();
        says(&directory.read(&mut [0]).unwrap_err(), "can't read from ", libc::EISDIR);
        says(&File::create(place.path()).unwrap_err(), "can't open ", libc::EISDIR);
        let path = place.file("a", "abc");
        let mut reader = File::open(&path).unwrap();
        says(&reader.write(b"x").unwrap_err(), &format!("can't write to {path:?}: "), libc::EBADF);
        assert_eq!(io::read_to_string(&reader).unwrap(), "abc");
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        says(&writer.read(&mut [0]).unwrap_err(), "can't read from ", libc::EBADF);
        says(&reader.set_len(1).unwrap_err(), "can't set the length of ", libc::EINVAL);
        says(&File::open(path.join("x")).unwrap_err(), "can't open ", libc::ENOTDIR);
        let unnamed = File::from_std(fs::File::open(&path).unwrap());
        assert!((&unnamed).write(b"x").unwrap_err().to_string().starts_with("can't write to descriptor "));
    });
}

#[test]
fn without_descriptors_there_are_errors_and_files_go_on_when_there_are_some() {
    if !in_child("without_descriptors_there_are_errors_and_files_go_on_when_there_are_some") {
        return;
    }
    let place = Place::new();
    let path = place.file("a", "abc");
    cede::run(|| {
        // The threads and the reactor have theirs.
        cede::fs::read(&path).unwrap();
        let most = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: most.maximum }).unwrap();
        let mut files = Vec::new();
        let error = loop {
            match File::open(&path) {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        says(&error, &format!("can't open {path:?}: Too many open files"), libc::EMFILE);
        says(&cede::fs::read(&path).unwrap_err(), &format!("can't read {path:?}: "), libc::EMFILE);
        says(&read_dir(place.path()).unwrap_err(), "can't list ", libc::EMFILE);
        let found: Vec<_> = walk(place.path()).collect();
        says(found[1].as_ref().unwrap_err(), "can't list ", libc::EMFILE);
        // Sharing needs none.
        files.push(files[0].try_clone().unwrap());
        let one = files.pop().unwrap();
        assert_eq!(one.into_std().unwrap_err().kind(), io::Error::from_raw_os_error(libc::EMFILE).kind());
        drop(files);
        assert_eq!(cede::fs::read(&path).unwrap(), b"abc");
    });
}

#[test]
fn outside_of_a_task_what_needs_a_thread_gives_an_error() {
    let place = Place::new();
    let path = place.file("a", "abc");
    let error = File::open(&path).unwrap_err();
    assert!(error.to_string().starts_with("only a task can wait: call this inside cede::run"), "{error}");
    assert!(cede::fs::read(&path).is_err() && read_dir(place.path()).is_err() && !cede::fs::is_file(&path));
    let mut file = cede::run(|| File::options().read(true).write(true).open(&path)).unwrap();
    assert!(file.read(&mut [0]).is_err() && file.metadata().is_err());
    // What lies in the buffer does not need one.
    cede::run(|| file.read_exact(&mut [0])).unwrap();
    let mut one = [0];
    file.read_exact(&mut one).unwrap();
    assert_eq!(&one, b"b");
    file.write_all(b"X").unwrap();
    assert!(file.flush().is_err());
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"abX", "a destructor does its work");
}

#[test]
fn destructors_of_a_task_that_unwinds_can_clean_up() {
    struct Cleaner(Place, File);
    impl Drop for Cleaner {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.1.write_all(b"end").unwrap();
            self.1.flush().unwrap();
            assert_eq!(cede::fs::read(self.0.at("log")).unwrap(), b"begin, end");
            cede::fs::remove_file(self.0.at("lock")).unwrap();
        }
    }
    cede::run(|| {
        let task = cede::spawn(|| {
            let place = Place::new();
            place.file("lock", "");
            let mut log = File::create(place.at("log")).unwrap();
            log.write_all(b"begin, ").unwrap();
            let _cleaner = Cleaner(place, log);
            cede::sleep(std::time::Duration::MAX);
        });
        until_it_waits(&task);
        cancel(&task);
        cede::no_switch(|| assert!(cede::fs::exists("/").unwrap()));
    });
}

#[test]
fn a_read_that_is_cancelled_loses_nothing() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    cede::run(|| {
        // Open for both, so that nobody waits for anybody.
        let file = Rc::new(read_write(&fifo));
        let mut end = fs::File::options().write(true).open(&fifo).unwrap();
        type Read = fn(&File);
        let reads: &[Read] = &[
            |mut file| _ = file.read(&mut [0; 3]).unwrap(),
            |mut file| file.read_exact(&mut [0; 3]).unwrap(),
            |file| _ = file.lines().next(),
            |file| _ = file.read_until(b'\n', &mut Vec::new()).unwrap(),
            |mut file| _ = file.read_to_end(&mut Vec::new()).unwrap(),
        ];
        for read in reads {
            let ours = Rc::clone(&file);
            let task = cede::spawn(move || read(&ours));
            until_it_waits(&task);
            cancel(&task);
            end.write_all(b"abc\n").unwrap();
            let ours = Rc::clone(&file);
            let next = cede::spawn(move || {
                let mut line = String::new();
                ours.read_line(&mut line).unwrap();
                line
            });
            assert_eq!(soon(&next), "abc\n");
        }
    });
}

#[test]
fn operations_that_wait_for_their_turn_can_be_cancelled() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    cede::run(|| {
        let file = Rc::new(read_write(&fifo));
        let reads = || {
            let file = Rc::clone(&file);
            cede::spawn(move || {
                let mut byte = [0];
                (&*file).read_exact(&mut byte).unwrap();
                byte[0]
            })
        };
        let (one, two, three) = (reads(), reads(), reads());
        [&one, &two, &three].into_iter().for_each(until_it_waits);
        cancel(&two);
        let mut end = fs::File::options().write(true).open(&fifo).unwrap();
        end.write_all(b"ab").unwrap();
        assert_eq!((soon(&one), soon(&three)), (b'a', b'b'));
    });
}

#[test]
fn a_job_that_has_not_begun_leaves_all_as_it_was() {
    let place = Place::new();
    let path = place.file("a", "abcdef");
    let file = cede::run(|| {
        let file = read_write(&path);
        (&file).read_exact(&mut [0]).unwrap();
        file
    });
    let file = Rc::new(file);
    type Operation = fn(&File, &Place);
    let operations: &[Operation] = &[
        |file, _| file.set_len(0).unwrap(),
        |mut file, _| _ = file.seek(io::SeekFrom::End(0)).unwrap(),
        |file, _| _ = file.write_at(b"x", 0).unwrap(),
        |file, _| file.try_lock().unwrap(),
        |file, _| _ = file.try_clone().unwrap().close(),
        |_, place| _ = File::create(place.at("a")),
        |_, place| cede::fs::remove_file(place.at("a")).unwrap(),
        |_, place| _ = cede::fs::copy(place.at("a"), place.at("b")),
        |_, place| _ = read_dir(place.path()).unwrap().count(),
        |_, place| _ = walk(place.path()).count(),
    ];
    with_one_busy_thread(|free| {
        let place = Rc::new(place);
        for operation in operations {
            let (file, place) = (Rc::clone(&file), Rc::clone(&place));
            let task = cede::spawn(move || operation(&file, &place));
            until_it_waits(&task);
            cancel(&task);
        }
        drop(free);
        let mut rest = String::new();
        (&*file).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bcdef");
        assert!(!cede::fs::exists(place.at("b")).unwrap());
    });
}

/// Has a task begin an operation, and cancels it when its job is done and before the task has heard of that. For a run with one thread for
/// calls.
fn cancelled_when_its_job_is_done<T: 'static>(operation: impl FnOnce() -> T + 'static) {
    let ((free, busy), (tell, told)) = (mpsc::channel::<()>(), mpsc::channel());
    let first = cede::spawn(move || unblock(move || _ = busy.recv()));
    until_it_waits(&first);
    let task = cede::spawn(operation);
    until_it_waits(&task);
    let last = cede::spawn(move || unblock(move || tell.send(()).unwrap()));
    until_it_waits(&last);
    drop(free);
    // No task runs meanwhile.
    told.recv().unwrap();
    cancel(&task);
}

#[test]
fn what_a_job_has_done_for_a_task_that_has_gone_is_not_lost() {
    let place = Place::new();
    (0..600).for_each(|n| _ = place.file(&format!("many/{n}"), ""));
    let path = place.file("a", "abcdef");
    let runner = Runner::builder().max_blocking_threads(1).build();
    let ended = runner.run(|| {
        let listing = Rc::new(RefCell::new(read_dir(place.at("many")).unwrap()));
        assert_eq!(listing.borrow_mut().by_ref().take(512).count(), 512);
        let ours = Rc::clone(&listing);
        cancelled_when_its_job_is_done(move || ours.borrow_mut().next());
        assert_eq!(listing.borrow_mut().by_ref().count(), 88);

        let file = Rc::new(read_write(&path));
        let ours = Rc::clone(&file);
        cancelled_when_its_job_is_done(move || (&*ours).read(&mut [0; 3]).unwrap());
        fs::write(&path, "changed").unwrap();
        let mut text = [0; 6];
        (&*file).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"abcdef", "it is in the buffer");

        let ours = Rc::clone(&file);
        cancelled_when_its_job_is_done(move || ours.lock().unwrap());
        read_write(&path).try_lock().unwrap();
    });
    ended.unwrap();
}

/// Has a task do steps, and cancels it after so many turns of another.
fn cancelled_after(turns: usize, mut step: impl FnMut() -> bool + 'static) {
    let task = cede::spawn(move || while step() {});
    for _ in 0..turns {
        cede::yield_now();
        thread::yield_now();
    }
    task.cancel();
    let _ = task.join();
}

#[test]
fn writes_that_returned_are_in_the_file_and_the_one_that_was_cancelled_is_not() {
    let place = Place::new();
    let path = place.at("a");
    cede::run(|| {
        for turns in 0..60 {
            let file = Rc::new(File::create(&path).unwrap());
            let written = Rc::new(RefCell::new(Vec::new()));
            let (ours, noted, count) = (Rc::clone(&file), Rc::clone(&written), Cell::new(0_u32));
            cancelled_after(turns, move || {
                count.set(count.get() + 1);
                // Small ones, and some beyond a block.
                let bytes = vec![count.get() as u8; if count.get() % 5 == 0 { 90_000 } else { 20_000 }];
                let amount = (&*ours).write(&bytes).unwrap();
                noted.borrow_mut().extend_from_slice(&bytes[..amount]);
                count.get() < 50
            });
            // Waits for the job that goes on alone, if there is one.
            Rc::into_inner(file).unwrap().close().unwrap();
            assert!(fs::read(&path).unwrap() == *written.borrow(), "after {turns} turns");
        }
    });
}

#[test]
fn what_was_read_and_what_is_left_is_the_file_wherever_a_task_is_cancelled() {
    let place = Place::new();
    let contents: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let path = place.file("a", &contents);
    cede::run(|| {
        for turns in 0..60 {
            let file = Rc::new(File::open(&path).unwrap());
            let read = Rc::new(RefCell::new(Vec::new()));
            let (ours, noted, count) = (Rc::clone(&file), Rc::clone(&read), Cell::new(0_u32));
            cancelled_after(turns, move || {
                count.set(count.get() + 1);
                let mut bytes = vec![0; if count.get() % 4 == 0 { 100_000 } else { 10_000 }];
                if count.get() % 2 == 0 {
                    (&*ours).read_exact(&mut bytes).unwrap();
                } else {
                    let amount = (&*ours).read(&mut bytes).unwrap();
                    bytes.truncate(amount);
                }
                noted.borrow_mut().extend(bytes);
                count.get() < 20
            });
            let mut all = read.take();
            (&*file).read_to_end(&mut all).unwrap();
            assert!(all == contents, "after {turns} turns");
        }
    });
}

#[test]
fn entries_are_not_lost_wherever_a_listing_or_a_walk_is_cancelled() {
    let place = Place::new();
    for n in 0..1200 {
        place.file(&format!("d/{}/{n}", n % 7), "");
        place.file(&format!("flat/{n}"), "");
    }
    cede::run(|| {
        for turns in 0..40 {
            let listing = Rc::new(RefCell::new(read_dir(place.at("flat")).unwrap()));
            let walk = Rc::new(RefCell::new(walk(place.at("d"))));
            let found = Rc::new(Cell::new((0, 0)));
            let (ours, theirs, noted) = (Rc::clone(&listing), Rc::clone(&walk), Rc::clone(&found));
            cancelled_after(turns, move || {
                let (mut one, mut other) = noted.get();
                one += usize::from(ours.borrow_mut().next().is_some());
                noted.set((one, other));
                other += usize::from(theirs.borrow_mut().next().is_some());
                noted.set((one, other));
                one < 1200
            });
            let (one, other) = found.get();
            assert_eq!(one + listing.borrow_mut().by_ref().count(), 1200, "after {turns} turns");
            assert_eq!(other + walk.borrow_mut().by_ref().count(), 1208, "after {turns} turns");
        }
    });
}

#[test]
fn a_lock_that_comes_too_late_is_released() {
    let place = Place::new();
    let path = place.file("a", "");
    cede::run(|| {
        let holder = read_write(&path);
        // Stays open, and so would the lock.
        let other = Rc::new(read_write(&path));
        holder.lock().unwrap();
        for turns in 0..60 {
            let waits = Rc::clone(&other);
            let task = cede::spawn(move || {
                waits.lock().unwrap();
                waits.unlock().unwrap();
            });
            (0..turns / 2).for_each(|_| cede::yield_now());
            if turns % 2 == 0 {
                holder.unlock().unwrap();
            }
            task.cancel();
            let _ = task.join();
            let again = cede::timeout(Duration::from_secs(60), || holder.lock());
            again.expect("nobody has it").unwrap();
        }
    });
}

#[test]
fn a_run_ends_when_its_jobs_have_and_what_is_pending_is_written() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    let path = place.at("log");
    let drained = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    cede::run(|| {
        let mut log = File::create(&path).unwrap();
        log.write_all(b"some").unwrap();
        // Open for both, so that nobody waits for anybody.
        let mut pipe = read_write(&fifo);
        let mut end = fs::File::open(&fifo).unwrap();
        let task = cede::spawn(move || {
            let _log = log;
            pipe.write_all(&[1; 1 << 20]).unwrap();
            pipe.flush().unwrap();
        });
        // When there is something the job has begun, and it can't end: a pipe is smaller.
        while rustix::io::ioctl_fionread(&end).unwrap() == 0 {
            cede::yield_now();
        }
        assert!(!task.is_finished());
        let noted = Arc::clone(&drained);
        thread::spawn(move || {
            told.recv().unwrap();
            noted.store(true, Ordering::SeqCst);
            end.read_exact(&mut vec![0; 1 << 20]).unwrap();
        });
        // The run cancels the task now, and the job goes on.
        tell.send(()).unwrap();
    });
    assert!(drained.load(Ordering::SeqCst), "the run has waited for the job");
    assert_eq!(fs::read(&path).unwrap(), b"some");
}

#[test]
fn an_error_of_a_sync_that_was_cancelled_comes_from_the_next_operation() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    let full_pipe = || {
        let mut pipe = read_write(&fifo);
        let mut end = fs::File::open(&fifo).unwrap();
        pipe.write_all(&[1; 1 << 20]).unwrap();
        let pipe = Rc::new(pipe);
        let ours = Rc::clone(&pipe);
        let task = cede::spawn(move || ours.sync_all().unwrap());
        while rustix::io::ioctl_fionread(&end).unwrap() == 0 {
            cede::yield_now();
        }
        cancel(&task);
        // Its job goes on now, and finds that a pipe can't be synced.
        unblock(move || end.read_exact(&mut vec![0; 1 << 20]).unwrap());
        Rc::into_inner(pipe).unwrap()
    };
    cede::run(|| {
        says(&full_pipe().metadata().unwrap_err(), &format!("can't sync {fifo:?}: "), libc::EINVAL);
        says(&full_pipe().close().unwrap_err(), &format!("can't sync {fifo:?}: "), libc::EINVAL);
        let mut pipe = full_pipe();
        says(&pipe.read(&mut [0]).unwrap_err(), "can't sync ", libc::EINVAL);
        says(&full_pipe().write(b"x").unwrap_err(), "can't sync ", libc::EINVAL);
    });
    let texts = told(|| cede::run(|| drop(full_pipe())));
    let [text] = &*texts else { panic!("{texts:?}") };
    assert!(text.contains("can't sync "), "{text}");
}

#[test]
fn files_without_a_position_are_two_streams() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    cede::run(|| {
        let mut file = read_write(&fifo);
        file.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(file.lines().next().unwrap().unwrap(), "one");
        file.write_all(b"three\n").unwrap();
        assert_eq!(file.lines().next().unwrap().unwrap(), "two");
        assert_eq!(file.lines().next().unwrap().unwrap(), "three");
        says(&file.rewind().unwrap_err(), "can't seek in ", libc::ESPIPE);
        let mut byte = [0];
        File::open("/dev/zero").unwrap().read_exact(&mut byte).unwrap();
        assert_eq!(byte, [0]);
    });
}

#[test]
fn what_the_kernel_makes_up_is_read_whole() {
    cede::run(|| {
        let status = cede::fs::read_to_string("/proc/self/status").unwrap();
        assert!(status.contains("\nVmSize:"), "{status}");
        let file = File::open("/proc/self/status").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(file.lines().any(|line| line.unwrap().starts_with("VmSize:")));
        (&file).rewind().unwrap();
        assert!(io::read_to_string(&file).unwrap().starts_with("Name:"));
        let mut null = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        null.write_all(&[1; 1 << 20]).unwrap();
        assert_eq!(null.read(&mut [0; 10]).unwrap(), 0);
    });
}

#[test]
fn a_position_before_the_beginning_is_an_error() {
    let place = Place::new();
    cede::run(|| {
        let mut file = File::from_std(fs::File::open(place.file("a", "abc")).unwrap());
        assert_eq!(file.read(&mut [0; 2]).unwrap(), 2);
        let error = file.seek(io::SeekFrom::Current(-100)).unwrap_err();
        says(&error, "can't seek in descriptor ", libc::EINVAL);
        assert_eq!(file.stream_position().unwrap(), 2);
    });
}
