//! The schemas of what gates that follow are given and tell.

use serde_json::{Value, json};

use super::schemas::{Group, HASH, count, id, object, or_null, page};
use crate::admin::MAX_NUMBER;

/// All of them.
pub(super) fn all() -> Group {
    let word = || json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" });
    let version = || object([("epoch", count()), ("sequence", count())]);
    let number = || json!({ "type": "integer", "minimum": 0, "maximum": MAX_NUMBER });
    let by_id = |of: Value, max: usize| {
        json!({
            "type": "object", "propertyNames": id(), "additionalProperties": of, "maxProperties": max,
        })
    };
    let asked = || object([("epoch", number()), ("sequence", number())]);
    let ended = object([("cut", number()), ("remaining", number())]);
    let counts = object([
        ("last_used_ms", number()),
        ("requests", number()),
        ("refusals?", json!({ "type": "object", "additionalProperties": number(), "maxProperties": 50 })),
    ]);
    let misuse = object([
        ("key", id()),
        ("reason", json!({ "type": "string", "maxLength": 64 })),
        ("count", number()),
        ("peer", json!({ "type": "string", "maxLength": 64 })),
        ("origin?", or_null(json!({ "type": "string", "maxLength": 256 }))),
    ]);
    vec![
        ("VerifyKey", object([("verify", json!({ "type": "string", "pattern": "^ed25519:[A-Za-z0-9_-]{43}$" }))])),
        (
            "GateReport",
            object([
                ("instance", word()),
                ("version", asked()),
                (
                    "hash",
                    json!({ "type": "string", "pattern": HASH, "description": "Of the record that made that version, in the audit trail." }),
                ),
                (
                    "number",
                    json!({ "type": "integer", "minimum": 1, "maximum": MAX_NUMBER, "description": "Counts its reports: one that comes late says nothing." }),
                ),
                (
                    "more?",
                    json!({ "type": "boolean", "description": "Another report follows with more streams that ended by it." }),
                ),
                ("ended?", by_id(ended, 200)),
                ("leaving?", json!({ "type": "boolean", "description": "It ends, and decides nothing from now on." })),
            ]),
        ),
        (
            "GateUsage",
            object([
                ("instance", word()),
                ("batch", number()),
                ("keys?", by_id(counts, 300)),
                ("misuses?", json!({ "type": "array", "items": misuse, "maxItems": 100 })),
            ]),
        ),
        (
            "Gate",
            object([
                ("name", word()),
                ("instance", word()),
                ("actor", json!({ "type": "string", "description": "Its token, as the audit trail has it." })),
                ("connected", json!({ "type": "boolean" })),
                ("version", version()),
                (
                    "diverged",
                    json!({ "type": "boolean", "description": "It has keys that this store never had: one of both was put back by hand." }),
                ),
                ("heard_ms_ago", count()),
                (
                    "max_stale_ms",
                    json!({ "type": "integer", "minimum": 0, "description": "So long after that it decides by what it has." }),
                ),
            ]),
        ),
        ("GatePage", page("Gate")),
    ]
}
