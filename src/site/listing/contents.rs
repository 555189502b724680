//! The names of one directory, as far as they are read: what all who ask for it at the same time share.

use super::names::{Kind, Names, Target};
use super::{Row, Trouble};
use crate::limits;
use crate::now::{Date, Now};
use crate::site::complaints::Complaints;
use crate::site::directory::{Directory, Miss, Stamp};
use crate::site::rulebook;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Names that one step of sorting moves, some 30 ns each.
const SORTED: usize = 4096;

/// Bytes of directory entries read by one call: some 100 names.
const BATCH: usize = 4 * 1024;

/// The names of one directory.
#[derive(Debug)]
pub struct Contents {
    directory: Arc<Directory>,
    descriptor: Option<OwnedFd>,
    is_root: bool,
    names: Names,
    /// Links of the last batch, still to be followed: for each its length and its name.
    links: Vec<u8>,
    /// How many bytes of `links` are done with.
    followed: usize,
    state: State,
    interrupted: usize,
    /// Whether there are more names than are held.
    pub truncated: bool,
    /// Names that are left out because of an error.
    pub unseen: usize,
    /// When a reader last took something.
    pub asked: Instant,
    memory: Memory,
    complaints: Arc<Complaints>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Sorting,
    Complete,
    Failed(Trouble),
}

/// What the names of one directory add to those of all.
#[derive(Debug)]
struct Memory {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Contents {
    /// A directory that was opened, beneath the root, to be read. `held` counts the bytes of all such.
    pub fn new(
        directory: Arc<Directory>,
        descriptor: OwnedFd,
        is_root: bool,
        held: Arc<AtomicUsize>,
        complaints: Arc<Complaints>,
        now: &Now,
    ) -> Contents {
        Contents {
            directory,
            descriptor: Some(descriptor),
            is_root,
            names: Names::default(),
            links: Vec::new(),
            followed: 0,
            state: State::Reading,
            interrupted: 0,
            truncated: false,
            unseen: 0,
            asked: now.instant,
            memory: Memory { all: held, own: 0 },
            complaints,
        }
    }

    /// How many names there are, once all are read and in order.
    pub fn len(&self) -> Option<usize> {
        (self.state == State::Complete).then(|| self.names.len())
    }

    /// Makes room for other listings: whoever reads it is told at the next step.
    pub fn give_way(&mut self) {
        self.descriptor = None;
        self.fail(Trouble::GaveWay);
    }

    fn fail(&mut self, trouble: Trouble) {
        self.state = State::Failed(trouble);
        self.names = Names::default();
        self.links = Vec::new();
        self.memory.is(0);
    }

    /// Reads, follows links or sorts a little. `path` is one by which the directory can be reached.
    pub fn advance(&mut self, path: &[u8], now: &Now) -> Result<(), Trouble> {
        match self.state {
            State::Reading if self.followed < self.links.len() => self.follow_links(path, now),
            State::Reading => {
                if let Err(error) = self.read() {
                    self.complaints.say(now, format_args!("{} can't be listed: {error}", shown(path)));
                    self.fail(Trouble::Unread);
                }
            }
            State::Sorting if self.names.sort(SORTED) => {
                self.state = State::Complete;
                if self.unseen > 0 {
                    self.complaints.say(
                        now,
                        format_args!("{} names in {} are left out of its listing", self.unseen, shown(path)),
                    );
                }
            }
            State::Sorting | State::Complete => {}
            State::Failed(trouble) => return Err(trouble),
        }
        Ok(())
    }

