//! Clients that want files which are not in the page cache. Before each request the file is dropped from the
//! cache (`posix_fadvise(2)`, POSIX_FADV_DONTNEED), so whoever sends it has to wait for the disk.

use crate::folder::{COLD_FILES, COLD_SIZE, cold};
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often somebody who waits looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// All of them, until the handle goes away.
pub struct SlowReaders {
    stop: Arc<AtomicBool>,
    readers: Vec<JoinHandle<io::Result<()>>>,
}

impl SlowReaders {
    /// Connects so many clients, each of which asks for one of its own files after the other.
    pub fn start(server: SocketAddr, count: u32, root: &Path) -> io::Result<SlowReaders> {
        let mut readers = SlowReaders { stop: Arc::new(AtomicBool::new(false)), readers: Vec::new() };
        for number in 0..count {
            let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
            stream.set_read_timeout(Some(LOOK))?;
            let (root, stop) = (root.to_owned(), Arc::clone(&readers.stop));
            readers.readers.push(thread::spawn(move || read_cold(stream, number, &root, &stop)));
        }
        Ok(readers)
    }
}

impl Drop for SlowReaders {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for reader in self.readers.drain(..) {
            // That a server has closed a connection is its own affair; what counts is how the others fare.
            let _ = reader.join();
        }
    }
}

fn read_cold(stream: TcpStream, reader: u32, root: &Path, stop: &AtomicBool) -> io::Result<()> {
    let mut replies = BufReader::new(Patient { stream: &stream, stop });
    for number in (0..COLD_FILES).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = cold(reader, number);
        evict(&root.join(&name))?;
        (&stream).write_all(format!("GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if replies.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let body = (&mut replies).take(COLD_SIZE as u64);
        io::copy(&mut { body }, &mut io::sink())?;
    }
    Ok(())
}

/// Drops a file from the page cache.
fn evict(path: &PathBuf) -> io::Result<()> {
    let file = File::open(path)?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// A stream that is read until something comes or it is over.
struct Patient<'a> {
    stream: &'a TcpStream,
    stop: &'a AtomicBool,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&mut self.stream).read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(0);
                    }
                }
                result => return result,
            }
        }
    }
}
