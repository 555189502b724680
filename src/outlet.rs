//! Somewhere that lines are written to without ever waiting for whoever reads them: a file, a pipe, a
//! terminal, a socket.
//!
//! The event loop may not sleep in a write. A regular file never makes it wait for anybody. All else is
//! opened anew where the system allows that, so that it can be told not to wait without changing what others
//! share; and it is asked first, and then given no more than it has room for. A terminal may be asked and make the
//! writer wait all the same, so one that can't be opened anew has a thread that waits for it.
//!
//! What can't be written yet is kept up to a bound. Lines beyond that are lost, and counted.

use crate::limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most that is written at once to what isn't a regular file: a pipe that is ready has room for that
/// much (PIPE_BUF of pipe(7)), so the write doesn't wait even where it can't be told not to.
const PIECE: usize = 4096;

/// A destination of lines, and those that are still to be written.
#[derive(Debug)]
pub struct Outlet {
    file: File,
    /// Writing to it never waits for anybody.
    is_regular: bool,
    /// The first may be the rest of one.
    lines: Vec<u8>,
    /// Some of the first line is written already.
    torn: bool,
    /// Lines that there was no place for.
    lost: usize,
}

impl Outlet {
    /// An outlet to an open file. Fails if that can't be asked what it is.
    pub fn new(file: File) -> io::Result<Outlet> {
        let is_regular = file.metadata()?.is_file();
        Ok(Outlet { file, is_regular, lines: Vec::new(), torn: false, lost: 0 })
    }

    /// An outlet to a descriptor that others may share, such as standard output.
    pub fn shared_with(descriptor: BorrowedFd) -> io::Result<Outlet> {
        let file = File::from(descriptor.try_clone_to_owned()?);
        if file.metadata()?.is_file() {
            return Outlet::new(file);
        }
        // A terminal that nobody reads says that it is ready, and then a write waits. Opened anew it doesn't,
        // and whoever else has this descriptor notices nothing.
        let anew = OpenOptions::new()
            .append(true)
            .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
            .open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()));
        match anew {
            Ok(anew) => Outlet::new(anew),
            // Another user's, who has let us have it (su(1)).
            Err(_) if file.is_terminal() => relay(file).and_then(Outlet::new),
            Err(_) => Outlet::new(file),
        }
    }

    /// Takes lines, each with its line feed, and keeps them until they are [written](Self::write). When
    /// `most` bytes are kept already they are lost.
    pub fn append(&mut self, lines: &[u8], most: usize) {
        if self.lines.len() + lines.len() > most {
            self.lost += count(lines);
        } else {
            self.lines.extend_from_slice(lines);
        }
    }

    /// Bytes that are kept.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes until all is written, or nobody takes anything for `patience`: WouldBlock then. Other errors
    /// are those of write(2).
    pub fn write(&mut self, patience: Duration) -> io::Result<()> {
        let mut written = 0;
        let mut interrupted = 0;
        let result = loop {
            let rest = &self.lines[written..];
            if rest.is_empty() {
                break Ok(());
            }
            if !self.is_regular && !is_ready(&self.file, patience) {
                break Err(io::Error::new(ErrorKind::WouldBlock, "nobody reads it"));
            }
            let piece = if self.is_regular { rest.len() } else { rest.len().min(PIECE) };
            match self.file.write(&rest[..piece]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    self.torn = self.lines[written - 1] != b'\n';
                }
                Err(error)
                    if error.kind() == ErrorKind::Interrupted && interrupted < limits::INTERRUPTIONS =>
                {
                    interrupted += 1;
                }
                Err(error) => break Err(error),
            }
        };
        self.lines.drain(..written);
        result
    }

    /// How many lines have been lost since this was last asked.
    pub fn take_lost(&mut self) -> usize {
        std::mem::take(&mut self.lost)
    }

    /// Writes to another file from now on.
    pub fn move_to(&mut self, file: File) -> io::Result<()> {
        let new = Outlet::new(file)?;
        if !is_same(&self.file, &new.file) && std::mem::take(&mut self.torn) {
            // The beginning of this line is in the old file.
            let rest = self.lines.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            self.lines.drain(..rest);
            self.lost += 1;
        }
        (self.file, self.is_regular) = (new.file, new.is_regular);
        Ok(())
    }

    /// The lines that are lost if nothing more is written.
    pub fn unwritten(&self) -> usize {
        self.lost + count(&self.lines)
    }
}

