//! Replies that are ready: small files in memory, large ones open.
//!
//! An entry is served without any system call for [`limits::FRESH`], then opened again and compared with
//! what it was. The number of entries, the bytes in memory and the files held open are bounded; the entry
//! that was not asked for the longest has to go.

use super::directory::{self, Opened, Stamp};
use super::version::{self, Epoch};
use crate::http::coding::{Coding, Codings};
use crate::http::conditional::Validators;
use crate::http::content::Bytes;
use crate::http::mime::content_type;
use crate::http::response::entity_fields;
use crate::limits;
use crate::now::{Date, Now};
use slab::Slab;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Entries by path.
#[derive(Debug, Default)]
pub struct Cache {
    places: HashMap<Box<[u8]>, usize>,
    entries: Slab<Entry>,
    bytes: usize,
    open_files: usize,
    due: Option<Instant>,
}

/// A reply for a path, without its status.
#[derive(Debug)]
pub struct Entry {
    path: Box<[u8]>,
    /// The field lines that describe the content.
    pub described: Box<[u8]>,
    /// The others: validators, and how to cache it.
    pub fields: Box<[u8]>,
    /// What identifies this version.
    pub validators: Validators,
    /// The compressed forms that it has beside it.
    pub codings: Codings,
    /// The content itself.
    pub content: Content,
    /// The version of the file; `None` for what can't change.
    stamp: Option<Stamp>,
    settled: bool,
    checked: Instant,
    used: Instant,
}

/// In what form a file is sent, besides its content.
#[derive(Debug, Default)]
pub struct Form {
    /// The fields that rules give it.
    pub headers: Vec<(String, String)>,
    /// The coding that its content is compressed with already.
    pub coding: Option<Coding>,
    /// The compressed forms that it has beside it.
    pub codings: Codings,
}

/// The content of an entry.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// The first so many bytes of an open file.
    File(Arc<File>, u64),
}

impl Entry {
    /// Content that doesn't come from a file, or whose file is described by `stamp`. What
    /// rules say of its fields goes before our own.
    pub fn new(
        name: &[u8],
        content: Content,
        stamp: Option<Stamp>,
        validators: Validators,
        form: &Form,
        now: &Now,
    ) -> Entry {
        let length = match &content {
            Content::Bytes(bytes) => bytes.as_ref().len() as u64,
            Content::File(_, length) => *length,
        };
        let ruled = |name: &str| form.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let kind = ruled("Content-Type").map_or_else(|| content_type(name), |(_, value)| value.clone());
        let mut fields = Vec::new();
        if let Some(seconds) = validators.modified {
            fields.extend_from_slice(b"Last-Modified: ");
            fields.extend_from_slice(Date::new(UNIX_EPOCH + Duration::from_secs(seconds)).as_bytes());
            fields.extend_from_slice(b"\r\n");
        }
        fields.extend_from_slice(b"ETag: ");
        fields.extend_from_slice(&validators.etag);
        fields.extend_from_slice(b"\r\n");
        if ruled("Accept-Ranges").is_none() {
            fields.extend_from_slice(b"Accept-Ranges: bytes\r\n");
        }
        for (name, value) in
            form.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Type"))
        {
            fields.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if kind.starts_with("text/html") && ruled("Cache-Control").is_none() {
            // A page names everything else, so an old one is what visitors notice.
            fields.extend_from_slice(b"Cache-Control: no-cache\r\n");
        }
        if let Some(coding) = form.coding {
            fields.extend_from_slice(format!("Content-Encoding: {}\r\n", coding.name()).as_bytes());
        }
        let says_so = |name: &str| name.eq_ignore_ascii_case("Accept-Encoding") || name == "*";
        let varies = ruled("Vary").is_some_and(|(_, names)| names.split(',').map(str::trim).any(says_so));
        if (form.coding.is_some() || !form.codings.is_empty()) && !varies {
            fields.extend_from_slice(b"Vary: Accept-Encoding\r\n");
        }
        let settled = stamp.is_none_or(|stamp| stamp.is_settled(now));
        Entry {
            path: Box::default(),
            described: entity_fields(&kind, length).into_bytes().into_boxed_slice(),
            fields: fields.into_boxed_slice(),
            validators,
            codings: form.codings,
            content,
            stamp,
            settled,
            checked: now.instant,
            used: now.instant,
        }
    }

    /// Reads a small file whole; keeps a large one open. `before` are the validators of the version before it.
    pub fn read(
        opened: Opened,
        form: &Form,
        epoch: &Epoch,
        before: Option<&Validators>,
        now: &Now,
    ) -> io::Result<Entry> {
        let stamp = opened.stamp;
        let content = if stamp.size > limits::SMALL_FILE {
            Content::File(Arc::new(opened.file), stamp.size)
        } else {
            // One that grows meanwhile is sent as it was, as a large one is.
            let bytes = directory::read(&opened.file, stamp.size as usize)?;
            Content::Bytes(Bytes::Shared(bytes.into()))
        };
        let bytes = match &content {
            Content::Bytes(bytes) => Some(bytes.as_ref()),
            Content::File(..) => None,
        };
        let suffix = form.coding.map_or("", Coding::suffix);
        let validators = version::of_file(&stamp, bytes, suffix, epoch, before, now.wall);
        Ok(Entry::new(&opened.name, content, Some(stamp), validators, form, now))
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Bytes(Bytes::Shared(bytes)) => bytes.len(),
            _ => 0,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.content, Content::File(..))
    }
}

