//! Where the lines of the access log go: a file that can be rotated, a pipe, or standard output.
//!
//! Lines are collected and written a tenth of a second later, or when there are many, so a busy server
//! writes rarely and a quiet one's log can be watched. Nothing that happens to the log stops the server:
//! on a full disk, or while nobody reads the pipe, lines are kept up to a bound and then counted as lost,
//! and the server's own log is told.

use crate::limits;
use crate::outlet::Outlet;
use log::{error, info, warn};
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, made with mode 0640 where there is none: it tells who visits what.
    File(PathBuf),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Destination::Stdout => f.write_str("standard output"),
            Destination::File(path) => path.display().fmt(f),
        }
    }
}

/// The access log.
#[derive(Debug)]
pub struct AccessLog {
    destination: Destination,
    outlet: Outlet,
    /// When to write what is collected.
    due: Option<Instant>,
    /// When the server's own log was last told that it can't be written.
    complained: Option<Instant>,
}

impl AccessLog {
    /// Opens the log. Fails with the error of open(2); a named pipe that nobody reads can't be opened.
    pub fn open(destination: &Destination) -> io::Result<AccessLog> {
        let outlet = match destination {
            Destination::Stdout => Outlet::shared_with(io::stdout().as_fd())?,
            Destination::File(path) => Outlet::new(open(path)?)?,
        };
        Ok(AccessLog { destination: destination.clone(), outlet, due: None, complained: None })
    }

    /// Writes something that isn't about a response, in front of what comes later.
    pub fn announce(&mut self, lines: &[u8], now: Instant) {
        self.outlet.append(lines, usize::MAX);
        self.write(now);
    }

    /// Whether it goes to standard output.
    pub fn is_on_stdout(&self) -> bool {
        self.destination == Destination::Stdout
    }

    /// Takes lines, and leaves none.
    pub fn append(&mut self, lines: &mut Vec<u8>, now: Instant) {
        let most = if self.complained.is_some() { limits::LOG_BACKLOG } else { usize::MAX };
        self.outlet.append(lines, most);
        lines.clear();
        self.due.get_or_insert(now + limits::LOG_PAUSE);
        if self.outlet.len() >= limits::LOG_BATCH && self.complained.is_none() {
            self.write(now);
        }
    }

    /// When [`write`](AccessLog::write) should be called next.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Writes what there is, as far as that doesn't wait for anybody.
    pub fn write(&mut self, now: Instant) {
        self.due = None;
        match self.outlet.write(Duration::ZERO) {
            Ok(()) => {
                let lost = self.outlet.take_lost();
                if lost > 0 {
                    warn!("{lost} lines of the access log {} are lost", self.destination);
                }
                self.complained = None;
            }
            Err(error) => {
                if self.complained.is_none_or(|last| now.duration_since(last) >= limits::COMPLAINT_PAUSE) {
                    error!("can't write the access log {}: {error}", self.destination);
                    self.complained = Some(now);
                }
                self.due = Some(now + limits::LOG_RETRY);
            }
        }
    }

    /// Opens the file of that name anew, because the old one has been renamed. If that can't be done the
    /// old one is kept.
    pub fn reopen(&mut self, now: Instant) {
        self.write(now);
        let reopened = match &self.destination {
            Destination::Stdout => Ok(()),
            Destination::File(path) => open(path).and_then(|file| self.outlet.move_to(file)),
        };
        match reopened {
            Ok(()) => {
                self.complained = None;
                info!("opened the access log {} anew", self.destination);
                self.write(now);
            }
            Err(error) => error!("can't open the access log {} anew: {error}", self.destination),
        }
    }
}

/// At the end nothing is left in memory, unless it can't be written.
impl Drop for AccessLog {
    fn drop(&mut self) {
        let written = self.outlet.write(limits::LOG_FAREWELL);
        let lost = self.outlet.unwritten();
        if lost > 0 {
            let why = written.err().map_or_else(String::new, |error| format!(": {error}"));
            error!("{lost} lines of the access log {} are lost{why}", self.destination);
        }
    }
}

/// Opens the file of a log, and makes it where there is none. Opening a named pipe without a reader doesn't
/// wait for one.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)
}
