//! What the fuzz targets check: a function for each, which panics where a property doesn't hold.
//!
//! Both libFuzzer (`bins/`) and an ordinary test that replays the kept corpus (`tests/corpus.rs` of the main
//! crate) call them. A check compares where it can: input that came in pieces with the same input at once, the
//! parser with a slow and simple one written for the purpose, what was written with what is read again.

#[cfg(feature = "client")]
pub mod captures;
pub mod chunked;
pub mod conditions;
pub mod head;
mod input;
pub mod rules;
pub mod session;
pub mod target;

/// Panics where a property doesn't hold for an input.
pub type Check = fn(&[u8]);

/// Each target under the name of its folder in `corpus/`.
pub const TARGETS: &[(&str, Check)] = &[
    #[cfg(feature = "client")]
    ("captures", captures::check),
    ("chunked", chunked::check),
    ("conditions", conditions::check),
    ("head", head::check),
    ("rules", rules::check),
    ("session", session::check),
    ("target", target::check),
];
