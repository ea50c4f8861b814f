//! What can be called, and by whom: one table. A route that is not in it is reached by nobody.
//!
//! Knows names alone; what a call does stands with its matter.

use axum::http::Method;

use crate::{
    admin::{Caller, Reach},
    keystore::Role,
};

/// One call.
pub(super) struct Endpoint {
    /// Its method. A `GET` can be asked as `HEAD` too.
    pub method: Method,
    /// Its path, as the router has it.
    pub path: &'static str,
    /// What the audit trail calls it where it was refused.
    pub action: &'static str,
    /// The least role that may; of calls for the role `gate`, that one and owners alone.
    role: Role,
    /// Whether a secret key with the right `keygate:keys` may, for keys of its own app and environment.
    by_key: bool,
    /// Names that may stand in its query.
    pub query: &'static [&'static str],
}

const KEYS: &[&str] = &["app", "kind", "environment", "state", "q", "cursor", "limit"];
const PAGE: &[&str] = &["cursor", "limit"];
const AUDIT: &[&str] = &["after", "order", "limit", "actor", "action", "target"];
const SNAPSHOT: &[&str] = &["nonce", "after"];
const FOLLOW: &[&str] = &["nonce", "instance", "name", "epoch", "after", "hash", "max_stale_ms"];
const EXPORT: &[&str] = &["after", "actor", "action", "target"];
const CONNECTIONS: &[&str] = &["key", "app", "transport", "peer", "older_than_ms", "earlier_secret", "after", "limit", "by"];

/// Whether a key may: for readers of the table.
const KEY: bool = true;
const NO_KEY: bool = false;

/// Every call but those that anybody may make: the console's files, this API's description and its table of problems.
pub(super) static ENDPOINTS: [Endpoint; 30] = [
    row(Method::GET, "/v1/keys", "key.list", Role::Viewer, KEY, KEYS),
    row(Method::POST, "/v1/keys", "key.create", Role::Operator, KEY, &[]),
    row(Method::GET, "/v1/keys/{id}", "key.show", Role::Viewer, KEY, &[]),
    row(Method::PATCH, "/v1/keys/{id}", "key.update", Role::Operator, KEY, &[]),
    row(Method::POST, "/v1/keys/{id}/disable", "key.disable", Role::Operator, KEY, &[]),
    row(Method::POST, "/v1/keys/{id}/enable", "key.enable", Role::Operator, KEY, &[]),
    row(Method::POST, "/v1/keys/{id}/rotate", "key.rotate", Role::Operator, KEY, &[]),
    row(Method::POST, "/v1/keys/{id}/revoke", "key.revoke", Role::Operator, KEY, &[]),
    row(Method::GET, "/v1/keys/{id}/usage", "usage.show", Role::Viewer, KEY, &[]),
    row(Method::GET, "/v1/usage", "usage.list", Role::Viewer, KEY, KEYS),
    row(Method::GET, "/v1/whoami", "whoami", Role::Viewer, KEY, &[]),
    row(Method::GET, "/v1/apps", "app.list", Role::Viewer, NO_KEY, PAGE),
    row(Method::POST, "/v1/apps", "app.create", Role::Operator, NO_KEY, &[]),
    row(Method::GET, "/v1/audit", "audit.list", Role::Viewer, NO_KEY, AUDIT),
    row(Method::GET, "/v1/audit/export", "audit.export", Role::Viewer, NO_KEY, EXPORT),
    row(Method::GET, "/v1/audit/verify", "audit.verify", Role::Viewer, NO_KEY, &["expect"]),
    row(Method::GET, "/v1/connections", "connection.list", Role::Viewer, NO_KEY, CONNECTIONS),
    row(Method::POST, "/v1/connections/cut", "connection.cut", Role::Operator, NO_KEY, &[]),
    row(Method::GET, "/v1/decisions", "decision.follow", Role::Viewer, NO_KEY, &[]),
    row(Method::POST, "/v1/explain", "explain", Role::Viewer, NO_KEY, &[]),
    row(Method::GET, "/v1/snapshot", "snapshot.read", Role::Gate, NO_KEY, SNAPSHOT),
    row(Method::GET, "/v1/snapshot/events", "snapshot.follow", Role::Gate, NO_KEY, FOLLOW),
    row(Method::GET, "/v1/snapshot/key", "snapshot.key", Role::Viewer, NO_KEY, &[]),
    row(Method::POST, "/v1/snapshot/reports", "snapshot.report", Role::Gate, NO_KEY, &[]),
    row(Method::POST, "/v1/snapshot/usage", "snapshot.usage", Role::Gate, NO_KEY, &[]),
    row(Method::GET, "/v1/gates", "gate.list", Role::Viewer, NO_KEY, PAGE),
    row(Method::POST, "/v1/gates/{id}/forget", "gate.forget", Role::Operator, NO_KEY, &[]),
    row(Method::GET, "/v1/operators", "operator.list", Role::Viewer, NO_KEY, PAGE),
    row(Method::POST, "/v1/operators", "operator.create", Role::Owner, NO_KEY, &[]),
    row(Method::POST, "/v1/operators/{id}/revoke", "operator.revoke", Role::Owner, NO_KEY, &[]),
];

const fn row(
    method: Method,
    path: &'static str,
    action: &'static str,
    role: Role,
    by_key: bool,
    query: &'static [&'static str],
) -> Endpoint {
    Endpoint { method, path, action, role, by_key, query }
}

/// The calls of a path, in the order of the table.
pub(super) fn at(path: &str) -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().filter(move |endpoint| endpoint.path == path)
}

impl Endpoint {
    /// Whether it is what a request of this method asks for.
    pub fn answers(&self, method: &Method) -> bool {
        self.method == *method || self.method == Method::GET && *method == Method::HEAD
    }

    /// Whether the caller may.
    ///
    /// # Errors
    /// Why not, and who may.
    pub fn admits(&self, caller: &Caller) -> Result<(), String> {
        match &caller.reach {
            // What is for gates has the digests of keys in it, which nobody else sees.
            Reach::Role(role) if *role >= self.role && (self.role != Role::Gate || matches!(role, Role::Gate | Role::Owner)) => {
                Ok(())
            }
            Reach::Role(role) => Err(format!("needs the role `{}`; yours is `{}`", self.role.name(), role.name())),
            Reach::App { .. } if self.by_key => Ok(()),
            Reach::App { .. } => {
                Err("is for operators: a key manages the keys of its own app and environment, and nothing else".to_owned())
            }
        }
    }

    /// Who may, in a sentence.
    pub fn told(&self) -> String {
        let key =
            if self.by_key { ", or a secret key with the right `keygate:keys`, of its own app and environment" } else { "" };
        if self.role == Role::Gate {
            return "For the role `gate`, and for owners.".to_owned();
        }
        format!("For the role `{}` and above{key}.", self.role.name())
    }

    /// What it is about, for the audit trail: `key:web`, or `keys` where it names none.
    pub fn target(&self, id: Option<&str>) -> String {
        let kind = self.path.split('/').nth(2).unwrap_or_default();
        id.map_or_else(|| kind.to_owned(), |id| format!("{}:{id}", kind.trim_end_matches('s')))
    }
}
