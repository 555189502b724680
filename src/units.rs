//! How figures read: times with a unit that suits them, large numbers with commas.

use std::time::Duration;

/// A time with the unit that suits it.
pub fn seconds(time: Duration) -> String {
    match time.as_micros() {
        micros @ ..1000 => format!("{micros} µs"),
        micros @ ..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        micros => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// A count with commas, rounded to a whole number; less than none is none.
pub fn count(number: f64) -> String {
    with_commas(&format!("{:.0}", number.max(0.0)))
}

/// A number with commas.
pub fn grouped(number: u64) -> String {
    with_commas(&number.to_string())
}

fn with_commas(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([13, 2_000, 100_000_000].map(grouped), ["13", "2,000", "100,000,000"]);
        assert_eq!([-1.0, 0.4, 1_234.5, 1e9].map(count), ["0", "0", "1,234", "1,000,000,000"]);
    }
}
