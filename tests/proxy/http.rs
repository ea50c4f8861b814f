//! Plain HTTP: what the backend sees of a request, and what the client sees of an answer.

use super::support::{
    Backend, Client, Gate, Metrics, ORIGIN, Setup, Talk, WEB_KEY, credential_absent, each_was_decided, identity_stamped_once,
    secret_key, within,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const KEY: &str = "x-api-key: sk_live_server\r\n";

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate.example\r\n{headers}\r\n")
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /realtime HTTP/1.1\r\nHost: gate.example\r\n{headers}\r\n{body}")
}

async fn answering(answer: &str) -> (Backend, Gate) {
    let backend = Backend::answering(answer).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    (backend, gate)
}

#[tokio::test]
async fn one_key_and_one_request() {
    let (backend, gate) = answering(OK).await;
    let answer = gate.connect().await.ask(get("/any/a?x=1", KEY)).await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    let request = backend.request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/any/a?x=1"));
    assert_eq!(request.version, "HTTP/1.1");
    assert_eq!(request.header("host"), Some("gate.example"));
    identity_stamped_once(&request).unwrap();
    for (name, value) in [("app", "demo"), ("key-id", "server"), ("kind", "secret"), ("environment", "live")] {
        assert_eq!(request.header(&format!("x-keygate-{name}")), Some(value));
    }
    let id = answer.header("x-request-id").expect("an id");
    assert_eq!(request.header("x-keygate-request-id"), Some(id));
    let line = gate.logged("/any/a").await;
    assert_eq!(
        (line["request_id"].as_str(), line["key_id"].as_str(), line["status"].as_u64()),
        (Some(id), Some("server"), Some(200))
    );
    assert_eq!((line["outcome"].as_str(), line["route"].as_str()), (Some("allow"), Some("open")));
}

#[tokio::test]
async fn a_credential_is_stripped_wherever_it_stands() {
    let (backend, gate) = answering(OK).await;
    let browser = format!("Origin: {ORIGIN}\r\n");
    let places = [
        (get("/any/", KEY), "/any/"),
        (get("/any/", "X-API-KEY:sk_live_server\r\n"), "/any/"),
        (get("/any/", "Authorization: Bearer sk_live_server\r\n"), "/any/"),
        (get("/any/", "authorization: bEARER   sk_live_server  \r\n"), "/any/"),
        (get(&format!("/any/?key={WEB_KEY}"), &browser), "/any/"),
        (get(&format!("/any/?a=1&key={WEB_KEY}&b=2"), &browser), "/any/?a=1&b=2"),
        (get(&format!("/any/?api_key={WEB_KEY}&b=2&"), &browser), "/any/?b=2&"),
        (get(&format!("/any/?%6bey={WEB_KEY}&b"), &browser), "/any/?b"),
        (get("/any/?a=%26key=1&%6B%65%79=pk%5Flive%5Fweb", &browser), "/any/?a=%26key=1"),
    ];
    let mut client = gate.connect().await;
    for (at, (request, target)) in places.iter().enumerate() {
        let answer = client.ask(request).await;
        assert_eq!(answer.status, 200, "{request}: {answer:?}");
        let seen = &backend.requests()[at];
        assert_eq!(seen.target, *target, "{request}");
        assert_eq!((seen.all("x-api-key").len(), seen.all("authorization").len()), (0, 0), "{request}");
        identity_stamped_once(seen).unwrap();
    }
    credential_absent(&backend.bytes(), &["sk_live_server", WEB_KEY]).unwrap();
}

#[tokio::test]
async fn a_location_that_is_not_the_gates_is_left_alone() {
    let backend = Backend::answering(OK).await;
    let credentials = "{ header: x-gate-key, websocket_protocol: false }".to_owned();
    let gate = Gate::start(Setup { credentials, ..Setup::before(backend.address) }).await;
    let own = "Authorization: Bearer the-backends-own\r\nX-Api-Key: the-backends-too\r\nCookie: a=b\r\n";
    let answer = gate.connect().await.ask(get("/any/?key=1&api_key=2", &format!("{own}X-Gate-Key: sk_live_server\r\n"))).await;
    assert_eq!(answer.status, 200);
    let request = backend.request();
    assert_eq!(request.target, "/any/?key=1&api_key=2");
    assert_eq!(request.header("authorization"), Some("Bearer the-backends-own"));
    assert_eq!(request.header("x-api-key"), Some("the-backends-too"));
    assert_eq!(request.header("cookie"), Some("a=b"));
    assert_eq!(request.header("x-gate-key"), None);
}

