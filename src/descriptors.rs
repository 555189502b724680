//! Descriptors: how many there may be, how many are taken, and how many connections that leaves.
//!
//! A connection takes one, and another one where a file is sent to it. So places are given only to as many
//! connections as there are descriptors left besides what the process holds for itself: listeners, the poller, logs,
//! the root, and what it inherited. That is counted when all of it is open, not guessed.

use crate::limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::fd::AsRawFd;

/// Raises the limit of descriptors as far as it goes without a privilege (setrlimit(2)).
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        // If that fails the limit stays as it is, which is counted with.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// How many connections there may be at once, now that everything else is open; with files to serve
/// or without, and with directories to list or without.
/// Fails with the limit that is needed at least where there is none left for anybody.
pub fn places(serves_files: bool, lists: bool) -> Result<usize, usize> {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let taken = taken(limit) + limits::LATE_DESCRIPTORS;
    let least = if serves_files { limits::OPEN_FILES + limits::LOOKUPS + 2 } else { 1 };
    match limit.checked_sub(taken) {
        Some(free) if free >= least => Ok(share(free, serves_files, lists)),
        _ => Err(taken + least),
    }
}

/// The places for connections among so many free descriptors. Where there are few each of them may have a file, or a
/// directory, besides; of many, hardly all connections are sent another large file at the same time.
fn share(free: usize, serves_files: bool, lists: bool) -> usize {
    if !serves_files {
        return free;
    }
    let spare = limits::SPARE_DESCRIPTORS + if lists { limits::LISTINGS } else { 0 };
    let with_a_file_each = free.saturating_sub(limits::OPEN_FILES + limits::LOOKUPS) / 2;
    with_a_file_each.max(free.saturating_sub(spare))
}

/// How many are open of those that the limit allows; some that were inherited may lie above.
fn taken(limit: usize) -> usize {
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<usize>().ok();
    match std::fs::read_dir("/proc/self/fd") {
        // Without the one that the list itself is read from.
        Ok(open) => {
            let open = open.filter_map(|entry| number(entry.ok()?.file_name()));
            open.filter(|&number| number < limit).count().saturating_sub(1)
        }
        // The next one gets the lowest number that is free (dup(2)).
        Err(_) => rustix::io::dup(std::io::stderr())
            .map_or(limit, |next| usize::try_from(next.as_raw_fd()).unwrap_or(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_may_have_a_file_where_there_are_few() {
        for free in [20, 21, 30, 44, 64, 100] {
            let connections = share(free, true, free % 2 == 0);
            assert!(connections >= 1, "{free}");
            assert!(2 * connections + limits::OPEN_FILES + limits::LOOKUPS <= free, "{free}: {connections}");
        }
    }

    #[test]
    fn some_are_left_aside_where_there_are_many() {
        assert_eq!(share(1000, true, false), 1000 - limits::SPARE_DESCRIPTORS);
        assert_eq!(share(1000, true, true), 1000 - limits::SPARE_DESCRIPTORS - limits::LISTINGS);
        assert_eq!(share(1000, false, false), 1000);
        for lists in [false, true] {
            let all: Vec<usize> = (20..2000).map(|free| share(free, true, lists)).collect();
            assert!(all.is_sorted(), "more descriptors are never fewer places");
        }
    }

    #[test]
    fn what_is_open_is_counted() {
        let before = taken(usize::MAX);
        let file = std::fs::File::open("/dev/null").unwrap();
        // Other tests of this process open and close theirs meanwhile.
        assert!(before >= 3 && taken(usize::MAX) >= 3);
        assert!(taken(1) <= 1);
        drop(file);
    }
}
