//! `capabilities` → what a key may do.

use std::sync::Arc;

use crate::{
    config::{
        fault::Place,
        raw::{List, Map, Text},
        rights, wording,
    },
    gate::{
        capability::{AdminRights, Capabilities, Operation, Operations, Pattern, Right},
        credential::Kind,
    },
};

/// The longest canonical text: the backend gets it in one header, and common servers take lines of 8 KiB at most.
const MAX_TEXT_BYTES: usize = 8_000;

const ADMIN_IS_SECRET: &str = "must not hold `admin`: a publishable key is known to everybody";
const KEYS_IS_SECRET: &str = "must not hold `keygate:keys`: a publishable key is known to everybody";
const ADMIN_HAS_NO_CHANNEL: &str = "is no right on channels: it belongs under `\"*\"`";

/// What keys may do that say nothing of it, kept once for all of them.
pub(super) struct Defaults {
    publishable: Arc<Capabilities>,
    secret: Arc<Capabilities>,
}

impl Default for Defaults {
    fn default() -> Self {
        let subscribe = Operations::NONE.with(Operation::Subscribe);
        Self { publishable: Arc::new(Capabilities::on_every_channel(subscribe)), secret: Arc::new(Capabilities::everything()) }
    }
}

impl Defaults {
    pub(super) fn of(&self, kind: Kind) -> Arc<Capabilities> {
        Arc::clone(match kind {
            Kind::Publishable => &self.publishable,
            Kind::Secret => &self.secret,
        })
    }
}

/// What a key may do that says it. `None` only after a fault.
pub(super) fn capabilities(typed: &Map<List<Text>>, kind: Option<Kind>, place: &Place<'_>) -> Option<Capabilities> {
    let Map(resources) = typed;
    if resources.is_empty() {
        place.fault("must name what the key may do; without it, the key has what its kind has by default");
    }
    let (mut entries, mut admin, mut keys) = (Vec::with_capacity(resources.len()), Vec::new(), false);
    for (resource, list) in resources {
        let place = if wording::is_shown(resource) { place.field(resource) } else { place.made_up_field(resource) };
        let pattern = Pattern::parse(resource).map_err(|message| place.out_of_place(message)).ok();
        let is_widest = pattern.as_ref().is_none_or(|pattern| pattern.contains(&Pattern::every_channel()));
        let mut operations = Operations::NONE;
        match list {
            Some(list) if !list.0.is_empty() => {
                list.each(&place, |place, _, text| match rights::parse(text, &["*", Right::KEYS]) {
                    Ok(Right::Every) => operations = Operations::ALL,
                    Ok(Right::Operation(operation)) => operations = operations.with(operation),
                    Ok(Right::Admin(_)) if kind == Some(Kind::Publishable) => place.fault(ADMIN_IS_SECRET),
                    Ok(Right::Keys) if kind == Some(Kind::Publishable) => place.fault(KEYS_IS_SECRET),
                    Ok(Right::Admin(_) | Right::Keys) if !is_widest => place.fault(ADMIN_HAS_NO_CHANNEL),
                    Ok(Right::Admin(right)) => admin.push(right),
                    Ok(Right::Keys) => keys = true,
                    Err(message) => place.fault(message),
                })
            }
            _ => place.missing("must name an operation; to let a key do nothing, disable it"),
        }
        entries.extend(pattern.map(|pattern| (pattern, operations)));
    }
    let capabilities = Capabilities::new(entries, admin.into_iter().collect::<AdminRights>());
    let capabilities = if keys { capabilities.with_keys() } else { capabilities };
    let length = capabilities.canonical().len();
    if length > MAX_TEXT_BYTES {
        place.fault(format!(
            "must be at most {MAX_TEXT_BYTES} bytes as JSON, for the backend gets it in a header; this is {length}: put channels \
             under a common beginning and name them by a pattern, such as `chat:*`"
        ));
        return None;
    }
    Some(capabilities)
}
