use super::*;

fn parse(head: &str) -> Result<(String, String, bool, Body), HeadError> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let parsed = parse_strictly(head.as_bytes(), &mut headers)?;
    Ok((parsed.method.to_owned(), parsed.target.to_owned(), parsed.close, parsed.body))
}

#[track_caller]
fn refused(head: &str, rule: Rule) {
    assert_eq!(parse(head), Err(HeadError::Broken(rule)), "{head:?}");
}

#[test]
fn plain_heads_are_read() {
    let plain = |close, body| Ok(("GET".to_owned(), "/a?b".to_owned(), close, body));
    assert_eq!(parse("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n"), plain(false, Body::Length(0)));
    assert_eq!(parse("GET /a?b HTTP/1.1\r\nHost: a:80\r\nConnection: Close\r\n\r\n"), plain(true, Body::Length(0)));
    assert_eq!(parse("GET /a?b HTTP/1.0\r\nHost: a\r\n\r\n"), plain(true, Body::Length(0)));
    assert_eq!(parse("GET /a?b HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"), plain(false, Body::Length(0)));
    assert_eq!(parse("GET /a?b HTTP/1.1\r\nHost: [::1]:8\r\nContent-Length: 12\r\n\r\n"), plain(false, Body::Length(12)));
    assert_eq!(parse("GET /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"), plain(false, Body::Chunked));
}

#[test]
fn lines_end_in_one_way() {
    refused("GET / HTTP/1.1\nHost: a\r\n\r\n", "a line ends without CR");
    refused("GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", "a line ends without CR");
    refused("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "a bare CR or a NUL");
    refused("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "a bare CR or a NUL");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\0\r\n\r\n", "a bare CR or a NUL");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "a folded line");
    refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "a folded line");
    refused("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "the request line is not one");
}

#[test]
fn lengths_have_one_reading() {
    for value in ["+5", "-5", "05", "5,5", "5, 5", "0x5", "", " ", "5 5", "5_0", "9999999999999999999"] {
        refused(
            &format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\n"),
            "Content-Length is not a plain number",
        );
    }
    refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "two Content-Length headers");
    refused(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Content-Length beside Transfer-Encoding",
    );
    for value in ["identity", "chunked, chunked", "gzip, chunked", "xchunked", "chunked;q=1", "\"chunked\""] {
        refused(
            &format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n"),
            "a transfer coding other than chunked",
        );
    }
    refused(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "two Transfer-Encoding headers",
    );
    refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0");
}

#[test]
fn hosts_have_one_reading() {
    refused("GET / HTTP/1.1\r\n\r\n", "no Host header");
    refused("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "two Host headers");
    for host in ["", "a b", "a/b", "user@a", "a:b", "a,b", "a:80:80", "[::1", "é"] {
        refused(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), "Host is not a host name");
    }
}

#[test]
fn connection_names_no_header() {
    for option in ["X-Keygate-Key-Id", "authorization", "close, origin", "host", "content-length", "keep-alive, x-forwarded-for"]
    {
        refused(&format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {option}\r\n\r\n"), "Connection names a header");
    }
    assert!(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n").is_ok());
}

#[test]
fn what_is_not_served_is_refused() {
    refused("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "a method that is not served");
    refused("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "a method that is not served");
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "the version is neither HTTP/1.1 nor HTTP/1.0");
    refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "the request line is not one");
    refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "a header's name is not a token");
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n", "a header's value holds control characters");
    refused("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "an expectation that is not served");
    let many = "X: y\r\n".repeat(MAX_HEADERS);
    assert_eq!(parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")), Err(HeadError::TooLarge));
    assert_eq!(parse(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(MAX_TARGET_BYTES))), Err(HeadError::TooLarge));
}
