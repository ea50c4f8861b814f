//! What Prometheus scrapes: well formed, counting what was done, and never growing with what clients send.

use super::support::{Backend, Gate, ORIGIN, Setup, WEB_KEY, WebSocket};

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

const KEY: &str = "x-api-key: sk_live_server\r\n";

#[tokio::test]
async fn what_was_done_is_counted() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    client.ask(get("/any/", KEY)).await;
    client.ask(get(&format!("/any/?key={WEB_KEY}"), &format!("Origin: {ORIGIN}\r\n"))).await;
    client.ask(get("/any/", "")).await;
    client.ask(get("/any/", "x-api-key: wrong\r\n")).await;
    client.ask(get("/none", KEY)).await;
    client.ask(get("/api/", &format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n"))).await;
    let mut socket = WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await;
    socket.echoes("hello").await;

    let metrics = gate.metrics().await;
    assert_eq!(metrics.complaints(), Vec::<String>::new());
    for (series, value) in [
        (r#"keygate_auth_decisions_total{outcome="allow",reason="ok",route="open",transport="http"}"#, 2.0),
        (r#"keygate_auth_decisions_total{outcome="deny",reason="missing_key",route="open",transport="http"}"#, 1.0),
        (r#"keygate_auth_decisions_total{outcome="deny",reason="unknown_key",route="open",transport="http"}"#, 1.0),
        (r#"keygate_auth_decisions_total{outcome="deny",reason="no_route",route="",transport="http"}"#, 1.0),
        (r#"keygate_auth_decisions_total{outcome="deny",reason="not_capable",route="admin",transport="http"}"#, 1.0),
        (r#"keygate_auth_decisions_total{outcome="allow",reason="ok",route="socket",transport="websocket"}"#, 1.0),
        (r#"keygate_credential_source_total{source="header"}"#, 2.0),
        (r#"keygate_credential_source_total{source="query"}"#, 1.0),
        (r#"keygate_http_requests_total{code="200",route="open"}"#, 2.0),
        (r#"keygate_http_requests_total{code="401",route="open"}"#, 2.0),
        (r#"keygate_http_requests_total{code="101",route="socket"}"#, 1.0),
        (r#"keygate_connections_opened_total{transport="websocket"}"#, 1.0),
        (r#"keygate_connections{transport="websocket"}"#, 1.0),
        (r#"keygate_connections{transport="sse"}"#, 0.0),
        ("keygate_client_connections", 2.0),
        (r#"keygate_keys{kind="publishable",state="active"}"#, 1.0),
        (r#"keygate_keys{kind="secret",state="active"}"#, 1.0),
        ("keygate_keyset_generation", 1.0),
        ("keygate_config_last_reload_successful", 1.0),
        ("keygate_draining", 0.0),
        (r#"keygate_build_info{version="0.1.0"}"#, 1.0),
        ("keygate_auth_duration_seconds_count", 7.0),
    ] {
        assert_eq!(metrics.value(series), Some(value), "{series}\n{}", metrics.text);
    }
    assert!(metrics.value("process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    assert!(metrics.value("process_open_fds").is_some_and(|count| count > 5.0));

    drop(socket);
    gate.series_is(r#"keygate_connections{transport="websocket"}"#, 0.0).await;
    let metrics = gate.metrics().await;
    assert_eq!(metrics.sum("keygate_connections_closed_total{"), 1.0);
    assert_eq!(metrics.value(r#"keygate_bytes_total{direction="received",transport="websocket"}"#), Some(11.0));
    assert_eq!(metrics.value(r#"keygate_bytes_total{direction="sent",transport="websocket"}"#), Some(7.0));
    assert_eq!(metrics.value(r#"keygate_connection_duration_seconds_count{transport="websocket"}"#), Some(1.0));
}

/// What has not happened yet is a series of 0, so that the first time is an increase; and the promises can be read from the buckets.
#[tokio::test]
async fn streams_are_counted_from_the_start() {
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let metrics = gate.metrics().await;
    for transport in ["websocket", "sse"] {
        for (initiator, reason) in [
            ("client", "closed"),
            ("client", "reset"),
            ("upstream", "closed"),
            ("upstream", "reset"),
            ("gate", "key_revoked"),
            ("gate", "key_blocked"),
            ("gate", "idle"),
            ("gate", "operator"),
            ("gate", "drain"),
            ("gate", "message_rate"),
        ] {
            let labels = format!(r#"initiator="{initiator}",reason="{reason}",transport="{transport}""#);
            assert_eq!(metrics.value(&format!("keygate_connections_closed_total{{{labels}}}")), Some(0.0), "{labels}");
        }
        let opened = format!(r#"keygate_connections_opened_total{{transport="{transport}"}}"#);
        assert_eq!(metrics.value(&opened), Some(0.0), "{opened}");
    }
    for le in ["0.05", "0.1", "0.25", "1"] {
        let bucket = format!(r#"keygate_revocation_close_seconds_bucket{{le="{le}"}}"#);
        assert_eq!(metrics.value(&bucket), Some(0.0), "{bucket}");
    }
    drop(WebSocket::open(gate.connect().await, "/connection/1", "sk_live_server").await);
    let week = r#"keygate_connection_duration_seconds_bucket{transport="websocket",le="604800"}"#;
    gate.series_is(week, 1.0).await;
    // As many as there were: the end of a stream makes no series of its own.
    let count = |metrics: &super::support::Metrics| {
        metrics.names().iter().filter(|name| name.starts_with("keygate_connections_closed_total")).count()
    };
    assert_eq!(count(&gate.metrics().await), count(&metrics));
}

/// T-CARD: keys, origins, paths, methods and hosts that nobody has heard of make no series.
#[tokio::test]
async fn no_client_makes_a_series() {
    const REQUESTS: usize = 2_000;
    let backend = Backend::realtime().await;
    let gate = Gate::start(Setup { log: "{ access: off }".to_owned(), ..Setup::before(backend.address) }).await;
    let mut client = gate.connect().await;
    let ask = |n: usize| {
        format!(
            "M{n} /any/{n}?a={n}&key=k{n} HTTP/1.1\r\nHost: h{n}.example\r\nOrigin: https://o{n}.example\r\nX-H{n}: {n}\r\nUser-Agent: u{n}\r\n\r\n"
        )
    };
    let nowhere = |n: usize| get(&format!("/n{n}"), &format!("x-api-key: k{n}\r\n"));
    let allowed = |n: usize| get(&format!("/any/{n}"), KEY);
    for n in 0..20 {
        for request in [ask(n), nowhere(n), allowed(n)] {
            client.ask(request).await;
        }
    }
    let before = gate.metrics().await;
    for n in 20..REQUESTS {
        let (request, status) = match n % 3 {
            0 => (ask(n), 401),
            1 => (nowhere(n), 404),
            _ => (allowed(n), 200),
        };
        assert_eq!(client.ask(request).await.status, status);
    }
    let after = gate.metrics().await;
    let new: Vec<_> = after.names().difference(&before.names()).map(|name| (*name).to_owned()).collect();
    assert_eq!(new, Vec::<String>::new());
    let decisions = after.sum("keygate_auth_decisions_total{") - before.sum("keygate_auth_decisions_total{");
    assert_eq!(decisions, (REQUESTS - 20) as f64);
    assert_eq!(after.complaints(), Vec::<String>::new());
}

/// The judge of the format, judged.
#[test]
fn a_malformed_exposition_is_found() {
    use super::support::Metrics;
    let good = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n";
    assert_eq!(Metrics::read(good).complaints(), Vec::<String>::new());
    for bad in [
        "a_total 1\n",
        "# TYPE a_total counter\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n",
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
    ] {
        assert_ne!(Metrics::read(bad).complaints(), Vec::<String>::new(), "{bad}");
    }
}
