//! Content codings (RFC 9110 sections 8.4.1 and 12.5.3): which compressed form of a file to send.

use super::accept::weights;

/// A coding that a file may have beside it, already compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `br`, RFC 7932.
    Brotli,
    /// `zstd`, RFC 8878.
    Zstd,
    /// `gzip`, RFC 1952.
    Gzip,
}

impl Coding {
    /// All of them, the best first: of those a client likes equally, that is sent.
    pub const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// What is appended to the name of a file that is compressed with it.
    pub fn suffix(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstd => ".zst",
            Coding::Gzip => ".gz",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codings(u8);

impl Codings {
    /// Adds one.
    pub fn add(&mut self, coding: Coding) {
        self.0 |= coding.bit();
    }

    /// Whether it has one.
    pub fn has(self, coding: Coding) -> bool {
        self.0 & coding.bit() != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The coding to send to a client that sent this `Accept-Encoding`, of those available; `None` is the file
/// as it is. A client that accepts nothing at all gets that too, as the RFC allows.
pub fn choose(accept: &[u8], available: Codings) -> Option<Coding> {
    let [brotli, zstd, gzip, x_gzip, identity, any] =
        weights(accept, ["br", "zstd", "gzip", "x-gzip", "identity", "*"]);
    let plain = identity.or(any.filter(|&weight| weight == 0)).unwrap_or(if any.is_some() { 1 } else { 0 });
    let mut best = None;
    for coding in Coding::ALL.into_iter().filter(|&coding| available.has(coding)) {
        let named = match coding {
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
            Coding::Gzip => gzip.or(x_gzip),
        };
        let weight = named.or(any).unwrap_or(0);
        if weight > 0 && weight >= plain && best.is_none_or(|(_, most)| weight > most) {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_and_the_server_breaks_ties() {
        let all = Codings(0b111);
        for (accept, expected) in [
            ("", None),
            ("gzip", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("GZIP;Q=1, BR;q=0.9", Some(Coding::Gzip)),
            ("br;q=0, gzip;q=0.001", Some(Coding::Gzip)),
            ("*", Some(Coding::Brotli)),
            ("*;q=0", None),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Coding::Gzip)),
            ("identity;q=0, zstd;q=0.1", Some(Coding::Zstd)),
            ("gzip;q=2", None),
            ("gzip;q=0.1234", None),
            ("gzip;q=x", None),
            ("deflate", None),
            ("gzipped", None),
            (" br ; q=1.000 ,", Some(Coding::Brotli)),
        ] {
            assert_eq!(choose(accept.as_bytes(), all), expected, "{accept}");
        }
    }

    #[test]
    fn only_what_there_is_can_be_chosen() {
        let mut gzip = Codings::default();
        gzip.add(Coding::Gzip);
        assert_eq!(choose(b"br, gzip;q=0.5", gzip), Some(Coding::Gzip));
        assert_eq!(choose(b"br", gzip), None);
        assert_eq!(choose(b"*", Codings::default()), None);
    }
}
