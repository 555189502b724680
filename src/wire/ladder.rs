//! The packets as a ladder: two hosts, time going downward, an arrow for each packet.

use super::conversation::{Conversation, Conversations};
use super::packet::Packet;
use super::row::Row;
use super::style::{Role, Style, wrap};
use super::table::{gap, role_of, under_headings};
use crate::units::seconds;
use std::time::Duration;

/// Columns of the time.
const TIME: usize = 11;

/// Columns between the two hosts.
const BETWEEN: usize = 28;

/// A silence of this length is worth a line.
const SILENCE: Duration = Duration::from_millis(100);

/// A ladder for each conversation, under a heading. It fits [`Style::width`] columns, 60 or more.
pub fn render(packets: &[Packet], conversations: &Conversations, words: &[String], style: &Style) -> String {
    under_headings(conversations, style, |conversation| {
        one(conversation, packets, conversations, words, style)
    })
}

/// The ladder of one conversation, without a heading.
pub fn one(
    conversation: &Conversation,
    packets: &[Packet],
    conversations: &Conversations,
    words: &[String],
    style: &Style,
) -> String {
    let client = style.paint(Role::Client, "client");
    let server = style.paint(Role::Server, "server");
    let mut text = format!("{:TIME$}{client}{:space$}{server}\n", "", "", space = BETWEEN - 4);
    let (from, to) = style.left_out(conversation.packets.len());
    for (index, &place) in conversation.packets.iter().enumerate() {
        if index == from && from < to {
            let left_out = gap(&conversation.packets[from..to], packets);
            text += &rung("", &format!("{:BETWEEN$}", "        …"), Role::Faint, &left_out, style);
        }
        if index < from || index >= to {
            let seen = &conversations.seen[place];
            if seen.since >= SILENCE && index > 0 && index != to {
                text += &silence(seen.since, style);
            }
            let row = Row::of(&packets[place], seen, &words[place]);
            text += &rung(&row.seconds(), &arrow(&row), role_of(&row), row.words, style);
        }
    }
    text
}

/// One packet: its time, its arrow, and the words, which may take more lines.
fn rung(time: &str, arrow: &str, role: Role, words: &str, style: &Style) -> String {
    let room = style.width.saturating_sub(TIME + BETWEEN + 6);
    let mut text = String::new();
    for (index, line) in wrap(words, room).iter().enumerate() {
        let (time, arrow) = if index == 0 { (time, arrow) } else { ("", "") };
        let arrow = style.paint(role, &format!("{arrow:BETWEEN$}"));
        text += format!("{time:>TIME$} │{arrow}│ {line}").trim_end();
        text.push('\n');
    }
    text
}

/// An arrow with a label, such as `── PSH ACK 11 ──▶`.
fn arrow(row: &Row) -> String {
    let mut label = format!(" {} ", row.flags.replace("PSH ACK", "PSH"));
    if row.length > 0 || row.flags == "UDP" {
        label += &format!("{} ", row.length);
    }
    let line = BETWEEN - 3;
    let dashes = line.saturating_sub(label.chars().count());
    let (left, right) = ("─".repeat(dashes / 2), "─".repeat(dashes - dashes / 2));
    if row.from_client { format!(" {left}{label}{right}▶ ") } else { format!(" ◀{left}{label}{right} ") }
}

fn silence(time: Duration, style: &Style) -> String {
    let label = format!("{:^BETWEEN$}", format!("{} of silence", seconds(time)));
    format!("{:TIME$} ┊{}┊\n", "", style.paint(Role::Faint, &label))
}
