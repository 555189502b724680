//! Where the guests of the event loop sit, and ids that go stale harmlessly.
//!
//! A place in the slab is used again as soon as its guest has left, but an event or a timer for that
//! guest may still be on its way. So an id is the place and a serial number, and an id whose guest has
//! left finds nobody. That is normal and no error.

use slab::Slab;
use std::fmt;

/// Half of a token's bits are the place, the other half the serial.
const PLACE_BITS: u32 = usize::BITS / 2;

/// The most guests there can be at once.
pub const MOST: usize = 1 << PLACE_BITS;

/// Names one guest, and no later one in the same place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(usize);

/// The guests by id.
#[derive(Debug)]
pub struct Slots<G> {
    seats: Slab<(usize, G)>,
    serial: usize,
}

impl<G> Slots<G> {
    /// No guests.
    pub fn new() -> Slots<G> {
        Slots { seats: Slab::new(), serial: 0 }
    }

    /// Seats a guest. There must be fewer than [`MOST`].
    pub fn seat(&mut self, guest: G) -> Id {
        self.serial = (self.serial + 1) % MOST;
        let place = self.seats.insert((self.serial, guest));
        assert!(place < MOST, "more guests than ids");
        Id(self.serial << PLACE_BITS | place)
    }

    /// The guest of this id, if it is still here.
    pub fn get(&mut self, id: Id) -> Option<&mut G> {
        match self.seats.get_mut(id.place()) {
            Some((serial, guest)) if *serial == id.serial() => Some(guest),
            _ => None,
        }
    }

    /// Shows the guest of this id out.
    pub fn leave(&mut self, id: Id) -> Option<G> {
        self.get(id)?;
        Some(self.seats.remove(id.place()).1)
    }

    /// How many guests there are.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether another guest can be seated without memory that the system may not have. (A Vec that can't
    /// grow ends the program.)
    pub fn has_room(&mut self) -> bool {
        if self.seats.len() < self.seats.capacity() {
            return true;
        }
        let size = std::mem::size_of::<(usize, G)>() + std::mem::size_of::<usize>();
        let grown = (self.seats.capacity() * 2).max(4).saturating_mul(size);
        Vec::<u8>::new().try_reserve_exact(grown).is_ok()
    }

    /// Bytes that the guests take, but for what they keep elsewhere.
    pub fn bytes(&self) -> usize {
        self.seats.len() * size_of::<(usize, G)>()
    }

    /// Gives memory back that guests have left who sat behind all others.
    pub fn shrink(&mut self) {
        self.seats.shrink_to_fit();
    }

    /// Everybody here now.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &G)> {
        self.seats.iter().map(|(place, (serial, guest))| (Id(serial << PLACE_BITS | place), guest))
    }

    /// The ids of everybody here now.
    pub fn ids(&self) -> Vec<Id> {
        self.iter().map(|(id, _)| id).collect()
    }
}

impl<G> Default for Slots<G> {
    fn default() -> Slots<G> {
        Slots::new()
    }
}

impl Id {
    fn place(self) -> usize {
        self.0 & (MOST - 1)
    }

    fn serial(self) -> usize {
        self.0 >> PLACE_BITS
    }
}

impl From<Id> for usize {
    fn from(id: Id) -> usize {
        id.0
    }
}

impl From<usize> for Id {
    fn from(token: usize) -> Id {
        Id(token)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}#{}", self.place(), self.serial())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nobody() {
        let mut slots = Slots::new();
        let first = slots.seat("first");
        assert_eq!(slots.leave(first), Some("first"));
        let second = slots.seat("second");
        assert_eq!(first.place(), second.place(), "the place is used again");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.leave(first), None);
        assert_eq!(slots.get(second), Some(&mut "second"));
        assert_eq!(slots.ids(), [second]);
    }

    #[test]
    fn ids_survive_the_way_through_the_kernel() {
        let mut slots = Slots::new();
        for n in 0..1000 {
            let id = slots.seat(n);
            assert_eq!(Id::from(usize::from(id)), id);
            assert_eq!(slots.get(id), Some(&mut n.clone()));
        }
    }
}
