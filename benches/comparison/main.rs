//! The event loop and threads, compared.
//!
//! `serve threads|pool|one` with the options of `shoutd` starts the same server with another driver.

#[path = "../drivers/mod.rs"]
mod drivers;
#[path = "../drivers/serve.rs"]
mod serve;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    // cargo bench adds this to whatever is asked for.
    let mut arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench");
    match arguments.next() {
        Some(word) if word == "serve" => serve::run([OsString::from("serve")].into_iter().chain(arguments)),
        Some(_) => {
            eprintln!("usage: cargo bench -- serve threads|pool|one [OPTION]...");
            ExitCode::from(2)
        }
        None => {
            println!("usage: cargo bench -- serve threads|pool|one [OPTION]...");
            ExitCode::SUCCESS
        }
    }
}
