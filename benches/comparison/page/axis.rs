//! The scales of a plot: where a value stands, and which values have a line and a number.

/// A scale and its words.
pub struct Axis {
    /// What is counted, and its unit.
    pub label: &'static str,
    /// By factors of ten, instead of from zero.
    pub logarithmic: bool,
    /// How a number on it reads.
    pub tick: fn(f64) -> String,
    /// Where it counts nothing, but has a place for each of these: 0, 1, 2 and so on.
    pub places: Vec<String>,
}

impl Axis {
    /// Where a value stands.
    pub fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(1e-9).log10() } else { value }
    }

    /// The values that have a line, and what stands there.
    pub fn ticks(&self, (low, high): (f64, f64)) -> Vec<(f64, String)> {
        if !self.places.is_empty() {
            return (0..).map(f64::from).zip(self.places.iter().cloned()).collect();
        }
        let ticks = if self.logarithmic { logarithmic_ticks(low, high) } else { even_ticks(low, high) };
        ticks.into_iter().map(|tick| (tick, (self.tick)(tick))).collect()
    }
}

/// Powers of ten, with 2 and 5 between them where there would be few.
fn logarithmic_ticks(low: f64, high: f64) -> Vec<f64> {
    let factors: &[f64] = if high - low > 2.2 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut ticks = Vec::new();
    let mut power = low.floor();
    while power <= high {
        ticks.extend(factors.iter().map(|factor| factor * 10f64.powf(power)));
        power += 1.0;
    }
    ticks.retain(|tick| (low..=high).contains(&tick.log10()));
    ticks
}

/// Round numbers from zero on, about five of them.
fn even_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil();
    (0..12).map(|n| (first + f64::from(n)) * step).take_while(|tick| *tick <= high).collect()
}
