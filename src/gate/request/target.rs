//! Targets with one reading only.

use super::Rule;

/// Checks that a path has one reading for every backend: what one server decodes, folds or splits, another does not
/// (security catalogue row 1: Envoy CVE-2019-9901, CVE-2026-73551; Traefik CVE-2025-66490 and others).
///
/// # Errors
/// The rule that it breaks. Nothing is ever normalised and passed on.
pub fn check_path(path: &str) -> Result<(), Rule> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err("the target is not an absolute path");
    }
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            _ if is_plain(byte) => {}
            b'%' => {
                let (high, low) = (bytes.get(at + 1).and_then(hex), bytes.get(at + 2).and_then(hex));
                let (Some(high), Some(low)) = (high, low) else { return Err("a % in the path is not an escape") };
                match high << 4 | low {
                    b'/' | b'\\' | b'%' | b';' | b'?' | b'#' | 0..=0x1f | 0x7f => {
                        return Err("an escape in the path hides a delimiter");
                    }
                    escaped if is_plain(escaped) => return Err("an escape in the path hides a plain character"),
                    escaped if !escaped.is_ascii() => {
                        let length = escaped_character(&bytes[at..]).ok_or("an escape in the path is not UTF-8")?;
                        at += 3 * length - 1;
                    }
                    _ => at += 2,
                }
            }
            b'/' => match bytes.get(at + 1) {
                Some(b'/') => return Err("an empty segment in the path"),
                Some(b'.') => {
                    let segment = bytes[at + 1..].split(|&b| b == b'/').next().unwrap_or_default();
                    if matches!(segment, b"." | b"..") {
                        return Err("a dot segment in the path");
                    }
                }
                Some(_) | None => {}
            },
            // Some servers cut a segment at it: `/api;x/keys` is `/api/keys` to them and to no route of ours.
            b';' => return Err("a `;` in the path"),
            b'\\' | b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | 0..=0x20 | 0x7f.. => {
                return Err("a character in the path that must be escaped");
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// How many escaped bytes the character at the start of `bytes` has; `None` if it is not UTF-8. What is not, servers decode as they
/// like: `%c0%af` is a slash to who does not mind overlong forms (RFC 3629 section 10), and Latin-1 or a question mark to others.
fn escaped_character(bytes: &[u8]) -> Option<usize> {
    let mut character = [0; 4];
    let mut escapes = bytes.chunks_exact(3).map(|escape| match escape {
        [b'%', high, low] => Some(hex(high)? << 4 | hex(low)?),
        _ => None,
    });
    for length in 1..=4 {
        character[length - 1] = escapes.next()??;
        if std::str::from_utf8(&character[..length]).is_ok() {
            return Some(length);
        }
    }
    None
}

/// Checks that a query holds only what a URL parser leaves as it is (WHATWG URL, query percent-encode set).
pub(super) fn check_query(query: &str) -> Result<(), Rule> {
    let must_escape = |b: u8| matches!(b, 0..=0x20 | b'"' | b'#' | b'<' | b'>' | 0x7f..);
    // All of it, without a way out, so that many bytes are looked at in one instruction.
    if query.bytes().fold(false, |any, b| any | must_escape(b)) {
        return Err("a character in the query that must be escaped");
    }
    Ok(())
}

/// Unreserved (RFC 3986 section 2.3), as nearly every byte of a path is: never escaped, and never a delimiter.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
