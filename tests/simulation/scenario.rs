//! One run: a world, a server in it, peers that come and go, and what must hold.

use crate::kernel::Simulated;
use crate::peers::datagrams::Caller;
use crate::peers::web::{self, Files, SHRINKING, Visitor};
use crate::peers::{upper, upper::Shouter};
use crate::random::Random;
use crate::world::{Hostility, Peer, Shared, What, World};
use shoutd::event_loop::answers::Answers;
use shoutd::event_loop::listener::{Listener, Service};
use shoutd::event_loop::udp::Udp;
use shoutd::event_loop::{EventLoop, Ring};
use shoutd::kernel::Kernel;
use shoutd::limits::Limits;
use shoutd::session::http::HttpOptions;
use shoutd::session::upper::UpperOptions;
use shoutd::site::Site;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// When all peers must be done.
const END: Duration = Duration::from_secs(400);

pub struct Scenario {
    world: Shared,
    event_loop: EventLoop<Simulated, Site>,
    limits: Limits,
    bell: usize,
    /// Sockets that are there before anybody comes.
    base: usize,
    /// Random numbers of the peers to come.
    random: Random,
    listeners: [usize; 2],
    udp: usize,
    files: Files,
    folder: Folder,
}

/// A directory for the site, removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(seed: u64, files: &Files) -> Folder {
        let path = std::env::temp_dir().join(format!("shoutd-simulation-{}-{seed}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        for (name, content) in files.iter() {
            std::fs::write(path.join(&name[1..]), content).expect("a file");
        }
        std::fs::write(path.join(&SHRINKING[1..]), vec![b's'; 90_000]).expect("a file");
        Folder(path)
    }
}

impl Scenario {
    pub fn of(seed: u64) -> Scenario {
        let mut random = Random::new(seed);
        let hostile = random.one_in(2);
        let rarely = |random: &mut Random, of: &[usize]| if hostile { random.pick(of) } else { 0 };
        let hostility = Hostility {
            interrupted: rarely(&mut random, &[0, 10, 100]),
            short_send: random.pick(&[0, 3, 50]),
            shortage: rarely(&mut random, &[0, 300, 3000]),
            strange_accept: rarely(&mut random, &[0, 10, 100]),
            strange_datagram: rarely(&mut random, &[0, 10]),
            spurious: random.pick(&[0, 5, 50]),
            descriptors: if hostile { random.pick(&[20, usize::MAX]) } else { usize::MAX },
        };
        let cost = Duration::from_nanos(random.pick(&[1000, 10_000, 40_000]));
        let limits = Limits {
            connections: random.pick(&[2, 30, usize::MAX, usize::MAX, usize::MAX]),
            memory: random.pick(&[256 * 1024, 32 << 20, 32 << 20]),
            events: random.pick(&[4, 64, 512]),
            buffer: random.pick(&[20_000, 64 * 1024]),
            accepts: random.pick(&[1, 64]),
            ..Limits::default()
        };
        let files: Files = Rc::new(vec![
            ("/a.txt", random.bytes(80)),
            ("/page.html", random.bytes(10_000)),
            ("/large.bin", random.bytes(90_000)),
        ]);
        let folder = Folder::new(seed, &files);
        let mut world = World::new(random.fork(), hostility, cost);
        world.scarce = limits.memory < 1 << 20;
        let world = Rc::new(RefCell::new(world));
        let mut kernel = Simulated { world: world.clone() };
        let now = kernel.now();
        let site = Site::in_directory(&folder.0, false, &now).expect("a site");
        let what = |what| world.borrow_mut().add(what);
        let listener = || What::Listener { backlog: VecDeque::new(), closed: false };
        let listeners = [what(listener()), what(listener())];
        let udp = what(What::Datagrams { incoming: VecDeque::new(), outgoing: Vec::new() });
        let bell = what(What::Bell(Vec::new()));
        let handles = [listeners[0], listeners[1], udp, bell].map(|socket| kernel.handle(socket));
        let mut event_loop = EventLoop::new(kernel, site, limits);
        let [tcp, http, datagrams, ringer] = handles;
        let options = UpperOptions { idle: upper::IDLE, read: limits.buffer, ..UpperOptions::default() };
        event_loop.add_listener(Listener::new(tcp, Service::Upper(Arc::new(options)))).unwrap();
        let options =
            HttpOptions { keep_alive: web::KEEP_ALIVE, close_on_error: false, upper: true, logged: false };
        event_loop.add_listener(Listener::new(http, Service::Http(Arc::new(options)))).unwrap();
        event_loop.add_udp(Udp::new(datagrams, Answers::new(vec![], false, &now))).unwrap();
        event_loop.add_bell(ringer, Ring::Stop).unwrap();
        Scenario { world, event_loop, limits, bell, base: 4, random, listeners, udp, files, folder }
    }

