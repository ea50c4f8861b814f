//! Where requests go, and what becomes of them on the way, judged by several backends that each say who they are.

#[path = "upstreams/balance.rs"]
mod balance;
#[path = "upstreams/health.rs"]
mod health;
#[path = "upstreams/reload.rs"]
mod reload;
#[path = "upstreams/retries.rs"]
mod retries;
#[path = "upstreams/timeouts.rs"]
mod timeouts;

use rustix::process::Signal;

use super::support::{Answer, Backend, Gate, Setup, Talk, credential_absent, handshake, secret_key};

const KEY: &str = "x-api-key: sk_live_server\r\n";

/// A backend that says its name in every answer, whatever kind of one.
async fn named(name: &'static str) -> Backend {
    Backend::start(move |talk| answer_as(talk, name)).await
}

async fn answer_as(mut talk: Talk, name: &'static str) {
    while let Some(request) = talk.request().await {
        if request.header("upgrade").is_some() {
            talk.open_websocket(&request, &format!("X-Backend: {name}\r\n")).await;
            return talk.echo().await;
        }
        if !talk.send(ok(name)).await {
            return;
        }
    }
}

fn ok(name: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nX-Backend: {name}\r\nContent-Length: 2\r\n\r\nok")
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")
}

fn post(target: &str, headers: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: gate\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The request in each of the ways that the gate forwards by.
fn every_way(target: &str, headers: &str) -> [String; 4] {
    [
        get(target, headers),
        post(target, headers, "body"),
        get(target, &format!("{headers}Accept: text/event-stream\r\n")),
        handshake(target, headers),
    ]
}

async fn ask(gate: &Gate, request: impl AsRef<[u8]>) -> Answer {
    gate.connect().await.ask(request).await
}

/// The name of the backend that answers.
async fn who_answers(gate: &Gate, request: &str) -> String {
    let answer = ask(gate, request).await;
    assert!(matches!(answer.status, 200 | 101), "{request} {answer:?}");
    answer.header("x-backend").expect("a name").to_owned()
}

/// An address that nobody listens at.
async fn nobody() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn requests_go_by_environment_and_route() {
    let (live, test, own, own_live, own_test) =
        (named("live").await, named("test").await, named("own").await, named("own-live").await, named("own-test").await);
    let routes = format!(
        "
  - {{ name: own, match: {{ path: /own/** }}, operation: any, upstream: {} }}
  - {{ name: each, match: {{ path: /each/** }}, operation: any, upstreams: {{ live: {}, test: {{ addresses: [{}] }} }} }}
  - {{ name: other, match: {{ path: /** }}, operation: any }}",
        own.address, own_live.address, own_test.address
    );
    let keys = vec![
        secret_key("server", "sk_live_server", ""),
        secret_key("tester", "sk_test_tester", "").replace("environment: live", "environment: test"),
    ];
    let gate = Gate::start(Setup {
        environments: "[live, test]".to_owned(),
        more: format!("shared: true\nupstreams: {{ live: {}, test: {} }}\n", live.address, test.address),
        routes,
        keys,
        ..Setup::before("")
    })
    .await;
    for (path, live, test) in [("/a", "live", "test"), ("/own/a", "own", "own"), ("/each/a", "own-live", "own-test")] {
        for (key, expected) in [("sk_live_server", live), ("sk_test_tester", test)] {
            for request in every_way(path, &format!("x-api-key: {key}\r\n")) {
                assert_eq!(who_answers(&gate, &request).await, expected, "{request}");
            }
        }
    }
    assert!(test.requests().iter().all(|request| request.header("x-keygate-environment") == Some("test")));
    assert!(live.requests().iter().all(|request| request.header("x-keygate-environment") == Some("live")));
    assert_eq!((live.requests().len(), test.requests().len(), own.requests().len()), (4, 4, 8));
}

/// On public routes and where refusals are only reported, nobody is known: what then passes is live traffic, if there is any.
#[tokio::test]
async fn requests_without_a_key_go_where_live_keys_go() {
    let (live, test, own) = (named("live").await, named("test").await, named("own").await);
    let setup = Setup {
        environments: "[live, test]".to_owned(),
        more: format!("mode: report\nupstreams: {{ live: {}, test: {} }}\n", live.address, test.address),
        routes: format!(
            "
  - {{ name: open, match: {{ path: /open }}, access: public }}
  - {{ name: own, match: {{ path: /own }}, access: public, upstreams: {{ live: {}, test: {} }} }}
  - {{ name: some, match: {{ path: /some/** }}, operation: any }}",
            own.address, test.address
        ),
        ..Setup::before("")
    };
    let gate = Gate::start(setup.clone()).await;
    for (target, headers, expected) in [
        ("/open", "", "live"),
        ("/own", "", "own"),
        ("/some/a", "", "live"),
        ("/some/a", "x-api-key: wrong\r\n", "live"),
        ("/none", "", "live"),
    ] {
        assert_eq!(who_answers(&gate, &get(target, headers)).await, expected, "{target}");
    }
    let tests_only = Setup {
        environments: "[test]".to_owned(),
        more: format!("mode: report\nupstreams: {{ test: {} }}\n", test.address),
        routes: "[{ name: open, match: { path: /open }, access: public }]".to_owned(),
        ..setup
    };
    let gate = Gate::start(tests_only).await;
    for (target, headers) in [("/open", ""), ("/none", KEY)] {
        assert_eq!(who_answers(&gate, &get(target, headers)).await, "test", "{target}");
    }
}

#[tokio::test]
async fn the_backend_sees_the_path_that_is_written_for_it() {
    let backend = named("one").await;
    let routes = "
  - { name: rooms, match: { path: /v1/rooms/*/users/*/** }, operation: any, rewrite: /u/*/*/in/** }
  - { name: channel, match: { path: '/c/{channel}/events' }, operation: subscribe, enforce_inside: backend, rewrite: '/events/{channel}' }
  - { name: all, match: { path: /** }, operation: any, rewrite: /app/** }"
        .to_owned();
    let gate = Gate::start(Setup { routes, ..Setup::before(backend.address) }).await;
    let mut expected = Vec::new();
    for (target, seen) in [
        ("/v1/rooms/a/users/b/c?d=1&e", "/u/a/b/in/c?d=1&e"),
        ("/v1/rooms/%C3%A9/users/b/", "/u/%C3%A9/b/in/"),
        ("/", "/app/"),
        ("/other/x?y", "/app/other/x?y"),
        ("/c/chat:a/events", "/events/chat:a"),
    ] {
        for request in every_way(target, KEY) {
            who_answers(&gate, &request).await;
            expected.push(seen);
        }
    }
    // A kept connection may serve a later request: requests stand by connection here.
    let mut seen: Vec<_> = backend.requests().iter().map(|request| request.target.clone()).collect();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    let line = gate.logged("/v1/rooms/a/users/b/c").await;
    assert_eq!(line["route"], "rooms", "the log tells what the client asked for");
}

const CANARY: &str = "bk_CanaryOfTheBackend5Zt";

#[tokio::test]
async fn headers_are_set_whatever_the_client_sends_and_told_to_nobody() {
    let backend = named("one").await;
    let routes = "
  - name: all
    match: { path: /** }
    operation: any
    set_headers: { X-API-Key: { env: BACKEND_KEY }, Authorization: { file: token }, X-Tenant: one two, Host: backend.internal }"
        .to_owned();
    let environment = vec![("BACKEND_KEY".to_owned(), CANARY.to_owned())];
    let setup = Setup { routes, environment, ..Setup::before(backend.address) };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).unwrap();
    std::fs::write(folder.path().join("token"), format!("Bearer {CANARY}\n")).unwrap();
    let mut gate = Gate::start_in(folder, setup.clone()).await;
    let (code, ..) = gate.command(&["log-level", "trace"]).await;
    assert_eq!(code, Some(0));
    let spoofed =
        "x-tenant: a\r\nX_Tenant: b\r\nX.Tenant: c\r\nx_TENANT: d\r\nX-Tenants: kept\r\nX_API.Key: e\r\nauthorization_: kept\r\n";
    for request in every_way("/a", &format!("{KEY}{spoofed}")) {
        let answer = ask(&gate, &request).await;
        assert_eq!(answer.header("x-backend"), Some("one"), "{request}");
    }
    let requests = backend.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let folded = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
        let all = |name: &str| {
            let same = request.headers.iter().filter(|(own, _)| folded(own) == name);
            same.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(all("x-api-key"), [CANARY], "{request:?}");
        assert_eq!(all("authorization"), [format!("Bearer {CANARY}")]);
        assert_eq!(all("x-tenant"), ["one two"]);
        assert_eq!(all("host"), ["backend.internal"]);
        assert_eq!(all("x-forwarded-host"), ["gate"]);
        assert_eq!((all("x-tenants"), all("authorization-")), (vec!["kept".to_owned()], vec!["kept".to_owned()]));
    }
    // Nor is it told where something is wrong with it, or with what stands beside it.
    let mut said = Vec::new();
    for wrong in [
        setup.text().replace("one two", &format!("' {CANARY}'")),
        setup.text().replace("{ file: token }", &format!("[{CANARY}]")),
        setup.text().replace("{ file: token }", &format!("{{ file: {CANARY} }}")),
        setup.text().replace("{ env: BACKEND_KEY }", &format!("{{ env: {CANARY}, file: {CANARY} }}")),
    ] {
        gate.replace("keygate.yaml", &wrong);
        let (code, out, error) = gate.command(&["reload"]).await;
        assert_eq!(code, Some(1));
        said.push(out + &error);
    }
    said.push(gate.metrics().await.text);
    gate.program.signal(Signal::TERM);
    gate.program.exit().await;
    said.push(gate.program.stdout.whole().await);
    let diagnostics = gate.program.stderr.whole().await;
    assert!(diagnostics.contains("Sensitive"), "pingora printed the head, and in it not the value");
    said.push(diagnostics);
    for said in said {
        credential_absent(said.as_bytes(), &[CANARY]).unwrap_or_else(|broken| {
            panic!("{broken}: {:?}", said.lines().find(|line| credential_absent(line.as_bytes(), &[CANARY]).is_err()))
        });
    }
}
