//! Installing what tests need with the machine's own package manager: a Redis server, and the languages of peers.
//!
//! On Debian and its relatives the package also starts a service on port 6379. It is the machine's, not ours: tests
//! start servers of their own on free ports and never talk to that one.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::redis_server::in_folders;
use crate::cargo::{shown, stdout_of};

struct PackageManager {
    program: &'static str,
    /// Arguments that bring its list of packages up to date, where it does not do that by itself.
    refresh: Option<&'static [&'static str]>,
    install: &'static [&'static str],
    /// Names the server goes by there; the next is tried when one is unknown.
    packages: &'static [&'static str],
    /// Python with its environments, and Node with npm.
    languages: &'static [&'static str],
    needs_root: bool,
}

const PACKAGE_MANAGERS: &[PackageManager] = &[
    PackageManager {
        program: "apt-get",
        refresh: Some(&["update"]),
        install: &["install", "--yes", "--no-install-recommends"],
        packages: &["redis-server", "valkey-server"],
        languages: &["python3-venv", "nodejs", "npm"],
        needs_root: true,
    },
    PackageManager {
        program: "dnf",
        refresh: None,
        install: &["install", "--assumeyes"],
        packages: &["redis", "valkey"],
        languages: &["python3", "nodejs", "npm"],
        needs_root: true,
    },
    PackageManager {
        program: "apk",
        refresh: None,
        install: &["add", "--no-cache"],
        packages: &["redis", "valkey"],
        languages: &["python3", "nodejs", "npm"],
        needs_root: true,
    },
    PackageManager {
        program: "pacman",
        refresh: Some(&["--sync", "--refresh"]),
        install: &["--sync", "--needed", "--noconfirm"],
        packages: &["redis", "valkey"],
        languages: &["python", "nodejs", "npm"],
        needs_root: true,
    },
    PackageManager {
        program: "brew",
        refresh: None,
        install: &["install"],
        packages: &["redis", "valkey"],
        languages: &["python", "node"],
        needs_root: false,
    },
];

/// Installs a server, saying each command before it runs.
pub(crate) fn redis_server() -> Result<()> {
    let Some(manager) = of_this_machine() else {
        bail!("no Redis server on PATH and no package manager that I know ({}); {}", known(), advice());
    };
    let sudo = manager.needs_root && !is_root()?;
    if sudo && !on_path("sudo") {
        bail!("no Redis server on PATH, and installing one needs root: {}", advice());
    }

    println!("no Redis server on PATH; installing one with {} (--no-install prevents this)", manager.program);
    manager.refresh(sudo)?;
    for package in manager.packages {
        if run(manager.command(manager.install, &[package], sudo))? {
            return Ok(());
        }
    }
    bail!("{} could not install any of {}", manager.program, manager.packages.join(", "))
}

/// Installs Python with its environments, Node and npm, saying each command before it runs.
pub(crate) fn languages() -> Result<()> {
    let Some(manager) = of_this_machine() else {
        bail!("no package manager that I know ({}): install Python 3, Node and npm", known());
    };
    let sudo = manager.needs_root && !is_root()?;
    let install = manager.command(manager.install, manager.languages, sudo);
    if sudo && !on_path("sudo") {
        bail!("installing Python 3, Node and npm needs root: `{}`", shown(&install));
    }
    println!(
        "Python 3, Node or npm is missing; installing with {} (--no-install prevents this)",
        manager.program
    );
    manager.refresh(sudo)?;
    if run(install)? { Ok(()) } else { bail!("{} could not install them", manager.program) }
}

/// Whether what [`languages`] installs is here.
pub(crate) fn has_languages() -> bool {
    on_path("python3") && on_path("node") && on_path("npm")
}

/// What somebody has to do who wants to install by hand.
pub(crate) fn advice() -> String {
    of_this_machine().map_or_else(
        || "install Redis or Valkey".to_owned(),
        |manager| {
            format!("install one, for example with `{}`", {
                shown(&manager.command(manager.install, &manager.packages[..1], manager.needs_root))
            })
        },
    )
}

impl PackageManager {
    /// Brings its list of packages up to date, as far as that can be done.
    fn refresh(&self, sudo: bool) -> Result<()> {
        if let Some(refresh) = self.refresh {
            // A stale list is worth trying, too: perhaps only one of several sources could not be reached.
            if !run(self.command(refresh, &[], sudo))? {
                println!("that failed; trying with the package list as it is");
            }
        }
        Ok(())
    }

    fn command(&self, args: &[&str], packages: &[&str], sudo: bool) -> Command {
        let mut command = Command::new(if sudo { "sudo" } else { self.program });
        if sudo {
            command.arg(self.program);
        }
        command.args(args).args(packages);
        command
    }
}

fn run(mut command: Command) -> Result<bool> {
    println!("$ {}", shown(&command));
    command.stdin(Stdio::null()).env("DEBIAN_FRONTEND", "noninteractive");
    let status = command.status().with_context(|| format!("cannot start {}", shown(&command)))?;
    Ok(status.success())
}

fn of_this_machine() -> Option<&'static PackageManager> {
    PACKAGE_MANAGERS.iter().find(|manager| on_path(manager.program))
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| in_folders(&path, program).is_some())
}

fn is_root() -> Result<bool> {
    let mut id = Command::new("id");
    id.arg("-u");
    Ok(stdout_of(id)?.trim() == "0")
}

fn known() -> String {
    PACKAGE_MANAGERS.iter().map(|manager| manager.program).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::PACKAGE_MANAGERS;
    use crate::cargo::shown;

    #[test]
    fn what_is_run_is_what_one_would_type() {
        let apt = PACKAGE_MANAGERS.iter().find(|manager| manager.program == "apt-get").unwrap();
        assert_eq!(
            shown(&apt.command(apt.install, &["redis-server"], true)),
            "sudo apt-get install --yes --no-install-recommends redis-server"
        );
        assert_eq!(shown(&apt.command(apt.refresh.unwrap(), &[], false)), "apt-get update");
        assert_eq!(
            shown(&apt.command(apt.install, apt.languages, false)),
            "apt-get install --yes --no-install-recommends python3-venv nodejs npm"
        );
    }

    #[test]
    fn every_package_manager_has_something_to_install() {
        for manager in PACKAGE_MANAGERS {
            assert!(!manager.packages.is_empty() && !manager.install.is_empty(), "{}", manager.program);
            assert!(!manager.languages.is_empty(), "{}", manager.program);
        }
    }
}
