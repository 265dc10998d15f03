//! An open file: what is read, written and sought is what std's would be, with a buffer in between and nothing lost.

use std::fs;
use std::io::{
    self, BufRead, BufReader, BufWriter, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write,
};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cede::fs::{File, FileTimes, OpenOptions, Permissions, TryLockError};

mod fs_place;
use fs_place::{Place, soon, until_it_waits};

fn run<T>(main: impl FnOnce(&Place) -> T) -> T {
    let place = Place::new();
    cede::run(|| main(&place))
}

fn read_write(path: impl AsRef<std::path::Path>) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

#[test]
fn what_is_written_is_there_when_it_is_flushed_or_dropped() {
    run(|place| {
        let path = place.at("a");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"", "it is in the buffer");
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        file.write_all(b", two").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"one, two");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"three").unwrap();
        file.close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
    });
}

#[test]
fn every_other_operation_writes_first() {
    type Operation = fn(&File);
    let operations: &[(&str, Operation)] = &[
        ("flush", |mut file| file.flush().unwrap()),
        ("sync_all", |file| file.sync_all().unwrap()),
        ("sync_data", |file| file.sync_data().unwrap()),
        ("metadata", |file| assert_eq!(file.metadata().unwrap().len(), 3)),
        ("set_len", |file| file.set_len(3).unwrap()),
        ("set_permissions", |file| file.set_permissions(Permissions::from_mode(0o600)).unwrap()),
        ("set_modified", |file| file.set_modified(SystemTime::UNIX_EPOCH).unwrap()),
        ("lock", |file| file.lock().unwrap()),
        ("unlock", |file| file.unlock().unwrap()),
        ("seek", |mut file| assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), 3)),
        ("stream_position", |mut file| assert_eq!(file.stream_position().unwrap(), 3)),
        ("read", |mut file| assert_eq!(file.read(&mut [0; 8]).unwrap(), 0)),
        ("read_at", |file| assert_eq!(file.read_at(&mut [0; 8], 1).unwrap(), 2)),
        ("write_at", |file| assert_eq!(file.write_at(b"n", 1).unwrap(), 1)),
        ("into_std", |file| drop(file.try_clone().unwrap().into_std().unwrap())),
        ("close", |file| file.try_clone().unwrap().close().unwrap()),
    ];
    run(|place| {
        for (name, operation) in operations {
            let path = place.file("a", "");
            let mut file = read_write(&path);
            file.write_all(b"one").unwrap();
            operation(&file);
            assert_eq!(fs::read(&path).unwrap(), b"one", "{name}");
        }
    });
}

