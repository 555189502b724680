//! The site: which reply belongs to which path.
//!
//! A site is a [`Directory`](directory::Directory) or what is [built in](embedded), with its [rules](rulebook) and a
//! [`Cache`] in front. It knows files and replies, and nothing of connections.

pub mod cache;
pub mod complaints;
pub mod directory;
pub mod embedded;
pub mod headers;
pub mod listing;
pub mod pattern;
pub mod redirects;
mod replies;
mod root;
pub mod rulebook;
mod sidecars;
mod tree;
mod version;

use crate::http::accept::Accepts;
use crate::http::coding::{self, Codings};
use crate::http::content::{Bytes, Content, Pieces, Reply};
use crate::http::response::Status;
use crate::http::target::Target;
use crate::now::Now;
use cache::{Cache, Entry, Form};
use complaints::Complaints;
use directory::Miss;
use listing::Listings;
use redirects::{Redirects, Ruling};
use root::Root;
use rulebook::Rulebook;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use version::Epoch;

/// Where a reply for a missing path is looked for.
const NOT_FOUND_PAGE: &[u8] = b"/404.html";

/// A site that can be asked for paths.
#[derive(Debug)]
pub struct Site {
    /// `None` for the built-in site, all of which is in the cache from the start.
    root: Option<Root>,
    rules: Rulebook,
    epoch: Epoch,
    cache: Cache,
    /// What is in directories without an index, if that may be seen.
    listings: Option<Listings>,
    complaints: Arc<Complaints>,
    /// The last reply that was made rather than found.
    made_described: String,
    made_fields: String,
    made_body: Bytes,
}

impl Site {
    /// The site that is part of the program.
    pub fn built_in(now: &Now) -> io::Result<Site> {
        let redirects = Redirects::parse(embedded::REDIRECTS).map_err(io::Error::other)?;
        let mut site = Site::new(None, Rulebook::fixed(redirects, now), now);
        for (path, entry) in embedded::entries(now) {
            site.cache.put(path.as_bytes(), entry);
        }
        Ok(site)
    }

    /// The files beneath `root`. Fails if that can't be opened or isn't a directory, or if one of its
    /// rule files has a mistake. With `autoindex` a directory without an index is listed.
    pub fn in_directory(root: &Path, autoindex: bool, now: &Now) -> io::Result<Site> {
        let root = Root::open(root, now)?;
        let rules = match root.directory() {
            Some(directory) => Rulebook::load(directory, now)?,
            None => Rulebook::fixed(Redirects::default(), now),
        };
        let mut site = Site::new(Some(root), rules, now);
        site.listings = autoindex.then(|| Listings::new(site.complaints.clone()));
        Ok(site)
    }

    fn new(root: Option<Root>, rules: Rulebook, now: &Now) -> Site {
        let made_body = Bytes::Static(b"");
        let (made_described, made_fields) = (String::new(), String::new());
        Site {
            root,
            rules,
            epoch: Epoch { opened: now.wall, replaced: false },
            cache: Cache::default(),
            listings: None,
            complaints: Arc::default(),
            made_described,
            made_fields,
            made_body,
        }
    }

    /// Follows the root and the rules where they have changed. Returns whether there is a root.
    fn refresh(&mut self, now: &Now) -> bool {
        let Some(root) = &mut self.root else { return true };
        if let Some(other) = root.look(now) {
            let rules = Rulebook::load(&other, now);
            match rules.and_then(|rules| root.take(other).map(|()| rules)) {
                Ok(rules) => {
                    self.rules = rules;
                    self.epoch = Epoch { opened: now.wall, replaced: true };
                    self.cache.clear();
                }
                Err(error) => root.refuse(error),
            }
        }
        let Some(directory) = root.directory() else { return false };
        if self.rules.refresh(directory, now) {
            // Entries carry the fields that the old rules gave them.
            self.cache.clear();
        }
        true
    }

    /// The cache entry for a path, as fresh as [`limits::FRESH`](crate::limits::FRESH) says.
    fn look_up(&mut self, path: &[u8], now: &Now) -> Result<usize, Miss> {
        let remembered = self.cache.find(path, now);
        if let Some(place) = remembered
            && self.cache.is_fresh(place, now)
        {
            return Ok(place);
        }
        let Some(directory) = self.root.as_ref().and_then(Root::directory) else { return Err(Miss::Missing) };
        let opened = match directory.find(path) {
            Ok(opened) => opened,
            Err(Miss::Unavailable(_)) if let Some(place) = remembered => {
                // What is in memory needs no descriptor: better a second old than nothing.
                self.cache.trust(place, now);
                return Ok(place);
            }
            Err(miss) => {
                self.cache.forget(path);
                return Err(miss);
            }
        };
        if self.rules.is_of(&opened.stamp) {
            return Err(Miss::Missing);
        }
        let codings = sidecars::beside(directory, &opened, |miss, path| self.complain(miss, path, now));
        if let Some(place) = remembered
            && self.cache.confirm(place, &opened.stamp, codings, now)
        {
            return Ok(place);
        }
        let before = self.cache.forget(path);
        let form = Form { headers: self.rules.headers.for_path(path)?, coding: None, codings };
        let entry = Entry::read(opened, &form, &self.epoch, before.as_ref(), now)?;
        Ok(self.cache.put(path, entry))
    }

