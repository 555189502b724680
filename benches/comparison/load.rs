//! The load: the program `shout bench`, its command line, and what it reports.

use crate::child::{self, Interrupted};
use crate::cores::{Side, pinned};
use crate::folder;
use crate::plan::{WAITING_CLIENTS, WAITING_RATE};
use crate::runs::{Load, Run, Service};
use crate::server::Server;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// How much longer than its measured part a run may take: connecting, and a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long, and with which patience.
pub struct Timing {
    /// The measured part.
    pub duration: Duration,
    /// The part before it.
    pub warmup: Duration,
}

/// After which a request counts as failed: later than most runs end, so that waiting is what is measured.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same in the scenarios, where some servers never answer, and that is all there is to find out.
const SHORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Has the load generator do a run against a server. Returns what it reported, as it stands; the error is
/// what it said instead.
pub fn bench(
    run: &Run,
    server: &Server,
    timing: &Timing,
    interrupted: &Interrupted,
) -> Result<Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shout"));
    let address = server.address();
    command.args(["bench", run.service.name()]);
    match run.service {
        Service::Http => command.arg(format!("http://{address}/{}", folder::SMALL)),
        Service::Tcp | Service::Udp => command.arg(address.to_string()).args(["--size", "64"]),
    };
    let connections = match run.load {
        Load::Closed(connections) | Load::Reconnect(connections) | Load::Open { connections, .. } => {
            connections
        }
        Load::Waiting(_) => WAITING_CLIENTS,
    };
    command.args(["--connections", &connections.to_string()]);
    match run.load {
        Load::Closed(_) => {}
        Load::Reconnect(_) => {
            command.arg("--reconnect");
        }
        Load::Open { rate, .. } => {
            command.args(["--rate", &rate.to_string()]);
        }
        Load::Waiting(_) => {
            command.args(["--rate", &WAITING_RATE.to_string()]);
        }
    }
    let timeout = if matches!(run.load, Load::Waiting(_)) { SHORT_TIMEOUT } else { TIMEOUT };
    let milliseconds = |time: Duration| format!("{}ms", time.as_millis());
    command.args(["--duration", &milliseconds(timing.duration), "--warmup", &milliseconds(timing.warmup)]);
    command.args(["--timeout", &milliseconds(timeout), "--pid", &server.pid().to_string(), "--json"]);

    let limit = timing.duration + timing.warmup + timeout + PATIENCE;
    let (status, stdout, stderr) =
        pinned(run.cores, Side::Client, || child::run(command, limit, interrupted))?;
    let report = stdout.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    match report {
        Some(report) => Ok(report),
        None => {
            let said = stderr.lines().find(|line| !line.trim().is_empty());
            let said =
                said.map_or_else(|| format!("it said nothing ({status})"), |line| line.trim().to_owned());
            // With its port in it, every sample would have a failure of its own.
            Err(said.trim_start_matches("shout: ").replace(&address.to_string(), "the server"))
        }
    }
}
