//! A listener at a path (unix(7)): how the path is taken at start, and given back at the end.
//!
//! A path can be used by others too, between any two calls. So nothing is done by path that would do harm if
//! something else stood there meanwhile: the mode of a new socket is that of its descriptor, which it has before
//! anybody can find it, and nothing is changed afterwards. Removing can only be done by path. What is removed is looked
//! at before, in a directory that was opened once, and no other server of this kind does the same meanwhile: all of
//! them lock the directory for that (flock(2)). Otherwise two that start at once would both find a socket left
//! behind, and one would remove the other's new one.

use crate::limits;
use log::warn;
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, StatxFlags};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// A path that is ours, and is removed when this goes away.
#[derive(Debug)]
pub struct UnixPath {
    place: Place,
    identity: Identity,
}

/// Device, inode, and when it was made, in seconds and nanoseconds: the number of an inode is given away again as soon
/// as it is free, which is when a server that is stopping has closed its listener.
type Identity = ((u32, u32), u64, (i64, u32));

/// Listens at a path. A socket that a server left behind there, and that nobody listens to any more, is
/// replaced. Everybody may connect who may enter its directory, as everybody of this host may connect to
/// a loopback port: the directory's permissions decide.
///
/// For a moment new files of the whole process have the modes that they ask for (umask(2)).
pub fn bind_unix(path: &Path) -> io::Result<(OwnedFd, UnixPath)> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let place = Place::of(path);
    let lock = place.lock();
    match bind(&socket, &address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && place.is_left_behind(&address) => {
            place.remove()?;
            bind(&socket, &address)?;
        }
        result => result?,
    }
    let Some(identity) = place.identity() else {
        return Err(io::Error::new(ErrorKind::AddrInUse, "somebody has put something else there"));
    };
    // Still locked: as long as it doesn't listen it seems to be left behind.
    socket.listen(limits::BACKLOG)?;
    drop(lock);
    socket.set_nonblocking(true)?;
    Ok((socket.into(), UnixPath { place, identity }))
}

/// Binds a socket of mode 0666. A new socket has the mode of its descriptor, less the umask (unix_bind of the kernel).
fn bind(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    rustix::fs::fchmod(socket, Mode::from_raw_mode(0o666))?;
    let before = rustix::process::umask(Mode::empty());
    let result = socket.bind(address);
    rustix::process::umask(before);
    result
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let _lock = self.place.lock();
        // Another server may have taken the place meanwhile.
        if self.place.identity() == Some(self.identity) {
            let _ = self.place.remove();
        }
    }
}

/// A name in a directory that stays the same, whatever becomes of the way to it.
#[derive(Debug)]
struct Place {
    /// `None` where this user may not read it: then the whole path is used each time.
    directory: Option<OwnedFd>,
    name: PathBuf,
}

impl Place {
    fn of(path: &Path) -> Place {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(parent, flags, Mode::empty()).ok();
        let name = path.file_name().filter(|_| directory.is_some()).map_or(path, Path::new);
        Place { directory, name: name.to_owned() }
    }

    fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_ref().map_or(CWD, AsFd::as_fd)
    }

    /// Which socket is there, if there is one.
    fn identity(&self) -> Option<Identity> {
        let wanted = StatxFlags::TYPE | StatxFlags::INO | StatxFlags::MTIME;
        let found =
            rustix::fs::statx(self.directory(), &self.name, AtFlags::SYMLINK_NOFOLLOW, wanted).ok()?;
        let is_socket = FileType::from_raw_mode(found.stx_mode.into()) == FileType::Socket;
        // Nobody writes to a socket's inode, so it was last modified when it was made.
        let made = (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec);
        is_socket.then_some(((found.stx_dev_major, found.stx_dev_minor), found.stx_ino, made))
    }

    /// Whether there is a socket, and nobody behind it.
    fn is_left_behind(&self, address: &SockAddr) -> bool {
        let refused = || {
            let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            // A full backlog must not make us wait.
            probe.set_nonblocking(true)?;
            probe.connect(address)
        };
        self.identity().is_some()
            && refused().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    fn remove(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self.directory(), &self.name, AtFlags::empty())?)
    }

    /// Keeps other servers from removing or binding in this directory. Everybody who may read it can hold such a lock,
    /// so it is waited for only for [`limits::PATH_LOCK`].
    fn lock(&self) -> Option<Lock<'_>> {
        let directory = self.directory.as_ref()?;
        let end = Instant::now() + limits::PATH_LOCK;
        loop {
            match rustix::fs::flock(directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(Lock(directory)),
                Err(error) if error == rustix::io::Errno::WOULDBLOCK && Instant::now() < end => {
                    thread::sleep(limits::PATH_LOCK / 200);
                }
                Err(error) => {
                    warn!("{}: its directory can't be locked: {error}", self.name.display());
                    return None;
                }
            }
        }
    }
}

/// Held as long as this lives.
struct Lock<'a>(&'a OwnedFd);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_has_the_inode_of_a_former_one_is_another() {
        let path = std::env::temp_dir().join(format!("shoutd-unix-path-{}", std::process::id()));
        for _ in 0..20 {
            let (listener, ours) = bind_unix(&path).unwrap();
            drop(listener);
            let (_successor, its) = bind_unix(&path).unwrap();
            drop(ours);
            assert!(path.exists(), "the successor's path was removed");
            drop(its);
            assert!(!path.exists());
        }
    }
}
