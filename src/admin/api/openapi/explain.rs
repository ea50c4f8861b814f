//! A request that is explained, and the explanation, as they are described.

use serde_json::{Value, json};

use super::schemas::{Group, id, object, or_null, refer, text};

/// A method, or the name of a header: `tchar` of RFC 9110 section 5.6.2.
const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
/// The value of a header.
const VALUE: &str = "^[\\t -~]*$";

/// What is sent, and what is answered.
pub(super) fn both() -> Group {
    let ([by_text, by_id], rule) = (
        request(),
        object([
            ("file", text("As the gate was told its name.")),
            ("line", json!({ "type": "integer", "minimum": 1 })),
            ("path", text("`routes[2].operation`.")),
        ]),
    );
    let step = object([
        (
            "step",
            text(
                "`peer`, `route`, `credential`, `key`, `environment`, `address`, `browser`, `origin`, `operation` or `limits`; before them \
                        `client` and `head`.",
            ),
        ),
        ("passed", json!({ "type": "boolean" })),
        ("detail", text("What was found; where it was not passed, the reason.")),
        ("rule", or_null(refer("Rule"))),
    ]);
    let tried = object([
        ("route", json!({ "type": "string" })),
        ("why", text("What of its `match` is another.")),
        ("rule", or_null(refer("Rule"))),
    ]);
    let how = || {
        [
            ("steps", json!({ "type": "array", "items": refer("Step") })),
            ("tried?", json!({ "type": "array", "items": tried, "description": "Where no route takes it, all of them." })),
        ]
    };
    let [steps, tried] = how();
    let allowed = object([
        ("allowed", json!({ "const": true })),
        ("reported", or_null(text("Why it would be refused, if the mode were not to report that only."))),
        ("key_id", or_null(id())),
        ("route", json!({ "type": "string" })),
        steps,
        tried,
    ]);
    let [steps, tried] = how();
    let refused = object([
        ("allowed", json!({ "const": false })),
        ("reason", text("As in the access log.")),
        ("status", json!({ "type": "integer", "minimum": 400, "maximum": 599 })),
        ("code", text("What the client is told.")),
        ("check", text("What to look at.")),
        ("key_id", or_null(id())),
        ("route", or_null(json!({ "type": "string" }))),
        steps,
        tried,
    ]);
    vec![
        ("Explain", json!({ "description": "A request, and at most one way to name its key.", "oneOf": [by_text, by_id] })),
        ("Explained", json!({ "oneOf": [allowed, refused] })),
        ("Step", step),
        ("Rule", rule),
    ]
}

/// The two ways to name its key.
fn request() -> [Value; 2] {
    let value = |about: &str| json!({ "type": "string", "pattern": VALUE, "description": about });
    let flag = |about: &str| json!({ "type": "boolean", "default": false, "description": about });
    let of_key = |name: &str, key: Value, other: &str| {
        let header = object([
            ("name", json!({ "type": "string", "pattern": format!("^{TOKEN}+$") })),
            ("value", value("Without white space around it.")),
        ]);
        object([
            ("method", json!({ "type": "string", "pattern": format!("^{TOKEN}{{1,24}}$"), "examples": ["GET"] })),
            (
                "target",
                json!({
                    "type": "string", "pattern": "^[!-~]+$", "maxLength": 8192, "examples": ["/chat?room=1"],
                    "description": "The path, and behind `?` a query if there is one.",
                }),
            ),
            ("origin?", or_null(value("The page that it comes from."))),
            (
                "peer?",
                json!({
                    "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }, { "const": "unix" }],
                    "default": "127.0.0.1",
                    "description": "The address that connects: the client's, or that of a proxy, which names the client in a header; `unix` is a \
                                    Unix socket.",
                }),
            ),
            ("host?", value("The host that is asked; by default `localhost`.")),
            (
                "headers?",
                json!({ "type": "array", "items": header, "maxItems": 64, "description": "More headers, in their order." }),
            ),
            ("body?", or_null(text("The body, JSON as text, for routes that look for channels in it."))),
            ("websocket?", flag("As a WebSocket handshake.")),
            ("sse?", flag("As a request for server-sent events.")),
            ("secure?", flag("As over a connection that is encrypted up to the gate.")),
            (name, key),
            (other, json!({ "type": "null" })),
        ])
    };
    let key_text = value("The text of its key, for the first header that the configuration takes keys in.");
    let key_id = json!({ "allOf": [id()], "description": "The id of its key, instead of a text." });
    [of_key("key?", or_null(key_text), "key_id?"), of_key("key_id", key_id, "key?")]
}
