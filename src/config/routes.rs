//! `routes` → the routes of the policy.

use std::sync::Arc;

use super::{
    channel,
    fault::Place,
    forward::Forwarding,
    raw::{self, List, Text},
    rights,
};
use crate::{
    gate::{
        capability::Right,
        channel::ChannelSource,
        origin::{HostPattern, OriginPattern},
        policy::{Demand, HostRule, Mode, PathPattern, Route},
    },
    upstream::ForwardSpec,
};

/// The name of the route that takes what no other does.
const UNROUTED: &str = "unrouted";

/// The routes, and what becomes of the requests of each. `None` only after a fault.
pub(super) fn routes(
    typed: Option<&List<raw::Route>>,
    mode: Mode,
    forwarding: &Forwarding<'_>,
    root: &Place<'_>,
) -> Option<(Vec<Arc<Route>>, Vec<ForwardSpec>)> {
    let place = root.field("routes");
    let typed = root.required("routes", typed)?;
    if typed.0.is_empty() {
        place.fault("must not be empty: every request would be answered 404");
    }
    let (mut routes, mut forwards) = (Vec::<Arc<Route>>::new(), Vec::new());
    typed.each(&place, |place, _, typed| {
        let Some((route, forward)) = route(typed, forwarding, place) else { return };
        if routes.iter().any(|earlier| earlier.name == route.name) {
            place.field("name").fault("is the name of another route already");
        }
        if let Some(earlier) = routes.iter().find(|earlier| takes_all_of(earlier, &route)) {
            place.field("match").fault(format!("can never match: route `{}` before it takes every such request", earlier.name));
        }
        routes.push(Arc::new(route));
        forwards.push(forward);
    });
    if mode == Mode::Report {
        routes.push(Arc::new(unrouted()?));
        forwards.push(forwarding.unrouted()?);
    }
    Some((routes, forwards))
}

/// Where a request goes that no route takes, so that it can pass while that is only reported.
fn unrouted() -> Option<Route> {
    Some(Route {
        name: UNROUTED.into(),
        host: None,
        path: PathPattern::parse("/**").ok()?,
        methods: Box::default(),
        demand: Demand::Unroutable,
        enforced_inside: false,
        one_way: false,
        channel: ChannelSource::Unnamed,
        mode: None,
    })
}

fn route(typed: &raw::Route, forwarding: &Forwarding<'_>, place: &Place<'_>) -> Option<(Route, ForwardSpec)> {
    let name = place.required("name", typed.name.as_ref()).and_then(|name| place.field("name").take(self::name(name)));
    let demand = demanded(typed, place);
    let matching = place.required("match", typed.r#match.as_ref());
    let (route, place) = (place, place.field("match"));
    let path = matching.and_then(|matching| path(matching.path.as_ref(), &place));
    let host = matching.and_then(|matching| matching.host.as_ref()).map(|text| place.field("host").take(host(text)));
    let methods = matching.and_then(|matching| matching.methods.as_ref()).map(|list| methods(list, &place.field("methods")));
    let channel = channel::source(typed.channel.as_ref(), path.as_ref(), route);
    let of_channel = matches!(demand, Some(Demand::Operation(_)) | None);
    if !of_channel && channel.as_ref().is_some_and(|channel| *channel != ChannelSource::Unnamed) {
        route.field("operation").missing("must be an operation on channels where the route names one");
    }
    if typed.client_messages.is_some() && typed.enforce_inside.is_some() {
        route
            .field("client_messages")
            .out_of_place("must not stand beside `enforce_inside`: what does not pass needs no enforcing");
    }
    let forward = forwarding.forward(typed, name.as_deref(), path.as_ref(), route);
    let route = Route {
        name: name?,
        host: match host {
            None => None,
            Some(host) => Some(HostRule(host?)),
        },
        path: path?,
        methods: methods.unwrap_or_default().into(),
        demand: demand?,
        one_way: matches!(typed.client_messages, Some(raw::ClientMessages::Deny)),
        channel: channel?,
        mode: typed.mode.map(Mode::from),
        enforced_inside: matches!(typed.enforce_inside, Some(raw::Enforcer::Backend)),
    };
    Some((route, forward?))
}

fn name(text: &str) -> Result<Arc<str>, &'static str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    match text.len() {
        _ if text == UNROUTED => Err("is the name of what no route takes, in metrics and logs"),
        1..=64 if text.bytes().all(plain) => Ok(text.into()),
        _ => Err("must be 1 to 64 of a-z, 0-9, `_` and `-`"),
    }
}

