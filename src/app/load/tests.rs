//! Reading files that change meanwhile, and keys that are strange.

use super::*;
use crate::{
    gate::{
        credential::{Environment, Kind},
        keys::{About, Key, Life},
        testing,
    },
    keystore::{App, Change, Deed},
};

/// Configuration `n`, which names its keys by a file of that number, or always by the same one.
fn configuration(n: usize, keys: &str) -> String {
    format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]
upstream: 127.0.0.1:1
environments: [live]
keys: {{ file: {keys} }}
routes: [{{ name: a{n}, match: {{ path: /a }}, operation: any }}]
"
    )
}

/// What is read while the files change to version 1, 2 … before these readings (counted from 0).
fn read_while(changes: &[usize], keys: impl Fn(usize) -> String) -> Result<(String, String), String> {
    let mut reading = 0;
    let read = read_both(Path::new("/config/keygate.yaml"), |path, _| {
        let version = changes.iter().filter(|change| **change <= reading).count();
        reading += 1;
        match path.file_name().and_then(|name| name.to_str()) {
            Some("keygate.yaml") => Ok(configuration(version, &keys(version))),
            Some(name) if name == keys(version) => Ok(format!("{version} in {}", path.display())),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    });
    read.map(|read| (read.config.policy.routes[0].name.to_string(), read.keys_text.unwrap_or_default()))
        .map_err(|error| error.to_string())
}

fn key(id: &str, terms: &str) -> Key {
    Key {
        id: id.into(),
        app: "demo".into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        life: Life::new(testing::digest(id), i64::MAX),
        text: None,
        prefix: None,
        about: About { terms: terms.into(), ..About::default() },
        created_at_ms: 1,
        text_since_ms: 1,
        changed_at_ms: 1,
        version: 1,
    }
}

/// A key of a later version's words does not keep another one's revocation from a gate that follows; nor is a gate taken for a good one
/// that understands none of its keys.
#[test]
fn a_strange_key_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store_of = |name: &str, keys: Vec<Key>| {
        let path = folder.path().join(name);
        SqliteStore::create(&path, 1).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        let deed = Deed::CreateApp(App { id: "demo".into(), name: "demo".into(), created_at_ms: 1 }, keys);
        store.commit(Change { deed, actor: "gate".into(), at_ms: 1, once: None }).unwrap();
        Arc::new(store) as Arc<dyn KeyStore>
    };
    let config = config::parse_config(Path::new("keygate.yaml"), &configuration(0, "keys.yaml")).unwrap();
    let read = |store: &Arc<dyn KeyStore>, strange| {
        of_store(Arc::clone(store), compiler_of(&config), None, strange).map(|(keys, _)| keys)
    };
    let (good, strange) = (|| key("good", "{}"), || key("strange", r#"{"no_such_word":1}"#));
    let both = store_of("both", vec![good(), strange()]);
    assert!(read(&both, Strange::Fails).is_err_and(|error| error.to_string().contains("no_such_word")));
    let keys = read(&both, Strange::IsRefused).unwrap();
    assert!(keys.by_id("good").is_some() && keys.by_id("strange").is_none());
    assert!(read(&store_of("strange", vec![strange()]), Strange::IsRefused).is_err());
    assert!(read(&store_of("none", Vec::new()), Strange::IsRefused).is_ok_and(|keys| keys.is_empty()));
}

#[test]
fn configuration_and_keys_are_of_one_moment() {
    let same = |_| "keys.yaml".to_owned();
    let read = |route: &str, keys: &str| Ok((route.to_owned(), keys.to_owned()));
    assert_eq!(read_while(&[], same), read("a0", "0 in /config/keys.yaml"));
    assert_eq!(read_while(&[1], same), read("a1", "1 in /config/keys.yaml"), "between the two");
    assert_eq!(read_while(&[2], same), read("a1", "1 in /config/keys.yaml"), "behind the keys");
    assert_eq!(read_while(&[1, 3, 5], same), read("a3", "3 in /config/keys.yaml"), "again and again");
    let named = |version| format!("keys{version}.yaml");
    assert_eq!(read_while(&[1], named), read("a1", "1 in /config/keys1.yaml"), "keys of another name");
    let all: Vec<_> = (1..100).collect();
    assert!(read_while(&all, same).is_err_and(|error| error.contains("faster than it can be read")));
}
