//! Managing keys, as the management API asks for it. The composition root implements it: it knows what a key's fields mean, where the
//! keys are kept, and the gate in which a change is to be in force.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Described, Leading};
use crate::{
    gate::capability::Capabilities,
    keystore::{AuditFilter, AuditFrom, AuditHead, AuditRecord, Operator, Role, StoreError, Version},
};

/// What can be asked of whoever manages keys.
#[async_trait::async_trait]
pub trait Managing: Send + Sync + 'static {
    /// Who this token, or the text of this secret key, belongs to; `None` is nobody who may manage anything. Asked for every request,
    /// also of those who guess: it looks into memory, not on a disk.
    async fn caller(&self, token: &str) -> Result<Option<Caller>, Trouble>;

    /// A page of the keys, in the order of their ids.
    async fn keys(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<KeyView>, Trouble>;

    /// A key.
    async fn key(&self, id: &str, by: &Caller) -> Result<KeyView, Trouble>;

    /// Makes a key of the fields of a key file, without what is a secret: that is made here.
    async fn create_key(&self, fields: Map<String, Value>, asked: &Asked) -> Result<Created, Trouble>;

    /// Changes the fields that are named (RFC 7396: `null` takes one away).
    async fn update_key(&self, id: &str, fields: Map<String, Value>, asked: &Asked) -> Result<KeyView, Trouble>;

    /// Disables, enables, rotates or revokes a key.
    async fn step(&self, id: &str, step: Stepping, asked: &Asked) -> Result<Stepped, Trouble>;

    /// The applications, with the number of their keys.
    async fn apps(&self, by: &Caller) -> Result<Vec<AppView>, Trouble>;

    /// Makes an application, with one publishable and one secret key.
    async fn create_app(&self, wanted: NewApp, asked: &Asked) -> Result<(AppView, Vec<Created>), Trouble>;

    /// Records of the audit trail, at most `limit`.
    async fn audit(&self, wanted: AuditFilter, from: AuditFrom, limit: usize, by: &Caller) -> Result<Vec<AuditRecord>, Trouble>;

    /// Whether the audit trail is whole and, where somebody knows one of its records, has that one still; and its end.
    async fn verify_audit(&self, known: Option<KnownRecord>, by: &Caller) -> Result<AuditHead, Trouble>;

    /// Remembers a management call that was refused. Failing to is an error of the call. The API does this for every refusal, also
    /// where it was [`Trouble::Forbidden`] from here: nothing else need.
    async fn note_refused(&self, action: &str, target: &str, why: &str, by: &Caller) -> Result<(), Trouble>;

    /// Remembers a call that changes no key and ends streams all the same, before it is carried out. `detail` is a JSON object without
    /// secrets. Failing to is an error of the call, and then it is not.
    async fn note(&self, action: &str, target: &str, detail: Value, by: &Caller) -> Result<(), Trouble>;

    /// Those who manage keys.
    async fn operators(&self, by: &Caller) -> Result<Vec<Operator>, Trouble>;

    /// Makes somebody's token, which is shown once.
    async fn create_operator(&self, wanted: NewOperator, asked: &Asked) -> Result<CreatedOperator, Trouble>;

    /// Ends a token.
    async fn revoke_operator(&self, id: &str, asked: &Asked) -> Result<(), Trouble>;

    /// What a key has done.
    async fn key_usage(&self, id: &str, by: &Caller) -> Result<UsageView, Trouble>;

    /// What keys have done: a page, in the order of their ids.
    async fn usage(&self, wanted: KeysWanted, by: &Caller) -> Result<Page<UsageView>, Trouble>;

    /// What the gate would say to a request, step by step; no limit of the gate's is charged.
    async fn explain(&self, request: Described, by: &Caller) -> Result<Value, Trouble>;

    /// What gates that follow this one are led by; `None` where no gate runs.
    fn leading(&self) -> Option<&dyn Leading>;

    /// Decisions as they happen, from now on, as one JSON object each. Whoever does not keep up misses some.
    fn decisions(&self) -> tokio::sync::broadcast::Receiver<std::sync::Arc<str>>;
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As the audit trail has it: `operator:<id>`, `key:<id>`, `local:<uid>`.
    pub actor: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// What they may do.
    pub reach: Reach,
}

/// What somebody may do.
#[derive(Clone, Debug)]
pub enum Reach {
    /// What their role allows, in every application.
    Role(Role),
    /// Manage the keys of one application, of one environment, and grant no more than this.
    App {
        /// The application.
        app: Box<str>,
        /// `live` or `test`.
        environment: &'static str,
        /// The most that may be granted.
        capabilities: std::sync::Arc<Capabilities>,
        /// The latest end of what is granted, in Unix milliseconds.
        until_ms: i64,
    },
}

/// Who asks for a change, and on what condition.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who.
    pub by: Caller,
    /// The version that the key must have (`If-Match`).
    pub if_version: Option<u64>,
    /// The request's own name (`Idempotency-Key`).
    pub once: Option<Box<str>>,
}

