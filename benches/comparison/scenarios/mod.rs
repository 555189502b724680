//! What throughput doesn't show: how long others wait while a server is busy with something slow.
//!
//! Some clients ask for a small file at a fixed rate, few enough for any server. Meanwhile something else
//! goes on, and what counts is the wait of those clients: the longest, and the one that a hundredth exceeds.

pub mod slow_clients;
pub mod slow_disk;
pub mod slow_readers;

use crate::runs::Beside;
use crate::server::Server;
use slow_clients::SlowClients;
use slow_disk::SlowDisk;
use slow_readers::SlowReaders;
use std::io;
use std::path::Path;

/// Something slow that goes on until its handle goes away.
pub trait Company {}

impl Company for SlowClients {}
impl Company for SlowReaders {}

/// Has the company begin, if there is to be any, at a server of the files in `root`.
pub fn start(beside: Beside, server: &Server, root: &Path) -> Result<Option<Box<dyn Company>>, String> {
    let address = server.address();
    let started: io::Result<Box<dyn Company>> = match beside {
        Beside::Nothing => return Ok(None),
        Beside::SlowClients(count) => {
            SlowClients::start(address, count).map(|company| Box::new(company) as _)
        }
        Beside::ColdFiles(clients) | Beside::SlowDisk { clients, .. } => {
            SlowReaders::start(address, clients, root).map(|company| Box::new(company) as _)
        }
    };
    started.map(Some).map_err(|error| format!("the other clients can't begin: {error}"))
}

/// The slow disk that a scenario wants. It must outlive the server that it is made for.
pub fn disk(beside: Beside, root: &Path) -> Result<Option<SlowDisk>, String> {
    match beside {
        Beside::SlowDisk { reads, .. } => SlowDisk::new(root, reads).map(Some),
        _ => Ok(None),
    }
}
