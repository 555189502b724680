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
mod loopback;
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

/// The seed that the environment asks for.
fn asked_seed() -> Option<u64> {
    std::env::var("SHOUTD_SEED").ok().map(|seed| seed.parse().expect("SHOUTD_SEED is a number"))
}

fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    now.as_nanos() as u64 % 1_000_000_000
}

#[test]
fn simulation() {
    if let Some(seed) = asked_seed() {
        env_logger::init(); // RUST_LOG=shoutd=trace,simulation=trace tells everything
        return run(seed);
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

#[test]
fn the_real_kernel_is_like_the_simulated_one() {
    loopback::run(asked_seed().unwrap_or(1));
}
