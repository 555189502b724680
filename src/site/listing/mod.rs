//! Directory listings: what is in a directory, as a page or as JSON.
//!
//! A directory may have a hundred thousand names. They are read, sorted and written in small steps, each
//! a fraction of a millisecond, and what is written is sent before more is made. The names alone are kept,
//! once for all who ask at the same time; sizes and times are looked up row by row.

mod json;
mod names;
mod page;

use super::directory::{Directory, Miss, Stamp};
use super::rulebook;
use crate::http::content::Pieces;
use crate::limits;
use crate::now::{Date, Now};
use log::warn;
use names::{Kind, Names};
use rustix::fs::{FileType, RawDir};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// Names that one step of sorting moves, some 30 ns each.
const SORTED: usize = 4096;

/// Bytes of directory entries read by one call: some 100 names. Of a symbolic link it has to be looked where it
/// leads, which takes some 4 µs.
const BATCH: usize = 4 * 1024;

/// The most that one row takes: a name of 255 bytes, every one of them written as six (`&quot;`), and once
/// more in the link as five (`&#39;`).
const ROW: usize = 255 * 11 + 256;

/// The listings that somebody is reading.
#[derive(Debug, Default)]
pub struct Listings {
    shared: Vec<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: Box<[u8]>,
    stamp: Stamp,
    /// The directory was long unchanged when it was read, so the stamp tells whether it still is.
    settled: bool,
    read: Instant,
    contents: Weak<Mutex<Contents>>,
}

/// The names of one directory, as far as they are read.
#[derive(Debug)]
struct Contents {
    directory: Arc<Directory>,
    /// Beginning and ending in a slash.
    path: Box<[u8]>,
    descriptor: OwnedFd,
    names: Names,
    state: State,
    truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Sorting,
    Complete,
    Failed,
}

/// A listing on its way to one client.
struct Listing {
    contents: Arc<Mutex<Contents>>,
    as_json: bool,
    /// The name to be written next; `None` as long as nothing is written.
    place: Option<usize>,
    /// Whether a row is written.
    any: bool,
}

/// A row of a listing.
struct Row<'a> {
    name: &'a [u8],
    is_directory: bool,
    size: u64,
    modified: Date,
}

impl Listings {
    /// The listing of a directory, whose path ends in a slash. Missing if there is no such directory.
    pub fn find(
        &mut self,
        directory: &Arc<Directory>,
        path: &[u8],
        as_json: bool,
        now: &Now,
    ) -> Result<Box<dyn Pieces>, Miss> {
        let (descriptor, stamp) = directory.open_directory(path)?;
        self.shared.retain(|shared| shared.contents.strong_count() > 0);
        let held = self.shared.iter().find(|shared| {
            let age = now.instant.saturating_duration_since(shared.read);
            *shared.path == *path && shared.stamp == stamp && (shared.settled || age < limits::FRESH)
        });
        if let Some(contents) = held.and_then(|shared| shared.contents.upgrade()) {
            return Ok(Listing::of(contents, as_json));
        }
        if self.shared.len() >= limits::LISTINGS {
            return Err(Miss::Unavailable);
        }
        let contents = Arc::new(Mutex::new(Contents {
            directory: directory.clone(),
            path: path.into(),
            descriptor,
            names: Names::default(),
            state: State::Reading,
            truncated: false,
        }));
        self.shared.push(Shared {
            path: path.into(),
            stamp,
            settled: stamp.is_settled(now),
            read: now.instant,
            contents: Arc::downgrade(&contents),
        });
        Ok(Listing::of(contents, as_json))
    }
}

impl Contents {
    /// Reads or sorts a little.
    fn advance(&mut self) -> io::Result<()> {
        match self.state {
            State::Reading => self.state = self.read().inspect_err(|_| self.state = State::Failed)?,
            State::Sorting if self.names.sort(SORTED) => self.state = State::Complete,
            State::Failed => return Err(io::Error::other("the directory can't be read")),
            State::Sorting | State::Complete => {}
        }
        Ok(())
    }

    /// Reads a batch of names; what isn't served is left out.
    fn read(&mut self) -> io::Result<State> {
        let mut buffer = Vec::with_capacity(BATCH);
        let mut entries = RawDir::new(&self.descriptor, buffer.spare_capacity_mut());
        let mut ended = true;
        while let Some(entry) = entries.next() {
            ended = false;
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if is_served(&self.path, name)
                && let Some(kind) = kind(&self.directory, &self.path, name, entry.file_type())
            {
                self.names.push(kind, name);
            }
            if entries.is_buffer_empty() {
                break;
            }
        }
        if self.names.bytes() > limits::LISTING {
            warn!("a directory has more names than a listing holds");
            self.truncated = true;
            ended = true;
        }
        Ok(if ended { State::Sorting } else { State::Reading })
    }

    /// The row of a name, unless the file is gone.
    fn row(&self, place: usize) -> Option<Row<'_>> {
        let (kind, name) = self.names.get(place)?;
        let stamp = if kind.is_link {
            self.directory.look_at(&[&self.path, name].concat()).ok()?.1
        } else {
            Stamp::of_entry(&self.descriptor, name)?
        };
        let modified = Duration::from_secs(u64::try_from(stamp.modified.0).unwrap_or(0));
        let modified = Date::new(SystemTime::UNIX_EPOCH + modified);
        Some(Row { name, is_directory: kind.is_directory, size: stamp.size, modified })
    }
}

impl Listing {
    fn of(contents: Arc<Mutex<Contents>>, as_json: bool) -> Box<dyn Pieces> {
        Box::new(Listing { contents, as_json, place: None, any: false })
    }
}

impl Pieces for Listing {
    fn next(&mut self, most: usize, piece: &mut Vec<u8>) -> io::Result<bool> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if contents.state != State::Complete {
            contents.advance()?;
            return Ok(true);
        }
        if self.place.is_none() {
            match self.as_json {
                true => piece.push(b'['),
                false => page::open(piece, &contents.path),
            }
        }
        let place = self.place.get_or_insert(0);
        for _ in 0..limits::ROWS {
            if *place == contents.names.len() {
                match self.as_json {
                    true => piece.extend_from_slice(b"\n]\n"),
                    false => page::close(piece, contents.names.len(), contents.truncated),
                }
                return Ok(false);
            }
            if piece.len() + ROW > most {
                break;
            }
            if let Some(row) = contents.row(*place) {
                match self.as_json {
                    true => json::row(piece, &row, !self.any),
                    false => page::row(piece, &row),
                }
                self.any = true;
            }
            *place += 1;
        }
        Ok(true)
    }
}

/// Whether a name of this directory can be asked for: see [`crate::http::target`].
fn is_served(directory: &[u8], name: &[u8]) -> bool {
    let is_rule = || directory == b"/" && rulebook::FILES.iter().any(|file| file[1..] == *name);
    !(name.starts_with(b".") || name.iter().any(u8::is_ascii_control) || is_rule())
}

/// What a name stands for; `None` if it is neither a file nor a directory, or leads out of the root.
fn kind(directory: &Directory, path: &[u8], name: &[u8], kind: FileType) -> Option<Kind> {
    match kind {
        FileType::RegularFile => Some(Kind { is_directory: false, is_link: false }),
        FileType::Directory => Some(Kind { is_directory: true, is_link: false }),
        FileType::Symlink | FileType::Unknown => {
            let (is_directory, _) = directory.look_at(&[path, name].concat()).ok()?;
            Some(Kind { is_directory, is_link: true })
        }
        _ => None,
    }
}
