//! What the Dockerfile and the systemd unit say is so, as far as it can be told without an engine for either.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command as Program;

use alk_pubsub_hub::{Cli, Command, ServeArgs};
use support::Folder;

fn packaging(file: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The root of the repository, from which the image is built.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What `alk-hub serve` does unless told otherwise.
fn defaults() -> ServeArgs {
    let Command::Serve(defaults) = Cli::read(["alk-hub", "serve"]).unwrap().command else { panic!() };
    *defaults
}

/// The instructions of a Dockerfile, each with what stands behind it.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let words = joined.lines().filter_map(|line| line.trim().split_once(' '));
    words.map(|(instruction, rest)| (instruction.to_owned(), rest.trim().to_owned())).collect()
}

#[test]
fn the_image_is_built_of_what_is_there() {
    let (_, text) = packaging("Dockerfile");
    let instructions = instructions(&text);
    let all = |name: &str| -> Vec<&str> {
        instructions.iter().filter(|(found, _)| found == name).map(|(_, rest)| rest.as_str()).collect()
    };
    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let version = all("ARG")[0].strip_prefix("RUST_VERSION=").unwrap();
    assert!(toolchain.contains(&format!("channel = \"{version}\"")), "{version}");
    let stages = all("FROM");
    assert_eq!(stages.len(), 2, "what it is built with is not in it");
    assert!(stages[0].ends_with(" AS build") && stages[1].ends_with(":nonroot"), "{stages:?}");

    let built = all("RUN").into_iter().find(|run| run.contains("cargo build")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_alk-hub")).file_name().unwrap().to_str().unwrap();
    for words in [
        "--locked",
        "--release",
        &format!("--package {}", env!("CARGO_PKG_NAME")),
        &format!("--bin {binary}"),
        &format!("cp target/release/{binary} /{binary}"),
    ] {
        assert!(built.contains(words), "{words}: {built}");
    }
    assert!(root().join("Cargo.lock").is_file(), "--locked");
    // What is copied out of the repository is there, and what is copied out of the first stage was put there.
    let mut placed = None;
    for copy in all("COPY") {
        let paths: Vec<&str> = copy.split(' ').filter(|word| !word.starts_with("--")).collect();
        let [sources @ .., to] = paths.as_slice() else { panic!("{copy}") };
        for source in sources {
            if copy.contains("--from=build") {
                assert!(built.ends_with(source), "{copy}");
                placed = Some(to.to_string());
            } else {
                assert!(root().join(source).exists(), "{copy}");
            }
        }
    }
    let placed = placed.expect("the binary is in it");
    assert_eq!(all("ENTRYPOINT"), [format!("[\"{placed}\"]")]);
    assert_eq!(all("CMD"), ["[\"serve\"]"]);
    let user = all("USER");
    let [user] = user[..] else { panic!("{user:?}") };
    // A number, so that a cluster which allows no root can tell.
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    let port = defaults().listen.rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(all("EXPOSE"), [port]);
    assert_eq!(all("STOPSIGNAL"), ["SIGTERM"]);

    // What the build needs is not left out of it.
    let (_, ignored) = packaging("Dockerfile.dockerignore");
    for line in ignored.lines().filter(|line| !line.starts_with('#')) {
        let of_build = ["Cargo", "crates", "xtask", "rust-toolchain", "*"];
        assert!(!of_build.iter().any(|name| line.starts_with(name)) || line == "**/target", "{line}");
    }
}

#[test]
fn the_unit_says_what_the_hub_does() {
    let (path, text) = packaging("systemd/alk-hub.service");
    let settings: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    let setting = |name: &str| {
        let found: Vec<&str> =
            settings.iter().filter(|(found, _)| *found == name).map(|(_, value)| *value).collect();
        let [value] = found[..] else { panic!("{name}: {found:?}") };
        value
    };
    let defaults = defaults();
    let command: Vec<&str> = setting("ExecStart").split(' ').collect();
    assert!(command[0].ends_with("/alk-hub"));
    assert!(matches!(Cli::read(command).unwrap().command, Command::Serve(_)));
    assert!(setting("TimeoutStopSec").parse::<u64>().unwrap() > defaults.drain.as_secs());
    assert!(setting("LimitNOFILE").parse::<usize>().unwrap() > defaults.max_connections.get() + 500);
    // A wrong option stays wrong however often it is started.
    assert_eq!(setting("RestartPreventExitStatus"), "2");
    assert!(Cli::read(["alk-hub", "serve", "--no-such-flag"]).unwrap_err().exit_code() == 2);
    assert_eq!((setting("DynamicUser"), setting("NoNewPrivileges")), ("yes", "yes"));

    if Program::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: there is no systemd-analyze here");
        return;
    }
    // It wants the program to be there.
    let folder = Folder::new();
    let copy = folder.join(path.file_name().unwrap().to_str().unwrap());
    let here = text.replace("/usr/local/bin/alk-hub", env!("CARGO_BIN_EXE_alk-hub"));
    std::fs::write(&copy, here).unwrap();
    let verified = Program::new("systemd-analyze").arg("verify").arg(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    // Of other units of the machine it says things, too.
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("alk-hub")).collect();
    assert!(about_ours.is_empty() && verified.status.success(), "{said}");
}
