//! Medians of pairs, and how far they can be trusted.

/// Measurements of ours and theirs, taken in turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pairs<T = Vec<f64>> {
    pub(super) ours: T,
    pub(super) theirs: T,
}

/// Samples drawn for an interval.
const DRAWS: usize = 2000;

impl Pairs {
    pub(super) fn push(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    pub(super) fn medians(&self) -> Pairs<f64> {
        Pairs { ours: median(self.ours.clone()), theirs: median(self.theirs.clone()) }
    }

    /// The 95 % interval of the ratio of medians, by bootstrap over pairs.
    pub(super) fn interval(&self) -> (f64, f64) {
        let count = self.ours.len();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let mut ratios: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let drawn: Vec<usize> = (0..count).map(|_| random.below(count)).collect();
                let pick = |from: &[f64]| median(drawn.iter().map(|i| from[*i]).collect());
                pick(&self.ours) / pick(&self.theirs)
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        (ratios[DRAWS / 40], ratios[DRAWS - 1 - DRAWS / 40])
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// xorshift64: the same interval for the same numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
    fn takes_medians_of_pairs() {
        let mut pairs = Pairs::default();
        for i in 1..=5 {
            pairs.push(f64::from(i), f64::from(2 * i));
        }
        assert_eq!(pairs.medians(), Pairs { ours: 3.0, theirs: 6.0 });
        assert_eq!(pairs.interval(), (0.5, 0.5));
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
    }
}
