//! What Linux says of a process.

/// A process that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(super) u32);

impl Process {
    /// A line of its status that is a size, in bytes; `None` where the system does not tell.
    pub(crate) fn memory(self, line: &str) -> Option<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|found| found.strip_prefix(line))?;
        let kib: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    }

    /// The most memory that it had resident since [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak(self) -> usize {
        self.memory("VmHWM:").expect("Linux")
    }

    pub(crate) fn forget_peak(self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
    }

    /// How many files and sockets it has open.
    pub(crate) fn files(self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap().count()
    }
}
