//! What the loop drives: all the connections, or all the UDP sockets.

use super::run::Run;
use super::wrong::Wrong;
use mio::event::Event;

/// Many sockets to one server. An error is a wrong reply, and final.
pub trait Crowd {
    /// Opens some more sockets, as long as there are some that were not tried yet.
    fn open(&mut self, run: &mut Run) -> Result<(), Wrong>;

    /// Whether all that can be opened are open.
    fn is_settled(&self, now: u64) -> bool;

    /// How many are open.
    fn population(&self) -> usize;

    /// The kernel says that a socket is ready.
    fn note(&mut self, event: &Event, run: &mut Run) -> Result<(), Wrong>;

    /// Goes on with those that had more to read than a turn allows; returns whether there still are some.
    fn resume(&mut self, run: &mut Run) -> Result<bool, Wrong>;

    /// Begins a request that was due at that time, at a place that was offered.
    fn begin(&mut self, place: u32, due: u64, run: &mut Run) -> Result<(), Wrong>;

    /// Looks after those that wait for too long. Called some times a second.
    fn tick(&mut self, now: u64, run: &mut Run) -> Result<(), Wrong>;

    /// The times at which those requests were due that have no reply yet.
    fn under_way(&self) -> Box<dyn Iterator<Item = u64> + '_>;

    /// Bytes sent so far of those requests.
    fn bytes_under_way(&self) -> u64;

    /// Whether none has ever come to anything, so that there is no sense in going on.
    fn is_hopeless(&self) -> bool;
}
