//! A secret that exists nowhere else goes through every location and every way to fail, at the most talkative log level. Then
//! everything that the gate said to anybody is searched for it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::process::Signal;

use super::support::{Backend, Gate, Program, Setup, Talk, credential_absent, handshake, secret_key, within};

/// A key that is let in, one that nobody knows, and one with a wrong checksum.
const KNOWN: &str = "sk_live_CanaryKnown7Qz";
const UNKNOWN: &str = "sk_live_CanaryUnknown8Xw";
const MISTYPED: &str = "sk_live_KfuCYqaFA4dWBGxHS2H3EXPfMNhLuk0DvrzON73BNorq2fq7xx";
const CANARIES: [&str; 3] = [KNOWN, UNKNOWN, MISTYPED];

/// Misbehaves by path.
async fn backend() -> Backend {
    Backend::start(|mut talk: Talk| async move {
        while let Some(request) = talk.request().await {
            let answer = match request.target.as_str() {
                "/any/garbage" | "/connection/garbage" | "/events/garbage" => "this is not HTTP\r\n\r\n",
                "/any/500" | "/connection/500" | "/events/500" => "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops",
                "/any/closes" | "/connection/closes" | "/events/closes" => return,
                "/any/silent" | "/connection/silent" | "/events/silent" => return talk.ended().await,
                "/connection/lies" => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                "/connection/opens" => {
                    talk.open_websocket(&request, "").await;
                    return talk.echo().await;
                }
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            };
            talk.send(answer).await;
        }
    })
    .await
}

/// The ways in which a request presents `key`: what follows the path, and headers.
fn locations(key: &str) -> Vec<(String, String)> {
    let escaped: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let encoded = URL_SAFE_NO_PAD.encode(key);
    let header = |text: String| (String::new(), text);
    vec![
        header(format!("x-api-key: {key}\r\n")),
        header(format!("Authorization: Bearer {key}\r\n")),
        header(format!("Sec-WebSocket-Protocol: keygate, keygate.key.{encoded}\r\n")),
        (format!("?key={key}"), String::new()),
        (format!("?a=1&api_key={escaped}"), String::new()),
        (format!("?%6bey={key}&x"), String::new()),
        (format!("?key={key}"), format!("x-api-key: {key}\r\n")),
        header(format!("x-api-key: {key}\r\nx-api-key: {key}\r\n")),
        header(format!("x-api-key: {key}\r\nConnection: x-api-key\r\n")),
        header(format!("x-api-key: {key}\r\nContent-Length: {key}\r\n")),
        header(format!("x-api-key: {key}\r\nTransfer-Encoding: {key}\r\n")),
        header(format!("x-api-key: {key}\r\nHost: {key}\r\n")),
        header(format!("x-api-key: {key}\r\nX: bare\n lf\r\n")),
        header(format!("x-api-key: {key}\r\nOrigin: https://evil.example\r\nUser-Agent: Mozilla/5.0\r\n")),
        header(format!("x-api-key: {key}\r\nX: {}\r\n", "x".repeat(17_000))),
    ]
}

async fn run(gate: &Gate) {
    for key in CANARIES {
        for (query, headers) in locations(key) {
            for target in ["/any/", "/any/garbage", "/any/500", "/any/closes", "/any/silent", "/none", "/api/..", "/realtime"] {
                exchange(gate, format!("GET {target}{query} HTTP/1.1\r\nHost: gate\r\n{headers}\r\n")).await;
            }
            for target in ["opens", "garbage", "500", "closes", "silent", "lies"] {
                exchange(gate, handshake(&format!("/connection/{target}{query}"), &headers)).await;
            }
            for target in ["a", "garbage", "500", "closes", "silent"] {
                let head = format!("GET /events/{target}{query} HTTP/1.1\r\nHost: gate\r\nAccept: text/event-stream\r\n");
                exchange(gate, format!("{head}{headers}\r\n")).await;
            }
            // A body that is broken, and heads that are.
            let chunked = format!("Transfer-Encoding: chunked\r\n{headers}\r\nzz\r\n");
            exchange(gate, format!("POST /realtime{query} HTTP/1.1\r\nHost: gate\r\n{chunked}")).await;
            exchange(gate, format!("GET /any/{query} HTTP/9.9\r\nHost: gate\r\n{headers}\r\n")).await;
            exchange(gate, format!("OPTIONS /any/{query} HTTP/1.1\r\nHost: gate\r\nOrigin: null\r\nAccess-Control-Request-Method: GET\r\n{headers}\r\n")).await;
        }
    }
}

