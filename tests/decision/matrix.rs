//! The golden matrix: who passes and why not, one row per case, in `matrix.txt`. **A diff of that file is the security review.**
//! `UPDATE_EXPECT=1 cargo test --test decision` writes it anew.
//!
//! The full product of all that a decision looks at would be unreadable, so each table turns a few knobs and leaves the others
//! where everything passes.

mod channels;
mod keys;
mod operations;
mod requests;

use std::{collections::BTreeSet, fmt::Write as _};

use expect_test::expect_file;
use keygate::gate::{Gate, capability::Operation, credential::Location, denial::Denial, request::Transport};

use crate::world::{Ask, NOW};

#[test]
fn the_matrix() {
    let mut book = Book::default();
    keys::tables(&mut book);
    requests::tables(&mut book);
    operations::tables(&mut book);
    channels::tables(&mut book);
    book.covers_everything();
    expect_file!["./matrix.txt"].assert_eq(&book.text);
}

/// The tables as text, and what was seen while they were made.
#[derive(Default)]
struct Book {
    text: String,
    denials: BTreeSet<&'static str>,
    locations: BTreeSet<&'static str>,
    transports: BTreeSet<&'static str>,
    demanded: BTreeSet<&'static str>,
}

/// One table under way.
struct Table<'b> {
    book: &'b mut Book,
    rows: Vec<Vec<String>>,
}

impl Book {
    /// Writes a table: `fill` adds its rows.
    fn table(&mut self, title: &str, columns: &[&str], fill: impl FnOnce(&mut Table<'_>)) {
        let head = columns.iter().chain(&["verdict"]).map(|column| column.to_uppercase()).collect();
        let mut table = Table { book: &mut *self, rows: vec![head] };
        fill(&mut table);
        let rows = table.rows;
        let widths: Vec<_> =
            (0..=columns.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
        let break_before = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{break_before}## {title}\n");
        for row in rows {
            let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}   ")).collect();
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
    }

    fn covers_everything(&self) {
        let names = |all: Vec<&'static str>| all.into_iter().collect::<BTreeSet<_>>();
        let denials = Denial::ALL.iter().filter(|denial| the_gate_gives(**denial)).map(|denial| denial.reason());
        assert_eq!(self.denials, names(denials.collect()), "denials");
        assert_eq!(self.transports, names(Transport::ALL.map(Transport::name).to_vec()), "transports");
        assert_eq!(self.locations, names(LOCATIONS.map(Location::name).into_iter().chain(["none"]).collect()), "locations");
        assert_eq!(self.demanded, names(Operation::ALL.iter().map(|operation| operation.name()).collect()), "operations");
    }
}

impl Table<'_> {
    /// Adds a row: what the gate says to `ask`.
    fn row(&mut self, cells: &[&str], gate: &Gate, ask: &Ask) {
        let verdict = match ask.at(gate, NOW) {
            Ok(permit) => {
                self.book.locations.insert(permit.location().map_or("none", Location::name));
                self.book.transports.insert(permit.transport().name());
                let browser = if permit.browser_report() { ", reported" } else { "" };
                let reported = permit.reported().map(|denial| format!(", reports {}", denial.reason())).unwrap_or_default();
                format!("✔{browser}{reported}")
            }
            Err(refusal) => {
                self.book.denials.insert(refusal.denial.reason());
                refusal.denial.reason().to_owned()
            }
        };
        let row = cells.iter().map(|cell| (*cell).to_owned()).chain([verdict]).collect();
        self.rows.push(row);
    }

    /// Notes that the table has a route for `operation`.
    fn demands(&mut self, operation: Operation) {
        self.book.demanded.insert(operation.name());
    }
}

/// Whether a denial is the gate's, and not that of the edge, which sees sockets. Closed: a new denial must say whose it is.
fn the_gate_gives(denial: Denial) -> bool {
    match denial {
        Denial::PeerBlocked
        | Denial::NotReady
        | Denial::KeysStale
        | Denial::PeerLimited
        | Denial::NoRoute
        | Denial::MissingKey
        | Denial::AmbiguousKey
        | Denial::TlsRequired
        | Denial::KeyInCookie
        | Denial::MalformedKey
        | Denial::UnknownKey
        | Denial::KeyBlocked
        | Denial::KeyRevoked
        | Denial::KeyDisabled
        | Denial::KeyExpired
        | Denial::WrongEnvironment
        | Denial::AddressRefused
        | Denial::SecretInBrowser
        | Denial::SecretInQuery
        | Denial::OriginMissing
        | Denial::OriginRefused
        | Denial::NotCapable
        | Denial::BodyType
        | Denial::BodyUnreadable
        | Denial::ChannelMissing
        | Denial::ChannelAmbiguous
        | Denial::ChannelInvalid
        | Denial::QuotaExceeded
        | Denial::RateLimited
        | Denial::KeyConnections => true,
        Denial::BadRequest
        | Denial::HeadTooLarge
        | Denial::HeadTimeout
        | Denial::BodyTooLarge
        | Denial::BodyTimeout
        | Denial::PeerConnections
        | Denial::GateConnections
        | Denial::Draining
        | Denial::UpstreamUnreachable
        | Denial::UpstreamProtocol
        | Denial::UpstreamTimeout => false,
    }
}

/// Every location where a key passes. A cookie is none.
const LOCATIONS: [Location; 5] =
    [Location::Header, Location::Bearer, Location::Query, Location::WebsocketProtocol, Location::Basic];
