//! The channel in a query: one parameter of that name, and no other that a framework would take for it.

use std::borrow::Cow;

use super::{decode, is_blank, once_decoded};
use crate::gate::denial::Denial;

/// The value of the one parameter called `name`, decoded.
///
/// # Errors
/// [`Denial::ChannelMissing`]; [`Denial::ChannelAmbiguous`] where some reader would find another or a second one;
/// [`Denial::ChannelInvalid`] for a value with two readings.
pub(super) fn value<'q>(query: Option<&'q str>, name: &str) -> Result<Cow<'q, str>, Denial> {
    let query = query.unwrap_or_default();
    let mut found = None;
    for pair in query.split('&') {
        let (own, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(own.as_bytes()).is_some_and(|own| own == name.as_bytes()) {
            if found.replace(value).is_some() {
                return Err(Denial::ChannelAmbiguous);
            }
        } else if is_taken_for(own, name) {
            return Err(Denial::ChannelAmbiguous);
        }
    }
    // Older parsers (Perl's CGI, Python before 3.10) cut a query at `;` as well.
    if query.split(['&', ';']).filter(|piece| is_taken_for(piece.split('=').next().unwrap_or_default(), name)).count() > 1 {
        return Err(Denial::ChannelAmbiguous);
    }
    match found {
        None | Some("") => Err(Denial::ChannelMissing),
        // A space to those who read forms, itself to others; and an end to those who cut at it.
        Some(value) if value.contains(['+', ';']) => Err(Denial::ChannelInvalid),
        Some(value) => once_decoded(value),
    }
}

/// Whether some framework takes a parameter's name for `name`: ASP.NET knows no case, PHP makes `_` of what its variables cannot hold
/// and an array of `name[…]`, to `qs` (Express) `[name]` is `name`, some readers trim, and some cut off one `?` more. What cannot be
/// decoded may be any name: ASP.NET reads `%u0063` too.
fn is_taken_for(own: &str, name: &str) -> bool {
    let Some(own) = decode(own.replace('+', " ").as_bytes()) else { return true };
    let own = String::from_utf8_lossy(&own);
    let inner = own.trim_start_matches(|c| is_blank(c) || matches!(c, '[' | '?'));
    let bare = inner.split(['[', ']', '\0']).next().unwrap_or_default().trim_end_matches(is_blank);
    let folded = |b: u8| if matches!(b, b' ' | b'.' | b'-') { b'_' } else { b.to_ascii_lowercase() };
    bare.bytes().map(folded).eq(name.bytes().map(folded))
}
