//! One run: a world, a server in it, peers that come and go, and what must hold in the end.

use crate::checks::{Checks, IDLE};
use crate::crowd::Crowd;
use crate::folder::{Folder, LogReader};
use crate::kernel::Simulated;
use crate::peers::requests::Files;
use crate::random::Random;
use crate::world::{Hostility, Outage, Post, Shared, What, World};
use rustix::io::Errno;
use shoutd::access_log::{AccessLog, Destination};
use shoutd::event_loop::answers::Answers;
use shoutd::event_loop::listener::{Listener, Service};
use shoutd::event_loop::udp::Udp;
use shoutd::event_loop::{EventLoop, Ring};
use shoutd::kernel::Kernel;
use shoutd::limits::{self, Limits};
use shoutd::session::http::HttpOptions;
use shoutd::session::upper::UpperOptions;
use shoutd::site::Site;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// When all peers must be done.
const END: Duration = Duration::from_secs(400);

/// How long nobody comes after that.
const QUIET: Duration = Duration::from_secs(20);

/// How long HTTP lets a connection rest.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

pub struct Scenario {
    pub world: Shared,
    pub event_loop: EventLoop<Simulated, Site>,
    pub limits: Limits,
    pub crowd: Crowd,
    pub bell: usize,
    /// Random numbers of the peers to come.
    pub random: Random,
    folder: Folder,
    pub log: Option<LogReader>,
}

/// What a run is about, so that a few seeds have some of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Mixed,
    /// Nobody asks for HTTP, and buffers may be tiny.
    TcpOnly,
    /// Some always have more to say, for ten seconds: the queue is never empty.
    Flooded,
    /// Hundreds are busy at the same time.
    Crowded,
}

impl Profile {
    fn of(seed: u64) -> Profile {
        match seed % 5 {
            2 => Profile::TcpOnly,
            3 => Profile::Flooded,
            4 => Profile::Crowded,
            _ => Profile::Mixed,
        }
    }
}

/// The way that a run's world goes.
fn hostility(random: &mut Random) -> Hostility {
    let is_hostile = random.one_in(2);
    let mut rarely = |of: &[usize]| if is_hostile { random.pick(of) } else { 0 };
    let mut hostility = Hostility {
        interrupted: rarely(&[0, 10, 100]),
        shortage: rarely(&[0, 300, 3000]),
        broken: rarely(&[0, 500]),
        strange_accept: rarely(&[0, 10, 100]),
        unwatched: rarely(&[0, 0, 50]),
        strange_datagram: rarely(&[0, 10]),
        ..Hostility::default()
    };
    hostility.short_send = random.pick(&[0, 3, 50]);
    hostility.full_datagrams = random.pick(&[0, 3, 50]);
    hostility.spurious = random.pick(&[0, 5, 50]);
    hostility.stale = random.pick(&[0, 0, 20]);
    hostility.signals = random.pick(&[None, None, None, Some(Duration::from_millis(30))]);
    hostility.descriptors = if is_hostile { random.pick(&[20, usize::MAX]) } else { usize::MAX };
    let outages = [
        Outage::Accept(Errno::PERM),
        Outage::Accept(Errno::IO),
        Outage::Datagrams(Errno::NOMEM),
        Outage::Datagrams(Errno::IO),
        Outage::Descriptors,
    ];
    if is_hostile && random.one_in(3) {
        let from = Duration::from_millis(random.range(0, 2000) as u64);
        let until = from + Duration::from_millis(random.range(10, 3000) as u64);
        hostility.outage = Some((random.pick(&outages), from, until));
    }
    hostility
}

