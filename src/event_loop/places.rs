//! How many connections may be inside, and which places are kept free for whom.
//!
//! Each listener has a room of its own. Half of all places are shared out among the rooms and can't be taken
//! by the connections of another; the other half is for whoever comes first. So a service whose clients stay
//! can't shut out another.

/// The places, and who has them.
#[derive(Debug)]
pub struct Places {
    /// How many connections may be inside.
    most: usize,
    inside: usize,
    rooms: Vec<Room>,
}

/// The connections of one listener.
#[derive(Debug, Default)]
struct Room {
    inside: usize,
    /// Its listener was closed: nobody will come any more.
    closed: bool,
}

impl Places {
    /// Places for at most so many connections at once.
    pub fn new(most: usize) -> Places {
        Places { most, inside: 0, rooms: Vec::new() }
    }

    /// From now on at most so many connections may be inside.
    pub fn allow(&mut self, most: usize) {
        self.most = most;
    }

    /// A room for the connections of another listener.
    pub fn add_room(&mut self) -> u16 {
        self.rooms.push(Room::default());
        u16::try_from(self.rooms.len() - 1).unwrap_or(u16::MAX)
    }

    /// Nobody will come into this room any more, so nothing is kept free for it.
    pub fn close_room(&mut self, room: u16) {
        self.rooms[usize::from(room)].closed = true;
    }

    /// Whether nobody will come any more.
    pub fn are_closed(&self) -> bool {
        self.rooms.iter().all(|room| room.closed)
    }

    /// How many connections are inside.
    pub fn inside(&self) -> usize {
        self.inside
    }

    /// Whether all places are taken.
    pub fn are_full(&self) -> bool {
        self.inside >= self.most
    }

    /// Whether there are too few places for each listener to have one of its own.
    pub fn are_too_few(&self) -> bool {
        self.most < self.rooms.len()
    }

    /// Whether there is a place for a connection in this room: one that isn't kept free for another.
    pub fn has_one_for(&self, room: u16) -> bool {
        let share = self.most / (2 * self.rooms.len()).max(1);
        let share = if self.most >= self.rooms.len() { share.max(1) } else { 0 };
        let others = self.rooms.iter().enumerate().filter(|&(other, _)| other != usize::from(room));
        let kept_free: usize =
            others.filter(|(_, room)| !room.closed).map(|(_, room)| share.saturating_sub(room.inside)).sum();
        self.inside + kept_free < self.most
    }

    /// Somebody came in.
    pub fn enter(&mut self, room: u16) {
        self.inside += 1;
        self.rooms[usize::from(room)].inside += 1;
    }

    /// Somebody left.
    pub fn leave(&mut self, room: u16) {
        self.inside -= 1;
        self.rooms[usize::from(room)].inside -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_can_fill_the_places_of_another() {
        let mut places = Places::new(50);
        let (tcp, http) = (places.add_room(), places.add_room());
        while places.has_one_for(tcp) {
            places.enter(tcp);
        }
        assert_eq!(places.inside(), 38, "half of 50, shared by two, stays free for the other");
        for _ in 0..12 {
            assert!(places.has_one_for(http));
            places.enter(http);
        }
        assert!(!places.has_one_for(http) && !places.has_one_for(tcp));
        places.leave(tcp);
        assert!(places.has_one_for(http) && places.has_one_for(tcp), "both have their share: it is for all");
    }

    #[test]
    fn one_room_has_all_places_and_few_places_are_shared() {
        let mut places = Places::new(3);
        let only = places.add_room();
        (0..3).for_each(|_| places.enter(only));
        assert!(!places.has_one_for(only));

        let mut places = Places::new(1);
        let (a, b) = (places.add_room(), places.add_room());
        assert!(places.has_one_for(a) && places.has_one_for(b));

        let mut places = Places::new(2);
        let (a, b) = (places.add_room(), places.add_room());
        places.enter(a);
        assert!(!places.has_one_for(a) && places.has_one_for(b));
        places.close_room(b);
        assert!(places.has_one_for(a), "nothing is kept free for who won't come");
    }
}
