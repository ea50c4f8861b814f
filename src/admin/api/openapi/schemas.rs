//! What is sent and answered, as it is described.

use serde_json::{Map, Value, json};

use super::{super::problem::Kind, explain, gates, keys};
use crate::{admin::MAX_NUMBER, keystore::Role};

/// SHA-256, as hexadecimal digits.
pub(super) const HASH: &str = "^[0-9a-f]{64}$";
/// An id.
pub(super) const ID: &str = "^[A-Za-z0-9_-]{1,64}$";
/// Text without control characters.
pub(super) const PRINTABLE: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";

/// A reference to a schema.
pub(super) fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// All of them.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    let groups = [common(), requests(), keys::requests(), keys::answers(), managed(), live(), gates::all(), explain::both()];
    all.extend(groups.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema)));
    Value::Object(all)
}

pub(super) type Group = Vec<(&'static str, Value)>;

/// An object with these fields, and no others. A name that ends in `?` may be absent.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<_, _> =
        fields.iter().map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A page of these.
pub(super) fn page(of: &str) -> Value {
    object([("items", json!({ "type": "array", "items": refer(of) })), ("next", or_null(json!({ "type": "string" })))])
}

pub(super) fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

pub(super) fn id() -> Value {
    json!({ "type": "string", "pattern": ID })
}

pub(super) fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

pub(super) fn label() -> Value {
    json!({ "type": "string", "maxLength": 200, "pattern": PRINTABLE, "description": "For people." })
}

fn common() -> Group {
    let codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
    let field = object([
        ("path", text("Of the field or the parameter, such as `capabilities[\"chat:*\"][0]`; empty for the whole.")),
        ("message", text("What is wrong, and what would be right.")),
    ]);
    let problem = json!({
        "type": "object",
        "description": "RFC 9457.",
        "properties": {
            "type": { "type": "string", "pattern": "^/v1/problems#", "description": "Where it is explained." },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": text("What it is this time. Holds no secrets."),
            "code": { "enum": codes },
            "errors": { "type": "array", "items": field },
        },
        "required": ["type", "title", "status", "detail", "code"],
        "additionalProperties": false,
    });
    vec![("Problem", problem), ("Nothing", object([]))]
}

fn requests() -> Group {
    let role = json!({ "enum": Role::ALL.map(Role::name) });
    // What is not selected by may be said to be nothing.
    let selected = |name: &str, schema: Value| {
        let nothing = ["id", "key", "peer"].map(|other| (other, json!({ "type": "null" })));
        let mut selected = object([
            ("transport?", or_null(json!({ "enum": ["websocket", "sse", "http"] }))),
            (
                "wait_ms?",
                json!({
                    "type": "integer", "minimum": 0, "maximum": 60_000, "description": "How long the answer waits for them to end.",
                }),
            ),
        ]);
        for (other, schema) in nothing.into_iter().chain([("all", json!({ "const": false })), (name, schema)]) {
            selected["properties"][other] = schema;
        }
        selected["required"] = json!([name]);
        selected
    };
    let peer = json!({ "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }, {
        "type": "string", "pattern": "^[0-9]{1,2}\\.0\\.0\\.0/8$", "description": "A network in CIDR notation, of any size.",
    }] });
    let cut = json!({ "oneOf": [
        selected("id", json!({ "type": "integer", "minimum": 0, "maximum": MAX_NUMBER })),
        selected("key", id()),
        selected("peer", peer),
        selected("all", json!({ "const": true })),
    ] });
    vec![
        (
            "NewApp",
            object([
                ("id", id()),
                ("name?", label()),
                ("environment", json!({ "enum": ["live", "test"], "description": "Of its first two keys." })),
                (
                    "origins?",
                    json!({
                        "type": "array", "items": keys::origin(),
                        "description": "Pages that may use the publishable key; without any, it works without an `Origin`, for native apps.",
                    }),
                ),
            ]),
        ),
        (
            "NewOperator",
            object([
                (
                    "name",
                    json!({ "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" }),
                ),
                ("role", role),
                (
                    "expires_at?",
                    or_null(
                        json!({ "type": "string", "format": "date-time", "description": "To come. Without it, the token does not end by itself." }),
                    ),
                ),
            ]),
        ),
        ("Cut", cut),
    ]
}