/// What the route demands, from `access` and `operation`.
fn demanded(typed: &raw::Route, place: &Place<'_>) -> Option<Demand> {
    if typed.access == Some(raw::Access::Public) {
        if typed.operation.is_some() {
            place.field("operation").out_of_place("means nothing on a public route: no key is asked for");
        }
        let path = typed.r#match.as_ref().and_then(|matching| matching.path.as_ref());
        if path.is_some_and(|path| path.contains('*')) {
            place.field("access").fault("needs a path without `*`: what is open to everybody is named, one path at a time");
        }
        return Some(Demand::Public);
    }
    if typed.operation.is_none() && place.field("access").is_faulty() {
        return None;
    }
    let operation = place.required("operation", typed.operation.as_ref())?;
    place.field("operation").take(demand(operation))
}

fn demand(text: &str) -> Result<Demand, String> {
    if text == "any" {
        return Ok(Demand::Any);
    }
    match rights::parse(text, &["any"])? {
        Right::Operation(operation) => Ok(Demand::Operation(operation)),
        Right::Admin(right) => Ok(Demand::Admin(right)),
        Right::Keys => {
            Err("is the right to manage Keygate's own keys, which is done at the admin listener; for a backend's management \
                            routes there is `admin`"
                .to_owned())
        }
        Right::Every => Err("must be one operation, or `any` where a valid key is enough".to_owned()),
    }
}

fn path(typed: Option<&Text>, place: &Place<'_>) -> Option<PathPattern> {
    let text = place.required("path", typed)?;
    let place = place.field("path");
    if **text == *"/keygate" || text.starts_with("/keygate/") {
        place.fault("is reserved: `/keygate/` is answered by the gate itself");
        return None;
    }
    place.take(PathPattern::parse(text))
}

fn host(text: &str) -> Result<HostPattern, &'static str> {
    const EXPECTED: &str = "must be a host without its port, such as `api.example.com` or `*.example.com`";
    let after_host = text.rsplit_once(']').map_or(text, |(_, rest)| rest);
    if after_host.contains([':', '/']) {
        return Err(EXPECTED);
    }
    match OriginPattern::parse(&format!("https://{text}")) {
        Ok(OriginPattern::Tuple { host, .. }) => Ok(host),
        _ => Err(EXPECTED),
    }
}

fn methods(list: &List<Text>, place: &Place<'_>) -> Vec<Box<str>> {
    if list.0.is_empty() {
        place.fault("must not be empty; without it, every method matches");
    }
    list.map(place, |place, method| {
        if method.is_empty() || method.len() > 32 || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            place.fault("must be a method, in upper case, such as `POST`");
            return None;
        }
        Some(Box::from(&**method))
    })
}

/// Whether `earlier` takes every request that `later` would. Only what is plain to see: the same path, or `/**`.
fn takes_all_of(earlier: &Route, later: &Route) -> bool {
    let every_path = PathPattern::parse("/**").is_ok_and(|all| earlier.path == all);
    (every_path || earlier.path == later.path)
        && (earlier.host.is_none() || earlier.host == later.host)
        && (earlier.methods.is_empty()
            || !later.methods.is_empty() && later.methods.iter().all(|method| earlier.methods.contains(method)))
}
