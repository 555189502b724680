//! The values of options, for both programs: addresses, durations, and what follows a TCP address.

use crate::limits;
use crate::session::upper::UpperOptions;
use crate::slips::did_you_mean;
use crate::sockets::Place;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The options of a TCP listener.
const LISTENER_OPTIONS: [&str; 5] = ["read", "repeat", "delay", "messages", "idle"];

/// The levels of the log.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// How an address is written; `PORT` comes behind it.
const USAGE: &str = "an address is IP:PORT, [IPv6]:PORT, NAME:PORT, :PORT (every interface)";

/// Reads `IP:PORT`, `[IPv6]:PORT`, `NAME:PORT`, `:PORT` (every interface) or `PORT` (loopback). A name isn't
/// looked up here.
pub fn address(text: &str) -> Result<Place, String> {
    let usage = || format!("{USAGE} or PORT (loopback)");
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(usage());
        }
        text.parse::<u16>().map_err(|_| format!("{text} is not a port: they go from 0 to 65535"))
    };
    let at = |ip: IpAddr, port: u16| Ok(SocketAddr::from((ip, port)).into());
    match text.rsplit_once(':') {
        None => at(Ipv4Addr::LOCALHOST.into(), port(text)?),
        Some(("", after)) => at(Ipv6Addr::UNSPECIFIED.into(), port(after)?),
        Some((before, after)) => match (port(after)?, text.parse::<SocketAddr>()) {
            (_, Ok(address)) => Ok(address.into()),
            (port, Err(_)) if is_name(before) => Ok(Place::Name(before.to_owned(), port)),
            _ => Err(usage()),
        },
    }
}

/// Whether a word can be the name of a host (RFC 1123 section 2.1). A last part that is a number makes it an
/// IPv4 address to the resolver, in a form that hardly anybody means: `1.2.3` is 1.2.0.3 (inet_aton(3)).
fn is_name(word: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed) && !label.starts_with('-')
    };
    let mut labels = word.strip_suffix('.').unwrap_or(word).split('.');
    let last = labels.clone().next_back().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    word.len() <= 253 && labels.all(is_label) && !is_number
}

/// Reads what [`address`] reads, or `unix:PATH`.
pub fn http_listener(text: &str) -> Result<Place, String> {
    match text.strip_prefix("unix:") {
        Some("") => Err("a Unix socket is unix:PATH".to_owned()),
        Some(path) => Ok(Place::Unix(path.into())),
        None => address(text).map_err(|error| {
            if error.starts_with(USAGE) { format!("{USAGE}, PORT (loopback) or unix:PATH") } else { error }
        }),
    }
}

/// Reads `500ms`, `5s`, `10m` or `1h`; a bare `0` needs no unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if number == "0" => 1,
        _ => return Err("a duration is a number and a unit: 500ms, 5s, 10m".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "a duration is a number and a unit: 500ms, 5s, 10m".to_owned())?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| "that is too long".to_owned())
}

/// Reads a size in bytes: `512k` (KiB), `32m` (MiB), `1g` (GiB) or a plain number; at least 256 KiB, as one
/// connection alone may need half of that.
pub fn size(text: &str) -> Result<usize, String> {
    const LEAST: usize = 256 * 1024;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let usage = || "a size is a number and a unit: 512k, 32m, 1g".to_owned();
    let bytes: usize = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(usage()),
    };
    let number: usize = number.parse().map_err(|_| usage())?;
    match number.checked_mul(bytes) {
        None => Err("that is too much".to_owned()),
        Some(size) if size < LEAST => Err("it must be at least 256k".to_owned()),
        Some(size) => Ok(size),
    }
}

/// Reads a duration that isn't zero.
pub fn patience(text: &str) -> Result<Duration, String> {
    duration(text)
        .and_then(|time| if time.is_zero() { Err("it must be more than zero".to_owned()) } else { Ok(time) })
}

/// Reads `ADDR[,OPTION=VALUE]…`.
pub fn tcp_listener(text: &str) -> Result<(Place, UpperOptions), String> {
    let mut parts = text.split(',');
    let address = address(parts.next().unwrap_or_default())?;
    let mut options = UpperOptions::default();
    for part in parts {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not OPTION=VALUE"))?;
        let in_option = |error: String| format!("{name}: {error}");
        match name {
            "read" => options.read = count(value, limits::BUFFER as u64).map_err(in_option)? as usize,
            "repeat" => options.repeat = count(value, u64::MAX).map_err(in_option)?,
            "messages" => options.messages = Some(count(value, u64::MAX).map_err(in_option)?),
            "delay" => options.delay = duration(value).map_err(in_option)?,
            "idle" => options.idle = duration(value).map_err(in_option)?,
            _ => {
                return Err(format!(
                    "{name:?} is not an option of a listener; they are read, repeat, delay, messages and idle{}",
                    did_you_mean(name, LISTENER_OPTIONS)
                ));
            }
        }
    }
    Ok((address, options))
}

