//! The program shout: reads the command line, does it, and says in plain words what went wrong.

use shoutd::client::options::{Command, Options};
use shoutd::client::trouble::say;
use shoutd::client::{bench, http, lab, tcp, udp, wire};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match &Options::read().command {
        Command::Tcp(options) => tcp::run(options),
        Command::Udp(options) => udp::run(options),
        Command::Http(options) => http::run(options),
        Command::Explain(options) => wire::explain::run(options),
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
