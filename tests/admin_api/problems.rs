//! Every problem there is, and how one gets it. The list at the end holds that none was forgotten.

use std::collections::BTreeSet;

use keygate::{
    admin::{FieldProblem, Trouble},
    gate::keys::Refused,
    keystore::StoreError,
};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    client::{Answer, Ask},
    world::World,
};

struct Seen(Mutex<BTreeSet<String>>);

impl Seen {
    #[track_caller]
    fn is(&self, answer: &Answer, status: u16, code: &str) {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
        self.0.lock().insert(code.to_owned());
    }
}

fn owner(method: &'static str, target: &'static str) -> Ask<'static> {
    Ask::new(method, target).token("owner")
}

#[tokio::test]
async fn every_problem() {
    let seen = Seen(Mutex::default());
    head(&seen).await;
    body(&seen).await;
    manager(&seen).await;
    // Each has a test of its own: of defence, of roles, of streams, of commands without a gate, of time.
    let elsewhere = [
        "busy",
        "cross_origin",
        "forbidden",
        "invalid_token",
        "misdirected",
        "no_gate",
        "not_noted",
        "timed_out",
        "timeout",
        "too_many_refusals",
    ];
    let world = World::new().await;
    let table = Ask::new("GET", "/v1/problems").send(world.address).await.json();
    let all: BTreeSet<String> = table.as_object().expect("codes").keys().cloned().collect();
    let mut met = seen.0.into_inner();
    met.extend(elsewhere.map(str::to_owned));
    assert_eq!(met, all);
}

async fn head(seen: &Seen) {
    let world = World::new().await;
    let to = world.address;
    seen.is(&Ask::new("GET", "/v1/keys").send(to).await, 401, "unauthenticated");
    for target in [
        "/v1",
        "/v1/",
        "/v1/keys/",
        "/v1/keys/web/",
        "/v2/keys",
        "/v1/keys/web/explode",
        "//v1/keys",
        "/v1/%6beys",
        "/favicon.ico",
        "*",
    ] {
        seen.is(&Ask::new("GET", target).token("owner").send(to).await, 404, "no_route");
    }
    for target in ["/v1/keys/a%20b/revoke", "/v1/gates/..%2fx/forget"] {
        let answer = Ask::new("POST", target).token("owner").send(to).await;
        seen.is(&answer, 404, "not_found");
        assert!(answer.json()["detail"].as_str().is_some_and(|told| told.contains("id of nothing")), "{answer:?}");
    }
    for (method, target, allowed) in [
        ("DELETE", "/v1/keys", "GET, HEAD, POST"),
        ("PUT", "/v1/keys/web", "GET, HEAD, PATCH"),
        ("GET", "/v1/keys/web/revoke", "POST"),
        ("POST", "/", "GET, HEAD"),
        ("OPTIONS", "/v1/keys", "GET, HEAD, POST"),
        ("TRACE", "/v1/whoami", "GET, HEAD"),
    ] {
        let answer = Ask::new(method, target).token("owner").send(to).await;
        seen.is(&answer, 405, "method_not_allowed");
        assert_eq!(answer.field("allow"), Some(allowed), "{method} {target}");
    }
    for target in [
        "/v1/keys?colour=red",
        "/v1/keys?limit=0",
        "/v1/keys?limit=1001",
        "/v1/keys?limit=ten",
        "/v1/keys?limit=",
        "/v1/keys?limit=5&limit=5",
        "/v1/keys?kind=private",
        "/v1/keys?environment=LIVE",
        "/v1/keys?state=expired",
        "/v1/keys?app=a%20b",
        "/v1/keys?cursor=%00",
        "/v1/keys?q=%0a",
        "/v1/usage?limit=0",
        "/v1/apps?cursor=",
        "/v1/audit?order=random",
        "/v1/audit?after=-1",
        "/v1/audit?after=9007199254740992",
        "/v1/audit/export?after=9007199254740992",
        "/v1/connections?after=9007199254740992",
        "/v1/connections?older_than_ms=9007199254740992",
        "/v1/audit/verify?expect=",
        "/v1/audit/verify?expect=3",
        "/v1/audit/verify?expect=-1:0707070707070707070707070707070707070707070707070707070707070707",
        "/v1/audit/verify?expect=3:07070707070707070707070707070707070707070707070707070707070707",
        "/v1/audit/verify?expect=3:x707070707070707070707070707070707070707070707070707070707070707",
        "/v1/audit/export?limit=5",
        "/v1/connections?by=colour",
        "/v1/connections?by=key&after=5",
        "/v1/connections?peer=nowhere",
        "/v1/whoami?x",
        "/v1/operators?limit=0",
        "/v1/snapshot?nonce=",
        "/v1/snapshot?nonce=a%20b",
        "/v1/snapshot/events?nonce=n&instance=&name=edge&epoch=3&after=4&max_stale_ms=1000&hash=0000000000000000000000000000000000000000000000000000000000000000",
        "/v1/snapshot/events?nonce=n&instance=i&name=edge&epoch=3&after=4&max_stale_ms=1000&hash=000000000000000000000000000000000000000000000000000000000000000x",
        "/v1/snapshot?nonce=n&after=-1",
        "/v1/snapshot?after=9007199254740992",
        "/v1/snapshot/events?nonce=n&instance=i&name=edge&epoch=3&after=9007199254740992&max_stale_ms=1000&hash=0000000000000000000000000000000000000000000000000000000000000000",
        "/v1/snapshot/events?nonce=n&instance=i&name=edge&epoch=9007199254740992&after=4&max_stale_ms=1000&hash=0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        seen.is(&Ask::new("GET", target).token("owner").send(to).await, 400, "bad_query");
    }
    let told = world.get("/v1/keys?colour=red&limit=5").await.json();
    assert_eq!(told["errors"][0]["path"], "colour");
    for (name, value) in [("if-match", "7"), ("if-match", "\"7\", \"8\""), ("idempotency-key", "a b"), ("idempotency-key", "")] {
        seen.is(&owner("POST", "/v1/keys/web/rotate").with(name, value).send(to).await, 400, "bad_request");
    }
    let long = "k".repeat(256);
    seen.is(&owner("POST", "/v1/keys/web/rotate").with("idempotency-key", &long).send(to).await, 400, "bad_request");
    for tag in ["\"8\"", "W/\"7\"", "\"07\"", "\"+7\"", "\"x\"", "\"\""] {
        seen.is(&owner("PATCH", "/v1/keys/web").with("if-match", tag).json(&json!({})).send(to).await, 412, "version_mismatch");
    }
    for target in ["/v1/keys/nobody", "/v1/keys/a%20b", "/v1/keys/%ff", "/v1/keys/nobody/usage"] {
        seen.is(&Ask::new("GET", target).token("owner").send(to).await, 404, "not_found");
    }
    seen.is(&world.post("/v1/connections/cut", &json!({ "id": 5 })).await, 404, "not_found");
}