#[test]
fn unbuffered_writes_are_there_at_once() {
    run(|place| {
        let path = place.at("a");
        let mut file = OpenOptions::new().append(true).create(true).unbuffered(true).open(&path).unwrap();
        file.write_all(b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let parts = [IoSlice::new(b", "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(file.write_vectored(&parts).unwrap(), 5);
        assert_eq!(fs::read(&path).unwrap(), b"one, two");
    });
}

/// A deterministic source of choices.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

/// One random operation on a file of ours and on one of std's: both must give the same.
fn step(random: &mut Random, ours: &File, theirs: &fs::File) {
    let (mut ours, mut theirs) = (ours, theirs);
    // Around the size of a block, and small.
    let length = if random.below(4) == 0 { random.below(150_000) } else { random.below(300) } as usize;
    match random.below(12) {
        0..=2 => {
            let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            ours.write_all(&bytes).unwrap();
            theirs.write_all(&bytes).unwrap();
        }
        3..=5 => {
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            let amount = ours.read(&mut one).unwrap();
            theirs.read_exact(&mut other[..amount]).unwrap();
            assert_eq!(one[..amount], other[..amount]);
            assert!(amount > 0 || length == 0 || theirs.read(&mut [0]).unwrap() == 0);
        }
        6 => {
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            let (got, expected) = (ours.read_exact(&mut one), theirs.read_exact(&mut other));
            assert_eq!(got.map_err(|error| error.kind()), expected.map_err(|error| error.kind()));
        }
        7 => {
            let target = match random.below(4) {
                0 => SeekFrom::Start(random.below(200_000)),
                1 => SeekFrom::Current(random.below(20_000) as i64 - 10_000),
                2 => SeekFrom::End(random.below(1_000) as i64 - 500),
                _ => SeekFrom::Current(0),
            };
            let (got, expected) = (ours.seek(target), theirs.seek(target));
            assert_eq!(got.map_err(|error| error.kind()), expected.map_err(|error| error.kind()));
        }
        8 => {
            let length = random.below(200_000);
            ours.set_len(length).unwrap();
            theirs.set_len(length).unwrap();
        }
        9 => {
            let offset = random.below(200_000);
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            let amount = ours.read_at(&mut one, offset).unwrap();
            assert_eq!(amount, std::os::unix::fs::FileExt::read_at(theirs, &mut other, offset).unwrap());
            assert_eq!(one, other);
        }
        10 => {
            let (bytes, offset) = (vec![length as u8; length], random.below(100_000));
            ours.write_all_at(&bytes, offset).unwrap();
            std::os::unix::fs::FileExt::write_all_at(theirs, &bytes, offset).unwrap();
        }
        _ => {
            assert_eq!(ours.metadata().unwrap().len(), theirs.metadata().unwrap().len());
            ours.flush().unwrap();
        }
    }
}

fn compare(append: bool) {
    run(|place| {
        for seed in 0..20 {
            let (one, other) = (place.file("one", "begin"), place.file("other", "begin"));
            let ours = OpenOptions::new().read(true).write(!append).append(append).open(&one).unwrap();
            let theirs = fs::File::options().read(true).write(!append).append(append).open(&other).unwrap();
            let mut random = Random(seed);
            for _ in 0..100 {
                step(&mut random, &ours, &theirs);
            }
            assert_eq!((&ours).stream_position().unwrap(), (&theirs).stream_position().unwrap());
            ours.close().unwrap();
            assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap(), "seed {seed}");
        }
    });
}

#[test]
fn reads_writes_and_seeks_mix_as_those_of_std() {
    compare(false);
}

#[test]
fn reads_writes_and_seeks_mix_as_those_of_std_in_a_file_to_append_to() {
    compare(true);
}

#[test]
fn all_of_a_file_is_read_from_where_one_is() {
    run(|place| {
        let text = "0123456789".repeat(50_000);
        let path = place.file("a", &text);
        let mut file = File::open(&path).unwrap();
        let mut first = [0; 5];
        file.read_exact(&mut first).unwrap();
        let mut rest = String::from("56");
        assert_eq!(file.read_to_string(&mut rest).unwrap(), text.len() - 5);
        assert_eq!(rest[2..], text[5..]);
        assert_eq!(file.read_to_end(&mut Vec::new()).unwrap(), 0);
        // What comes later is found later.
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        assert_eq!(io::read_to_string(&file).unwrap(), "more");
    });
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    run(|place| {
        let path = place.file("a", b"good\nb\xffd\nlast");
        let mut file = File::open(&path).unwrap();
        let mut text = String::from("x");
        let error = file.read_to_string(&mut text).unwrap_err();
        assert_eq!((error.kind(), &*text), (ErrorKind::InvalidData, "x"));
        assert!(error.to_string().contains("a\" is not UTF-8"), "{error}");
        file.rewind().unwrap();
        let lines: Vec<_> = file.lines().map(|line| line.map_err(|error| error.kind())).collect();
        assert_eq!(lines, [Ok("good".into()), Err(ErrorKind::InvalidData), Ok("last".into())]);
    });
}

#[test]
fn lines_come_as_those_of_std_whatever_their_ends_and_lengths() {
    run(|place| {
        let long = "x".repeat(300_000);
        for text in [
            "",
            "\n",
            "a",
            "a\r",
            "a\nb\r\n\r\nc\rd\n",
            "a\nb\r\r\n\r",
            &format!("a\n{long}\n{long}"),
            &"line\n".repeat(40_000),
        ] {
            let path = place.file("a", text);
            let ours: Vec<String> = File::open(&path).unwrap().lines().map(Result::unwrap).collect();
            let theirs: Vec<String> = text.as_bytes().lines().map(Result::unwrap).collect();
            assert!(ours == theirs);
        }
    });
}

#[test]
fn lines_and_reads_share_the_position() {
    run(|place| {
        let path = place.file("a", "one\ntwo\nthree\nfour");
        let mut file = read_write(&path);
        assert_eq!(file.lines().next().unwrap().unwrap(), "one");
        let mut line = String::from("> ");
        assert_eq!(file.read_line(&mut line).unwrap(), 4);
        assert_eq!(line, "> two\n");
        assert_eq!(file.stream_position().unwrap(), 8);
        let mut bytes = Vec::new();
        assert_eq!(file.read_until(b'r', &mut bytes).unwrap(), 3);
        file.write_all(b"EE").unwrap();
        assert_eq!(io::read_to_string(&file).unwrap(), "\nfour");
        assert_eq!(file.read_line(&mut line).unwrap() + file.read_until(b'x', &mut bytes).unwrap(), 0);
        file.close().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthrEE\nfour");
    });
}

#[test]
fn what_is_formatted_comes_out_as_it_was_formatted_whatever_its_length_and_parts() {
    run(|place| {
        let path = place.at("a");
        let mut file = File::create(&path).unwrap();
        let mut expected = String::new();
        for length in [0, 1, 60, 120, 124, 125, 126, 127, 128, 129, 1000] {
            let (text, empty) = ("é".repeat(length), "");
            for text in [text.clone(), format!("{empty}{text}|{length:5}{empty}{text}{text}")] {
                write!(file, "{empty}{text}").unwrap();
                expected.push_str(&text);
            }
            write!(file, "{text}|{empty}{length:5}{text}{length}").unwrap();
            expected.push_str(&format!("{text}|{length:5}{text}{length}"));
        }
        file.close().unwrap();
        assert!(fs::read_to_string(&path).unwrap() == expected);
    });
}

#[test]
fn what_formats_may_use_the_file_itself() {
    struct Uses<'a>(&'a File);
    impl std::fmt::Display for Uses<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let mut file = self.0;
            writeln!(file, "first").unwrap();
            f.write_str("second")
        }
    }
    run(|place| {
        let path = place.at("a");
        let file = File::create(&path).unwrap();
        write!(&file, "[{}]", Uses(&file)).unwrap();
        file.close().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\n[second]");
    });
}

