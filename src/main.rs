//! The program shoutd: reads the command line, binds, says where it listens, and runs the loop.

use log::{error, warn};
use shoutd::cli::Options;
use shoutd::http::target::Target;
use shoutd::outlet::ServerLog;
use shoutd::server::{Config, Server, outlive_file_limit};
use shoutd::site::redirects::Redirects;
use shoutd::values;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::pipe;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let options = Options::parse();
    let log = start_log(options.log);
    if let Err(error) = outlive_file_limit() {
        warn!("a log that may not grow any more will end the server: {error}");
    }
    let config = options.config;
    let without_http = config.http.is_empty();
    for (option, unused) in [
        ("--root", config.root.is_some() && without_http),
        ("--access-log", config.access_log.is_some() && without_http),
    ] {
        if unused {
            warn!("{option} is not used: no HTTP listener is named (--http ADDR)");
        }
    }
    if config.autoindex && config.root.is_none() {
        warn!("--autoindex is not used: the built-in site has an index (--root DIR)");
    }
    let mut server = match Server::bind(&config) {
        Ok(server) => server,
        Err(error) => {
            error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if lacks_an_index(&config) {
        let root = config.root.as_deref().unwrap_or(Path::new("")).display();
        warn!("{root} has no index.html: / is answered with 404 (--autoindex would list the directory)");
    }
    let result = listen_to_signals(&server, config.access_log.is_some()).and_then(|()| {
        log.into_iter().for_each(|log| server.look_after(log));
        shoutd::sys::release_freed_memory();
        shoutd::sys::release_start_up_code();
        server.announce();
        server.run()
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether somebody who opens the site in a browser would find nothing there.
fn lacks_an_index(config: &Config) -> bool {
    let Some(root) = config.root.as_deref().filter(|_| !config.autoindex && !config.http.is_empty()) else {
        return false;
    };
    let is_file = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if is_file(&root.join("index.html")) {
        return false;
    }
    // The rules may have an answer.
    let rules = root.join("_redirects");
    let rules = if is_file(&rules) { fs::read_to_string(&rules).unwrap_or_default() } else { String::new() };
    match (Redirects::parse(&rules), Target::parse("/")) {
        (Ok(rules), Ok(front)) => rules.find(&front, false).is_none(),
        _ => true,
    }
}

/// SIGTERM and SIGINT each write a byte to the server's bell: the first asks it to stop, the second ends
/// it at once. SIGUSR1 asks for a new file of the access log, and with one so does SIGHUP; without, that does
/// what it always does (signal(7)), so that a server started at a terminal ends with it.
fn listen_to_signals(server: &Server, logs: bool) -> io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, server.stopper()?)?;
    }
    pipe::register(SIGUSR1, server.reopener()?)?;
    if logs {
        pipe::register(SIGHUP, server.reopener()?)?;
    }
    Ok(())
}

/// Logs to stderr: seconds since the start, level, and what happened. `--log` goes before RUST_LOG, which may be
/// meant for others too, so that a mistake in it is no more than told. Nobody has to read it: the loop never waits
/// for stderr, and looks after what it didn't take at once.
fn start_log(level: Option<String>) -> Option<ServerLog> {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let mistake = level.is_none().then(|| values::log_filter(&variable).err()).flatten();
    let mut builder = env_logger::Builder::new();
    builder.filter_level(log::LevelFilter::Info).parse_filters(level.as_deref().unwrap_or(&variable));
    let start = Instant::now();
    builder.format(move |out, record| {
        let since = start.elapsed();
        let (seconds, micros) = (since.as_secs(), since.subsec_micros());
        let level = record.level().as_str().to_ascii_lowercase();
        writeln!(out, "{seconds:3}.{micros:06} {level:5} {}", record.args())
    });
    let log = ServerLog::on_stderr().ok();
    if let Some(log) = &log {
        builder.target(env_logger::Target::Pipe(Box::new(log.clone())));
    }
    builder.init();
    if let Some(mistake) = mistake.filter(|_| !variable.is_empty()) {
        warn!("RUST_LOG is not understood in full: {mistake}");
    }
    log
}
