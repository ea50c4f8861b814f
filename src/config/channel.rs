//! `routes[].channel` → where the gate finds the channels of a request.

use super::{
    credentials,
    fault::Place,
    raw::{self, Text},
};
use crate::gate::{
    capability::Channel,
    channel::{ChannelSource, Pointer},
    policy::PathPattern,
};

/// The source. `None` only after a fault.
pub(super) fn source(typed: Option<&raw::Channel>, path: Option<&PathPattern>, route: &Place<'_>) -> Option<ChannelSource> {
    let in_path = path.is_some_and(PathPattern::names_channel);
    let Some(typed) = typed else { return Some(if in_path { ChannelSource::Path } else { ChannelSource::Unnamed }) };
    let place = route.field("channel");
    if in_path {
        place.out_of_place("must not stand beside `{channel}` in the path: a request has its channel in one place");
        return None;
    }
    let fields = [("json", &typed.json), ("query", &typed.query), ("header", &typed.header), ("fixed", &typed.fixed)];
    let mut given = fields.into_iter().filter_map(|(name, text)| text.as_ref().map(|text| (name, text)));
    let Some((name, text)) = given.next() else {
        place.missing("needs `json`, `query`, `header` or `fixed`, or `{channel}` in the path instead");
        return None;
    };
    if let Some((second, _)) = given.next() {
        place.field(second).out_of_place(format!("must not stand beside `{name}`: a request has its channel in one place"));
        return None;
    }
    let separator = separator(typed.separator.as_ref(), name, &place);
    let place = place.field(name);
    Some(match name {
        "json" => ChannelSource::Json(place.take(Pointer::parse(text))?),
        "query" => ChannelSource::Query { name: place.take(credentials::parameter(text))?, separator: separator? },
        "header" => ChannelSource::Header { name: place.take(header(text))?, separator: separator? },
        _ => {
            place.take(Channel::parse(text))?;
            ChannelSource::Fixed(Box::from(&**text))
        }
    })
}

fn separator(typed: Option<&Text>, source: &str, place: &Place<'_>) -> Option<Option<char>> {
    let Some(text) = typed else { return Some(None) };
    let place = place.field("separator");
    if !matches!(source, "query" | "header") {
        place.out_of_place("is for `query` and `header`: a JSON body has lists");
        return None;
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(separator @ (',' | '|')), None) => Some(Some(separator)),
        _ => {
            place.fault("must be `,` or `|`");
            None
        }
    }
}

fn header(name: &str) -> Result<Box<str>, &'static str> {
    match credentials::header(name) {
        Ok(name) => Ok(name),
        Err(_) => Err("must be the name of a header that has no meaning of its own"),
    }
}
