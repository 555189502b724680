//! The report on a terminal: prediction, packets, ladder, comparison, explanation.

use super::timeline;
use crate::lab::catalogue;
use crate::lab::experiment::{Experiment, Group};
use crate::lab::outcome::Outcome;
use crate::lab::serves::Change;
use crate::lab::verdict::{Mark, Row};
use crate::lab::{count, transfer};
use shoutd::units::seconds;
use shoutd::wire::style::{Role, Style, wrap};
use shoutd::wire::{ladder, table};
use std::time::Duration;

/// Waits of less than this nobody takes for a program that hangs.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// The experiments, by group, with a line each.
pub fn list() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        text += &format!("{}\n", group.title());
        for experiment in catalogue::of(group) {
            text += &format!("  {:<16} {}\n", experiment.name, experiment.line);
        }
        text.push('\n');
    }
    text + "shout lab NAME runs one, shout lab all every one; shout lab --help tells how to keep the results.\n"
}

/// What is to be said before an experiment is run: what it is, and what will happen.
pub fn prediction(experiment: &Experiment, change: &Change, style: &Style) -> String {
    let mut text = style.paint(Role::Heading, &format!("{}: {}", experiment.name, experiment.line)) + "\n\n";
    text += &format!("server      {}\n", experiment.server(change));
    text += &labelled("client", experiment.client, style);
    text += &section("What will happen, and why", style);
    text += &paragraph(experiment.because, style);
    let waits = experiment.waits(change);
    if waits >= WORTH_TELLING {
        text += &format!("It waits on purpose: {} in all at least.\n", seconds(waits));
    }
    text
}

/// The rest of its report: what has happened.
pub fn of(outcome: &Outcome, with_story: bool, style: &Style) -> String {
    let mut text = String::new();
    if outcome.captured.is_some() && outcome.figures.is_empty() {
        text += &section("The packets", style);
        text += &table::render(outcome.packets(), &outcome.conversations, &outcome.words, style);
        text += &section("The same as a ladder", style);
        text += &ladder::render(outcome.packets(), &outcome.conversations, &outcome.words, style);
    }
    if !outcome.figures.is_empty() {
        text += &section("The files", style);
        text += &transfer::table(&outcome.figures);
    }
    if with_story {
        text += &section("The server's story between the packets", style);
        text += &story(outcome, style);
    }
    if outcome.captured.is_none() {
        text += &section("What the kernel has counted at the client's end (no packets were seen)", style);
        text += &counts(outcome);
    }
    text += &section("Predicted and measured", style);
    text += &rows(outcome, style);
    text += &section("Why", style);
    text += &paragraph(&outcome.why, style);
    text + "\n" + &outcome.verdict() + "\n"
}

/// One experiment of many, in a line; and what is wrong with it, if anything is.
pub fn line(outcome: &Outcome) -> String {
    let experiment = outcome.experiment;
    let sign = outcome.mark().sign();
    let mut text =
        format!("{sign} {:<16} {:>8}  {}\n", experiment.name, seconds(outcome.took), experiment.line);
    for row in outcome.rows.iter().filter(|row| row.mark == Mark::No) {
        text += &format!("    ✗ predicted {}; measured {}\n", row.predicted, row.measured);
    }
    text
}

/// The end of a run of many.
pub fn summary(outcomes: &[Outcome], tried: usize) -> String {
    let (yes, no) = (count(outcomes, Mark::Yes), count(outcomes, Mark::No) + tried - outcomes.len());
    let unseen = count(outcomes, Mark::Unseen);
    let mut text = format!("\n{tried} experiments: {yes} ✓, {no} ✗");
    if unseen > 0 {
        text += &format!(", {unseen} ? (packets not seen)");
    }
    let rows: usize = outcomes.iter().map(|outcome| outcome.rows.len()).sum();
    let packets: usize = outcomes.iter().map(|outcome| outcome.packets().len()).sum();
    text + &format!("; {rows} rows compared, {packets} packets captured\n")
}

/// Predicted against measured, as a table.
fn rows(outcome: &Outcome, style: &Style) -> String {
    let width =
        |text: fn(&Row) -> &String| outcome.rows.iter().map(|row| columns(text(row))).max().unwrap_or(0);
    let predicted = width(|row| &row.predicted).clamp(9, 60);
    let measured = width(|row| &row.measured).clamp(8, 40);
    let several = outcome.rows.iter().map(|row| row.connection).max().unwrap_or(0) > 1;
    let mut text = String::new();
    let mut connection = 0;
    for row in &outcome.rows {
        if several && row.connection != connection && row.connection > 0 {
            text += &style.paint(Role::Faint, &format!("  connection {}", row.connection));
            text.push('\n');
        }
        connection = row.connection;
        let line = format!(
            "{} {}  {}  {}",
            row.mark.sign(),
            padded(&row.predicted, predicted),
            padded(&row.measured, measured),
            row.note
        );
        let role = if row.mark == Mark::No { Role::Alarm } else { Role::Server };
        let line = line.trim_end();
        text += &if row.mark == Mark::No { style.paint(role, line) } else { line.to_owned() };
        text.push('\n');
    }
    text
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

fn counts(outcome: &Outcome) -> String {
    if outcome.counts.is_empty() {
        return "nothing: there was no TCP connection\n".to_owned();
    }
    let mut text = String::new();
    for counts in &outcome.counts {
        let info = &counts.info;
        text += &format!(
            "{}: {} segments sent ({} with data), {} received ({} with data), {} sent again\n",
            counts.local,
            info.segments_sent,
            info.data_segments_sent,
            info.segments_received,
            info.data_segments_received,
            info.retransmissions
        );
    }
    text
}

fn story(outcome: &Outcome, style: &Style) -> String {
    let (moments, left_out) = timeline::of(outcome);
    let mut text = String::new();
    for moment in moments {
        let line = if moment.is_packet { moment.text } else { format!("         {}", moment.text) };
        let indent = if line.starts_with(' ') { 23 } else { 14 };
        let lines = wrap(line.trim_start(), style.width.saturating_sub(indent));
        let lines = lines.join(&format!("\n{:indent$}", ""));
        let role = if moment.is_packet { Role::Heading } else { Role::Faint };
        let first = format!("{:>12}  {:indent$}{lines}", moment.seconds, "", indent = indent - 14);
        text += &style.paint(role, &first);
        text.push('\n');
    }
    if left_out > 0 {
        text += &format!("… {left_out} more …\n");
    }
    text
}

fn section(title: &str, style: &Style) -> String {
    format!("\n{}\n", style.paint(Role::Heading, title))
}

fn paragraph(text: &str, style: &Style) -> String {
    wrap(text, style.width.min(100)).join("\n") + "\n"
}

fn labelled(label: &str, text: &str, style: &Style) -> String {
    let lines = wrap(text, style.width.min(100).saturating_sub(12));
    format!("{label:<12}{}\n", lines.join(&format!("\n{:12}", "")))
}