#[test]
fn readers_and_writers_of_std_around_it_just_work() {
    run(|place| {
        let path = place.at("a");
        let mut writer = BufWriter::new(File::create(&path).unwrap());
        (0..20_000).for_each(|n| writeln!(writer, "{n}").unwrap());
        drop(writer);
        let reader = BufReader::with_capacity(100, File::open(&path).unwrap());
        let numbers: Vec<u32> = reader.lines().map(|line| line.unwrap().parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..20_000));
        let copied = io::copy(&mut File::open(&path).unwrap(), &mut File::create(place.at("b")).unwrap());
        assert_eq!(copied.unwrap(), fs::metadata(&path).unwrap().len());
        assert!(fs::read(&path).unwrap() == fs::read(place.at("b")).unwrap());
    });
}

#[test]
fn several_buffers_are_filled_and_written_in_order() {
    run(|place| {
        let mut file = read_write(place.at("a"));
        let parts = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")];
        assert_eq!(file.write_vectored(&parts).unwrap(), 6);
        file.rewind().unwrap();
        let (mut one, mut two) = ([0; 2], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(file.read_vectored(&mut buffers).unwrap(), 6);
        assert_eq!((&one, &two[..4]), (b"ab", &b"cdef"[..]));
        assert_eq!(file.read(&mut []).unwrap() + file.write(&[]).unwrap(), 0);
        assert_eq!(file.read_vectored(&mut []).unwrap() + file.write_vectored(&[]).unwrap(), 0);
        assert_eq!(file.read_at(&mut [], 0).unwrap() + file.write_at(&[], 0).unwrap(), 0);
    });
}

#[test]
fn clones_share_position_and_buffer() {
    run(|place| {
        let path = place.file("a", "onetwo");
        let mut file = read_write(&path);
        let mut clone = file.try_clone().unwrap();
        let mut part = [0; 3];
        file.read_exact(&mut part).unwrap();
        clone.read_exact(&mut part).unwrap();
        assert_eq!(&part, b"two");
        file.write_all(b"three").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"onetwo", "there is another handle");
        clone.close().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwothree");
    });
}

#[test]
fn tasks_and_threads_use_one_file_side_by_side() {
    run(|place| {
        let path = place.at("a");
        let file = Arc::new(OpenOptions::new().append(true).create(true).open(&path).unwrap());
        let theirs = Arc::clone(&file);
        let thread = std::thread::spawn(move || {
            cede::run(|| {
                (0..1_000).for_each(|n| (&*theirs).write_all(format!("{n:04}\n").as_bytes()).unwrap())
            })
        });
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let file = Arc::clone(&file);
                cede::spawn(move || {
                    for n in 0..1_000 {
                        (&*file).write_all(format!("{n:04}\n").as_bytes()).unwrap();
                        if n % 100 == 0 {
                            (&*file).flush().unwrap();
                        }
                    }
                })
            })
            .collect();
        tasks.iter().for_each(soon);
        cede::unblock(move || thread.join().unwrap());
        Arc::into_inner(file).unwrap().close().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 25_000);
        assert!(text.lines().all(|line| line.len() == 4));
    });
}

