//! The lab as a small site: an index, and a page for each experiment. Pages stand by themselves: no scripts,
//! nothing from elsewhere.

mod entry;
mod ladder;
mod page;
mod plot;
mod style;

use super::experiment::Group;
use super::outcome::Outcome;
use super::verdict::Mark;
use entry::Entry;
use shoutd::html::{self, escape};
use shoutd::trouble::{Trouble, plain};
use shoutd::units::seconds;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// By which our pages are known.
const GENERATOR: &str = "<meta name=\"generator\" content=\"shout lab\">";

/// The same of pages that have no [`GENERATOR`] yet.
const MADE: &str = "<footer>Made by <code>shout lab --html</code>";

/// Bytes of an index that are looked at: ours has some ten thousand.
const LOOKED_AT: u64 = 1 << 20;

/// Makes the directory of the pages, unless it is there. Fails where it has an index that somebody else has written.
pub fn make(directory: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))?;
    let index = directory.join("index.html");
    match is_ours(&index) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(false) => Err(Trouble::new(
            format!("{} is there already, and shout lab has not made it", index.display()),
            "It would be replaced by the index of the experiments: name another directory, or move it away.",
        )),
        Err(error) => Err(unwritten(&index, &error)),
    }
}

/// Whether a file is an index that we have written.
fn is_ours(index: &Path) -> io::Result<bool> {
    // To open a pipe could take for ever.
    if !fs::metadata(index)?.is_file() {
        return Ok(false);
    }
    let mut page = Vec::new();
    fs::File::open(index)?.take(LOOKED_AT).read_to_end(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    Ok(page.contains(GENERATOR) || page.contains(MADE))
}

fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("can't write {}: {}", path.display(), plain(error)), "")
}

/// Writes the pages into a directory that is there. Pages of the same name are replaced, others stay, and the
/// index lists all of them.
pub fn write(directory: &Path, outcomes: &[Outcome], to_scale: bool) -> Result<(), Trouble> {
    let entries = Entry::all(directory, outcomes);
    let mut pages = vec![("index.html".to_owned(), index(&entries))];
    for outcome in outcomes {
        let own = entries.iter().position(|entry| entry.experiment.name == outcome.experiment.name);
        let place = own.unwrap_or_default();
        let name = |entry: &Entry| entry.experiment.name;
        let before = place.checked_sub(1).and_then(|place| entries.get(place)).map(name);
        let after = entries.get(place + 1).map(name);
        pages.push((file_of(outcome.experiment.name), page::of(outcome, before, after, to_scale)));
    }
    for (name, page) in pages {
        let path = directory.join(name);
        fs::write(&path, page).map_err(|error| unwritten(&path, &error))?;
    }
    Ok(())
}

/// The page that lists the others.
fn index(entries: &[Entry]) -> String {
    let mut body = String::from(
        "<header>\n<h1>The lab</h1>\n<p class=\"lead\">What a networking lab does by hand with two terminals and \
         a packet capture: each experiment was run, its packets were captured, and laid beside what was predicted.\
         </p>\n</header>\n<main>\n",
    );
    let agreed = entries.iter().filter(|entry| entry.mark == Mark::Yes).count();
    let packets: usize = entries.iter().filter_map(|entry| entry.size).map(|(packets, _)| packets).sum();
    body += &format!(
        "<p class=\"soft\">{agreed} of {} experiments as predicted; {} packets captured on the loopback interface \
         by shout {}.</p>\n",
        entries.len(),
        shoutd::units::grouped(packets as u64),
        env!("CARGO_PKG_VERSION")
    );
    for group in Group::ALL {
        let inside: Vec<&Entry> = entries.iter().filter(|entry| entry.experiment.group == group).collect();
        if inside.is_empty() {
            continue;
        }
        body += &format!("<section>\n<h2>{}</h2>\n<ul class=\"list\">\n", escape(group.title()));
        for entry in inside {
            let experiment = entry.experiment;
            body += &format!(
                "<li>{} <a href=\"{}\">{}</a> <span>{}</span> <small>{}</small></li>\n",
                sign(entry.mark),
                file_of(experiment.name),
                experiment.name,
                escape(experiment.line),
                entry.size.map_or(String::new(), |(packets, took)| size(packets, took))
            );
        }
        body += "</ul>\n</section>\n";
    }
    body += "</main>\n<footer>Made by <code>shout lab --html</code>. These pages load nothing from elsewhere and \
             run no scripts.</footer>\n";
    document("The lab", "", &body)
}

/// The file of an experiment's page. One of them is called index, and that is the name of the list.
fn file_of(name: &str) -> String {
    format!("lab-{name}.html")
}

fn size(packets: usize, took: Duration) -> String {
    match packets {
        0 => seconds(took),
        1 => format!("1 packet, {}", seconds(took)),
        count => format!("{} packets, {}", shoutd::units::grouped(count as u64), seconds(took)),
    }
}

/// A whole document, with a note in its head.
fn document(title: &str, note: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n{GENERATOR}\n{note}<title>{} – shout lab</title>\n\
         <style>\n{}{}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title),
        html::STYLE,
        style::STYLE
    )
}

/// A verdict as a sign with its meaning.
fn sign(mark: Mark) -> String {
    let (class, meaning) = match mark {
        Mark::Yes => ("yes", "as predicted"),
        Mark::No => ("no", "not as predicted"),
        Mark::Absent => ("absent", "need not have come"),
        Mark::Unseen => ("absent", "not seen"),
    };
    format!("<span class=\"mark {class}\" title=\"{meaning}\">{}</span>", mark.sign())
}