/// Sends a request and sees the end of it, whatever that is.
async fn exchange(gate: &Gate, request: String) {
    let mut client = gate.connect().await;
    let _ = client.try_send(&request).await;
    if let Some(answer) = client.rest_or_answer().await {
        let said = format!("{answer:?}{}", String::from_utf8_lossy(&answer.body));
        credential_absent(said.as_bytes(), &CANARIES).unwrap_or_else(|broken| panic!("{broken} in the answer to {request:?}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_told_to_nobody() {
    let backend = backend().await;
    let timeouts = "{ head: 5s, connect: 5s, upstream_head: 25ms, drain: 1s }".to_owned();
    let keys = vec![secret_key("canary", KNOWN, "")];
    let setup = Setup { timeouts, keys, ..Setup::before(backend.address) };
    let mut gate = Gate::start(setup.clone()).await;
    let (code, ..) = gate.command(&["log-level", "trace"]).await;
    assert_eq!(code, Some(0));
    run(&gate).await;

    // Configurations and key files with a key in the wrong place.
    let mut said = Vec::new();
    for wrong in [
        format!("keys: [{{ id: {KNOWN} }}]"),
        format!("keys: [{{ id: a, app: demo, kind: secret, environment: live, key: {KNOWN} }}]"),
        format!("keys: [{{ id: a, app: demo, kind: secret, environment: live, secret: {KNOWN} }}]"),
        format!("keys: [{{ id: a, digest: 'sha256${KNOWN}', {KNOWN}: 1 }}]"),
        format!("keys: [ {KNOWN}"),
        format!("{KNOWN}: [\n"),
    ] {
        gate.replace("keys.yaml", &wrong);
        let (code, out, error) = gate.command(&["reload"]).await;
        assert_eq!(code, Some(1), "{wrong}");
        said.push(out + &error);
    }
    gate.replace_keys(&setup.keys);
    gate.replace(
        "keygate.yaml",
        &setup.text().replace("x-api-key", KNOWN).replace("[key, api_key]", &format!("[ {KNOWN}, '&' ]")),
    );
    let (_, out, error) = gate.command(&["reload"]).await;
    said.push(out + &error);
    gate.replace("keygate.yaml", &setup.text());
    gate.command(&["reload"]).await;
    for arguments in [&["connections"][..], &["connections", "--output", "json"], &["drain"]] {
        let (_, out, error) = gate.command(arguments).await;
        said.push(out + &error);
    }
    for path in ["/metrics", "/readyz"] {
        let answer = gate.status(path).await;
        said.push(format!("{answer:?}{}", answer.text()));
    }
    gate.program.signal(Signal::TERM);
    gate.program.exit().await;
    said.push(gate.program.stdout.whole().await);
    let diagnostics = gate.program.stderr.whole().await;
    assert!(diagnostics.contains("TRACE") || diagnostics.contains("DEBUG"), "the log was talkative");
    said.push(diagnostics);

    // A program that does not start says why.
    for (name, text) in
        [("keys.yaml", format!("keys: [ {KNOWN}")), ("keygate.yaml", format!("upstream: {KNOWN}\ncredentials: [{KNOWN}]\n"))]
    {
        gate.replace(name, &text);
        for command in ["serve", "check"] {
            let mut program = Program::start(&[command, "-c", "keygate.yaml"], gate.folder.path(), &[]);
            assert_eq!(program.exit().await, Some(78), "{command}");
            said.push(program.stdout.whole().await + &program.stderr.whole().await);
        }
        gate.replace("keys.yaml", &setup.keys_text());
    }

    for said in &said {
        credential_absent(said.as_bytes(), &CANARIES).unwrap_or_else(|broken| {
            let line = said.lines().find(|line| credential_absent(line.as_bytes(), &CANARIES).is_err());
            panic!("{broken}: {line:?}")
        });
    }
    assert!(backend.connections().len() > 20, "the secret's requests were let in");
    credential_absent(&backend.bytes(), &CANARIES).unwrap();
}

/// The same search on the same outputs finds a secret that was put where it does not belong.
#[tokio::test]
async fn a_planted_secret_is_found() {
    let backend = backend().await;
    let mut gate = Gate::start(Setup::before(backend.address)).await;
    let planted = format!("GET /any/x{KNOWN} HTTP/1.1\r\nHost: gate\r\nX-Other: {UNKNOWN}\r\nx-api-key: sk_live_server\r\n\r\n");
    assert_eq!(gate.connect().await.ask(planted).await.status, 200);
    let other = URL_SAFE_NO_PAD.encode(MISTYPED);
    let protocol = handshake("/connection/opens", &format!("Sec-WebSocket-Protocol: {other}\r\nx-api-key: sk_live_server\r\n"));
    assert_eq!(gate.connect().await.ask(protocol).await.status, 101);
    within("the log", gate.logged(&format!("/any/x{KNOWN}"))).await;
    gate.program.signal(Signal::TERM);
    gate.program.exit().await;
    let log = gate.program.stdout.whole().await;
    assert!(credential_absent(log.as_bytes(), &[KNOWN]).is_err(), "in the access log");
    assert!(credential_absent(log.as_bytes(), &[UNKNOWN]).is_ok());
    assert!(credential_absent(&backend.bytes(), &[UNKNOWN]).is_err(), "at the backend");
    assert!(credential_absent(&backend.bytes(), &[MISTYPED]).is_err(), "at the backend, in base64");
}
