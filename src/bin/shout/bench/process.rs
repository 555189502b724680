//! What a server on this machine has used, and what we have ourselves, from `/proc` and the CPU clocks.
//!
//! Everything here can be read without privilege. System calls can't be counted that way: see
//! [`ServerCost::who_counts_calls`].

use super::internal;
use rustix::process::geteuid;
use rustix::time::{ClockId, clock_gettime};
use shoutd::sys;
use shoutd::trouble::Trouble;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// What a process has used at some time.
#[derive(Clone, Debug)]
struct Server {
    /// CPU time of all its threads, those that have ended included.
    cpu: Duration,
    /// Each thread that lives, by its id.
    threads: HashMap<u32, Thread>,
    resident: u64,
    resident_peak: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    cpu: u64,
    voluntary: u64,
    involuntary: u64,
}

/// What a server has cost between two times.
///
/// Of several processes the figures are sums. So memory that they share counts in each.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerCost {
    /// The ids of its processes.
    pub pids: Vec<u32>,
    /// Those that have ended meanwhile, whose cost is in none of the figures.
    pub ended: Vec<u32>,
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// Context switches because a thread had to wait, of the threads that live at the end.
    pub voluntary: u64,
    /// Context switches because a thread had its time, likewise.
    pub involuntary: u64,
    /// Whether threads that ended meanwhile used so much of the CPU time that their switches are missed.
    pub switches_are_missing: bool,
    /// Bytes of memory in use at the end (VmRSS).
    pub resident: u64,
    /// The most there ever were (VmHWM), each process at its own time.
    pub resident_peak: u64,
    /// Threads at the end.
    pub threads: usize,
}

/// Who could count the system calls of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracer {
    /// We are root: a tracepoint of the kernel, which hardly slows it down, or a tracer.
    Tracepoint,
    /// It has our user: a tracer, which slows it down.
    Strace,
    /// It has another user: only root could.
    OnlyRoot,
}

/// What both sides have cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// Wall time between the two readings.
    pub elapsed: Duration,
    /// Replies between them: reading many threads takes a while, which is not measured otherwise.
    pub operations: u64,
    /// The server, where it is known and still runs.
    pub server: Option<ServerCost>,
    /// Our own CPU time, until measuring ended or the server was gone.
    pub client: Duration,
    /// How long after the first reading that was.
    pub client_elapsed: Duration,
}

/// The readings at the start.
#[derive(Debug)]
pub struct Snapshots {
    pids: Vec<u32>,
    first: Option<First>,
    /// Our own CPU time when a reply had just come, and when that was.
    heard: Option<(Instant, Duration)>,
}

#[derive(Debug)]
struct First {
    at: Instant,
    operations: u64,
    /// One for each process.
    servers: Vec<Server>,
    own: Duration,
}

impl Snapshots {
    /// For a server of these process ids, if any. Fails where there is no such process.
    pub fn new(pids: &[u32]) -> Result<Snapshots, Trouble> {
        let mut pids = pids.to_vec();
        pids.sort_unstable();
        pids.dedup();
        pids.iter().try_for_each(|&pid| read(pid).map(drop))?;
        Ok(Snapshots { pids, first: None, heard: None })
    }

    /// Takes the first reading, so many replies having come. Returns how long it took.
    pub fn first(&mut self, operations: u64) -> Result<Duration, Trouble> {
        let at = Instant::now();
        let own = own_cpu();
        let servers = self.pids.iter().map(|&pid| read(pid)).collect::<Result<_, _>>()?;
        self.first = Some(First { at, operations, servers, own });
        Ok(at.elapsed())
    }

    /// Whether that has been done.
    pub fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// A reply has just come: if it is the last one, what we do from now on is waiting for a server that is gone.
    pub fn heard(&mut self) {
        self.heard = Some((Instant::now(), own_cpu()));
    }

    /// Measuring has ended, so many replies having come, and the server being gone or not.
    pub fn last(&self, operations: u64, is_gone: bool) -> Costs {
        let now = (Instant::now(), own_cpu());
        let Some(First { at, operations: before, servers, own }) = &self.first else {
            let (elapsed, client_elapsed) = (Duration::ZERO, Duration::ZERO);
            return Costs { elapsed, operations, server: None, client: now.1, client_elapsed };
        };
        let elapsed = now.0 - *at;
        let (until, client) = self.heard.filter(|_| is_gone).unwrap_or(now);
        let operations = operations - before;
        let mut ended = Vec::new();
        let mut server: Option<ServerCost> = None;
        for (&pid, before) in self.pids.iter().zip(servers) {
            match read(pid) {
                Ok(after) => {
                    let cost = between(pid, before, &after);
                    server = Some(server.map_or(cost.clone(), |sum| sum.and(&cost)));
                }
                Err(_) => ended.push(pid),
            }
        }
        let server = server.map(|server| ServerCost { ended, ..server });
        let (client, client_elapsed) = (client.saturating_sub(*own), until.saturating_duration_since(*at));
        Costs { elapsed, operations, server, client, client_elapsed }
    }
}

