//! Keys in memory, and a gate without traffic: enough to see what the API asks for, and to have it answered in every way there is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use keygate::{
    admin::{
        AppView, Asked, Asker, BlockView, Blocked, Caller, Connections, Created, CreatedOperator, Cut, Described, FieldProblem,
        Followed, GateView, Governed, Grouping, Groups, Joining, KeyView, KeysWanted, KnownRecord, Leading, Lifted, Listing,
        Managing, NewApp, NewOperator, Offered, Page, Reach, Receipt, Report, Severed, Shown, Stepped, Stepping, ToldUsage,
        Trouble, UsageView, Wanted,
    },
    gate::{blocks::Target, credential::VerifyKey, testing},
    keystore::{AuditFilter, AuditFrom, AuditHead, AuditRecord, Operator, Role, StoreError, Version},
};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, mpsc};

/// The text that must be nowhere but in the answer that makes it.
pub const SECRET: &str = "sk_live_shown_once";

/// The fields of a key, and its version.
type Kept = (Map<String, Value>, u64);
/// The key, what was to happen, the version it must have, and whether the request had a name of its own.
type StepTaken = (String, Stepping, Option<u64>, bool);

pub struct FakeManager {
    keys: Mutex<BTreeMap<String, Kept>>,
    seen: Mutex<Vec<Box<str>>>,
    /// What the next call is answered with, instead of being done.
    pub trouble: Mutex<Option<Trouble>>,
    /// What was noted: action, target, detail.
    pub notes: Mutex<Vec<String>>,
    /// Whether nothing can be noted.
    pub deaf: AtomicBool,
    /// How many records the audit trail has.
    pub records: AtomicUsize,
    /// Whether a reader who comes to its middle finds it damaged.
    pub damaged: AtomicBool,
    /// The record that the audit trail was to have.
    pub known: Mutex<Option<KnownRecord>>,
    /// Steps that were asked for.
    pub steps: Mutex<Vec<StepTaken>>,
    /// Whether calls never come back.
    pub hangs: AtomicBool,
    pub decisions: broadcast::Sender<Arc<str>>,
}

impl Default for FakeManager {
    fn default() -> Self {
        let key = |id: &str, kind: &str| {
            (id.to_owned(), (object(json!({ "id": id, "app": "demo", "kind": kind, "environment": "live" })), 7))
        };
        Self {
            keys: Mutex::new(["server", "web"].map(|id| key(id, if id == "web" { "publishable" } else { "secret" })).into()),
            seen: Mutex::default(),
            trouble: Mutex::default(),
            notes: Mutex::default(),
            deaf: AtomicBool::new(false),
            records: AtomicUsize::new(3),
            damaged: AtomicBool::new(false),
            known: Mutex::default(),
            steps: Mutex::default(),
            hangs: AtomicBool::new(false),
            decisions: broadcast::Sender::new(4),
        }
    }
}

pub fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("no object") };
    object
}

impl FakeManager {
    fn troubled(&self) -> Result<(), Trouble> {
        self.trouble.lock().take().map_or(Ok(()), Err)
    }

    fn view(fields: &Map<String, Value>, version: u64) -> KeyView {
        KeyView {
            fields: fields.clone(),
            standing: "active",
            grace: Vec::new(),
            created_at: "2026-01-01T00:00:00Z".to_owned(),
            changed_at: "2026-01-01T00:00:00Z".to_owned(),
            version,
            connections: 0,
            earlier_connections: 0,
            warnings: Vec::new(),
        }
    }

    fn found(&self, id: &str) -> Result<KeyView, Trouble> {
        let keys = self.keys.lock();
        keys.get(id).map(|(fields, version)| Self::view(fields, *version)).ok_or_else(|| missing(id))
    }

    /// Whether a request of this name came before.
    fn is_repeated(&self, asked: &Asked) -> bool {
        let Some(once) = &asked.once else { return false };
        let mut seen = self.seen.lock();
        let again = seen.contains(once);
        seen.push(once.clone());
        again
    }

