//! Tokens of HTTP: what the name of a header or of a cookie may be.

use crate::gate::request::is_tchar;

/// Whether `name` is a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_tchar)
}
