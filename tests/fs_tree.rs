//! The functions with paths, directories and walks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cede::Generator;
use cede::fs as ours;
use cede::fs::{DirBuilder, Permissions, WalkEntry, read_dir, walk};

mod fs_place;
use fs_place::{Place, cancel, nul, says, soon};

fn run<T>(main: impl FnOnce(&Place) -> T) -> T {
    let place = Place::new();
    cede::run(|| main(&place))
}

#[test]
fn files_are_written_read_copied_renamed_linked_and_removed() {
    run(|place| {
        let (a, b, c) = (place.at("a"), place.at("b"), place.at("c"));
        ours::write(&a, "text").unwrap();
        ours::set_permissions(&a, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(ours::copy(&a, &b).unwrap(), 4);
        assert_eq!(ours::metadata(&b).unwrap().mode() & 0o777, 0o640);
        ours::rename(&b, &c).unwrap();
        assert_eq!((ours::read(&c).unwrap(), ours::exists(&b).unwrap()), (b"text".into(), false));
        ours::hard_link(&a, &b).unwrap();
        assert_eq!(ours::metadata(&b).unwrap().ino(), ours::metadata(&a).unwrap().ino());
        ours::remove_file(&b).unwrap();
        ours::symlink("a", &b).unwrap();
        assert_eq!(ours::read_link(&b).unwrap(), Path::new("a"));
        assert_eq!(ours::canonicalize(&b).unwrap(), fs::canonicalize(&a).unwrap());
        assert!(ours::is_symlink(&b) && ours::is_file(&b) && !ours::is_dir(&b) && !ours::is_symlink(&a));
        assert!(ours::symlink_metadata(&b).unwrap().is_symlink());
        assert_eq!(ours::read_to_string(&b).unwrap(), "text");
        let mine = ours::metadata(&a).unwrap();
        ours::chown(&a, Some(mine.uid()), None).unwrap();
        ours::lchown(&b, None, Some(mine.gid())).unwrap();
    });
}

#[test]
fn directories_are_made_and_removed() {
    run(|place| {
        let inner = place.at("x/y/z");
        assert_eq!(ours::create_dir(&inner).unwrap_err().kind(), ErrorKind::NotFound);
        ours::create_dir_all(&inner).unwrap();
        ours::create_dir_all(&inner).unwrap();
        assert!(ours::is_dir(&inner));
        assert_eq!(ours::create_dir(&inner).unwrap_err().kind(), ErrorKind::AlreadyExists);
        DirBuilder::new().mode(0o700).create(place.at("secret")).unwrap();
        assert_eq!(ours::metadata(place.at("secret")).unwrap().mode() & 0o777, 0o700);
        assert!(DirBuilder::new().recursive(true).create(place.at("secret")).is_ok());
        assert_eq!(ours::remove_dir(place.at("x")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        ours::remove_dir_all(place.at("x")).unwrap();
        assert!(!ours::is_dir(place.at("x")));
        ours::remove_dir(place.at("secret")).unwrap();
    });
}

#[test]
fn errors_say_what_was_done_with_which_path() {
    run(|place| {
        let (none, other) = (place.at("none"), place.at("other"));
        let error = |error: std::io::Error, what: &str| {
            says(&error, &format!("can't {what} {none:?}: No such file"), libc::ENOENT);
        };
        error(ours::read(&none).unwrap_err(), "read");
        error(ours::read_to_string(&none).unwrap_err(), "read");
        error(ours::File::open(&none).unwrap_err(), "open");
        error(ours::metadata(&none).unwrap_err(), "get the metadata of");
        error(ours::remove_file(&none).unwrap_err(), "remove");
        error(ours::remove_dir(&none).unwrap_err(), "remove the directory");
        error(ours::read_link(&none).unwrap_err(), "read the link");
        error(ours::canonicalize(&none).unwrap_err(), "resolve");
        error(read_dir(&none).unwrap_err(), "list");
        error(
            ours::set_permissions(&none, Permissions::from_mode(0o0)).unwrap_err(),
            "set the permissions of",
        );
        let both = |what: &str| format!("can't {what} {none:?} to {other:?}: No such file");
        says(&ours::rename(&none, &other).unwrap_err(), &both("rename"), libc::ENOENT);
        says(&ours::copy(&none, &other).unwrap_err(), &both("copy"), libc::ENOENT);
        says(&ours::hard_link(&none, &other).unwrap_err(), &both("link"), libc::ENOENT);
        let (deep, link) = (place.at("no/file"), place.file("taken", ""));
        says(&ours::write(&deep, "").unwrap_err(), &format!("can't write {deep:?}: "), libc::ENOENT);
        says(&ours::symlink("a", &link).unwrap_err(), "can't link \"a\" to ", libc::EEXIST);
        says(&ours::create_dir(&link).unwrap_err(), "can't create the directory ", libc::EEXIST);
        says(&ours::read(place.path()).unwrap_err(), "can't read ", libc::EISDIR);
        assert!(!ours::is_file(&none) && !ours::exists(&none).unwrap());
        symlink("circle", place.at("circle")).unwrap();
        says(&ours::exists(place.at("circle/x")).unwrap_err(), "can't look for ", libc::ELOOP);
    });
}

#[test]
fn a_name_with_a_nul_inside_is_refused() {
    run(|place| {
        let errors = [
            ours::read(nul()).unwrap_err(),
            ours::write(nul(), "").unwrap_err(),
            ours::File::create(nul()).unwrap_err(),
            ours::rename(nul(), "b").unwrap_err(),
            ours::copy(place.file("a", ""), nul()).unwrap_err(),
            ours::create_dir_all(nul()).unwrap_err(),
            read_dir(nul()).unwrap_err(),
            walk(nul()).next().unwrap().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("a\\0b\""), "{error}");
        }
    });
}

#[test]
fn names_that_are_no_text_are_names() {
    run(|place| {
        let path = place.path().join(std::ffi::OsStr::from_bytes(b"\xff\n"));
        ours::write(&path, "x").unwrap();
        let entry = read_dir(place.path()).unwrap().next().unwrap().unwrap();
        assert_eq!((entry.path(), entry.file_name().as_bytes()), (path.clone(), &b"\xff\n"[..]));
        assert!(ours::read(place.at("y")).unwrap_err().to_string().contains("/y\""));
        assert!(ours::read_dir(&path).unwrap_err().to_string().contains("\\xFF\\n"));
    });
}

#[test]
fn a_directory_is_listed_whole_however_large_it_is() {
    run(|place| {
        for count in [0, 1, 511, 512, 513, 1100] {
            let directory = place.at(&count.to_string());
            fs::create_dir(&directory).unwrap();
            (0..count).for_each(|n| fs::write(directory.join(n.to_string()), "").unwrap());
            let names: BTreeSet<_> =
                read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), count);
            let mut listing = read_dir(&directory).unwrap();
            assert_eq!(listing.by_ref().count(), count);
            assert!(listing.next().is_none(), "an end is an end");
        }
    });
}

