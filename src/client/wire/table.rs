//! The packets as a table, as a capture tool shows them, with the words beside it.

use super::conversation::{Conversation, Conversations};
use super::packet::Packet;
use super::row::Row;
use super::style::{Role, Style, wrap};
use super::words::{count, heading};

/// Columns before the words.
const BEFORE_WORDS: usize = 65;

/// Fewer columns than that don't help the words: they go on a line of their own then.
const FEWEST: usize = 24;

/// A table for each conversation, under a heading.
pub fn render(packets: &[Packet], conversations: &Conversations, words: &[String], style: &Style) -> String {
    let mut text = String::new();
    for conversation in &conversations.list {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &headed(conversation, style);
        text += &one(conversation, packets, conversations, words, style);
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
    let titles = format!(
        "{:>5} {:>12}  {:<5}  {:<12} {:>10} {:>10} {:>6}  what it is",
        "no.", "time", "who", "flags", "seq", "ack", "bytes"
    );
    let mut text = style.paint(Role::Faint, &titles) + "\n";
    let (from, to) = style.left_out(conversation.packets.len());
    for (index, &place) in conversation.packets.iter().enumerate() {
        if index == from && from < to {
            let left_out = &conversation.packets[from..to];
            text += &style.paint(Role::Faint, &format!("      {}", gap(left_out, packets)));
            text.push('\n');
        }
        if index < from || index >= to {
            text += &row(&Row::of(&packets[place], &conversations.seen[place], &words[place]), style);
        }
    }
    text
}

/// What is left out, in words.
pub fn gap(places: &[usize], packets: &[Packet]) -> String {
    let bytes: u64 = places.iter().map(|place| packets[*place].length as u64).sum();
    format!("… {} with {bytes} bytes (--all shows them) …", count(places.len(), "more packet"))
}

fn row(row: &Row, style: &Style) -> String {
    let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
    let role = role_of(row);
    let left = format!(
        "{:>5} {:>12}  {}  {} {:>10} {:>10} {:>6}  ",
        row.number,
        row.seconds(),
        style.paint(role, row.direction()),
        style.paint(role, &format!("{:<12}", row.flags)),
        number(row.seq),
        number(row.ack),
        row.length
    );
    let beside = style.width.saturating_sub(BEFORE_WORDS);
    let indent = if beside < FEWEST { 20 } else { BEFORE_WORDS };
    let lines = wrap(row.words, style.width.saturating_sub(indent));
    let mut text = left;
    if beside < FEWEST {
        text.truncate(text.trim_end().len());
        text += &format!("\n{:indent$}", "");
    }
    text += &lines.join(&format!("\n{:indent$}", ""));
    text.push('\n');
    text
}

/// What colours a row.
pub(super) fn role_of(row: &Row) -> Role {
    match row.from_client {
        _ if row.flags.contains("RST") || row.flags == "ICMP" => Role::Alarm,
        true => Role::Client,
        false => Role::Server,
    }
}