impl Cache {
    /// Where the entry for a path is, fresh or not. Counts as use.
    pub fn find(&mut self, path: &[u8], now: &Now) -> Option<usize> {
        let place = *self.places.get(path)?;
        self.entries[place].used = now.instant;
        Some(place)
    }

    /// Whether an entry may be served without asking the disk. The content of a small one is here; an open file
    /// must not have been written to since.
    pub fn is_fresh(&self, place: usize, now: &Now) -> bool {
        let entry = &self.entries[place];
        let Some(stamp) = entry.stamp else { return true };
        now.instant.saturating_duration_since(entry.checked) < limits::FRESH
            && match &entry.content {
                Content::Bytes(_) => true,
                Content::File(file, _) => Stamp::of_file(file).is_ok_and(|now| now == stamp),
            }
    }

    /// The disk was asked: whether the entry, and what is beside it, is still what is
    /// there. If so it is fresh again.
    pub fn confirm(&mut self, place: usize, stamp: &Stamp, codings: Codings, now: &Now) -> bool {
        let entry = &mut self.entries[place];
        let same = entry.settled && entry.stamp.as_ref() == Some(stamp) && entry.codings == codings;
        if same {
            entry.checked = now.instant;
        }
        same
    }

    /// The disk can't be asked: the entry counts as fresh for a while.
    pub fn trust(&mut self, place: usize, now: &Now) {
        self.entries[place].checked = now.instant;
    }

    /// The entry in a place that [`find`](Self::find) or [`put`](Self::put) named.
    pub fn at(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// Adds an entry, making room for it, and says where it is.
    pub fn put(&mut self, path: &[u8], mut entry: Entry) -> usize {
        self.forget(path);
        while self.entries.len() >= limits::CACHED_FILES || self.bytes + entry.size() > limits::CACHE {
            self.evict(|_| true);
        }
        if entry.is_open() {
            while self.open_files >= limits::OPEN_FILES {
                self.evict(Entry::is_open);
            }
            self.open_files += 1;
            self.due = self.due.or(Some(entry.used + limits::FRESH));
        }
        self.bytes += entry.size();
        entry.path = path.into();
        let place = self.entries.insert(entry);
        self.places.insert(path.into(), place);
        place
    }

    /// Removes the entry for a path, if there is one, and returns its validators.
    pub fn forget(&mut self, path: &[u8]) -> Option<Validators> {
        let entry = self.entries.remove(self.places.remove(path)?);
        self.bytes -= entry.size();
        self.open_files -= usize::from(entry.is_open());
        Some(entry.validators)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Cache::default();
    }

    /// When [`tidy`](Self::tidy) has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Closes the files that nobody has asked for lately.
    pub fn tidy(&mut self, now: &Now) {
        if self.due.is_none_or(|due| now.instant < due) {
            return;
        }
        let unused = |entry: &Entry| {
            entry.is_open() && now.instant.saturating_duration_since(entry.used) >= limits::FRESH
        };
        while self.evict(unused) {}
        self.due = (self.open_files > 0).then(|| now.instant + limits::FRESH);
    }

    /// Removes the entry unused for the longest of those that `may_go`, if there is one.
    fn evict(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        let candidates = self.entries.iter().map(|(_, entry)| entry).filter(|entry| may_go(entry));
        let Some(oldest) = candidates.min_by_key(|entry| entry.used).map(|entry| entry.path.clone()) else {
            return false;
        };
        self.forget(&oldest);
        true
    }
}