#[test]
fn entries_know_their_kind_and_tell_what_is_known_of_them() {
    run(|place| {
        place.file("file", "abc");
        place.file("directory/x", "");
        symlink("file", place.at("link")).unwrap();
        let mut entries: Vec<_> = read_dir(place.path()).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(|entry| entry.file_name());
        let kinds: Vec<_> = entries.iter().map(|entry| entry.file_type().unwrap()).collect();
        assert!(kinds[0].is_dir() && kinds[1].is_file() && kinds[2].is_symlink());
        assert_eq!(entries[1].metadata().unwrap().len(), 3);
        assert!(entries[2].metadata().unwrap().is_symlink());
        assert_eq!(entries[1].ino(), fs::metadata(place.at("file")).unwrap().ino());
        ours::remove_file(entries[1].path()).unwrap();
        assert_eq!(entries[1].metadata().unwrap_err().kind(), ErrorKind::NotFound);
        assert!(format!("{:?}", entries[0]).contains("directory"));
    });
}

/// `a`, `b/c`, `b/d/e`, `f -> b`, `g -> nowhere`.
fn tree(place: &Place) {
    place.file("t/a", "");
    place.file("t/b/c", "");
    place.file("t/b/d/e", "");
    symlink("b", place.at("t/f")).unwrap();
    symlink("nowhere", place.at("t/g")).unwrap();
}