    fn usage(id: &str) -> UsageView {
        UsageView { id: id.to_owned(), last_used_at: None, requests: 0, refusals: BTreeMap::new(), connections: 0 }
    }
}

fn missing(id: &str) -> Trouble {
    StoreError::NotFound(format!("key:{id}").into()).into()
}

fn record(sequence: u64) -> AuditRecord {
    AuditRecord {
        sequence,
        at_ms: 1_767_225_600_000,
        actor: "operator:ada".into(),
        action: "key.create".into(),
        target: "key:web".into(),
        detail: r#"{"name":"Web"}"#.into(),
        hash: [7; 32],
    }
}

#[async_trait::async_trait]
impl Managing for FakeManager {
    async fn caller(&self, token: &str) -> Result<Option<Caller>, Trouble> {
        let reach = match token {
            "gate" => Reach::Role(Role::Gate),
            "viewer" => Reach::Role(Role::Viewer),
            "operator" => Reach::Role(Role::Operator),
            "owner" => Reach::Role(Role::Owner),
            "app" => Reach::App {
                app: "demo".into(),
                environment: "live",
                capabilities: testing::capable(&[("*", &["subscribe", "keygate:keys"])]),
                until_ms: i64::MAX,
            },
            _ => return Ok(None),
        };
        Ok(Some(Caller { actor: format!("operator:{token}").into(), name: token.into(), reach }))
    }

    async fn keys(&self, wanted: KeysWanted, _: &Caller) -> Result<Page<KeyView>, Trouble> {
        self.troubled()?;
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let keys = self.keys.lock();
        let behind = keys.iter().filter(|(id, _)| wanted.cursor.as_ref().is_none_or(|cursor| *id > cursor));
        let limit = wanted.limit.expect("the API says the limit");
        let items: Vec<_> = behind.take(limit).map(|(_, (fields, version))| Self::view(fields, *version)).collect();
        let last = items.last().and_then(|key| key.fields["id"].as_str()).map(str::to_owned);
        Ok(Page { next: last.filter(|last| keys.keys().next_back() != Some(last)), items })
    }

    async fn key(&self, id: &str, _: &Caller) -> Result<KeyView, Trouble> {
        self.troubled()?;
        self.found(id)
    }

    async fn create_key(&self, mut fields: Map<String, Value>, asked: &Asked) -> Result<Created, Trouble> {
        self.troubled()?;
        if !fields.contains_key("app") {
            return Err(Trouble::Invalid(vec![FieldProblem { path: "app".to_owned(), message: "is required".to_owned() }]));
        }
        fields.insert("id".to_owned(), json!("made"));
        let repeated = self.is_repeated(asked);
        self.keys.lock().insert("made".to_owned(), (fields.clone(), 1));
        let secret = (!repeated).then(|| Shown::from(SECRET.to_owned()));
        Ok(Created { key: Self::view(&fields, 1), secret, repeated })
    }

    async fn update_key(&self, id: &str, said: Map<String, Value>, asked: &Asked) -> Result<KeyView, Trouble> {
        self.troubled()?;
        let mut keys = self.keys.lock();
        let (fields, version) = keys.get_mut(id).ok_or_else(|| missing(id))?;
        if asked.if_version.is_some_and(|wanted| wanted != *version) {
            return Err(StoreError::Changed(*version).into());
        }
        fields.extend(said);
        *version += 1;
        Ok(Self::view(fields, *version))
    }

    async fn step(&self, id: &str, step: Stepping, asked: &Asked) -> Result<Stepped, Trouble> {
        self.troubled()?;
        self.steps.lock().push((id.to_owned(), step, asked.if_version, asked.once.is_some()));
        let key = self.found(id)?;
        let repeated = self.is_repeated(asked);
        let secret = matches!(step, Stepping::Rotate(_)).then(|| Shown::from(SECRET.to_owned())).filter(|_| !repeated);
        let receipt = matches!(step, Stepping::Revoke(_)).then(Receipt::default);
        Ok(Stepped { key, secret, receipt, repeated })
    }

