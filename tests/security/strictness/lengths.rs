//! Where a request's body ends: one length or one coding, in one spelling.

use super::row::{Done, POST, Row, Sent, Served};

const NUMBER: &str =
    "A plain number and nothing else: each other spelling is some server's number and another's 0 (RFC 9110 section 8.6).";
const TWO: &str = "One length; of two, equal or not, each server takes its own (RFC 9112 section 6.3).";
const BOTH: &str = "Who goes by the length and who goes by the chunks end in two places; served it may be, but not safely (RFC 9112 section 6.3).";
const CODING: &str = "`chunked` alone: who does not know another coding cannot tell where the body ends (RFC 9112 section 6.1).";

const fn refused(id: &'static str, lines: &'static str, body: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Body(lines, body), done: Done::Refused(400), why }
}

const fn served(id: &'static str, lines: &'static str, body: &'static str, served: Served, why: &'static str) -> Row {
    Row { id, sent: Sent::Body(lines, body), done: Done::Served(served), why }
}

pub const ROWS: &[Row] = &[
    served(
        "length",
        "Content-Length: 5",
        "hello",
        Served { has: &["Content-Length: 5", "Connection: close"], ..POST },
        "The connection to the backend ends with the answer: what the backend did not read cannot be its next request (CL.0).",
    ),
    served("length-0", "Content-Length: 0", "", Served { body: "", has: &["Content-Length: 0"], ..POST }, "No body."),
    served(
        "length-space",
        "Content-Length: \t5 ",
        "hello",
        Served { has: &["Content-Length: 5"], ..POST },
        "White space around a value is no part of it (RFC 9112 section 5).",
    ),
    served(
        "length-none",
        "X-A: b",
        "",
        Served { body: "", ..POST },
        "A request without a length has no body (RFC 9112 section 6.3).",
    ),
    refused("length-sign", "Content-Length: +5", "hello", NUMBER),
    refused("length-negative", "Content-Length: -5", "hello", NUMBER),
    refused("length-zeroes", "Content-Length: 0005", "hello", NUMBER),
    refused("length-list", "Content-Length: 5, 5", "hello", TWO),
    refused("length-list-of-two", "Content-Length: 0, 5", "hello", TWO),
    refused("length-empty", "Content-Length:", "hello", NUMBER),
    refused("length-hex", "Content-Length: 0x5", "hello", NUMBER),
    refused("length-fraction", "Content-Length: 5.0", "hello", NUMBER),
    refused("length-separator", "Content-Length: 5_0", "hello", NUMBER),
    refused("length-two-numbers", "Content-Length: 5 0", "hello", NUMBER),
    refused("length-control", "Content-Length: \u{b}5", "hello", NUMBER),
    refused("length-high-digit", "Content-Length: 5\u{b2}", "hello", NUMBER),
    refused("length-huge", "Content-Length: 18446744073709551621", "hello", "More than 64 bits hold; wrapped round it is 5."),
    refused(
        "length-19-digits",
        "Content-Length: 1000000000000000000",
        "hello",
        "More than anybody sends, and close to where arithmetic wraps.",
    ),
    refused("length-twice", "Content-Length: 5\r\nContent-Length: 5", "hello", TWO),
    refused("length-two", "Content-Length: 5\r\nContent-Length: 0", "hello", TWO),
    refused("length-and-coding", "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n", BOTH),
    refused("coding-and-length", "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n", BOTH),
    served(
        "coding",
        "Transfer-Encoding: chunked",
        "5\r\nhello\r\n0\r\n\r\n",
        Served { has: &["Transfer-Encoding: chunked", "Connection: close"], ..POST },
        "As `length`, for what the backend did not read of the chunks (TE.0).",
    ),
    served(
        "coding-case",
        "Transfer-Encoding: CHUNKED",
        "5\r\nhello\r\n0\r\n\r\n",
        Served { has: &["Transfer-Encoding: chunked"], ..POST },
        "Codings are case-insensitive; the backend sees one spelling (RFC 9112 section 7).",
    ),
    refused("coding-other", "Transfer-Encoding: gzip", "hello", CODING),
    refused("coding-list", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n", CODING),
    refused(
        "coding-identity",
        "Transfer-Encoding: identity",
        "hello",
        "Removed from HTTP in 2014; some still skip it (RFC 7230 appendix A.2).",
    ),
    refused("coding-identity-list", "Transfer-Encoding: chunked, identity", "0\r\n\r\n", CODING),
    refused("coding-twice-in-a-list", "Transfer-Encoding: chunked, chunked", "0\r\n\r\n", CODING),
    refused("coding-comma", "Transfer-Encoding: , chunked", "0\r\n\r\n", CODING),
    refused("coding-parameter", "Transfer-Encoding: chunked;a=b", "0\r\n\r\n", CODING),
    refused("coding-quoted", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n", CODING),
    refused("coding-prefix", "Transfer-Encoding: xchunked", "0\r\n\r\n", CODING),
    refused("coding-control", "Transfer-Encoding: \u{b}chunked", "0\r\n\r\n", CODING),
    refused("coding-high-byte", "Transfer-Encoding: \u{ff}chunked", "0\r\n\r\n", CODING),
    refused("coding-empty", "Transfer-Encoding:", "hello", CODING),
    refused("coding-two-headers", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n", CODING),
    refused("coding-two-headers-other", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n", CODING),
    refused("coding-space-before-colon", "Transfer-Encoding : chunked", "0\r\n\r\n", "As `line-space-before-colon`."),
    Row {
        id: "coding-1-0",
        sent: Sent::Bytes("POST /any/a HTTP/1.0\r\nHost: gate\r\nKEY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        done: Done::Refused(400),
        why: "HTTP/1.0 knows no chunks, so that what is behind it need not either (RFC 9112 section 6.1; CVE-2026-2835).",
    },
];