#[test]
fn reads_of_places_go_on_side_by_side() {
    run(|place| {
        let path = place.file("a", (0..=255).collect::<Vec<u8>>());
        let file = Rc::new(File::open(&path).unwrap());
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let file = Rc::clone(&file);
                cede::spawn(move || {
                    let mut bytes = [0; 2];
                    file.read_exact_at(&mut bytes, n).unwrap();
                    assert_eq!(bytes, [n as u8, n as u8 + 1]);
                })
            })
            .collect();
        tasks.iter().for_each(soon);
        let error = file.read_exact_at(&mut [0; 2], 255).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_place_that_is_written_is_not_read_from_the_buffer() {
    run(|place| {
        let mut file = read_write(place.file("a", "abcdef"));
        file.read_exact(&mut [0; 1]).unwrap();
        file.write_all_at(b"X", 1).unwrap();
        assert_eq!(io::read_to_string(&file).unwrap(), "Xcdef");
    });
}

#[test]
fn offsets_beyond_four_gibibytes_are_offsets() {
    run(|place| {
        let mut file = read_write(place.at("a"));
        let far = (5 << 30) + 3;
        assert_eq!(file.seek(SeekFrom::Start(far)).unwrap(), far);
        file.write_all(b"far").unwrap();
        assert_eq!(file.seek(SeekFrom::End(-2)).unwrap(), far + 1);
        let mut two = [0; 2];
        file.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"ar");
        assert_eq!(file.metadata().unwrap().len(), far + 3);
        let mut one = [0];
        file.read_exact_at(&mut one, far).unwrap();
        assert_eq!(&one, b"f");
        assert!(file.seek(SeekFrom::Current(i64::MIN)).is_err());
        assert_eq!(file.stream_position().unwrap(), far + 3, "nothing has happened");
    });
}

#[test]
fn a_file_that_was_written_can_be_handed_to_std_and_taken_back() {
    run(|place| {
        let path = place.file("a", "abcdef");
        let mut file = read_write(&path);
        file.read_exact(&mut [0; 2]).unwrap();
        let clone = file.try_clone().unwrap();
        let mut theirs = file.into_std().unwrap();
        assert_eq!(theirs.stream_position().unwrap(), 2);
        theirs.write_all(b"X").unwrap();
        assert_eq!((&clone).stream_position().unwrap(), 3, "they share it");
        let number = theirs.as_raw_fd();
        drop(clone);
        let file = File::from_std(theirs);
        assert_eq!(file.as_fd().as_raw_fd(), number);
        assert!(format!("{file:?}").contains(&number.to_string()));
        assert_eq!(file.into_std().unwrap().as_raw_fd(), number);
    });
}

#[test]
fn what_is_known_about_a_file_can_be_set() {
    run(|place| {
        let path = place.file("a", "abc");
        let file = read_write(&path);
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        file.set_times(FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH).set_modified(day)).unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.atime(), metadata.mtime()), (0o640, 0, 86_400));
    });
}

#[test]
fn options_are_those_of_std() {
    run(|place| {
        let path = place.at("a");
        let file = File::create_new(&path).unwrap();
        assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        drop(file);
        let other = place.at("b");
        drop(File::options().write(true).create(true).mode(0o600).open(&other).unwrap());
        assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o600);
        let directory =
            OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(place.path()).unwrap();
        assert!(directory.metadata().unwrap().is_dir());
        let error = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&path).unwrap_err();
        assert_eq!(cede::io::raw_os_error(&error), Some(libc::ENOTDIR));
        assert_eq!(OpenOptions::new().open(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn locks_exclude_others_and_can_be_waited_for() {
    run(|place| {
        let path = place.file("a", "");
        let (one, other) = (read_write(&path), read_write(&path));
        one.lock_shared().unwrap();
        other.try_lock_shared().unwrap();
        assert!(matches!(one.try_lock(), Err(TryLockError::WouldBlock)));
        other.unlock().unwrap();
        one.lock().unwrap();
        assert!(matches!(other.try_lock_shared(), Err(TryLockError::WouldBlock)));
        let other = Rc::new(other);
        let waits = Rc::clone(&other);
        let waiting = cede::spawn(move || waits.lock().unwrap());
        until_it_waits(&waiting);
        drop(one);
        soon(&waiting);
        assert!(matches!(read_write(&path).try_lock(), Err(TryLockError::WouldBlock)));
        assert_eq!(io::Error::from(TryLockError::WouldBlock).kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn who_gets_a_lock_reads_what_was_written_under_it() {
    run(|place| {
        let path = place.file("a", "old old");
        let mut file = read_write(&path);
        file.read_exact(&mut [0; 4]).unwrap();
        fs::write(&path, "new new").unwrap();
        file.lock().unwrap();
        assert_eq!(io::read_to_string(&file).unwrap(), "new");
    });
}
