//! The packets of a conversation as a ladder in SVG: two hosts, time going downward, an arrow for each packet.

use super::escape;
use crate::client::lab::outcome::Outcome;
use crate::client::report::seconds;
use crate::client::wire::conversation::Conversation;
use crate::client::wire::packet::Kind;
use crate::client::wire::row::Row;
use std::time::Duration;

/// Packets that are drawn at most; of more, the first and last half.
const MOST: usize = 48;

/// Units between two packets, where time is not to scale.
const STEP: f64 = 30.0;

/// A silence of this length is worth a line.
const SILENCE: Duration = Duration::from_millis(50);

/// Units from top to bottom, where time is to scale: enough for the labels.
const LEAST_HEIGHT: f64 = 420.0;

/// Where things are, from left to right.
const CLIENT: f64 = 92.0;
const SERVER: f64 = 392.0;
const WORDS: f64 = 424.0;
const WIDTH: f64 = 920.0;

/// Characters of the words that fit beside an arrow. All of them are in the table.
const COLUMNS: usize = 74;

/// An arrow, before it has its place.
struct Arrow<'a> {
    row: Row<'a>,
    time: Duration,
    class: &'static str,
    bare: bool,
}

/// The picture of one conversation.
pub fn of(outcome: &Outcome, conversation: &Conversation, to_scale: bool) -> String {
    let packets = outcome.packets();
    let mut latest = Duration::ZERO;
    let arrows: Vec<Arrow> = conversation
        .packets
        .iter()
        .map(|&place| {
            let packet = &packets[place];
            let row = Row::of(packet, &outcome.conversations.seen[place], &outcome.words[place]);
            // The system's clock may be set back while we look at it; time in a picture goes only down.
            latest = latest.max(packet.time);
            let bare = packet.segment().is_some_and(|segment| segment.is_bare(packet.length));
            let alarm = matches!(&packet.kind, Kind::Unreachable(_))
                || packet.segment().is_some_and(|segment| segment.rst);
            let class = if alarm {
                "alarm"
            } else if row.from_client {
                "c"
            } else {
                "s"
            };
            Arrow { row, time: latest, class, bare }
        })
        .collect();
    if to_scale { scaled(&arrows) } else { stepped(&arrows) }
}

/// Every packet as far from the next one; long silences are marked.
fn stepped(arrows: &[Arrow]) -> String {
    let mut body = String::new();
    let mut y = 46.0;
    let mut solid = 26.0;
    let (from, to) = left_out(arrows.len());
    let mut before: Option<Duration> = None;
    for (index, arrow) in arrows.iter().enumerate() {
        if index >= from && index < to {
            if index == from {
                body += &lives(solid, y - 12.0, "life");
                body += &pause(y, &format!("{} packets more", to - from));
                y += 40.0;
                solid = y - 16.0;
                before = None;
            }
            continue;
        }
        if let Some(silence) =
            before.map(|before| arrow.time.saturating_sub(before)).filter(|time| *time >= SILENCE)
        {
            body += &lives(solid, y - 12.0, "life");
            body += &pause(y, &seconds(silence));
            y += 40.0;
            solid = y - 16.0;
        }
        before = Some(arrow.time);
        body += &one(arrow, y, 7.0, true);
        y += STEP;
    }
    body += &lives(solid, y, "life");
    svg(&body, y + 8.0)
}

/// The distance between packets is the time between them; labels move aside where that is too little.
fn scaled(arrows: &[Arrow]) -> String {
    let (from, to) = left_out(arrows.len());
    let shown: Vec<&Arrow> = arrows
        .iter()
        .enumerate()
        .filter(|(index, _)| *index < from || *index >= to)
        .map(|(_, arrow)| arrow)
        .collect();
    let Some((first, last)) = shown.first().zip(shown.last()) else { return String::new() };
    let total = last.time.saturating_sub(first.time).as_secs_f64().max(1e-6);
    let labels = 15.0 * shown.len() as f64;
    let height = labels.max(LEAST_HEIGHT);
    let top = 46.0;
    let mut body = lives(26.0, top + height + 14.0, "life");
    let places: Vec<f64> = shown
        .iter()
        .map(|arrow| top + arrow.time.saturating_sub(first.time).as_secs_f64() / total * height)
        .collect();
    let spread = spread(&places, 15.0, top + height);
    for ((arrow, y), label) in shown.iter().zip(&places).zip(&spread) {
        body += &one(arrow, *y, 0.0, false);
        let (left, right) = (SERVER + 6.0, SERVER + 34.0);
        body += &format!("<path class=\"leader\" d=\"M{left} {y:.1}L{right} {label:.1}\"/>\n");
        body += &format!(
            "<text class=\"{}\" x=\"{}\" y=\"{:.1}\">{}</text>\n",
            arrow.class,
            right + 4.0,
            label + 4.0,
            escape(&label_of(arrow))
        );
        body += &words(arrow.row.words, right + 96.0, label + 4.0, COLUMNS - 12);
        body += &format!(
            "<path class=\"leader\" d=\"M{} {y:.1}L{} {label:.1}\"/>\n<text class=\"soft\" x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>\n",
            CLIENT - 6.0,
            CLIENT - 26.0,
            CLIENT - 29.0,
            label + 4.0,
            clock(arrow.time)
        );
    }
    svg(&body, top + height + 24.0)
}