    pub fn run(mut self) -> String {
        self.crowd();
        self.world.borrow_mut().end_after(END);
        let shrink_at = Duration::from_millis(self.random.range(1, 3000) as u64);
        let mut turns = 0_u64;
        let mut shrunk = false;
        while !self.world.borrow().is_over {
            assert!(self.event_loop.turn().expect("polling works"), "it ends, and nobody asked for that");
            turns += 1;
            assert!(self.event_loop.held() <= self.limits.memory, "more memory is held than there may be");
            if !shrunk && self.world.borrow().now > shrink_at {
                shrunk = true;
                std::fs::write(self.folder.0.join(&SHRINKING[1..]), b"short").expect("a file");
                std::fs::write(self.folder.0.join("_redirects"), b"/old /a.txt\n").expect("a file");
            }
        }
        self.everybody_is_done();
        let (longest, most) = (self.world.borrow().longest_lap, self.longest_lap());
        assert!(longest < most, "a turn of the loop took {longest:?}, and should take {most:?} at most");
        assert_eq!(self.event_loop.connections(), 0, "connections are left");
        assert_eq!(self.world.borrow().open_sockets(), self.base, "sockets are left");
        assert_eq!(self.event_loop.held(), 0, "memory is left");
        self.stop();
        let world = self.world.borrow();
        format!(
            "{:.0} simulated seconds, {} events, {} faults, {turns} turns, the longest {:?}",
            world.now.as_secs_f64(),
            world.events,
            world.faults,
            world.longest_lap
        )
    }

    /// Everybody who comes, at times of their own.
    fn crowd(&mut self) {
        let places = self.limits.connections.min(self.world.borrow().hostility.descriptors);
        let busy = self.random.pick(&[0, 5, 300]).min(places);
        let others = self.random.pick(&[5, 60, 200]).min(places.saturating_mul(2));
        let [tcp, http] = self.listeners;
        let mut peers: Vec<(Box<dyn Peer>, u64)> = Vec::new();
        for _ in 0..busy {
            let shouter = Shouter::new(upper::Kind::Busy, self.random.fork(), tcp);
            peers.push((Box::new(shouter), self.random.range(0, 100) as u64));
        }
        for _ in 0..others {
            let upper = self.random.pick(&upper::KINDS);
            let web = self.random.pick(&web::KINDS);
            // A newcomer has a claim to be heard soon only where there are places for all.
            let web = if web == web::Kind::Newcomer && !self.is_roomy() { web::Kind::Asks } else { web };
            let when = self.random.range(0, 3000) as u64;
            let takes_long = matches!(upper, upper::Kind::Slow | upper::Kind::Stuck | upper::Kind::Silent);
            if places >= 30 || !takes_long {
                peers.push((Box::new(Shouter::new(upper, self.random.fork(), tcp)), when));
            }
            let visitor = Visitor::new(web, self.random.fork(), http, &self.files);
            peers.push((Box::new(visitor), self.random.range(0, 3000) as u64));
        }
        for number in 0..self.random.pick(&[0, 3, 20]) {
            let caller = Caller::new(self.random.fork(), self.udp, number);
            peers.push((Box::new(caller), self.random.range(0, 3000) as u64));
        }
        let mut world = self.world.borrow_mut();
        for (peer, after) in peers {
            world.invite(peer, Duration::from_millis(after));
        }
    }

    /// How long a turn of the loop may take: both laps, those who are due, and the first turns of newcomers.
    fn longest_lap(&self) -> Duration {
        2 * self.limits.lap + self.world.borrow().cost * 2000
    }

    fn is_roomy(&self) -> bool {
        let world = self.world.borrow();
        self.limits.connections > 1000
            && world.hostility.descriptors > 1000
            && world.hostility.shortage == 0
            && world.hostility.strange_accept == 0
    }

    fn everybody_is_done(&self) {
        let world = self.world.borrow();
        let unfinished: Vec<String> =
            world.peers.iter().flatten().filter(|peer| !peer.is_done()).map(|peer| peer.story()).collect();
        assert!(unfinished.is_empty(), "{} are not done: {unfinished:#?}", unfinished.len());
    }

    /// The end, with some who wait for replies.
    fn stop(&mut self) {
        let [tcp, http] = self.listeners;
        let mut peers: Vec<Box<dyn Peer>> = Vec::new();
        for _ in 0..10 {
            peers.push(Box::new(Shouter::short(self.random.fork(), tcp)));
            peers.push(Box::new(Visitor::new(web::Kind::Newcomer, self.random.fork(), http, &self.files)));
        }
        {
            let mut world = self.world.borrow_mut();
            world.hostility = Hostility { descriptors: usize::MAX, ..Hostility::default() };
            world.peers.clear();
            for peer in peers {
                world.invite(peer, Duration::ZERO);
            }
            let bell = self.bell;
            world.ring_later(bell, Duration::from_micros(self.random.range(1, 2000) as u64));
            world.end_after(Duration::from_secs(60));
        }
        let begun = self.world.borrow().now;
        while self.event_loop.turn().expect("polling works") {
            assert!(!self.world.borrow().is_over, "it doesn't end");
        }
        let took = self.world.borrow().now - begun;
        assert!(took < self.limits.drain + Duration::from_secs(1), "the end took {took:?}");
    }
}
