//! A program of the drivers: `serve threads`, `serve pool` and `serve one`, with the options of `shoutd`.
//!
//! It prints the same lines as `shoutd`, so that whatever starts the one can start the other.

use crate::drivers::{self, Driver, Model};
use clap::{Arg, value_parser};
use log::{error, warn};
use shoutd::cli::{self, Options};
use shoutd::server::{announcement, outlive_file_limit};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Threads of the pool, unless said otherwise. They sleep most of the time, so it isn't the number of cores that
/// counts but that of clients at once; 256 is what Apache's prefork model allows.
const WORKERS: usize = 256;

/// Serves as `arguments` say, of which the first is the program's name. Exit status as that of `shoutd`.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let model = Arg::new("model").required(true).value_parser(["threads", "pool", "one"]);
    let workers =
        Arg::new("workers").long("workers").value_name("N").value_parser(value_parser!(u16).range(1..));
    let command = cli::command()
        .name("serve")
        .about("Serves what shoutd serves, with threads in place of the event loop")
        .mut_arg(cli::DIR, |directory| directory.index(2))
        .arg(
            model
                .index(1)
                .help("Who serves a connection: a thread of its own, one of a pool, the only one there is"),
        )
        .arg(workers.help(format!("Threads of the pool, and so clients at once [default: {WORKERS}]")));
    let matches = command.get_matches_from(arguments);
    let mut options = Options::of(&matches);
    start_log(options.log.as_deref());
    if options.config.access_log.take().is_some() {
        options.config.http_options.logged = false;
        warn!("there is no access log here: only the event loop keeps one");
    }
    let model = match matches.get_one::<String>("model").map(String::as_str) {
        Some("pool") => {
            Model::Pool { workers: matches.get_one::<u16>("workers").map_or(WORKERS, |&n| n.into()) }
        }
        Some("one") => Model::One,
        _ => Model::Threads,
    };
    let driver = match drivers::bind(model, &options.config) {
        Ok(driver) => driver,
        Err(error) => {
            error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let result = outlive_file_limit().and_then(|()| stop_on_signals(&driver)).and_then(|()| {
        // That nobody reads it is no reason not to serve.
        let mut stdout = io::stdout();
        let _ = stdout.write_all(announcement(driver.listening()).as_bytes()).and_then(|()| stdout.flush());
        shoutd::sys::release_freed_memory();
        shoutd::sys::release_start_up_code();
        driver.run()
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn stop_on_signals(driver: &Driver) -> io::Result<()> {
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::low_level::pipe::register(signal, driver.stopper()?)?;
    }
    Ok(())
}

fn start_log(level: Option<&str>) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log::LevelFilter::Info);
    match level {
        Some(level) => builder.parse_filters(level),
        None => builder.parse_default_env(),
    };
    builder.init();
}
