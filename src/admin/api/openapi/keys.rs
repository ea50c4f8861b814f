//! A key, as it is described: what can be said of a new one, what can be changed, and how one is shown. The words are those of a key
//! file; `tests/admin_api` holds them to its schema.

use serde_json::{Map, Value, json};

use super::{
    super::super::cut::MAX_CUT_WAIT,
    schemas::{Group, PRINTABLE, count, id, label, moment, object, or_null, page, refer, text},
};
use crate::gate::capability::{Operation, Right};

/// A page that may use a key.
pub(super) fn origin() -> Value {
    json!({
        "type": "string",
        "pattern": "^(https?://)?(\\*\\.)?[a-z]([a-z0-9]{0,20}[a-z0-9])?(\\.[a-z]([a-z0-9]{0,20}[a-z0-9])?){1,3}(:[1-9][0-9]{3})?$",
        "examples": ["https://app.example.com", "https://*.example.com"],
        "description": "Scheme, host and port of a page; a bare host means https, and `*` is one or more whole labels.",
    })
}

pub(super) fn requests() -> Group {
    let head =
        |kind: &str| [("app", id()), ("kind", json!({ "const": kind })), ("environment", json!({ "enum": ["live", "test"] }))];
    let prefix = json!({ "type": "string", "pattern": "^[A-Za-z0-9]{1,16}$", "description": "What stands before `pk_` or `sk_` in its text." });
    let new = |kind: &str, required: &[&str]| {
        let mut fields: Map<String, Value> = head(kind).into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        fields.insert("prefix".to_owned(), or_null(prefix.clone()));
        fields.extend(terms(kind).into_iter().map(|(name, schema)| (name, or_null(schema))));
        let required: Vec<_> = ["app", "kind", "environment"].iter().chain(required).collect();
        json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false })
    };
    let mut native = new("publishable", &["missing_origin"]);
    native["properties"]["missing_origin"] = json!({ "const": "allow" });
    let mut paged = new("publishable", &["origins"]);
    paged["properties"]["origins"] = json!({ "type": "array", "items": origin(), "minItems": 1 });
    let new_key = json!({
        "description": "A publishable key lists origins, or says `missing_origin: allow`. `null` is as nothing said.",
        "anyOf": [new("secret", &[]), paged, native],
    });
    let patched = |kind: &str| {
        let fields = terms(kind).into_iter().map(|(name, schema)| (name, or_null(schema)));
        json!({ "type": "object", "properties": fields.collect::<Map<_, _>>(), "additionalProperties": false })
    };
    let length = |most: String| {
        json!({
            "type": "string",
            "pattern": "^(0|[0-9]{1,4}ms|[1-5]?[0-9]s|60s|1m)$",
            "examples": ["0", "500ms", "30s"],
            "description": format!("A length of time: `0`, `500ms`, `90s`, `30m`, `24h`, `7d`. {most}"),
        })
    };
    let mut grace = length("At most 30 days, by default 24 hours.".to_owned());
    grace["pattern"] = json!("^(0|[0-9]{1,6}ms|[0-9]{1,6}s|[0-9]{1,4}m|[0-9]{1,2}h|[12]?[0-9]d|30d)$");
    grace["examples"] = json!(["0", "1h", "24h", "7d"]);
    let wait = length(format!(
        "How long the answer waits for streams and gates; at most {} seconds, by default not at all.",
        MAX_CUT_WAIT.as_secs()
    ));
    vec![
        ("NewKey", new_key),
        (
            "KeyPatch",
            json!({
                "description": "Fields of either kind of key; `null` takes one away.",
                "anyOf": [patched("secret"), patched("publishable")],
            }),
        ),
        ("Rotation", object([("grace?", or_null(grace))])),
        ("Revocation", object([("wait?", or_null(wait))])),
    ]
}

pub(super) fn answers() -> Group {
    let enumerated = |names: &[&str]| json!({ "enum": names });
    let mut key = object([
        ("id", id()),
        ("app", id()),
        ("kind", enumerated(&["publishable", "secret"])),
        ("environment", enumerated(&["live", "test"])),
        ("state?", enumerated(&["active", "disabled", "revoked"])),
        ("key?", text("The text of a publishable key. That of a secret one is shown once, where it is made.")),
        ("prefix?", json!({ "type": "string" })),
        (
            "standing",
            json!({ "enum": ["active", "disabled", "revoked", "expired"], "description": "What the gate would say now." }),
        ),
        (
            "grace",
            json!({ "type": "array", "items": moment(), "description": "Ends of the grace periods of earlier secrets, the latest first." }),
        ),
        ("created_at", moment()),
        ("changed_at", moment()),
        ("version", json!({ "type": "integer", "minimum": 1, "description": "Counts changes; also the `ETag`." })),
        ("connections", json!({ "type": "integer", "minimum": 0, "description": "Live streams on this gate." })),
        (
            "earlier_connections",
            json!({ "type": "integer", "minimum": 0, "description": "Those of them that were opened with an earlier secret, and end with its grace period." }),
        ),
        (
            "warnings",
            json!({ "type": "array", "items": enumerated(&["older_than_90_days", "grace_ends_soon", "expires_soon", "never_used"]) }),
        ),
    ]);
    if let Some(properties) = key["properties"].as_object_mut() {
        // What an answer says was accepted once: not asked again whether it would be.
        let said = terms("secret").into_iter().chain(terms("publishable"));
        properties
            .extend(said.map(|(name, schema)| (name, json!({ "type": schema["type"], "description": schema["description"] }))));
    }
    let gate = object([
        ("gate", text("Its name.")),
        ("acknowledged", json!({ "type": "boolean", "description": "Whether it obeys." })),
        ("cut", count()),
        ("remaining", count()),
        ("took_ms", or_null(count())),
    ]);
    let receipt = object([
        ("version", object([("epoch", count()), ("sequence", count())])),
        ("gates", json!({ "type": "array", "items": gate })),
        (
            "complete",
            json!({ "type": "boolean", "description": "Whether all obey, and all streams that had to end have ended." }),
        ),
        ("took_ms", count()),
    ]);
    let secret = "The new text. Of a secret key it is shown here alone; `null` where the request is a repetition.";
    vec![
        ("Key", key),
        ("KeyPage", page("Key")),
        (
            "CreatedKey",
            object([("key", refer("Key")), ("secret", or_null(text(secret))), ("repeated", json!({ "type": "boolean" }))]),
        ),
        ("Receipt", receipt),
        (
            "Stepped",
            object([
                ("key", refer("Key")),
                ("secret?", text(secret)),
                ("receipt?", refer("Receipt")),
                ("repeated", json!({ "type": "boolean" })),
            ]),
        ),
    ]
}

