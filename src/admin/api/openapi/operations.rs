//! What each call does, takes and answers, as it is described.

use serde_json::{Map, Value, json};

use super::{super::problem::Kind, schemas};

/// One call.
pub(super) struct Operation {
    pub summary: &'static str,
    pub about: &'static str,
    /// Fields of the head that mean something.
    pub fields: &'static [&'static str],
    pub body: Option<Body>,
    pub answer: Answer,
    /// Whether the answer may be about an earlier request of the same name.
    pub replays: bool,
    /// Whether the answer has an `ETag`.
    pub tagged: bool,
    /// Problems beside those of every call like it.
    pub problems: &'static [Kind],
}

/// What is sent.
pub(super) struct Body {
    pub schema: &'static str,
    pub required: bool,
    /// Whether it may be said to be a merge patch.
    pub patch: bool,
}

/// What is answered where all is well.
pub(super) enum Answer {
    /// JSON of this schema.
    Json(&'static str),
    /// The same, with 201; and whether `Location` says where it is from now on.
    Made(&'static str, bool),
    /// Nothing.
    Nothing,
    /// JSON lines of this schema.
    Lines(&'static str),
    /// Server-sent events.
    Events,
}

const READ: Operation = Operation {
    summary: "",
    about: "",
    fields: &[],
    body: None,
    answer: Answer::Nothing,
    replays: false,
    tagged: false,
    problems: &[],
};

const CHANGE: &[Kind] = &[Kind::ReadOnly, Kind::Full];
const STEP: &[Kind] = &[Kind::ReadOnly, Kind::Full, Kind::KeyRevoked];

/// The call of this action.
pub(super) fn of(action: &str) -> Option<Operation> {
    let body = |schema, required| Some(Body { schema, required, patch: false });
    Some(match action {
        "key.list" => Operation { summary: "List keys", answer: Answer::Json("KeyPage"), ..READ },
        "key.create" => Operation {
            summary: "Create a key",
            about: "The text of a secret key is in this answer and nowhere else. With an `Idempotency-Key`, the same request makes one \
                    key however often it is sent; only the first answer holds the secret.",
            fields: &["idempotency_key"],
            body: body("NewKey", true),
            answer: Answer::Made("CreatedKey", true),
            replays: true,
            tagged: true,
            problems: &[Kind::ReadOnly, Kind::Full, Kind::NotFound, Kind::Exists, Kind::SameText],
        },
        "key.show" => Operation {
            summary: "Show a key",
            about: "The `ETag` is of what can be changed: what the gate observes, such as `connections`, `standing` and `warnings`, may \
                    be another under the same one.",
            fields: &["if_none_match"],
            answer: Answer::Json("Key"),
            tagged: true,
            ..READ
        },
        "key.update" => Operation {
            summary: "Change a key",
            about: "A merge patch (RFC 7396): what is named is changed, `null` takes a field away. Without `If-Match`, the last change \
                    wins.",
            fields: &["if_match"],
            body: Some(Body { schema: "KeyPatch", required: true, patch: true }),
            answer: Answer::Json("Key"),
            tagged: true,
            problems: &[Kind::ReadOnly, Kind::Full, Kind::KeyRevoked, Kind::MomentIsPast],
            ..READ
        },
        "key.disable" => step("Disable a key", "It is refused, and its streams end, until it is enabled.", "Nothing", STEP),
        "key.enable" => step("Enable a key", "", "Nothing", STEP),
        "key.rotate" => Operation {
            fields: &["if_match", "idempotency_key"],
            replays: true,
            ..step(
                "Give a key a new secret",
                "The old one is good until the grace period ends, then its streams end. The new one is in this answer and nowhere else.",
                "Rotation",
                &[Kind::ReadOnly, Kind::Full, Kind::KeyRevoked, Kind::KeyExpired, Kind::TooManyPrevious, Kind::SameText],
            )
        },
        "key.revoke" => step(
            "Revoke a key",
            "At once, in every gate, and for good. The answer is the receipt: which gates obey, and what has become of the key's streams.",
            "Revocation",
            CHANGE,
        ),
        "usage.show" => Operation { summary: "What a key has done", answer: Answer::Json("Usage"), ..READ },
        "usage.list" => Operation { summary: "What keys have done", answer: Answer::Json("UsagePage"), ..READ },
        "whoami" => Operation { summary: "Who asks, and what they may do", answer: Answer::Json("Caller"), ..READ },
        "app.list" => Operation { summary: "List applications", answer: Answer::Json("AppPage"), ..READ },
        "app.create" => Operation {
            summary: "Create an application",
            about: "With one publishable and one secret key.",
            fields: &["idempotency_key"],
            body: body("NewApp", true),
            answer: Answer::Made("CreatedApp", false),
            replays: true,
            problems: &[Kind::ReadOnly, Kind::Full, Kind::Exists],
            ..READ
        },
        "audit.list" => Operation { summary: "Read the audit trail", answer: Answer::Json("RecordPage"), ..READ },
        "audit.export" => Operation {
            summary: "Export the audit trail",
            about: "One JSON object a line. An answer that is not complete was broken off.",
            answer: Answer::Lines("Record"),
            ..READ
        },
        "audit.verify" => Operation {
            summary: "Verify the audit trail",
            about: "Reads all of it. Keep `sequence` and `hash` elsewhere: with them as `expect`, a trail that was cut short or written anew \
                    is told from the one that they were of. An edited or missing record is the problem `store_damaged`, which names it.",
            answer: Answer::Json("TrailHead"),
            problems: &[Kind::TrailDiffers],
            ..READ
        },
        "connection.list" => Operation {
            summary: "List live connections",
            about: "Streams, and exchanges under way, in the order in which they came; or, with `by`, how many there are of each, the most \
                    first. What is counted by has no pages: `after` has no place beside `by`.",
            answer: Answer::Json("Connections"),
            problems: &[Kind::NoGate],
            ..READ
        },
        "connection.cut" => Operation {
            summary: "Cut live connections",
            about: "Whoever is cut may come back: to keep a key out, disable or revoke it.",
            body: body("Cut", true),
            answer: Answer::Json("Severed"),
            problems: &[Kind::NotFound, Kind::NoGate, Kind::ReadOnly, Kind::Full],
            ..READ
        },
        "decision.follow" => Operation {
            summary: "Follow decisions as they are made",
            about: "Events `decision`, each with one as JSON, and `missed` with how many were, for a reader that does not keep up.",
            answer: Answer::Events,
            ..READ
        },
        "explain" => Operation {
            summary: "What the gate would say to a request",
            about: "Step by step, each with the rule that it went by and where that stands in the configuration; what goes by no rule went by a \
                    default. By the policy, the keys and the blocks in force. Nothing is forwarded, and no limit is charged: limits are told \
                    as if nothing had been used. The text of a key, wherever it stands, is neither kept nor told again.",
            body: body("Explain", true),
            answer: Answer::Json("Explained"),
            problems: &[Kind::NotFound, Kind::NoGate],
            ..READ
        },
        "snapshot.read" => Operation {
            summary: "All keys, for a gate that follows",
            about: "Lines of JSON: what they are, one key each with its digests, what they come to, and a signature (Ed25519) over all lines \
                    before it. An answer without one was broken off. The `ETag` is the version of the keys.",
            fields: &["if_none_match_version"],
            answer: Answer::Lines("Parcel"),
            problems: &[Kind::NoGate],
            ..READ
        },
        "snapshot.follow" => Operation {
            summary: "Changes of keys, for a gate that follows",
            about: "Events `changes`, each with the lines of a parcel from the version before on, at once whenever keys change and now and \
                    then without any; or `end`, with a parcel that says why no changes lead on: the gate has to read a snapshot, or has keys that were \
                    never here.",
            answer: Answer::Events,
            problems: &[Kind::NoGate],
            ..READ
        },
        "snapshot.key" => Operation {
            summary: "What the signatures of snapshots are checked with",
            answer: Answer::Json("VerifyKey"),
            problems: &[Kind::NoGate],
            ..READ
        },
        "snapshot.report" => Operation {
            summary: "How far a gate has come, from itself",
            about: "Of a gate that has asked for changes since the manager was started; until then it is not known.",
            body: body("GateReport", true),
            problems: &[Kind::NoGate, Kind::NotFound],
            ..READ
        },
        "snapshot.usage" => Operation {
            summary: "What keys have done at a gate, from itself",
            about: "A batch of a number is taken once, however often it is sent.",
            body: body("GateUsage", true),
            problems: &[Kind::NoGate, Kind::NotFound, Kind::Full],
            ..READ
        },
        "gate.list" => Operation {
            summary: "List the gates that follow",
            about: "And those that were cut off and may still decide by what they had.",
            answer: Answer::Json("GatePage"),
            problems: &[Kind::NoGate],
            ..READ
        },
        "gate.forget" => Operation {
            summary: "Forget a gate that runs no more",
            about: "Receipts wait for it no longer. Say so only of one that is known to have ended: one that still runs, cut off, may let in keys that are revoked meanwhile. If it comes back, it is known again.",
            body: body("Nothing", false),
            problems: &[Kind::NoGate, Kind::NotFound, Kind::GateFollows, Kind::Full],
            ..READ
        },
        "operator.list" => Operation { summary: "List operators", answer: Answer::Json("OperatorPage"), ..READ },
        "operator.create" => Operation {
            summary: "Create an operator",
            about: "The token is in this answer and nowhere else.",
            fields: &["idempotency_key"],
            body: body("NewOperator", true),
            answer: Answer::Made("CreatedOperator", false),
            replays: true,
            problems: &[Kind::ReadOnly, Kind::Full, Kind::Exists],
            ..READ
        },
        "operator.revoke" => Operation {
            summary: "Revoke an operator's token",
            about: "At once, and for good.",
            body: body("Nothing", false),
            problems: CHANGE,
            ..READ
        },
        _ => return None,
    })
}

fn step(summary: &'static str, about: &'static str, schema: &'static str, problems: &'static [Kind]) -> Operation {
    Operation {
        summary,
        about,
        fields: &["if_match"],
        body: Some(Body { schema, required: false, patch: false }),
        answer: Answer::Json("Stepped"),
        replays: false,
        tagged: true,
        problems,
    }
}

impl Answer {
    /// Its status, and what is said of it.
    pub fn described(&self, replays: bool, tagged: bool) -> (String, Value) {
        let json = |schema: &str| json!({ "application/json": { "schema": schemas::refer(schema) } });
        let (status, description, content) = match self {
            Self::Json(schema) => ("200", "It.", Some(json(schema))),
            Self::Made(schema, _) => ("201", "It was made.", Some(json(schema))),
            Self::Nothing => ("204", "It is done.", None),
            // Of a stream, a schema would be of one of its parts, which no reader of OpenAPI 3.1 takes it for.
            Self::Lines(schema) => ("200", *schema, Some(json!({ "application/jsonl": { "schema": { "type": "string" } } }))),
            Self::Events => ("200", "Events.", Some(json!({ "text/event-stream": { "schema": { "type": "string" } } }))),
        };
        let mut names = Vec::new();
        names.extend(tagged.then_some("etag"));
        names.extend(matches!(self, Self::Made(_, true)).then_some("location"));
        names.extend(replays.then_some("idempotency_replayed"));
        let mut described = json!({ "description": description });
        if let Self::Lines(schema) = self {
            described["description"] = json!(format!("Lines, each a `{schema}`."));
        }
        if let Some(content) = content {
            described["content"] = content;
        }
        if !names.is_empty() {
            described["headers"] = headers(&names);
        }
        (status.to_owned(), described)
    }
}

/// Fields of an answer's head.
pub(super) fn headers(names: &[&str]) -> Value {
    let described = names.iter().map(|name| {
        let (title, schema, about) = match *name {
            "etag" => ("ETag", json!({ "type": "string", "pattern": "^\"[0-9]+\"$" }), "The key's version, for `If-Match`."),
            "etag_version" => {
                ("ETag", json!({ "type": "string", "pattern": "^\"[0-9]+\\.[0-9]+\"$" }), "The version of the keys.")
            }
            "location" => ("Location", json!({ "type": "string", "pattern": "^/v1/" }), "Where it is from now on."),
            "idempotency_replayed" => {
                ("Idempotency-Replayed", json!({ "const": "true" }), "There where an earlier request of this name had done it.")
            }
            "www_authenticate" => {
                ("WWW-Authenticate", json!({ "type": "string" }), "`Bearer`, and whether a token was sent that is not good.")
            }
            _ => ("Retry-After", json!({ "type": "string", "pattern": "^[0-9]+$" }), "Seconds."),
        };
        let required = !matches!(*name, "idempotency_replayed");
        (title.to_owned(), json!({ "description": about, "required": required, "schema": schema }))
    });
    Value::Object(described.collect::<Map<_, _>>())
}
