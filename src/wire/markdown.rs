//! The packets for a report in Markdown: a table of each conversation, and its ladder.

use super::conversation::{Conversation, Conversations};
use super::ladder;
use super::packet::Packet;
use super::row::Row;
use super::style::Style;
use super::table::gap;
use super::words::heading;

/// Columns of the ladder, which stands in a block of code.
const WIDTH: usize = 96;

/// A table and a ladder for each conversation, under headings of the third level. Of a long conversation
/// the middle is left out, unless `all` is wanted.
pub fn render(packets: &[Packet], conversations: &Conversations, words: &[String], all: bool) -> String {
    let mut text = String::new();
    for conversation in &conversations.list {
        text += &format!("### {}\n\n", escaped(&heading(conversation)));
        text += &table(conversation, packets, conversations, words, all);
        text += "\n```text\n";
        text += &ladder::one(conversation, packets, conversations, words, &style(all));
        text += "```\n\n";
    }
    text
}

/// The table of one conversation.
pub fn table(
    conversation: &Conversation,
    packets: &[Packet],
    conversations: &Conversations,
    words: &[String],
    all: bool,
) -> String {
    let mut text = "| no. | time | who | flags | seq | ack | bytes | what it is |\n".to_owned();
    text += "| ---: | ---: | --- | --- | ---: | ---: | ---: | --- |\n";
    let (from, to) = style(all).left_out(conversation.packets.len());
    for (index, &place) in conversation.packets.iter().enumerate() {
        if index == from && from < to {
            text += &format!("| | | | | | | | {} |\n", gap(&conversation.packets[from..to], packets));
        }
        if index < from || index >= to {
            let row = Row::of(&packets[place], &conversations.seen[place], &words[place]);
            let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.number,
                row.seconds(),
                row.direction(),
                row.flags,
                number(row.seq),
                number(row.ack),
                row.length,
                escaped(row.words)
            );
        }
    }
    text
}

/// Text without the characters that mean something in Markdown, or in the HTML that comes of it.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if "\\`*_{}[]<>#|~&".contains(char) {
            safe.push('\\');
        }
        safe.push(char);
    }
    safe
}

fn style(all: bool) -> Style {
    let style = Style::plain(WIDTH);
    if all { Style { rows: usize::MAX, ..style } } else { style }
}
