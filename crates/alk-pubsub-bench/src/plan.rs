/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
}

impl Plan {
    /// So much work, or a tenth of it if it has to be quick.
    pub(crate) fn work(self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}
