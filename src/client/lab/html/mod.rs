//! The lab as a small site: an index, and a page for each experiment. Pages stand by themselves: no scripts,
//! nothing from elsewhere.

mod ladder;
mod page;
mod plot;
mod style;

use super::catalogue;
use super::experiment::Group;
use super::outcome::Outcome;
use super::verdict::Mark;
use crate::client::report::seconds;
use crate::client::trouble::{Trouble, plain};
use std::fs;
use std::io;
use std::path::Path;

/// Makes the directory of the pages, unless it is there.
pub fn make(directory: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))
}

fn unwritten(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("can't write {}: {}", path.display(), plain(error)), "")
}

/// Writes the pages into a directory that is there. Pages of the same name are replaced.
pub fn write(directory: &Path, outcomes: &[Outcome], to_scale: bool) -> Result<(), Trouble> {
    let mut pages = vec![("index.html".to_owned(), index(outcomes))];
    for (place, outcome) in outcomes.iter().enumerate() {
        let name = |outcome: &Outcome| outcome.experiment.name;
        let before = place.checked_sub(1).and_then(|place| outcomes.get(place)).map(name);
        let after = outcomes.get(place + 1).map(name);
        let page = page::of(outcome, before, after, to_scale);
        pages.push((file_of(outcome.experiment.name), page));
    }
    for (name, page) in pages {
        let path = directory.join(name);
        fs::write(&path, page).map_err(|error| unwritten(&path, &error))?;
    }
    Ok(())
}

/// The page that lists the others.
fn index(outcomes: &[Outcome]) -> String {
    let mut body = String::from(
        "<header>\n<h1>The lab</h1>\n<p class=\"lead\">What a networking lab does by hand with two terminals and \
         a packet capture: each experiment was run, its packets were captured, and laid beside what was predicted.\
         </p>\n</header>\n<main>\n",
    );
    let agreed = outcomes.iter().filter(|outcome| outcome.mark() == Mark::Yes).count();
    let packets: usize = outcomes.iter().map(|outcome| outcome.packets().len()).sum();
    body += &format!(
        "<p class=\"soft\">{agreed} of {} experiments as predicted; {} packets captured on the loopback interface \
         by shout {}.</p>\n",
        outcomes.len(),
        super::transfer::grouped(packets as u64),
        env!("CARGO_PKG_VERSION")
    );
    for group in Group::ALL {
        let inside: Vec<_> = catalogue::of(group).iter().map(|experiment| experiment.name).collect();
        let inside: Vec<&Outcome> =
            outcomes.iter().filter(|outcome| inside.contains(&outcome.experiment.name)).collect();
        if inside.is_empty() {
            continue;
        }
        body += &format!("<section>\n<h2>{}</h2>\n<ul class=\"list\">\n", escape(group.title()));
        for outcome in inside {
            let experiment = outcome.experiment;
            body += &format!(
                "<li>{} <a href=\"{}\">{}</a> <span>{}</span> <small>{}</small></li>\n",
                sign(outcome.mark()),
                file_of(experiment.name),
                experiment.name,
                escape(experiment.line),
                size(outcome)
            );
        }
        body += "</ul>\n</section>\n";
    }
    body += "</main>\n<footer>Made by <code>shout lab --html</code>. These pages load nothing from elsewhere and \
             run no scripts.</footer>\n";
    document("The lab", &body)
}

/// The file of an experiment's page. One of them is called index, and that is the name of the list.
fn file_of(name: &str) -> String {
    format!("lab-{name}.html")
}

fn size(outcome: &Outcome) -> String {
    match outcome.packets().len() {
        0 => seconds(outcome.took),
        1 => format!("1 packet, {}", seconds(outcome.took)),
        count => format!("{} packets, {}", super::transfer::grouped(count as u64), seconds(outcome.took)),
    }
}

/// A whole document.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{} – shout lab</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title),
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

/// Text that is safe in HTML, in attributes too.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crossed_can_not_become_part_of_a_page() {
        assert_eq!(escape("<b title='\"'>&"), "&lt;b title=&#39;&quot;&#39;&gt;&amp;");
    }
}
