//! Slips of the finger on a command line: what was probably meant.
//!
//! clap has suggestions too, behind a feature. They cost 6 KB, and their measure (Jaro's) finds nothing near
//! words as short as `tpc` and `lba`.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, Error};
use std::ffi::OsString;

/// Reads a command line, of which the first word is the program's name. For help, a version and wrong usage it
/// ends the program as clap does; a misspelt option or subcommand is told what is near.
pub fn matches(mut command: Command, words: impl IntoIterator<Item: Into<OsString>>) -> ArgMatches {
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    command.try_get_matches_from_mut(&words).unwrap_or_else(|mut error| {
        suggest(&mut error, &command, &words);
        error.exit()
    })
}

/// Adds to an error what was probably meant, if anything is near.
fn suggest(error: &mut Error, command: &Command, words: &[OsString]) {
    // The one that the words lead to.
    let meant = words.iter().fold(command, |command, word| command.find_subcommand(word).unwrap_or(command));
    let (wrong, right) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        _ => return,
    };
    // clap's own tip, to write the word behind --, is right for a value, and misleads where it is a slip.
    error.remove(ContextKind::Suggested);
    let Some(ContextValue::String(word)) = error.get(wrong) else { return };
    if let Some((scheme, _)) = word.split_once("://") {
        let name = scheme.strip_suffix('s').unwrap_or(scheme);
        if let Some(command) = meant.find_subcommand(name) {
            let tip = format!(
                "a URL stands behind its protocol: {} {} {word}",
                meant.get_name(),
                command.get_name()
            );
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        return;
    }
    let found = if right == ContextKind::SuggestedArg {
        let Some(word) = word.strip_prefix("--") else { return };
        nearest(word, meant.get_arguments().filter_map(|arg| arg.get_long())).map(|name| format!("--{name}"))
    } else {
        nearest(word, meant.get_subcommands().map(Command::get_name)).map(str::to_owned)
    };
    if let Some(found) = found {
        error.insert(right, ContextValue::String(found));
    }
}

/// Asks about a misspelt word whether the nearest of these was meant; empty where none is near.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, names).map_or(String::new(), |name| format!("; did you mean {name}?"))
}

/// The name that a misspelt word probably means, or that it begins; `None` where none is near. One letter in four
/// may be wrong, and one besides.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + word.len().saturating_sub(1) / 4;
    let slips = |name: &str| {
        let begins = word.len() > 2 && name.starts_with(word);
        if begins { 0 } else { count(word.as_bytes(), name.as_bytes()) }
    };
    let (least, name) = names.into_iter().map(|name| (slips(name), name)).min_by_key(|(slips, _)| *slips)?;
    (word.len() <= 64 && least <= most).then_some(name)
}

/// How many slips make one word of another: a letter too many, missing or wrong, or two neighbours exchanged
/// (the optimal string alignment distance). Names have ASCII letters only, so a byte is a letter.
fn count(from: &[u8], to: &[u8]) -> usize {
    let (mut before, mut above) = (Vec::new(), (0..=to.len()).collect::<Vec<usize>>());
    for (i, letter) in from.iter().take(64).enumerate() {
        let mut row = vec![i + 1];
        for (j, wanted) in to.iter().enumerate() {
            let mut least = (above[j] + usize::from(letter != wanted)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from[i - 1] == *wanted && *letter == to[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = ["read", "repeat", "delay", "messages", "idle", "tcp", "lab", "max-connections"];

    #[test]
    fn a_slip_of_the_finger_finds_what_was_meant() {
        for (slip, meant) in [
            ("raed", "read"),
            ("reads", "read"),
            ("repaet", "repeat"),
            ("mesages", "messages"),
            ("dleay", "delay"),
            ("tpc", "tcp"),
            ("lba", "lab"),
            ("max-conn", "max-connections"),
            ("maxconnections", "max-connections"),
        ] {
            assert_eq!(nearest(slip, NAMES), Some(meant), "{slip}");
        }
        let long = "read".repeat(100_000);
        for other in ["speed", "", "x", "greeting", "ärger", "port", &long] {
            assert_eq!(nearest(other, NAMES), None, "{other:.20}");
        }
    }
}
