//! How far the audit trail goes back.

use keygate::keystore::{Change, Deed, KeyStore as _, SqliteStore};
use tempfile::TempDir;

use super::{
    support::{Backend, Gate, Setup},
    world::folder,
};

const FORGOTTEN: &str = "the audit trail has forgotten what is older than `audit.keep`";

/// Has the trail of the store in `folder` begin in 2001.
fn with_an_old_record(folder: &TempDir) {
    let path = folder.path().join("keygate.db");
    for name in ["keygate.db", "keygate.db-head"] {
        std::fs::remove_file(folder.path().join(name)).expect("an empty store");
    }
    SqliteStore::create(&path, 1_000_000_000_000).expect("a store");
    let deed = Deed::Note { action: "key.misuse".into(), target: "key:web".into(), detail: "{}".into() };
    let change = Change { deed, actor: "gate".into(), at_ms: 1_000_000_000_000, once: None };
    SqliteStore::open(&path).and_then(|store| store.commit(change)).expect("a record");
}

async fn trail(gate: &Gate) -> (u64, u64) {
    let (code, head, error) = gate.command(&["audit", "verify", "-o", "json"]).await;
    assert_eq!(code, Some(0), "{error}");
    let head: serde_json::Value = serde_json::from_str(&head).expect("JSON");
    (head["first"].as_u64().expect("a number"), head["sequence"].as_u64().expect("a number"))
}

#[tokio::test]
async fn what_is_older_than_is_kept_is_forgotten_at_the_start() {
    let backend = Backend::realtime().await;
    let (folder, setup) = folder(&backend).await;
    with_an_old_record(&folder);
    let setup = Setup { more: "audit: { keep: 400d }\n".to_owned(), ..setup };
    let gate = Gate::start_in(folder, setup).await;
    assert_eq!(gate.told(FORGOTTEN, 1).await["records"], 1);
    assert_eq!(trail(&gate).await, (2, 2), "and what is left says so");
}

#[tokio::test]
async fn how_long_records_are_kept_is_live() {
    let backend = Backend::realtime().await;
    let (folder, setup) = folder(&backend).await;
    with_an_old_record(&folder);
    let gate = Gate::start_by(folder, &setup).await;
    assert_eq!(trail(&gate).await, (1, 1), "where nothing is said, nothing is forgotten");
    gate.replace("keygate.yaml", &Setup { more: "audit: { keep: 400d }\n".to_owned(), ..setup }.text());
    assert_eq!(gate.told(FORGOTTEN, 1).await["records"], 1);
    assert_eq!(trail(&gate).await, (2, 2));
}