/// The limits of its server. One that only serves TCP may have buffers that are tiny.
fn limits_of(random: &mut Random, profile: Profile) -> Limits {
    let is_tcp_only = profile == Profile::TcpOnly;
    let buffer = random.pick(if is_tcp_only { &[7, 7, 100, 64 * 1024][..] } else { &[20_000, 64 * 1024] });
    let scarce = 4 * buffer;
    Limits {
        connections: random.pick(&[2, 30, 30, usize::MAX, usize::MAX, usize::MAX]),
        memory: random.pick(&[scarce, scarce, 32 << 20]),
        events: random.pick(&[4, 64, 512]),
        accepts: random.pick(&[1, 64]),
        turn: random.pick(&[16 * 1024, 128 * 1024]),
        buffer,
        ..Limits::default()
    }
}

/// Small ones, which are answered from memory, and one that is sent from the disk.
pub fn files(random: &mut Random) -> Files {
    Rc::new(vec![
        ("/a.txt", random.text(80).plain.to_vec()),
        ("/page.html", random.text(10_000).plain.to_vec()),
        ("/large.bin", random.text(90_000).plain.to_vec()),
    ])
}

impl Scenario {
    pub fn of(seed: u64) -> Scenario {
        let mut random = Random::new(seed);
        let profile = Profile::of(seed);
        let mut hostility = hostility(&mut random);
        let mut limits = limits_of(&mut random, profile);
        let is_loaded = matches!(profile, Profile::Flooded | Profile::Crowded);
        if is_loaded {
            (limits.connections, hostility.descriptors) = (usize::MAX, usize::MAX);
            limits.memory = 32 << 20;
            limits.turn = limits::TURN;
            limits.accepts = limits::ACCEPTS; // one a turn would take long where turns do
        }
        let cost = if is_loaded { 40_000 } else { random.pick(&[1000, 10_000, 40_000]) };
        let cost = Duration::from_nanos(cost);
        let read = if is_loaded { random.pick(&[1000, 2000]) } else { limits.buffer };
        let delay = match limits.buffer {
            1000.. if !is_loaded => Duration::from_millis(random.pick(&[0, 0, 0, 0, 5, 300])),
            _ => Duration::ZERO,
        };
        let late = Duration::from_millis(60) + cost * 7000 + delay;
        let files = files(&mut random);
        let folder = Folder::new(&seed.to_string(), &files);
        let has_listings = profile != Profile::TcpOnly && random.one_in(3);
        if has_listings {
            folder.add_many();
        }
        let is_roomy = limits.connections > 1000
            && hostility.descriptors > 1000
            && hostility.shortage == 0
            && hostility.strange_accept == 0
            && hostility.outage.is_none();
        let places = limits.connections.min(hostility.descriptors);
        let scale = match limits.buffer {
            1000.. if delay.as_millis() > 100 => 10,
            1000.. => 1,
            tiny => 2000 / tiny,
        };
        let crowd = Crowd { profile, is_roomy, places, scale, files };

        let checks = Checks::new(limits, late, delay);
        let world = Rc::new(RefCell::new(World::new(random.fork(), hostility, cost, checks)));
        let mut kernel = Simulated { world: world.clone() };
        let now = kernel.now();
        if is_loaded {
            world.borrow_mut().least_buffer = 40_000;
        }
        let site = Site::in_directory(&folder.site(), has_listings, &now).expect("a site");
        let what = |what| world.borrow_mut().add(what);
        let listener = || What::Listener { backlog: VecDeque::new(), closed: false };
        let listeners = [what(listener()), what(listener())];
        let udp = what(What::Datagrams(Post::default()));
        let bell = what(What::Bell(Vec::new()));
        let sockets = [listeners[0], listeners[1], udp, bell];
        let [tcp, http, datagrams, ringer] = sockets.map(|socket| kernel.handle(socket));
        (world.borrow_mut().listeners, world.borrow_mut().udp) = (listeners, udp);
        let unwatched = std::mem::take(&mut world.borrow_mut().hostility.unwatched);
        let mut event_loop = EventLoop::new(kernel, site, limits);
        let options = UpperOptions { idle: IDLE, read, delay, ..UpperOptions::default() };
        event_loop.add_listener(Listener::new(tcp, Service::Upper(Arc::new(options)))).unwrap();
        let logged = random.one_in(2);
        let log = logged.then(|| {
            let (path, reader) = folder.pipe();
            event_loop.log_to(AccessLog::open(&Destination::File(path)).expect("the reader is there"));
            reader
        });
        let options = HttpOptions { keep_alive: KEEP_ALIVE, close_on_error: false, upper: true, logged };
        event_loop.add_listener(Listener::new(http, Service::Http(Arc::new(options)))).unwrap();
        event_loop.add_udp(Udp::new(datagrams, Answers::new(vec![], false, &now))).unwrap();
        event_loop.add_bell(ringer, Ring::Stop).unwrap();
        world.borrow_mut().hostility.unwatched = unwatched;
        Scenario { world, event_loop, limits, crowd, bell, random, folder, log }
    }