    async fn apps(&self, _: &Caller) -> Result<Vec<AppView>, Trouble> {
        self.troubled()?;
        let app =
            |id: &str| AppView { id: id.to_owned(), name: String::new(), created_at: "2026-01-01T00:00:00Z".to_owned(), keys: 2 };
        Ok(["a", "b", "c"].map(app).into())
    }

    async fn create_app(&self, wanted: NewApp, asked: &Asked) -> Result<(AppView, Vec<Created>), Trouble> {
        self.troubled()?;
        let repeated = self.is_repeated(asked);
        let app = AppView { id: wanted.id, name: wanted.name, created_at: "2026-01-01T00:00:00Z".to_owned(), keys: 2 };
        let created = |id| {
            let secret = (!repeated).then(|| Shown::from(SECRET.to_owned()));
            self.found(id).map(|key| Created { key, secret, repeated })
        };
        Ok((app, vec![created("web")?, created("server")?]))
    }

    async fn audit(&self, _: AuditFilter, from: AuditFrom, limit: usize, _: &Caller) -> Result<Vec<AuditRecord>, Trouble> {
        self.troubled()?;
        let all = self.records.load(Ordering::Relaxed) as u64;
        if matches!(from, AuditFrom::After(after) if after > 0) && self.damaged.load(Ordering::Relaxed) {
            return Err(StoreError::Io("no luck".to_owned()).into());
        }
        Ok(match from {
            AuditFrom::After(after) => (after + 1..=all).take(limit).map(record).collect(),
            AuditFrom::Before(before) => (1..=all.min(before - 1)).rev().take(limit).map(record).collect(),
        })
    }

    async fn verify_audit(&self, known: Option<KnownRecord>, _: &Caller) -> Result<AuditHead, Trouble> {
        self.troubled()?;
        *self.known.lock() = known;
        Ok(AuditHead { first: 1, sequence: 3, hash: [7; 32] })
    }

    async fn note_refused(&self, action: &str, target: &str, why: &str, by: &Caller) -> Result<(), Trouble> {
        self.note(action, target, json!({ "refused": why }), by).await
    }

    async fn note(&self, action: &str, target: &str, detail: Value, by: &Caller) -> Result<(), Trouble> {
        if self.deaf.load(Ordering::Relaxed) {
            return Err(StoreError::Full.into());
        }
        self.notes.lock().push(format!("{} {action} {target} {detail}", by.actor));
        Ok(())
    }

    async fn operators(&self, _: &Caller) -> Result<Vec<Operator>, Trouble> {
        self.troubled()?;
        Ok(vec![operator("ada")])
    }

    async fn create_operator(&self, wanted: NewOperator, asked: &Asked) -> Result<CreatedOperator, Trouble> {
        self.troubled()?;
        let repeated = self.is_repeated(asked);
        let token = (!repeated).then(|| Shown::from(SECRET.to_owned()));
        Ok(CreatedOperator { operator: Operator { name: wanted.name.into(), ..operator("new") }, token, repeated })
    }

    async fn revoke_operator(&self, _: &str, _: &Asked) -> Result<(), Trouble> {
        self.troubled()
    }

    async fn key_usage(&self, id: &str, _: &Caller) -> Result<UsageView, Trouble> {
        self.troubled()?;
        self.found(id).map(|_| Self::usage(id))
    }

    async fn usage(&self, _: KeysWanted, _: &Caller) -> Result<Page<UsageView>, Trouble> {
        self.troubled()?;
        Ok(Page { items: vec![Self::usage("web")], next: None })
    }

    async fn explain(&self, request: Described, _: &Caller) -> Result<Value, Trouble> {
        self.troubled()?;
        Ok(json!({ "method": request.method, "target": request.target, "peer": request.peer.to_string(), "host": request.host }))
    }

    fn leading(&self) -> Option<&dyn Leading> {
        Some(self)
    }

    fn decisions(&self) -> broadcast::Receiver<Arc<str>> {
        self.decisions.subscribe()
    }
}

