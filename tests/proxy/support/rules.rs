//! What must hold of the bytes that a backend received, whatever the client did. Each rule is tried on a relay without rules too,
//! and must find fault there (`negative_controls`).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::backend::{Recording, Request, requests_in};

/// A rule that does not hold, and how.
pub type Broken = String;

/// When the backend answered, it had received a head and nothing behind it: no byte of the client went ahead of the 101.
pub fn nothing_before_101(recording: &Recording) -> Result<(), Broken> {
    let bytes = recording.bytes();
    let (_, head_end) = Request::head_in(&bytes).ok_or("there is no head")?;
    let answered_at = recording.answered_at().ok_or("the backend has not answered")?;
    if answered_at == head_end { Ok(()) } else { Err(format!("{} bytes came before the answer", answered_at - head_end)) }
}

/// The connection carried one head, and to its end nothing else.
pub fn one_request_alone(recording: &Recording) -> Result<(), Broken> {
    let bytes = recording.bytes();
    let (_, head_end) = Request::head_in(&bytes).ok_or("there is no head")?;
    if bytes.len() == head_end { Ok(()) } else { Err(format!("{} bytes came behind the head", bytes.len() - head_end)) }
}

/// Every request carries an id of the gate, once, and no two the same: so the gate decided about each.
pub fn each_was_decided(bytes: &[u8]) -> Result<usize, Broken> {
    let (requests, rest) = requests_in(bytes);
    if !rest.is_empty() {
        return Err(format!("{} bytes belong to no request", rest.len()));
    }
    let mut ids = Vec::new();
    for request in &requests {
        identity_stamped_once(request)?;
        ids.extend(request.all("x-keygate-request-id"));
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.len() == requests.len() { Ok(requests.len()) } else { Err("two requests share an id".to_owned()) }
}

/// Each header of the identity stands there once, whatever a backend takes for the same name.
pub fn identity_stamped_once(request: &Request) -> Result<(), Broken> {
    let folded = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    let required = ["app", "key-id", "kind", "environment", "capability", "request-id"];
    for name in required {
        let name = format!("x-keygate-{name}");
        let count = request.headers.iter().filter(|(other, _)| folded(other) == name).count();
        if count != 1 {
            return Err(format!("{name} stands there {count} times"));
        }
    }
    let ours = |name: &str| folded(name).starts_with("x-keygate-");
    let count = request.headers.iter().filter(|(name, _)| ours(name)).count();
    if count == required.len() { Ok(()) } else { Err(format!("{count} headers fold to x-keygate-*")) }
}

/// None of the secrets stands in `bytes`, as it is or in the ways in which a request can spell it.
pub fn credential_absent(bytes: &[u8], secrets: &[&str]) -> Result<(), Broken> {
    for secret in secrets {
        let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let first_escaped = secret.bytes().next().map(|byte| format!("%{byte:02x}{}", &secret[1..])).unwrap_or_default();
        for spelling in [(*secret).to_owned(), URL_SAFE_NO_PAD.encode(secret), escaped, first_escaped] {
            if bytes.windows(spelling.len()).any(|window| window.eq_ignore_ascii_case(spelling.as_bytes())) {
                return Err(format!("the secret stands there, spelt {}", &spelling[..4]));
            }
        }
    }
    Ok(())
}
