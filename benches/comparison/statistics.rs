//! Medians, ranges and quotients of medians: all the statistics there are. With three or five rounds anything finer
//! would only look exact.

/// A median with its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle value, or the mean of the two middle ones.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// Of some values; `None` if there are none. What isn't a finite number is left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Spread { median, low, high })
    }
}

/// Rounds whose quotients are further apart than this factor have measured different things.
const APART: f64 = 2.0;

/// The factor below which a difference isn't spoken of.
const WORTH_SAYING: f64 = 1.05;

/// How one server compares with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The median of the one divided by the median of the other. It is the same whichever is divided, as a
    /// median of quotients is not: of 1/1.17 and 1/2520 that would be 1/2.34, and of 1.17 and 2520 it is 1260.
    pub factor: f64,
    /// The smallest quotient within a round. A machine that is slow for a minute is so for both, so these
    /// tell whether the rounds agree; the factor is always between them.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// How many rounds there are.
    pub rounds: usize,
}

/// What the rounds say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The one has clearly more: in every round, two at least, and by 5 % or more. Where the rounds are far
    /// apart, it is so only if even the least of them says that it is twice as much.
    More,
    /// The other has, likewise.
    Less,
    /// They agree that there is no clear difference.
    Even,
    /// They are too far apart to say anything.
    Disagreement,
    /// There is only one, which nothing confirms.
    Single,
}

impl Ratio {
    /// Of the rounds that both have; `None` if there are none. A round in which one has nothing is left out,
    /// as there is no quotient.
    pub fn of(a: &[(u32, f64)], b: &[(u32, f64)]) -> Option<Ratio> {
        let both = |(round, one): &(u32, f64)| {
            let (_, other) = b.iter().find(|(of, _)| of == round)?;
            (*one > 0.0 && *other > 0.0).then_some((*one, *other))
        };
        let pairs: Vec<(f64, f64)> = a.iter().filter_map(both).collect();
        let [one, other] = [
            Spread::of(pairs.iter().map(|pair| pair.0))?.median,
            Spread::of(pairs.iter().map(|pair| pair.1))?.median,
        ];
        let quotients = Spread::of(pairs.iter().map(|(one, other)| one / other))?;
        Some(Ratio { factor: one / other, low: quotients.low, high: quotients.high, rounds: pairs.len() })
    }

    /// The other way round.
    pub fn inverse(self) -> Ratio {
        Ratio { factor: 1.0 / self.factor, low: 1.0 / self.high, high: 1.0 / self.low, rounds: self.rounds }
    }

    /// Whether the rounds are close enough together for the factor to mean something.
    pub fn is_agreed(&self) -> bool {
        self.high <= self.low * APART
    }

    /// What the rounds say together.
    pub fn finding(&self) -> Finding {
        if self.rounds < 2 {
            Finding::Single
        } else if self.low >= APART {
            Finding::More
        } else if self.high <= 1.0 / APART {
            Finding::Less
        } else if !self.is_agreed() {
            Finding::Disagreement
        } else if self.low > 1.0 && self.factor >= WORTH_SAYING {
            Finding::More
        } else if self.high < 1.0 && 1.0 / self.factor >= WORTH_SAYING {
            Finding::Less
        } else {
            Finding::Even
        }
    }
}