/// Checks a level, or a list of levels and `MODULE=LEVEL`, as RUST_LOG has them.
pub fn log_filter(text: &str) -> Result<&str, String> {
    text.split(',').try_for_each(log_directive).map(|()| text)
}

/// Checks one part of such a list. (env_logger leaves out what it doesn't understand, or takes it for the
/// name of a module.)
pub fn log_directive(part: &str) -> Result<(), String> {
    let (module, level) = part.split_once('=').map_or((None, part), |(module, level)| (Some(module), level));
    let is_level = level.trim().parse::<log::LevelFilter>().is_ok();
    let is_ours = |name: &str| name == "shoutd" || name.starts_with("shoutd::");
    let is_understood = match module {
        Some(module) => is_level && !module.trim().is_empty(),
        None => is_level || is_ours(part.trim()),
    };
    if is_understood {
        return Ok(());
    }
    let meant = did_you_mean(level.trim(), LEVELS);
    Err(format!("{part:?} is not a level: they are error, warn, info, debug, trace and off{meant}"))
}

/// Reads what a flag may be set to in the environment. (clap has a parser for that, of 20 KB.)
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it is 1 or 0, true or false, yes or no, on or off".to_owned()),
    }
}

/// Reads a number of at least 1.
pub fn positive(text: &str) -> Result<usize, String> {
    count(text, u64::MAX)
        .and_then(|number| usize::try_from(number).map_err(|_| "that is too many".to_owned()))
}

fn count(text: &str, most: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ if most == u64::MAX => Err("must be a number of at least 1".to_owned()),
        _ => Err(format!("must be a number from 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("127.0.0.1:12000", "127.0.0.1:12000"),
            ("[::1]:80", "[::1]:80"),
            (":8080", "[::]:8080"),
            ("8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:65535", "0.0.0.0:65535"),
            ("localhost:80", "localhost:80"),
            ("www.example.org.:0", "www.example.org.:0"),
            ("4u:80", "4u:80"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(expected));
        }
        let long = format!("{}.example:80", "x".repeat(64));
        for bad in [
            "",
            ":",
            "localhost",
            "localhost:",
            "localhost:http",
            "65536",
            ":65536",
            "1.2.3:80",
            "1:80",
            "0x7f.0x1:80",
            "a.1:80",
            "1.2.3.4.5:80",
            "256.0.0.1:80",
            "::1:80",
            "1.2.3.4:+5",
            "[::1]",
            "[localhost]:80",
            "-1",
            "-x:80",
            "a b:80",
            "a..b:80",
            ".:80",
            "*:80",
            "http://localhost:80",
            "localhost:80/",
            "bücher.example:80",
            &long,
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_http_listener_names_all_that_is_right() {
        assert!(http_listener("localhost").unwrap_err().ends_with("PORT (loopback) or unix:PATH"));
        assert!(address("localhost").unwrap_err().ends_with("or PORT (loopback)"));
        assert_eq!(http_listener("65536"), Err("65536 is not a port: they go from 0 to 65535".to_owned()));
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("500ms", 500), ("5s", 5000), ("10m", 600_000), ("2h", 7_200_000), ("0", 0), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for bad in
            ["", "5", "s", "1.5s", "-1s", "5 s", "5d", "99999999999999999999s", "18446744073709551615m"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("512k", 512 << 10), ("32m", 32 << 20), ("1G", 1 << 30), ("262144", 1 << 18)] {
            assert_eq!(size(text), Ok(bytes));
        }
        for bad in ["", "k", "0", "255k", "1.5m", "-1m", "1t", "32 m", "99999999999999999999", "99999999999g"]
        {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn levels_and_filters() {
        for good in ["info", "TRACE", "off", "shoutd=debug", "warn,shoutd::event_loop=trace", "shoutd"] {
            assert_eq!(log_filter(good), Ok(good));
        }
        for bad in [
            "",
            "loud",
            "shoutd=loud",
            "info,",
            "debg",
            "shoutdebug",
            "shoutd:debug",
            "=debug",
            "shoutd=",
            "noise",
        ] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
        assert!(log_filter("warn,debgu").unwrap_err().ends_with("; did you mean debug?"));
        assert!(log_filter("shoutd=lound").unwrap_err().ends_with(" and off"));
    }

    #[test]
    fn listeners_with_options() {
        let (address, options) =
            tcp_listener("127.0.0.1:12005,read=5,repeat=1000,delay=5s,messages=2,idle=0").unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:12005");
        let expected = UpperOptions {
            read: 5,
            repeat: 1000,
            delay: Duration::from_secs(5),
            messages: Some(2),
            idle: Duration::ZERO,
        };
        assert_eq!(options, expected);
        assert_eq!(tcp_listener("12000").unwrap().1, UpperOptions::default());
        for bad in [
            "1,read=0",
            "1,read=65537",
            "1,repeat=0",
            "1,messages=0",
            "1,read",
            "1,speed=3",
            "1,",
            "1,delay=5",
            ",read=5",
        ] {
            assert!(tcp_listener(bad).is_err(), "{bad}");
        }
    }
}
