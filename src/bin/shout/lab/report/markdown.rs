//! The report of an experiment in Markdown, to be handed in or put on the web.

use super::timeline;
use crate::lab::outcome::Outcome;
use crate::lab::transfer;
use shoutd::wire::markdown::{self, escaped};

/// The whole report; with the server's story if that is wanted, and with all packets of long conversations.
pub fn of(outcome: &Outcome, with_story: bool, all: bool) -> String {
    let experiment = outcome.experiment;
    let mut text = format!("# {}\n\n{}.\n\n", experiment.name, escaped(&capital(experiment.line)));
    text += &format!("- server: `{}`\n- client: {}\n", outcome.server(), escaped(experiment.client));
    text += &format!("- to do it again: `{}`\n\n", experiment.command(&outcome.change));
    text += &format!("## What will happen, and why\n\n{}\n\n", escaped(experiment.because));
    if outcome.captured.is_some() && outcome.figures.is_empty() {
        text += "## The packets\n\n";
        text += &markdown::render(outcome.packets(), &outcome.conversations, &outcome.words, all);
    }
    if !outcome.figures.is_empty() {
        text += &format!("## The files\n\n```text\n{}```\n\n", transfer::table(&outcome.figures));
    }
    if with_story {
        text += "## The server's story between the packets\n\n```text\n";
        let (moments, left_out) = timeline::of(outcome);
        for moment in moments {
            let indent = if moment.is_packet { "" } else { "         " };
            text += &format!("{:>12}  {indent}{}\n", moment.seconds, moment.text.replace("```", "'''"));
        }
        if left_out > 0 {
            text += &format!("… {left_out} more …\n");
        }
        text += "```\n\n";
    }
    text += "## Predicted and measured\n\n| | connection | predicted | measured | what it means |\n";
    text += "| --- | --- | --- | --- | --- |\n";
    for row in &outcome.rows {
        let connection = if row.connection > 0 { row.connection.to_string() } else { String::new() };
        text += &format!(
            "| {} | {connection} | {} | {} | {} |\n",
            row.mark.sign(),
            escaped(&row.predicted),
            escaped(&row.measured),
            escaped(&row.note)
        );
    }
    text += &format!("\n{}\n\n## Why\n\n{}\n\n", escaped(&outcome.verdict()), escaped(&outcome.why));
    text += "## Questions\n\n";
    for (question, answer) in experiment.questions {
        text += &format!("**{}** {}\n\n", escaped(question), escaped(answer));
    }
    text
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
