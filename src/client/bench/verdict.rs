//! Whether a measurement went well: what the exit status rests upon.
//!
//! It did if there was no error at all. A datagram that is lost is none, as UDP promises nothing. What is
//! said here goes to standard error, behind the figures on standard output.

use super::ending::DIED;
use super::failure::Kind;
use super::outcome::Outcome;
use super::plan::Service;
use super::presence::Gone;
use super::table::count;
use crate::client::report::seconds;
use crate::client::trouble::Trouble;

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
    if tally.failures.of(Kind::Status) > 0 {
        return Some(Trouble::new(format!("{target}: {}", statuses(outcome)), status_advice(outcome)));
    }
    let chief = tally.failures.chief()?;
    let said: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|&kind| tally.failures.of(kind) > 0)
        .map(|kind| format!("{} {}", count(tally.failures.of(kind) as f64), words(kind, plan.service)))
        .collect();
    let first = match (chief, tally.failures.cut()) {
        (Kind::Closed, Some(cut)) => format!("; the first was closed {cut}"),
        _ => String::new(),
    };
    Some(Trouble::new(format!("{target}: {}{first}", said.join(", ")), advice(chief)))
}

/// A kind of failure and whose it is, behind a number.
pub fn words(kind: Kind, service: Service) -> &'static str {
    match kind {
        Kind::Refused if service == Service::Udp => "refused (ICMP port-unreachable)",
        Kind::Closed => "closed before their whole reply",
        Kind::Timeout => "without a reply in time (timeout)",
        kind => kind.name(),
    }
}

/// The replies whose status doesn't count, by status.
pub fn statuses(outcome: &Outcome) -> String {
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
    let most = outcome.tally.failures.statuses().iter().max_by_key(|(_, count)| **count);
    let why = match most {
        Some((300..400, _)) => "It redirects: measure where that leads to (shout http --follow tells). ",
        Some((404, _)) => "There is no such page: check the path. ",
        Some((429, _)) => "It limits how much one client may ask. ",
        Some((500.., _)) => "It fails, or has too much to do: look at its own messages. ",
        _ => "",
    };
    let status = most.map_or(0, |(status, _)| *status);
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
