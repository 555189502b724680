//! The packets as a table, as a capture tool shows them, with the words beside it.

use super::conversation::{Conversation, Conversations};
use super::packet::Packet;
use super::row::Row;
use super::style::{Role, Style, wrap};
use super::words::{count, heading};

/// Fewer columns than that don't help the words: they go on a line of their own then.
const FEWEST: usize = 26;

/// The columns before the words; all but the third and fourth are numbers, to the right.
const TITLES: [&str; 7] = ["no.", "time", "who", "flags", "seq", "ack", "bytes"];

/// A table for each conversation, under a heading.
pub fn render(packets: &[Packet], conversations: &Conversations, words: &[String], style: &Style) -> String {
    under_headings(conversations, style, |conversation| {
        one(conversation, packets, conversations, words, style)
    })
}

/// What `one` makes of each conversation, under its heading.
pub fn under_headings(
    conversations: &Conversations,
    style: &Style,
    one: impl Fn(&Conversation) -> String,
) -> String {
    let mut text = String::new();
    for conversation in &conversations.list {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &headed(conversation, style);
        text += &one(conversation);
    }
    text
}

/// The heading of a conversation, a line or more.
pub fn headed(conversation: &Conversation, style: &Style) -> String {
    let lines = wrap(&heading(conversation), style.width);
    lines.iter().map(|line| style.paint(Role::Heading, line) + "\n").collect()
}

/// The table of one conversation, without a heading.
pub fn one(
    conversation: &Conversation,
    packets: &[Packet],
    conversations: &Conversations,
    words: &[String],
    style: &Style,
) -> String {
    let (from, to) = style.left_out(conversation.packets.len());
    let shown = |index: &usize| *index < from || *index >= to;
    let places = &conversation.packets;
    let rows: Vec<(usize, Row)> = (0..places.len())
        .filter(shown)
        .map(|index| (index, places[index]))
        .map(|(index, place)| (index, Row::of(&packets[place], &conversations.seen[place], &words[place])))
        .collect();
    let cells: Vec<[String; 7]> = rows.iter().map(|(_, row)| cells(row)).collect();
    let mut widths = TITLES.map(str::len);
    for cells in &cells {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }

    let titles = format!("{}  what it is", line(&TITLES.map(str::to_owned), &widths, None, style));
    let mut text = style.paint(Role::Faint, &titles) + "\n";
    for ((index, row), cells) in rows.iter().zip(&cells) {
        if *index == to && from < to {
            text += &style.paint(Role::Faint, &format!("      {}", gap(&places[from..to], packets)));
            text.push('\n');
        }
        text += &beside(line(cells, &widths, Some(role_of(row)), style), &widths, row.words, style);
    }
    text
}

/// What is left out, in words.
pub fn gap(places: &[usize], packets: &[Packet]) -> String {
    let bytes: u64 = places.iter().map(|place| packets[*place].length as u64).sum();
    format!("… {} with {bytes} bytes (--all shows them) …", count(places.len(), "more packet"))
}

fn cells(row: &Row) -> [String; 7] {
    let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
    [
        row.number.to_string(),
        row.seconds(),
        row.direction().to_owned(),
        row.flags.clone(),
        number(row.seq),
        number(row.ack),
        row.length.to_string(),
    ]
}

/// The columns before the words, in the colours of a role if there is one.
fn line(cells: &[String; 7], widths: &[usize; 7], role: Option<Role>, style: &Style) -> String {
    let mut text = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if column > 0 {
            text += "  ";
        }
        text += &match (column, role) {
            (2 | 3, Some(role)) => style.paint(role, &format!("{cell:<width$}")),
            (2 | 3, None) => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
    }
    text
}

/// The words beside the other columns, or below where there is too little room.
fn beside(mut left: String, widths: &[usize; 7], words: &str, style: &Style) -> String {
    let used = widths.iter().sum::<usize>() + 2 * widths.len();
    let narrow = style.width < used + FEWEST;
    let indent = if narrow { widths[0] + 4 } else { used };
    let lines = wrap(words, style.width.saturating_sub(indent));
    left += &if narrow { format!("\n{:indent$}", "") } else { "  ".to_owned() };
    left += &lines.join(&format!("\n{:indent$}", ""));
    left.push('\n');
    left
}

/// What colours a row.
pub(super) fn role_of(row: &Row) -> Role {
    match row.from_client {
        _ if row.flags.contains("RST") || row.flags == "ICMP" => Role::Alarm,
        true => Role::Client,
        false => Role::Server,
    }
}
