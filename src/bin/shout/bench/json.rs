//! The result for programs: one JSON object on one line.

use super::failure::Kind;
use super::outcome::Outcome;
use super::plan::{End, Service};
use serde_json::{Map, Value, json};

/// The line, its end included.
pub fn line(outcome: &Outcome) -> String {
    let (plan, tally) = (&outcome.plan, &outcome.tally);
    let is_udp = plan.service == Service::Udp;
    let (seconds, count) = match plan.end {
        End::After(duration) => (Some(duration.as_secs_f64()), None),
        End::Count(count) => (None, Some(count)),
    };
    let errors: Map<String, Value> =
        Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), tally.failures.of(kind).into())).collect();
    let absences: Vec<Value> = outcome.times.absences.iter().map(|(from, to)| {
        json!({ "from": rounded(from.as_secs_f64(), 6), "to": rounded(to.as_secs_f64(), 6) })
    }).collect();
    let value = json!({
        "service": plan.service.name(),
        "target": plan.target,
        "version": env!("CARGO_PKG_VERSION"),
        "parameters": {
            "connections": plan.connections,
            "size": (plan.service != Service::Http).then_some(plan.size),
            "pipeline": if is_udp { 1 } else { plan.depth },
            "window": is_udp.then_some(plan.depth),
            "rate": plan.rate,
            "reconnect": plan.reconnect,
            "seconds": seconds,
            "count": count,
            "status": plan.status,
        },
        "seconds": rounded(outcome.times.elapsed.as_secs_f64(), 6),
        "operations": tally.operations,
        "throughput": rounded(outcome.throughput(), 1),
        "bytes_sent": tally.bytes_sent,
        "bytes_received": tally.bytes_received,
        "errors": errors,
        "statuses": tally.failures.statuses().iter().map(|(status, count)| (status.to_string(), (*count).into()))
            .collect::<Map<String, Value>>(),
        "repeated": tally.repeated,
        "under_way": tally.under_way,
        "lost": tally.lost,
        "reordered": tally.reordered,
        "duplicated": tally.duplicated,
        "latency_us": {
            "count": tally.latency.len(),
            "mean": (!tally.latency.is_empty()).then(|| rounded(tally.latency.mean() / 1e3, 3)),
            "p50": outcome.quantile(0.5),
            "p90": outcome.quantile(0.9),
            "p99": outcome.quantile(0.99),
            "p999": outcome.quantile(0.999),
            "max": outcome.quantile(1.0),
        },
        "from_intended_time": plan.rate.is_some(),
        "gone_after_seconds": outcome.times.gone.map(|(at, _)| rounded(at.as_secs_f64(), 6)),
        "absences": absences,
        "server": server(outcome),
        "client": {
            "cpu_seconds": rounded(outcome.costs.client.as_secs_f64(), 6),
            "busy": rounded(outcome.client_busy(), 4),
            "limit": outcome.client_is_the_limit(),
        },
        "reduced": outcome.reduced,
    });
    format!("{value}\n")
}

fn server(outcome: &Outcome) -> Value {
    let Some(cost) = &outcome.costs.server else { return Value::Null };
    json!({
        "pids": cost.pids,
        "cpu_seconds": rounded(cost.cpu.as_secs_f64(), 6),
        "cpu_seconds_per_million": outcome.cpu_per_million().map(|cpu| rounded(cpu, 4)),
        "voluntary_switches": cost.voluntary,
        "involuntary_switches": cost.involuntary,
        "switches_per_operation": outcome.switches_per_operation().map(|switches| rounded(switches, 6)),
        "resident_bytes": cost.resident,
        "resident_peak_bytes": cost.resident_peak,
        "threads": cost.threads,
        // Nothing that we have counts them: see process.rs.
        "system_calls": null,
    })
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
