//! Stores, keys and changes for the tests of this suite.

use std::path::{Path, PathBuf};

use keygate::{
    gate::{
        credential::{Environment, Kind},
        keys::{About, Key, KeyChange, Life, Step},
        testing,
    },
    keystore::{App, Change, ChangedKeys, Committed, Deed, KeyFilter, KeyStore as _, SqliteStore, StoreError, Version},
};
use tempfile::TempDir;

pub const NOW: i64 = 1_700_000_000_000;
pub const HOUR: i64 = 60 * 60 * 1000;

/// A store in a folder of its own.
pub struct Own {
    pub folder: TempDir,
    pub store: SqliteStore,
}

impl Own {
    pub fn new() -> Self {
        let folder = folder();
        let path = folder.path().join("keygate.db");
        SqliteStore::create(&path, NOW).unwrap();
        Self { store: SqliteStore::open(&path).unwrap(), folder }
    }

    /// With the application `demo` and these keys of it.
    pub fn with(keys: &[&str]) -> Self {
        let own = Self::new();
        own.commit(Deed::CreateApp(app("demo"), keys.iter().map(|id| key(id)).collect())).unwrap();
        own
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("keygate.db")
    }

    pub fn commit(&self, deed: Deed) -> Result<Committed, StoreError> {
        self.store.commit(change(deed))
    }

    /// The same store, closed and opened again.
    pub fn reopened(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        let store = SqliteStore::open(&folder.path().join("keygate.db")).unwrap();
        Self { folder, store }
    }

    pub fn all(&self) -> Vec<Key> {
        all(&self.store).unwrap().1
    }

    pub fn changed_after(&self, sequence: u64, limit: usize) -> ChangedKeys {
        self.store.changed_after(sequence, limit).unwrap()
    }

    pub fn actions(&self) -> Vec<(String, String)> {
        let records = self
            .store
            .audit(&keygate::keystore::AuditFilter::default(), keygate::keystore::AuditFrom::After(0), usize::MAX)
            .unwrap();
        records.iter().map(|record| (record.action.to_string(), record.target.to_string())).collect()
    }
}

pub fn all(store: &SqliteStore) -> Result<(Version, Vec<Key>), StoreError> {
    let mut keys = Vec::new();
    let version = store.read_all(&mut |key| keys.push(key))?;
    Ok((version, keys))
}

/// A folder for a store, in memory where there is such a place: most tests here are not about the disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::Builder::new().prefix("keygate-store-").tempdir_in(memory);
    made.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub fn change(deed: Deed) -> Change {
    Change { deed, actor: "operator:ann".into(), at_ms: NOW, once: None }
}

pub fn step(id: &str, step: Step) -> Deed {
    Deed::Change { id: id.into(), if_version: None, change: Box::new(KeyChange::Step(step, None)) }
}

pub fn rotate(id: &str, text: &str, grace_ms: i64) -> Deed {
    step(id, Step::Rotate { digest: testing::digest(text), grace_ms })
}

pub fn update(id: &str, about: About) -> Deed {
    Deed::Change { id: id.into(), if_version: None, change: Box::new(KeyChange::Update(about, i64::MAX)) }
}

pub fn app(id: &str) -> App {
    App { id: id.into(), name: format!("The app {id}").into(), created_at_ms: NOW }
}

/// A secret key of the application `demo`, whose text is `sk_<id>`.
pub fn key(id: &str) -> Key {
    Key {
        id: id.into(),
        app: "demo".into(),
        kind: Kind::Secret,
        environment: Environment::Live,
        life: Life::new(testing::digest(&format!("sk_{id}")), i64::MAX),
        text: None,
        prefix: None,
        about: About { name: format!("Key {id}").into(), terms: "{}".into(), ..About::default() },
        created_at_ms: NOW,
        text_since_ms: NOW,
        changed_at_ms: NOW,
        version: 1,
    }
}

/// A key of which everything is said.
pub fn full_key(id: &str) -> Key {
    let plain = key(id);
    let rotated = plain.life.after(Step::Rotate { digest: testing::digest(&format!("pk_{id}_2")), grace_ms: HOUR }, NOW).unwrap();
    Key {
        kind: Kind::Publishable,
        environment: Environment::Test,
        life: Life { expires_at_ms: NOW + 2 * HOUR, ..rotated },
        text: Some(format!("pk_{id}_2").into()),
        prefix: Some("acme".into()),
        about: About {
            name: "Schlüssel „Ω“\n".into(),
            terms: r#"{"origins":["https://example.com"]}"#.into(),
            revocable_tokens: true,
            metadata: [("plan".into(), "gold \"24\"".into()), ("ówner".into(), "".into())].into(),
        },
        text_since_ms: NOW + 5,
        version: 7,
        ..plain
    }
}

pub fn ids(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(|key| &*key.id).collect()
}

pub fn list(own: &Own, wanted: KeyFilter) -> Vec<String> {
    own.store.keys(&wanted, None, usize::MAX).unwrap().iter().map(|key| key.id.to_string()).collect()
}

/// The files of a store as they are now, in a folder of their own: as after a kill, if it is open. Its log's index is left out, for it would
/// not outlive the machine.
pub fn image(of: &Path, but: &[&str]) -> (TempDir, PathBuf) {
    let to = folder();
    for entry in std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        if !name.ends_with("-shm") && !but.iter().any(|ending| name.ends_with(ending)) {
            std::fs::copy(entry.path(), to.path().join(name)).unwrap();
        }
    }
    let path = to.path().join("keygate.db");
    (to, path)
}

/// Whether the long runs are asked for (`scripts/test --long`).
pub fn long() -> bool {
    std::env::var_os("KEYGATE_LONG").is_some()
}

/// Numbers that look random and are the same in every run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