/// What can be said of a key of this kind, now and later.
fn terms(kind: &str) -> Map<String, Value> {
    let choice = |names: &[&str], about: &str| json!({ "type": "string", "enum": names, "description": about });
    let list = |items: Value, about: &str| json!({ "type": "array", "items": items, "description": about });
    let mut terms: Map<String, Value> = [
        ("name", label()),
        ("origins", list(origin(), "Pages that may use the key.")),
        ("capabilities", capabilities(kind == "secret")),
        ("ips", {
            let mut ips = list(
                json!({ "type": "string", "format": "ipv4" }),
                "Addresses and networks that may use the key; by default every one.",
            );
            ips["minItems"] = json!(1);
            ips
        }),
        ("limits", limits()),
        ("mode", choice(&["enforce", "report"], "`report`: what the key would be refused is counted and logged, and passes.")),
        ("expires_at", json!({ "type": "string", "format": "date-time", "description": "When the key ends; by default never." })),
        (
            "revocable_tokens",
            json!({ "type": "boolean", "description": "Whether tokens that the key signs can be revoked one by one." }),
        ),
        (
            "metadata",
            json!({
                "type": "object",
                "maxProperties": 50,
                "propertyNames": { "minLength": 1, "maxLength": 40, "pattern": PRINTABLE },
                "additionalProperties": or_null(json!({ "type": "string", "maxLength": 500, "pattern": PRINTABLE })),
                "description": "What its owner wants to remember of it.",
            }),
        ),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect();
    let own = if kind == "secret" {
        ("browser", choice(&["refuse", "report"], "What happens when a browser presents the key, which has then leaked."))
    } else {
        ("missing_origin", choice(&["refuse", "allow"], "Whether it works without an `Origin`, for native apps."))
    };
    terms.insert(own.0.to_owned(), own.1);
    terms
}

fn capabilities(secret: bool) -> Value {
    let operations = Operation::ALL.iter().map(|operation| operation.name()).chain(["*"]);
    let anywhere: Vec<_> = operations.clone().collect();
    let mut rights: Vec<_> = operations.collect();
    if secret {
        rights.extend(["admin", Right::KEYS]);
    }
    let names = |names: Vec<&str>| json!({ "type": "array", "items": { "enum": names }, "minItems": 1 });
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 20,
        "properties": { "*": names(rights.clone()), "[*]*": names(rights) },
        "patternProperties": { "^(\\[(queue|meta|\\*)\\])?[a-z0-9]{1,20}(:([a-z0-9]{1,20}|\\*)){0,3}$": names(anywhere) },
        "additionalProperties": false,
        "examples": [{ "chat:*": ["subscribe", "presence"] }],
        "description": "Operations by pattern of channels. `admin`, its parts and `keygate:keys` stand under `*` or `[*]*`, for secret keys. By \
                        default a publishable key may subscribe everywhere, and a secret key may do everything but manage keys.",
    })
}

fn limits() -> Value {
    let off = json!({ "const": "off" });
    let number = json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 });
    let rate = |units: &str| json!({ "anyOf": [{ "type": "string", "pattern": format!("^[1-9][0-9]{{0,3}}/[{units}]$") }, off] });
    let limit = json!({ "anyOf": [number, off] });
    let members = [
        ("rate", rate("smhd")),
        ("connections", limit.clone()),
        ("over_connections", json!({ "enum": ["reject", "evict_oldest"] })),
        (
            "quota",
            json!({ "anyOf": [{
                "type": "object",
                "properties": { "day": limit, "month": limit },
                "additionalProperties": false,
                "minProperties": 1,
            }, off] }),
        ),
        ("messages", rate("sm")),
        ("bytes", json!({ "anyOf": [{ "type": "string", "pattern": "^[1-9][0-9]{0,2}(KiB|MiB)/[sm]$" }, off] })),
        ("over_rate", json!({ "enum": ["throttle", "close"] })),
        ("burst", number.clone()),
    ];
    let members: Map<_, _> = members.into_iter().map(|(name, schema)| (name.to_owned(), or_null(schema))).collect();
    json!({
        "type": "object",
        "properties": members,
        // What belongs to a limit means nothing where that is off.
        "allOf": [
            {
                "if": { "required": ["burst"], "properties": { "burst": number } },
                "then": { "required": ["rate"], "properties": { "rate": { "type": "string", "pattern": "^[0-9]" } } },
            },
            {
                "if": { "required": ["over_connections"], "properties": { "over_connections": { "type": "string" } } },
                "then": { "properties": { "connections": { "not": off } } },
            },
        ],
        "additionalProperties": false,
        "description": "The key's own limits. What is absent is as in the gate's configuration; a `rate` brings its own `burst`.",
    })
}
