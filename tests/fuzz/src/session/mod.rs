//! A whole session, driven by arbitrary operations in any order that [`Session::need`] allows.
//!
//! After each of them the contract of a session is checked: it never needs to read without room or to write
//! nothing, keeps little between its turns, has no deadline in the past, and comes to an end. What it sent is then
//! held against what its protocol says, and for HTTP against a session that got everything at once.
//!
//! Input: the service and its options, the number of operations, the operations, then the peer's bytes.

mod driver;
mod replies;
mod site;
mod upper;
mod web;

use super::input::Input;

pub fn check(data: &[u8]) {
    let mut input = Input(data);
    if input.flag() { upper::check(input) } else { web::check(input) }
}
