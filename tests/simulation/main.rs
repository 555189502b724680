//! The whole server over a simulated kernel: hundreds of scripted peers, virtual time, and faults that a seed
//! decides.
//!
//! `cargo test --test simulation -- --nocapture` runs some fixed seeds and a fresh one. `SHOUTD_SEED=N` has one
//! run again, event by event; `SHOUTD_SIMULATE=10m` goes on with fresh ones for so long.

mod calls;
mod checks;
mod crowd;
mod ending;
mod folder;
mod kernel;
mod network;
mod peers;
mod pipe;
mod random;
mod scenario;
mod stream;
mod world;

use scenario::Scenario;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seeds that are always run.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;

fn run(seed: u64) {
    let result = catch_unwind(AssertUnwindSafe(|| Scenario::of(seed).run()));
    match result {
        Ok(summary) => println!("seed {seed}: {summary}"),
        Err(panic) => {
            eprintln!("seed {seed} failed; SHOUTD_SEED={seed} has it again");
            resume_unwind(panic);
        }
    }
}

fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    now.as_nanos() as u64 % 1_000_000_000
}

#[test]
fn simulation() {
    if let Ok(seed) = std::env::var("SHOUTD_SEED") {
        env_logger::init(); // RUST_LOG=shoutd=trace tells what the server does
        return run(seed.parse().expect("SHOUTD_SEED is a number"));
    }
    SEEDS.for_each(run);
    let time = std::env::var("SHOUTD_SIMULATE").map_or(Duration::ZERO, |text| {
        shoutd::values::duration(&text).expect("SHOUTD_SIMULATE is a duration such as 10m")
    });
    let end = Instant::now() + time;
    loop {
        run(fresh_seed());
        if Instant::now() >= end {
            return;
        }
    }
}
