//! What an error of a system call means to the one who made it, when it comes from a socket that others come to: a
//! listener (accept(2)) or one for datagrams (recvmmsg(2)).
//!
//! Each error has one of a few fates, and this is the only place that says which. An error that isn't known here
//! may stay, so it is waited out: who tries at once again would never do anything else.

use rustix::io::Errno;
use std::io;

/// What is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// There is nothing now; the kernel tells when there is.
    Nothing,
    /// Again at once: the call was interrupted, or the error was one peer's, who is gone with it.
    Again,
    /// Again after [`crate::limits::ACCEPT_PAUSE`]: something has run out, or nobody knows.
    Later,
    /// Never again: the socket is of no use any more.
    Over,
}

impl Fate {
    /// The fate that an error brings.
    pub fn of(error: &io::Error) -> Fate {
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Fate::Nothing,
            Some(
                Errno::INTR
                // What is pending on a new socket is an error of accept (accept(2)), a firewall's refusal too.
                | Errno::CONNABORTED
                | Errno::PERM
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NONET
                | Errno::TIMEDOUT
                // What became of an earlier datagram is an error of receiving the next one (udp(7)).
                | Errno::CONNREFUSED
                | Errno::CONNRESET
                | Errno::MSGSIZE,
            ) => Fate::Again,
            // It isn't open, no socket, or doesn't listen.
            Some(Errno::BADF | Errno::NOTSOCK | Errno::INVAL) => Fate::Over,
            _ => Fate::Later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_fate_and_what_is_unknown_waits() {
        let fate = |errno: i32| Fate::of(&io::Error::from_raw_os_error(errno));
        assert_eq!(fate(libc::EAGAIN), Fate::Nothing);
        for errno in [libc::EINTR, libc::ECONNABORTED, libc::EPERM, libc::ENETDOWN, libc::ECONNREFUSED] {
            assert_eq!(fate(errno), Fate::Again, "{errno}");
        }
        for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EIO, libc::ENOSYS, 12345]
        {
            assert_eq!(fate(errno), Fate::Later, "{errno}");
        }
        for errno in [libc::EBADF, libc::ENOTSOCK, libc::EINVAL] {
            assert_eq!(fate(errno), Fate::Over, "{errno}");
        }
        assert_eq!(Fate::of(&io::Error::other("of our own")), Fate::Later);
    }

    #[test]
    fn only_a_few_are_tried_again_at_once() {
        let again = (1..200).filter(|&errno| Fate::of(&io::Error::from_raw_os_error(errno)) == Fate::Again);
        assert_eq!(again.count(), 15);
    }
}
