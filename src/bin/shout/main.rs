//! The program shout: reads the command line, does it, and says in plain words what went wrong.
//!
//! It is built in rooms, and each knows only those below it (`tests/floors.rs` checks that) and the library, whose `wire`
//! captures and explains packets:
//!
//! | floor | rooms | what |
//! | --- | --- | --- |
//! | 0 | [`output`] | standard output and standard error |
//! | 1 | [`client`] | talks to the three services |
//! | 1 | [`explain`] | shows a capture that someone else took |
//! | 2 | [`bench`](mod@bench) | the load generator |
//! | 2 | [`lab`] | experiments, with the packets that really crossed |
//! | 3 | [`options`], `main` | the command line |

mod bench;
mod client;
mod explain;
mod lab;
mod options;
mod output;

use client::{http, tcp, udp};
use options::{Command, Options};
use output::say;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match &Options::read().command {
        Command::Tcp(options) => tcp::run(options),
        Command::Udp(options) => udp::run(options),
        Command::Http(options) => http::run(options),
        Command::Explain(options) => explain::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Lab(options) => match lab::run(options) {
            Ok(lab::End::Done) => Ok(()),
            Ok(lab::End::Failed) => return ExitCode::FAILURE,
            Ok(lab::End::Usage) => return ExitCode::from(2),
            Err(trouble) => Err(trouble),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) if trouble.is_no_failure() => ExitCode::SUCCESS,
        Err(trouble) => {
            if !trouble.is_told() {
                say(format_args!("shout: {trouble}"));
            }
            ExitCode::FAILURE
        }
    }
}
