//! What lies on the disk for a run: the site, and a pipe for the access log. Both are removed at the end.

use crate::peers::requests::{Files, MANY, SHRINKING};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use std::fs::{File, OpenOptions, create_dir_all, remove_dir_all, write};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

pub struct Folder {
    path: PathBuf,
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.path);
    }
}

impl Folder {
    pub fn new(name: &str, files: &Files) -> Folder {
        let path = std::env::temp_dir().join(format!("shoutd-simulation-{}-{name}", std::process::id()));
        let folder = Folder { path };
        create_dir_all(folder.site()).expect("a folder");
        for (name, content) in files.iter() {
            write(folder.site().join(&name[1..]), content).expect("a file");
        }
        write(folder.site().join(&SHRINKING[1..]), vec![b's'; 90_000]).expect("a file");
        folder
    }

    /// The root of the site.
    pub fn site(&self) -> PathBuf {
        self.path.join("site")
    }

    /// Puts many files into a directory of their own.
    pub fn add_many(&self) {
        let many = self.site().join(MANY.trim_matches('/'));
        create_dir_all(&many).expect("a folder");
        (0..120).for_each(|number| write(many.join(format!("name-{number}")), b"").expect("a file"));
    }

    /// The file shrinks, and there is a rule that wasn't there before.
    pub fn change(&self) {
        write(self.site().join(&SHRINKING[1..]), b"short").expect("a file");
        write(self.site().join("_redirects"), b"/old /a.txt\n").expect("a file");
    }

    /// A pipe, and its reader.
    pub fn pipe(&self) -> (PathBuf, LogReader) {
        let path = self.path.join("log");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let pipe = OpenOptions::new().read(true).custom_flags(flags).open(&path).expect("a pipe");
        (path, LogReader { pipe, lines: 0, marks: Vec::new() })
    }
}

/// Reads the access log, and sees that each line comes, and in time.
pub struct LogReader {
    pipe: File,
    lines: u64,
    /// When so many replies were known to be complete.
    marks: Vec<(Duration, u64)>,
}

/// Lines wait a tenth of a second for others; the rest is what a busy server may be late.
const LATE: Duration = Duration::from_millis(300);

impl LogReader {
    /// A turn of the loop is over, and so many replies are complete by now.
    pub fn look(&mut self, now: Duration, answered: u64) {
        if self.marks.last().is_none_or(|(_, last)| *last < answered) {
            self.marks.push((now, answered));
        }
        let mut bytes = [0; 4096];
        loop {
            match self.pipe.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    self.lines += bytes[..count].iter().filter(|&&byte| byte == b'\n').count() as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the access log: {error}"),
            }
        }
        let lines = self.lines;
        for (at, answered) in self.marks.extract_if(.., |(_, answered)| *answered <= lines) {
            let took = now - at;
            assert!(took < LATE, "the log had no line for the reply {answered} after {took:?}");
        }
    }

    /// The server has ended.
    pub fn end(mut self, now: Duration, answered: u64) {
        self.look(now, answered);
        assert!(self.lines >= answered, "{} lines of the log for {answered} replies", self.lines);
    }
}
