//! Directory listings: what is in a directory, as a page or as JSON.
//!
//! A directory may have a hundred thousand names. They are read, sorted and written in small steps, each
//! a fraction of a millisecond, and what is written is sent before more is made. The names alone are kept,
//! once for all who ask at the same time, by whatever path they do; sizes and times are looked up row by row.

mod contents;
mod json;
mod names;
mod page;

use super::complaints::Complaints;
use super::directory::{Directory, Miss, Stamp};
use crate::http::content::Pieces;
use crate::limits;
use crate::now::{Date, Now};
use contents::Contents;
use log::debug;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The most that one row takes: a name of 255 bytes, every one of them written as six (`&quot;`), and once
/// more in the link as five (`&#39;`).
const ROW: usize = 255 * 11 + 256;

/// The listings that somebody is reading.
#[derive(Debug)]
pub struct Listings {
    shared: Vec<Shared>,
    /// Bytes of the names of all.
    held: Arc<AtomicUsize>,
    complaints: Arc<Complaints>,
}

/// One directory. Its stamp has device and inode, which tell it from others whatever path led to it.
#[derive(Debug)]
struct Shared {
    stamp: Stamp,
    /// The directory was long unchanged when it was read, so the stamp tells whether it still is.
    settled: bool,
    read: Instant,
    contents: Weak<Mutex<Contents>>,
}

/// Why a listing breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The directory can't be read any further, which the log was told.
    Unread,
    /// Others wait, and its readers have taken nothing for the longest.
    GaveWay,
}

/// A listing on its way to one client.
struct Listing {
    contents: Arc<Mutex<Contents>>,
    /// The path that was asked for, beginning and ending in a slash.
    path: Box<[u8]>,
    as_json: bool,
    /// The name to be written next; `None` as long as nothing is written.
    place: Option<usize>,
    /// Whether a row is written.
    any: bool,
}

/// A row of a listing. Size and time are missing where the file system didn't tell them.
struct Row<'a> {
    name: &'a [u8],
    is_directory: bool,
    size: Option<u64>,
    modified: Option<Date>,
}

impl Listings {
    /// None so far.
    pub fn new(complaints: Arc<Complaints>) -> Listings {
        Listings { shared: Vec::new(), held: Arc::default(), complaints }
    }

    /// The listing of a directory, whose path ends in a slash. Missing if there is no such directory; busy if
    /// there are as many as may be, and all of them are being read.
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
            shared.stamp == stamp && (shared.settled || age < limits::FRESH)
        });
        if let Some(contents) = held.and_then(|shared| shared.contents.upgrade()) {
            return Ok(Listing::of(contents, path, as_json));
        }
        self.make_room(now)?;
        let is_root = directory.identity()?.0 == stamp.inode;
        let contents = Contents::new(
            directory.clone(),
            descriptor,
            is_root,
            self.held.clone(),
            self.complaints.clone(),
            now,
        );
        let contents = Arc::new(Mutex::new(contents));
        self.shared.push(Shared {
            stamp,
            settled: stamp.is_settled(now),
            read: now.instant,
            contents: Arc::downgrade(&contents),
        });
        Ok(Listing::of(contents, path, as_json))
    }

    /// Has listings give way until there is room for one more: the one first whose readers have taken nothing for
    /// the longest. One that is read at the moment keeps its place, so that nobody can take it from its readers by
    /// asking for others.
    fn make_room(&mut self, now: &Now) -> Result<(), Miss> {
        loop {
            let is_full = self.shared.len() >= limits::LISTINGS;
            let held = self.held.load(Ordering::Relaxed);
            if !is_full && held <= limits::LISTINGS_MEMORY / 2 {
                return Ok(());
            }
            let asked = |shared: &Shared| shared.contents.upgrade().map(|contents| lock(&contents).asked);
            let places = self.shared.iter().map(asked).enumerate();
            match places.min_by_key(|&(_, asked)| asked) {
                Some((idle, asked)) if asked.is_none_or(|asked| is_idle(asked, now)) => {
                    if let Some(contents) = self.shared.swap_remove(idle).contents.upgrade() {
                        debug!("a listing gives way to another");
                        lock(&contents).give_way();
                    }
                }
                // What most directories have fits into the other half.
                _ if !is_full && held <= limits::LISTINGS_MEMORY => return Ok(()),
                _ => return Err(Miss::Busy),
            }
        }
    }
}

fn is_idle(asked: Instant, now: &Now) -> bool {
    now.instant.saturating_duration_since(asked) >= limits::LISTING_IDLE
}

fn lock(contents: &Mutex<Contents>) -> std::sync::MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Trouble::Unread => "the directory can't be read",
            Trouble::GaveWay => "it gave way to others",
        })
    }
}

impl std::error::Error for Trouble {}

impl Listing {
    fn of(contents: Arc<Mutex<Contents>>, path: &[u8], as_json: bool) -> Box<dyn Pieces> {
        Box::new(Listing { contents, path: path.into(), as_json, place: None, any: false })
    }
}

impl Pieces for Listing {
    fn next(&mut self, most: usize, now: &Now, piece: &mut Vec<u8>) -> io::Result<bool> {
        let mut contents = lock(&self.contents);
        contents.asked = now.instant;
        let Some(count) = contents.len() else {
            contents.advance(&self.path, now).map_err(io::Error::other)?;
            return Ok(true);
        };
        if self.place.is_none() {
            match self.as_json {
                true => piece.push(b'['),
                false => page::open(piece, &self.path),
            }
        }
        let place = self.place.get_or_insert(0);
        for _ in 0..limits::ROWS {
            if *place == count {
                match self.as_json {
                    true => piece.extend_from_slice(b"\n]\n"),
                    false => page::close(piece, count, contents.truncated, contents.unseen),
                }
                return Ok(false);
            }
            if piece.len() + ROW > most {
                break;
            }
            if let Some(row) = contents.row(*place, &self.path, now) {
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
