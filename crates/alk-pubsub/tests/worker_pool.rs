//! The example `worker_pool` prints what `sha256sum` prints.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "../examples/worker_pool.rs"]
#[allow(dead_code, reason = "its `main` is not called here")]
mod worker_pool;

use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

/// This repository's crates.
fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let kind = entry.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            collect(&entry, files);
        } else if kind.is_file() {
            files.push(entry);
        }
    }
}

/// What is to be printed, by a single thread.
fn expected(folder: &Path) -> String {
    let mut files = Vec::new();
    collect(folder, &mut files);
    let line = |file: PathBuf| {
        let digest: String =
            Sha256::digest(fs::read(&file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{digest}  {}\n", file.display())
    };
    files.into_iter().map(line).collect()
}

/// A copy that nobody writes to while it is read twice.
fn copy_of_the_crates() -> tempfolder::Folder {
    let copy = tempfolder::Folder::new("crates");
    copy.fill_from(&crates());
    copy
}

mod tempfolder {
    use std::fs;
    use std::path::{Path, PathBuf};

    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Self {
            let id = std::process::id();
            let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("{name}-{id}-{:?}", std::thread::current().id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(super) fn fill_from(&self, folder: &Path) {
            copy(folder, &self.0);
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn copy(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap().flatten() {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => {
                    fs::create_dir_all(&to).unwrap();
                    copy(&from, &to);
                }
                // What is being written at this moment may be gone by now.
                kind if kind.is_file() => drop(fs::copy(from, to)),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn the_digests_of_this_repository_come_in_order() {
    let folder = copy_of_the_crates();
    let mut out = Vec::new();
    let summary = worker_pool::run(&folder.0, &mut out, pending()).await.unwrap();
    let expected = expected(&folder.0);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(summary.files > 100 && summary.files == expected.lines().count() as u64, "{summary:?}");
    assert_eq!((summary.unreadable, summary.interrupted), (0, false));
}

#[tokio::test]
async fn an_interrupt_ends_it() {
    let folder = copy_of_the_crates();
    let mut out = Vec::new();
    let summary = worker_pool::run(&folder.0, &mut out, std::future::ready(true)).await.unwrap();
    assert!(summary.interrupted);
    assert!(expected(&folder.0).as_bytes().starts_with(&out), "whole lines, in order");
}

#[tokio::test]
async fn an_empty_folder_has_no_lines_and_a_missing_one_is_complained_of() {
    let folder = tempfolder::Folder::new("empty");
    let mut out = Vec::new();
    let summary = worker_pool::run(&folder.0, &mut out, pending()).await.unwrap();
    assert_eq!((summary.files, summary.unreadable), (0, 0));
    let summary = worker_pool::run(&folder.0.join("missing"), &mut out, pending()).await.unwrap();
    assert_eq!((summary.files, summary.unreadable), (1, 1));
    assert!(out.is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_is_named_is_followed_and_others_are_not() {
    use std::os::unix::fs::symlink;
    let folder = tempfolder::Folder::new("linked");
    fs::create_dir(folder.0.join("real")).unwrap();
    fs::write(folder.0.join("real/file"), "a").unwrap();
    symlink("file", folder.0.join("real/again")).unwrap();
    symlink("real", folder.0.join("folder")).unwrap();
    symlink("real/file", folder.0.join("single")).unwrap();
    for (link, named) in [("folder", "folder/file"), ("single", "single")] {
        let mut out = Vec::new();
        let summary = worker_pool::run(&folder.0.join(link), &mut out, pending()).await.unwrap();
        assert_eq!((summary.files, summary.unreadable), (1, 0), "{link}");
        let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        let expected = format!("{digest}  {}\n", folder.0.join(named).display());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

/// The example as it was built beside this test.
fn built_example() -> Option<PathBuf> {
    let name = format!("worker_pool{}", std::env::consts::EXE_SUFFIX);
    let built = std::env::current_exe().unwrap().parent()?.parent()?.join("examples").join(name);
    built.exists().then_some(built)
}

#[test]
fn the_built_example_prints_what_sha256sum_prints() {
    let Some(example) = built_example() else {
        eprintln!("skipped: the example is built by `cargo test` without a choice of tests");
        return;
    };
    let folder = copy_of_the_crates();
    // Names that `sha256sum` escapes.
    if cfg!(unix) {
        fs::write(folder.0.join("back\\slash"), "a").unwrap();
        fs::write(folder.0.join("new\nline"), "b").unwrap();
    }
    fs::write(folder.0.join("empty"), "").unwrap();
    let printed = Command::new(example).arg(&folder.0).stderr(Stdio::inherit()).output().unwrap();
    assert!(printed.status.success());
    let mut files = Vec::new();
    collect(&folder.0, &mut files);
    match Command::new("sha256sum").args(&files).output() {
        Ok(expected) => assert!(expected.stdout == printed.stdout, "the same bytes"),
        Err(error) => eprintln!("skipped: there is no sha256sum: {error}"),
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_built_example_behind_a_whole_line() {
    use std::io::{BufRead, BufReader, Read};
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    let Some(example) = built_example() else {
        eprintln!("skipped: the example is built by `cargo test` without a choice of tests");
        return;
    };
    // Far more lines than a pipe holds that nobody reads from, so that it is at work whenever the signal comes.
    const FILES: usize = 5_000;
    let folder = tempfolder::Folder::new("interrupted");
    for number in 0..FILES {
        fs::write(folder.0.join(format!("{number:0>100}")), "a").unwrap();
    }
    let mut running = Command::new(example).arg(&folder.0).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(running.stdout.take().unwrap());
    let mut printed = String::new();
    for _ in 0..200 {
        out.read_line(&mut printed).unwrap();
    }
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let (done, ended) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        out.read_to_string(&mut printed).unwrap();
        done.send(printed).unwrap();
    });
    let Ok(printed) = ended.recv_timeout(Duration::from_secs(60)) else {
        running.kill().unwrap();
        panic!("it did not end");
    };
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert!(expected(&folder.0).starts_with(&printed) && printed.ends_with('\n'), "whole lines, in order");
    assert!(printed.lines().count() < FILES, "it was interrupted");
}
