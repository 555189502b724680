//! The page of one experiment.

use super::entry::Entry;
use super::{document, file_of, ladder, plot, sign};
use crate::lab::code_path;
use crate::lab::events;
use crate::lab::outcome::Outcome;
use crate::lab::report::timeline;
use crate::lab::serves::Serves;
use shoutd::html::escape;
use shoutd::units::grouped;
use shoutd::wire::conversation::Conversation;
use shoutd::wire::row::Row;
use shoutd::wire::words::heading;

/// Packets of a conversation in the table; of more, the first and last half.
const MOST: usize = 80;

/// The page, with links to its neighbours.
pub fn of(outcome: &Outcome, before: Option<&str>, after: Option<&str>, to_scale: bool) -> String {
    let experiment = outcome.experiment;
    let mut body = String::from("<nav><a href=\"index.html\">All experiments</a>");
    for (name, arrow) in [(before, "←"), (after, "→")] {
        if let Some(name) = name {
            let text = if arrow == "←" { format!("← {name}") } else { format!("{name} →") };
            body += &format!("<a href=\"{}\">{text}</a>", file_of(name));
        }
    }
    body += &format!(
        "</nav>\n<header>\n<h1>{}</h1>\n<p class=\"lead\">{}.</p>\n<p>{}</p>\n</header>\n<main>\n",
        experiment.name,
        escape(&capital(experiment.line)),
        verdict(outcome)
    );
    body += &format!(
        "<section>\n<h2>What will happen, and why</h2>\n<dl><dt>Server</dt><dd>{}</dd><dt>Client</dt>\
         <dd>{}</dd></dl>\n<p>{}</p>\n</section>\n",
        server(&outcome.server()),
        escape(experiment.client),
        escape(experiment.because)
    );
    if !outcome.figures.is_empty() {
        body += &transfers(outcome);
    } else if outcome.captured.is_some() {
        body += &pictures(outcome, to_scale);
    }
    body += &rows(outcome);
    body += &format!("<section>\n<h2>Why</h2>\n<p>{}</p>\n</section>\n", escape(&outcome.why));
    if outcome.captured.is_some() && outcome.figures.is_empty() {
        body += &packets(outcome);
    }
    body += "<section>\n<h2>Questions</h2>\n";
    for (question, answer) in experiment.questions {
        body += &format!(
            "<details><summary>{}</summary>\n<p>{}</p></details>\n",
            escape(question),
            escape(answer)
        );
    }
    body += "</section>\n";
    if outcome.figures.is_empty() {
        body += &story(outcome);
    }
    let command = experiment.command(&outcome.change);
    body += &format!("</main>\n<footer>Do it yourself: <code>{}</code></footer>\n", escape(&command));
    document(experiment.name, &Entry::note(outcome), &body)
}

/// A command as code, anything else as words.
fn server(text: &str) -> String {
    let safe = escape(text);
    if text.starts_with("shoutd ") { format!("<code>{safe}</code>") } else { safe }
}

fn verdict(outcome: &Outcome) -> String {
    let text = outcome.verdict();
    let words = text.split_once(": ").map_or(text.as_str(), |(_, words)| words);
    format!("{} {}", sign(outcome.mark()), escape(words))
}

/// A ladder for each conversation.
fn pictures(outcome: &Outcome, to_scale: bool) -> String {
    let mut text = String::from("<section>\n<h2>The packets as a ladder</h2>\n");
    if to_scale {
        text += "<p class=\"soft\">Each packet has a row of its own; the further it is from the one above, the later it \
                 came.</p>\n";
    }
    for conversation in &outcome.conversations.list {
        text += &format!(
            "<figure>\n<h3>{}</h3>\n<div class=\"crop\">{}</div></figure>\n",
            escape(&heading(conversation)),
            ladder::of(outcome, conversation, to_scale)
        );
    }
    text + "</section>\n"
}

/// Predicted against measured.
fn rows(outcome: &Outcome) -> String {
    let mut text = String::from(
        "<section>\n<h2>Predicted and measured</h2>\n<div class=\"scroll\"><table class=\"rows\">\n<tr><th></th><th>predicted</th>\
         <th>measured</th><th>what it means</th></tr>\n",
    );
    let several = outcome.rows.iter().map(|row| row.connection).max().unwrap_or(0) > 1;
    let mut connection = 0;
    for row in &outcome.rows {
        if several && row.connection != connection && row.connection > 0 {
            text += &format!(
                "<tr><td></td><td colspan=\"3\"><small>connection {}</small></td></tr>\n",
                row.connection
            );
        }
        connection = row.connection;
        text += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            sign(row.mark),
            escape(&row.predicted),
            escape(&row.measured),
            escape(&row.note)
        );
    }
    text + "</table></div>\n</section>\n"
}

