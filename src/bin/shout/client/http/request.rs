//! The head of a request, as every GET and HEAD of shout has it.

use url::{Position, Url};

/// The head of a request for a URL with the user's own fields, which stand in for ours of the same name. `close` asks
/// the server to close the connection behind its response.
pub fn head(method: &str, url: &Url, fields: &[(String, String)], close: bool) -> Vec<u8> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    let given = |name: &str| fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let usual = [("Host", host), ("User-Agent", "shout"), ("Accept", "*/*"), ("Connection", "close")];
    let ours = usual.into_iter().filter(|(name, _)| !given(name) && (close || *name != "Connection"));
    for (name, value) in ours.chain(fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    head.into_bytes()
}

/// Reads `NAME: VALUE`.
pub fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a field is NAME: VALUE")?;
    let value = value.trim();
    let token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token || value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("a field is NAME: VALUE, without control characters".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
