//! Medians, ranges and quotients: all the statistics there are. With three or five rounds anything finer
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
    /// How many values there were.
    pub count: usize,
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
        Some(Spread { median, low, high, count: values.len() })
    }
}

/// `a` divided by `b`, round by round. A machine that is slow for a minute is so for both, so the quotients
/// within rounds say more than the quotient of two medians. `None` if no round has both.
pub fn ratio(a: &[(u32, f64)], b: &[(u32, f64)]) -> Option<Spread> {
    let quotient = |(round, value): &(u32, f64)| {
        let (_, divisor) = b.iter().find(|(of, _)| of == round)?;
        // Where nothing is the divisor there is no quotient; what isn't finite is left out.
        Some(value / divisor)
    };
    Spread::of(a.iter().filter_map(quotient))
}