/// Every packet, and for those of the server how it came to be.
fn packets(outcome: &Outcome) -> String {
    let mut text = String::from(
        "<section>\n<h2>Every packet, and the code behind it</h2>\n<p class=\"soft\">Below each packet of the server stand \
         the functions of shoutd that made it, in the order of their calls.</p>\n",
    );
    for (place, conversation) in outcome.conversations.list.iter().enumerate() {
        if outcome.conversations.list.len() > 1 {
            text += &format!("<h3>{}</h3>\n", escape(&heading(conversation)));
        }
        text += "<div class=\"scroll\"><table class=\"packets\">\n<tr><th class=\"n\">no.</th><th class=\"n\">time</th><th>who</th>\
                 <th>flags</th><th class=\"n seq\">seq</th><th class=\"n seq\">ack</th><th class=\"n\">bytes</th>\
                 <th>what it is</th></tr>\n";
        text += &table(outcome, place, conversation);
        text += "</table></div>\n";
    }
    text + "</section>\n"
}

fn table(outcome: &Outcome, conversation_place: usize, conversation: &Conversation) -> String {
    let all = outcome.packets();
    let events = events::of(conversation_place, all, &outcome.conversations);
    let serves = serves(outcome, conversation);
    let (from, to) = if conversation.packets.len() <= MOST {
        (usize::MAX, usize::MAX)
    } else {
        (MOST / 2, conversation.packets.len() - MOST / 2)
    };
    let mut text = String::new();
    let mut client_has_closed = false;
    let mut before = None;
    for (index, &place) in conversation.packets.iter().enumerate() {
        let packet = &all[place];
        let seen = &outcome.conversations.seen[place];
        let row = Row::of(packet, seen, &outcome.words[place]);
        let kind = events.iter().find(|event| event.packet == place).map(|event| event.kind);
        let path = (!row.from_client).then(|| code_path::of(kind, packet.length, serves, client_has_closed));
        client_has_closed |= row.from_client && packet.segment().is_some_and(|segment| segment.fin);
        if index >= from && index < to {
            if index == from {
                text += &format!(
                    "<tr><td colspan=\"8\"><small>… {} packets more …</small></td></tr>\n",
                    to - from
                );
            }
            continue;
        }
        let who = if row.from_client { ("c", "C → S") } else { ("s", "C ← S") };
        let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
        // The same path again and again says nothing new.
        let below = path.filter(|path| before != Some(*path)).map_or(String::new(), |path| code(&path));
        before = path.or(before);
        text += &format!(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"w {}\">{}</td><td class=\"w\">{}</td>\
             <td class=\"n seq\">{}</td><td class=\"n seq\">{}</td><td class=\"n\">{}</td><td>{}{below}</td></tr>\n",
            row.number,
            row.seconds(),
            who.0,
            who.1,
            row.flags,
            number(row.seq),
            number(row.ack),
            row.length,
            escape(row.words)
        );
    }
    text
}

/// Who listened where this conversation's server is.
fn serves(outcome: &Outcome, conversation: &Conversation) -> Serves {
    let place = outcome.places.iter().position(|place| place.port() == conversation.server.port());
    place.and_then(|place| outcome.experiment.serves.get(place)).copied().unwrap_or(Serves::Nothing)
}

fn code(path: &code_path::Path) -> String {
    let functions: Vec<String> = path.functions.iter().map(|name| format!("<code>{name}</code>")).collect();
    let words = match (path.words, functions.is_empty()) {
        ("", _) => String::new(),
        (words, true) => escape(words),
        (words, false) => format!("{}: ", escape(words)),
    };
    format!("<small>{words}{}</small>", functions.join(" → "))
}

/// The table and the plots of `transfer`.
fn transfers(outcome: &Outcome) -> String {
    let mut text = String::from(
        "<section>\n<h2>File size against packets</h2>\n<div class=\"scroll\"><table class=\"files\">\n<tr><th class=\"n\">bytes</th>\
         <th class=\"n\">C → S</th><th class=\"n\">C ← S</th><th class=\"n\">packets</th><th class=\"n\">seconds</th>\
         <th class=\"n\">mean payload</th><th class=\"n\">kernel’s count</th></tr>\n",
    );
    let seen = outcome.captured.is_some();
    for row in &outcome.figures {
        let number = |number: u64| if seen { grouped(number) } else { "not seen".to_owned() };
        text += &format!(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{:.6}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            grouped(row.size),
            number(row.sent as u64),
            number(row.received as u64),
            number(row.packets() as u64),
            row.seconds,
            number(row.whole_mean()),
            row.counted.map_or("unknown".to_owned(), |count| grouped(count.into()))
        );
    }
    text += "</table></div>\n";
    if seen {
        text += &plot::of(&outcome.figures);
    }
    text + "</section>\n"
}

/// The server's story between the packets, if it was asked for.
fn story(outcome: &Outcome) -> String {
    let (moments, left_out) = timeline::of(outcome);
    if moments.is_empty() || outcome.story.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<section>\n<h2>The server’s own story, between the packets</h2>\n<p class=\"soft\">What the loop told \
         (<code>--log trace</code>), on the same clock: who was ready, what each connection needed, what it did.</p>\n\
         <details><summary>Show it</summary>\n<ol class=\"story\">\n",
    );
    for moment in moments {
        let told = if moment.is_packet {
            format!("<b>{}</b>", escape(&moment.text))
        } else {
            format!("<span class=\"told\">{}</span>", escape(&moment.text))
        };
        text += &format!("<li><span class=\"t\">{}</span>{told}</li>\n", moment.seconds);
    }
    if left_out > 0 {
        text += &format!("<li><span></span><span>… {left_out} more …</span></li>\n");
    }
    text + "</ol></details>\n</section>\n"
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