fn managed() -> Group {
    let role = json!({ "enum": Role::ALL.map(Role::name) });
    vec![
        ("App", object([("id", id()), ("name", json!({ "type": "string" })), ("created_at", moment()), ("keys", count())])),
        ("AppPage", page("App")),
        (
            "CreatedApp",
            object([
                ("app", refer("App")),
                ("keys", json!({ "type": "array", "items": refer("CreatedKey"), "minItems": 2, "maxItems": 2 })),
                ("repeated", json!({ "type": "boolean" })),
            ]),
        ),
        (
            "Operator",
            object([
                ("id", id()),
                ("name", json!({ "type": "string" })),
                ("role", role.clone()),
                ("created_at", moment()),
                ("expires_at", or_null(moment())),
                ("revoked", json!({ "type": "boolean" })),
            ]),
        ),
        ("OperatorPage", page("Operator")),
        (
            "CreatedOperator",
            object([
                ("operator", refer("Operator")),
                ("token", or_null(text("Shown once; `null` where the request is a repetition."))),
                ("repeated", json!({ "type": "boolean" })),
            ]),
        ),
        (
            "Caller",
            json!({ "oneOf": [
            object([("actor", text("As the audit trail has it.")), ("name", json!({ "type": "string" })), ("role", role)]),
            object([
                ("actor", json!({ "type": "string" })),
                ("name", json!({ "type": "string" })),
                ("role", json!({ "const": "app" })),
                ("app", id()),
                ("environment", json!({ "enum": ["live", "test"] })),
                ("capabilities", json!({ "type": "object", "description": "The most that it may grant." })),
                ("expires_at", or_null(moment())),
            ]),
        ] }),
        ),
        (
            "Record",
            object([
                ("sequence", json!({ "type": "integer", "minimum": 1, "description": "Without gaps." })),
                ("at", moment()),
                ("actor", json!({ "type": "string" })),
                ("action", json!({ "type": "string" })),
                ("target", json!({ "type": "string" })),
                ("detail", json!({ "description": "Without secrets." })),
                (
                    "hash",
                    json!({ "type": "string", "pattern": HASH, "description": "SHA-256 over the hash before and all of the above." }),
                ),
            ]),
        ),
        ("RecordPage", page("Record")),
        (
            "TrailHead",
            object([
                ("first", json!({ "type": "integer", "minimum": 0, "description": "The first record that is there." })),
                ("sequence", json!({ "type": "integer", "minimum": 0, "description": "The last one; 0 where there is none." })),
                ("hash", json!({ "type": "string", "pattern": HASH })),
            ]),
        ),
        (
            "Usage",
            object([
                ("id", id()),
                ("last_used_at", or_null(moment())),
                ("requests", json!({ "type": "integer", "minimum": 0, "description": "Let in." })),
                ("refusals", json!({ "type": "object", "additionalProperties": count(), "description": "Refused, by code." })),
                ("connections", count()),
            ]),
        ),
        ("UsagePage", page("Usage")),
    ]
}

fn live() -> Group {
    let maybe = |schema: Value| or_null(schema);
    let connection = object([
        ("id", count()),
        ("key_id", maybe(id())),
        ("app", maybe(id())),
        ("transport", json!({ "enum": ["websocket", "sse", "http"] })),
        ("earlier_secret", json!({ "type": "boolean", "description": "Whether its key has another secret by now." })),
        ("route", maybe(json!({ "type": "string" }))),
        ("peer", json!({ "type": "string" })),
        ("age_seconds", json!({ "type": "integer" })),
        ("idle_seconds", maybe(json!({ "type": "integer" }))),
        ("received_bytes", maybe(count())),
        ("sent_bytes", maybe(count())),
        ("received_messages", maybe(count())),
        ("sent_messages", maybe(count())),
    ]);
    let group = object([
        ("name", maybe(json!({ "type": "string" }))),
        ("connections", count()),
        ("received_bytes", count()),
        ("sent_bytes", count()),
        ("oldest_seconds", json!({ "type": "integer" })),
    ]);
    let totals = || [("clients", count()), ("total", count()), ("matching", count())];
    let [clients, total, matching] = totals();
    let list = object([
        clients,
        total,
        matching,
        ("connections", json!({ "type": "array", "items": refer("Connection") })),
        ("next", maybe(count())),
    ]);
    let [clients, total, matching] = totals();
    let groups = object([
        clients,
        total,
        matching,
        ("groups", json!({ "type": "array", "items": refer("Group") })),
        ("left_off", count()),
    ]);
    vec![
        ("Connection", connection),
        ("Group", group),
        ("Connections", json!({ "oneOf": [list, groups] })),
        ("Severed", object([("cut", count()), ("remaining", count()), ("known?", json!({ "type": "boolean" }))])),
    ]
}