/// The only thread besides the loop's: one that waits for a terminal which can't be told not to make us wait. It passes
/// on what is written into a pipe. What is still in the pipe when the program ends is lost.
fn relay(terminal: File) -> io::Result<File> {
    let (mut reader, writer) = io::pipe()?;
    let builder = thread::Builder::new().name("terminal".to_owned()).stack_size(64 * 1024);
    // Not by io::copy: that uses splice(2), which keeps the pipe locked while it waits for the terminal.
    builder.spawn(move || {
        let mut piece = [0; PIECE];
        while let Ok(count @ 1..) = reader.read(&mut piece) {
            if (&terminal).write_all(&piece[..count]).is_err() {
                break;
            }
        }
    })?;
    let writer = File::from(OwnedFd::from(writer));
    rustix::io::ioctl_fionbio(&writer, true)?;
    Ok(writer)
}

/// Writes lines to a descriptor that others share, as far as it takes them now, without opening it anew. Returns
/// how many bytes were written. Not for terminals: one that nobody reads says that it is ready.
pub fn write_now(descriptor: BorrowedFd, lines: &[u8]) -> usize {
    let mut written = 0;
    while written < lines.len() && is_ready(descriptor, Duration::ZERO) {
        let piece = &lines[written..lines.len().min(written + PIECE)];
        match rustix::io::write(descriptor, piece) {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    written
}

/// Whether both are the same file, pipe or device.
fn is_same(a: &File, b: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
    identity(a).is_some() && identity(a) == identity(b)
}

/// Whether it takes something within so much time, or has an error to tell.
fn is_ready(file: impl AsFd, patience: Duration) -> bool {
    let patience =
        Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
    poll(&mut [PollFd::new(&file, PollFlags::OUT)], Some(&patience)).is_ok_and(|ready| ready > 0)
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|&&byte| byte == b'\n').count()
}

/// The server's own log: an outlet that the logger writes to and the event loop looks after.
#[derive(Clone, Debug)]
pub struct ServerLog(Arc<Mutex<Outlet>>);

impl ServerLog {
    /// A log on standard error.
    pub fn on_stderr() -> io::Result<ServerLog> {
        Ok(ServerLog(Arc::new(Mutex::new(Outlet::shared_with(io::stderr().as_fd())?))))
    }

    /// When [`write_rest`](Self::write_rest) should be called next; `None` if all is written.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        (!self.lock().is_empty()).then(|| now + limits::LOG_PAUSE)
    }

    /// Goes on writing what couldn't be written at once.
    pub fn write_rest(&self, patience: Duration) {
        write(&mut self.lock(), patience);
    }

    fn lock(&self) -> MutexGuard<'_, Outlet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of the logger. It never fails: nobody could be told.
impl Write for ServerLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut outlet = self.lock();
        outlet.append(line, limits::LOG_BACKLOG);
        write(&mut outlet, Duration::ZERO);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(outlet: &mut Outlet, patience: Duration) {
    if outlet.write(patience).is_ok() {
        let lost = outlet.take_lost();
        if lost > 0 {
            outlet.append(
                format!("{lost} lines of this log are lost: nobody read them\n").as_bytes(),
                usize::MAX,
            );
            let _ = outlet.write(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_never_makes_the_writer_wait() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = ServerLog(Arc::new(Mutex::new(Outlet::shared_with(writer.as_fd()).unwrap())));
        drop(writer);
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..1000 {
            log.write_all(&line).unwrap();
        }
        assert!(log.due(Instant::now()).is_some());
        let kept = log.lock().len();
        assert!(kept > limits::LOG_BACKLOG - 1000 && kept <= limits::LOG_BACKLOG, "{kept}");

        let mut read = vec![0; 1 << 20];
        let mut length = 0;
        while log.due(Instant::now()).is_some() {
            length += reader.read(&mut read[length..]).unwrap();
            log.write_rest(Duration::ZERO);
        }
        drop(log);
        reader.read_to_end(&mut Vec::new()).map(|rest| length += rest).unwrap();
        let lines = read.split(|&byte| byte == b'\n').filter(|read| **read == line[..999]).count();
        assert!(lines < 1000 && length > lines * 1000, "{lines} lines in {length} bytes");
    }
}