async fn body(seen: &Seen) {
    let world = World::new().await;
    let to = world.address;
    let create = || owner("POST", "/v1/keys");
    for text in ["", "{", "{} {}", "\u{feff}{}", r#"{"app":"a","app":"b"}"#, r#"{"app":9007199254740992}"#, "nul"] {
        let answer = create().with("content-type", "application/json").text_of(text).send(to).await;
        seen.is(&answer, 400, "bad_body");
    }
    seen.is(&create().text("application/json", &"[".repeat(5000)).send(to).await, 400, "bad_body");
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "application/merge-patch+json",
        "",
    ] {
        seen.is(&create().text(content_type, "{}").send(to).await, 415, "unsupported_media_type");
    }
    seen.is(&create().text_of("{}").send(to).await, 415, "unsupported_media_type");
    let twice = create().text("application/json", "{}").with("content-type", "text/plain");
    seen.is(&twice.send(to).await, 415, "unsupported_media_type");
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(create().text(content_type, r#"{"app":"a"}"#).send(to).await.status, 201, "{content_type}");
    }
    assert_eq!(owner("PATCH", "/v1/keys/web").text("application/merge-patch+json", "{}").send(to).await.status, 200);

    let fits = format!("{{\"app\":\"a\",\"x\":\"{}\"}}", "x".repeat(64 * 1024 - 18));
    assert_eq!(fits.len(), 64 * 1024);
    assert_eq!(create().text("application/json", &fits).send(to).await.status, 201);
    seen.is(&create().text("application/json", &(fits.clone() + " ")).send(to).await, 413, "too_large");
    let chunked = format!("{:x}\r\n{fits} \r\n0\r\n\r\n", fits.len() + 1);
    let mut ask =
        create().with("content-type", "application/json").with("transfer-encoding", "chunked").with("connection", "close");
    ask.body = Vec::new();
    let bytes = [ask.bytes(), chunked.into_bytes()].concat();
    let answer = crate::calls::raw(to, &bytes).await;
    seen.is(&answer, 413, "too_large");

    for (target, body, path) in [
        ("/v1/keys", json!([]), ""),
        ("/v1/keys", json!({}), "app"),
        ("/v1/apps", json!({ "id": "a" }), ""),
        ("/v1/apps", json!({ "id": 5, "environment": "live" }), "id"),
        ("/v1/apps", json!({ "id": "a", "environment": "live", "colour": "red" }), "colour"),
        ("/v1/apps", json!({ "id": "a", "environment": "live", "origins": [1] }), "origins[0]"),
        ("/v1/operators", json!({ "name": "a", "role": "king" }), "role"),
        ("/v1/keys/web/rotate", json!({ "grace": "a while" }), "grace"),
        ("/v1/keys/web/rotate", json!({ "grace": "31d" }), "grace"),
        ("/v1/keys/web/revoke", json!({ "wait": "61s" }), "wait"),
        ("/v1/keys/web/disable", json!({ "why": "so" }), "why"),
        ("/v1/connections/cut", json!({}), ""),
        ("/v1/connections/cut", json!({ "key": "a b" }), "key"),
        ("/v1/explain", json!({ "target": "/" }), ""),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "colour": "red" }), "colour"),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "peer": "here" }), "peer"),
        ("/v1/explain", json!({ "method": "G T", "target": "/" }), "method"),
        ("/v1/explain", json!({ "method": "GET", "target": "/a b" }), "target"),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "host": "a\r\nb" }), "host"),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "origin": "\u{e9}" }), "origin"),
        (
            "/v1/explain",
            json!({ "method": "GET", "target": "/", "headers": [{ "name": "a b", "value": "" }] }),
            "headers[0].name",
        ),
        (
            "/v1/explain",
            json!({ "method": "GET", "target": "/", "headers": [{ "name": "a", "value": "\n" }] }),
            "headers[0].value",
        ),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "headers": [{ "name": "a" }] }), "headers[0]"),
        (
            "/v1/explain",
            json!({ "method": "GET", "target": "/", "headers": vec![json!({ "name": "a", "value": "" }); 65] }),
            "headers",
        ),
        ("/v1/explain", json!({ "method": "GET", "target": "/", "key": "a", "key_id": "b" }), "key_id"),
        ("/v1/operators/ada/revoke", json!({ "really": true }), "really"),
    ] {
        let answer = world.post(target, &body).await;
        seen.is(&answer, 422, "invalid");
        assert_eq!(answer.json()["errors"][0]["path"], path, "{target} {body}: {answer:?}");
    }
}

