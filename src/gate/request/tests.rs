use super::*;
use std::net::Ipv4Addr;

fn head<'a>(method: &'a str, target: &'a str, headers: &'a [Header<'a>]) -> Result<RequestHead<'a>, Rule> {
    RequestHead::new(method, target, headers, Ipv4Addr::LOCALHOST.into(), false)
}

fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
    Header { name, value: value.as_bytes() }
}

#[track_caller]
fn transport(method: &str, headers: &[(&str, &str)], expected: Result<Transport, Rule>) {
    let headers: Vec<_> = headers.iter().map(|(name, value)| header(name, value)).collect();
    assert_eq!(head(method, "/", &headers).map(|head| head.transport), expected);
}

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const WHOLE: [(&str, &str); 4] =
    [("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade"), ("Sec-WebSocket-Version", "13"), KEY];

#[test]
fn a_websocket_is_a_whole_handshake_or_an_error() {
    transport("GET", &WHOLE, Ok(Transport::WebSocket));
    for left_out in 0..WHOLE.len() {
        let mut part = WHOLE.to_vec();
        part.remove(left_out);
        let headers: Vec<_> = part.iter().map(|(name, value)| header(name, value)).collect();
        assert!(head("GET", "/", &headers).is_err(), "{part:?} passed");
    }
    transport("POST", &WHOLE, Err("a WebSocket handshake is a GET"));
    let with = |extra: (&'static str, &'static str)| [WHOLE.as_slice(), &[extra]].concat();
    transport("GET", &with(("Content-Length", "5")), Err("a WebSocket handshake has no body"));
    transport("GET", &with(("Transfer-Encoding", "chunked")), Err("a WebSocket handshake has no body"));
    transport("GET", &with(("Upgrade", "h2c")), Err("two Upgrade headers"));
    transport("GET", &[("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings")], Ok(Transport::Http));
    transport("GET", &[("Upgrade", "h2c, websocket")], Err("Upgrade offers websocket among others"));
    transport("GET", &[("Upgrade", "websocket/13")], Err("Upgrade offers websocket among others"));
}

#[test]
fn an_event_stream_is_a_get_without_a_body_that_accepts_it() {
    transport("GET", &[("Accept", "text/event-stream")], Ok(Transport::EventStream));
    transport("GET", &[("accept", "text/html, Text/Event-Stream;q=0.9")], Ok(Transport::EventStream));
    transport("GET", &[("Accept", "text/event-streams")], Ok(Transport::Http));
    transport("POST", &[("Accept", "text/event-stream")], Ok(Transport::Http));
    transport("GET", &[("Accept", "text/event-stream"), ("Content-Length", "3")], Ok(Transport::Http));
    transport("GET", &[("Accept", "text/event-stream"), ("Content-Length", "0")], Ok(Transport::EventStream));
}

#[test]
fn transports_have_the_names_that_metrics_and_logs_tell() {
    assert_eq!(Transport::ALL.map(Transport::name), ["http", "websocket", "sse"]);
    assert_eq!(Transport::ALL.map(Transport::is_stream), [false, true, true]);
}

#[test]
fn what_may_come_once_comes_once() {
    for name in ["Host", "Origin", "Authorization"] {
        let headers = [header(name, "a"), header(name, "a")];
        assert!(head("GET", "/", &headers).is_err(), "two {name}");
    }
}

#[test]
fn paths_with_two_readings_are_refused() {
    let good = [
        "/",
        "/a",
        "/a/",
        "/a/b.c/~d",
        "/a%20b",
        "/caf%C3%A9",
        "/...",
        "/.well-known/x",
        "/a:b@c",
        "/a..b",
        "/%e2%82%ac/%f0%9f%98%80",
        "/far/from/where/it/begins%20/%c3%a9",
    ];
    for path in good {
        assert_eq!(check_path(path), Ok(()), "{path}");
    }
    for path in [
        "",
        "a",
        "*",
        "http://h/",
        "//",
        "/a//b",
        "/.",
        "/..",
        "/a/./b",
        "/a/../b",
        "/a/caf%c3%a9/../b",
        "/a%e2%82%ac/caf%c3%a9//b",
        "/a/b/%f0%9f%98%80;v=1",
        "/..;/a",
        "/..;x/a",
        "/.;",
        "/%2e%2e/a",
        "/%2E/",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/a%0d",
        "/a%7f",
        "/a%252e",
        "/%61dmin",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a#b",
        "/a b",
        "/é",
        "/a%3bx",
        "/a;v=1",
        "/api;x/keys",
        "/;",
        "/a%c0%afb",
        "/%e0%80%af",
        "/caf%e9",
        "/%c3x",
        "/%c3%",
        "/%ed%a0%80",
        "/%ff",
        "/a%3f",
        "/a%23",
    ] {
        assert!(check_path(path).is_err(), "{path} passed");
        for before in good.iter().filter(|_| path.starts_with('/')) {
            assert!(check_path(&format!("{before}{path}")).is_err(), "{path} passed behind {before}");
        }
    }
}

#[test]
fn queries_that_a_url_parser_would_change_are_refused() {
    for query in ["", "a=b&c", "a=%20+%zz", "a[]='b'{|}`^\\"] {
        assert!(head("GET", &format!("/?{query}"), &[]).is_ok(), "{query}");
    }
    for character in ['"', '#', '<', '>', ' ', '\t', '\0', '\u{7f}', 'é'] {
        for query in [format!("{character}"), format!("{character}=b"), format!("a={character}b&c"), format!("a={character}")] {
            assert!(head("GET", &format!("/?{query}"), &[]).is_err(), "{query:?} passed");
        }
    }
}

proptest::proptest! {
    #[test]
    fn a_path_that_passes_means_the_same_decoded_and_normalised(path in "/[a-zA-Z0-9./%;_~\\\\-]{0,30}") {
        if check_path(&path).is_ok() {
            let url = url::Url::parse(&format!("http://h{path}")).unwrap();
            proptest::prop_assert_eq!(url.path(), path.as_str());
        }
    }
}

#[test]
fn names_are_compared_as_cgi_does() {
    for name in ["X-Api-Key", "x-api-key", "X_API_KEY", "x.Api_key"] {
        assert!(same_when_folded(name, "x-api-key") && same_when_folded("X_Api.Key", name), "{name}");
    }
    for name in ["x-api-keys", "xapikey", "x--api-key", "x api-key", ""] {
        assert!(!same_when_folded(name, "x-api-key"), "{name}");
    }
}
