//! What is said about the connection: options, upgrades, expectations.

use super::row::{After, Done, GET, POST, Row, Sent, Served};

const NOMINATED: &str = "A proxy behind the gate would remove the named header, one that the gate adds among them (CVE-2026-105299; Apache CVE-2022-31813).";
const DECLINED: &str = "A server may go on in HTTP/1.1, and nobody behind the gate is asked to change the protocol (RFC 9110 section 7.8; h2csmuggler).";
const HALF: &str =
    "Half a WebSocket handshake: a backend might complete it, and what follows would be its frames (CVE-2026-2833).";
const EXPECT: &str = "No expectation but `100-continue` is defined (RFC 9110 section 10.1.1).";
const CONTINUE: &str = "The gate has decided, and says so itself: the backend neither has to know how, nor can leave the client waiting (RFC 9110 section 10.1.1).";

const NONCE: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

const fn refused(id: &'static str, sent: Sent, why: &'static str) -> Row {
    Row { id, sent, done: Done::Refused(400), why }
}

const fn served(id: &'static str, lines: &'static str, served: Served, why: &'static str) -> Row {
    Row { id, sent: Sent::Header(lines), done: Done::Served(served), why }
}

const fn opened(id: &'static str, lines: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Header(lines), done: Done::Opened, why }
}

const fn continues(id: &'static str, lines: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Body(lines, "hello"), done: Done::Served(Served { lacks: &["Expect"], continues: true, ..POST }), why }
}

pub const ROWS: &[Row] = &[
    served(
        "connection-close",
        "Connection: close",
        Served { after: After::Ends, ..GET },
        "As its client asks (RFC 9112 section 9.6).",
    ),
    served(
        "connection-keep-alive",
        "Connection: keep-alive",
        Served { lacks: &["Connection"], ..GET },
        "The default of HTTP/1.1 (RFC 9112 section 9.3).",
    ),
    served(
        "connection-te",
        "Connection: TE\r\nTE: trailers",
        Served { lacks: &["Connection", "TE"], ..GET },
        "Its own header is dropped with it.",
    ),
    served(
        "connection-empty",
        "Connection:",
        Served { lacks: &["Connection"], ..GET },
        "It names nothing (RFC 9110 section 5.6.1).",
    ),
    refused("connection-names-ours", Sent::Header("Connection: close, X-Keygate-App"), NOMINATED),
    refused("connection-names-origin", Sent::Header("Connection: Origin"), NOMINATED),
    refused("connection-names-length", Sent::Body("Content-Length: 5\r\nConnection: Content-Length", "hello"), NOMINATED),
    refused("connection-names-any", Sent::Header("Connection: X-A"), NOMINATED),
    refused("connection-names-second", Sent::Header("Connection: keep-alive\r\nConnection: ,,X-Keygate-Kind"), NOMINATED),
    served(
        "upgrade-h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
        Served { lacks: &["Connection", "Upgrade", "HTTP2-Settings"], ..GET },
        "Java's client offers it with each first request; it is served as HTTP/1.1 (RFC 9110 section 7.8; RFC 9113 section 3.1).",
    ),
    served(
        "upgrade-tls",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0",
        Served { lacks: &["Connection", "Upgrade"], ..GET },
        DECLINED,
    ),
    served(
        "upgrade-unknown",
        "Connection: Upgrade\r\nUpgrade: foo",
        Served { lacks: &["Connection", "Upgrade"], ..GET },
        DECLINED,
    ),
    served("upgrade-not-named", "Upgrade: foo", Served { lacks: &["Upgrade"], ..GET }, DECLINED),
    served("upgrade-named-only", "Connection: Upgrade", Served { lacks: &["Connection"], ..GET }, DECLINED),
    opened(
        "websocket",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "A whole handshake; no byte behind it goes on before a proven 101 (RFC 6455 section 4.2).",
    ),
    opened(
        "websocket-case",
        "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "As browsers and old clients send it; the backend sees one spelling.",
    ),
    refused(
        "websocket-not-named",
        Sent::Header("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        HALF,
    ),
    refused(
        "websocket-without-key",
        Sent::Header("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"),
        HALF,
    ),
    refused("websocket-key-only", Sent::Header(NONCE), HALF),
    refused(
        "websocket-short-key",
        Sent::Header("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA=="),
        HALF,
    ),
    refused(
        "websocket-two-keys",
        Sent::Header(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        HALF,
    ),
    refused(
        "websocket-version",
        Sent::Header(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        "A backend that knows no version 12 answers 426, and a proxy that had already let go would pass on what follows.",
    ),
    refused(
        "websocket-two-upgrades",
        Sent::Header(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        HALF,
    ),
    refused(
        "websocket-among-others",
        Sent::Header(
            "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        HALF,
    ),
    refused(
        "websocket-post",
        Sent::Body(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "",
        ),
        HALF,
    ),
    refused(
        "websocket-body",
        Sent::Header(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 5",
        ),
        "A body and frames cannot both follow the head (RFC 6455 section 4.1).",
    ),
    refused(
        "websocket-1-0",
        Sent::Bytes(
            "GET /any/a HTTP/1.0\r\nHost: gate\r\nKEY\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ),
        "HTTP/1.0 knows no upgrade (RFC 6455 section 4.1; RFC 9110 section 7.8).",
    ),
    continues("expect-continue", "Content-Length: 5\r\nExpect: 100-continue", CONTINUE),
    continues("expect-case", "Content-Length: 5\r\nExpect: 100-Continue", "Expectations have no case (RFC 9110 section 10.1.1)."),
    Row {
        id: "expect-at-once",
        sent: Sent::Body("Content-Length: 5\r\nExpect: 100-continue", "hello"),
        done: Done::Served(Served { lacks: &["Expect"], ..POST }),
        why: "The body is there: nobody waits to be told (RFC 9110 section 10.1.1).",
    },
    Row {
        id: "expect-no-body",
        sent: Sent::Header("Expect: 100-continue"),
        done: Done::Served(Served { lacks: &["Expect"], ..GET }),
        why: "There is nothing to wait with (RFC 9110 section 10.1.1).",
    },
    Row {
        id: "expect-1-0",
        sent: Sent::Bytes("POST /any/a HTTP/1.0\r\nHost: gate\r\nKEY\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"),
        done: Done::Served(Served { lacks: &["Expect"], after: After::Ends, ..POST }),
        why: "HTTP/1.0 knows no expectation: it is ignored (RFC 9110 section 10.1.1).",
    },
    Row {
        id: "expect-refused",
        sent: Sent::Keyless("Content-Length: 5\r\nExpect: 100-continue", ""),
        done: Done::Answered { status: 401, after: After::Ends },
        why: "It may or may not send its body now: nobody can tell what follows (RFC 9110 section 10.1.1).",
    },
    refused("expect-other", Sent::Body("Content-Length: 5\r\nExpect: x", "hello"), EXPECT),
    refused("expect-list", Sent::Body("Content-Length: 5\r\nExpect: 100-continue, x", "hello"), EXPECT),
    refused("expect-parameter", Sent::Body("Content-Length: 5\r\nExpect: 100-continue;a=b", "hello"), EXPECT),
    refused("expect-empty", Sent::Body("Content-Length: 5\r\nExpect:", "hello"), EXPECT),
];