impl ServerCost {
    /// What this and another process have cost together.
    fn and(self, other: &ServerCost) -> ServerCost {
        ServerCost {
            pids: [self.pids, other.pids.clone()].concat(),
            ended: self.ended,
            cpu: self.cpu + other.cpu,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
            switches_are_missing: self.switches_are_missing || other.switches_are_missing,
            resident: self.resident + other.resident,
            resident_peak: self.resident_peak + other.resident_peak,
            threads: self.threads + other.threads,
        }
    }

    /// Who could count its system calls: nobody without a tracepoint or a tracer, and we have neither.
    pub fn who_counts_calls(&self) -> Tracer {
        let us = geteuid();
        let is_ours = |pid: &u32| {
            fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == us.as_raw())
        };
        match (us.is_root(), self.pids.iter().all(is_ours)) {
            (true, _) => Tracer::Tracepoint,
            (false, true) => Tracer::Strace,
            (false, false) => Tracer::OnlyRoot,
        }
    }
}

fn between(pid: u32, before: &Server, after: &Server) -> ServerCost {
    let cpu = after.cpu.saturating_sub(before.cpu);
    let mut sum = Thread::default();
    for (id, now) in &after.threads {
        let then = before.threads.get(id).copied().unwrap_or_default();
        sum.cpu += now.cpu.saturating_sub(then.cpu);
        sum.voluntary += now.voluntary.saturating_sub(then.voluntary);
        sum.involuntary += now.involuntary.saturating_sub(then.involuntary);
    }
    let missing = cpu.saturating_sub(Duration::from_nanos(sum.cpu));
    let ended = before.threads.keys().any(|id| !after.threads.contains_key(id));
    ServerCost {
        pids: vec![pid],
        ended: Vec::new(),
        cpu,
        voluntary: sum.voluntary,
        involuntary: sum.involuntary,
        switches_are_missing: ended || missing > Duration::from_millis(10) + cpu / 20,
        resident: after.resident,
        resident_peak: after.resident_peak,
        threads: after.threads.len(),
    }
}

/// Reads all there is of a process.
fn read(pid: u32) -> Result<Server, Trouble> {
    let gone = || {
        Trouble::new(
            format!("there is no process {pid} to measure"),
            "--pid is the id of a process of the server on this machine: pgrep or ps tell it.",
        )
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| gone())?;
    // It has ended, and its parent hasn't asked for its exit status yet.
    if status.contains("\nState:\tZ") {
        return Err(gone());
    }
    let cpu = sys::cpu_time(pid).map_err(|error| internal("the CPU clock of the server", &error))?;
    let mut threads = HashMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| gone())?.flatten() {
        // It may end at any time.
        let Some(id) = task.file_name().to_str().and_then(|id| id.parse().ok()) else { continue };
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let cpu = fs::read_to_string(task.path().join("schedstat")).ok();
        let cpu = cpu.and_then(|text| text.split(' ').next()?.parse().ok());
        let thread = Thread {
            cpu: cpu.unwrap_or(0),
            voluntary: field(&status, "voluntary_ctxt_switches"),
            involuntary: field(&status, "nonvoluntary_ctxt_switches"),
        };
        threads.insert(id, thread);
    }
    let [resident, resident_peak] = ["VmRSS", "VmHWM"].map(|name| field(&status, name) * 1024);
    Ok(Server { cpu, threads, resident, resident_peak })
}

/// A number of a `status` file (proc_pid_status(5)).
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t42\nVmRSS:\t  2100 kB\n";
        assert_eq!(field(status, "voluntary_ctxt_switches"), 42);
        assert_eq!(field(status, "VmRSS"), 2100);
        assert_eq!(field(status, "VmHWM"), 0);
    }

    #[test]
    fn our_own_cost_is_read_like_that_of_any_process() {
        let mut snapshots = Snapshots::new(&[std::process::id()]).unwrap();
        snapshots.first(0).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(start);
        }
        let costs = snapshots.last(0, false);
        let server = costs.server.clone().unwrap();
        assert!(
            server.cpu >= Duration::from_millis(5) && costs.client >= Duration::from_millis(5),
            "{costs:?}"
        );
        assert!(server.cpu.abs_diff(costs.client) < Duration::from_millis(500), "{costs:?}");
        assert!(server.resident > 100_000 && server.resident_peak >= server.resident, "{costs:?}");
        assert!(server.threads >= 1);
    }

    #[test]
    fn a_process_that_is_not_there_is_told() {
        assert!(Snapshots::new(&[std::process::id(), u32::MAX]).is_err());
    }
}
