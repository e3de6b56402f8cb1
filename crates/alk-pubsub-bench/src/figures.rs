/// What several rounds came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figures {
    /// Of at least one sample; `None` without any.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => return None,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, min: sorted[0], max: sorted[sorted.len() - 1] })
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn the_median_is_in_the_middle() {
        let figures = |samples: &[f64]| Figures::of(samples.iter().copied());
        assert_eq!(figures(&[3.0, 1.0, 2.0]), Some(Figures { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(figures(&[4.0, 1.0, 2.0, 3.0]), Some(Figures { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(figures(&[]), None);
    }
}
