//! Whether a measurement went well: what the exit status rests upon.
//!
//! It did if there was no error at all. A datagram that is lost is none, as UDP promises nothing. What is
//! said here goes to standard error, behind the figures on standard output.

use super::ending::DIED;
use super::failure::Kind;
use super::outcome::Outcome;
use super::plan::Service;
use super::presence::Gone;
use shoutd::trouble::Trouble;
use shoutd::units::{count, seconds};

/// What was wrong, if anything was: the gravest of it.
pub fn of(outcome: &Outcome) -> Option<Trouble> {
    let (plan, tally) = (&outcome.plan, &outcome.tally);
    let target = &plan.target;
    if let Some((at, why)) = outcome.times.gone {
        let what = format!("{target}: {} {} after measuring began", why.words(), seconds(at));
        let advice = match why {
            Gone::Refused => format!("Nothing listens there any more. {DIED}"),
            Gone::Silent => {
                "It, or its host, or the way there has ended, or it is stuck: nobody was refused, and no reply came."
                    .to_owned()
            }
        };
        return Some(Trouble::new(what, advice));
    }
    if let Some((from, to)) = outcome.times.absences.first() {
        return Some(Trouble::new(
            format!(
                "{target}: the server was gone from {} to {}, and came back",
                seconds(*from),
                seconds(*to)
            ),
            "It was started anew, or died. The figures include the time without it.",
        ));
    }
    let chief = tally.failures.chief()?;
    let first = match (chief, tally.failures.cut()) {
        (Kind::Closed, Some(cut)) => format!("; the first was closed {cut}"),
        _ => String::new(),
    };
    let advice = if chief == Kind::Status { status_advice(outcome) } else { advice(chief).to_owned() };
    Some(Trouble::new(format!("{target}: {}{first}", errors(outcome)?), advice))
}

/// Every kind of failure with its number; `None` if there is none.
pub fn errors(outcome: &Outcome) -> Option<String> {
    let failures = &outcome.tally.failures;
    let some = Kind::ALL.into_iter().filter(|&kind| failures.of(kind) > 0);
    let said: Vec<String> = some
        .map(|kind| {
            let number = count(failures.of(kind) as f64);
            match (kind, failures.words(kind)) {
                (Kind::Other, Some(words)) => format!("{number} other ({words})"),
                (Kind::Status, _) => statuses(outcome),
                (Kind::Refused, _) if outcome.plan.service == Service::Udp => {
                    format!("{number} refused (ICMP port-unreachable)")
                }
                (Kind::Closed, _) => format!("{number} closed before their whole reply"),
                (Kind::Timeout, _) => format!("{number} without a reply in time (timeout)"),
                _ => format!("{number} {}", kind.name()),
            }
        })
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// The replies whose status doesn't count, by status.
fn statuses(outcome: &Outcome) -> String {
    let failures = &outcome.tally.failures;
    let all = outcome.tally.operations + failures.of(Kind::Status);
    let counts = outcome.plan.status.map_or("2xx".to_owned(), |status| status.to_string());
    let each: Vec<String> = failures
        .statuses()
        .iter()
        .take(5)
        .map(|(status, number)| format!("{} with {status}", count(*number as f64)))
        .collect();
    let more = if failures.statuses().len() > 5 { ", …" } else { "" };
    format!(
        "{} of {} replies without a status of {counts} ({}{more})",
        count(failures.of(Kind::Status) as f64),
        count(all as f64),
        each.join(", ")
    )
}

fn status_advice(outcome: &Outcome) -> String {
    let failures = &outcome.tally.failures;
    let most = failures.statuses().iter().max_by_key(|(_, count)| **count);
    // Where they are mixed, nothing fits all of them.
    let Some((status, _)) = most.filter(|(_, count)| **count * 2 > failures.of(Kind::Status)) else {
        return "They are in no other figure.".to_owned();
    };
    let why = match status {
        300..400 => "It redirects: measure where that leads to (shout http --follow tells). ",
        404 => "There is no such page: check the path. ",
        429 => "It limits how much one client may ask. ",
        500.. => "It fails, or has too much to do: look at its own messages. ",
        _ => "",
    };
    format!("{why}They are in no other figure; --status {status} measures them instead.")
}

fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Refused => "Nothing listened there for a moment.",
        Kind::Timeout => "The server may serve one after another, or was too busy (--timeout waits longer).",
        Kind::Reset => "The server died or closed without reading everything: look at its own messages.",
        Kind::Closed => {
            "The server closes before it has answered; one that closes after each reply is measured with --reconnect."
        }
        Kind::Status | Kind::Other => "",
    }
}
