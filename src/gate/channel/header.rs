//! The channel in a header: one header of that name, and no other that a backend might fold to it.

use std::borrow::Cow;

use super::has_escape;
use crate::gate::{
    denial::Denial,
    request::{RequestHead, is_alias},
};

/// The value of the one header called `name`.
///
/// # Errors
/// [`Denial::ChannelMissing`]; [`Denial::ChannelAmbiguous`] for two, or for a name that CGI folds to this one;
/// [`Denial::ChannelInvalid`] for what is not plain ASCII, which servers decode in different ways.
pub(super) fn value<'h>(head: &RequestHead<'h>, name: &str) -> Result<Cow<'h, str>, Denial> {
    if head.headers.iter().any(|header| is_alias(header.name, name)) {
        return Err(Denial::ChannelAmbiguous);
    }
    let mut values = head.values(name);
    let value = values.next().map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()).ok_or(Denial::ChannelMissing)?;
    if values.next().is_some() {
        return Err(Denial::ChannelAmbiguous);
    }
    if has_escape(value) {
        return Err(Denial::ChannelInvalid);
    }
    std::str::from_utf8(value).ok().filter(|text| text.is_ascii()).map(Cow::Borrowed).ok_or(Denial::ChannelInvalid)
}