    /// The entry for the compressed form of a file that a client likes best, or the file's own.
    fn in_best_form(&mut self, plain: usize, path: &[u8], accept_encoding: &[u8], now: &Now) -> usize {
        let codings = self.cache.at(plain).codings;
        if codings.is_empty() {
            return plain;
        }
        let Some(coding) = coding::choose(accept_encoding, codings) else { return plain };
        let key = sidecars::key(path, coding);
        let remembered = self.cache.find(&key, now);
        if let Some(place) = remembered
            && self.cache.is_fresh(place, now)
        {
            return place;
        }
        let Some(directory) = self.root.as_ref().and_then(Root::directory) else { return plain };
        let opened = match sidecars::open(directory, path, coding) {
            Ok(opened) => opened,
            Err(miss) => {
                if miss.is_trouble() {
                    self.complain(miss, &[path, coding.suffix().as_bytes()].concat(), now);
                }
                return plain;
            }
        };
        if let Some(place) = remembered
            && self.cache.confirm(place, &opened.stamp, Codings::default(), now)
        {
            return place;
        }
        let before = self.cache.forget(&key);
        let entry = self.rules.headers.for_path(path).map_err(Miss::from).and_then(|headers| {
            let form = Form { headers, coding: Some(coding), codings: Codings::default() };
            Ok(Entry::read(opened, &form, &self.epoch, before.as_ref(), now)?)
        });
        match entry {
            Ok(entry) => self.cache.put(&key, entry),
            Err(miss) => {
                self.complain(miss, &[path, coding.suffix().as_bytes()].concat(), now);
                plain
            }
        }
    }

    fn best(
        &mut self,
        place: usize,
        path: &[u8],
        status: Status,
        accept_encoding: &[u8],
        now: &Now,
    ) -> Reply<'_> {
        let place = self.in_best_form(place, path, accept_encoding, now);
        self.held(place, status)
    }

    fn rule(&mut self, ruling: Ruling, accept_encoding: &[u8], now: &Now) -> Reply<'_> {
        match ruling {
            Ruling::Redirect(status, location) => self.redirect(status, &location),
            Ruling::TooLong => self.made(Status::URI_TOO_LONG, ""),
            Ruling::Rewrite(status, to) => {
                // What a rule is rewritten to isn't rewritten again: rules can't go round in a circle.
                // And what isn't served under its own name isn't served under another.
                let path = Target::parse(&to).map(|target| target.path.into_owned()).ok();
                let path = path.filter(|path| !rulebook::FILES.contains(&&**path)).unwrap_or_default();
                match self.look_up(&path, now) {
                    Ok(place) if !path.is_empty() => self.best(place, &path, status, accept_encoding, now),
                    Err(miss) if miss.is_trouble() => self.failed(miss, &path, now),
                    _ if status.code >= 400 => self.made(status, ""),
                    _ => self.missing(now),
                }
            }
        }
    }

    /// The listing of a directory that has no index; missing if there are none, or no such directory.
    fn list(&mut self, path: &[u8], accepts: &Accepts, now: &Now) -> Result<Box<dyn Pieces>, Miss> {
        match (&mut self.listings, self.root.as_ref().and_then(Root::directory)) {
            (Some(listings), Some(directory)) if path.ends_with(b"/") => {
                listings.find(directory, path, accepts.prefers_json(), now)
            }
            _ => Err(Miss::Missing),
        }
    }
}

impl Content for Site {
    fn find(&mut self, target: &Target, accepts: &Accepts, now: &Now) -> Reply<'_> {
        if !self.refresh(now) {
            return self.without_root();
        }
        if rulebook::FILES.contains(&&*target.path) {
            return self.missing(now);
        }
        if let Some(ruling) = self.rules.redirects.find(target, true) {
            return self.rule(ruling, accepts.encoding, now);
        }
        match self.look_up(&target.path, now) {
            Ok(place) => self.best(place, &target.path, Status::OK, accepts.encoding, now),
            Err(Miss::Directory) => self.redirect(Status::MOVED_PERMANENTLY, &target.location_of_directory()),
            Err(Miss::Missing) => match self.list(&target.path, accepts, now) {
                Ok(pieces) => self.listed(&target.path, pieces, accepts, now),
                Err(Miss::Missing) => match self.rules.redirects.find(target, false) {
                    Some(ruling) => self.rule(ruling, accepts.encoding, now),
                    None => self.missing(now),
                },
                Err(miss) => self.failed(miss, &target.path, now),
            },
            Err(miss) => self.failed(miss, &target.path, now),
        }
    }

    fn has(&mut self, target: &Target, now: &Now) -> bool {
        self.rules.redirects.find(target, true).is_some()
            || matches!(self.look_up(&target.path, now), Ok(_) | Err(Miss::Directory))
    }

    fn missing(&mut self, now: &Now) -> Reply<'_> {
        if !self.refresh(now) {
            return self.without_root();
        }
        match self.look_up(NOT_FOUND_PAGE, now) {
            Ok(place) => self.held(place, Status::NOT_FOUND),
            Err(miss) => {
                if miss.is_trouble() {
                    self.complain(miss, NOT_FOUND_PAGE, now);
                }
                self.made(Status::NOT_FOUND, "")
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        self.cache.due().into_iter().chain(self.complaints.due()).min()
    }

    fn tidy(&mut self, now: &Now) {
        self.cache.tidy(now);
        self.complaints.settle(now);
    }
}