/// Which keys are listed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysWanted {
    /// Of this application.
    pub app: Option<String>,
    /// `publishable` or `secret`.
    pub kind: Option<String>,
    /// `live` or `test`.
    pub environment: Option<String>,
    /// `active`, `disabled` or `revoked`.
    pub state: Option<String>,
    /// With this in its id or name.
    pub q: Option<String>,
    /// Behind this one: the `next` of the page before.
    pub cursor: Option<String>,
    /// At most so many: 1 to 1000, by default 100.
    pub limit: Option<usize>,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What `cursor` of the next page is; `null` on the last.
    pub next: Option<String>,
}

/// A key as it is shown. Its other fields are those of a key file, and of a secret key no text and no digest.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// `id`, `app`, `name`, `kind`, `environment`, `state`, `key`, `origins`, `capabilities`, …
    #[serde(flatten)]
    pub fields: Map<String, Value>,
    /// `active`, `disabled`, `revoked` or `expired`: what the gate would say now.
    pub standing: &'static str,
    /// Ends of grace periods of earlier secrets, RFC 3339, the latest first.
    pub grace: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub changed_at: String,
    /// Counts changes; also the ETag.
    pub version: u64,
    /// Live streams on this gate.
    pub connections: usize,
    /// Those of them that were opened with an earlier secret, and end with its grace period.
    pub earlier_connections: usize,
    /// `older_than_90_days`, `grace_ends_soon`, `expires_soon`, `never_used`.
    pub warnings: Vec<&'static str>,
}

/// The text of a key or a token on its way to whoever it was made for: it is written into the answer, and cannot be printed.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Shown(String);

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// A key that was made, or whose secret is new.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// The key.
    pub key: KeyView,
    /// Its text: of a secret key the only time that it is shown. `null` where the request is a repetition: it was shown then.
    pub secret: Option<Shown>,
    /// Whether the same request had made it before.
    pub repeated: bool,
}

/// A record of the audit trail as somebody who cannot write the trail knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRecord {
    /// Its number; 0 is the beginning of the trail, before every record.
    pub sequence: u64,
    /// Its hash, which the chain up to it leads to; of the beginning, zeros.
    pub hash: [u8; 32],
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepping {
    /// See [`crate::gate::keys::Step`].
    Disable,
    /// The same.
    Enable,
    /// With this grace period; `None` is the usual one.
    Rotate(Option<Duration>),
    /// Waits so long for sockets and gates.
    Revoke(Duration),
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Stepped {
    /// The key.
    pub key: KeyView,
    /// The new text, after a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Shown>,
    /// Who did it, after a step that ends streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Whether the same request had done it before: then the new text is not shown again.
    pub repeated: bool,
}

/// How far a change has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The version that gates must have to obey it.
    pub version: Version,
    /// The gates that are known, this one first.
    pub gates: Vec<GateReceipt>,
    /// Whether all of them obey, and all streams that had to end have ended.
    pub complete: bool,
    /// From the change to the last of it, in milliseconds.
    pub took_ms: u64,
}

/// What one gate says of a change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GateReceipt {
    /// Its name.
    pub gate: String,
    /// Whether it obeys.
    pub acknowledged: bool,
    /// Streams that were told to end.
    pub cut: usize,
    /// Streams of the key that are left.
    pub remaining: usize,
    /// From the change until the last one ended, in milliseconds.
    pub took_ms: Option<u64>,
}

/// An application as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct AppView {
    /// Unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// RFC 3339.
    pub created_at: String,
    /// Its keys, revoked ones too.
    pub keys: usize,
}

/// An application that is wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// 1 to 64 of A-Z, a-z, 0-9, `_` and `-`.
    pub id: String,
    /// For people; at most 200 characters.
    #[serde(default)]
    pub name: String,
    /// `live` or `test`: of its first two keys.
    pub environment: String,
    /// Pages that may use the publishable key; without any, it works without an `Origin`, for native apps.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// An operator who is wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// For people; at most 200 characters.
    pub name: String,
    /// `gate`, `viewer`, `operator` or `owner`.
    pub role: String,
    /// RFC 3339; without it, the token does not end by itself.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// An operator who was made.
#[derive(Clone, Debug)]
pub struct CreatedOperator {
    /// Who.
    pub operator: Operator,
    /// The text of the token, the only time that it is shown; `None` where the request is a repetition: it was shown then.
    pub token: Option<Shown>,
    /// Whether the same request had made it before.
    pub repeated: bool,
}

/// What a key has done.
#[derive(Clone, Debug, Serialize)]
pub struct UsageView {
    /// Of the key.
    pub id: String,
    /// RFC 3339; `null` is never.
    pub last_used_at: Option<String>,
    /// Let in.
    pub requests: u64,
    /// Refused, by code.
    pub refusals: BTreeMap<Box<str>, u64>,
    /// Live streams.
    pub connections: usize,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Trouble {
    /// Not by this caller; why.
    Forbidden(String),
    /// Fields are wrong, each with its path and the way out.
    Invalid(Vec<FieldProblem>),
    /// The store says no.
    Store(StoreError),
    /// The audit trail is whole, and does not have the record that somebody knows; how.
    TrailDiffers(String),
    /// The keys are in a file, or another gate manages them: nothing can be changed here; where it can.
    ReadOnly(String),
    /// The gate that is to be forgotten follows.
    Follows,
    /// There is too much of it now; of what.
    Busy(String),
    /// It broke off; for the log.
    Broken(String),
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// `capabilities["chat:*"][0]`; empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
