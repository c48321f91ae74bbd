//! Latencies and what is said of them.

/// Every latency of one run, in nanoseconds.
#[derive(Default)]
pub struct Tally {
    samples: Vec<u64>,
}

impl Tally {
    /// Note one latency.
    pub fn note(&mut self, latency_ns: u64) {
        self.samples.push(latency_ns);
    }

    /// How many were noted.
    pub fn count(&self) -> usize {
        self.samples.len()
    }

    /// The smallest latency that `per_mille` of all do not exceed, for each of the wanted shares.
    pub fn percentiles(&mut self, per_mille: &[usize]) -> Vec<u64> {
        self.samples.sort_unstable();
        per_mille
            .iter()
            .map(|share| {
                let rank = self.samples.len().saturating_mul(*share).div_ceil(1000);
                self.samples.get(rank.saturating_sub(1)).copied().unwrap_or(0)
            })
            .collect()
    }
}

/// Processor time that this process has taken, as its scheduler counts it.
pub fn processor_ns() -> u64 {
    std::fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next().and_then(|field| field.parse().ok()))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut tally = Tally::default();
        assert_eq!(tally.percentiles(&[500]), [0]);
        (1..=1000).rev().for_each(|sample| tally.note(sample));
        assert_eq!(tally.percentiles(&[500, 990, 999, 1000]), [500, 990, 999, 1000]);
    }

    #[test]
    fn processor_time_grows() {
        let before = processor_ns();
        let sum = (0..3_000_000_u64).fold(0_u64, |sum, step| sum ^ step.wrapping_mul(0x9E37_79B9));
        assert!(sum != 1);
        assert!(processor_ns() > 0 && processor_ns() >= before);
    }
}