/// Moves places apart that are too near to one another, keeping their order, and none beyond the bottom.
fn spread(places: &[f64], least: f64, bottom: f64) -> Vec<f64> {
    let mut spread: Vec<f64> = places.to_vec();
    for index in 1..spread.len() {
        spread[index] = spread[index].max(spread[index - 1] + least);
    }
    let mut limit = bottom;
    for place in spread.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - least;
    }
    spread
}

/// One arrow at its height, falling by `slope` on its way.
fn one(arrow: &Arrow, y: f64, slope: f64, labelled: bool) -> String {
    let class = arrow.class;
    let (start, end) = if arrow.row.from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let direction = if arrow.row.from_client { 1.0 } else { -1.0 };
    let tip = end - direction * 2.0;
    let bottom = y + slope;
    let bare = if arrow.bare { " bare" } else { "" };
    let mut text = format!(
        "<g><title>{}: {}</title>\n<path class=\"arrow {class}{bare}\" d=\"M{start} {y:.1}L{tip} {bottom:.1}\"/>\n\
         <path class=\"head {class}\" d=\"M{tip} {bottom:.1}l{} -3.5v7z\"/>\n",
        arrow.row.number,
        escape(arrow.row.words),
        -direction * 8.0
    );
    if labelled {
        text += &format!(
            "<text class=\"{class}\" x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
             <text class=\"soft\" x=\"{}\" y=\"{:.1}\">{}</text>\n",
            f64::midpoint(CLIENT, SERVER),
            y - 1.0,
            escape(&label_of(arrow)),
            CLIENT - 10.0,
            y + 4.0 + if arrow.row.from_client { 0.0 } else { slope },
            clock(arrow.time),
            SERVER + 10.0,
            y + 4.0 + if arrow.row.from_client { slope } else { 0.0 },
            arrow.row.number
        );
        let beside = y + 4.0 + if arrow.row.from_client { slope } else { 0.0 };
        text += &words(arrow.row.words, WORDS, beside, COLUMNS);
    }
    text + "</g>\n"
}

/// What a packet is, as far as there is room. On a narrow screen the picture ends before them.
fn words(text: &str, x: f64, y: f64, columns: usize) -> String {
    // Capitals are wider than the rest.
    let mut used = 0.0;
    let fits = |char: &char| {
        used += if char.is_uppercase() { 1.6 } else { 1.0 };
        used < columns as f64
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("<text class=\"words\" x=\"{x}\" y=\"{y:.1}\">{}</text>\n", escape(&short))
}

fn label_of(arrow: &Arrow) -> String {
    let flags = arrow.row.flags.replace("PSH ACK", "PSH").replace("FIN ACK", "FIN");
    if arrow.row.length > 0 || flags == "UDP" { format!("{flags} {}", arrow.row.length) } else { flags }
}

/// The two hosts' lines between two heights.
fn lives(from: f64, to: f64, class: &str) -> String {
    format!(
        "<path class=\"{class}\" d=\"M{CLIENT} {from:.1}V{to:.1}\"/>\n<path class=\"{class}\" d=\"M{SERVER} {from:.1}V{to:.1}\"/>\n"
    )
}

/// A break in the lines, with what passes in it.
fn pause(y: f64, text: &str) -> String {
    let (from, to) = (y - 12.0, y + 24.0);
    lives(from, to, "gap")
        + &format!(
            "<text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\" font-style=\"italic\">{}</text>\n",
            f64::midpoint(CLIENT, SERVER),
            y + 10.0,
            escape(text)
        )
}

fn svg(body: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"Packets between client and server, in the \
         order of time\">\n<text class=\"c\" x=\"{CLIENT}\" y=\"16\" text-anchor=\"middle\">client</text>\n\
         <text class=\"s\" x=\"{SERVER}\" y=\"16\" text-anchor=\"middle\">server</text>\n{body}</svg>\n"
    )
}

fn clock(time: Duration) -> String {
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

/// Which of so many arrows are left out: from one to before another.
fn left_out(count: usize) -> (usize, usize) {
    if count <= MOST { (count, count) } else { (MOST / 2, count - MOST / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_their_distance() {
        let spread = spread(&[0.0, 1.0, 2.0, 90.0, 100.0], 15.0, 100.0);
        assert_eq!(spread, [0.0, 15.0, 30.0, 85.0, 100.0]);
    }
}
