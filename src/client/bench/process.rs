//! What a server on this machine has used, and what we have ourselves, from `/proc` and the CPU clocks.
//!
//! Everything here can be read without privilege. System calls can't be counted that way: that takes root,
//! or a tracer that slows the server down, such as `strace -c -f -p PID`.

use super::internal;
use crate::client::trouble::Trouble;
use crate::sys;
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::fs;
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerCost {
    /// Its process id.
    pub pid: u32,
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
    /// The most there ever were (VmHWM).
    pub resident_peak: u64,
    /// Threads at the end.
    pub threads: usize,
}

/// What both sides have cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Wall time between the two readings.
    pub elapsed: Duration,
    /// Replies between them: reading many threads takes a while, which is not measured otherwise.
    pub operations: u64,
    /// The server, where it is known and still runs.
    pub server: Option<ServerCost>,
    /// Our own CPU time.
    pub client: Duration,
}

/// The readings at the start.
#[derive(Debug)]
pub struct Snapshots {
    pid: Option<u32>,
    first: Option<First>,
}

#[derive(Debug)]
struct First {
    at: Instant,
    operations: u64,
    server: Option<Server>,
    own: Duration,
}

impl Snapshots {
    /// For a server of this process id. Fails where there is no such process.
    pub fn new(pid: Option<u32>) -> Result<Snapshots, Trouble> {
        if let Some(pid) = pid {
            read(pid)?;
        }
        Ok(Snapshots { pid, first: None })
    }

    /// Takes the first reading, so many replies having come. Returns how long it took.
    pub fn first(&mut self, operations: u64) -> Result<Duration, Trouble> {
        let at = Instant::now();
        let own = own_cpu();
        let server = self.pid.map(read).transpose()?;
        self.first = Some(First { at, operations, server, own });
        Ok(at.elapsed())
    }

    /// Whether that has been done.
    pub fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Measuring has ended, so many replies having come.
    pub fn last(&self, operations: u64) -> Costs {
        let client = own_cpu();
        let Some(First { at, operations: before, server, own }) = &self.first else {
            return Costs { elapsed: Duration::ZERO, operations, server: None, client };
        };
        let elapsed = at.elapsed();
        let operations = operations - before;
        let after = self.pid.and_then(|pid| read(pid).ok());
        let cost = match (self.pid, server, &after) {
            (Some(pid), Some(before), Some(after)) => Some(between(pid, before, after)),
            _ => None,
        };
        Costs { elapsed, operations, server: cost, client: client.saturating_sub(*own) }
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
        pid,
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
            "--pid is the server's process id on this machine: pgrep or ps tell it.",
        )
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| gone())?;
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
        let mut snapshots = Snapshots::new(Some(std::process::id())).unwrap();
        snapshots.first(0).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            std::hint::black_box(start);
        }
        let costs = snapshots.last(0);
        let server = costs.server.unwrap();
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
        assert!(Snapshots::new(Some(u32::MAX)).is_err());
    }
}
