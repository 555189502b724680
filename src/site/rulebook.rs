//! The rule files of a site, and their reload: a change takes effect within about a second, and a file
//! with a mistake in it changes nothing but the log.

use super::directory::{self, Directory, Miss, Opened, Stamp};
use super::headers::Headers;
use super::redirects::Redirects;
use crate::limits;
use crate::now::Now;
use log::{info, warn};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::Instant;

/// Files that tell the server something and are not part of what it serves.
pub const FILES: [&[u8]; 2] = [b"/_redirects", b"/_headers"];

/// The rules of a site.
#[derive(Debug)]
pub struct Rulebook {
    /// Of `_redirects`.
    pub redirects: Redirects,
    /// Of `_headers`.
    pub headers: Headers,
    /// The versions that were looked at last; `None` where there is no such file.
    seen: [Option<Stamp>; 2],
    /// Those were long unchanged then.
    settled: bool,
    /// What was in them.
    digest: u64,
    checked: Instant,
    /// What the log was last told of a change that can't be taken: once is enough.
    complaint: String,
}

impl Rulebook {
    /// Rules that come from no file and never change.
    pub fn fixed(redirects: Redirects, now: &Now) -> Rulebook {
        Rulebook {
            redirects,
            headers: Headers::default(),
            seen: [None; 2],
            settled: false,
            digest: 0,
            checked: now.instant,
            complaint: String::new(),
        }
    }

    /// The rules of a directory. Fails with the file and line of a mistake.
    pub fn load(directory: &Directory, now: &Now) -> io::Result<Rulebook> {
        let mut book = Rulebook::fixed(Redirects::default(), now);
        book.read(directory, now)?;
        Ok(book)
    }

    /// Whether this is one of the files, by whatever name it was found: they aren't served.
    pub fn is_of(&self, stamp: &Stamp) -> bool {
        self.seen.iter().flatten().any(|seen| seen.inode == stamp.inode)
    }

    /// Looks at the files again, at most once in [`limits::FRESH`]. Returns whether the rules changed.
    pub fn refresh(&mut self, directory: &Directory, now: &Now) -> bool {
        if now.instant.saturating_duration_since(self.checked) < limits::FRESH {
            return false;
        }
        self.checked = now.instant;
        match self.read(directory, now) {
            Ok(false) => false,
            Ok(true) => {
                info!("the rules of the site have changed");
                self.complaint.clear();
                true
            }
            Err(error) => {
                let error = error.to_string();
                if self.complaint != error {
                    warn!("the rules of the site stay as they were: {error}");
                    self.complaint = error;
                }
                false
            }
        }
    }

    /// Reads both files if either has changed, and takes both or neither. The same versions aren't read again,
    /// whatever comes of it, unless they couldn't be read or may have changed since without another time.
    fn read(&mut self, directory: &Directory, now: &Now) -> io::Result<bool> {
        let [redirects, headers] = FILES.map(|path| open(directory, path));
        let (redirects, headers) = (redirects?, headers?);
        let versions = [&redirects, &headers].map(|opened| opened.as_ref().map(|opened| opened.stamp));
        if versions == self.seen && self.settled {
            return Ok(false);
        }
        let texts = (text(redirects, FILES[0])?, text(headers, FILES[1])?);
        self.settled = versions.iter().flatten().all(|stamp| stamp.is_settled(now));
        self.seen = versions;
        let digest = digest(&texts);
        if std::mem::replace(&mut self.digest, digest) == digest {
            return Ok(false);
        }
        let redirects = Redirects::parse(&texts.0).map_err(io::Error::other)?;
        let headers = Headers::parse(&texts.1).map_err(io::Error::other)?;
        (self.redirects, self.headers) = (redirects, headers);
        Ok(true)
    }
}

fn digest(texts: &(String, String)) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

fn open(directory: &Directory, path: &[u8]) -> io::Result<Option<Opened>> {
    match directory.find(path) {
        Ok(opened) => Ok(Some(opened)),
        Err(Miss::Missing) => Ok(None),
        Err(miss) => Err(fail(path, &miss)),
    }
}

/// The text of a rule file; a missing one is as good as an empty one.
fn text(opened: Option<Opened>, path: &[u8]) -> io::Result<String> {
    let Some(opened) = opened else { return Ok(String::new()) };
    let bytes = directory::read(&opened.file, limits::RULES + 1)
        .map_err(|error| fail(path, &io::Error::from(error)))?;
    if bytes.len() > limits::RULES {
        return Err(fail(path, &format_args!("longer than {} bytes", limits::RULES)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        fail(path, &format_args!("line {line} is no UTF-8"))
    })
}

fn fail(path: &[u8], why: &dyn fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {why}", String::from_utf8_lossy(&path[1..])))
}