#[tokio::test]
async fn another_scheme_of_authorization_is_the_backends() {
    let (backend, gate) = answering(OK).await;
    let basic = "Authorization: Basic dXNlcjpwYXNz\r\n";
    assert_eq!(gate.connect().await.ask(get("/any/", &format!("{KEY}{basic}"))).await.status, 200);
    assert_eq!(backend.request().header("authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[tokio::test]
async fn two_credentials_are_refused_equal_or_not() {
    let (backend, gate) = answering(OK).await;
    let bearer = |text: &str| format!("Authorization: Bearer {text}\r\n");
    type Place = fn(&str) -> String;
    let places: [(&str, Place); 3] = [
        ("header", |text| format!("x-api-key: {text}\r\n")),
        ("second header", |text| format!("X-Api-Key: {text}\r\n")),
        ("bearer", |text| format!("Authorization: Bearer {text}\r\n")),
    ];
    let mut client = gate.connect().await;
    for (one, first) in &places {
        for (other, second) in &places {
            for (a, b) in [("sk_live_server", "sk_live_server"), ("sk_live_server", "wrong"), ("wrong", "sk_live_server")] {
                if one == other {
                    continue;
                }
                let answer = client.ask(get("/any/", &(first(a) + &second(b)))).await;
                assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_key"), "{one} and {other}");
            }
        }
        for target in ["/any/?key=wrong", "/any/?%6Bey=sk_live_server", "/any/?key="] {
            let answer = client.ask(get(target, &first("sk_live_server"))).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_key"), "{one} and {target}");
        }
    }
    // Two `Authorization` headers can be read in two ways whatever they hold.
    assert_eq!(client.ask(get("/any/", &(bearer("a") + &bearer("a")))).await.code(), "bad_request");
    assert_eq!(backend.connections().len(), 0);
}

/// What CGI and its descendants take for one of the gate's names.
fn spellings() -> Vec<String> {
    let names = [
        "X-Keygate-App",
        "x-keygate-key-id",
        "X-KEYGATE-KIND",
        "X-Keygate-Capability",
        "X-Keygate-Client-Id",
        "x-keygate-anything",
    ];
    let change: [fn(&str) -> String; 4] = [
        str::to_owned,
        |name| name.replace('-', "_"),
        |name| name.replace('-', "."),
        |name| name.replacen('-', "_", 1).to_uppercase(),
    ];
    names.iter().flat_map(|name| change.iter().map(|change| change(name))).collect()
}

#[tokio::test]
async fn nobody_but_the_gate_says_who_asks() {
    let (backend, gate) = answering(OK).await;
    let spellings = spellings();
    assert_eq!(spellings.len(), 24);
    let mut client = gate.connect().await;
    for (at, name) in spellings.iter().enumerate() {
        let answer = client.ask(get("/any/", &format!("{name}: spoof\r\n{KEY}{name}: spoof\r\n"))).await;
        assert_eq!(answer.status, 200, "{name}");
        let request = &backend.requests()[at];
        identity_stamped_once(request).unwrap_or_else(|broken| panic!("{name}: {broken}"));
        assert!(request.headers.iter().all(|(_, value)| value != "spoof"), "{name}");
    }
    let all: String = spellings.iter().map(|name| format!("{name}: spoof\r\n")).collect();
    assert_eq!(client.ask(get("/any/", &format!("{all}{KEY}"))).await.status, 200);
    assert!(!backend.requests().last().unwrap().headers.iter().any(|(_, value)| value == "spoof"));
}

#[tokio::test]
async fn where_a_request_came_from_is_the_gates_to_say() {
    let (backend, gate) = answering(OK).await;
    let spoofed = "X-Forwarded-For: 1.2.3.4\r\nx_forwarded_for: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                   X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Request-Id: spoof\r\n";
    assert_eq!(gate.connect().await.ask(get("/any/", &format!("{spoofed}{KEY}"))).await.status, 200);
    let request = backend.request();
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-forwarded-host"), Some("gate.example"));
    for name in ["x-forwarded-port", "x-forwarded-prefix", "forwarded", "x-real-ip", "x-request-id", "x_forwarded_for"] {
        assert_eq!(request.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn headers_of_the_connection_stay_on_it() {
    let (backend, gate) = answering(OK).await;
    let hop = "Connection: keep-alive, TE\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: X-A\r\nProxy-Authorization: Basic eA==\r\n\
               Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    assert_eq!(gate.connect().await.ask(get("/any/", &format!("{hop}X-End: 1\r\n{KEY}"))).await.status, 200);
    let request = backend.request();
    for name in ["keep-alive", "te", "trailer", "proxy-authorization", "proxy-connection", "upgrade", "http2-settings"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(request.header("x-end"), Some("1"));
}

#[tokio::test]
async fn a_nomination_is_refused() {
    let (backend, gate) = answering(OK).await;
    let names = [
        "X-Keygate-App",
        "x-keygate-key-id",
        "Authorization",
        "Origin",
        "Host",
        "Cookie",
        "Content-Length",
        "x-api-key",
        "X-Forwarded-For",
        "Sec-WebSocket-Key",
        "a",
        "close, X-Keygate-App",
        "keep-alive,,x",
        "X-KEYGATE-APP,close",
    ];
    for name in names {
        let mut client = gate.connect().await;
        let answer = client.ask(get("/any/", &format!("{KEY}Connection: {name}\r\n"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{name}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn heads_with_two_readings_reach_nobody() {
    let (backend, gate) = answering(OK).await;
    let second = get("/any/second", KEY);
    let heads = [
        post(&format!("{KEY}Content-Length: 4\r\nContent-Length: 4\r\n"), "body"),
        post(&format!("{KEY}Content-Length: 4, 4\r\n"), "body"),
        post(&format!("{KEY}Content-Length: +4\r\n"), "body"),
        post(&format!("{KEY}Content-Length: 0x4\r\n"), "body"),
        post(&format!("{KEY}Content-Length: 04\r\n"), "body"),
        post(&format!("{KEY}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding: gzip, chunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding: xchunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding:\u{b}chunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding : chunked\r\n"), "0\r\n\r\n"),
        post(&format!("{KEY}Transfer-Encoding: chunked\r\n"), "0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
        get("/any/", &format!("{KEY}Host: other\r\n")),
        get("/any/", &format!("{KEY}X: folded\r\n value\r\n")),
        get("/any/", &format!("{KEY}X: bare\nY: lf\r\n")),
        get("/any/", &format!("{KEY}X: bare\rcr\r\n")),
        get("/any/", &format!("{KEY}X: nul\0\r\n")),
        get("/any/../api/x", KEY),
        get("/any/%2e%2e/api/x", KEY),
        get("/any//x", KEY),
        get("/any/%2fx", KEY),
        get("/any/\\x", KEY),
        get("/any/..;/api", KEY),
        get("/any/#x", KEY),
        get("http://gate.example/any/", KEY),
        get("*", KEY),
        "GET /any/ HTTP/1.1\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "CONNECT gate.example:80 HTTP/1.1\r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "TRACE /any/ HTTP/1.1\r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "GET  /any/ HTTP/1.1\r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "GET /any/ HTTP/1.1 \r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "GET /any/ HTTP/2.0\r\nHost: gate.example\r\nx-api-key: sk_live_server\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let mut client = gate.connect().await;
        client.send(format!("{head}{second}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{head:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{head:?}");
        assert_eq!(client.rest().await, b"", "{head:?}: what follows is not read");
    }
    assert_eq!(backend.connections().len(), 0);
    assert!(gate.program.stdout.text().contains("detail"), "the log names the rule");
}

#[tokio::test]
async fn what_is_too_large_or_too_much_is_refused() {
    let (backend, gate) = answering(OK).await;
    let many: String = (0..70).map(|n| format!("X-{n}: y\r\n")).collect();
    let heads = [get("/any/", &format!("{KEY}{many}")), get("/any/", &format!("{KEY}X: {}\r\n", "x".repeat(17_000)))];
    for head in heads {
        let mut client = gate.connect().await;
        client.send(head).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (431, "head_too_large"));
    }
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn a_head_that_stops_has_a_deadline() {
    let backend = Backend::answering(OK).await;
    let timeouts = "{ head: 200ms, idle: 300ms, connect: 5s, upstream_head: 5s, drain: 5s }".to_owned();
    let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let mut client = gate.connect().await;
    client.send("GET /any/ HTTP/1.1\r\nHost: ga").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "head_timeout"));
    assert_eq!(client.rest().await, b"");
    // Nothing was begun, so there is nothing to answer.
    let mut idle = gate.connect().await;
    assert_eq!(idle.ask(get("/any/", KEY)).await.status, 200);
    assert_eq!(idle.rest().await, b"");
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    let large = "x".repeat(50_000);
    let chunked = format!("{:x}\r\n{large}\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", large.len());
    for (headers, body) in [
        (String::new(), String::new()),
        ("Content-Length: 5\r\n".to_owned(), "hello".to_owned()),
        (format!("Content-Length: {}\r\n", large.len()), large.clone()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunked),
    ] {
        let (head, body) = (post(&headers, ""), body);
        // With the head, and after it.
        for together in [true, false] {
            if together {
                client.send(format!("{head}{body}")).await;
            } else {
                client.send(&head).await;
                let answer = client.answer().await;
                assert_eq!(answer.status, 401);
                client.send(&body).await;
            }
            if together {
                let answer = client.answer().await;
                assert_eq!((answer.status, answer.header("connection")), (401, None), "{headers}");
            }
            let answer = client.ask(get("/any/", KEY)).await;
            assert_eq!((answer.status, answer.text()), (200, "ok"), "the next request, after {headers}");
        }
    }
    assert_eq!(each_was_decided(&backend.bytes()), Ok(10));
}

/// CVE-2025-4366: a body that is not read to its end must never be taken for the next request.
#[tokio::test]
async fn a_refused_body_that_is_too_long_ends_the_connection() {
    let (backend, gate) = answering(OK).await;
    let smuggled = get("/any/smuggled", KEY);
    let large = format!("{}{smuggled}", "x".repeat(70_000));
    for (headers, body) in [
        (format!("Content-Length: {}\r\n", large.len()), large.clone()),
        ("Content-Length: 99999999999\r\n".to_owned(), large.clone()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len())),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("zz\r\n{smuggled}")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("0\r\n\rx{smuggled}")),
    ] {
        let mut client = gate.connect().await;
        client.send(post(&headers, "")).await;
        // The gate may close while the body is still being sent.
        let _ = client.try_send(format!("{body}{smuggled}")).await;
        assert_eq!(client.answer().await.status, 401, "{headers}");
        assert_eq!(client.rest().await, b"", "{headers}: nothing behind the body is answered");
    }
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn pipelined_requests_are_decided_one_by_one() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    let web = format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n");
    let requests = [
        (get("/any/1", KEY), 200),
        (get("/any/2", ""), 401),
        (post(&format!("{KEY}Content-Length: 5\r\n"), "hello"), 200),
        (post("Content-Length: 5\r\n", "hello"), 401),
        (get("/api/5", &web), 403),
        (post(&format!("{KEY}Transfer-Encoding: chunked\r\n"), "5\r\nhello\r\n0\r\n\r\n"), 200),
        (get("/none", KEY), 404),
        (get("/any/8", KEY), 200),
    ];
    let all: String = requests.iter().map(|(request, _)| request.as_str()).collect();
    client.send(all).await;
    for (request, status) in &requests {
        assert_eq!(client.answer().await.status, *status, "{request}");
    }
    assert_eq!(each_was_decided(&backend.bytes()), Ok(4));
    let seen: Vec<_> = backend.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(seen, ["/any/1", "/realtime", "/realtime", "/any/8"]);
}

#[tokio::test]
async fn a_body_is_whole_however_it_comes() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    let length = format!("{KEY}Content-Length: 11\r\n");
    let chunked = format!("{KEY}Transfer-Encoding: chunked\r\n");
    let pieces: [(&str, &[&str]); 5] = [
        (&length, &["hello world"]),
        (&length, &["", "hello world"]),
        (&length, &["hel", "lo w", "orld"]),
        (&chunked, &["5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"]),
        (&chunked, &["5\r\nhe", "llo\r\n6;x", "=y\r\n world\r", "\n0\r\n", "\r\n"]),
    ];
    for (headers, pieces) in pieces {
        let (first, rest) = pieces.split_first().unwrap();
        client.send(post(headers, first)).await;
        for piece in rest {
            // The backend has seen the head: what follows is a packet of its own.
            gate.status("/livez").await;
            client.send(piece).await;
        }
        assert_eq!(client.answer().await.status, 200, "{pieces:?}");
        assert_eq!(backend.requests().last().unwrap().body, b"hello world", "{pieces:?}");
    }
    assert_eq!(each_was_decided(&backend.bytes()), Ok(5));
}

/// The body's end and the next request's head come in one packet, while the body's beginning came with its own head.
#[tokio::test]
async fn a_request_behind_the_end_of_a_body_is_answered_or_its_connection_ends() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    client.send(post(&format!("{KEY}Content-Length: 11\r\n"), "hello")).await;
    let recording = backend.connection(0).await;
    within("the head", recording.when(|bytes, _| super::support::Head::end_in(bytes))).await;
    client.send(format!(" world{}", get("/any/next", KEY))).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(each_was_decided(&backend.bytes()), Ok(2));
}

/// The next request comes, in pieces and several of it, while the backend takes its time over the first.
#[tokio::test]
async fn a_request_that_comes_during_an_exchange_waits_for_its_end() {
    let may_answer = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let backend = Backend::start({
        let may_answer = std::sync::Arc::clone(&may_answer);
        move |mut talk: Talk| {
            let may_answer = std::sync::Arc::clone(&may_answer);
            async move {
                while talk.request().await.is_some() {
                    may_answer.acquire().await.expect("open").forget();
                    talk.send(OK).await;
                }
            }
        }
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    client.send(get("/any/1", KEY)).await;
    let recording = backend.connection(0).await;
    within("the head", recording.when(|bytes, _| super::support::Head::end_in(bytes))).await;
    let second = get("/any/2", KEY);
    for piece in [&second[..10], &second[10..], &get("/api/3", ""), &get("/any/4", KEY)[..30]] {
        client.send(piece).await;
        gate.status("/livez").await;
    }
    // More than is kept of what waits.
    let large =
        format!("{}{}", &get("/any/4", KEY)[30..], post(&format!("{KEY}Content-Length: 100000\r\n"), &"x".repeat(100_000)));
    let sender = async {
        client.send(large).await;
        for status in [200, 200, 401, 200, 200] {
            assert_eq!(client.answer().await.status, status);
        }
    };
    may_answer.add_permits(4);
    sender.await;
    assert_eq!(each_was_decided(&backend.bytes()), Ok(4));
}

/// The backend answers what it has not read: the answer counts, the rest of the upload does not.
#[tokio::test]
async fn an_answer_may_come_before_the_upload_ends() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig").await;
        talk.finish_sending().await;
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    for headers in ["Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = gate.connect().await;
        client.send(post(&format!("{KEY}{headers}"), "")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (413, "big"), "{headers}");
    }
}

#[tokio::test]
async fn chunks_that_are_none_reach_nobody_whole() {
    let (backend, gate) = answering(OK).await;
    let smuggled = get("/any/smuggled", KEY);
    for body in [
        format!("5\r\nhelloX\r\n0\r\n\r\n{smuggled}"),
        format!("zz\r\n{smuggled}"),
        format!("-1\r\n{smuggled}"),
        format!("fffffffffffffffff\r\n{smuggled}"),
        format!("5\nhello\r\n0\r\n\r\n{smuggled}"),
        format!("0\r\n\rX{smuggled}"),
    ] {
        let mut client = gate.connect().await;
        client.send(post(&format!("{KEY}Transfer-Encoding: chunked\r\n"), &body)).await;
        while client.more().await {}
        let text = String::from_utf8_lossy(&client.buffer).into_owned();
        assert!(!text.contains("HTTP/1.1 200") || text.matches("HTTP/1.1").count() == 1, "{body:?}: {text}");
        assert!(!backend.bytes().windows(14).any(|window| window == b"GET /any/smugg"), "{body:?}");
    }
}

/// What came of the body with the head is read before the backend hears of the request.
#[tokio::test]
async fn a_body_that_is_broken_from_its_start_is_refused_and_logged() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    let answer = client.ask(post(&format!("{KEY}Transfer-Encoding: chunked\r\n"), "\r\nhello\r\n0\r\n\r\n")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "an empty size is a last chunk to pingora");
    assert_eq!(client.rest().await, b"");
    let line = gate.logged("/realtime").await;
    assert_eq!((line["reason"].as_str(), line["key_id"].as_str()), (Some("bad_request"), Some("server")), "{line}");
    assert_eq!(backend.connections().len(), 0);
}

#[tokio::test]
async fn a_trailer_is_not_passed_for_a_header() {
    let (backend, gate) = answering(OK).await;
    let trailers = "5\r\nhello\r\n0\r\nX-Keygate-App: spoof\r\nAuthorization: Bearer x\r\n\r\n";
    let mut client = gate.connect().await;
    client.send(post(&format!("{KEY}Transfer-Encoding: chunked\r\n"), trailers)).await;
    while client.more().await && client.buffer.is_empty() {}
    assert!(!String::from_utf8_lossy(&backend.bytes()).contains("spoof"));
}

#[tokio::test]
async fn a_head_request_has_no_body_whoever_answers() {
    let (_backend, gate) = answering("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    let mut client = gate.connect().await;
    for (headers, status) in [(KEY, 200), ("", 401), (KEY, 200)] {
        client.send(format!("HEAD /any/ HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")).await;
        let answer = client.answer_to_head().await;
        assert_eq!(answer.status, status);
        assert!(answer.header("content-length").is_some());
    }
    client.send("HEAD /keygate/refusals HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    assert_eq!(client.answer_to_head().await.status, 200);
    assert!(client.buffer.is_empty());
}

#[tokio::test]
async fn an_old_client_is_served() {
    let (backend, gate) = answering(OK).await;
    let mut client = gate.connect().await;
    let answer = client.ask(format!("GET /any/ HTTP/1.0\r\nHost: gate\r\n{KEY}\r\n")).await;
    assert_eq!((answer.status, answer.text()), (200, "ok"));
    assert_eq!(client.rest().await, b"", "without keep-alive the connection ends");
    let answer = gate.connect().await.ask(format!("GET /any/ HTTP/1.0\r\n{KEY}\r\n")).await;
    assert_eq!(answer.status, 400, "there is no host that the backend could be told");
    let mut client = gate.connect().await;
    for _ in 0..2 {
        let answer = client.ask(format!("GET /any/ HTTP/1.0\r\nHost: gate\r\nConnection: keep-alive\r\n{KEY}\r\n")).await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
    for request in backend.requests() {
        identity_stamped_once(&request).unwrap();
        assert!(request.header("host").is_some(), "{request:?}");
    }
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let (_backend, gate) = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    let answer = gate.connect().await.ask(format!("GET /any/ HTTP/1.0\r\nHost: gate\r\n{KEY}\r\n")).await;
    assert_eq!((answer.status, answer.header("transfer-encoding"), answer.text()), (200, None, "hello"));
    let events = format!("GET /events/a HTTP/1.0\r\nHost: gate\r\nAccept: text/event-stream\r\n{KEY}\r\n");
    let answer = gate.connect().await.ask(events).await;
    assert_eq!((answer.status, answer.header("transfer-encoding"), answer.text()), (200, None, "hello"));
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(head) = talk.head().await else { return };
        if head.header("expect").is_some() {
            talk.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        talk.recording.when(|bytes, _| bytes.ends_with(b"hello").then_some(())).await;
        talk.send(OK).await;
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    let head = post(&format!("{KEY}Content-Length: 5\r\nExpect: 100-continue\r\n"), "");
    client.send(&head).await;
    assert_eq!(client.head().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.answer().await.status, 200);

    // A refused one may or may not send its body: nobody can tell what follows.
    let mut client = gate.connect().await;
    let answer = client.ask(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "")).await;
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_large_answer_is_whole() {
    let length = 8 << 20;
    let body: String = "0123456789abcdef".repeat(length / 16);
    let (_backend, gate) = answering(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    let mut client = Client::narrow(gate.address()).await;
    for _ in 0..2 {
        let answer = client.ask(get("/any/", KEY)).await;
        assert!(answer.body == body.as_bytes());
    }
}

#[tokio::test]
async fn a_large_upload_is_whole() {
    let (backend, gate) = answering(OK).await;
    let body = "0123456789abcdef".repeat(1 << 18);
    let mut client = gate.connect().await;
    let answer = client.ask(post(&format!("{KEY}Content-Length: {}\r\n", body.len()), &body)).await;
    assert_eq!(answer.status, 200);
    assert!(backend.request().body == body.as_bytes());
}

#[tokio::test]
async fn an_answer_without_length_ends_with_its_connection() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.send("HTTP/1.1 200 OK\r\n\r\nuntil the end").await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let answer = gate.connect().await.ask(get("/any/", KEY)).await;
    assert_eq!((answer.status, answer.text()), (200, "until the end"));
}

#[tokio::test]
async fn what_is_the_gates_to_answer_is_not_the_backends() {
    let spoof = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\
                 X-Keygate-Key-Id: spoof\r\nX-Request-Id: spoof\r\nX-Own: kept\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok";
    let (_backend, gate) = answering(spoof).await;
    let requests = [
        get("/any/", &format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n")),
        get("/events/a", &format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\nAccept: text/event-stream\r\n")),
    ];
    for request in requests {
        let answer = gate.connect().await.ask(&request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{request}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("x-keygate-key-id"), None);
        assert_ne!(answer.header("x-request-id"), Some("spoof"));
        assert_eq!(answer.header("x-own"), Some("kept"));
        assert_eq!(answer.all("set-cookie"), ["a", "b"]);
        let vary = answer.all("vary").join(", ").to_ascii_lowercase();
        assert!(vary.contains("origin"), "{vary}");
    }
}

#[tokio::test]
async fn a_backend_that_fails_is_told_of() {
    let backend = Backend::start(|mut talk: Talk| async move {
        let Some(request) = talk.request().await else { return };
        match request.target.as_str() {
            "/any/closes" => {}
            "/any/garbage" => drop(talk.send("SSH-2.0-OpenSSH\r\n\r\n").await),
            "/any/half" => drop(talk.send("HTTP/1.1 200 OK\r\nContent-Le").await),
            "/any/two-lengths" => {
                talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk").await;
                talk.ended().await;
            }
            "/any/101" => {
                talk.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw").await;
                talk.ended().await;
            }
            _ => talk.ended().await,
        }
    })
    .await;
    let timeouts = "{ head: 10s, connect: 2s, upstream_head: 300ms, drain: 5s }".to_owned();
    let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    for (target, status, code) in [
        ("/any/closes", 502, "upstream_unreachable"),
        ("/any/half", 502, "upstream_unreachable"),
        ("/any/garbage", 502, "upstream_protocol"),
        ("/any/two-lengths", 502, "upstream_protocol"),
        ("/any/101", 502, "upstream_protocol"),
        ("/any/silent", 504, "upstream_timeout"),
    ] {
        let headers = format!("x-api-key: {WEB_KEY}\r\nOrigin: {ORIGIN}\r\n");
        let mut client = gate.connect().await;
        let answer = client.ask(get(target, &headers)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{target}: its page may read it");
        let line = gate.logged(target).await;
        assert_eq!((line["status"].as_u64(), line["outcome"].as_str()), (Some(u64::from(status)), Some("deny")), "{line}");
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_told_of() {
    let down = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = down.local_addr().unwrap();
    drop(down);
    let gate = Gate::start(Setup::before(address)).await;
    let large = "x".repeat(300_000);
    for request in [
        get("/any/", KEY),
        get("/events/a", &format!("{KEY}Accept: text/event-stream\r\n")),
        super::support::handshake("/connection/1", KEY),
        post(&format!("{KEY}Content-Length: 5\r\n"), "hello"),
        post(&format!("{KEY}Content-Length: {}\r\n", large.len()), &large),
    ] {
        let mut client = gate.connect().await;
        let _ = client.try_send(&request).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{}", &request[..40]);
    }
    gate.series_is(r#"keygate_upstream_errors_total{kind="connect"}"#, 5.0).await;
}

/// A publish must not happen twice because its backend hung up.
#[tokio::test]
async fn a_publish_is_sent_once() {
    let backend = Backend::start(|mut talk: Talk| async move {
        // The first request is answered, so that the connection is kept; the second finds it closing.
        talk.request().await;
        talk.send(OK).await;
        talk.request().await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    let publish = post(&format!("{KEY}Content-Length: 5\r\n"), "hello");
    assert_eq!(client.ask(get("/any/", KEY)).await.status, 200);
    assert_eq!(client.ask(&publish).await.status, 502);
    assert_eq!(backend.requests().len(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    let backend = Backend::start(|mut talk: Talk| async move {
        talk.head().await;
        talk.ended().await;
    })
    .await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    client.send(get("/any/", KEY)).await;
    let recording = backend.connection(0).await;
    within("the head", recording.when(|bytes, _| super::support::Head::end_in(bytes))).await;
    drop(client);
    within("the backend to be left", recording.when(|_, ended| ended.then_some(()))).await;
    gate.series_is("keygate_client_connections", 0.0).await;
}

#[tokio::test]
async fn every_refusal_says_what_the_contract_says() {
    let backend = Backend::answering(OK).await;
    let mut setup = Setup::before(backend.address);
    setup.keys.extend([
        secret_key("revoked", "sk_live_revoked", "state: revoked"),
        secret_key("disabled", "sk_live_disabled", "state: disabled"),
        secret_key("expired", "sk_live_expired", "expires_at: 2020-01-01T00:00:00Z"),
        secret_key("test", "sk_test_test", "").replace("environment: live", "environment: test"),
        secret_key("narrow", "sk_live_narrow", "capabilities: { '*': [publish] }"),
    ]);
    let gate = Gate::start(setup).await;
    let with = |key: &str, more: &str| get("/any/", &format!("x-api-key: {key}\r\n{more}"));
    let invalid = Some("Bearer realm=\"keygate\", error=\"invalid_token\"");
    let browser = "User-Agent: Mozilla/5.0\r\nOrigin: https://app.example.com\r\n";
    let cases = [
        (get("/any/", ""), 401, "missing_key", Some("Bearer realm=\"keygate\"")),
        (with("", ""), 401, "missing_key", Some("Bearer realm=\"keygate\"")),
        (with("wrong", ""), 401, "invalid_token", invalid),
        (with("sk_live_KfuCYqaFA4dWBGxHS2H3EXPfMNhLuk0DvrzON73BNorq2fq7xx", ""), 401, "invalid_token", invalid),
        (with("sk_live_revoked", ""), 401, "invalid_token", invalid),
        (with("sk_live_disabled", ""), 401, "invalid_token", invalid),
        (with("sk_live_expired", ""), 401, "invalid_token", invalid),
        (with("sk_test_test", ""), 401, "invalid_token", invalid),
        (with("sk_live_server", browser), 401, "invalid_token", invalid),
        (with("sk_live_server", "Sec-Fetch-Site: cross-site\r\n"), 401, "invalid_token", invalid),
        (get("/any/?key=sk_live_server", ""), 401, "invalid_token", invalid),
        (with(WEB_KEY, ""), 403, "origin_refused", None),
        (with(WEB_KEY, "Origin: https://evil.example\r\n"), 403, "origin_refused", None),
        (with(WEB_KEY, "Origin: null\r\n"), 403, "origin_refused", None),
        (with(WEB_KEY, "Origin: https://app.example.com.evil.example\r\n"), 403, "origin_refused", None),
        (
            get("/api/", "x-api-key: sk_live_narrow\r\n"),
            403,
            "not_capable",
            Some("Bearer realm=\"keygate\", error=\"insufficient_scope\""),
        ),
        (get("/none", KEY), 404, "no_route", None),
        (get("/realtime", KEY), 404, "no_route", None),
        (get("/keygate/other", KEY), 404, "no_route", None),
    ];
    let mut client = gate.connect().await;
    let mut invalid_bodies = Vec::new();
    for (request, status, code, challenge) in cases {
        let answer = client.ask(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{request}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("connection"), None, "{request}: the connection is kept");
        if code == "invalid_token" {
            let id = answer.header("x-request-id").unwrap().to_owned();
            invalid_bodies.push(answer.text().replace(&id, ""));
        }
    }
    invalid_bodies.dedup();
    assert_eq!(invalid_bodies.len(), 1, "one text for every key that is not valid");
    assert_eq!(backend.connections().len(), 0);
    let reasons: Vec<_> =
        ["unknown_key", "malformed_key", "key_revoked", "key_disabled", "key_expired", "wrong_environment"].into();
    let metrics = gate.metrics().await;
    for reason in reasons {
        let series = format!(r#"keygate_auth_decisions_total{{outcome="deny",reason="{reason}",route="open",transport="http"}}"#);
        assert_eq!(metrics.value(&series), Some(1.0), "{series}");
    }
}

#[tokio::test]
async fn the_page_of_refusals_explains_every_code() {
    let (backend, gate) = answering(OK).await;
    let answer = gate.connect().await.ask("GET /keygate/refusals HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for code in ["invalid_token", "rate_limited", "origin_refused", "upstream_timeout"] {
        assert!(answer.text().contains(&format!("id={code}")), "{code}");
    }
    assert_eq!(backend.connections().len(), 0);
}

/// What a backend did not read of a body must not be its next request (CL.0, and TE.0 where it comes in chunks).
#[tokio::test]
async fn a_body_is_the_last_thing_on_its_connection_to_the_backend() {
    let backend = Backend::answering(OK).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut client = gate.connect().await;
    let bodies = [("Content-Length: 5\r\n", "hello"), ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")];
    for (framing, body) in bodies {
        assert_eq!(client.ask(post(&format!("{KEY}{framing}"), body)).await.status, 200);
    }
    assert_eq!(client.ask(get("/any/", KEY)).await.status, 200);
    let said: Vec<_> = backend.requests().iter().map(|request| request.header("connection").map(str::to_owned)).collect();
    assert_eq!(said, [Some("close".to_owned()), Some("close".to_owned()), None]);
}

/// `/api;x/keys` is `/api/keys` to servlet containers, and would be the catch-all's here.
#[tokio::test]
async fn a_semicolon_slips_past_no_route() {
    let backend = Backend::answering(OK).await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    for path in ["/any;x/a", "/any/;", "/;/any/a", "/any/a;jsessionid=1"] {
        assert_eq!(gate.connect().await.ask(get(path, KEY)).await.status, 400, "{path}");
    }
    assert!(backend.requests().is_empty());
}

/// Not only silence: a byte now and then, for which a deadline of each read would start again.
#[tokio::test]
async fn who_lets_a_body_drip_is_left() {
    let backend = Backend::answering(OK).await;
    let timeouts = Setup::before(backend.address).timeouts.replace("{ ", "{ body: 50ms, ");
    let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let mut client = gate.connect().await;
    client.send(post(&format!("{KEY}Content-Length: 1000000\r\n"), "")).await;
    // Between the bytes is as much time as an answer of the status listener takes.
    let drips = async {
        while client.try_send("x").await.is_ok() {
            gate.metrics().await;
        }
    };
    within("the end of the connection", drips).await;
}

/// The gate would hold an answer for ever that nobody takes in.
#[tokio::test]
async fn who_does_not_take_an_answer_in_is_left() {
    let large = vec![b'x'; 16 << 20];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len());
    let backend = Backend::answering([head.as_bytes(), &large].concat()).await;
    let timeouts = Setup::before(backend.address).timeouts.replace("{ ", "{ body: 50ms, ");
    let gate = Gate::start(Setup { timeouts, ..Setup::before(backend.address) }).await;
    let mut client = Client::narrow(gate.address()).await;
    client.send(get("/any/", KEY)).await;
    let decided = |metrics: &Metrics| (metrics.sum("keygate_auth_decisions_total") > 0.0).then_some(());
    gate.metric("a decision", decided).await;
    gate.series_is("keygate_client_connections", 0.0).await;
    assert!(client.rest().await.len() < large.len());
}
