//! A reply that is awaited: what an uppercase server of any make may answer, and what something else looks
//! like.
//!
//! Ours turns a-z into A-Z and touches nothing else. Others go by a language: they turn ü into Ü as well, which
//! may change the length (ﬁ becomes FI). All of them are taken for what they are. A server that repeats what it
//! reads does so piece by piece, where it reads in pieces: then the same bytes come in another order.

use shoutd::trouble::{Trouble, quoted};
use shoutd::uppercase::{has_lowercase, uppercase};
use std::fmt::Display;

/// The reply to a message, as far as it has come.
pub struct Awaited {
    /// What shoutd says.
    plain: Vec<u8>,
    /// What a server says that knows all letters.
    learned: Vec<u8>,
    repeat: usize,
    /// Whether letters beyond a to z must come back unchanged.
    strict: bool,
    reply: Vec<u8>,
    is_plain: bool,
    is_learned: bool,
    /// Where it is wrong, by what shoutd says and with other letters allowed to change.
    wrong: Option<usize>,
}

impl Awaited {
    /// The reply to a message, so many times over.
    pub fn to(message: &[u8], repeat: usize, strict: bool) -> Awaited {
        let mut plain = message.to_vec();
        uppercase(&mut plain);
        let learned = match str::from_utf8(message) {
            Ok(text) if !strict && !text.is_ascii() => text.to_uppercase().into_bytes(),
            _ => plain.clone(),
        };
        let (is_plain, is_learned) = (true, true);
        Awaited { plain, learned, repeat, strict, reply: Vec::new(), is_plain, is_learned, wrong: None }
    }

    /// How many bytes are still to come.
    pub fn missing(&self) -> usize {
        let lengths = [(self.is_plain, &self.plain), (self.is_learned, &self.learned)];
        let fitting = lengths.iter().filter(|(fits, _)| *fits).map(|(_, whole)| whole.len()).min();
        (fitting.unwrap_or(self.plain.len()) * self.repeat).saturating_sub(self.reply.len())
    }

    /// Takes what has come.
    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let at = self.reply.len();
            let is = |whole: &[u8]| at < whole.len() * self.repeat && whole[at % whole.len()] == byte;
            self.is_plain = self.is_plain && is(&self.plain);
            self.is_learned = self.is_learned && is(&self.learned);
            if self.wrong.is_none() && !self.may_be(at, byte) {
                self.wrong = Some(at);
            }
            self.reply.push(byte);
        }
    }

    fn may_be(&self, at: usize, byte: u8) -> bool {
        let Some(wanted) = self.wanted(at) else { return false };
        wanted == byte || (!self.strict && wanted >= 0x80 && !byte.is_ascii_lowercase())
    }

    fn wanted(&self, at: usize) -> Option<u8> {
        (at < self.plain.len() * self.repeat).then(|| self.plain[at % self.plain.len()])
    }

    /// Whether what has come can't become right any more.
    pub fn is_wrong(&self) -> bool {
        let in_pieces = self.repeat > 1 && self.reply.len() <= self.plain.len() * self.repeat;
        match self.wrong {
            Some(_) if self.is_plain || self.is_learned => false,
            Some(_) if in_pieces => has_lowercase(&self.reply),
            wrong => wrong.is_some(),
        }
    }

    /// Whether it is certain to be right, now that all of it has come, and needs no comparison by counts.
    pub fn is_exact(&self) -> bool {
        self.is_plain || self.is_learned || self.wrong.is_none()
    }

    /// What has come.
    pub fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// What shoutd says, once.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Why the reply of this server is wrong; `previous` is what was to come before it.
    pub fn trouble(&self, peer: &dyn Display, previous: &[u8]) -> Trouble {
        let got = &self.reply;
        let before = got.len().saturating_sub(self.plain.len().saturating_mul(self.repeat));
        let mut rest = got[before..].chunks(self.plain.len().max(1));
        let comes_later = before > 0 && before < got.len() && rest.all(|one| one == self.plain);
        if previous.is_empty() && comes_later {
            return spoke_first(peer, &got[..before]);
        }
        if !previous.is_empty() && (comes_later || got.starts_with(previous)) {
            let more = if comes_later { &got[..before] } else { got };
            return surplus(peer, more, previous, self.repeat);
        }
        self.not_the_uppercase(peer)
    }

    /// The same where no other reply can have got in between.
    pub fn not_the_uppercase(&self, peer: &dyn Display) -> Trouble {
        let got = &self.reply;
        let (at, missing) = (self.wrong.unwrap_or(got.len()), self.missing());
        let difference = match (got.get(at), self.wanted(at)) {
            (Some(got), Some(wanted)) => {
                format!("it is wrong at byte {at}, {got:#04x} where {wanted:#04x} was expected, in ")
            }
            (Some(_), None) => format!("it is {} bytes too long, ", got.len() - at),
            (None, _) => format!("it is {missing} bytes too short, "),
        };
        let advice = if has_lowercase(got) && uppercased(got).starts_with(&self.plain) {
            "The server sends back what it gets, as an echo service does.".to_owned()
        } else if self.repeat > 1 {
            "The server repeats another number of times than --repeat says, or it isn't an uppercase server."
                .to_owned()
        } else {
            other_service(peer, got)
        };
        Trouble::new(
            format!(
                "the reply from {peer} is not the uppercase of what was sent: {difference}{}",
                quoted(got)
            ),
            advice,
        )
    }
}

