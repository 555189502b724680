//! The whole server over a simulated kernel: hundreds of scripted peers, virtual time, and faults that a seed
//! decides.
//!
//! Simulated are time, and every call of [`shoutd::kernel::Kernel`]: connections with two bounded buffers, edges as
//! epoll(7) gives them, a backlog, urgent data, datagrams, signals. Calls cost time; they are refused, interrupted,
//! or move less than they could, and some fail for a while whatever is tried. Peers ask, wait, drip, stop reading,
//! half-close, reset and vanish, and verify every byte. What must hold all the time is in `checks.rs`, and each
//! run ends with a server that is told to stop.
//!
//! Not simulated: the disk, which is a real folder, the pipe of the access log, segments and what depends on them
//! (MSG_MORE, TCP_CORK), and errors of the calls that return none. `Kernel`'s real half, `linux.rs`, is seen by the
//! second test here, which runs the same scripts over loopback sockets, and by all the other test programs.
//!
//! `cargo test --test simulation -- --nocapture` runs some fixed seeds and a fresh one. `SHOUTD_SEED=N` has one
//! run again, call by call; with `RUST_LOG=shoutd=trace,simulation=trace` it tells everything that happened.
//! `SHOUTD_SIMULATE=10m` goes on with fresh seeds for so long.

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
const SEEDS: std::ops::RangeInclusive<u64> = 1..=30;

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
