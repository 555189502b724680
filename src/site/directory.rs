//! A directory of files, opened beneath its root and nowhere else.
//!
//! The kernel resolves each path with `openat2(2)` and RESOLVE_BENEATH, so no `..`, no absolute path and
//! no symbolic link leads out, and there is no moment between a check and its use: what was opened is
//! what is measured and sent. Where the kernel is too old for that call, the path is walked one name at
//! a time and symbolic links are refused, so containment never depends on the call being there.
//!
//! An absolute link is refused even if it leads back into the root. RESOLVE_IN_ROOT would not follow it there either: it
//! takes the root for `/`, so that `/srv/www/a` would be `srv/www/a` beneath it, another file than every other program finds.

use super::pattern::TooLong;
use crate::limits;
use crate::now::Now;
use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a path with a slash at its end stands for.
const INDEX: &[u8] = b"index.html";

/// An opened file never blocks us (a FIFO would), is not inherited, and never becomes our terminal.
const OPEN: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

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
    /// The rules make too much of its path: 414.
    TooLong,
    /// Too many directories are being listed: 503.
    Busy,
    /// No descriptor or no memory for it now, or always interrupted: 503.
    Unavailable(Errno),
    /// The disk failed: 500.
    Failed(Errno),
}

impl Directory {
    /// Opens `root`. Fails if it isn't a directory, or if something forbids the call that keeps paths
    /// beneath it.
    pub fn open(root: &Path) -> io::Result<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = again(|| rustix::fs::open(root, flags, Mode::empty()))?;
        let by_kernel = match again(|| open_beneath(&root, b".", OPEN)) {
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
        let file = self.open_file(&name, OPEN)?;
        let (kind, stamp) = state(&file)?;
        match kind {
            FileType::RegularFile => Ok(Opened { file: file.into(), stamp, name }),
            FileType::Directory if !path.ends_with(b"/") => Err(Miss::Directory),
            _ => Err(Miss::Missing),
        }
    }

    /// Opens a directory to be read, by a resolved path that ends in a slash.
    pub fn open_directory(&self, path: &[u8]) -> Result<(OwnedFd, Stamp), Miss> {
        let file = self.open_file(beneath(path), OPEN)?;
        let (kind, stamp) = state(&file)?;
        if kind == FileType::Directory { Ok((file, stamp)) } else { Err(Miss::Missing) }
    }

    /// What a resolved path leads to, through links: whether it is a directory, and its state. Missing if it
    /// is neither directory nor file. Nothing is opened to be read.
    pub fn look_at(&self, path: &[u8]) -> Result<(bool, Stamp), Miss> {
        let (kind, stamp) = state(&self.open_file(beneath(path), OFlags::PATH | OFlags::CLOEXEC)?)?;
        match kind {
            FileType::Directory | FileType::RegularFile => Ok((kind == FileType::Directory, stamp)),
            _ => Err(Miss::Missing),
        }
    }

    /// Device and inode of the root, and whether it is still anywhere.
    pub fn identity(&self) -> Result<((u64, u64), bool), Miss> {
        let stat = again(|| rustix::fs::fstat(&self.root))?;
        Ok((Stamp::of(&stat).inode, stat.st_nlink > 0))
    }

    fn open_file(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        // The path may have been renamed while the kernel walked it (EAGAIN of openat2(2)).
        again(|| match self.by_kernel {
            true => open_beneath(&self.root, name, flags).map_err(|error| match error {
                Errno::AGAIN => Errno::INTR,
                error => error,
            }),
            false => walk(&self.root, name, flags),
        })
    }
}

/// A resolved path as the kernel is asked for it, beneath a descriptor.
fn beneath(path: &[u8]) -> &[u8] {
    match path.strip_prefix(b"/").unwrap_or(path) {
        b"" => b".",
        name => name,
    }
}

/// Makes a call again that was interrupted (EINTR), but not for ever.
pub fn again<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    for _ in 1..limits::INTERRUPTIONS {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
    call()
}

/// At most so many bytes of an opened file, from where it stands.
pub fn read(file: &File, most: usize) -> rustix::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    while bytes.len() < most {
        if again(|| rustix::io::read(file, spare_capacity(&mut bytes)))? == 0 {
            break;
        }
    }
    bytes.truncate(most);
    Ok(bytes)
}

fn open_beneath(root: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, name, flags, Mode::empty(), beneath)
}

/// What is open there.
fn state(file: &OwnedFd) -> Result<(FileType, Stamp), Errno> {
    let stat = again(|| rustix::fs::fstat(file))?;
    Ok((FileType::from_raw_mode(stat.st_mode), Stamp::of(&stat)))
}

/// The same without `openat2`: one name at a time, none of them a symbolic link or `..`.
fn walk(root: &OwnedFd, name: &[u8], last: OFlags) -> Result<OwnedFd, Errno> {
    let mut directory: Option<OwnedFd> = None;
    let mut names = name.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        if name.is_empty() || name == b".." {
            return Err(Errno::NOENT);
        }
        let here = directory.as_ref().unwrap_or(root).as_fd();
        let flags =
            if names.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC } else { last };
        directory = Some(rustix::fs::openat(here, name, flags | OFlags::NOFOLLOW, Mode::empty())?);
    }
    directory.ok_or(Errno::NOENT)
}

impl Stamp {
    /// The state of an entry of an opened directory, which is not a link.
    pub fn of_entry(directory: &OwnedFd, name: &[u8]) -> Result<Stamp, Miss> {
        let stat = again(|| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(Stamp::of(&stat))
    }

    /// The state of an open file now.
    pub fn of_file(file: &File) -> Result<Stamp, Miss> {
        Ok(Stamp::of(&again(|| rustix::fs::fstat(file))?))
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

    fn of(stat: &Stat) -> Stamp {
        Stamp {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
            changed: (stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
            inode: (stat.st_dev, stat.st_ino),
        }
    }
}

impl Miss {
    /// Whether there is something that can't be had, and not just nothing to be served.
    pub fn is_trouble(self) -> bool {
        !matches!(self, Miss::Missing | Miss::Directory)
    }
}

/// What an error of opening or reading means to the one who asked.
impl From<Errno> for Miss {
    fn from(error: Errno) -> Miss {
        match error {
            Errno::ACCESS | Errno::PERM => Miss::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR => {
                Miss::Unavailable(error)
            }
            // A way out of the root (XDEV) is as missing as any other name.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::NODEV
            | Errno::INVAL
            | Errno::ILSEQ => Miss::Missing,
            _ => Miss::Failed(error),
        }
    }
}

impl From<TooLong> for Miss {
    fn from(_: TooLong) -> Miss {
        Miss::TooLong
    }
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Miss {
        Errno::from_io_error(&error).unwrap_or(Errno::IO).into()
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Miss::Missing => f.write_str("no such file"),
            Miss::Directory => f.write_str("a directory"),
            Miss::Forbidden => f.write_str("permission denied"),
            Miss::TooLong => TooLong.fmt(f),
            Miss::Busy => f.write_str("as many directories as may be are being listed"),
            Miss::Unavailable(error) | Miss::Failed(error) => {
                write!(f, "{}", io::Error::from_raw_os_error(error.raw_os_error()))
            }
        }
    }
}
