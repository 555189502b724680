//! What all pages share that a program of ours writes: listings, the lab's pages, the comparison.
//!
//! Text becomes safe here, and the looks of the family are here. The pages of the built-in site (`www/`) are files of
//! their own, to be read as such; a test keeps their colours the same.

use std::fmt;

/// The style that every page begins with. A page sets `--width`, the most that its lines may have, and adds its own
/// rules.
pub const STYLE: &str = include_str!("family.css");

/// Text that HTML reads as text, between tags and in an attribute in quotes.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..place])?;
            f.write_str(match rest.as_bytes()[place] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[place + 1..];
        }
        f.write_str(rest)
    }
}

/// The same as a string of its own.
pub fn escape(text: &str) -> String {
    Escaped(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crossed_can_not_become_part_of_a_page() {
        assert_eq!(escape("<b title='\"'>&"), "&lt;b title=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(escape("é<à"), "é&lt;à");
        assert_eq!(escape(""), "");
    }

    #[test]
    fn the_built_in_site_has_the_colours_of_the_family() {
        let colours = |text: &str| -> Vec<String> {
            let after = text.split("--").skip(1);
            let set = after.filter_map(|rest| rest.split_once(": #"));
            set.map(|(name, rest)| {
                let digits = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
                format!("{name} {}", &rest[..digits])
            })
            .collect()
        };
        let family = colours(STYLE);
        assert_eq!(family.len(), 18, "{family:?}");
        for page in [include_str!("../../www/index.html"), include_str!("../../www/404.html")] {
            let is_shared = |colour: &String| {
                family.iter().any(|other| other.split(' ').next() == colour.split(' ').next())
            };
            let own: Vec<String> = colours(page).into_iter().filter(is_shared).collect();
            assert!(own.len() > 8, "{own:?}");
            for colour in own {
                assert!(family.contains(&colour), "{colour} is not of the family");
            }
        }
    }
}
