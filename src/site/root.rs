//! The root of a site by its name: what the name leads to may become another directory while we serve.
//!
//! A release is switched by pointing a link elsewhere, or a directory is made anew. The one that is open stays what
//! it was, so the name is looked up again: once in a while, with one call, as long as nothing has changed.

use super::directory::{Directory, Miss, again};
use crate::limits;
use crate::now::Now;
use log::{info, warn};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A root, and the directory that it was when it was taken.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    directory: Arc<Directory>,
    /// Device and inode of that.
    identity: (u64, u64),
    /// There is no such directory now.
    gone: bool,
    looked: Instant,
    /// What the log was last told: once is enough.
    said: String,
}

impl Root {
    /// Opens a root. Fails as [`Directory::open`] does.
    pub fn open(path: &Path, now: &Now) -> io::Result<Root> {
        let directory = Directory::open(path)?;
        Ok(Root {
            path: path.to_owned(),
            identity: identity(&directory)?,
            directory: Arc::new(directory),
            gone: false,
            looked: now.instant,
            said: String::new(),
        })
    }

    /// The directory to serve from; `None` while there is none.
    pub fn directory(&self) -> Option<&Arc<Directory>> {
        Some(&self.directory).filter(|_| !self.gone)
    }

    /// Looks at most once in [`limits::FRESH`] whether its name still leads there, and more often while it leads
    /// nowhere. Returns another directory that it leads to, to be [taken](Self::take) or [refused](Self::refuse).
    pub fn look(&mut self, now: &Now) -> Option<Directory> {
        let pause = if self.gone { limits::ROOT_PAUSE } else { limits::FRESH };
        if now.instant.saturating_duration_since(self.looked) < pause {
            return None;
        }
        self.looked = now.instant;
        match again(|| rustix::fs::stat(&self.path)) {
            Ok(stat) if is_directory(&stat) && (stat.st_dev, stat.st_ino) == self.identity => {
                if self.gone {
                    info!("the root {} is there again", self.path.display());
                }
                self.gone = false;
                self.said.clear();
                None
            }
            Ok(stat) if is_directory(&stat) => {
                Directory::open(&self.path).map_err(|error| self.refuse(error)).ok()
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                self.is_gone("it isn't there");
                None
            }
            Err(error) => {
                self.refuse(io::Error::from(error));
                None
            }
        }
    }

    /// Serves from another directory from now on.
    pub fn take(&mut self, directory: Directory) -> io::Result<()> {
        self.identity = identity(&directory)?;
        self.directory = Arc::new(directory);
        self.gone = false;
        self.said.clear();
        info!("the root {} has become another directory, which is served now", self.path.display());
        Ok(())
    }

    /// Stays with what there was, as long as that is anywhere.
    pub fn refuse(&mut self, why: impl Display) {
        match self.directory.identity() {
            Ok((_, false)) => self.is_gone(why),
            _ => self.say(format!("the root {} stays what it was: {why}", self.path.display())),
        }
    }

    fn is_gone(&mut self, why: impl Display) {
        self.gone = true;
        self.say(format!("nothing of the root {} can be served: {why}", self.path.display()));
    }

    fn say(&mut self, what: String) {
        if self.said != what {
            warn!("{what}");
            self.said = what;
        }
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn identity(directory: &Directory) -> io::Result<(u64, u64)> {
    directory.identity().map(|(inode, _)| inode).map_err(|miss: Miss| io::Error::other(miss.to_string()))
}
