//! What a client would rather have: lists with weights (RFC 9110 section 12.4).

/// The fields in which a client says what it can read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepts<'a> {
    /// `Accept-Encoding`; empty if it doesn't say.
    pub encoding: &'a [u8],
    /// `Accept`; empty if it doesn't say.
    pub types: &'a [u8],
}

impl Accepts<'_> {
    /// Whether JSON is wanted rather than a page: it weighs more, or as much and only it is named.
    pub fn prefers_json(&self) -> bool {
        let names = ["application/json", "application/*", "text/html", "text/*", "*/*"];
        let [json, any_application, html, any_text, any] = weights(self.types, names);
        let (json, page, any) = (json.or(any_application), html.or(any_text), any.unwrap_or(0));
        match (json, page) {
            (Some(json), None) => json > 0 && json >= any,
            (Some(json), Some(page)) => json > page,
            (None, _) => false,
        }
    }
}

/// The weights of some names in thousandths, if the list has them; of a name that stands there twice, the first.
/// A weight that can't be read counts as 0. A list may be long, so it is read once, for all names.
pub fn weights<const N: usize>(list: &[u8], names: [&str; N]) -> [Option<u32>; N] {
    let mut found = [None; N];
    for member in list.split(|&byte| byte == b',').filter(|member| !member.is_empty()) {
        let name = match member.iter().position(|&byte| byte == b';') {
            Some(end) => member[..end].trim_ascii(),
            None => member.trim_ascii(),
        };
        let known = names.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some(place) = known
            && found[place].is_none()
        {
            found[place] = Some(weight_of(member));
        }
    }
    found
}

fn weight_of(member: &[u8]) -> u32 {
    let mut parameters = member.split(|&byte| byte == b';').skip(1).map(<[u8]>::trim_ascii);
    let weight = parameters.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
    weight.map_or(1000, thousandths)
}

/// Reads `0.5` (RFC 9110 section 12.4.2): at most three decimals, at most 1.
fn thousandths(text: &[u8]) -> u32 {
    let (whole, decimals) = match text {
        [b'0'] => return 0,
        [b'1'] => return 1000,
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (*whole, decimals),
        _ => return 0,
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = decimals.iter().chain(b"000").take(3);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (u32::from(whole - b'0') * 1000 + fraction).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_preferred_where_it_weighs_more() {
        let prefers = |types: &str| Accepts { types: types.as_bytes(), encoding: b"" }.prefers_json();
        for json in [
            "application/json",
            "Application/JSON",
            "text/html;q=0.5, application/json",
            "application/json, text/plain, */*",
            "application/*",
            "text/html;q=0, application/json;q=0.1",
        ] {
            assert!(prefers(json), "{json}");
        }
        for page in [
            "",
            "*/*",
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, text/html",
            "application/json, text/html",
            "application/json;q=0",
            "application/json;q=0.5, */*",
            "application/json;q=x",
        ] {
            assert!(!prefers(page), "{page}");
        }
    }
}
