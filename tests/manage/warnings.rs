//! What of keys somebody should see to: told of each, and counted.

use keygate::{
    gate::{
        credential::{Environment, Kind},
        keys::{About, Key, Life},
        testing,
    },
    keystore::{Change, Deed, KeyStore as _, SqliteStore},
};
use serde_json::{Value, json};

use super::{
    support::{Backend, Gate},
    world::folder,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A secret key of so many days, whose text is `sk_live_<id>`.
fn key(id: &str, days: i64, now_ms: i64) -> Key {
    let made_ms = now_ms - days * DAY_MS;
    Key {
        id: id.into(),
        app: "demo".into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        life: Life::new(testing::digest(&format!("sk_live_{id}")), i64::MAX),
        text: None,
        prefix: None,
        about: About { terms: "{}".into(), ..About::default() },
        created_at_ms: made_ms,
        text_since_ms: made_ms,
        changed_at_ms: made_ms,
        version: 1,
    }
}

#[tokio::test]
async fn what_should_be_seen_to_is_told_of_each_key_and_counted() {
    let backend = Backend::realtime().await;
    let (folder, setup) = folder(&backend).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time");
    let now_ms = i64::try_from(now.as_millis()).expect("a time");
    let store = SqliteStore::open(&folder.path().join("keygate.db")).expect("a store");
    let keys = vec![key("ancient", 200, now_ms), key("old", 100, now_ms), key("idle", 40, now_ms), key("young", 20, now_ms)];
    let change = |deed, at_ms| Change { deed, actor: "local:0".into(), at_ms, once: None };
    store.commit(change(Deed::Import(keys), now_ms)).expect("four keys");
    drop(store);
    let gate = Gate::start_by(folder, &setup).await;
    let request = "GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_old\r\nConnection: close\r\n\r\n";
    assert_eq!(gate.connect().await.ask(request.to_owned()).await.status, 200);
    let (code, _, error) = gate.command(&["keys", "rotate", "ancient"]).await;
    assert_eq!(code, Some(0), "{error}");

    for (warning, count) in [("older_than_90_days", 2.0), ("grace_ends_soon", 0.0), ("expires_soon", 0.0), ("never_used", 3.0)] {
        gate.series_is(&format!("keygate_keys_warnings{{warning=\"{warning}\"}}"), count).await;
    }
    let expected = [
        ("ancient", json!(["never_used"])),
        ("idle", json!(["never_used"])),
        ("old", json!(["older_than_90_days"])),
        ("young", json!([])),
    ];
    loop {
        let (_, said, error) = gate.command(&["keys", "list", "-o", "json"]).await;
        let listed: Value = serde_json::from_str(&said).expect(&error);
        let told = |key: &Value| (key["id"].clone(), key["warnings"].clone());
        let told: Vec<_> = listed.as_array().expect("a list").iter().map(told).collect();
        // What a key has done is kept every few seconds.
        if told == expected.clone().map(|(id, warnings)| (json!(id), warnings)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
