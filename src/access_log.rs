//! Where the lines of the access log go: a file that can be rotated, a pipe, or standard output.
//!
//! Lines are collected and written a tenth of a second later, or when there are many, so a busy server
//! writes rarely and a quiet one's log can be watched. Nothing that happens to the log stops the server:
//! on a full disk, or while nobody reads the pipe, lines are kept up to a bound and then counted as lost,
//! and the server's own log is told.

use crate::limits;
use log::{error, info, warn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The most that is written at once to what isn't a regular file: a pipe that is ready has room for that
/// much (PIPE_BUF of pipe(7)), so the write doesn't wait even where it can't be told not to.
const PIECE: usize = 4096;

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
    file: File,
    /// Writing to it never waits for anybody.
    is_regular: bool,
    /// Lines that are not written yet; the first may be the rest of one.
    lines: Vec<u8>,
    /// Some of the first line is written already.
    torn: bool,
    /// When to write them.
    due: Option<Instant>,
    /// Lines that there was no place for.
    lost: usize,
    /// When the server's own log was last told of that.
    complained: Option<Instant>,
}

impl AccessLog {
    /// Opens the log. Fails with the error of open(2); a named pipe that nobody reads can't be opened.
    pub fn open(destination: &Destination) -> io::Result<AccessLog> {
        let file = open(destination)?;
        let is_regular = file.metadata()?.is_file();
        let destination = destination.clone();
        let (lines, due, complained) = (Vec::new(), None, None);
        Ok(AccessLog { destination, file, is_regular, lines, torn: false, due, lost: 0, complained })
    }

    /// Takes lines, and leaves none.
    pub fn append(&mut self, lines: &mut Vec<u8>, now: Instant) {
        if self.complained.is_some() && self.lines.len() + lines.len() > limits::LOG_BACKLOG {
            self.lost += count(lines);
            lines.clear();
        }
        self.lines.append(lines);
        self.due.get_or_insert(now + limits::LOG_PAUSE);
        if self.lines.len() >= limits::LOG_BATCH && self.complained.is_none() {
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
        match self.write_some(Duration::ZERO) {
            Ok(()) => {
                if self.lost > 0 {
                    warn!("{} lines of the access log {} are lost", self.lost, self.destination);
                }
                (self.lost, self.complained) = (0, None);
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
        let reopened = AccessLog::open(&self.destination);
        match reopened {
            Ok(mut new) => {
                let same = is_same(&self.file, &new.file);
                std::mem::swap(&mut self.file, &mut new.file);
                (self.is_regular, self.complained) = (new.is_regular, None);
                if !same && std::mem::take(&mut self.torn) {
                    // The beginning of this line is in the old file.
                    let rest = self.lines.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                    self.lines.drain(..rest);
                    self.lost += 1;
                }
                info!("opened the access log {} anew", self.destination);
                self.write(now);
            }
            Err(error) => error!("can't open the access log {} anew: {error}", self.destination),
        }
    }

    /// Writes until all is written, or what it is written to takes nothing for `patience`.
    fn write_some(&mut self, patience: Duration) -> io::Result<()> {
        while !self.lines.is_empty() {
            if !self.is_regular && !is_ready(&self.file, patience) {
                return Err(io::Error::new(ErrorKind::WouldBlock, "nobody reads it"));
            }
            let piece = if self.is_regular { self.lines.len() } else { self.lines.len().min(PIECE) };
            match self.file.write(&self.lines[..piece]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.torn = self.lines[written - 1] != b'\n';
                    self.lines.drain(..written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// At the end nothing is left in memory, unless it can't be written.
impl Drop for AccessLog {
    fn drop(&mut self) {
        let written = self.write_some(limits::LOG_FAREWELL);
        let lost = self.lost + count(&self.lines);
        if lost > 0 {
            let why = written.err().map_or_else(String::new, |error| format!(": {error}"));
            error!("{lost} lines of the access log {} are lost{why}", self.destination);
        }
    }
}

/// Whether both are the same file, pipe or device.
fn is_same(a: &File, b: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
    identity(a).is_some() && identity(a) == identity(b)
}

fn open(destination: &Destination) -> io::Result<File> {
    match destination {
        Destination::Stdout => {
            let file = io::stdout().as_fd().try_clone_to_owned().map(File::from)?;
            if file.metadata()?.is_file() {
                return Ok(file);
            }
            // A terminal that nobody reads says that it is ready, and then a write waits. Opened anew it doesn't,
            // and whoever else has this descriptor notices nothing.
            let anew = OpenOptions::new()
                .append(true)
                .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
                .open("/proc/self/fd/1");
            Ok(anew.unwrap_or(file))
        }
        // Opening a named pipe without a reader would wait for one.
        Destination::File(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
            .open(path),
    }
}

/// Whether it takes something within so much time, or has an error to tell.
fn is_ready(file: &File, patience: Duration) -> bool {
    let patience =
        Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
    poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&patience)).is_ok_and(|ready| ready > 0)
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}
