//! Request targets: what path one stands for, and that a path written into a `Location` is the same again.
//!
//! Input: the target.

use shoutd::http::target::{Refused, Target, encode, is_authority, printable};

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = Target::parse(&text);
    let path = parsed.as_ref().map(|target| target.path.to_vec()).map_err(|refused| *refused);
    if text.starts_with('/') {
        assert_eq!(path, resolved(&text));
        // The absolute form is about the same path.
        let absolute = format!("HTTP://[::1]:80{text}");
        assert_eq!(Target::parse(&absolute), parsed);
    }
    if let Ok(target) = &parsed {
        is_sound(target);
    }
    assert!(!is_authority(&text, true) || is_authority(&text, false), "a port more makes it no better");
    assert!(!printable(&text).to_string().contains(|c: char| c.is_control()));
}

/// The path of a target in origin form, by the simplest means: cut at the slashes, then decode.
fn resolved(text: &str) -> Result<Vec<u8>, Refused> {
    if text.contains('#') {
        return Err(Refused::Malformed);
    }
    let path = text.split('?').next().unwrap();
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        segments.push(decoded(segment.as_bytes()).ok_or(Refused::Malformed)?);
    }
    let is_hidden = |(place, segment): (usize, &Vec<u8>)| {
        segment.contains(&b'/') || (segment.starts_with(b".") && !(place == 0 && segment == b".well-known"))
    };
    if segments.iter().enumerate().any(is_hidden) {
        return Err(Refused::Hidden);
    }
    let mut resolved = [b"/", &segments.join(&b'/')[..]].concat();
    if path.ends_with('/') && !segments.is_empty() {
        resolved.push(b'/');
    }
    Ok(resolved)
}

fn decoded(segment: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        let (byte, length) = match segment[at] {
            b'%' => {
                let digits =
                    segment.get(at + 1..at + 3).filter(|two| two.iter().all(u8::is_ascii_hexdigit))?;
                (u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap(), 3)
            }
            byte => (byte, 1),
        };
        if byte.is_ascii_control() {
            return None;
        }
        decoded.push(byte);
        at += length;
    }
    Some(decoded)
}

fn is_sound(target: &Target) {
    let path = &*target.path;
    assert!(path.starts_with(b"/") && !path.windows(2).any(|two| two == b"//"), "{target:?}");
    assert!(!path.iter().any(u8::is_ascii_control), "{target:?}");

    let written = encode(path).to_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written}");
    assert_eq!(Target::parse(&written).map(|again| again.path.into_owned()), Ok(path.to_vec()));
    let every: String =
        path.iter().map(|&b| if b == b'/' { "/".into() } else { format!("%{b:02x}") }).collect();
    assert_eq!(Target::parse(&every).map(|again| again.path.into_owned()), Ok(path.to_vec()));

    let location = target.location_of_directory();
    assert!(!location.contains(|c: char| c.is_control() || !c.is_ascii()), "{location:?}");
    // It is for a path that lacks its slash.
    if !path.ends_with(b"/") {
        assert!(!location.starts_with("//") && !location.starts_with("/\\"), "{location} names a host");
        let again = Target::parse(&location).expect("our own location");
        assert_eq!(again.path, [path, b"/"].concat());
        assert_eq!(again.query.is_some(), target.query.is_some());
    }
}
