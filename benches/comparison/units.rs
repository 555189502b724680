//! How figures read: three digits at most that mean something, and a unit that fits.

pub use shoutd::units::count;

/// A count of which three digits are known.
pub fn rate(value: f64) -> String {
    count(rounded(value))
}

/// A count on an axis: 20 k.
pub fn short(value: f64) -> String {
    match rounded(value) {
        millions @ 1e6.. => format!("{} M", plain(millions / 1e6)),
        thousands @ 1e4.. => format!("{} k", plain(thousands / 1e3)),
        few => count(few),
    }
}

/// Microseconds, as what reads best.
pub fn time(microseconds: f64) -> String {
    match rounded(microseconds) {
        us @ 1e6.. => format!("{} s", plain(us / 1e6)),
        us @ 1e3.. => format!("{} ms", plain(us / 1e3)),
        us => format!("{} µs", plain(us)),
    }
}

/// Bytes, in decimal units.
pub fn memory(bytes: f64) -> String {
    match rounded(bytes) {
        bytes @ 1e9.. => format!("{} GB", plain(bytes / 1e9)),
        bytes @ 1e6.. => format!("{} MB", plain(bytes / 1e6)),
        bytes => format!("{} kB", plain(bytes / 1e3)),
    }
}

/// A number of any size, three digits of it.
pub fn number(value: f64) -> String {
    plain(rounded(value))
}

/// To three significant digits.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let power = 10f64.powi(2 - value.abs().log10().floor() as i32);
    (value * power).round() / power
}

/// Without digits that say nothing.
fn plain(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
