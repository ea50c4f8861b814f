//! Headers: which names the gate's own are, which come once, and how many there may be.

use super::row::{After, Done, GET, KEY, Row, Sent, Served};

const OURS: &str = "CGI and its descendants take `-`, `_` and `.` for one another, so that case and those do not count (Traefik CVE-2026-54763, CVE-2026-88011).";
const PEER: &str = "Where a request comes from is the gate's to say (RFC 7239 section 8.1).";
const ALIAS: &str = "An alias of a header that decides: CGI folds it onto the real one, and no client means it.";
const HOP: &str = "It is about the connection to the gate (RFC 9110 section 7.6.1).";
const ONCE: &str = "It may come once; of two, servers take the first, the last, or both (RFC 9110 section 5.3).";

const fn dropped(id: &'static str, line: &'static str, lacks: &'static [&'static str], why: &'static str) -> Row {
    Row { id, sent: Sent::Header(line), done: Done::Served(Served { lacks, ..GET }), why }
}

const fn replaced(
    id: &'static str,
    line: &'static str,
    has: &'static [&'static str],
    absent: &'static [&'static str],
    why: &'static str,
) -> Row {
    Row { id, sent: Sent::Header(line), done: Done::Served(Served { has, absent, ..GET }), why }
}

const fn refused(id: &'static str, lines: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Header(lines), done: Done::Refused(400), why }
}

const fn made(id: &'static str, what: &'static str, make: fn() -> String, done: Done, why: &'static str) -> Row {
    Row { id, sent: Sent::Made(what, make), done, why }
}

/// A head with so many headers.
fn of_headers(count: usize) -> String {
    let more: String = (2..count).map(|at| format!("X-{at}: y\r\n")).collect();
    format!("GET /any/a HTTP/1.1\r\nHost: gate\r\n{KEY}{more}\r\n")
}

/// A head of so many bytes.
fn of_bytes(length: usize) -> String {
    let head = |filler: usize| format!("GET /any/a HTTP/1.1\r\nHost: gate\r\n{KEY}X-A: {}\r\n\r\n", "x".repeat(filler));
    head(length - head(0).len())
}

pub const ROWS: &[Row] = &[
    replaced("name-ours", "X-Keygate-Key-Id: spoof", &["X-Keygate-Key-Id: server"], &["spoof"], "Who asks is the gate's to say."),
    replaced("name-ours-case", "x-keygate-KEY-id: spoof", &["X-Keygate-Key-Id: server"], &["spoof"], OURS),
    replaced("name-ours-underscore", "X_Keygate_Key_Id: spoof", &["X-Keygate-Key-Id: server"], &["spoof"], OURS),
    replaced("name-ours-dot", "X.Keygate.Key.Id: spoof", &["X-Keygate-Key-Id: server"], &["spoof"], OURS),
    replaced("name-ours-mixed", "x_keygate-key.id: spoof", &["X-Keygate-Key-Id: server"], &["spoof"], OURS),
    replaced(
        "name-ours-unset",
        "X-Keygate-Client-Id: spoof",
        &[],
        &["spoof"],
        "The whole prefix is the gate's, also where it sets nothing.",
    ),
    replaced("name-forwarded-for", "X-Forwarded-For: 6.6.6.6", &["X-Forwarded-For: 127.0.0.1"], &["6.6.6.6"], PEER),
    replaced("name-forwarded-for-alias", "X_Forwarded_For: 6.6.6.6", &["X-Forwarded-For: 127.0.0.1"], &["6.6.6.6"], PEER),
    replaced("name-forwarded-host", "X-Forwarded-Host: other", &["X-Forwarded-Host: gate"], &["other"], PEER),
    replaced("name-forwarded-proto", "X-Forwarded-Proto: https", &["X-Forwarded-Proto: http"], &["https"], PEER),
    dropped("name-forwarded-port", "X-Forwarded-Port: 1", &["X-Forwarded-Port"], PEER),
    dropped("name-forwarded-prefix", "X-Forwarded-Prefix: /x", &["X-Forwarded-Prefix"], PEER),
    dropped("name-forwarded", "Forwarded: for=6.6.6.6", &["Forwarded"], PEER),
    dropped("name-real-ip", "X-Real-IP: 6.6.6.6", &["X-Real-IP"], PEER),
    dropped(
        "name-request-id",
        "X-Request-Id: spoof",
        &["X-Request-Id"],
        "The gate's own is in the log, the answer and `X-Keygate-Request-Id`.",
    ),
    dropped("name-key-alias", "X_Api_Key: x", &["X_Api_Key"], ALIAS),
    dropped("name-length-alias", "Content_Length: 5", &["Content_Length"], ALIAS),
    dropped("name-coding-alias", "Transfer.Encoding: chunked", &["Transfer.Encoding"], ALIAS),
    dropped("name-websocket-alias", "Sec_WebSocket_Key: x", &["Sec_WebSocket_Key"], ALIAS),
    dropped("name-fetch-site-alias", "Sec_Fetch_Site: same-origin", &["Sec_Fetch_Site"], ALIAS),
    replaced(
        "name-other-underscore",
        "X_Custom: 1",
        &["X_Custom: 1"],
        &[],
        "A name that nobody decides by is passed on as it is.",
    ),
    replaced("name-other-dot", "X.Custom: 1", &["X.Custom: 1"], &[], "As `name-other-underscore`."),
    dropped("hop-keep-alive", "Keep-Alive: timeout=5", &["Keep-Alive"], HOP),
    dropped("hop-te", "TE: trailers", &["TE"], HOP),
    dropped("hop-trailer", "Trailer: X-A", &["Trailer"], HOP),
    dropped("hop-proxy-connection", "Proxy-Connection: keep-alive", &["Proxy-Connection"], HOP),
    dropped(
        "hop-proxy-authorization",
        "Proxy-Authorization: Basic eA==",
        &["Proxy-Authorization"],
        "A credential for a proxy, which this is (RFC 9110 section 11.7.2).",
    ),
    refused("once-origin", "Origin: https://a.example\r\nOrigin: https://a.example", ONCE),
    refused("once-authorization", "Authorization: Basic eA==\r\nAuthorization: Basic eA==", ONCE),
    Row {
        id: "once-key",
        sent: Sent::Header("X-Api-Key: sk_live_server"),
        done: Done::Answered { status: 400, after: After::Goes },
        why: "Two credentials, equal or not: which of them was meant nobody knows.",
    },
    Row {
        id: "once-key-elsewhere",
        sent: Sent::Target("/any/a?key=sk_live_server"),
        done: Done::Answered { status: 400, after: After::Goes },
        why: "As `once-key`, in two places.",
    },
    made("size-64-headers", "64 headers", || of_headers(64), Done::Served(GET), "As many as pass."),
    made(
        "size-65-headers",
        "65 headers",
        || of_headers(65),
        Done::Refused(431),
        "More than any client sends that means well (RFC 6585 section 5).",
    ),
    made("size-16-kib", "a head of 16 KiB", || of_bytes(16 * 1024), Done::Served(GET), "As large as passes."),
    made(
        "size-over-16-kib",
        "a head of 16 KiB and a byte",
        || of_bytes(16 * 1024 + 1),
        Done::Refused(431),
        "As large as nginx and Envoy take in common set-ups (RFC 6585 section 5).",
    ),
];
