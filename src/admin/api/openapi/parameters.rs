//! What stands in the path, the query and the head of a call, as it is described.

use serde_json::{Map, Value, json};

use super::schemas::{HASH, ID, PRINTABLE};
use crate::admin::MAX_NUMBER;

/// The name of a parameter of a call's query, among the described ones: some mean one thing here and another there.
pub(super) fn of_query(action: &str, name: &str) -> String {
    match (action, name) {
        ("connection.list", "after" | "limit" | "key") => format!("connection_{name}"),
        ("audit.list" | "audit.export", "after") => "audit_after".to_owned(),
        ("snapshot.follow", name) => format!("follow_{name}"),
        _ => name.to_owned(),
    }
}

/// All of them.
pub(super) fn all() -> Value {
    let id = || json!({ "type": "string", "pattern": ID });
    let number = |min: u64, max: u64| json!({ "type": "integer", "minimum": min, "maximum": max });
    let word = || json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" });
    let text = || json!({ "type": "string", "maxLength": 200, "pattern": PRINTABLE });
    let page = || {
        let mut limit = number(1, 1000);
        limit["default"] = json!(100);
        limit
    };
    let peer = json!({ "anyOf": [
        { "type": "string", "format": "ipv4" },
        { "type": "string", "format": "ipv6" },
        { "type": "string", "pattern": "^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}/(3[0-2]|[12]?[0-9])$" },
        { "type": "string", "pattern": "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$" },
    ] });
    let query = [
        ("app", "app", id(), "Of this application."),
        ("kind", "kind", json!({ "enum": ["publishable", "secret"] }), "Of this kind."),
        ("environment", "environment", json!({ "enum": ["live", "test"] }), "Of this environment."),
        ("state", "state", json!({ "enum": ["active", "disabled", "revoked"] }), "In this state."),
        ("q", "q", text(), "With this in its id or its name, in either case."),
        ("cursor", "cursor", id(), "Behind this one: `next` of the page before."),
        ("limit", "limit", page(), "At most so many."),
        (
            "audit_after",
            "after",
            number(0, MAX_NUMBER),
            "Behind the record of this number, in the order asked for: `next` of the page before.",
        ),
        ("order", "order", json!({ "enum": ["asc", "desc"], "default": "asc" }), "`desc`: the latest first."),
        ("actor", "actor", text(), "By this one: `operator:<id>`, `key:<id>`, `local:<uid>`."),
        ("action", "action", text(), "Just this, or all that begin so: `key.` is everything done to keys."),
        ("target", "target", text(), "On this: `key:<id>`, `app:<id>`, `operator:<id>`."),
        (
            "expect",
            "expect",
            json!({ "type": "string", "pattern": "^[0-9]{1,15}:[0-9a-f]{64}$" }),
            "The trail must have this record: its `sequence`, `:`, and its `hash`, as an earlier answer told them.",
        ),
        ("connection_key", "key", id(), "Of the key with this id."),
        ("transport", "transport", json!({ "enum": ["websocket", "sse", "http"] }), "Of this kind."),
        ("peer", "peer", peer, "Whose client is this address or in this network. An IPv6 address alone stands for its /64."),
        ("older_than_ms", "older_than_ms", number(0, MAX_NUMBER), "Opened at least so long ago."),
        (
            "earlier_secret",
            "earlier_secret",
            json!({ "type": "boolean", "default": false }),
            "Only those whose key has another secret by now, and which end when the grace period of theirs does.",
        ),
        ("connection_after", "after", number(0, MAX_NUMBER), "Behind this one: `next` of the page before. Not with `by`."),
        ("connection_limit", "limit", number(1, 1000), "At most so many; by default 1000."),
        ("nonce", "nonce", word(), "What was never said before; it stands in the answer, under the signature."),
        (
            "after",
            "after",
            number(0, MAX_NUMBER),
            "What whoever asks has come to: the hash of that record stands in the answer, if it is known.",
        ),
        ("follow_nonce", "nonce", word(), "What was never said before; it stands in every parcel, under the signature."),
        ("follow_instance", "instance", word(), "The process of the gate."),
        ("follow_name", "name", word(), "What the gate is called."),
        ("follow_epoch", "epoch", number(0, MAX_NUMBER), "Of the keys that the gate has."),
        ("follow_after", "after", number(0, MAX_NUMBER), "The sequence number of the keys that the gate has."),
        (
            "follow_hash",
            "hash",
            json!({ "type": "string", "pattern": HASH }),
            "Of the record that made them, in the audit trail.",
        ),
        (
            "follow_max_stale_ms",
            "max_stale_ms",
            number(1000, 86_400_000),
            "How long the gate decides by what it has after it has heard the manager last.",
        ),
        ("by", "by", json!({ "enum": ["key", "app", "peer"] }), "Counted by this, instead of a list."),
    ];
    let head = [
        (
            "if_match",
            "If-Match",
            json!({ "type": "string", "minLength": 1, "pattern": "^(\"[0-9]{1,15}\"|\\*)$" }),
            "Only if the key has this version.",
        ),
        (
            "if_none_match",
            "If-None-Match",
            // What is no tag of any key is none that the reader has (RFC 9110 section 13.1.2).
            json!({ "type": "string", "examples": ["\"7\""] }),
            "Only if the key has another version: else 304.",
        ),
        (
            "if_none_match_version",
            "If-None-Match",
            json!({ "type": "string" }),
            "The `ETag` of what the reader has: 304 if that is what there is.",
        ),
        (
            "idempotency_key",
            "Idempotency-Key",
            json!({ "type": "string", "pattern": "^[!-~]{1,255}$" }),
            "The request's own name, unique for whoever asks, for a day: sent again, it does nothing again.",
        ),
    ];
    let parameter = |place: &str, name: &str, schema: Value, about: &str| json!({ "name": name, "in": place, "description": about, "required": place == "path", "schema": schema });
    let mut all = Map::new();
    all.insert("id".to_owned(), parameter("path", "id", id(), "An id. Never the text of a key."));
    all.extend(query.map(|(of, name, schema, about)| {
        let mut described = parameter("query", name, schema, about);
        described["required"] = json!(of.starts_with("follow_"));
        (of.to_owned(), described)
    }));
    all.extend(head.map(|(of, name, schema, about)| (of.to_owned(), parameter("header", name, schema, about))));
    Value::Object(all)
}
