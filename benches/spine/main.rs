//! The speed table's rows that look inside: time to an offer, restart, passivated tickets, memory, a
//! re-cut under load. Each prints one line of JSON and one line of the table, its ceiling in both.
//!
//!     cargo bench --bench spine -- asked|offer|restart|passivated|memory|recut [--dir DIR] [--runs N]
//!         [--tickets N] [--regions N] [--experts N] [--open N] [--closed N]
//!
//! Must hold: loads are bounded in count and time; ceilings are measured in the same run, on the same
//! disk. `restart`, `passivated` and `memory` share one made data directory below `--dir` (by default in cargo's
//! `target/tmp`) and keep it: one run at a time.

#![allow(clippy::unwrap_used, reason = "a bench ends at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "a bench measures and waits in real time")]

mod asked;
mod bare;
#[allow(dead_code, unreachable_pub, clippy::format_push_string, reason = "shared with the tests, which use all of it")]
#[path = "../../tests/common/client.rs"]
mod client;
mod country;
mod history;
mod inside;
mod offer;
mod passivated;
mod recut;
mod restart;
mod row;
mod server;

/// As the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use country::Size;
use std::path::PathBuf;

/// What to measure and how much of it.
pub(crate) struct Options {
    /// Data directories are made in it.
    pub(crate) dir: PathBuf,
    pub(crate) runs: usize,
    /// Tickets entered or commanded one after the other.
    pub(crate) tickets: usize,
    pub(crate) size: Size,
}

impl Options {
    /// The row's name and how to measure it. Unknown flags (cargo adds `--bench`) are ignored.
    fn from_args() -> (String, Self) {
        let mut options = Self {
            dir: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("spine"),
            runs: 5,
            tickets: 0,
            size: Size::FULL,
        };
        let mut row = String::new();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut number = || args.next().unwrap().replace('_', "").parse::<usize>().unwrap();
            match arg.as_str() {
                "--runs" => options.runs = number(),
                "--tickets" => options.tickets = number(),
                "--regions" => options.size.regions = number(),
                "--experts" => options.size.experts = number(),
                "--open" => options.size.open = number(),
                "--closed" => options.size.closed = number(),
                "--dir" => options.dir = args.next().unwrap().into(),
                flag if flag.starts_with("--") => {}
                word => word.clone_into(&mut row),
            }
        }
        (row, options)
    }

    /// `--tickets`, or what the row takes by itself.
    pub(crate) fn tickets_or(&self, usual: usize) -> usize {
        if self.tickets == 0 { usual } else { self.tickets }
    }
}

fn main() {
    let (row, options) = Options::from_args();
    std::fs::create_dir_all(&options.dir).unwrap();
    match row.as_str() {
        "asked" => asked::measure(&options),
        "offer" => offer::measure(&options),
        "restart" => restart::measure(&options),
        "passivated" => passivated::measure(&options),
        "memory" => restart::measure_memory(&options),
        "recut" => recut::measure(&options),
        // Only makes the data of `restart`, `passivated` and `memory`.
        "make" => drop(country::ready(&options)),
        // What `restart` starts to see where the time goes.
        "stages" => inside::stages(&options),
        other => {
            eprintln!("unknown row {other:?}: asked, offer, restart, passivated, memory, recut");
            std::process::exit(2);
        }
    }
}