#[async_trait::async_trait]
impl Leading for FakeManager {
    fn verify_key(&self) -> VerifyKey {
        VerifyKey::new([7; 32])
    }

    async fn version(&self) -> Result<Version, Trouble> {
        self.troubled()?;
        Ok(Version { epoch: 3, sequence: 4 })
    }

    async fn snapshot(&self, nonce: &str, _: u64, _: &Caller) -> Result<mpsc::Receiver<std::io::Result<Bytes>>, Trouble> {
        let (sender, pieces) = mpsc::channel(2);
        for piece in ["all keys for ".to_owned(), nonce.to_owned()] {
            sender.try_send(Ok(piece.into())).expect("there is room");
        }
        Ok(pieces)
    }

    async fn follow(&self, joining: Joining, _: &Caller) -> Result<mpsc::Receiver<Followed>, Trouble> {
        self.troubled()?;
        let (sender, said) = mpsc::channel(2);
        let Joining { nonce, at, .. } = joining;
        sender.try_send(Followed::Changes(at.version, format!("one for {nonce}\ntwo\n"))).expect("there is room");
        sender.try_send(Followed::End(at.version, "why".to_owned())).expect("there is room");
        Ok(said)
    }

    async fn report(&self, _: Report, _: &Caller) -> Result<(), Trouble> {
        self.troubled()
    }

    async fn take_usage(&self, _: ToldUsage, _: &Caller) -> Result<(), Trouble> {
        self.troubled()
    }

    fn gates(&self) -> Vec<GateView> {
        let view = |instance: &str| GateView {
            name: "edge".to_owned(),
            instance: instance.to_owned(),
            actor: "operator:gate".to_owned(),
            connected: true,
            version: Version { epoch: 3, sequence: 4 },
            diverged: false,
            heard_ms_ago: 1,
            max_stale_ms: 1000,
        };
        ["two", "one"].map(view).into()
    }

    async fn forget(&self, _: &str, _: &Caller) -> Result<(), Trouble> {
        self.troubled()
    }
}

fn operator(id: &str) -> Operator {
    Operator {
        id: id.into(),
        name: "Ada".into(),
        role: Role::Owner,
        digest: [9; 32],
        created_at_ms: 1_767_225_600_000,
        expires_at_ms: i64::MAX,
        revoked: false,
    }
}

/// A gate without traffic.
#[derive(Default)]
pub struct FakeGate {
    /// What was to be cut.
    pub cuts: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Governed for FakeGate {
    fn ready(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn metrics(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    async fn reload(&self) -> Result<u64, String> {
        Ok(1)
    }

    async fn drain(&self, _: Duration) -> usize {
        0
    }

    fn connections(&self, _: &Listing) -> Result<Connections, String> {
        Ok(Connections { clients: 1, total: 0, matching: 0, connections: Vec::new(), next: None })
    }

    fn grouped_connections(&self, _: &Grouping) -> Result<Groups, String> {
        Ok(Groups { clients: 1, total: 0, matching: 0, groups: Vec::new(), left_off: 0 })
    }

    async fn cut(&self, wanted: Cut, _: Asker) -> Result<Severed, String> {
        self.cuts.lock().push(format!("{:?}", wanted.filter));
        match wanted.filter.id {
            Some(id) => Err(format!("no live connection has the id {id}")),
            None => Ok(Severed { cut: 2, remaining: 0, known: None }),
        }
    }

    async fn block(&self, _: Wanted, _: Asker) -> Result<Blocked, String> {
        Err("not here".to_owned())
    }

    async fn unblock(&self, _: Target, _: Asker) -> Result<Lifted, String> {
        Err("not here".to_owned())
    }

    fn blocks(&self) -> Vec<BlockView> {
        Vec::new()
    }

    fn offer(&self) -> Result<Vec<Offered>, String> {
        Err("not here".to_owned())
    }

    async fn freeze_blocks(&self) -> Result<String, String> {
        Err("not here".to_owned())
    }

    fn thaw_blocks(&self) {}

    fn replaced(&self) {}

    fn set_log_level(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}
