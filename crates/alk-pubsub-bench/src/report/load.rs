/// How busy the machine was when it began: others that work beside a measurement are in its figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// The load average of the last minute, where the system tells.
    pub(crate) average: Option<f64>,
    pub(crate) cores: usize,
}

impl Load {
    pub(crate) fn now() -> Self {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let average = text.split_whitespace().next().and_then(|first| first.parse().ok());
        Self { average, cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { average, cores } = self;
        match average {
            Some(average) => write!(f, "{cores} cores, load average {average:.2} at the beginning"),
            None => write!(f, "{cores} cores, load unknown"),
        }
    }
}
