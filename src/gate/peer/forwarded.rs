//! `Forwarded`, read strictly by the grammar of RFC 7239 section 4: a line that strays from it says nothing.

use std::net::IpAddr;

use super::{node::node, resolve::MAX_HOPS};
use crate::gate::request::is_tchar;

/// What one proxy said of who sent it the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// The address; `None` where the proxy did not tell, or nobody can read it.
    pub address: Option<IpAddr>,
    /// Whether that connection was encrypted; `None` where the proxy did not tell.
    pub secure: Option<bool>,
}

/// The elements of one header line, from the right to the left, the last [`MAX_HOPS`] of them. A line that breaks the grammar is one
/// hop of which nothing is known: what of it a trusted proxy wrote, nobody can tell.
pub(super) fn hops(line: &[u8]) -> impl Iterator<Item = Hop> + use<> {
    let mut last = [Hop::default(); MAX_HOPS];
    let mut count = 0;
    let mut rest = line;
    loop {
        match element(rest) {
            Some((hop, after)) => {
                last[count % MAX_HOPS] = hop;
                count += 1;
                match after.split_first() {
                    None => break,
                    Some((_, next)) => rest = next,
                }
            }
            None => {
                (last[0], count) = (Hop::default(), 1);
                break;
            }
        }
    }
    (count.saturating_sub(MAX_HOPS)..count).rev().map(move |at| last[at % MAX_HOPS])
}

/// Whether a value of `proto` names a protocol that encrypts. Traefik calls WebSockets `ws` and `wss`.
pub(super) fn encrypts(proto: &[u8]) -> bool {
    proto.eq_ignore_ascii_case(b"https") || proto.eq_ignore_ascii_case(b"wss")
}

/// The element at the start of `text`, and what follows it: nothing, or a comma and more.
fn element(text: &[u8]) -> Option<(Hop, &[u8])> {
    let mut hop = Hop::default();
    let mut seen: [&[u8]; 8] = [b""; 8];
    let mut rest = text.trim_ascii_start();
    for place in &mut seen {
        // Empty pairs and empty elements are allowed, and say nothing.
        if !matches!(rest.first(), None | Some(b',' | b';' | b' ' | b'\t')) {
            let (name, after) = token(rest)?;
            let (value, after) = value(after.strip_prefix(b"=")?)?;
            if name.eq_ignore_ascii_case(b"for") {
                hop.address = std::str::from_utf8(value).ok().and_then(node);
            } else if name.eq_ignore_ascii_case(b"proto") {
                hop.secure = Some(encrypts(value));
            }
            *place = name;
            rest = after;
        }
        match rest.strip_prefix(b";") {
            Some(after) => rest = after,
            None => {
                let rest = rest.trim_ascii_start();
                return (!twice(&seen) && matches!(rest.first(), None | Some(b','))).then_some((hop, rest));
            }
        }
    }
    // Four parameters are registered; whoever sends twice as many has something else in mind.
    None
}

/// "Each parameter MUST NOT occur more than once per field-value" (section 4), which is meant of an element.
fn twice(names: &[&[u8]]) -> bool {
    let before = |at: usize, name: &[u8]| names[..at].iter().any(|other| other.eq_ignore_ascii_case(name));
    names.iter().enumerate().any(|(at, name)| !name.is_empty() && before(at, name))
}

fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    text.strip_prefix(b"\"").map_or_else(|| token(text), quoted)
}

fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|&b| !is_tchar(b)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What stands before the closing quote, its escapes left in: no address and no protocol needs one, so one that has is not read.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => return Some((&text[..at], &text[at + 1..])),
            b'\\' => at += 2,
            0..=0x08 | 0x0a..=0x1f | 0x7f => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<Hop> {
        hops(line.as_bytes()).collect()
    }

    fn hop(address: &str, secure: Option<bool>) -> Hop {
        Hop { address: address.parse().ok(), secure }
    }

    #[test]
    fn elements_come_from_the_right() {
        let line =
            "for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\";Proto=HTTPS;by=203.0.113.60 ,\tproto=http;for=\"198.51.100.17:80\"";
        let expected = [hop("198.51.100.17", Some(false)), hop("2001:db8:cafe::17", Some(true)), hop("192.0.2.43", None)];
        assert_eq!(read(line), expected);
    }

    #[test]
    fn who_is_not_told_is_not_known() {
        for (line, secure) in [
            ("for=unknown", None),
            ("for=_hidden;proto=https", Some(true)),
            ("by=192.0.2.1", None),
            ("host=example.com;proto=http", Some(false)),
            ("for=\"192.0.2.\\1\"", None),
            ("for=\"2001:db8::1\"", None),
            ("for=\"\"", None),
            ("", None),
            (";;", None),
        ] {
            assert_eq!(read(line), [hop("", secure)], "{line}");
        }
        assert_eq!(read("for=192.0.2.1,,for=192.0.2.2"), [hop("192.0.2.2", None), hop("", None), hop("192.0.2.1", None)]);
        assert_eq!(read("for=192.0.2.1;").len(), 1);
        // A comma or a semicolon in quotes parts nothing.
        assert_eq!(read("host=\"a,for=6.6.6.6;\\\"for=6.6.6.6\";for=192.0.2.1"), [hop("192.0.2.1", None)]);
    }

    #[test]
    fn a_line_that_breaks_the_grammar_says_nothing() {
        for line in [
            "for=2001:db8::1",
            "for=192.0.2.1:80",
            "for=[::1]",
            "for = 192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1; proto=https",
            "for=192.0.2.1 ;proto=https",
            "for",
            "=192.0.2.1",
            "for=",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\"x",
            "for=\"192.0.2.1\\",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;FOR=192.0.2.1",
            "192.0.2.1",
            "for=a b",
            "for=192.0.2.1\u{0}",
            "for=\"a\nb\";proto=https",
            "a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;for=192.0.2.1",
        ] {
            assert_eq!(read(line), [Hop::default()], "{line:?}");
            // Nor does what it stands beside.
            assert_eq!(read(&format!("{line}, for=192.0.2.9")).last(), Some(&Hop::default()), "{line:?}");
            assert_eq!(read(&format!("for=192.0.2.9, {line}")), [Hop::default()], "{line:?}");
        }
    }

    #[test]
    fn the_last_hops_are_kept_of_a_line_without_end() {
        let line: Vec<_> = (0..100).map(|n| format!("for=10.0.0.{n}")).collect();
        let read = read(&line.join(","));
        assert_eq!(read.len(), MAX_HOPS);
        assert_eq!((read[0], read[MAX_HOPS - 1]), (hop("10.0.0.99", None), hop("10.0.0.68", None)));
    }
}
