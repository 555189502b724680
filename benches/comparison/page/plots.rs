//! Plots as SVG that stands in the page: no script, no file beside it, and its colours are variables of the
//! page's style, so that dark mode and print are the page's business alone.
//!
//! The crate writes colours into attributes. Each series is therefore drawn in a colour that nothing else
//! has, and afterwards those are exchanged for classes. Series differ by marker and dashes as well, and
//! each has its name at its end: colour is never needed to tell them apart.

use super::axis::Axis;
use crate::statistics::Spread;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width of a plot in its own units; the page scales it to the space there is.
const WIDTH: u32 = 460;
/// Height likewise.
const HEIGHT: u32 = 300;
/// Room at the right for the names of the series.
const NAMES: i32 = 82;
/// Lines of text closer than this overlap.
const LINE: i32 = 16;
/// The size of text.
const TEXT: u32 = 14;

/// A plot.
pub struct Plot {
    /// What it shows: the words over it, also for those who can't see it.
    pub title: String,
    /// Horizontally.
    pub x: Axis,
    /// Vertically.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
    /// Whether there are lines, or only marks.
    pub joined: bool,
}

/// A line through the medians, with the range at each of its points.
pub struct Series {
    /// Whose.
    pub name: String,
    /// Which of the looks of the style it has.
    pub look: usize,
    /// Where, how much, and whether the mark is hollow, for a point that is to be taken with care.
    pub points: Vec<(f64, Spread, bool)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What can go wrong while drawing into a string: nothing, but the crate's types don't know.
type Failure = DrawingAreaErrorKind<std::io::Error>;

/// Draws it. A plot without a single point is an empty string.
pub fn svg(plot: &Plot) -> String {
    let Some(bounds) = Bounds::of(plot) else { return String::new() };
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        draw(&area, plot, &bounds).expect("a string takes everything");
    }
    finish(&text, &plot.title)
}

/// The look of a series, small, for a list of names.
pub fn key(look: usize) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (48, 16)).into_drawing_area();
        let line = PathElement::new([(0, 8), (48, 8)], Colour::Series(look).stands_for().stroke_width(2));
        area.draw(&line)
            .and_then(|()| marker(&area, (24, 8), look, false))
            .expect("a string takes everything");
    }
    dress(&text, "<svg viewBox=\"0 0 48 16\" aria-hidden=\"true\">")
}

/// The ranges of both axes, in the units that are drawn: for a logarithmic axis the logarithm.
struct Bounds {
    x: (f64, f64),
    y: (f64, f64),
}

impl Bounds {
    fn of(plot: &Plot) -> Option<Bounds> {
        let points = || plot.series.iter().flat_map(|series| &series.points);
        let xs = Spread::of(points().map(|(x, ..)| plot.x.place(*x)))?;
        let low = Spread::of(points().map(|(_, y, _)| plot.y.place(y.low)))?.low;
        let high = Spread::of(points().map(|(_, y, _)| plot.y.place(y.high)))?.high;
        let y = if plot.y.logarithmic {
            // At least a factor of ten, so that noise doesn't fill the plot.
            let spare = ((1.0 - (high - low)) / 2.0).max(0.08);
            (low - spare, high + spare)
        } else {
            (0.0, if high > 0.0 { high * 1.08 } else { 1.0 })
        };
        let spare = if plot.x.places.is_empty() { ((xs.high - xs.low) * 0.04).max(0.05) } else { 0.4 };
        Some(Bounds { x: (xs.low - spare, xs.high + spare), y })
    }
}

fn draw(area: &Area, plot: &Plot, bounds: &Bounds) -> Result<(), Failure> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(NAMES)
        .margin_left(60)
        .margin_bottom(46)
        .build_cartesian_2d(bounds.x.0..bounds.x.1, bounds.y.0..bounds.y.1)?;
    let frame = Frame {
        left: chart.backend_coord(&(bounds.x.0, bounds.y.0)),
        right: chart.backend_coord(&(bounds.x.1, bounds.y.1)),
    };
    axes(area, plot, bounds, &frame)?;
    let mut names = Vec::new();
    for series in &plot.series {
        let color = Colour::Series(series.look).stands_for();
        let place = |(x, y, _): &(f64, Spread, bool)| (plot.x.place(*x), plot.y.place(y.median));
        if plot.joined {
            let line: Vec<(f64, f64)> = series.points.iter().map(place).collect();
            chart.draw_series([PathElement::new(line, color.stroke_width(2))])?;
        }
        // Beside each other, where servers have points at the same place.
        let aside = 2 * series.look as i32 - 3;
        for (x, y, hollow) in &series.points {
            let at = |height: f64| {
                let (right, down) = chart.backend_coord(&(plot.x.place(*x), plot.y.place(height)));
                (right + aside, down)
            };
            // In a hue of its own, as the dashes of the line are not for the bars.
            let bar = Colour::Range(series.look).stands_for().stroke_width(1);
            area.draw(&PathElement::new([at(y.low), at(y.high)], bar))?;
            marker(area, at(y.median), series.look, *hollow)?;
        }
        if let Some(last) = series.points.last() {
            names.push((chart.backend_coord(&place(last)), series));
        }
    }
    let wanted: Vec<i32> = names.iter().map(|((_, y), _)| *y).collect();
    let spread = spread_out(&wanted, frame.right.1 + 4, frame.left.1 - 4);
    for (((x, y), series), beside) in names.iter().zip(spread) {
        let leader = PathElement::new(
            [(x + 5, *y), (frame.right.0 + 4, beside)],
            Colour::Soft.stands_for().stroke_width(1),
        );
        area.draw(&leader)?;
        let own = Colour::Series(series.look).stands_for();
        let style = TextStyle::from(("serif", TEXT)).color(&own);
        area.draw(&Text::new(series.name.clone(), (frame.right.0 + 7, beside - 7), style))?;
    }
    Ok(())
}

