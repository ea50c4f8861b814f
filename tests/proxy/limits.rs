//! How much is let through: by key, by address, in all; and who is told of it.

use serde_json::json;

use super::support::{Answer, Backend, Client, Gate, Setup, Talk, WebSocket, handshake, secret_key, until};

const KEY: &str = "x-api-key: sk_live_limited\r\n";

fn get(headers: &str) -> String {
    format!("GET /any/ HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

async fn gate(limits: &str, key_limits: &str) -> (Backend, Gate) {
    let backend = Backend::realtime().await;
    let setup = Setup::before(backend.address);
    let keys = vec![
        secret_key("limited", "sk_live_limited", &format!("limits: {key_limits}")),
        secret_key("other", "sk_live_other", ""),
    ];
    let gate = Gate::start(Setup { limits: limits.to_owned(), keys, ..setup }).await;
    (backend, gate)
}

#[tokio::test]
async fn a_rate_is_of_one_key() {
    let (backend, gate) = gate("{}", "{ rate: 2/h, burst: 3 }").await;
    let mut client = gate.connect().await;
    for _ in 0..3 {
        assert_eq!(client.ask(get(KEY)).await.status, 200);
    }
    let answer = client.ask(get(KEY)).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    let retry: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1800).contains(&retry), "{retry}");
    let policy = r#""rate";q=2;w=3600, "connections";q=10000;qu="concurrent-requests""#;
    assert_eq!(answer.header("ratelimit-policy"), Some(policy));
    assert_eq!(answer.header("ratelimit"), Some(format!(r#""rate";r=0;t={retry}"#).as_str()));
    assert_eq!(answer.problem()["violated-policies"], json!(["rate"]));
    // Handshakes are requests too; other keys have their own.
    assert_eq!(client.ask(handshake("/connection/1", KEY)).await.status, 429);
    assert_eq!(client.ask(get("x-api-key: sk_live_other\r\n")).await.status, 200);
    // Refusals for another reason spend nothing.
    assert_eq!(client.ask("GET /none HTTP/1.1\r\nHost: gate\r\nx-api-key: sk_live_limited\r\n\r\n").await.status, 404);
    assert_eq!(backend.requests().len(), 4);
    let metrics = gate.metrics().await;
    assert_eq!(metrics.value(r#"keygate_rate_limit_decisions_total{result="limited",scope="key"}"#), Some(2.0));
}

#[tokio::test]
async fn a_quota_is_of_one_key_and_of_every_kind_of_request() {
    let (backend, gate) = gate("{ key: { quota: { day: 100, month: 2 } } }", "{ quota: { month: 3 } }").await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(get(KEY)).await.status, 200);
    let _socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_limited").await;
    assert_eq!(client.ask(get(KEY)).await.status, 200);
    for refused in [get(KEY), handshake("/connection/1", KEY)] {
        let answer = client.ask(refused).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "quota_exceeded"));
        assert_eq!(answer.problem()["violated-policies"], json!(["month"]));
        let retry: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=31 * 86_400).contains(&retry), "{retry}");
        let policy = answer.header("ratelimit-policy").unwrap();
        assert!(policy.contains(r#""day";q=100;w=86400, "month";q=3;w="#), "{policy}");
        let limit = answer.header("ratelimit").unwrap();
        assert!(limit.contains(&format!(r#""month";r=0;t={retry}"#)), "{limit}");
    }
    for expected in [200, 200, 429] {
        assert_eq!(client.ask(get("x-api-key: sk_live_other\r\n")).await.status, expected, "by its own, the default");
    }
    assert_eq!(backend.requests().len(), 5);
    let metrics = gate.metrics().await;
    assert_eq!(metrics.value(r#"keygate_rate_limit_decisions_total{result="limited",scope="key"}"#), Some(3.0));
}

#[tokio::test]
async fn a_key_may_be_for_some_addresses_only() {
    let backend = Backend::realtime().await;
    let keys = vec![
        secret_key("here", "sk_live_here", "ips: [127.0.0.0/8, '::1']"),
        secret_key("there", "sk_live_there", "ips: [192.0.2.0/24]"),
    ];
    let gate = Gate::start(Setup { keys, ..Setup::before(backend.address) }).await;
    let mut client = gate.connect().await;
    assert_eq!(client.ask(get("x-api-key: sk_live_here\r\n")).await.status, 200);
    let answer = client.ask(get("x-api-key: sk_live_there\r\n")).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "address_refused"));
    assert!(answer.header("www-authenticate").is_none() && answer.header("retry-after").is_none());
}

/// A backend that speaks of limits of its own, whatever it is asked.
async fn talkative() -> Backend {
    const OWN: &str = "RateLimit: \"backend\";r=1\r\nratelimit-policy: \"backend\";q=9\r\nX-RateLimit-Remaining: 77\r\n";
    Backend::start(|mut talk: Talk| async move {
        while let Some(request) = talk.head().await {
            if request.header("upgrade").is_some() {
                return talk.open_websocket(&request, OWN).await;
            }
            let is_stream = request.header("accept") == Some("text/event-stream");
            let kind = if is_stream { "text/event-stream" } else { "text/plain" };
            talk.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{OWN}Content-Length: 0\r\n\r\n")).await;
        }
    })
    .await
}

/// The answers to a plain request, a handshake and an event stream.
async fn of_every_kind(gate: &Gate) -> [Answer; 3] {
    let stream = format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}\r\n");
    let head = async |request: String| {
        let mut client = gate.connect().await;
        client.send(request).await;
        client.head().await
    };
    [head(get(KEY)).await, head(handshake("/connection/1", KEY)).await, head(stream).await]
}

#[tokio::test]
async fn answers_tell_of_limits_where_that_is_wanted() {
    let backend = talkative().await;
    let keys = vec![secret_key("limited", "sk_live_limited", "limits: { rate: 100/h, burst: 50, quota: { month: 9 } }")];
    let limits = "{ headers: all, x_ratelimit: true }".to_owned();
    let gate = Gate::start(Setup { limits, keys, ..Setup::before(backend.address) }).await;
    for (answer, spent) in of_every_kind(&gate).await.into_iter().zip(1..) {
        assert!(matches!(answer.status, 101 | 200));
        let policy = answer.header("ratelimit-policy").expect("one policy field");
        assert!(policy.starts_with(r#""rate";q=100;w=3600, "month";q=9;w="#), "{policy}");
        let limit = answer.header("ratelimit").expect("one field");
        assert!(limit.contains(&format!(r#""month";r={};t="#, 9 - spent)), "{limit}");
        assert_eq!(limit.contains("\"connections\";r="), spent > 1, "of streams only: {limit}");
        assert_eq!(answer.header("x-ratelimit-limit"), Some("9"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some((9 - spent).to_string().as_str()));
        let reset: u64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        assert!(reset <= 31 * 86_400, "{reset}");
    }
}

#[tokio::test]
async fn a_refusal_tells_older_clients_too_where_that_is_wanted() {
    let (_backend, gate) = gate("{ x_ratelimit: true }", "{ rate: 1/h, burst: 1 }").await;
    let mut client = gate.connect().await;
    let permitted = client.ask(get(KEY)).await;
    assert_eq!((permitted.status, permitted.header("x-ratelimit-limit")), (200, None));
    let refused = client.ask(get(KEY)).await;
    assert_eq!((refused.status, refused.header("x-ratelimit-limit")), (429, Some("1")));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-reset"), refused.header("retry-after"));
}

#[tokio::test]
async fn elsewhere_the_backends_own_limits_are_left_alone() {
    let backend = talkative().await;
    let keys = vec![secret_key("limited", "sk_live_limited", "limits: { rate: 100/h, burst: 50 }")];
    let gate = Gate::start(Setup { keys, ..Setup::before(backend.address) }).await;
    for answer in of_every_kind(&gate).await {
        assert_eq!(answer.header("ratelimit"), Some("\"backend\";r=1"));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"backend\";q=9"));
        assert_eq!((answer.header("x-ratelimit-remaining"), answer.header("x-ratelimit-limit")), (Some("77"), None));
    }
}

#[tokio::test]
async fn places_of_a_key_are_given_back() {
    let (_backend, gate) = gate("{}", "{ connections: 2 }").await;
    let socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_limited").await;
    let mut events = gate.connect().await;
    let stream = format!("GET /events/a HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}\r\n");
    events.send(&stream).await;
    assert_eq!(events.head().await.status, 200);

    let mut client = gate.connect().await;
    for refused in [handshake("/connection/1", KEY), stream.clone()] {
        let answer = client.ask(refused).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_connections"));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(client.ask(get(KEY)).await.status, 200, "a plain request takes no place");
    drop(socket);
    let mut back = until("a place", || async {
        let mut client = gate.connect().await;
        (client.ask(handshake("/connection/1", KEY)).await.status == 101).then(|| WebSocket(client))
    })
    .await;
    back.echoes("in the place that was given back").await;
    drop(events);
    until("another place", || async {
        let mut client = gate.connect().await;
        client.send(&stream).await;
        (client.head().await.status == 200).then_some(())
    })
    .await;
}

/// A place is given back by whatever ends the stream, also if it never opened.
#[tokio::test]
async fn a_stream_that_does_not_open_keeps_no_place() {
    let backend = Backend::start(|mut talk: super::support::Talk| async move {
        talk.head().await;
        talk.send("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let keys = vec![secret_key("limited", "sk_live_limited", "limits: { connections: 1 }")];
    let gate = Gate::start(Setup { keys, ..Setup::before(backend.address) }).await;
    for _ in 0..5 {
        until("the place of the last one", || async {
            let mut client = gate.connect().await;
            (client.ask(handshake("/connection/1", KEY)).await.status == 500).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn guessing_is_bounded_by_address() {
    let (_backend, gate) = gate("{ ip: { rate: 1/h, burst: 5 } }", "{}").await;
    let mut client = gate.connect().await;
    for _ in 0..50 {
        assert_eq!(client.ask(get(KEY)).await.status, 200, "who has a key is not slowed down");
    }
    for guess in 0..5 {
        assert_eq!(client.ask(get(&format!("x-api-key: guess{guess}\r\n"))).await.status, 401);
    }
    let answer = client.ask(get("x-api-key: guess\r\n")).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    assert!(answer.header("ratelimit-policy").unwrap().starts_with("\"ip\""));
    assert_eq!(client.ask(get("")).await.status, 429);
    // Broken heads are refusals too; they are charged without a question.
    let mut broken = gate.connect().await;
    assert_eq!(broken.ask("GET  / HTTP/1.1\r\n\r\n").await.status, 400);
    let metrics = gate.metrics().await;
    assert_eq!(metrics.value(r#"keygate_rate_limit_decisions_total{result="limited",scope="ip"}"#), Some(2.0));
}

#[tokio::test]
async fn connections_of_an_address_are_bounded() {
    let (_backend, gate) = gate("{ ip: { connections: 3 } }", "{}").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = gate.connect().await;
        assert_eq!(client.ask(get(KEY)).await.status, 200);
        held.push(client);
    }
    let answer = gate.connect().await.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_connections"), "told at once, unasked");
    held.pop();
    free(&gate).await;
    assert_eq!(held[0].ask(get(KEY)).await.status, 200);
}

#[tokio::test]
async fn connections_of_the_gate_are_bounded() {
    let (_backend, gate) = gate("{ connections: 2 }", "{}").await;
    let first = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_limited").await;
    let second = gate.connect().await;
    gate.series_is("keygate_client_connections", 2.0).await;
    let mut third = gate.connect().await;
    let answer = third.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(third.rest().await, b"");
    drop(first);
    free(&gate).await;
    drop(second);
    // Health and metrics have their own place.
    assert_eq!(gate.status("/livez").await.status, 200);
}

/// Waits until a connection gets a place.
async fn free(gate: &Gate) {
    until("a place", || async {
        let mut client: Client = gate.connect().await;
        // Turned away unasked, the gate may have closed already.
        let _ = client.try_send(get(KEY)).await;
        (client.rest_or_answer().await?.status == 200).then_some(())
    })
    .await;
}
