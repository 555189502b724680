//! Packets: seen on the wire, read from a file, understood, and shown.
//!
//! [`namespace`] makes a network of our own, where [`capture`] may see every packet without root;
//! A [`packet`] is its headers, read;
//! [`conversation`] tells who talks to whom and what each packet is in that, and [`words`] says so.
//! [`table`] and [`ladder`] show it.
//! Nothing here knows of experiments.

pub mod capture;
pub mod conversation;
mod dissect;
pub mod ladder;
pub mod namespace;
pub mod packet;
pub mod pcapng;
pub mod printable;
pub mod row;
pub mod stream;
pub mod style;
pub mod table;
pub mod words;