/// The corners of what the axes enclose, in units of the plot.
struct Frame {
    left: (i32, i32),
    right: (i32, i32),
}

fn axes(area: &Area, plot: &Plot, bounds: &Bounds, frame: &Frame) -> Result<(), Failure> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let soft = Colour::Soft.stands_for();
    let text = TextStyle::from(("serif", TEXT)).color(&soft);
    let line = Colour::Line.stands_for().stroke_width(1);
    let scale = |value: f64, (low, high): (f64, f64), start: i32, end: i32| {
        start + ((value - low) / (high - low) * f64::from(end - start)).round() as i32
    };
    for (tick, words) in plot.y.ticks(bounds.y) {
        let y = scale(plot.y.place(tick), bounds.y, frame.left.1, frame.right.1);
        area.draw(&PathElement::new([(frame.left.0, y), (frame.right.0, y)], line))?;
        let at_end = text.clone().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(words, (frame.left.0 - 6, y), at_end))?;
    }
    for (tick, words) in plot.x.ticks(bounds.x) {
        let x = scale(plot.x.place(tick), bounds.x, frame.left.0, frame.right.0);
        area.draw(&PathElement::new([(x, frame.left.1), (x, frame.left.1 + 4)], line))?;
        let centred = text.clone().pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(words, (x, frame.left.1 + 7), centred))?;
    }
    area.draw(&PathElement::new([frame.left, (frame.right.0, frame.left.1)], Colour::Soft.stands_for()))?;
    let centred = text.pos(Pos::new(HPos::Center, VPos::Top));
    let middle = i32::midpoint(frame.left.0, frame.right.0);
    area.draw(&Text::new(plot.x.label, (middle, frame.left.1 + 26), centred))
}

/// A mark at a median. The shape tells the series, as its colour does.
fn marker(area: &Area, (x, y): (i32, i32), look: usize, hollow: bool) -> Result<(), Failure> {
    let color = Colour::Series(look).stands_for();
    let inside = if hollow { Colour::Paper.stands_for() } else { color };
    let corners: &[(i32, i32)] = match look {
        1 => &[(0, -5), (5, 4), (-5, 4)],
        2 => &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
        3 => &[(0, -6), (5, 0), (0, 6), (-5, 0)],
        4 => &[(0, 5), (5, -4), (-5, -4)],
        5 => &[(-5, -2), (0, -6), (5, -2), (3, 4), (-3, 4)],
        _ => &[],
    };
    if corners.is_empty() {
        area.draw(&Circle::new((x, y), 4, inside.filled()))?;
        return area.draw(&Circle::new((x, y), 4, color.stroke_width(1)));
    }
    let mut outline: Vec<(i32, i32)> = corners.iter().map(|(right, down)| (x + right, y + down)).collect();
    area.draw(&Polygon::new(outline.clone(), inside.filled()))?;
    outline.push(outline[0]);
    area.draw(&PathElement::new(outline, Colour::Range(look).stands_for().stroke_width(1)))
}

/// Moves heights apart until lines of text fit, changing their order nowhere and moving each as little as
/// that allows.
pub fn spread_out(wanted: &[i32], top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&i| wanted[i]);
    let mut placed = vec![0; wanted.len()];
    let mut next = top;
    for &i in &order {
        placed[i] = wanted[i].max(next);
        next = placed[i] + LINE;
    }
    let mut last = bottom;
    for &i in order.iter().rev() {
        placed[i] = placed[i].min(last);
        last = placed[i] - LINE;
    }
    placed
}

/// What a colour means.
#[derive(Clone, Copy)]
enum Colour {
    Series(usize),
    Range(usize),
    Soft,
    Line,
    Paper,
}

impl Colour {
    /// The colour that is drawn in its place.
    fn stands_for(self) -> RGBColor {
        match self {
            Colour::Series(look) => RGBColor(1, 1, look as u8),
            Colour::Range(look) => RGBColor(1, 2, look as u8),
            Colour::Soft => RGBColor(1, 3, 0),
            Colour::Line => RGBColor(1, 3, 1),
            Colour::Paper => RGBColor(1, 3, 2),
        }
    }

    /// What the style sheet calls it.
    fn class(self) -> String {
        match self {
            Colour::Series(look) => format!("series-{look}"),
            Colour::Range(look) => format!("range-{look}"),
            Colour::Soft => "soft".to_owned(),
            Colour::Line => "line".to_owned(),
            Colour::Paper => "paper".to_owned(),
        }
    }
}

/// Gives the picture its words.
fn finish(svg: &str, title: &str) -> String {
    let start = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        shoutd::html::escape(title)
    );
    dress(svg, &start)
}

/// Gives a picture another start, and exchanges its colours for classes.
fn dress(svg: &str, start: &str) -> String {
    let mut text = format!("{start}{}", svg.split_once('>').map_or("", |(_, body)| body));
    let looks = (0..super::style::LOOKS).flat_map(|look| [Colour::Series(look), Colour::Range(look)]);
    for colour in looks.chain([Colour::Soft, Colour::Line, Colour::Paper]) {
        let RGBColor(r, g, b) = colour.stands_for();
        for (attribute, kind) in [("stroke", "s"), ("fill", "f")] {
            let drawn = format!("{attribute}=\"#{r:02X}{g:02X}{b:02X}\"");
            text = text.replace(&drawn, &format!("class=\"{kind} {}\"", colour.class()));
        }
    }
    text
}
