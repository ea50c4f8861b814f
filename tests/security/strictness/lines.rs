//! Lines: what ends one, and what a request line is.

use super::row::{After, Done, GET, Row, Sent, Served};

const LF: &str = "Some servers end a line at LF, others do not, so that a line may hide in a value (RFC 9112 section 2.2).";
const VERSION: &str =
    "HTTP/1.1 and HTTP/1.0 are what is spoken here; what else might be meant is guessed by nobody (RFC 9112 section 2.3).";
const LINE: &str = "Method, target and version with one space between them: who splits at other white space finds another target (RFC 9112 section 3).";
const TOKEN: &str = "A field name is a token, ended by its colon (RFC 9112 section 5.1; RFC 9110 section 5.6.2).";

const fn refused(id: &'static str, sent: Sent, why: &'static str) -> Row {
    Row { id, sent, done: Done::Refused(400), why }
}

const fn served(id: &'static str, sent: Sent, served: Served, why: &'static str) -> Row {
    Row { id, sent, done: Done::Served(served), why }
}

pub const ROWS: &[Row] = &[
    refused("line-lf", Sent::Bytes("GET /any/a HTTP/1.1\nHost: gate\nKEY\n\n"), LF),
    refused("line-lf-in-head", Sent::Header("X-A: b\nX-C: d"), LF),
    refused(
        "line-cr",
        Sent::Header("X-A: b\rX-C: d"),
        "A bare CR is a line's end to some, and white space to others (RFC 9112 section 2.2).",
    ),
    refused(
        "line-nul",
        Sent::Header("X-A: b\0c"),
        "NUL ends a text in C, so that two servers see two values (RFC 9110 section 5.5).",
    ),
    refused(
        "line-control",
        Sent::Header("X-A: b\u{1}c"),
        "No control character but tab belongs into a value (RFC 9110 section 5.5).",
    ),
    refused(
        "line-folded",
        Sent::Header("X-A: b\r\n c"),
        "Folding is obsolete; who does not know it reads a header of its own (RFC 9112 section 5.2).",
    ),
    refused("line-folded-tab", Sent::Header("X-A: b\r\n\tc"), "As `line-folded`."),
    refused(
        "line-folded-first",
        Sent::Bytes("GET /any/a HTTP/1.1\r\n X-A: b\r\nHost: gate\r\nKEY\r\n\r\n"),
        "As `line-folded`: to some it goes on the request line (RFC 9112 section 2.2).",
    ),
    refused(
        "line-space-before-colon",
        Sent::Header("X-A : b"),
        "A server must refuse it: the name is another one to who trims (RFC 9112 section 5.1).",
    ),
    refused("line-no-colon", Sent::Header("X-A"), TOKEN),
    refused("line-no-name", Sent::Header(": b"), TOKEN),
    refused("line-name-no-token", Sent::Header("X(A): b"), TOKEN),
    refused("line-name-high-byte", Sent::Header("X\u{e9}: b"), TOKEN),
    refused("line-name-nul", Sent::Header("X-A\0: b"), TOKEN),
    served(
        "line-value-high-byte",
        Sent::Header("X-A: caf\u{e9}"),
        GET,
        "Bytes above ASCII are opaque, and passed on as they are (RFC 9110 section 5.5).",
    ),
    served(
        "line-value-tab",
        Sent::Header("X-A: b\tc"),
        Served { has: &["X-A: b\tc"], ..GET },
        "A tab inside a value is a part of it (RFC 9110 section 5.5).",
    ),
    served(
        "line-value-space",
        Sent::Header("X-A: \t b \t"),
        Served { has: &["X-A: b"], ..GET },
        "White space around a value is no part of it (RFC 9112 section 5).",
    ),
    served(
        "line-value-empty",
        Sent::Header("X-A:"),
        Served { has: &["X-A:"], ..GET },
        "A value may be empty (RFC 9110 section 5.5).",
    ),
    refused(
        "line-empty-before",
        Sent::Bytes("\r\nGET /any/a HTTP/1.1\r\nHost: gate\r\nKEY\r\n\r\n"),
        "A server *should* skip it; some do and some do not, and no client of today sends it (RFC 9112 section 2.2).",
    ),
    refused("line-space-before", Sent::Bytes(" GET /any/a HTTP/1.1\r\nHost: gate\r\nKEY\r\n\r\n"), LINE),
    refused(
        "line-tls",
        Sent::Bytes("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}"),
        "TLS on a plain listener, known by its first byte.",
    ),
    refused("line-two-spaces", Sent::Line("GET  /any/a HTTP/1.1"), LINE),
    refused("line-tab", Sent::Line("GET\t/any/a HTTP/1.1"), LINE),
    refused("line-space-behind", Sent::Line("GET /any/a HTTP/1.1 "), LINE),
    refused("line-space-in-target", Sent::Line("GET /any/a b HTTP/1.1"), LINE),
    refused(
        "version-none",
        Sent::Line("GET /any/a"),
        "HTTP/0.9 has no head, so that its body may hold anything's (RFC 9112 appendix C.1).",
    ),
    refused("version-0-9", Sent::Line("GET /any/a HTTP/0.9"), VERSION),
    refused("version-1-2", Sent::Line("GET /any/a HTTP/1.2"), VERSION),
    refused("version-2", Sent::Line("GET /any/a HTTP/2.0"), VERSION),
    refused("version-lower-case", Sent::Line("GET /any/a http/1.1"), VERSION),
    refused("version-1-10", Sent::Line("GET /any/a HTTP/1.10"), VERSION),
    refused(
        "version-2-preface",
        Sent::Bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "HTTP/2 with prior knowledge: this side speaks HTTP/1.1 (RFC 9113 section 3.4).",
    ),
    served(
        "version-1-0",
        Sent::Bytes("GET /any/a HTTP/1.0\r\nHost: gate\r\nKEY\r\n\r\n"),
        Served { after: After::Ends, ..GET },
        "The backend is spoken to in HTTP/1.1; without `keep-alive` the connection ends (RFC 9112 section 9.3).",
    ),
    served(
        "version-1-0-keep-alive",
        Sent::Bytes("GET /any/a HTTP/1.0\r\nHost: gate\r\nKEY\r\nConnection: keep-alive\r\n\r\n"),
        GET,
        "As its client asks (RFC 9112 appendix C.2.2).",
    ),
    refused(
        "version-1-0-without-host",
        Sent::Bytes("GET /any/a HTTP/1.0\r\nKEY\r\n\r\n"),
        "HTTP/1.1 names a host, and there is none that the backend could be told (RFC 9112 section 3.2).",
    ),
    served(
        "method-unknown",
        Sent::Line("FROBNICATE /any/a HTTP/1.1"),
        Served { line: "FROBNICATE /any/a HTTP/1.1", ..GET },
        "Methods are an open set; routes may list theirs (RFC 9110 section 9.1).",
    ),
    served(
        "method-lower-case",
        Sent::Line("get /any/a HTTP/1.1"),
        Served { line: "get /any/a HTTP/1.1", ..GET },
        "Methods are case-sensitive: this is another method than GET, and matches no route that lists GET (RFC 9110 section 9.1).",
    ),
    refused("method-no-token", Sent::Line("G@T /any/a HTTP/1.1"), "A method is a token (RFC 9110 section 9.1)."),
    refused("method-empty", Sent::Line(" /any/a HTTP/1.1"), LINE),
    refused(
        "method-long",
        Sent::Line("ABCDEFGHIJKLMNOPQRSTUVWXY /any/a HTTP/1.1"),
        "No method is longer than 24 characters, and each is kept for the log.",
    ),
    refused(
        "method-connect",
        Sent::Line("CONNECT gate:80 HTTP/1.1"),
        "It asks for a tunnel, in which nobody would decide (RFC 9110 section 9.3.6).",
    ),
    refused("method-connect-path", Sent::Line("CONNECT /any/a HTTP/1.1"), "As `method-connect`."),
    refused(
        "method-trace",
        Sent::Line("TRACE /any/a HTTP/1.1"),
        "It would have the backend repeat the identity that the gate added (RFC 9110 section 9.3.8).",
    ),
];
