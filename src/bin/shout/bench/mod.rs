//! `shout bench`: a load generator that believes nothing.
//!
//! One thread and one readiness loop hold all connections, as a server would, because ten thousand
//! threads would measure themselves. Every reply is compared with what it has to be, byte for byte.
//!
//! | file | what |
//! | --- | --- |
//! | [`options`], [`plan`] | the command line, and what is to be done |
//! | [`engine`], [`mod@run`], [`ending`] | the loop: events, the schedule, the clock; what it shares; and what is left at its end |
//! | [`crowd`] | what the loop drives, one of the next two |
//! | [`streams`] | TCP connections, each in a [`seat`] and with a [`dialogue`]: [`upper`] or [`web`] with its [`page`] |
//! | [`datagrams`] | UDP sockets, each with a [`window`] of datagrams that have an [`identity`] |
//! | [`pace`] | when the next request is due, closed loop or open |
//! | [`tally`], [`failure`], [`presence`], [`wrong`] | what is counted, what fails, whether the server is there, what ends the run |
//! | [`sockets`] | how they are made |
//! | [`payload`] | the bytes that are sent, and what must come back |
//! | [`process`], [`descriptors`] | what the server costs, and what this machine allows |
//! | [`outcome`], [`verdict`], [`table`], [`json`], [`progress`] | the result, and how it is told |
//!
//! In short: make a [`Plan`], call [`measure`], read the [`Outcome`].

pub mod crowd;
pub mod datagrams;
pub mod descriptors;
pub mod dialogue;
pub mod ending;
pub mod engine;
pub mod failure;
pub mod identity;
pub mod json;
pub mod options;
pub mod outcome;
pub mod pace;
pub mod page;
pub mod payload;
pub mod plan;
pub mod presence;
pub mod process;
pub mod progress;
pub mod run;
pub mod seat;
pub mod sockets;
pub mod streams;
pub mod table;
pub mod tally;
pub mod upper;
pub mod verdict;
pub mod web;
pub mod window;
pub mod wrong;

use datagrams::Datagrams;
use engine::Engine;
use identity::Identity;
use options::Bench;
use outcome::Outcome;
use payload::Payload;
use plan::{Plan, Service};
use progress::Progress;
use shoutd::trouble::{Trouble, plain};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use streams::Streams;
use upper::{Text, Upper};
use web::Web;
use wrong::Wrong;

/// Does what the options say, and prints the result on standard output.
pub fn run(options: &Bench) -> Result<(), Trouble> {
    let plan = options.plan()?;
    // Until the load begins a signal ends the program as any other, as there is nothing to tell yet.
    let stop = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        // The first ends the measuring early. A second one, while the first is being obeyed, kills.
        let registered = flag::register_conditional_default(signal, stop.clone())
            .and_then(|_| flag::register(signal, stop.clone()));
        registered.map_err(|error| internal("a signal handler", &error))?;
    }
    let outcome = measure(&plan, &stop, &mut Progress::on_a_terminal(&plan))?;
    let text = if options.wants_json() { json::line(&outcome) } else { table::table(&outcome) };
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Trouble::output(&error))?;
    verdict::of(&outcome).map_or(Ok(()), Err)
}

/// Measures. `stop` is cleared when the load begins; setting it then ends it early, with what there is until
/// then.
///
/// Fails where nothing worked at all, where a reply is wrong, and where this machine can't provide what
/// is needed. Whether the outcome is a good one is for [`verdict::of`] to say.
pub fn measure(plan: &Plan, stop: &AtomicBool, progress: &mut Progress) -> Result<Outcome, Trouble> {
    let mut plan = plan.clone();
    let mut reduced = Vec::new();
    descriptors::fit(&mut plan, &mut reduced);
    match plan.service {
        Service::Tcp => {
            plan::settle_on_an_address(&mut plan)?;
            let text = Text { payload: Payload::new(plan.size), size: plan.size as u64 };
            Engine::new(&plan, reduced)?.run(&mut Streams::<Upper>::new(&plan, text), stop, progress)
        }
        Service::Udp => {
            plan::settle_on_an_address(&mut plan)?;
            let identity = Identity::new(plan.size);
            datagrams::fit(&mut plan, &identity, &mut reduced);
            Engine::new(&plan, reduced)?.run(&mut Datagrams::new(&plan, identity), stop, progress)
        }
        Service::Http => {
            let page = web::learn(&mut plan)?;
            Engine::new(&plan, reduced)?.run(&mut Streams::<Web>::new(&plan, page), stop, progress)
        }
    }
}

/// A wrong reply as a failure.
fn wrong_reply(plan: &Plan, wrong: &Wrong) -> Trouble {
    Trouble::new(format!("{} answered wrongly: {}", plan.target, wrong.what()), wrong.detail())
}

/// Something that this machine should have provided.
fn internal(what: &str, error: &io::Error) -> Trouble {
    Trouble::new(format!("can't set up {what}: {}", plain(error)), "")
}
