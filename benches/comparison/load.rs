//! The load: the program `shout bench`, its command line, and what it reports.

use crate::child::{self, Interrupted};
use crate::cores::{Side, pinned};
use crate::folder;
use crate::plan::{WAITING_CLIENTS, WAITING_RATE};
use crate::runs::{Load, Run, Service};
use crate::samples::Figures;
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

/// After which a request counts as failed: later than any run ends, so that waiting is what is measured.
const TIMEOUT: Duration = Duration::from_secs(5);

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
    let milliseconds = |time: Duration| format!("{}ms", time.as_millis());
    command.args(["--duration", &milliseconds(timing.duration), "--warmup", &milliseconds(timing.warmup)]);
    command.args(["--timeout", &milliseconds(TIMEOUT), "--pid", &server.pid().to_string(), "--json"]);

    let limit = timing.duration + timing.warmup + TIMEOUT + PATIENCE;
    let (status, stdout, stderr) =
        pinned(run.cores, Side::Client, || child::run(command, limit, interrupted))?;
    let report = stdout.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    match report {
        Some(report) => Ok(report),
        None => {
            let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            Err(format!("{} ({status})", said.trim().trim_start_matches("shout: ")))
        }
    }
}

/// The figures of a report. The error says what is wrong with it.
pub fn figures(report: &Value) -> Result<Figures, String> {
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    let operations = number("/operations").ok_or("the load generator's report has no operations")?;
    let failures: u64 =
        report["errors"].as_object().map_or(0, |errors| errors.values().filter_map(Value::as_u64).sum());
    if operations == 0.0 {
        return Err("nobody was answered".to_owned());
    }
    let latency = |name: &str| {
        number(&format!("/latency_us/{name}"))
            .ok_or_else(|| format!("the load generator's report has no {name}"))
    };
    // In a closed loop these are the connections that had no reply for most of the run, as no request
    // is given up before its end. In an open loop everybody's wait is among the latencies.
    let timeouts = report.pointer("/errors/timeout").and_then(Value::as_u64).unwrap_or(0);
    let connections = report.pointer("/parameters/connections").and_then(Value::as_u64).unwrap_or(0);
    Ok(Figures {
        throughput: number("/throughput").ok_or("the load generator's report has no throughput")?,
        p50: latency("p50")?,
        p99: latency("p99")?,
        worst: latency("max")?,
        // Seconds a million are microseconds each.
        cpu: number("/server/cpu_seconds_per_million"),
        switches: number("/server/switches_per_operation"),
        resident: number("/server/resident_bytes"),
        failures,
        starved: u32::try_from(timeouts.min(connections)).unwrap_or(u32::MAX),
        client_limit: report.pointer("/client/limit").and_then(Value::as_bool).unwrap_or(false),
        from_disk: None,
    })
}
