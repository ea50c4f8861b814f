//! `capabilities` → a set of operations. Only the resource `*` so far: nothing reads channels yet, so a narrower one could not be
//! held to.

use crate::{
    config::{
        fault::Place,
        raw::{List, Map, Text},
        wording,
    },
    gate::{
        capability::{Operation, Operations},
        credential::Kind,
    },
};

const ADMIN_IS_SECRET: &str = "must not hold `admin`: a publishable key is known to everybody";

/// What a key may do. `None` only after a fault, or for a kind that is one.
pub(super) fn operations(typed: Option<&Map<List<Text>>>, kind: Option<Kind>, place: &Place<'_>) -> Option<Operations> {
    let Some(Map(resources)) = typed else {
        return kind.map(|kind| match kind {
            Kind::Publishable => Operations::NONE.with(Operation::Subscribe),
            Kind::Secret => Operations::EVERYTHING,
        });
    };
    let mut operations = Operations::NONE;
    for (resource, list) in resources {
        if **resource != *"*" {
            let message = "is not a channel that can be told apart yet: only every channel, `\"*\"`, is built in this version";
            place.made_up_field(resource).out_of_place(message);
            continue;
        }
        let place = place.field("*");
        match list {
            Some(list) if !list.0.is_empty() => {
                list.each(&place, |place, _, text| operations = operations.union(named(text, kind, place)));
            }
            _ => place.missing("must name an operation; to let a key do nothing, disable it"),
        }
    }
    if resources.is_empty() {
        place.fault("must name what the key may do; without it, the key has what its kind has by default");
    }
    Some(operations)
}

fn named(text: &str, kind: Option<Kind>, place: &Place<'_>) -> Operations {
    if text == "*" {
        return Operations::CHANNEL;
    }
    let names = || Operation::ALL.iter().map(|operation| operation.name()).chain(["*"]);
    match Operation::from_name(text) {
        Some(Operation::Admin) if kind == Some(Kind::Publishable) => place.fault(ADMIN_IS_SECRET),
        Some(operation) => return Operations::NONE.with(operation),
        None => place.fault(match wording::nearest(text, names()) {
            Some(near) => format!("is not an operation; did you mean `{near}`?"),
            None => format!("must be one of {}", wording::listed(names())),
        }),
    }
    Operations::NONE
}
