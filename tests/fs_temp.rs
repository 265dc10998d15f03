//! Temporary files and directories: they are there, and gone with what holds them.

use std::fs;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::rc::Rc;

use cede::fs::temp::{Builder, NamedTempFile, SpooledTempFile, TempDir, temp_file};
use cede::{Runner, unblock};

mod fs_place;
use fs_place::{Place, cancel, says, until_it_waits};

fn run<T>(main: impl FnOnce(&Place, Builder) -> T) -> T {
    let place = Place::new();
    let builder = Builder::new().directory(place.path());
    cede::run(|| main(&place, builder))
}

/// What is in the place.
fn count(place: &Place) -> usize {
    fs::read_dir(place.path()).unwrap().count()
}

#[test]
fn a_file_without_a_name_is_nowhere() {
    run(|place, builder| {
        let mut file = builder.unnamed().unwrap();
        file.write_all(b"abc").unwrap();
        file.rewind().unwrap();
        assert_eq!(io::read_to_string(&file).unwrap(), "abc");
        assert_eq!((count(place), file.metadata().unwrap().nlink()), (0, 0));
        temp_file().unwrap().write_all(b"abc").unwrap();
    });
}

#[test]
fn a_named_file_reads_and_writes_and_goes_with_its_holder() {
    run(|place, builder| {
        let mut file = builder.prefix("a").suffix(".b").random_letters(9).named().unwrap();
        let path = file.path().to_owned();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with('a') && name.ends_with(".b") && name.len() == 12, "{name}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(file.write(b"one\n").unwrap(), 4);
        assert_eq!(file.write_vectored(&[IoSlice::new(b"two\n"), IoSlice::new(b"three")]).unwrap(), 9);
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\nthree");
        assert_eq!(file.seek(SeekFrom::Start(1)).unwrap(), 1);
        let (mut one, mut two) = ([0; 1], [0; 1]);
        assert_eq!(
            file.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap(),
            2
        );
        assert_eq!((one, two), (*b"n", *b"e"));
        file.read_exact(&mut one).unwrap();
        assert_eq!(file.as_file().lines().next().unwrap().unwrap(), "two");
        assert_eq!((file.read(&mut one).unwrap(), one), (1, *b"t"));
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!((&*rest, file.read_to_end(&mut Vec::new()).unwrap()), ("hree", 0));
        drop(file);
        assert_eq!(count(place), 0);
    });
}

#[test]
fn a_named_file_can_be_closed_kept_and_given_a_path() {
    run(|place, builder| {
        builder.named().unwrap().close().unwrap();
        assert_eq!(count(place), 0);
        let (file, path) = builder.named().unwrap().keep();
        drop(file);
        fs::remove_file(path).unwrap();

        let to = place.file("to", "old");
        let mut file = builder.named().unwrap();
        file.write_all(b"new").unwrap();
        let refused = file.persist_noclobber(&to).unwrap_err();
        says(&refused.error, "can't rename ", libc::EEXIST);
        assert_eq!(fs::read(&to).unwrap(), b"old");
        let mut file = refused.file.persist(&to).unwrap();
        assert_eq!((fs::read(&to).unwrap(), count(place)), (b"new".to_vec(), 1));
        file.write_all(b"er").unwrap();
        file.close().unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"newer");

        drop(builder.named().unwrap().persist_noclobber(place.at("fresh")).unwrap());
        assert_eq!(count(place), 2);
        let refused = builder.named().unwrap().persist(place.at("no/where")).unwrap_err();
        assert_eq!(io::Error::from(refused).kind(), ErrorKind::NotFound);
        assert_eq!(count(place), 2);
    });
}

#[test]
fn a_directory_goes_with_all_that_is_in_it() {
    run(|place, builder| {
        let directory = builder.dir().unwrap();
        assert_eq!(fs::metadata(directory.path()).unwrap().mode() & 0o777, 0o700);
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), "").unwrap();
        drop(directory);
        assert_eq!(count(place), 0);
        let directory = builder.clone().permissions(fs::Permissions::from_mode(0o750)).dir().unwrap();
        assert_eq!(fs::metadata(directory.path()).unwrap().mode() & 0o777, 0o750);
        directory.close().unwrap();
        let kept = builder.dir().unwrap().keep();
        fs::remove_dir(kept).unwrap();
        let directory = builder.dir().unwrap();
        fs::remove_dir(directory.path()).unwrap();
        assert_eq!(directory.close().unwrap_err().kind(), ErrorKind::NotFound);
        drop((TempDir::new().unwrap(), NamedTempFile::new().unwrap()));
    });
}

