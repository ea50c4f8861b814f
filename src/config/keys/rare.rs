//! What few keys say: earlier secrets, the addresses that may use them, a vendor's prefix.

use super::{Surroundings, moment, text};
use crate::{
    config::{
        fault::Place,
        raw::{self, List, Text},
    },
    gate::{
        credential::vendor,
        keys::{PreviousDigest, RareFields},
        peer::{NetworkError, Networks},
    },
};

const MAX_PREFIX_BYTES: usize = 16;

/// What a key says of its earlier secrets and its prefix; `known` is its text, where that is known. `None` only after a fault.
pub(super) fn fields(typed: &raw::Key, known: Option<&str>, around: &Surroundings<'_>, place: &Place<'_>) -> Option<RareFields> {
    Some(RareFields {
        previous: previous(typed.previous.as_ref(), around, &place.field("previous")),
        prefix: prefix(typed.prefix.as_ref(), known, &place.field("prefix"))?.map(Into::into),
        ..RareFields::default()
    })
}

fn previous(typed: Option<&List<raw::Previous>>, around: &Surroundings<'_>, place: &Place<'_>) -> Box<[PreviousDigest]> {
    let Some(list) = typed else { return Box::default() };
    let earlier = list.map(place, |place, earlier| {
        let digest = place.required("digest", earlier.digest.as_ref());
        let digest = digest.and_then(|text| text::digest(text, around.pepper, &place.field("digest")));
        let until = place.required("until", earlier.until.as_ref());
        let until = until.and_then(|text| place.field("until").take(moment(text)));
        Some(PreviousDigest { digest: digest?, until_ms: until? })
    });
    earlier.into()
}

/// `None` only after a fault.
pub(super) fn networks(list: &List<Text>, place: &Place<'_>) -> Option<Networks> {
    if list.0.is_empty() {
        place.fault("must not be empty: nobody could use the key; without `ips`, every address may");
    }
    let networks = list.map(place, |place, text| place.take(Networks::parse(text).map_err(wrong)));
    place.take(Networks::new(networks).map_err(wrong))
}

fn wrong(error: NetworkError) -> String {
    match error {
        NetworkError::Unreadable => {
            "must be an IP address or a network, such as `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`".to_owned()
        }
        NetworkError::HostBits(network) => format!("has bits behind its prefix: the network is `{network}`"),
        NetworkError::Everything => "is every address: leave `ips` away, then every one may use the key".to_owned(),
    }
}

/// The prefix as it is said, or as the text has it. `None` only after a fault.
pub(super) fn prefix<'k>(typed: Option<&'k Text>, known: Option<&'k str>, place: &Place<'_>) -> Option<Option<&'k str>> {
    let of_text = known.map(vendor);
    let Some(said) = typed else { return Some(of_text.flatten().flatten()) };
    let said: &str = said;
    if said.is_empty() || said.len() > MAX_PREFIX_BYTES || !said.bytes().all(|b| b.is_ascii_alphanumeric()) {
        place.fault("must be 1 to 16 letters and digits: what stands before `_pk_` or `_sk_` in the text of the key");
        return None;
    }
    match of_text {
        Some(None) => place.out_of_place("is for generated keys, and the text of this key is none"),
        Some(Some(of_text)) if of_text != Some(said) => {
            place.fault("is not what the text of the key begins with; where the text stands here, the prefix need not")
        }
        Some(Some(_)) | None => return Some(Some(said)),
    }
    None
}