/// What to say of a server that begins so.
pub fn other_service(peer: &dyn Display, start: &[u8]) -> String {
    if start.starts_with(b"HTTP/") {
        format!("That is an HTTP server. To talk to it: shout http {peer}")
    } else if GREETINGS.iter().any(|greeting| start.starts_with(greeting)) {
        "That is a greeting, as a mail, FTP or SSH server sends it: such a server speaks first.".to_owned()
    } else {
        "Uppercase changes a-z to A-Z and nothing else; or another service listens there.".to_owned()
    }
}

/// How servers begin that speak first: SMTP and FTP (RFC 5321, RFC 959), POP3 (RFC 1939), IMAP (RFC 9051),
/// SSH (RFC 4253).
const GREETINGS: [&[u8]; 5] = [b"220 ", b"220-", b"+OK", b"* OK", b"SSH-"];

/// Whether a reply is what an uppercase server answers to a message.
pub fn answers(message: &[u8], reply: &[u8], strict: bool) -> bool {
    let mut awaited = Awaited::to(message, 1, strict);
    awaited.take(reply);
    awaited.missing() == 0 && awaited.is_exact()
}

/// The server said something before anything was sent.
pub fn spoke_first(peer: &dyn Display, said: &[u8]) -> Trouble {
    Trouble::new(
        format!("{peer} spoke first, before it was asked: {}", quoted(said)),
        "An uppercase server waits for its client: another service listens there, or one that greets.",
    )
}

/// More has come than was expected, behind a reply that was right.
pub fn surplus(peer: &dyn Display, more: &[u8], reply: &[u8], repeat: usize) -> Trouble {
    let again = more.chunks(reply.len().max(1)).take_while(|&piece| piece == reply).count();
    let advice = if again > 0 {
        format!("The server repeats its replies: --repeat {} expects that.", again + repeat)
    } else {
        "The server repeats its replies (--repeat N), or says something of its own.".to_owned()
    };
    let (count, s) = (more.len(), if more.len() == 1 { "" } else { "s" });
    Trouble::new(
        format!(
            "more came from {peer} than was expected: {count} byte{s} after the last reply, {}",
            quoted(more)
        ),
        advice,
    )
}

/// How often each byte occurs.
pub type Counts = [u64; 256];

/// Counts bytes.
pub fn count(counts: &mut Counts, bytes: &[u8]) {
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
}

/// Whether these bytes are so many times those of shoutd's replies, letters beyond a to z aside unless
/// `strict`.
pub fn are_the_same(got: &Counts, plain: &Counts, repeat: u64, strict: bool) -> bool {
    let has_others = plain[0x80..].iter().any(|&count| count > 0);
    let enough = |byte: usize| {
        let wanted = plain[byte] * repeat;
        if strict || !has_others { got[byte] == wanted } else { byte >= 0x80 || got[byte] >= wanted }
    };
    (0..256).all(enough)
}

fn uppercased(bytes: &[u8]) -> Vec<u8> {
    let mut upper = bytes.to_vec();
    uppercase(&mut upper);
    upper
}
