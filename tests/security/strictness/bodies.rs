//! Bodies: what a chunk is, what is dropped of them, and what becomes of a body that nobody wants.

use super::row::{After, Done, GET, POST, Row, Sent, Served};

const TE: &str = "Transfer-Encoding: chunked";
const SIZE: &str =
    "A chunk's size is hex digits: each other spelling is some server's size and another's error (RFC 9112 section 7.1).";
const END: &str =
    "A chunk ends with CRLF, and so does its size; who takes less finds another beginning of the next (RFC 9112 section 7.1).";
const KEPT: &str = "The gate reads past a body of up to 64 KiB that it does not want, and keeps the connection.";
const CUT: &str =
    "For more than 64 KiB a new connection is cheaper; what is not read is never taken for a request (CVE-2025-4366).";

const fn served(id: &'static str, body: &'static str, absent: &'static [&'static str], why: &'static str) -> Row {
    Row { id, sent: Sent::Body(TE, body), done: Done::Served(Served { absent, ..POST }), why }
}

const fn broken(id: &'static str, body: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Body(TE, body), done: Done::Broken, why }
}

const fn unread(id: &'static str, sent: Sent, after: After, why: &'static str) -> Row {
    Row { id, sent, done: Done::Answered { status: 401, after }, why }
}

fn keyless(length: usize) -> String {
    format!("POST /any/a HTTP/1.1\r\nHost: gate\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
}

fn keyless_chunks(length: usize) -> String {
    format!("POST /any/a HTTP/1.1\r\nHost: gate\r\n{TE}\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length))
}

pub const ROWS: &[Row] = &[
    served("chunk", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", &[], "The data is passed on, in chunks of the gate's own."),
    Row {
        id: "chunk-upper-case",
        sent: Sent::Body(TE, "A\r\nhellohello\r\n0\r\n\r\n"),
        done: Done::Served(Served { body: "hellohello", ..POST }),
        why: "Hex digits have no case (RFC 9112 section 7.1).",
    },
    served(
        "chunk-zeroes",
        "0005\r\nhello\r\n0\r\n\r\n",
        &["0005"],
        "Zeroes before a size mean nothing; the backend gets another size.",
    ),
    served(
        "chunk-extension",
        "5;ext=1\r\nhello\r\n0;ext=1\r\n\r\n",
        &["ext=1"],
        "Extensions are for this connection, and dropped (RFC 9112 section 7.1.1).",
    ),
    served(
        "chunk-trailer",
        "5\r\nhello\r\n0\r\nX-Trailer: x\r\nX-Keygate-App: spoof\r\n\r\n",
        &["X-Trailer", "spoof"],
        "Trailers are dropped: no header can be smuggled in one (RFC 9112 section 7.1.2).",
    ),
    broken("chunk-hex-prefix", "0x5\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-sign", "+5\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-negative", "-5\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-space-before", " 5\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-separator", "0_5\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-text", "five\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-no-size", "\r\nhello\r\n0\r\n\r\n", SIZE),
    broken("chunk-huge", "10000000000000005\r\nhello\r\n0\r\n\r\n", "More than 64 bits hold; wrapped round it is 5."),
    broken("chunk-size-lf", "5\nhello\r\n0\r\n\r\n", END),
    broken("chunk-size-cr", "5\rhello\r\n0\r\n\r\n", END),
    broken(
        "chunk-extension-lf",
        "5;a\nhello\r\n0\r\n\r\n",
        "A line's end to some, a part of the extension to others (\"funky chunks\").",
    ),
    broken("chunk-no-end", "5\r\nhello0\r\n\r\n", END),
    broken("chunk-end-lf", "5\r\nhello\n0\r\n\r\n", END),
    broken("chunk-end-other", "5\r\nhelloXX0\r\n\r\n", END),
    broken("chunk-too-short", "3\r\nhello\r\n0\r\n\r\n", END),
    broken("chunk-extension-nul", "5;\0\r\nhello\r\n0\r\n\r\n", "As `line-nul`."),
    broken(
        "trailer-lf",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
        "As `line-lf`: to some the body ends there, and what follows is a request.",
    ),
    broken("trailer-end-lf", "5\r\nhello\r\n0\r\n\n", "As `line-lf`."),
    broken("trailer-cr", "5\r\nhello\r\n0\r\nX: y\rZ: 1\r\n\r\n", "As `line-cr`."),
    broken("trailer-folded", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", "As `line-folded`."),
    broken("trailer-nul", "5\r\nhello\r\n0\r\nX: y\0\r\n\r\n", "As `line-nul`."),
    Row {
        id: "body-of-get",
        sent: Sent::Bytes("GET /any/a HTTP/1.1\r\nHost: gate\r\nKEY\r\nContent-Length: 5\r\n\r\nhello"),
        done: Done::Served(Served { body: "hello", has: &["Connection: close"], ..GET }),
        why: "It means nothing, and is framed like any: a backend that does not read it gets no next request (RFC 9110 section 9.3.1).",
    },
    Row {
        id: "body-more",
        sent: Sent::Body("Content-Length: 5", "hello\r\n"),
        done: Done::Served(Served { after: After::Refuses, ..POST }),
        why: "More than the length says is the beginning of the next request, and an empty line begins none.",
    },
    unread("unread-length", Sent::Keyless("Content-Length: 5", "hello"), After::Goes, KEPT),
    unread("unread-chunks", Sent::Keyless(TE, "5\r\nhello\r\n0\r\nX: y\r\n\r\n"), After::Goes, KEPT),
    unread("unread-64-kib", Sent::Made("no key, and a body of 64 KiB", || keyless(64 * 1024)), After::Goes, KEPT),
    unread("unread-more", Sent::Made("no key, and a body of 80 KiB", || keyless(80 * 1024)), After::Ends, CUT),
    unread("unread-more-chunks", Sent::Made("no key, and a chunk of 80 KiB", || keyless_chunks(80 * 1024)), After::Ends, CUT),
    unread("unread-broken", Sent::Keyless(TE, "zz\r\nhello\r\n0\r\n\r\n"), After::Ends, "Where a broken body ends nobody knows."),
];