/// The names of what a walk finds, below the root.
fn names(place: &Place, walk: impl Iterator<Item = std::io::Result<WalkEntry>>) -> String {
    let root = place.at("t");
    let name = |entry: std::io::Result<WalkEntry>| match entry {
        Ok(entry) => entry.path().strip_prefix(&root).unwrap().display().to_string(),
        Err(error) => format!("! {}", error.to_string().replace(root.to_str().unwrap(), "")),
    };
    walk.map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_walk_finds_all_depth_first() {
    run(|place| {
        tree(place);
        let all = || walk(place.at("t")).sorted(true);
        assert_eq!(names(place, all()), " a b b/c b/d b/d/e f g");
        assert_eq!(names(place, all().contents_first(true)), "a b/c b/d/e b/d b f g ");
        assert_eq!(names(place, all().min_depth(2)), "b/c b/d b/d/e");
        assert_eq!(names(place, all().max_depth(1)), " a b f g");
        assert_eq!(names(place, all().max_depth(0)), "");
        assert_eq!(names(place, all().min_depth(2).contents_first(true)), "b/c b/d/e b/d");
        assert_eq!(names(place, all().enter(|entry| entry.file_name() != "d")), " a b b/c b/d f g");
        let followed = all().follow_links(true);
        assert_eq!(names(place, followed), " a b b/c b/d b/d/e f f/c f/d f/d/e g");
        let unsorted: BTreeSet<PathBuf> =
            walk(place.at("t")).map(|entry| entry.unwrap().into_path()).collect();
        assert_eq!(unsorted.len(), 8);
        let depths: Vec<_> = all().map(|entry| entry.unwrap().depth()).collect();
        assert_eq!(depths, [0, 1, 1, 2, 2, 3, 1, 1]);
    });
}

#[test]
fn a_walk_can_be_pruned_as_it_goes() {
    run(|place| {
        tree(place);
        let mut walk = walk(place.at("t")).sorted(true);
        let mut found = Vec::new();
        while let Some(entry) = walk.next() {
            let name = entry.unwrap().file_name().to_owned();
            if name == "b" {
                walk.prune();
            }
            found.push(name.into_string().unwrap());
        }
        assert_eq!(found, ["t", "a", "b", "f", "g"]);
        walk.prune();
        assert!(walk.next().is_none());
    });
}

#[test]
fn kinds_in_a_walk_are_those_of_links_or_of_what_they_lead_to() {
    run(|place| {
        tree(place);
        let kind = |follow: bool, name: &str| {
            let mut walk = walk(place.at("t")).follow_links(follow);
            let entry = walk.find(|entry| entry.as_ref().unwrap().file_name() == name).unwrap().unwrap();
            let metadata = entry.metadata().unwrap();
            assert_eq!(metadata.file_type(), entry.file_type());
            (entry.file_type().is_symlink(), entry.is_followed())
        };
        assert_eq!(kind(false, "f"), (true, false));
        assert_eq!(kind(true, "f"), (false, true));
        assert_eq!(kind(true, "g"), (true, false), "it leads nowhere");
        // The root is followed in any case.
        symlink("t", place.at("root")).unwrap();
        let mut through = walk(place.at("root"));
        assert!(through.next().unwrap().unwrap().is_followed());
        assert_eq!(through.count(), 7);
        assert_eq!(walk(place.at("t/a")).count(), 1);
        assert_eq!(walk(place.at("t/g")).count(), 1);
    });
}

#[test]
fn a_walk_tells_of_what_it_cannot_enter_and_goes_on() {
    run(|place| {
        tree(place);
        symlink("..", place.at("t/b/up")).unwrap();
        let found =
            names(place, walk(place.at("t")).sorted(true).follow_links(true).enter(|e| e.file_name() != "f"));
        assert!(found.starts_with(" a b b/c b/d b/d/e ! can't enter \"/b/up\": "), "{found}");
        assert!(found.ends_with(" f g"), "{found}");
        let mut found = Vec::new();
        for entry in walk(place.at("t")).sorted(true) {
            if entry.as_ref().is_ok_and(|entry| entry.file_name() == "b") {
                fs::remove_dir_all(place.at("t/b")).unwrap();
            }
            found.push(entry);
        }
        let found = names(place, found.into_iter());
        assert!(found.starts_with(" a b ! can't list \"/b\": No such file"), "{found}");
        assert!(found.ends_with(" f g"), "{found}");
        let error = walk(place.at("none")).next().unwrap().unwrap_err();
        says(&error, "can't get the metadata of ", libc::ENOENT);
        let first = walk(place.at("none")).chain(walk(place.at("t"))).count();
        assert_eq!(first, 5);
    });
}

#[test]
fn a_deep_tree_is_walked_with_few_descriptors() {
    run(|place| {
        let mut path = place.at("t");
        for _ in 0..300 {
            path.push("d");
        }
        fs::create_dir_all(&path).unwrap();
        let before = fs::read_dir("/proc/self/fd").unwrap().count();
        let mut walk = walk(place.at("t"));
        assert_eq!(walk.by_ref().take(301).filter_map(Result::ok).last().unwrap().depth(), 300);
        // Of other tests that run meanwhile there may be some.
        assert!(fs::read_dir("/proc/self/fd").unwrap().count() < before + 100);
    });
}

#[test]
fn a_walk_in_a_generator_hands_out_what_it_likes() {
    run(|place| {
        tree(place);
        let root = place.at("t");
        let files = Generator::try_new(move |y| {
            for entry in walk(root).sorted(true) {
                let entry = entry?;
                if entry.file_type().is_file() {
                    y.yield_(entry.file_name().to_owned());
                }
            }
            Ok::<_, std::io::Error>(())
        });
        let names: Vec<_> = files.fallible().map(Result::unwrap).collect();
        assert_eq!(names, ["a", "c", "e"]);
    });
}

/// What directories below the place this process has open.
fn open_below(place: &Place) -> usize {
    let targets =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(place.path())).count()
}