    /// Reads a batch of names; what isn't served is left out.
    fn read(&mut self) -> Result<(), Errno> {
        let Some(descriptor) = &self.descriptor else { return Err(Errno::BADF) };
        self.links.clear();
        self.followed = 0;
        let mut buffer = Vec::with_capacity(BATCH);
        let mut entries = RawDir::new(descriptor, buffer.spare_capacity_mut());
        let mut ended = true;
        while let Some(entry) = entries.next() {
            ended = false;
            let entry = match entry {
                // The next step asks again.
                Err(Errno::INTR) if self.interrupted < limits::INTERRUPTIONS => {
                    self.interrupted += 1;
                    return Ok(());
                }
                entry => entry?,
            };
            self.interrupted = 0;
            let name = entry.file_name().to_bytes();
            if is_served(self.is_root, name) {
                match entry.file_type() {
                    FileType::RegularFile => {
                        self.names.push(Kind { is_directory: false, target: None }, name)
                    }
                    FileType::Directory => self.names.push(Kind { is_directory: true, target: None }, name),
                    // The file system may not say what it is without being asked.
                    FileType::Symlink | FileType::Unknown if let Ok(length) = u8::try_from(name.len()) => {
                        self.links.push(length);
                        self.links.extend_from_slice(name);
                    }
                    _ => {}
                }
            }
            if entries.is_buffer_empty() {
                break;
            }
        }
        self.grow();
        if ended && self.state == State::Reading {
            self.state = State::Sorting;
        }
        Ok(())
    }

    /// Follows some of the links that the last batch had; what leads nowhere or out of the root is left out.
    fn follow_links(&mut self, path: &[u8], now: &Now) {
        for _ in 0..limits::LINKS {
            let Some((&length, rest)) = self.links[self.followed..].split_first() else { break };
            let name = &rest[..usize::from(length)];
            self.followed += 1 + name.len();
            match self.directory.look_at(&[path, name].concat()) {
                Ok((is_directory, stamp)) => {
                    let target = Some(Target { size: stamp.size, modified: stamp.modified.0 });
                    self.names.push(Kind { is_directory, target }, name);
                }
                Err(Miss::Missing | Miss::Directory) => {}
                Err(miss) => {
                    let name = shown(name);
                    self.complaints.say(now, format_args!("{}{name} can't be listed: {miss}", shown(path)));
                    self.unseen += 1;
                }
            }
        }
        self.grow();
    }

    /// Counts what the names take, and ends reading where that is too much.
    fn grow(&mut self) {
        let (own, all) = (self.names.bytes(), self.memory.is(self.names.bytes()));
        if self.state == State::Reading && (own > limits::LISTING || all > limits::LISTINGS_MEMORY) {
            self.truncated = true;
            self.links.clear();
            self.followed = 0;
            self.state = State::Sorting;
        }
    }

    /// The row of a name, unless the file is gone. One whose state can't be had is told of in the log, and its
    /// name comes without size and time.
    pub fn row(&self, place: usize, path: &[u8], now: &Now) -> Option<Row<'_>> {
        let (kind, name) = self.names.get(place)?;
        let known = match kind.target {
            Some(target) => Some(target),
            None => match Stamp::of_entry(self.descriptor.as_ref()?, name) {
                Ok(stamp) => Some(Target { size: stamp.size, modified: stamp.modified.0 }),
                Err(Miss::Missing) => return None,
                Err(miss) => {
                    let name = shown(name);
                    self.complaints
                        .say(now, format_args!("{}{name} can't be looked at: {miss}", shown(path)));
                    None
                }
            },
        };
        let modified = known.map(|target| {
            let seconds = u64::try_from(target.modified).unwrap_or(0);
            Date::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        });
        Some(Row { name, is_directory: kind.is_directory, size: known.map(|target| target.size), modified })
    }
}

impl Memory {
    /// It takes so many bytes now. Returns what all take.
    fn is(&mut self, own: usize) -> usize {
        let before = self.all.fetch_add(own, Ordering::Relaxed);
        self.all.fetch_sub(self.own, Ordering::Relaxed);
        let all = before + own - self.own;
        self.own = own;
        all
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.is(0);
    }
}

/// A path or a name as the log can show it.
fn shown(name: &[u8]) -> impl std::fmt::Display {
    crate::http::target::encode(name)
}

/// Whether a name of this directory can be asked for: see [`crate::http::target`].
fn is_served(is_root: bool, name: &[u8]) -> bool {
    let is_rule = || is_root && rulebook::FILES.iter().any(|file| file[1..] == *name);
    !(name.starts_with(b".") || name.iter().any(u8::is_ascii_control) || is_rule())
}
