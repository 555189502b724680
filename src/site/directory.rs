//! A directory of files, opened beneath its root and nowhere else.
//!
//! The kernel resolves each path with `openat2(2)` and RESOLVE_BENEATH, so no `..`, no absolute path and
//! no symbolic link leads out, and there is no moment between a check and its use: what was opened is
//! what is measured and sent. Where the kernel is too old for that call, the path is walked one name at
//! a time and symbolic links are refused, so containment never depends on the call being there.

use crate::now::Now;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a path with a slash at its end stands for.
const INDEX: &[u8] = b"index.html";

/// An opened file never blocks us (a FIFO would), is not inherited, and never becomes our terminal.
const OPEN: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// How often a path is tried again that was renamed while the kernel walked it (EAGAIN of openat2(2)).
const RACES: usize = 4;

/// The root of a site.
#[derive(Debug)]
pub struct Directory {
    root: OwnedFd,
    by_kernel: bool,
}

/// A regular file, opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// What it was when it was opened.
    pub stamp: Stamp,
    /// Its name, which says its type: the path, and `index.html` if that was meant.
    pub name: Vec<u8>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its length in bytes.
    pub size: u64,
    /// When its content was changed: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// When anything of it was changed.
    pub changed: (i64, i64),
    /// Device and inode.
    pub inode: (u64, u64),
}

/// Why there is no file to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Nothing of that name that may be served: 404.
    Missing,
    /// A directory, asked for without its slash: a redirect.
    Directory,
    /// We may not read it: 403.
    Forbidden,
    /// No descriptor or no memory for it now: 503.
    Unavailable,
    /// The disk failed: 500.
    Failed,
}

impl Directory {
    /// Opens `root`. Fails if it isn't a directory, or if something forbids the call that keeps paths
    /// beneath it.
    pub fn open(root: &Path) -> io::Result<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(root, flags, Mode::empty())?;
        let by_kernel = match open_beneath(&root, b".") {
            Err(Errno::NOSYS) => false,
            Ok(_) => true,
            Err(error) => return Err(error.into()),
        };
        Ok(Directory { root, by_kernel })
    }

    /// Opens the file that a resolved path stands for (see [`crate::http::target::Target`]).
    pub fn find(&self, path: &[u8]) -> Result<Opened, Miss> {
        let mut name = path.strip_prefix(b"/").unwrap_or(path).to_vec();
        if name.is_empty() || name.ends_with(b"/") {
            name.extend_from_slice(INDEX);
        }
        let file = self.open_file(&name).map_err(|error| Miss::of(&error.into()))?;
        let metadata = file.metadata().map_err(|error| Miss::of(&error))?;
        if metadata.is_dir() && !path.ends_with(b"/") {
            return Err(Miss::Directory);
        }
        if !metadata.is_file() {
            return Err(Miss::Missing);
        }
        Ok(Opened { file, stamp: Stamp::of(&metadata), name })
    }

    /// Opens a directory to be read, by a resolved path that ends in a slash.
    pub fn open_directory(&self, path: &[u8]) -> Result<(OwnedFd, Stamp), Miss> {
        let name = path.strip_prefix(b"/").unwrap_or(path);
        let name = if name.is_empty() { b"." } else { name };
        let file = self.open_file(name).map_err(|error| Miss::of(&error.into()))?;
        let metadata = file.metadata().map_err(|error| Miss::of(&error))?;
        if metadata.is_dir() { Ok((file.into(), Stamp::of(&metadata))) } else { Err(Miss::Missing) }
    }

    /// What a resolved path leads to, through links: whether it is a directory, and its state. Missing if it
    /// is neither directory nor file.
    pub fn look_at(&self, path: &[u8]) -> Result<(bool, Stamp), Miss> {
        let name = path.strip_prefix(b"/").unwrap_or(path);
        let path = OFlags::PATH | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = match self.by_kernel {
            true => rustix::fs::openat2(&self.root, name, path, Mode::empty(), beneath).map(File::from),
            false => self.open_file(name),
        };
        let file = file.map_err(|error| Miss::of(&error.into()))?;
        let metadata = file.metadata().map_err(|error| Miss::of(&error))?;
        if metadata.is_dir() || metadata.is_file() {
            Ok((metadata.is_dir(), Stamp::of(&metadata)))
        } else {
            Err(Miss::Missing)
        }
    }

    fn open_file(&self, name: &[u8]) -> Result<File, Errno> {
        if !self.by_kernel {
            return walk(&self.root, name).map(File::from);
        }
        let mut tries = 0;
        loop {
            match open_beneath(&self.root, name) {
                Err(Errno::AGAIN) if tries < RACES => tries += 1,
                result => return result.map(File::from),
            }
        }
    }
}

fn open_beneath(root: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, name, OPEN, Mode::empty(), beneath)
}

/// The same without `openat2`: one name at a time, none of them a symbolic link or `..`.
fn walk(root: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let mut directory: Option<OwnedFd> = None;
    let mut names = name.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        if name.is_empty() || name == b".." {
            return Err(Errno::NOENT);
        }
        let here = directory.as_ref().unwrap_or(root).as_fd();
        let flags =
            if names.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC } else { OPEN };
        directory = Some(rustix::fs::openat(here, name, flags | OFlags::NOFOLLOW, Mode::empty())?);
    }
    directory.ok_or(Errno::NOENT)
}

impl Stamp {
    /// A strong entity tag: length and time of the last change, which are the same on every host that the
    /// file was copied to with its time.
    /// `suffix` tells the compressed forms of a file apart.
    pub fn etag(&self, suffix: &str) -> String {
        let (seconds, nanoseconds) = self.modified;
        format!("\"{:x}-{seconds:x}-{nanoseconds:x}{suffix}\"", self.size)
    }

    /// The state of an entry of an opened directory, which is not a link; `None` if it is gone.
    pub fn of_entry(directory: &OwnedFd, name: &[u8]) -> Option<Stamp> {
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(Stamp {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            changed: (stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
            inode: (stat.st_dev, stat.st_ino),
        })
    }

    /// Whether its last change was so long ago that another one would have another time: the clocks of file
    /// systems tick coarsely.
    pub fn is_settled(&self, now: &Now) -> bool {
        const UNSETTLED: Duration = Duration::from_secs(1);
        let (seconds, nanoseconds) = self.changed;
        let Ok(seconds) = u64::try_from(seconds) else { return true };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds.try_into().unwrap_or(0));
        now.wall.duration_since(changed).is_ok_and(|age| age > UNSETTLED)
    }

    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

impl Miss {
    /// What an error of opening or reading means to the one who asked.
    pub fn of(error: &io::Error) -> Miss {
        match Errno::from_io_error(error) {
            Some(Errno::ACCESS | Errno::PERM) => Miss::Forbidden,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => Miss::Unavailable,
            // A way out of the root (XDEV) is as missing as any other name.
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::XDEV
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::NXIO
                | Errno::NODEV
                | Errno::INVAL
                | Errno::ILSEQ,
            ) => Miss::Missing,
            _ => {
                log::warn!("a file can't be read: {error}");
                Miss::Failed
            }
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Miss::Missing => "no such file",
            Miss::Directory => "a directory",
            Miss::Forbidden => "permission denied",
            Miss::Unavailable => "out of descriptors or memory",
            Miss::Failed => "can't be read",
        })
    }
}
