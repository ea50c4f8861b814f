//! Where a request names the channels that it is about.
//!
//! The gate and the backend must read the same names, so whatever two readers could take for different channels is refused: a name
//! that stands there twice, in another spelling that some framework folds to the same, or encoded twice. All channels of a request
//! must be allowed, or none of it passes.

mod header;
mod json;
mod query;

use std::borrow::Cow;

pub use json::Pointer;

use super::{denial::Denial, policy::PathPattern, request::RequestHead};

/// Where a route's requests name their channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelSource {
    /// Nowhere that the gate could look.
    Unnamed,
    /// Every request is about this one.
    Fixed(Box<str>),
    /// In the segment `{channel}` of the path.
    Path,
    /// In a query parameter; with a separator there may be several.
    Query { name: Box<str>, separator: Option<char> },
    /// In a header; with a separator there may be several.
    Header { name: Box<str>, separator: Option<char> },
    /// In the JSON body.
    Json(Pointer),
}

/// The most channels that a head may name: a stream goes on standing on each of them, and keeps their names for as long as it lives.
const MAX_NAMED: usize = 64;

impl ChannelSource {
    /// Shows every channel that the head names to `each`, which may refuse it; [`ChannelSource::Json`] and
    /// [`ChannelSource::Unnamed`] name none there.
    ///
    /// # Errors
    /// [`Denial::ChannelMissing`], [`Denial::ChannelAmbiguous`], [`Denial::ChannelInvalid`], or what `each` says.
    pub fn named_in_head(
        &self,
        head: &RequestHead<'_>,
        path: &PathPattern,
        mut each: impl FnMut(&str) -> Result<(), Denial>,
    ) -> Result<(), Denial> {
        let (text, separator) = match self {
            Self::Unnamed | Self::Json(_) => return Ok(()),
            Self::Fixed(channel) => (Cow::Borrowed(&**channel), None),
            Self::Path => (once_decoded(path.channel_in(head.path).ok_or(Denial::ChannelMissing)?)?, None),
            Self::Query { name, separator } => (query::value(head.query, name)?, *separator),
            Self::Header { name, separator } => (header::value(head, name)?, *separator),
        };
        // A backend that splits at commas, as Ably's event streams do, would find more channels than were asked for.
        if separator != Some(',') && text.contains(',') && !matches!(self, Self::Fixed(_) | Self::Path) {
            return Err(Denial::ChannelInvalid);
        }
        let is_fixed = matches!(self, Self::Fixed(_));
        let mut each = |name: &str| if is_fixed || is_bare(name) { each(name) } else { Err(Denial::ChannelInvalid) };
        match separator {
            None => each(&text),
            Some(separator) if text.split(separator).nth(MAX_NAMED).is_some() => Err(Denial::ChannelInvalid),
            Some(separator) => text.split(separator).try_for_each(each),
        }
    }
}

/// Whether a name has nothing around it that some reader takes away, as readers of lists do with white space (RFC 9110 section 5.6.1)
/// and frameworks with whatever comes in (Laravel's `TrimStrings`): what is left may be a name of another namespace. To us
/// ` [meta]log` is a plain channel.
fn is_bare(name: &str) -> bool {
    !name.starts_with(is_blank) && !name.ends_with(is_blank)
}

/// White space, and what is as invisible: NUL and other control characters to PHP's `trim`, Python's `strip` and Java's `trim`.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{200e}' | '\u{feff}')
}

/// Whether a body is what [`ChannelSource::Json`] reads: JSON (RFC 8259), in UTF-8 and as it is.
///
/// # Errors
/// [`Denial::BodyType`], also where two headers say what it is.
pub fn is_json(head: &RequestHead<'_>) -> Result<(), Denial> {
    let coded = head.values("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let mut types = head.values("content-type").map(|value| std::str::from_utf8(value).unwrap_or_default());
    match (types.next(), types.next(), coded) {
        (Some(media), None, false) if names_json(media) => Ok(()),
        _ => Err(Denial::BodyType),
    }
}

/// `application/json`, or a type with the suffix `+json` (RFC 6839), in no charset but UTF-8.
fn names_json(media: &str) -> bool {
    const CHARSET: &str = "charset";
    let mut parts = media.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        // `charset*` and `charset*0` are charsets to who reads RFC 2231.
        _ => !parameter.trim().get(..CHARSET.len()).is_some_and(|start| start.eq_ignore_ascii_case(CHARSET)),
    });
    let suffixed = essence.strip_prefix("application/").is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"));
    utf8 && suffixed
}

/// The text behind percent-encoding (RFC 3986 section 2.1), if there is one reading of it: a text that could be decoded once more
/// would be another channel to whoever does.
fn once_decoded(encoded: &str) -> Result<Cow<'_, str>, Denial> {
    if !encoded.contains('%') {
        return Ok(Cow::Borrowed(encoded));
    }
    let decoded = decode(encoded.as_bytes()).ok_or(Denial::ChannelInvalid)?;
    let text = String::from_utf8(decoded).map_err(|_| Denial::ChannelInvalid)?;
    if has_escape(text.as_bytes()) { Err(Denial::ChannelInvalid) } else { Ok(Cow::Owned(text)) }
}

fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            decoded.push(from_hex(*digits)?);
            rest = after;
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

fn has_escape(text: &[u8]) -> bool {
    text.windows(3).any(|three| three[0] == b'%' && from_hex([three[1], three[2]]).is_some())
}

fn from_hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()));
    Some(high? << 4 | low?)
}

#[cfg(test)]
mod tests;
