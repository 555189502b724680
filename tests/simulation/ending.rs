//! The end of a run: the server is told to stop while some rest, some ask, and some don't read.

use crate::checks::IDLE;
use crate::peers::upper::{self, Shouter};
use crate::peers::web;
use crate::scenario::{Profile, Scenario};
use crate::world::{Hostility, What};
use shoutd::limits;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Everybody takes what they get.
    Gently,
    /// Some don't, and the time for that runs out.
    WithStuck,
    /// So do they, but it is told twice.
    AtOnce,
}

impl Scenario {
    /// Tells it to stop and sees that it does, in time, and that all who were heard are answered.
    pub fn stop(&mut self) {
        let way = self.random.pick(&[Way::Gently, Way::Gently, Way::WithStuck, Way::AtOnce]);
        let ring_after = match way {
            Way::Gently => Duration::from_micros(self.random.pick(&[100, 1000, 100_000])),
            Way::WithStuck | Way::AtOnce => Duration::from_secs(3), // so that they are stuck by then
        };
        let second_ring = Duration::from_millis(self.random.pick(&[0, 1, 500]));
        let bell_fails = self.random.pick(&[0, 2]);
        self.last_ones_come(way, ring_after);
        let began = {
            let mut world = self.world.borrow_mut();
            world.hostility = Hostility {
                descriptors: usize::MAX,
                bell: bell_fails,
                interrupted: self.random.pick(&[0, 3]),
                ..Hostility::default()
            };
            world.checks.is_scarce |= way != Way::Gently; // anybody may be reset then
            world.is_stopping = true;
            world.ring_later(self.bell, ring_after);
            if way == Way::AtOnce {
                world.ring_later(self.bell, ring_after + second_ring);
            }
            world.end_after(Duration::from_secs(60));
            world.now
        };
        let mut was_closing = false;
        while self.turn() {
            let mut world = self.world.borrow_mut();
            assert!(!world.is_over, "it doesn't end");
            let closes = |&listener: &usize| {
                let socket = &world.sockets[listener];
                !socket.open || matches!(socket.what, What::Listener { closed: true, .. })
            };
            let (is_closing, all_are) =
                (world.listeners.iter().any(closes), world.listeners.iter().all(closes));
            assert!(!was_closing || all_are, "a listener was forgotten");
            let udp = world.udp;
            assert!(!is_closing || !world.sockets[udp].open, "datagrams are still taken");
            was_closing = is_closing;
            world.checks.may_pause = [Duration::MAX; 2];
        }
        let took = self.world.borrow().now - began;
        // A bell that can't be read is tried again a little later, most likely not many times.
        let tries = if bell_fails > 0 { 20 } else { 1 };
        let slack = self.world.borrow().checks.late + limits::ACCEPT_PAUSE * tries;
        let (least, most) = match way {
            Way::Gently => (ring_after, ring_after + limits::LAST_CHANCE + limits::LINGER_TIME),
            Way::WithStuck if self.event_loop.connections() > 0 => {
                (ring_after + self.limits.drain, ring_after + self.limits.drain)
            }
            Way::WithStuck => (ring_after, ring_after + self.limits.drain),
            Way::AtOnce => (ring_after, ring_after + second_ring),
        };
        assert!(took >= least, "{way:?}: it ended after {took:?} already");
        assert!(took < most + slack, "{way:?}: it took {took:?} to end, and should have taken {most:?}");
    }

    fn last_ones_come(&mut self, way: Way, ring_after: Duration) {
        let (random, crowd) = (&mut self.random, &self.crowd);
        let mut world = self.world.borrow_mut();
        world.peers.clear();
        let late = |random: &mut crate::random::Random| {
            let before = Duration::from_micros(random.range(0, 1000) as u64);
            ring_after.saturating_sub(before)
        };
        for _ in 0..10 {
            let when = late(random);
            world.invite(Box::new(Shouter::short(random.fork(), IDLE)), when);
            if crowd.profile != Profile::TcpOnly {
                let when = late(random);
                world.invite(Box::new(crowd.visitor(web::Kind::Newcomer, random)), when);
            }
        }
        let rest = crowd.places >= 50 && (way != Way::Gently || random.one_in(2));
        for _ in 0..if rest { 3 } else { 0 } {
            for kind in [upper::Kind::Rests, upper::Kind::Silent] {
                world.invite(Box::new(crowd.shouter(kind, random)), Duration::ZERO);
            }
            for kind in [web::Kind::Rests, web::Kind::Silent] {
                if crowd.profile != Profile::TcpOnly {
                    world.invite(Box::new(crowd.visitor(kind, random)), Duration::ZERO);
                }
            }
            if way != Way::Gently {
                world.invite(Box::new(crowd.shouter(upper::Kind::Stuck, random)), Duration::ZERO);
                if crowd.profile != Profile::TcpOnly {
                    world.invite(Box::new(crowd.visitor(web::Kind::Stuck, random)), Duration::ZERO);
                }
            }
        }
    }
}
