//! What is allowed but seldom meant, for `keygate check` to tell.

use std::sync::Arc;

use super::used::{Config, KeyPlace, Listener};
use crate::{
    downstream::ListenAddress,
    gate::{
        capability::{Operation, Operations},
        credential::Kind,
        keys::{KeyRecord, KeySet},
        peer::PeerAddress,
        policy::{Demand, Mode, Policy, Route},
    },
};

/// So many keys are named; of more, the number.
const NAMED: usize = 5;

/// The warnings, each one sentence.
#[must_use]
pub fn warnings(config: &Config, keys: &KeySet) -> Vec<String> {
    let let_in = || keys.records().filter(|key| config.policy.environments.contains(&key.environment));
    let mut warnings = Vec::new();
    for Listener { address, .. } in config.listeners.iter().filter(|listener| is_open(listener)) {
        warnings.push(format!(
            "listener {address} takes keys in the clear from other machines; give it `tls`, or encrypt in front of it"
        ));
    }
    warnings.extend(config.listeners.iter().filter_map(|listener| through_a_file(listener, config)));
    warnings.extend(in_the_clear(config));
    let routes = || config.policy.routes.iter();
    if config.policy.mode == Mode::Report || routes().any(|route| route.mode == Some(Mode::Report)) {
        warnings
            .push("`mode: report` lets through what would be refused: the gate watches, and protects nothing there".to_owned());
    }
    if let Some(ids) = named(let_in().map(|key| &**key).filter(|key| key.mode() == Some(Mode::Report))) {
        warnings.push(format!("these keys are not held to what they may do: they say `mode: report`: {ids}"));
    }
    for (name, weaker, spelling) in folded_around(&config.policy) {
        warnings.push(format!(
            "route `{name}` takes its path as it is written; `{spelling}` goes to route `{weaker}`, which asks for something else: where the \
             backend takes the two for one, write `/**` at the end of the one, or have no such route for the other"
        ));
    }
    if !keys.is_empty() && let_in().next().is_none() {
        warnings.push("no key can be let in: all keys are of the other environment".to_owned());
    }
    let more_than_subscribe = |key: &&KeyRecord| {
        let beyond = key.capabilities.everywhere().without(Operations::NONE.with(Operation::Subscribe));
        key.kind == Kind::Publishable && !beyond.is_empty()
    };
    if let Some(ids) = named(let_in().map(|key| &**key).filter(more_than_subscribe)) {
        warnings.push(format!(
            "publishable keys are known to everybody, and these may do more than subscribe, on every channel: {ids}"
        ));
    }
    let starred = |key: &&KeyRecord| key.capabilities.entries().iter().any(|(pattern, _)| pattern.has_literal_star());
    if let Some(ids) = named(let_in().map(|key| &**key).filter(starred)) {
        warnings.push(format!(
            "a `*` stands for whole segments between colons and is a plain character anywhere else: `chat*` is one channel, `chat:*` \
             are all below `chat`; look at the capabilities of: {ids}"
        ));
    }
    let kept_out = |key: &&KeyRecord| key.capabilities.everywhere() != Operations::ALL;
    if !routes().any(|route| route.enforced_inside || route.one_way)
        && let Some(ids) = named(let_in().map(|key| &**key).filter(kept_out))
    {
        warnings.push(format!(
            "these keys may not do everything on every channel, so they open no WebSocket: no route says `enforce_inside: backend` or `client_messages: deny`: {ids}"
        ));
    }
    warnings
}

/// Whether the token for the manager of the keys can be read on its way.
fn in_the_clear(config: &Config) -> Option<String> {
    let KeyPlace::Manager(manager) = &config.keys.place else { return None };
    let host = manager.url.strip_prefix("http://")?.split(['/', ':']).next()?;
    let is_here = host == "localhost" || host.starts_with("127.") || host.starts_with('[');
    (!is_here).then(|| format!("`keys.url` is http: whoever listens in on the way to {host} has the token of this gate, and with it the digests of all keys"))
}

/// Routes around which a request gets by a trailing slash, which many backends take for nothing: the route, the later one that takes the
/// request then, and the spelling. Case is like it, and told with it.
fn folded_around(policy: &Policy) -> Vec<(&str, &str, String)> {
    let asks_else = |one: &Route, other: &Route| {
        other.demand != Demand::Unroutable && (one.demand != other.demand || one.channel != other.channel)
    };
    let mut found = Vec::new();
    for (at, route) in policy.routes.iter().enumerate() {
        let path = route.path.to_string().replace("{channel}", "x").replace('*', "x");
        let spellings = [format!("{}/", path.trim_end_matches('/')), path.to_ascii_uppercase()];
        for spelling in spellings.into_iter().filter(|spelling| !route.path.matches(spelling)) {
            let takes = |later: &&Arc<Route>| later.path.matches(&spelling);
            if let Some(later) = policy.routes[at + 1..].iter().find(takes).filter(|later| asks_else(route, later)) {
                found.push((&*route.name, &*later.name, spelling));
                break;
            }
        }
    }
    found
}

/// What is seldom meant of a Unix socket.
fn through_a_file(listener: &Listener, config: &Config) -> Option<String> {
    let Listener { address: address @ ListenAddress::Unix(_), mode, proxy_protocol, .. } = listener else { return None };
    let is_believed = proxy_protocol.is_some() || config.policy.trusted_proxies.contains(PeerAddress::Unix);
    if is_believed && mode & 0o002 != 0 {
        return Some(format!(
            "whoever connects to {address} is believed to say who its client is, and its mode lets every user of this machine connect"
        ));
    }
    let is_limited = config.policy.peer_refusals.is_some() || config.limits.per_peer.is_some();
    (!is_believed && is_limited).then(|| {
        format!(
            "all that comes through {address} is one client to `limits.ip`; where a proxy connects there, name `unix` in \
             `trusted_proxies`, or let it speak the PROXY protocol"
        )
    })
}

fn is_open(listener: &Listener) -> bool {
    listener.tls.is_none() && listener.address.tcp().is_some_and(|address| !address.ip().is_loopback())
}

/// The ids of `keys`; `None` where there are none.
fn named<'k>(keys: impl Iterator<Item = &'k KeyRecord>) -> Option<String> {
    let ids: Vec<_> = keys.map(|key| &*key.id).collect();
    let (named, rest) = ids.split_at(ids.len().min(NAMED));
    let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
    (!named.is_empty()).then(|| named.join(", ") + &more)
}
