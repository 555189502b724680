//! Who comes, and when.

use crate::checks::IDLE;
use crate::peers::datagrams::{self, Caller};
use crate::peers::requests::Files;
use crate::peers::upper::{self, Shouter};
use crate::peers::web::{self, Visitor};
use crate::random::Random;
use crate::scenario::{KEEP_ALIVE, Profile};
use crate::world::World;
use std::time::Duration;

pub struct Crowd {
    pub profile: Profile,
    /// There are places for all, so a newcomer has a claim to be heard soon.
    pub is_roomy: bool,
    pub places: usize,
    /// By how much what they say is shorter than usual.
    pub scale: usize,
    pub files: Files,
}

impl Crowd {
    /// Everybody who comes in the first seconds.
    pub fn comes(&self, random: &mut Random, world: &mut World) {
        let (endless, busy, others) = match self.profile {
            Profile::Flooded => (6, 0, random.pick(&[60, 200])),
            Profile::Crowded => (150, 100, random.pick(&[60, 200])),
            _ => (0, random.pick(&[0, 5, 300]), random.pick(&[5, 60, 200])),
        };
        let (busy, others) = (busy.min(self.places), others.min(self.places.saturating_mul(2)));
        for _ in 0..endless {
            let shouter = self.shouter(upper::Kind::Endless, random);
            let seconds = if self.profile == Profile::Crowded { 3 } else { 10 };
            world.invite(Box::new(shouter.for_seconds(seconds)), Duration::ZERO);
        }
        // All at once now and then: many events, and many deadlines, in the same turn.
        let spread = random.pick(&[1, 3000, 3000]);
        let soon = |random: &mut Random, most: usize| Duration::from_millis(random.range(0, most) as u64);
        for _ in 0..busy {
            let shouter = self.shouter(upper::Kind::Busy, random);
            world.invite(Box::new(shouter), soon(random, 100));
        }
        for _ in 0..others {
            let kind = random.pick(&upper::KINDS);
            if self.places >= 30 || !kind.takes_long() {
                world.invite(Box::new(self.shouter(kind, random)), soon(random, spread));
            }
            let kind = random.pick(&web::KINDS);
            if self.profile != Profile::TcpOnly {
                world.invite(Box::new(self.visitor(kind, random)), soon(random, spread));
            }
        }
        for number in 0..random.pick(&[0, 3, 20]) {
            let kind = random.pick(&datagrams::KINDS);
            world.invite(Box::new(Caller::new(kind, random.fork(), number)), soon(random, 3000));
        }
    }

    pub fn shouter(&self, kind: upper::Kind, random: &mut Random) -> Shouter {
        Shouter::new(kind, random.fork(), IDLE, self.scale)
    }

    pub fn visitor(&self, kind: web::Kind, random: &mut Random) -> Visitor {
        let visitor = Visitor::new(kind, random.fork(), &self.files, KEEP_ALIVE);
        if self.is_roomy { visitor } else { visitor.patiently() }
    }
}
