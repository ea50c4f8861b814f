//! T-ID: every header that the gate sets, in 24 spellings that some server takes for it, on every way that a request takes.

use super::support::{Backend, Gate, NONCE, Request, Setup};

/// What the backend is told, and the value for the requests here; `None` where it differs.
const SET: [(&str, Option<&str>); 9] = [
    ("X-Keygate-App", Some("demo")),
    ("X-Keygate-Key-Id", Some("server")),
    ("X-Keygate-Kind", Some("secret")),
    ("X-Keygate-Environment", Some("live")),
    ("X-Keygate-Capability", None),
    ("X-Keygate-Request-Id", None),
    ("X-Forwarded-For", Some("127.0.0.1")),
    ("X-Forwarded-Proto", Some("http")),
    ("X-Forwarded-Host", Some("gate")),
];

fn spellings(name: &str) -> Vec<String> {
    let separators: [fn(&str) -> String; 6] = [
        str::to_owned,
        |name| name.replace('-', "_"),
        |name| name.replace('-', "."),
        |name| name.replacen('-', "_", 1),
        |name| name.rsplit_once('-').map_or_else(String::new, |(start, end)| format!("{start}_{end}")),
        |name| name.replacen('-', ".", 1).replace('-', "_"),
    ];
    let cases: [fn(&str) -> String; 4] = [str::to_owned, str::to_lowercase, str::to_uppercase, |name| {
        name.chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
            .collect()
    }];
    separators.iter().flat_map(|separate| cases.iter().map(|case| case(&separate(name)))).collect()
}

/// As CGI and its descendants fold names (RFC 3875 section 4.1.18, and what they do to dots).
fn fold(name: &str) -> String {
    name.to_ascii_uppercase().replace(['-', '.'], "_")
}

/// Who asks stands there once under every folding, and is who asked.
fn check(request: &Request) -> Result<(), String> {
    for (name, value) in SET {
        let same: Vec<_> =
            request.headers.iter().filter(|(other, _)| fold(other) == fold(name)).map(|(_, value)| value).collect();
        match (same.as_slice(), value) {
            ([one], Some(value)) if *one == value => {}
            ([one], None) if *one != "spoof" => {}
            _ => return Err(format!("{name} is {same:?}")),
        }
    }
    Ok(())
}

/// A request for each transport, with more headers.
fn requests(more: &str) -> [String; 3] {
    let key = "Host: gate\r\nx-api-key: sk_live_server\r\n";
    let websocket =
        format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n");
    [
        format!("GET /any/a HTTP/1.1\r\n{key}{more}\r\n"),
        format!("GET /any/b HTTP/1.1\r\n{key}Accept: text/event-stream\r\n{more}\r\n"),
        format!("GET /any/c HTTP/1.1\r\n{key}{websocket}{more}\r\n"),
    ]
}

#[tokio::test]
async fn no_spelling_says_who_asks() {
    let backend = Backend::echoing().await;
    let gate = Gate::start(Setup::before(backend.address)).await;
    let mut count = 0;
    for (name, _) in SET {
        let spellings = spellings(name);
        assert_eq!(spellings.len(), 24);
        for spelling in &spellings {
            for request in requests(&format!("{spelling}: spoof\r\n")) {
                let answer = gate.connect().await.ask(&request).await;
                assert!(matches!(answer.status, 200 | 101), "{spelling}: {answer:?}");
                count += 1;
            }
        }
        for request in requests(&spellings.iter().map(|name| format!("{name}: spoof\r\n")).collect::<String>()) {
            gate.connect().await.ask(&request).await;
            count += 1;
        }
    }
    let seen = backend.requests();
    assert_eq!((seen.len(), count), (count, SET.len() * 25 * 3));
    for request in &seen {
        check(request).unwrap_or_else(|fault| panic!("{fault}: {request:?}"));
        assert!(request.headers.iter().all(|(_, value)| value != "spoof"), "{request:?}");
    }
}

/// A proxy that removes its own names as they are spelt, and no other spelling.
#[test]
fn a_proxy_that_compares_names_is_found() {
    let ours: Vec<_> = SET.iter().map(|(name, value)| ((*name).to_owned(), value.unwrap_or("x").to_owned())).collect();
    let with = |spelling: &str| {
        let mut headers = ours.clone();
        if SET.iter().all(|(name, _)| !name.eq_ignore_ascii_case(spelling)) {
            headers.push((spelling.to_owned(), "spoof".to_owned()));
        }
        let text = |text: &str| text.to_owned();
        Request { method: text("GET"), target: text("/"), version: text("HTTP/1.1"), headers, body: Vec::new() }
    };
    assert_eq!(check(&with("X-Other")), Ok(()));
    let found = |(name, _): &(&str, Option<&str>)| spellings(name).iter().filter(|name| check(&with(name)).is_err()).count();
    assert!(SET.iter().all(|set| found(set) >= 16), "{:?}", SET.iter().map(found).collect::<Vec<_>>());
}
