//! Who runs on which core. A child inherits the affinity of the thread that starts it (`sched_setaffinity(2)`),
//! so it is pinned before its first instruction, and so is every thread that it starts.

use crate::runs::Cores;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two sides of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server: the first core.
    Server,
    /// The load generator: the second.
    Client,
}

/// The cores that this process may use, by number.
pub fn usable() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Does something, such as starting a child, while this thread is pinned as the child should be.
/// Where there is one core only, nothing is pinned.
pub fn pinned<T>(cores: Cores, side: Side, start: impl FnOnce() -> T) -> T {
    let usable = usable();
    let (Cores::One, [server, client, ..]) = (cores, usable.as_slice()) else { return start() };
    let mut set = CpuSet::new();
    set.set(if side == Side::Server { *server } else { *client });
    let Ok(before) = sched_getaffinity(None) else { return start() };
    // Where pinning is forbidden the figures are less steady, and nothing else is wrong.
    let _ = sched_setaffinity(None, &set);
    let result = start();
    let _ = sched_setaffinity(None, &before);
    result
}
