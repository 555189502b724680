//! When to look at whom: hints, not truth.
//!
//! The truth about a deadline is the session's own ([`crate::session::Session::deadline`]), and it moves
//! with every byte. A hint only says when it is worth looking again: it may be too early, never too late.
//! So a deadline that moves away costs nothing, which is what deadlines do all day long: the hint fires
//! early once, and a new one is set. Only a deadline that comes nearer moves the hint.
//!
//! Each guest has at most one hint, so the timers never outgrow the guests. That is why this is an
//! ordered set and not a heap: with a heap, hints that were overtaken by nearer ones would have to stay
//! in it until their time, and a guest could collect any number of them.

use super::slots::Id;
use std::collections::BTreeSet;
use std::time::Instant;

/// The hint of one guest; it belongs to the guest and only [`Timers`] changes it.
pub type Hint = Option<Instant>;

/// The hints of all guests, the earliest first.
#[derive(Debug, Default)]
pub struct Timers {
    hints: BTreeSet<(Instant, Id)>,
}

impl Timers {
    /// Makes sure that `id` is looked at no later than `deadline`.
    pub fn look_at(&mut self, id: Id, hint: &mut Hint, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if hint.is_some_and(|hint| hint <= deadline) {
            return;
        }
        self.forget(id, hint);
        self.hints.insert((deadline, id));
        *hint = Some(deadline);
    }

    /// Removes the hint of a guest, because it leaves.
    pub fn forget(&mut self, id: Id, hint: &mut Hint) {
        if let Some(hint) = hint.take() {
            self.hints.remove(&(hint, id));
        }
    }

    /// The earliest hint.
    pub fn next(&self) -> Option<Instant> {
        self.hints.first().map(|(instant, _)| *instant)
    }

    /// Takes one hint whose time has come. The guest's own [`Hint`] must then be set to `None`.
    pub fn due(&mut self, now: Instant) -> Option<Id> {
        if self.next()? > now {
            return None;
        }
        self.hints.pop_first().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::slots::Slots;
    use std::time::Duration;

    #[test]
    fn a_guest_has_one_hint_and_it_is_never_too_late() {
        let start = Instant::now();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let id = Slots::new().seat(());
        let mut timers = Timers::default();
        let mut hint = None;
        timers.look_at(id, &mut hint, at(10));
        timers.look_at(id, &mut hint, at(20)); // moved away: the early hint stays
        assert_eq!((timers.next(), timers.hints.len()), (at(10), 1));
        timers.look_at(id, &mut hint, at(5)); // came nearer
        assert_eq!((timers.next(), timers.hints.len()), (at(5), 1));
        timers.look_at(id, &mut hint, None);
        assert_eq!(timers.due(start + Duration::from_secs(4)), None);
        assert_eq!(timers.due(start + Duration::from_secs(5)), Some(id));
        assert_eq!(timers.due(start + Duration::from_secs(500)), None);
    }

    #[test]
    fn guests_are_due_in_order_and_forgotten_ones_never() {
        let start = Instant::now();
        let mut slots = Slots::new();
        let mut timers = Timers::default();
        let mut guests: Vec<(Id, Hint)> = (0..10).map(|n| (slots.seat(n), None)).collect();
        for (n, (id, hint)) in guests.iter_mut().enumerate() {
            timers.look_at(*id, hint, Some(start + Duration::from_secs(100 - n as u64)));
        }
        let (gone, hint) = &mut guests[9];
        timers.forget(*gone, hint);
        let end = start + Duration::from_secs(1000);
        let due: Vec<Id> = std::iter::from_fn(|| timers.due(end)).collect();
        let expected: Vec<Id> = guests[..9].iter().rev().map(|(id, _)| *id).collect();
        assert_eq!(due, expected);
    }
}
