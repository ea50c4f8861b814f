//! One rule for every head, body and target that two servers might read in two ways: a table, each row of which is sent to the real
//! gate and judged by what the backend received. docs/strictness.md is made of the same rows.

mod bodies;
mod connections;
mod heads;
mod judge;
mod lengths;
mod lines;
mod observe;
mod row;
mod targets;

use std::{collections::HashSet, fmt::Write as _};

use expect_test::expect_file;

use super::support::{Backend, Gate, Setup};
use judge::judge;
use observe::{How, Observed, observe};
use row::{Done, Row};

/// The table, part by part.
const PARTS: [(&str, &[Row]); 6] = [
    ("Lines", lines::ROWS),
    ("Targets and hosts", targets::ROWS),
    ("Headers", heads::ROWS),
    ("Where a body ends", lengths::ROWS),
    ("Bodies", bodies::ROWS),
    ("Connections, upgrades and expectations", connections::ROWS),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.iter().flat_map(|(_, rows)| *rows)
}

async fn gate() -> (Backend, Gate) {
    let backend = Backend::echoing().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    (backend, gate)
}

#[tokio::test]
async fn every_row_is_kept() {
    let (backend, gate) = gate().await;
    let mut faults = Vec::new();
    let mut known = HashSet::new();
    for row in rows() {
        if let Done::Broken = row.done {
            let observed = observe(&gate, &backend, &mut known, row, How::InTwo).await;
            faults.extend(judge(row, &row.done, &observed).err().map(|fault| format!("{} in two packets: {fault}", row.id)));
        }
        let observed = observe(&gate, &backend, &mut known, row, How::AtOnce).await;
        faults.extend(judge(row, &row.done, &observed).err().map(|fault| format!("{}: {fault}", row.id)));
    }
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows().count(), faults.join("\n"));
    // What came late would not have been seen by its own row.
    let all: usize = backend.requests().len();
    assert_eq!(all, known.len(), "requests reached the backend behind their row's back");
}

/// The judge, judged: what a careless proxy would have done is found in every row.
#[tokio::test]
async fn a_careless_proxy_is_found_in_every_row() {
    let (backend, gate) = gate().await;
    let mut known = HashSet::new();
    for row in rows() {
        let observed = observe(&gate, &backend, &mut known, row, How::AtOnce).await;
        for (what, careless) in careless(row, &row.done, &observed) {
            assert!(judge(row, &row.done, &careless).is_err(), "{}: {what} was not found", row.id);
        }
    }
}

/// The observation with one thing changed, as a proxy without the row's rule would have changed it.
fn careless(row: &Row, done: &Done, observed: &Observed) -> Vec<(&'static str, Observed)> {
    let mut all = Vec::new();
    let mut with = |what, change: &dyn Fn(&mut Observed)| {
        let mut changed = observed.clone();
        change(&mut changed);
        all.push((what, changed));
    };
    match done {
        Done::Served(served) => {
            with("a header that was let through", &|o| {
                let name = served.lacks.first().copied().unwrap_or("X-Keygate-App");
                o.received[0].headers.push((name.to_owned(), "spoof".to_owned()));
            });
            with("another target", &|o| o.received[0].target.push('x'));
            with("another body", &|o| o.received[0].body.push(b'x'));
            with("a request too many", &|o| o.received.push(o.received[0].clone()));
            with("a text that was let through", &|o| {
                let text = served.absent.first().copied().unwrap_or("sk_live_server");
                o.raw.extend_from_slice(text.as_bytes());
            });
        }
        Done::Refused(_) | Done::Answered { .. } | Done::Broken | Done::Opened => {
            with("another status", &|o| {
                if let Some(answer) = o.answers.first_mut() {
                    answer.status = 200;
                } else {
                    o.answers.push(observe::nothing_special());
                }
            });
            with("a request that was let through", &|o| o.received.push(observe::as_sent(row)));
        }
    }
    all
}

#[test]
fn ids_are_unique() {
    let ids: HashSet<_> = rows().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows().count());
}

#[test]
fn the_document_is_the_table() {
    let mut page = String::from(
        "# How strictly requests are read\n\nMade from the tables in `tests/security/strictness`, each row of which is sent to the gate and \
         judged by what the backend received. A request that two servers might read in two ways is refused; nothing is mended and passed \
         on. **Refused** means: the status, `Connection: close`, and no byte at the backend. Every request here carries a good key, where \
         it does not say otherwise, and is followed by another one on the same connection, so that a lost boundary would show.\n\nIn the \
         examples `\\r` and `\\n` are the bytes CR and LF, `\\0` is NUL, `\\xNN` is any other byte; a header stands for a `GET` with it, a \
         header and a body for a `POST`.\n",
    );
    for (part, rows) in PARTS {
        let _ = writeln!(page, "\n## {part}\n\n| rule | for example | what is done | why |\n|---|---|---|---|");
        for row in rows {
            let (id, sent, done, why) = (row.id, row.sent.example(), &row.done, row.why);
            let _ = writeln!(page, "| `{id}` | {sent} | {done} | {why} |");
        }
    }
    expect_file!["../../../docs/strictness.md"].assert_eq(&page);
}
