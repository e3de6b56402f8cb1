//! Counting by callgrind.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;

/// Enough for what happens only at first, such as buffers that grow.
const WARM_UP: u64 = 2_000;
const EVENTS: u64 = 10_000;

/// # Errors
///
/// Valgrind is not there; says what to do about it.
pub(super) fn installed() -> Result<()> {
    match Command::new("valgrind").arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "valgrind is not installed, and it is what counts: `apt-get install valgrind`, `dnf install valgrind`, \
             or https://valgrind.org; it runs on Linux and FreeBSD, for others take a container"
        ),
        Ok(status) => bail!("valgrind does not run ({status})"),
        Err(error) => Err(error).context("valgrind does not start"),
    }
}

/// The difference of a longer run and a shorter one, so that what happens once in a run does not count.
pub(super) fn instructions_per_event(folder: &Path, path: &str) -> Result<u64> {
    let few = instructions(folder, path, WARM_UP)?;
    let many = instructions(folder, path, WARM_UP + EVENTS)?;
    let difference = many.checked_sub(few).context("more events took fewer instructions")?;
    Ok(difference / EVENTS)
}

fn instructions(folder: &Path, path: &str, events: u64) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(folder.join("single-event"))
        .args([path, &events.to_string()]);
    let output = command.output().with_context(|| format!("cannot start {}", cargo::shown(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} failed ({}): {}", cargo::shown(&command), output.status, said.trim());
    }
    collected(&said).with_context(|| format!("callgrind did not say what it counted: {}", said.trim()))
}

/// The count in what callgrind says at its end: `==42== Collected : 123456`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said.lines().find_map(|line| line.split_once("Collected : "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_callgrind_says() {
        let said = "==42== Callgrind\n==42== \n==42== Events    : Ir\n==42== Collected : 123456\n==42==\n";
        assert_eq!(collected(said), Some(123_456));
        assert_eq!(collected("==42== Callgrind\n"), None);
        assert_eq!(collected("==42== Collected : lots\n"), None);
    }
}