/// Makes a directory of so many files, and gives their number.
fn fill(directory: &Path, files: usize) -> usize {
    fs::create_dir_all(directory).unwrap();
    (0..files).for_each(|n| _ = fs::File::create(directory.join(format!("{n}"))).unwrap());
    files
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_directory_is_walked_in_pieces_and_a_small_one_at_once() {
    run(|place| {
        fill(&place.at("large"), 2000);
        fill(&place.at("small"), 20);
        let mut large = walk(place.at("large"));
        let mut small = walk(place.at("small"));
        (0..2).for_each(|_| _ = (large.next().unwrap().unwrap(), small.next().unwrap().unwrap()));
        assert_eq!(open_below(place), 1, "there is more in the large one alone");
        // What is listed is there once, however the pieces come.
        let seen: BTreeSet<_> = large.by_ref().map(|entry| entry.unwrap().into_path()).collect();
        assert_eq!((seen.len(), small.count(), open_below(place)), (1999, 19, 0));
        // To be sorted, all names have to be there.
        let mut sorted = walk(place.at("large")).sorted(true).skip(1);
        assert_eq!(sorted.next().unwrap().unwrap().file_name(), "0");
        assert_eq!(open_below(place), 0);
        assert_eq!(sorted.last().unwrap().unwrap().file_name(), "999");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_deep_tree_of_large_directories_holds_few_descriptors() {
    run(|place| {
        let (mut directory, mut files) = (place.at("t"), 0);
        for _ in 0..20 {
            files += fill(&directory, 600);
            directory.push("down");
        }
        let mut most = 0;
        let mut paths = BTreeSet::new();
        for entry in walk(place.at("t")) {
            let entry = entry.unwrap();
            if entry.file_type().is_dir() {
                most = most.max(open_below(place));
            }
            assert!(paths.insert(entry.into_path()), "nothing comes twice");
        }
        assert_eq!(paths.len(), files + 20);
        assert!(most <= 8, "{most} directories were open");
        assert_eq!(open_below(place), 0);
    });
}

#[test]
fn a_walk_that_is_cancelled_while_it_lists_loses_nothing() {
    run(|place| {
        let files = fill(&place.at("large"), 1500);
        let mut rounds = 0;
        // Which of its waits is cancelled is chance.
        for _ in 0..10 {
            rounds += walk_cancelled_again_and_again(&place.at("large"), files + 1);
        }
        assert!(rounds > 10, "it was cancelled {rounds} times");
    });
}

/// Walks in tasks that are cancelled, one after the other, and sees so many entries. Gives how many were.
fn walk_cancelled_again_and_again(path: &Path, entries: usize) -> usize {
    let walk = Rc::new(RefCell::new((walk(path), 0)));
    let mut rounds = 0;
    loop {
        let ours = Rc::clone(&walk);
        let task = cede::spawn(move || {
            let (walk, seen) = &mut *ours.borrow_mut();
            walk.for_each(|entry| *seen += usize::from(entry.is_ok()));
        });
        // It waits for its next piece, or has come to its end.
        cede::yield_now();
        task.cancel();
        if task.join().is_ok() {
            break;
        }
        rounds += 1;
        // One entry at a time, so that it goes on.
        let (walk, seen) = &mut *walk.borrow_mut();
        *seen += usize::from(walk.next().is_some_and(|entry| entry.is_ok()));
    }
    assert_eq!(walk.borrow().1, entries);
    rounds
}

#[test]
fn a_copy_that_is_cancelled_ends_soon_and_leaves_what_it_has_copied() {
    let place = Place::new();
    let (from, to) = (place.at("from"), place.at("to"));
    // Nothing on the disk, and days of work to copy.
    const LENGTH: u64 = 1 << 42;
    fs::File::create(&from).unwrap().set_len(LENGTH).unwrap();
    cede::run(|| {
        let (ours, theirs) = (from.clone(), to.clone());
        let task = cede::spawn(move || ours::copy(ours, theirs).unwrap());
        let copied = || fs::metadata(&to).map_or(0, |metadata| metadata.len());
        while copied() == 0 {
            cede::sleep(Duration::from_micros(100));
        }
        cancel(&task);
    });
    // The end of the run has waited for it.
    let copied = fs::metadata(&to).unwrap().len();
    assert!(copied > 0 && copied < LENGTH, "{copied}");
}

#[test]
fn the_open_of_a_named_pipe_is_over_when_it_is_cancelled() {
    let place = Place::new();
    let fifo = place.fifo("pipe");
    for (read, write) in [(true, false), (false, true)] {
        // Without that the end of the run would wait for ever.
        cede::run(|| {
            for tenths in 0..20 {
                let path = fifo.clone();
                let task = cede::spawn(move || {
                    ours::OpenOptions::new().read(read).write(write).open(path).map(drop)
                });
                cede::yield_now();
                // Its job is about to open it, or waits there.
                cede::sleep(Duration::from_micros(100 * tenths));
                task.cancel();
                // It may have met the other end of one that was cancelled before.
                let _ = cede::timeout(Duration::from_secs(60), || task.join()).expect("it ends");
            }
        });
    }
    // One that isn't cancelled waits for its other end, and has it.
    cede::run(|| {
        let path = fifo.clone();
        let reader = cede::spawn(move || ours::read_to_string(path).unwrap());
        let path = fifo.clone();
        let writer = cede::spawn(move || ours::OpenOptions::new().write(true).open(path).unwrap());
        let mut writer = soon(&writer);
        writer.write_all(b"through").unwrap();
        writer.close().unwrap();
        assert_eq!(soon(&reader), "through");
    });
}

#[test]
fn a_pipe_whose_path_leads_elsewhere_is_opened_no_longer_when_that_is_cancelled() {
    let place = Place::new();
    for (round, read) in (0..24).map(|round| (round, round % 4 < 2)) {
        let fifo = place.fifo("pipe");
        // Without that the end of the run would wait for ever.
        cede::run(|| {
            let path = fifo.clone();
            let task =
                cede::spawn(move || ours::OpenOptions::new().read(read).write(!read).open(path).map(drop));
            cede::yield_now();
            cede::sleep(Duration::from_micros(200 * round));
            fs::remove_file(&fifo).unwrap();
            if round % 2 == 0 {
                place.file("pipe", "another");
            }
            task.cancel();
            // It may have been about to open it.
            let _ = cede::timeout(Duration::from_secs(60), || task.join()).expect("it ends");
        });
        if round % 2 == 0 {
            assert_eq!(fs::read(&fifo).unwrap(), b"another");
            fs::remove_file(&fifo).unwrap();
        }
    }
}

#[test]
fn what_a_copy_would_destroy_or_wait_for_is_refused() {
    run(|place| {
        let from = place.file("from", "contents");
        fs::hard_link(&from, place.at("hard")).unwrap();
        symlink("from", place.at("soft")).unwrap();
        for to in ["from", "hard", "soft"] {
            let error = ours::copy(&from, place.at(to)).unwrap_err();
            assert!(error.to_string().ends_with("both are the same file"), "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(fs::read(&from).unwrap(), b"contents");
        }
        let fifo = place.fifo("pipe");
        for (from, to) in [(&fifo, &place.at("to")), (&from, &fifo)] {
            let copied =
                cede::timeout(Duration::from_secs(60), || ours::copy(from, to)).expect("nobody waits");
            assert_eq!(copied.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        // What was longer is as long as the other.
        let longer = place.file("longer", "x".repeat(10_000));
        assert_eq!(ours::copy(&from, &longer).unwrap(), 8);
        assert_eq!(fs::read(&longer).unwrap(), b"contents");
        assert_eq!(ours::copy(&from, "/dev/null").unwrap(), 8);
        assert_eq!(ours::copy("/proc/self/status", &longer).unwrap(), fs::metadata(&longer).unwrap().len());
    });
}

#[test]
fn a_list_that_can_be_fetched_no_further_says_so_once() {
    let place = Place::new();
    fill(&place.at("large"), 2000);
    let mut list = cede::run(|| read_dir(place.at("large"))).unwrap();
    let rest: Vec<_> = list.by_ref().take(10_000).collect();
    assert!(rest.last().unwrap().is_err());
    assert!(rest.len() < 2000 && rest[..rest.len() - 1].iter().all(Result::is_ok));
    assert!(list.next().is_none());
}
