//! The plots of `transfer` in SVG: packets and seconds against the size of a file, both axes logarithmic.

use crate::lab::transfer::Figures;
use shoutd::units::grouped;

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 272.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 584.0;
/// With room above for the label of a point at the very top.
const TOP: f64 = 28.0;
const BOTTOM: f64 = 226.0;

/// What is plotted against the size of a file.
struct Series<'a> {
    title: &'a str,
    class: &'a str,
    points: Vec<(f64, f64)>,
    label: fn(f64) -> String,
}

/// Three plots, one below the other.
pub fn of(figures: &[Figures]) -> String {
    let points = |value: fn(&Figures) -> f64| -> Vec<(f64, f64)> {
        figures.iter().map(|row| (row.size as f64, value(row))).collect()
    };
    let plots = [
        Series {
            title: "Packets in both directions",
            class: "c",
            points: points(|row| row.packets() as f64),
            label: whole,
        },
        Series { title: "Seconds", class: "s", points: points(|row| row.seconds), label: short },
        Series {
            title: "Mean payload of a packet with data, in bytes",
            class: "c",
            points: points(|row| row.whole_mean() as f64),
            label: whole,
        },
    ];
    plots.iter().map(draw).collect()
}

fn draw(series: &Series) -> String {
    let good: Vec<(f64, f64)> = series.points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0).collect();
    let (low_x, high_x) = decades(good.iter().map(|point| point.0));
    let (low_y, high_y) = decades(good.iter().map(|point| point.1));
    let x = |value: f64| LEFT + (value.log10() - low_x) / (high_x - low_x) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - (value.log10() - low_y) / (high_y - low_y) * (BOTTOM - TOP);
    let mut body = String::new();
    let mut tick = low_x;
    while tick <= high_x {
        let at = x(10f64.powf(tick));
        body += &format!(
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/><text class=\"soft\" x=\"{at:.1}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>\n",
            BOTTOM + 18.0,
            bytes(10f64.powf(tick))
        );
        tick += 1.0;
    }
    tick = low_y;
    while tick <= high_y {
        let at = y(10f64.powf(tick));
        body += &format!(
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/><text class=\"soft\" x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>\n",
            LEFT - 8.0,
            at + 4.0,
            (series.label)(10f64.powf(tick))
        );
        tick += 1.0;
    }
    let line: Vec<String> =
        good.iter().map(|(size, value)| format!("{:.1} {:.1}", x(*size), y(*value))).collect();
    body += &format!("<path class=\"arrow {}\" d=\"M{}\"/>\n", series.class, line.join("L"));
    let mut before = f64::NEG_INFINITY;
    for (size, value) in &good {
        let (at_x, at_y) = (x(*size), y(*value));
        // A label goes below its point where the one before is in the way, and inward at the edges.
        let below = at_x - before < 56.0;
        let anchor = if at_x > RIGHT - 40.0 {
            "end"
        } else if at_x < LEFT + 30.0 {
            "start"
        } else {
            "middle"
        };
        body += &format!(
            "<circle class=\"head {}\" cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3.5\"/><text x=\"{at_x:.1}\" y=\"{:.1}\" \
             text-anchor=\"{anchor}\">{}</text>\n",
            series.class,
            at_y + if below { 18.0 } else { -9.0 },
            (series.label)(*value)
        );
        before = if below { f64::NEG_INFINITY } else { at_x };
    }
    body += &format!(
        "<text class=\"soft\" x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">size of the file, bytes</text>\n",
        BOTTOM + 38.0
    );
    format!(
        "<figure>\n<h3>{}</h3>\n<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} against \
         the size of the file\">\n{body}</svg>\n</figure>\n",
        series.title, series.title
    )
}

/// The powers of ten that enclose all values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
    let high = values.fold(f64::NEG_INFINITY, f64::max).log10().ceil();
    if low.is_finite() && high.is_finite() && high > low { (low, high) } else { (0.0, 1.0) }
}

fn whole(value: f64) -> String {
    grouped(value.round() as u64)
}

fn bytes(value: f64) -> String {
    match value {
        value if value >= 1e9 => format!("{:.0} GB", value / 1e9),
        value if value >= 1e6 => format!("{:.0} MB", value / 1e6),
        value if value >= 1e3 => format!("{:.0} kB", value / 1e3),
        value => format!("{value:.0}"),
    }
}

fn short(value: f64) -> String {
    match value {
        value if value >= 0.999 => format!("{value:.1} s"),
        value if value >= 0.0999 => format!("{:.0} ms", value * 1e3),
        value if value >= 0.000999 => format!("{:.1} ms", value * 1e3),
        value => format!("{:.0} µs", value * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_label_is_whole() {
        let figures = |size, seconds| Figures {
            size,
            sent: 5,
            received: 5,
            with_data: 1,
            payload: size,
            once: size,
            seconds,
            counted: None,
        };
        let plots = of(&[figures(13, 0.001), figures(100_000_000, 0.09999)]);
        let label = plots.lines().find(|line| line.contains(">100 ms</text>") && line.contains("circle"));
        let baseline =
            label.and_then(|line| line.split(" y=\"").nth(1)?.split('"').next()?.parse::<f64>().ok());
        assert!(baseline.is_some_and(|baseline| baseline >= 14.0), "letters are 13 units high: {label:?}");
    }

    #[test]
    fn a_plot_has_the_numbers_of_the_table() {
        let figures = Figures {
            size: 100_000,
            sent: 1_500,
            received: 3,
            with_data: 3,
            payload: 125_027,
            once: 125_027,
            seconds: 0.1,
            counted: None,
        };
        let (plot, table) = (of(&[figures]), crate::lab::transfer::table(&[figures]));
        for number in ["41,676", "1,503"] {
            assert!(plot.contains(&format!(">{number}</text>")), "no {number} in {plot}");
        }
        assert!(table.contains("41,676") && !plot.contains("41,675"), "{table}");
    }
}