async fn manager(seen: &Seen) {
    let world = World::new().await;
    let of = |error: StoreError| Trouble::Store(error);
    let invalid = vec![FieldProblem { path: "origins[0]".to_owned(), message: "is no origin".to_owned() }];
    let cases = [
        (of(StoreError::NotFound("app:demo".into())), 404, "not_found"),
        (of(StoreError::Exists("app:demo".into())), 409, "exists"),
        (of(StoreError::SameText("key:web".into())), 409, "same_text"),
        (of(StoreError::Changed(8)), 412, "version_mismatch"),
        (of(StoreError::Refused(Refused::Revoked)), 409, "key_revoked"),
        (of(StoreError::Refused(Refused::Expired)), 409, "key_expired"),
        (of(StoreError::Refused(Refused::Past)), 409, "moment_is_past"),
        (of(StoreError::Refused(Refused::TooManyPrevious)), 409, "too_many_previous"),
        (of(StoreError::Refused(Refused::SameText)), 409, "same_text"),
        (of(StoreError::Refused(Refused::Grace)), 422, "invalid"),
        (of(StoreError::Reused), 422, "idempotency_key_reused"),
        (of(StoreError::Full), 507, "full"),
        (of(StoreError::Corrupt("page 5 of keygate.db".to_owned())), 500, "store_damaged"),
        (of(StoreError::TooNew { found: 9, known: 1 }), 500, "store_damaged"),
        (of(StoreError::Io("/var/lib/keygate.db: no luck".to_owned())), 503, "store_failed"),
        (Trouble::Invalid(invalid), 422, "invalid"),
        (Trouble::TrailDiffers("it ends at record 2".to_owned()), 409, "trail_differs"),
        (Trouble::Follows, 409, "gate_follows"),
        (Trouble::ReadOnly("the keys are in /etc/keys.yaml: edit it".to_owned()), 409, "read_only"),
        (Trouble::Broken("keygate.db is gone".to_owned()), 500, "broken"),
    ];
    for (trouble, status, code) in cases {
        let told = format!("{trouble:?}");
        *world.manager.trouble.lock() = Some(trouble);
        let answer = world.post("/v1/keys", &json!({ "app": "demo" })).await;
        seen.is(&answer, status, code);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(status < 500 || !text.contains("keygate.db"), "{told}: what is inside is for the log: {text}");
    }
    // Of the trail, what is damaged is the answer.
    *world.manager.trouble.lock() = Some(of(StoreError::Corrupt("record 5 was edited".to_owned())));
    let answer = world.get("/v1/audit/verify").await;
    seen.is(&answer, 500, "store_damaged");
    assert!(answer.json()["detail"].as_str().is_some_and(|told| told.contains("record 5")), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_come_back_is_not_waited_for_without_end() {
    let world = World::new().await;
    world.manager.hangs.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = crate::calls::raw(world.address, &owner("GET", "/v1/keys").with("connection", "close").bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "timed_out"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let world = World::new().await;
    for said in ["", "GET /v1/keys HT", "GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("the listener");
        tokio::io::AsyncWriteExt::write_all(&mut stream, said.as_bytes()).await.expect("a request");
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.expect("an end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
    let world = World::new().await;
    let mut ask = owner("POST", "/v1/keys")
        .with("content-type", "application/json")
        .with("content-length", "5")
        .with("connection", "close");
    ask.body = Vec::new();
    let answer = crate::calls::raw(world.address, &[ask.bytes(), b"{".to_vec()].concat()).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "timeout"));
}
