//! The audit trail: what it says, and that it tells when somebody changed it.

use keygate::{
    gate::keys::{About, Key, Step},
    keystore::{AuditFilter, AuditFrom, AuditRecord, Change, Deed, KeyStore as _, StoreError},
};
use rusqlite::Connection;

use crate::support::{HOUR, NOW, Own, change, full_key, key, rotate, step, update};

fn records(own: &Own, wanted: AuditFilter) -> Vec<AuditRecord> {
    own.store.audit(&wanted, AuditFrom::After(0), usize::MAX).unwrap()
}

/// As SQLite's own shell would.
fn edit(own: &Own, sql: &str) {
    let changed = Connection::open(own.path()).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

#[test]
fn a_record_says_who_did_what_and_when() {
    let own = Own::with(&["a"]);
    let detail = r#"{"refused":"role"}"#;
    own.commit(Deed::Note { action: "key.create".into(), target: "app:demo".into(), detail: detail.into() }).unwrap();
    let all = records(&own, AuditFilter::default());
    assert_eq!(all.iter().map(|record| record.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&*all[1].actor, all[1].at_ms, &*all[1].action, &*all[1].target), ("operator:ann", NOW, "key.create", "key:a"));
    assert_eq!((&*all[2].action, &*all[2].target, &*all[2].detail), ("key.create", "app:demo", detail));
    let by = |wanted| records(&own, wanted).iter().map(|record| record.sequence).collect::<Vec<_>>();
    assert_eq!(by(AuditFilter { target: Some("app:demo".into()), ..AuditFilter::default() }), [1, 3]);
    assert_eq!(by(AuditFilter { action: Some("key.".into()), ..AuditFilter::default() }), [2, 3]);
    assert_eq!(by(AuditFilter { action: Some("key".into()), target: Some("key:a".into()), ..AuditFilter::default() }), [2]);
    assert!(by(AuditFilter { actor: Some("local:0".into()), ..AuditFilter::default() }).is_empty());
    let page = own.store.audit(&AuditFilter::default(), AuditFrom::After(1), 1).unwrap();
    assert_eq!(page, all[1..2]);
    let page = own.store.audit(&AuditFilter::default(), AuditFrom::Before(3), 9).unwrap();
    assert_eq!(page, [all[1].clone(), all[0].clone()], "backwards");
}

#[test]
fn what_changed_is_told_and_no_secret_is() {
    let own = Own::with(&["a"]);
    own.commit(Deed::Create(vec![full_key("p")])).unwrap();
    own.commit(rotate("a", "sk_canary", HOUR)).unwrap();
    let about = About {
        name: "New".into(),
        terms: r#"{"missing_origin":"allow"}"#.into(),
        revocable_tokens: true,
        metadata: [("plan".into(), "canary".into())].into(),
    };
    own.commit(update("a", about)).unwrap();
    let told: Vec<_> = records(&own, AuditFilter::default()).into_iter().map(|record| record.detail.to_string()).collect();
    expect_test::expect![[r#"
        {"name":"The app demo"}
        {"app":"demo","environment":"live","expires_at_ms":null,"kind":"secret","metadata":[],"name":"Key a","previous":0,"revocable_tokens":false,"state":"active","terms":{},"text":null}
        {"app":"demo","environment":"test","expires_at_ms":1700007200000,"kind":"publishable","metadata":["plan","ówner"],"name":"Schlüssel „Ω“\n","previous":1,"revocable_tokens":true,"state":"active","terms":{"origins":["https://example.com"]},"text":"pk_p_2"}
        {"grace_ends_at_ms":1700003600000,"text":null}
        {"metadata":["plan"],"name":{"from":"Key a","to":"New"},"revocable_tokens":{"from":false,"to":true},"terms":{"from":{},"to":{"missing_origin":"allow"}}}"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_whole_trail_is_found_whole_by_anybody() {
    let own = Own::with(&["a", "b"]);
    own.commit(step("a", Step::Revoke)).unwrap();
    let head = own.store.verify_audit().unwrap();
    assert_eq!((head.first, head.sequence), (1, 4));
    let hash = records(&own, AuditFilter::default()).iter().fold([0; 32], |before, record| record.made_after(&before));
    assert_eq!(hash, head.hash);
}

#[test]
fn every_edit_is_found() {
    let found = |edits: &[&str]| {
        let own = Own::with(&["a", "b", "c"]);
        edits.iter().for_each(|sql| edit(&own, sql));
        let StoreError::Corrupt(what) = own.store.verify_audit().unwrap_err() else { panic!("another error") };
        let (_, what) = what.split_once("keygate.db: ").unwrap();
        what.split_once(';').unwrap().0.to_owned()
    };
    let not_written = "record 3 of the audit trail is not as it was written, or the one before it";
    assert_eq!(found(&["UPDATE audit SET actor = 'gate' WHERE sequence = 3"]), not_written);
    assert_eq!(found(&["UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 3"]), not_written);
    assert_eq!(found(&["UPDATE audit SET action = 'key.note' WHERE sequence = 3"]), not_written);
    assert_eq!(found(&["UPDATE audit SET detail = '{}' WHERE sequence = 3"]), not_written);
    assert_eq!(found(&["UPDATE audit SET hash = zeroblob(32) WHERE sequence = 3"]), not_written);
    assert_eq!(found(&["DELETE FROM audit WHERE sequence = 3"]), "record 3 of the audit trail is missing");
    assert_eq!(found(&["DELETE FROM audit WHERE sequence = 1"]), "record 1 of the audit trail is missing");
    assert_eq!(found(&["DELETE FROM audit WHERE sequence = 4"]), "record 4 of the audit trail is missing");
    assert_eq!(
        found(&[
            "UPDATE audit SET sequence = -sequence WHERE sequence IN (2, 3)",
            "UPDATE audit SET sequence = 5 + sequence WHERE sequence < 0"
        ])
        .as_str(),
        "record 2 of the audit trail is not as it was written, or the one before it"
    );
    let more = "INSERT INTO audit SELECT 5, at_ms, actor, action, target, detail, hash FROM audit WHERE sequence = 4";
    assert_eq!(found(&[more]), "record 5 of the audit trail is not as it was written, or the one before it");
}

#[test]
fn what_is_pruned_leaves_a_whole_trail_that_says_so() {
    let own = Own::with(&[]);
    for (n, at_ms) in [(1, NOW + 1), (2, NOW + 5), (3, NOW + 2)] {
        let deed = Deed::Create(vec![key(&format!("k{n}"))]);
        own.store.commit(Change { at_ms, ..change(deed) }).unwrap();
    }
    let keys = own.store.version().unwrap();
    assert_eq!(own.store.prune_audit(NOW, "local:0", NOW + 9).unwrap(), 0);
    assert_eq!(own.actions().len(), 4, "nothing happened, and nothing is said");
    assert_eq!(own.store.prune_audit(NOW + 3, "local:0", NOW + 9).unwrap(), 2, "up to the first that stays, not behind it");
    let own = own.reopened();
    let head = own.store.verify_audit().unwrap();
    assert_eq!((head.first, head.sequence), (3, 5));
    let all = records(&own, AuditFilter::default());
    let last = all.last().unwrap();
    let told = r#"{"before_ms":1700000000003,"first":3,"records":2}"#;
    assert_eq!((&*last.actor, last.at_ms, &*last.action, &*last.detail), ("local:0", NOW + 9, "audit.prune", told));
    assert_eq!((own.store.version().unwrap(), own.changed_after(0, 9).keys.len()), (keys, 3), "keys are not forgotten");
    assert_eq!(own.store.prune_audit(i64::MAX, "local:0", NOW + 9).unwrap(), 3);
    let own = own.reopened();
    assert_eq!(own.store.verify_audit().unwrap().first, 6);
    edit(&own, "DELETE FROM audit WHERE sequence = 6");
    assert!(own.store.verify_audit().is_err());
}

#[test]
fn terms_that_no_key_has_go_with_the_trail() {
    let own = Own::with(&["a"]);
    let count =
        || Connection::open(own.path()).unwrap().query_row("SELECT COUNT(*) FROM terms", [], |row| row.get::<_, i64>(0)).unwrap();
    own.commit(update("a", About { terms: r#"{"a":1}"#.into(), ..key("a").about })).unwrap();
    assert_eq!(count(), 2);
    own.store.prune_audit(i64::MAX, "local:0", NOW).unwrap();
    assert_eq!((count(), &*own.all()[0].about.terms), (1, r#"{"a":1}"#));
    let other = Key { about: About { terms: r#"{"b":1}"#.into(), ..key("b").about }, ..key("b") };
    own.commit(Deed::Create(vec![other.clone()])).unwrap();
    assert_eq!(own.store.key("b").unwrap(), Some(other));
}
