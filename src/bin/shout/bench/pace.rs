//! When the next request is due.
//!
//! In a closed loop it is as soon as a reply has made room for it: a slow server is asked less. In an
//! open loop requests are due at fixed times, whether or not the server keeps up. One that finds no
//! connection free waits, and its latency counts from the time it was due, so that a server that stalls
//! can't hide it (this is the remedy to what is called coordinated omission).

use std::collections::VecDeque;

/// The schedule, and the places where requests can be begun.
#[derive(Debug)]
pub struct Pace {
    /// Nanoseconds between two requests; none in a closed loop.
    interval: Option<f64>,
    /// When requests began to be due, and how many were begun.
    origin: Option<u64>,
    begun: u64,
    /// How many may still be begun, where their number is given.
    left: Option<u64>,
    free: VecDeque<u32>,
    stopped: bool,
}

impl Pace {
    /// So many requests a second, or a closed loop.
    pub fn new(rate: Option<f64>) -> Pace {
        let interval = rate.map(|rate| 1e9 / rate);
        Pace { interval, origin: None, begun: 0, left: None, free: VecDeque::new(), stopped: false }
    }

    /// Whether requests wait for replies only.
    pub fn is_closed_loop(&self) -> bool {
        self.interval.is_none()
    }

    /// Requests are due from now on.
    pub fn start(&mut self, now: u64) {
        self.origin = Some(now);
    }

    /// No more than so many requests from now on.
    pub fn limit(&mut self, left: u64) {
        self.left = Some(left);
    }

    /// No more at all.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// So many requests came to nothing: as many others may be begun in their place.
    pub fn give_back(&mut self, count: u64) {
        if let Some(left) = &mut self.left {
            *left += count;
        }
    }

    /// Takes the next request off the schedule if it is due, and says when it was. The caller begins it.
    pub fn take(&mut self, now: u64) -> Option<u64> {
        if self.left == Some(0) || self.stopped {
            return None;
        }
        let origin = self.origin?;
        let due =
            if self.is_closed_loop() { now.max(origin) } else { self.next().filter(|&due| due <= now)? };
        self.begun += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(due)
    }

    /// There is room for a request at this place.
    pub fn offer(&mut self, place: u32) {
        self.free.push_back(place);
    }

    /// A place and the time of a request that is due there.
    pub fn match_up(&mut self, now: u64) -> Option<(u32, u64)> {
        let &place = self.free.front()?;
        let due = self.take(now)?;
        self.free.pop_front();
        Some((place, due))
    }

    /// When to look again: the time of the next request, where a place is free for it.
    pub fn wake(&self) -> Option<u64> {
        if self.free.is_empty() || self.left == Some(0) || self.stopped { None } else { self.next() }
    }

    /// How many are due and not begun, and the time of the oldest of them and the time between two.
    pub fn overdue(&self, now: u64) -> (u64, u64, f64) {
        match (self.next(), self.interval) {
            (Some(next), Some(interval)) if next <= now && self.left != Some(0) => {
                (((now - next) as f64 / interval) as u64 + 1, next, interval)
            }
            _ => (0, now, 0.0),
        }
    }

    fn next(&self) -> Option<u64> {
        Some(self.origin? + (self.begun as f64 * self.interval?) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loop_keeps_its_schedule_when_nobody_is_free() {
        let mut pace = Pace::new(Some(1e6));
        pace.start(5_000);
        assert_eq!(pace.match_up(10_000), None, "no place is free");
        pace.offer(3);
        assert_eq!(pace.wake(), Some(5_000));
        assert_eq!(pace.overdue(10_000), (6, 5_000, 1000.0));
        assert_eq!(pace.match_up(10_000), Some((3, 5_000)));
        assert_eq!((pace.take(10_000), pace.take(10_000)), (Some(6_000), Some(7_000)));
        assert_eq!(pace.take(7_999), None);
        assert_eq!(pace.wake(), None, "nobody is free");
        assert_eq!(pace.overdue(7_999).0, 0);
    }

    #[test]
    fn nothing_is_due_before_it_has_started() {
        for rate in [None, Some(1e9)] {
            let mut pace = Pace::new(rate);
            pace.offer(0);
            assert_eq!((pace.take(9), pace.match_up(9)), (None, None));
            pace.start(9);
            assert_eq!(pace.match_up(9), Some((0, 9)));
        }
    }

    #[test]
    fn no_more_are_begun_than_there_may_be() {
        for rate in [None, Some(1e9)] {
            let mut pace = Pace::new(rate);
            pace.start(0);
            pace.limit(2);
            assert_eq!([pace.take(9), pace.take(9), pace.take(9)].iter().flatten().count(), 2);
            pace.give_back(1);
            assert!(pace.take(9).is_some());
            pace.offer(0);
            assert_eq!((pace.match_up(9), pace.wake()), (None, None));
        }
    }
}
