//! Targets and hosts: one reading, or none.

use super::row::{After, Done, GET, Row, Sent, Served};

const FORM: &str =
    "A path is what routes are about; a host in the target may be another than `Host` says (RFC 9112 section 3.2).";
const DOTS: &str = "To a server that folds dots it is another path than the one that was decided about (RFC 3986 section 5.2.4; Envoy CVE-2019-9901).";
const ESCAPE: &str = "To a server that decodes it is another path (Envoy CVE-2021-29492; Traefik CVE-2025-66490).";
const PLAIN: &str = "Two spellings of one path: who compares bytes sees two (RFC 3986 section 6.2.2.2).";
const HOST: &str =
    "Exactly one host, and nothing but a host and a port: who routes by it must not find two (RFC 9112 section 3.2).";

const fn refused(id: &'static str, target: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Target(target), done: Done::Refused(400), why }
}

const fn served(id: &'static str, target: &'static str, line: &'static str, why: &'static str) -> Row {
    Row { id, sent: Sent::Target(target), done: Done::Served(Served { line, ..GET }), why }
}

const fn host(id: &'static str, bytes: &'static str) -> Row {
    Row { id, sent: Sent::Bytes(bytes), done: Done::Refused(400), why: HOST }
}

const fn named(id: &'static str, bytes: &'static str, has: &'static [&'static str], why: &'static str) -> Row {
    Row { id, sent: Sent::Bytes(bytes), done: Done::Served(Served { has, ..GET }), why }
}

fn long_target() -> String {
    format!("GET /any/{} HTTP/1.1\r\nHost: gate\r\n{}\r\n", "a".repeat(8 * 1024 - 4), super::row::KEY)
}