#[test]
fn errors_name_the_directory() {
    run(|place, _| {
        let nowhere = Builder::new().directory(place.at("none"));
        let none = place.at("none");
        says(
            &nowhere.named().unwrap_err(),
            &format!("can't make a temporary file in {none:?}: "),
            libc::ENOENT,
        );
        says(
            &nowhere.unnamed().unwrap_err(),
            &format!("can't make a temporary file in {none:?}: "),
            libc::ENOENT,
        );
        says(&nowhere.dir().unwrap_err(), "can't make a temporary directory in ", libc::ENOENT);
    });
}

#[test]
fn a_spooled_file_moves_when_it_grows_too_large() {
    run(|_, _| {
        let mut file = SpooledTempFile::new(10);
        file.write_all(b"0123456789").unwrap();
        file.flush().unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).unwrap();
        assert_eq!((&two, file.is_rolled()), (b"45", false));
        file.write_all(b"ABCDE").unwrap();
        assert!(file.is_rolled());
        file.write_all(b"F").unwrap();
        file.flush().unwrap();
        file.seek(SeekFrom::Start(2)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "2345ABCDEF");
        file.set_len(3).unwrap();
        assert_eq!(file.into_file().unwrap().metadata().unwrap().len(), 3);

        let mut file = SpooledTempFile::new(10);
        file.set_len(7).unwrap();
        assert!(!file.is_rolled());
        assert_eq!(file.read_to_end(&mut Vec::new()).unwrap(), 7);
        file.set_len(11).unwrap();
        assert!(file.is_rolled());
        // A position beyond the end counts.
        let mut file = SpooledTempFile::new(10);
        file.seek(SeekFrom::Start(u64::MAX)).unwrap();
        assert!(file.write(b"x").is_err());
        file.seek(SeekFrom::Start(20)).unwrap();
        file.write_all(b"x").unwrap();
        assert!(file.is_rolled());
        let mut file = SpooledTempFile::new(10);
        file.write_all(b"abc").unwrap();
        assert_eq!(file.into_file().unwrap().stream_position().unwrap(), 3);
    });
}

#[test]
fn what_a_cancelled_task_has_is_removed() {
    run(|place, builder| {
        let (directory, file) = (builder.dir().unwrap(), builder.named().unwrap());
        let task = cede::spawn(move || {
            let _held = (directory, file);
            cede::sleep(std::time::Duration::MAX);
        });
        until_it_waits(&task);
        cancel(&task);
        assert_eq!(count(place), 0);
    });
}

#[test]
fn what_is_made_for_a_task_that_has_gone_is_removed() {
    let place = Place::new();
    let builder = Builder::new().directory(place.path());
    let makers: [fn(&Builder); 2] =
        [|builder| _ = builder.named().unwrap(), |builder| _ = builder.dir().unwrap()];
    for turns in 0..40 {
        cede::run(|| {
            let (builder, make) = (builder.clone(), makers[turns % 2]);
            let task = cede::spawn(move || make(&builder));
            (0..turns / 2).for_each(|_| cede::yield_now());
            task.cancel();
            let _ = task.join();
        });
        assert_eq!(count(&place), 0, "after {turns} turns");
    }
}

#[test]
fn a_move_to_disk_that_is_cancelled_leaves_it_in_memory() {
    let runner = Runner::builder().max_blocking_threads(1).build();
    runner
        .run(|| {
            let (free, busy) = std::sync::mpsc::channel::<()>();
            let blocking = cede::spawn(move || unblock(move || _ = busy.recv()));
            until_it_waits(&blocking);
            let file = Rc::new(std::cell::RefCell::new(SpooledTempFile::new(3)));
            file.borrow_mut().write_all(b"abc").unwrap();
            let ours = Rc::clone(&file);
            let task = cede::spawn(move || ours.borrow_mut().write_all(b"d").unwrap());
            until_it_waits(&task);
            cancel(&task);
            drop(free);
            let mut file = file.borrow_mut();
            assert!(!file.is_rolled());
            file.rewind().unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "abc");
        })
        .unwrap();
}

#[test]
fn outside_of_a_task_nothing_is_made_and_all_is_removed() {
    let place = Place::new();
    let builder = Builder::new().directory(place.path());
    assert!(builder.named().is_err() && builder.dir().is_err() && builder.unnamed().is_err());
    let (file, directory): (NamedTempFile, TempDir) =
        cede::run(|| (builder.named().unwrap(), builder.dir().unwrap()));
    let refused = file.persist(PathBuf::from("/nowhere")).unwrap_err();
    assert!(refused.to_string().starts_with("only a task can wait"), "{refused}");
    assert_eq!(count(&place), 2);
    drop((refused, directory));
    assert_eq!(count(&place), 0);
}
