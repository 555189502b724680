//! Message by message: each reply is awaited, shown, and held against what was sent.

use super::options::Tcp;
use crate::client::awaited::{Awaited, Counts, are_the_same, count, spoke_first, surplus};
use crate::client::link::Link;
use shoutd::trouble::Trouble;

/// A conversation over one connection.
pub struct Talk<'a> {
    options: &'a Tcp,
    /// The connection.
    pub link: &'a mut Link,
    /// The reply that was right last, once.
    previous: Vec<u8>,
    /// The bytes of replies that may have come in pieces, repeated one by one.
    got: Counts,
    plain: Counts,
    /// The first of those that isn't the message as often as expected.
    inexact: Option<Awaited>,
}

impl Talk<'_> {
    /// Nothing is said yet.
    pub fn new<'a>(options: &'a Tcp, link: &'a mut Link) -> Talk<'a> {
        Talk { options, link, previous: Vec::new(), got: [0; 256], plain: [0; 256], inexact: None }
    }

    /// Before something is sent: an error if something came that nobody has asked for.
    pub fn hears_nothing(&mut self) -> Result<(), Trouble> {
        let mut said = self.link.unasked();
        if !said.is_empty() {
            said.extend(self.link.last_words());
        }
        self.is_over_with(&said)
    }

    /// Behind the last reply: an error if this came after it.
    pub fn is_over_with(&self, rest: &[u8]) -> Result<(), Trouble> {
        let peer = &self.link.peer;
        match (rest, &*self.previous) {
            ([], _) => Ok(()),
            (said, []) => Err(spoke_first(peer, said)),
            (more, previous) => Err(surplus(peer, more, previous, self.options.repeat as usize)),
        }
    }

    /// Receives the reply to a message and shows it. A wrong one is shown as well, with all that still comes,
    /// before it is complained of.
    pub fn hear(
        &mut self,
        message: &[u8],
        show: impl FnOnce(&[u8]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut awaited = Awaited::to(message, self.options.repeat as usize, self.options.check);
        // The reply grows as it comes: --repeat may promise more than there is memory.
        let mut room = [0; 16 * 1024];
        while awaited.missing() > 0 && !awaited.is_wrong() {
            let left = room.len().min(awaited.missing());
            match self.link.receive(&mut room[..left]).map_err(|trouble| fell_silent(trouble, &awaited))? {
                0 if awaited.is_exact() => return Err(self.closed_early(&awaited)),
                0 => break,
                count => awaited.take(&room[..count]),
            }
        }
        if awaited.is_wrong() {
            awaited.take(&self.link.last_words());
            show(awaited.reply())?;
            return Err(awaited.trouble(&self.link.peer, &self.previous));
        }
        show(awaited.reply())?;
        if self.options.repeat > 1 {
            count(&mut self.got, awaited.reply());
            count(&mut self.plain, awaited.plain());
        }
        self.previous = awaited.plain().to_vec();
        if !awaited.is_exact() {
            self.inexact.get_or_insert(awaited);
        }
        Ok(())
    }

    /// Now that nothing is under way: an error if replies that were repeated in pieces are not made of what was
    /// sent.
    pub fn compare(&mut self) -> Result<(), Trouble> {
        let (repeat, strict) = (self.options.repeat.into(), self.options.check);
        match &self.inexact {
            Some(inexact) if !are_the_same(&self.got, &self.plain, repeat, strict) => {
                Err(inexact.trouble(&self.link.peer, &[]))
            }
            _ => Ok(()),
        }
    }

    fn closed_early(&self, awaited: &Awaited) -> Trouble {
        let (peer, got) = (self.link.peer, awaited.reply().len());
        let (sent, received) = (self.link.sent, self.link.received);
        Trouble::new(
            format!(
                "{peer} closed the connection after {got} of {} bytes of a reply ({sent} bytes sent, {received} received in all)",
                got + awaited.missing()
            ),
            "It sent its FIN first: some servers answer one message, or the first 1024 bytes, and close.",
        )
    }
}

/// Says of a server that fell silent in the middle of a reply how much of that has come.
fn fell_silent(trouble: Trouble, awaited: &Awaited) -> Trouble {
    let got = awaited.reply().len();
    if got == 0 || !trouble.is_silence() {
        return trouble;
    }
    trouble.advising(format!(
        "Only part of the reply came, {got} of {} bytes: the server has stopped in the middle of it, or counts \
         otherwise. --timeout changes how long to wait.",
        got + awaited.missing()
    ))
}
