//! What the gate would say to a request that is described: by the policy, the keys and the blocks in force. Nothing is charged to anybody:
//! the key that it presents is there with limits of its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{Manage, create::Text, wrong};
use crate::{
    admin::{Caller, Described, Trouble},
    app::explain::{File, Files, Rulings},
    config::{Config, KeyPlace},
    edge::Edge,
    gate::policy::Policy,
    keystore::read_state,
};

/// A policy, and the files in which what holds beside it stands.
pub(super) struct Source {
    policy: Arc<Policy>,
    config: Arc<File>,
    store: PathBuf,
    state: Option<PathBuf>,
}

impl Manage {
    /// Notes that the rules from now on are those of `policy`, which is that of `config`; `text` is what was read at `path`, unless an
    /// earlier configuration goes on.
    pub fn rules_are(&self, policy: Arc<Policy>, path: &Path, config: &Config, text: Option<String>) {
        let before = self.source.load_full();
        let file = match (text, before) {
            (Some(text), _) => Arc::new(File { path: path.to_owned(), text }),
            (None, Some(before)) => Arc::clone(&before.config),
            (None, None) => Arc::new(File { path: path.to_owned(), text: String::new() }),
        };
        let store = match &config.keys.place {
            KeyPlace::Sqlite(store) | KeyPlace::File(store) => store.clone(),
            KeyPlace::Manager(manager) => manager.cache.clone(),
        };
        let source = Source { policy, config: file, store, state: config.state.clone() };
        self.source.store(Some(Arc::new(source)));
    }

    pub(super) async fn explanation(&self, mut request: Described, by: &Caller) -> Result<Value, Trouble> {
        let (Some(edge), Some(source)) = (&self.edge, self.source.load_full()) else {
            return Err(Trouble::Broken("no gate runs here that could be asked".to_owned()));
        };
        let now = self.clock.now();
        let mut rulings = in_force(edge, &source)?;
        let named = request.key_id.take();
        let id = match &named {
            Some(id) => Some(id.as_str().into()),
            None => rulings.charged(&request, now).map(|record| record.id.clone()),
        };
        if let Some(id) = id {
            self.give_own_limits(&mut rulings, &id, named.is_some().then_some(&mut request), by).await?;
        }
        let explaining = tokio::task::spawn_blocking(move || {
            rulings.files.state =
                source.state.as_ref().and_then(|path| Some(File { path: path.clone(), text: read_state(path).ok()?? }));
            rulings.explain(&request, now).map(|explanation| explanation.json())
        });
        let explained = explaining.await.map_err(|error| Trouble::Broken(format!("explaining broke off: {error}")))?;
        explained.map_err(|_| {
            wrong("key", "cannot be sent: the configuration takes keys in no header; say its text in `target` or in `headers`")
        })
    }

    /// Puts another key in the place of that with this `id`, the same but for the state of its limits; and has it presented by the request
    /// to which it is `lent`.
    async fn give_own_limits(
        &self,
        rulings: &mut Rulings,
        id: &str,
        lent: Option<&mut Described>,
        by: &Caller,
    ) -> Result<(), Trouble> {
        let mut key = self.key_for(id, by).await?;
        let mut hold = self.stored.hold().await;
        if let Some(request) = lent {
            let text = match &key.text {
                Some(text) => text.to_string(),
                None => {
                    // Nobody has the text of a secret key: here it has another, which is good nowhere else and goes with this set.
                    let Text { text, digest } = self.text(key.prefix.as_deref(), key.kind, key.environment, &hold)?;
                    key.life.digest = digest;
                    text
                }
            };
            request.key = Some(text);
        }
        let record = hold.compiler.record(&key, None).map_err(Trouble::Broken)?;
        drop(hold);
        // Taken out first: a key that is changed goes on with the limits that it had.
        let without = rulings.keys.with(Vec::new(), &[id]);
        let with = without.and_then(|set| set.with(vec![record], &[]));
        rulings.keys = Arc::new(with.map_err(|_| Trouble::Broken("the key does not go with the keys in force".to_owned()))?);
        Ok(())
    }
}

/// What the gate goes by now.
fn in_force(edge: &Edge, source: &Source) -> Result<Rulings, Trouble> {
    let snapshot = edge.gate().snapshot();
    let keys = snapshot.keys.clone().ok_or_else(|| Trouble::Broken("no keys are in force".to_owned()))?;
    // In the moment of a reload, the file may be that of another policy: then no line of it is told.
    let is_its = Arc::ptr_eq(&source.policy, &snapshot.policy);
    let config = File { path: source.config.path.clone(), text: if is_its { source.config.text.clone() } else { String::new() } };
    // A store has no lines.
    let keys_file = File { path: source.store.clone(), text: String::new() };
    Ok(Rulings {
        policy: Arc::clone(&snapshot.policy),
        keys,
        blocks: Arc::clone(&snapshot.blocks),
        files: Files { config, keys: keys_file, state: None },
    })
}
