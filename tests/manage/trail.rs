//! The audit trail, held to what somebody knows of it who keeps that elsewhere.

use serde_json::Value;
use tempfile::TempDir;

use super::{
    support::Backend,
    world::{folder, offline},
};

/// The number and the hash of the last record.
async fn head(folder: &TempDir) -> String {
    let (code, out, error) = offline(folder, &["audit", "verify", "-o", "json"]).await;
    assert_eq!(code, Some(0), "{error}");
    let head: Value = serde_json::from_str(&out).expect("JSON");
    format!("{}:{}", head["sequence"], head["hash"].as_str().expect("a hash"))
}

async fn makes_app(folder: &TempDir, id: &str) {
    let (code, _, error) = offline(folder, &["apps", "create", id]).await;
    assert_eq!(code, Some(0), "{error}");
}

#[tokio::test]
async fn a_trail_that_was_cut_short_or_written_anew_is_found_by_who_knows_its_end() {
    let backend = Backend::realtime().await;
    let (folder, _setup) = folder(&backend).await;
    let copy = folder.path().join("copy.db");
    let (code, _, error) = offline(&folder, &["keys", "backup", copy.to_str().expect("text")]).await;
    assert_eq!(code, Some(0), "{error}");
    let early = head(&folder).await;
    makes_app(&folder, "demo").await;
    let late = head(&folder).await;
    let expected = async |known: &str| offline(&folder, &["audit", "verify", "--expect", known]).await;
    for known in [&early, &late] {
        let (code, out, error) = expected(known).await;
        assert_eq!(code, Some(0), "{error}");
        assert!(out.contains(&late), "{out}");
    }
    let (code, _, error) = expected("all of it").await;
    assert_eq!(code, Some(1));
    assert!(error.contains("expect: must be the number of a record"), "{error}");

    // As somebody would who can write to the store, and undoes what was done.
    for name in ["keygate.db-wal", "keygate.db-shm", "keygate.db-head"] {
        _ = std::fs::remove_file(folder.path().join(name));
    }
    std::fs::copy(&copy, folder.path().join("keygate.db")).expect("a copy");
    assert_eq!(head(&folder).await, early, "it is whole, as far as it goes");
    let (code, _, error) = expected(&late).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("the audit trail ends at record 1, and once had record 4"), "{error}");

    makes_app(&folder, "demo").await;
    let (code, _, error) = expected(&late).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("record 4 of the audit trail has another hash"), "{error}");
    assert_eq!(expected(&early).await.0, Some(0), "up to there it is the same");
}
