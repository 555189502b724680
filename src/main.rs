//! The program shoutd.
fn main() {}
