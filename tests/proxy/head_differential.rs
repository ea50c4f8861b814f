//! Two readers of one head: ours decides, pingora's forwards. Whatever passes ours, pingora must read in the same way (else what was
//! decided about is not what the backend gets). The fuzz target `head` asks the same of bytes that no grammar thought of.

mod reading;

use proptest::{prelude::*, test_runner::TestRunner};

use super::support::is_long;
use reading::{grouped, ours, pingoras};

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![30 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n"), 1 => Just("\r\n ")]
}

fn header() -> impl Strategy<Value = String> {
    let known = prop_oneof![
        6 => Just("Content-Length: 5"),
        1 => Just("Content-Length: 05"),
        1 => Just("Content-Length: +5"),
        1 => Just("Content-Length: 5, 5"),
        1 => Just("Content-Length:"),
        1 => Just("content-length:\t0 "),
        1 => Just("Content-Length: 18446744073709551616"),
        1 => Just("Content-Length: 446744073709551616"),
        4 => Just("Transfer-Encoding: chunked"),
        1 => Just("transfer-encoding:  Chunked "),
        1 => Just("Transfer-Encoding: gzip, chunked"),
        1 => Just("Transfer-Encoding: identity"),
        1 => Just("Transfer-Encoding : chunked"),
        1 => Just("Transfer_Encoding: chunked"),
        1 => Just("Transfer-Encoding: \u{b}chunked"),
        3 => Just("Connection: close"),
        2 => Just("Connection: keep-alive, Upgrade"),
        1 => Just("Connection: Content-Length"),
        2 => Just("Upgrade: websocket"),
        1 => Just("Upgrade: h2c"),
        1 => Just("Sec-WebSocket-Version: 13"),
        1 => Just("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        2 => Just("Expect: 100-continue"),
        1 => Just("Host: other"),
        1 => Just("Origin: https://a.example"),
        1 => Just("Accept: text/event-stream"),
        1 => Just("Keep-Alive: timeout=5, max=1000"),
        1 => Just(" folded: yes"),
    ];
    let any_name = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}";
    let any_value = "[ \t!-~\u{80}-\u{ff}]{0,24}";
    prop_oneof![
        3 => known.prop_map(str::to_owned),
        2 => (any_name, prop_oneof![Just(":"), Just(": "), Just(":\t"), Just(" :")], any_value).prop_map(|(n, c, v)| format!("{n}{c}{v}")),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "/[a-zA-Z0-9/._~-]{0,20}",
        2 => "/[!-~]{0,20}",
        2 => "/[a-z]{1,5}\\?[!-~]{0,20}",
        1 => "/[a-z%0-9A-F?=&;@:|^\\[\\]]{0,12}",
        1 => "[!-~]{0,20}",
        1 => Just("*".to_owned()),
        1 => Just("http://other/x".to_owned()),
        1 => Just("//other/x".to_owned()),
    ]
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => Just("GET".to_owned()),
        4 => Just("POST".to_owned()),
        1 => Just("HEAD".to_owned()),
        1 => Just("OPTIONS".to_owned()),
        1 => "[A-Z]{1,10}",
        1 => "[!-~]{1,10}",
    ]
}

/// A head, whole or nearly, and then with some bytes changed.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![20 => Just("HTTP/1.1"), 4 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0"), 1 => Just("http/1.1"), 1 => Just("HTTP/1.1 ")];
    let host = prop_oneof![10 => Just("Host: gate.example"), 1 => Just("Host: [::1]:80"), 1 => Just("Host: a,b"), 1 => Just("X: no host")];
    let lines = proptest::collection::vec((header(), line_end()), 0..6);
    let change = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 0..3);
    let changed = prop_oneof![3 => Just(Vec::new()), 1 => change];
    ((method(), target(), version), host, lines, changed).prop_map(|((method, target, version), host, lines, changes)| {
        let mut text = format!("{method} {target} {version}\r\n{host}\r\n");
        for (line, end) in lines {
            text.push_str(&line);
            text.push_str(end);
        }
        text.push_str("\r\n");
        // Values above ASCII are single bytes on the wire.
        let mut bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

#[test]
fn what_passes_our_reader_is_read_alike_by_pingora() {
    let cases = if is_long() { 200_000 } else { 2_000 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut passed, mut chunked, mut long) = (0u32, 0u32, 0u32);
    let config = ProptestConfig { max_global_rejects: u32::MAX, failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let mut runner = TestRunner::new(config);
    let counts = std::cell::Cell::new((0u32, 0u32, 0u32));
    runner
        .run(&head(), |bytes| {
            let Some(ours) = ours(&bytes) else { return Err(TestCaseError::reject("refused")) };
            let (passed, chunked, long) = counts.get();
            counts.set((passed + 1, chunked + u32::from(ours.body == "Chunked"), long + u32::from(ours.body == "Length(5)")));
            match pingoras(&runtime, &bytes) {
                // A head that pingora refuses is no danger: nothing is forwarded.
                Err(_) => Ok(()),
                Ok(theirs) => {
                    prop_assert_eq!(grouped(ours), grouped(theirs), "{:?}", String::from_utf8_lossy(&bytes));
                    Ok(())
                }
            }
        })
        .unwrap();
    (passed, chunked, long) = (passed + counts.get().0, chunked + counts.get().1, long + counts.get().2);
    println!("{passed} heads passed our reader and were read alike: {chunked} with chunks, {long} with a length");
    assert!(passed >= cases && chunked > cases / 50 && long > cases / 50, "the grammar reaches every framing");
}

/// What keeps the comparison from being empty: readings that differ are found.
#[test]
fn a_difference_is_found() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let one = pingoras(&runtime, b"GET /a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n").unwrap();
    let other = ours(b"GET /a HTTP/1.1\r\nHost: a\r\nX: 2\r\n\r\n").unwrap();
    assert_ne!(grouped(one), grouped(other));
    // What our reader refuses for having two readings, pingora takes: it alone would not do.
    let two_ways: [&[u8]; 4] = [
        b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: a\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: x-keygate-app\r\n\r\n",
        b"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    let taken = two_ways.iter().filter(|head| ours(head).is_none() && pingoras(&runtime, head).is_ok()).count();
    assert!(taken >= 3, "only {taken} of them tell the two readers apart");
}
