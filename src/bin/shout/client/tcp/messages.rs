//! Messages from the command line, each answered before the next is sent, or all sent at once.
//!
//! TCP has no messages. What tells the end of a reply is its length, which an uppercase server gives
//! away: as long as what was sent, or so many times as long where the server repeats.

use super::options::Tcp;
use super::talk::Talk;
use crate::client::link::Link;
use crate::output;
use shoutd::trouble::Trouble;

/// Sends the messages and prints the replies, one a line.
pub fn run(options: &Tcp) -> Result<(), Trouble> {
    let mut link = Link::open(&options.place.host, options.place.port(), options.timeout)?;
    let result = converse(options, &mut link);
    let told = options.telling.reporter().tell(&link.report());
    result.and(told)
}

fn converse(options: &Tcp, link: &mut Link) -> Result<(), Trouble> {
    let times = options.repeated.times as usize;
    let messages =
        || options.messages.iter().flat_map(|message| std::iter::repeat_n(message.as_bytes(), times));
    let mut talk = Talk::new(options, link);
    for (number, message) in messages().enumerate() {
        if number > 0 {
            options.repeated.wait();
        }
        if number == 0 || !options.at_once {
            talk.hears_nothing()?;
        }
        talk.link.send(message)?;
        if !options.at_once {
            talk.hear(message, print)?;
            talk.compare()?;
        }
    }
    for message in messages().take_while(|_| options.at_once) {
        talk.hear(message, print)?;
    }
    talk.compare()?;
    let rest = talk.link.farewell();
    talk.is_over_with(&rest)
}

fn print(reply: &[u8]) -> Result<(), Trouble> {
    output::write(&[reply, b"\n"].concat())
}
