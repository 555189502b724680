//! The packets of a conversation as a ladder in SVG: two hosts, time going downward, an arrow for each packet.

use crate::lab::outcome::Outcome;
use shoutd::html::escape;
use shoutd::units::seconds;
use shoutd::wire::conversation::Conversation;
use shoutd::wire::packet::Kind;
use shoutd::wire::row::Row;
use shoutd::wire::style::wrap;
use std::time::Duration;

/// Packets that are drawn at most; of more, the first and last half.
const MOST: usize = 48;

/// Units between two packets at least: each has a row of its own.
const STEP: f64 = 30.0;

/// Units between two lines of words.
const LINE: f64 = 15.0;

/// Units by which an arrow falls on its way.
const SLOPE: f64 = 7.0;

/// A silence of this length is worth a line.
const SILENCE: Duration = Duration::from_millis(50);

/// Units that all the time together takes, where it is to scale. The rows come on top of that.
const TIME: f64 = 420.0;

/// Where things are, from left to right.
const CLIENT: f64 = 92.0;
const SERVER: f64 = 392.0;
const WORDS: f64 = 424.0;
const WIDTH: f64 = 920.0;

/// Characters of a line of words that fit beside an arrow, in a wide serif too.
const COLUMNS: usize = 62;

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
    drawn(&arrows, to_scale)
}

/// All arrows, each on a row of its own. What is between two rows is the time, where that is to scale, and
/// otherwise nothing: then long silences are marked.
fn drawn(arrows: &[Arrow], to_scale: bool) -> String {
    let (from, to) = left_out(arrows.len());
    let since = |index: usize| match index.checked_sub(1) {
        Some(before) if index != to => arrows[index].time.saturating_sub(arrows[before].time),
        _ => Duration::ZERO,
    };
    let shown = || (0..arrows.len()).filter(|index| *index < from || *index >= to);
    let total = shown().map(since).sum::<Duration>().max(Duration::from_micros(1));
    let mut body = String::new();
    let mut y = 46.0;
    let mut solid = 26.0;
    for index in shown() {
        let silence = Some(since(index)).filter(|time| !to_scale && *time >= SILENCE).map(seconds);
        let skipped = (index == to && from < to).then(|| format!("{} packets more", to - from));
        if let Some(text) = skipped.or(silence) {
            body += &lives(solid, y - 12.0, "life");
            body += &pause(y, &text);
            y += 40.0;
            solid = y - 16.0;
        }
        if to_scale {
            y += since(index).as_secs_f64() / total.as_secs_f64() * TIME;
        }
        let lines = wrap(arrows[index].row.words, COLUMNS);
        body += &one(&arrows[index], y, &lines);
        y += STEP.max(LINE * (lines.len() as f64 + 1.0));
    }
    body += &lives(solid, y, "life");
    svg(&body, y + 8.0)
}

/// One arrow at its height, with its time, its place and its words.
fn one(arrow: &Arrow, y: f64, lines: &[String]) -> String {
    let class = arrow.class;
    let (start, end) = if arrow.row.from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let direction = if arrow.row.from_client { 1.0 } else { -1.0 };
    let tip = end - direction * 2.0;
    let bottom = y + SLOPE;
    let bare = if arrow.bare { " bare" } else { "" };
    let (at_client, at_server) = if arrow.row.from_client { (y, bottom) } else { (bottom, y) };
    let mut text = format!(
        "<g><title>{number}: {}</title>\n<path class=\"arrow {class}{bare}\" d=\"M{start} {y:.1}L{tip} {bottom:.1}\"/>\n\
         <path class=\"head {class}\" d=\"M{tip} {bottom:.1}l{} -3.5v7z\"/>\n\
         <text class=\"{class}\" x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
         <text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <text class=\"soft\" x=\"{}\" y=\"{:.1}\">{number}</text>\n",
        escape(arrow.row.words),
        -direction * 8.0,
        f64::midpoint(CLIENT, SERVER),
        y - 1.0,
        escape(&label_of(arrow)),
        CLIENT - 10.0,
        at_client + 4.0,
        clock(arrow.time),
        SERVER + 10.0,
        at_server + 4.0,
        number = arrow.row.number
    );
    // On a narrow screen the picture ends before them; they are in the table too.
    for (line, y) in
        lines.iter().zip(0..).map(|(line, place)| (line, at_server + 4.0 + LINE * f64::from(place)))
    {
        text += &format!("<text class=\"words\" x=\"{WORDS}\" y=\"{y:.1}\">{}</text>\n", escape(line));
    }
    text + "</g>\n"
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