    pub fn run(mut self) -> String {
        self.crowd.comes(&mut self.random, &mut self.world.borrow_mut());
        self.world.borrow_mut().end_after(END);
        let change_at = Duration::from_millis(self.random.range(1, 3000) as u64);
        let mut is_changed = false;
        while !self.world.borrow().is_over {
            assert!(self.turn(), "it ends, and nobody asked for that");
            if !is_changed && self.world.borrow().now > change_at {
                is_changed = true;
                self.folder.change();
            }
        }
        let unfinished = self.world.borrow().unfinished();
        assert!(unfinished.is_empty(), "{} are not done: {unfinished:#?}", unfinished.len());
        self.nothing_is_left();
        self.stop();
        let Scenario { world, event_loop, log, folder, .. } = self;
        drop(event_loop);
        if let Some(log) = log {
            log.end(world.borrow().now, world.borrow().answered);
        }
        drop(folder);
        let world = world.borrow();
        let (seconds, checks) = (world.now.as_secs_f64(), &world.checks);
        format!(
            "{seconds:.0} simulated seconds, {} events, {} faults; {} turns, the longest {:?}, at most {} of them waited for",
            world.events, world.faults, checks.turn, checks.longest_turn, checks.longest_waiting
        )
    }

    /// One turn of the loop, and what must hold after it.
    pub fn turn(&mut self) -> bool {
        let goes_on = self.event_loop.turn().expect("polling works");
        let mut world = self.world.borrow_mut();
        world.checks.turn += 1;
        let held = self.event_loop.held();
        assert!(held <= self.limits.memory, "more memory is held than there may be");
        if world.checks.turn.is_multiple_of(8) {
            let owed = world.owed();
            assert!(owed <= held as u64, "{owed} bytes are owed, and {held} are said to be held");
        }
        if let Some(log) = &mut self.log {
            log.look(world.now, world.answered);
        }
        // Both laps, those who are due, and the first turns of newcomers.
        let (longest, most) = (world.checks.longest_turn, 2 * self.limits.lap + world.cost * 1500);
        assert!(longest < most, "a turn of the loop took {longest:?}, and should take {most:?} at most");
        goes_on
    }

    /// Everybody has left.
    fn nothing_is_left(&mut self) {
        assert_eq!(self.event_loop.connections(), 0, "connections are left");
        assert_eq!(self.world.borrow().open, 4, "sockets are left");
        assert_eq!(self.event_loop.held(), 0, "memory is left");
        let before = {
            let mut world = self.world.borrow_mut();
            world.hostility = Hostility { descriptors: usize::MAX, ..Hostility::default() };
            world.end_after(QUIET);
            world.checks.vain_waits
        };
        while !self.world.borrow().is_over {
            assert!(self.turn(), "it ends, and nobody asked for that");
        }
        let vain = self.world.borrow().checks.vain_waits - before;
        assert!(vain <= 3 + QUIET.as_secs(), "nobody is there, and the loop has woken {vain} times");
    }
}
