//! Documents that are made of the code are as the code has them.

use std::fmt::Write as _;

use expect_test::expect_file;
use keygate::{edge::CutReason, gate::denial::Denial};

#[test]
fn the_table_of_refusals() {
    let mut page = String::from(
        "# Why a request was refused\n\nMade from the table in `src/gate/denial.rs`. The **reason** is in the access log, in \
         `keygate_auth_decisions_total{reason}` and in `keygate explain`; the **code** is what the client is told, and says less on \
         purpose. With `websocket: { refusal: close }` a WebSocket is told so by its Close: 4000 and the status, and the code as its \
         reason; but a 400 stays one.\n\n| reason | status | code | cause and remedy |\n|---|---|---|---|\n",
    );
    for denial in Denial::ALL {
        let (reason, status, code, check) = (denial.reason(), denial.status(), denial.code(), denial.check());
        let _ = writeln!(page, "| `{reason}` | {status} | `{code}` | {check} |");
    }
    expect_file!["../docs/refusals.md"].assert_eq(&page);
}

#[test]
fn the_ends_of_streams() {
    let page = include_str!("../docs/streams.md");
    let missing: Vec<_> =
        CutReason::ALL.iter().map(|reason| reason.name()).filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/streams.md says nothing of {missing:?}");
}