pub const ROWS: &[Row] = &[
    refused("target-absolute", "http://gate/any/a", FORM),
    refused("target-absolute-other-host", "http://other/any/a", FORM),
    refused("target-user-info", "http://user@gate/any/a", FORM),
    refused("target-authority", "gate:80", FORM),
    Row {
        id: "target-asterisk",
        sent: Sent::Line("OPTIONS * HTTP/1.1"),
        done: Done::Refused(400),
        why: "It is about the server, which is not the client's (RFC 9112 section 3.2.4).",
    },
    refused("target-no-slash", "any/a", FORM),
    refused("target-network-path", "//other/any/a", "To a URL parser the first segment is a host (RFC 3986 section 4.2)."),
    refused("target-empty-segment", "/any//a", "Some servers merge slashes (Envoy `merge_slashes`, nginx `merge_slashes`)."),
    refused(
        "target-fragment",
        "/any/a#b",
        "A fragment is never sent; who cuts it off sees another target (RFC 9110 section 4.2.5).",
    ),
    refused("target-backslash", "/any\\a", "A slash to Windows and to URL parsers of browsers (WHATWG URL)."),
    refused("target-dot", "/any/./a", DOTS),
    refused("target-dots", "/any/../api/a", DOTS),
    refused("target-dots-at-the-end", "/any/..", DOTS),
    refused("target-dots-escaped", "/any/%2e%2e/api/a", DOTS),
    refused("target-dots-half-escaped", "/any/.%2E/api/a", DOTS),
    refused(
        "target-dots-parameter",
        "/any/..;/api/a",
        "Servlet containers cut a segment at `;` and then fold dots (Envoy CVE-2026-73551).",
    ),
    refused("target-semicolon", "/any;x/a", "`/any;x` is `/any` to servlet containers and to no route."),
    refused("target-slash-escaped", "/any/..%2fapi", ESCAPE),
    refused("target-backslash-escaped", "/any/..%5capi", ESCAPE),
    refused("target-percent-escaped", "/any/%252e%252e/api", ESCAPE),
    refused("target-nul-escaped", "/any/a%00", ESCAPE),
    refused("target-line-escaped", "/any/a%0d%0aX-A:%20b", ESCAPE),
    refused("target-question-escaped", "/any/a%3fb", ESCAPE),
    refused("target-hash-escaped", "/any/a%23b", ESCAPE),
    refused("target-semicolon-escaped", "/any%3bx/a", ESCAPE),
    refused("target-escaped-letter", "/any/%61", PLAIN),
    refused("target-escape-broken", "/any/%zz", "Not an escape; what a server makes of it is its own (RFC 3986 section 2.1)."),
    refused("target-escape-short", "/any/%2", "As `target-escape-broken`."),
    refused("target-high-byte", "/any/caf\u{e9}", "A URL is ASCII; decoding it is guessing (RFC 3986 section 2)."),
    refused(
        "target-escape-overlong",
        "/any/..%c0%afapi",
        "A slash to who does not mind overlong forms (RFC 3629 section 10; the oldest of these attacks).",
    ),
    refused("target-escape-not-utf8", "/any/caf%e9", "Not UTF-8: Latin-1 to one server, a replacement or an error to another."),
    refused("target-brackets", "/any/{a}", "Browsers escape it; a server that does too sees another path (WHATWG URL)."),
    served(
        "target-escaped",
        "/any/a%20b/caf%C3%A9",
        "GET /any/a%20b/caf%C3%A9 HTTP/1.1",
        "An escape that has to be one, passed on as it is.",
    ),
    served("target-dot-in-a-name", "/any/..a/b./...", "GET /any/..a/b./... HTTP/1.1", "Dots in a longer segment mean nothing."),
    served(
        "target-slash-at-the-end",
        "/any/a/",
        "GET /any/a/ HTTP/1.1",
        "Another path than the one without; routes say which they mean.",
    ),
    Row {
        id: "target-case",
        sent: Sent::Target("/ANY/a"),
        done: Done::Answered { status: 404, after: After::Goes },
        why: "Paths are case-sensitive: no route of that name (RFC 3986 section 6.2.2.1).",
    },
    served("query-empty", "/any/a?", "GET /any/a? HTTP/1.1", "Passed on as it is."),
    served(
        "query-anything",
        "/any/a?x=../%2e%2e/;//%zz?",
        "GET /any/a?x=../%2e%2e/;//%zz? HTTP/1.1",
        "No route looks at a query, so that nothing is decided by it; the backend reads it as it was sent.",
    ),
    refused("query-fragment", "/any/a?b#c", "As `target-fragment`."),
    refused(
        "query-quote",
        "/any/a?b=\"",
        "Browsers escape it, and so a server may see another text than was sent (WHATWG URL, query percent-encode set).",
    ),
    refused("query-high-byte", "/any/a?b=\u{e9}", "As `target-high-byte`."),
    Row {
        id: "target-long",
        sent: Sent::Made("a target of more than 8 KiB", long_target),
        done: Done::Refused(431),
        why: "Longer than any that is meant (RFC 9110 section 4.1 asks for 8,000 bytes).",
    },
    host("host-none", "GET /any/a HTTP/1.1\r\nKEY\r\n\r\n"),
    host("host-two", "GET /any/a HTTP/1.1\r\nHost: gate\r\nHost: other\r\nKEY\r\n\r\n"),
    host("host-two-equal", "GET /any/a HTTP/1.1\r\nHost: gate\r\nHost: gate\r\nKEY\r\n\r\n"),
    host("host-empty", "GET /any/a HTTP/1.1\r\nHost:\r\nKEY\r\n\r\n"),
    host("host-list", "GET /any/a HTTP/1.1\r\nHost: gate, other\r\nKEY\r\n\r\n"),
    host("host-user-info", "GET /any/a HTTP/1.1\r\nHost: user@gate\r\nKEY\r\n\r\n"),
    host("host-path", "GET /any/a HTTP/1.1\r\nHost: gate/any\r\nKEY\r\n\r\n"),
    host("host-space", "GET /any/a HTTP/1.1\r\nHost: gate other\r\nKEY\r\n\r\n"),
    host("host-port-text", "GET /any/a HTTP/1.1\r\nHost: gate:http\r\nKEY\r\n\r\n"),
    host("host-port-large", "GET /any/a HTTP/1.1\r\nHost: gate:65536\r\nKEY\r\n\r\n"),
    host("host-dot-at-the-end", "GET /any/a HTTP/1.1\r\nHost: gate.\r\nKEY\r\n\r\n"),
    host("host-high-byte", "GET /any/a HTTP/1.1\r\nHost: caf\u{e9}\r\nKEY\r\n\r\n"),
    named(
        "host-port",
        "GET /any/a HTTP/1.1\r\nHost: gate:8080\r\nKEY\r\n\r\n",
        &["Host: gate:8080", "X-Forwarded-Host: gate:8080"],
        "As it was sent.",
    ),
    named("host-ipv6", "GET /any/a HTTP/1.1\r\nHost: [::1]:8080\r\nKEY\r\n\r\n", &["Host: [::1]:8080"], "As it was sent."),
];
