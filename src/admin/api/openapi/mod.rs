//! The description of the API (OpenAPI 3.1.1), made of the table of calls, the table of problems, and what `operations` and `schemas` say
//! of each. Served at `/v1/openapi.json`, and kept as `docs/openapi.json`.
//!
//! Not derived from the types: a key's fields are read by the configuration's rules, which this room does not know, and what a call takes
//! in its head and answers beside its body is in no type. That it is true is tested from outside (`tests/external/api`).

mod explain;
mod gates;
mod keys;
mod operations;
mod parameters;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::operations::{Answer, Operation};
use super::{
    endpoint::{ENDPOINTS, Endpoint},
    problem::Kind,
};

/// Where it is served.
pub(in crate::admin) const PATH: &str = "/v1/openapi.json";

const ABOUT: &str = "Manages the keys of a Keygate, and tells what is going on in it. \
Whoever asks sends a token of an operator, or a secret key with the right `keygate:keys`, which manages the keys of its own app and \
environment and grants no more than it holds. Over the control socket no token is needed. Every error is problem JSON (RFC 9457) whose \
`type` leads to `/v1/problems`. Lists are in the order of their ids; `next` of a page is the `cursor` of the one behind it. A change is in \
the audit trail, or it has not happened; so is a call that was refused.";

/// The description.
#[must_use]
pub fn document() -> Value {
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for endpoint in &ENDPOINTS {
        let described = operations::of(endpoint.action).map(|operation| described(endpoint, &operation));
        paths.entry(endpoint.path).or_default().insert(endpoint.method.as_str().to_lowercase(), json!(described));
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Keygate management API",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The admin listener that this description came from." }],
        "security": [{ "token": [] }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of an operator (`keygate_at_…`), or the text of a secret key with the right `keygate:keys`.",
                },
            },
            "parameters": parameters::all(),
            "schemas": schemas::all(),
        },
    })
}

fn tags() -> Value {
    let tags = [
        ("keys", "Keys, and what happens to them."),
        ("usage", "What keys have done."),
        ("apps", "Applications."),
        ("audit", "Who did what."),
        ("connections", "What is open now."),
        ("decisions", "What the gate decides, and why."),
        ("operators", "Who manages keys."),
        ("snapshot", "Keys for the gates that follow this one."),
        ("gates", "The gates that follow this one."),
        ("whoami", "Who asks."),
    ];
    tags.into_iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

fn described(endpoint: &Endpoint, operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    let mut refer = |name: &str| parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
    if endpoint.path.contains("{id}") {
        refer("id");
    }
    for name in endpoint.query {
        refer(&parameters::of_query(endpoint.action, name));
    }
    for name in operation.fields {
        refer(name);
    }
    let tag = endpoint.path.split('/').nth(2).unwrap_or_default();
    let mut described = json!({
        "operationId": endpoint.action.replace('.', "_"),
        "tags": [if tag == "explain" { "decisions" } else { tag }],
        "summary": operation.summary,
        "description": format!("{} {}", operation.about, endpoint.told()).trim(),
        "parameters": parameters,
        "responses": responses(endpoint, operation),
    });
    if let Some(body) = &operation.body {
        let content = json!({ "schema": schemas::refer(body.schema) });
        let mut types = Map::from_iter([("application/json".to_owned(), content.clone())]);
        if body.patch {
            types.insert("application/merge-patch+json".to_owned(), content);
        }
        described["requestBody"] = json!({ "required": body.required, "content": types });
    }
    described
}

/// The answer, and every problem that may come instead of it.
fn responses(endpoint: &Endpoint, operation: &Operation) -> Value {
    let mut responses = BTreeMap::from([operation.answer.described(operation.replays, operation.tagged)]);
    for (field, header) in [("if_none_match", "etag"), ("if_none_match_version", "etag_version")] {
        if operation.fields.contains(&field) {
            let headers = operations::headers(&[header]);
            responses.insert("304".to_owned(), json!({ "description": "The reader has it.", "headers": headers }));
        }
    }
    let mut by_status = BTreeMap::<u16, Vec<Kind>>::new();
    for kind in problems(endpoint, operation) {
        by_status.entry(kind.status()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        let codes: Vec<_> = kinds.iter().map(|kind| kind.code()).collect();
        let told: Vec<_> = kinds.iter().map(|kind| format!("`{}`: {}", kind.code(), kind.title())).collect();
        let schema = json!({ "allOf": [schemas::refer("Problem"), { "properties": { "code": { "enum": codes }, "status": { "const": status } } }] });
        let mut response =
            json!({ "description": told.join(" "), "content": { "application/problem+json": { "schema": schema } } });
        let headers: &[&str] = match status {
            401 => &["www_authenticate"],
            429 => &["retry_after"],
            _ => &[],
        };
        if !headers.is_empty() {
            response["headers"] = operations::headers(headers);
        }
        responses.insert(status.to_string(), response);
    }
    json!(responses)
}

fn problems(endpoint: &Endpoint, operation: &Operation) -> Vec<Kind> {
    // Of every call.
    let mut kinds = vec![
        Kind::BadRequest,
        Kind::BadQuery,
        Kind::Unauthenticated,
        Kind::InvalidToken,
        Kind::Forbidden,
        Kind::CrossOrigin,
        Kind::Misdirected,
        Kind::TooManyRefusals,
        Kind::Broken,
        Kind::StoreDamaged,
        Kind::StoreFailed,
        Kind::NotNoted,
        Kind::TimedOut,
    ];
    if endpoint.path.contains("{id}") {
        kinds.push(Kind::NotFound);
    }
    if operation.body.is_some() {
        kinds.extend([Kind::BadBody, Kind::Timeout, Kind::TooLarge, Kind::UnsupportedMediaType, Kind::Invalid]);
    }
    if operation.fields.contains(&"if_match") {
        kinds.push(Kind::VersionMismatch);
    }
    if operation.fields.contains(&"idempotency_key") {
        kinds.push(Kind::KeyReused);
    }
    if matches!(operation.answer, Answer::Lines(_) | Answer::Events) {
        kinds.push(Kind::Busy);
    }
    kinds.extend(operation.problems);
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_described() {
        for endpoint in &ENDPOINTS {
            assert!(operations::of(endpoint.action).is_some(), "{}", endpoint.action);
        }
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document();
        let text = document.to_string();
        let mut found = 0;
        for (at, _) in text.match_indices("\"#/") {
            let pointer = text[at + 2..].split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            found += 1;
        }
        assert!(found > 100, "{found}");
    }

    #[test]
    fn every_problem_may_come_from_somewhere() {
        // These come before a call is known.
        let outside = [Kind::NoRoute, Kind::MethodNotAllowed];
        let text = document().to_string();
        for kind in Kind::ALL.iter().filter(|kind| !outside.contains(kind)) {
            assert!(text.contains(&format!("`{}`:", kind.code())), "{kind:?}");
        }
    }
}
