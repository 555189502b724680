//! Packets: seen on the wire, read from a file, understood, and shown.
//!
//! [`namespace`] makes a network of our own, where [`capture`] may see every packet without root;
//! [`reader`] takes them from a file instead, and [`pcapng`] writes one. A [`packet`] is its headers, read;
//! [`conversation`] tells who talks to whom and what each packet is in that, and [`words`] says so.
//! [`table`], [`ladder`], [`markdown`] and [`json`] show it. Nothing here knows of experiments, nor of the program that
//! shows them (`src/bin/shout/`); a library has it so that its readers can be tested and fuzzed.

pub mod capture;
pub mod conversation;
mod dissect;
pub mod json;
pub mod ladder;
mod layers;
pub mod markdown;
pub mod namespace;
pub mod packet;
pub mod pcapng;
pub mod printable;
pub mod reader;
pub mod row;
pub mod stream;
pub mod style;
pub mod table;
pub mod words;
