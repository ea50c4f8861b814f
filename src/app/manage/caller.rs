//! Who asks, and whether what they ask for is within their reach.

use super::Manage;
use crate::{
    admin::{Caller, Reach, Trouble},
    gate::{
        capability::Capabilities,
        credential::{AdminToken, Kind},
        keys::Key,
    },
    keystore::{Operator, StoreError},
};

impl Manage {
    /// Who a token, or the text of a secret key with the right to manage keys, belongs to.
    pub(super) fn caller_of(&self, token: &str) -> Option<Caller> {
        match AdminToken::parse(token) {
            Some(token) => self.operator_of(&token),
            None => self.manager_of(token),
        }
    }

    fn operator_of(&self, token: &AdminToken) -> Option<Caller> {
        let Operator { id, name, role, .. } = self.operators.whose(token, self.now_ms())?;
        Some(Caller { actor: format!("operator:{id}").into(), name, reach: Reach::Role(role) })
    }

    fn manager_of(&self, text: &str) -> Option<Caller> {
        let snapshot = self.edge.as_ref()?.gate().snapshot();
        let (key, _, until_ms) = snapshot.keys.as_deref()?.authenticate(text, self.now_ms()).ok()?;
        let may = key.kind == Kind::Secret
            && key.capabilities.manages_keys()
            && snapshot.blocks.of_key(&key.id, self.now_ms()).is_none();
        may.then(|| Caller {
            actor: format!("key:{}", key.id).into(),
            name: (&key.id).into(),
            reach: Reach::App {
                app: (*key.app).into(),
                environment: key.environment.name(),
                capabilities: key.capabilities.clone(),
                until_ms,
            },
        })
    }

    /// The key with this id, if it is within reach. Whose is not within reach there is not: ids tell of other applications.
    pub(super) async fn key_for(&self, id: &str, by: &Caller) -> Result<Key, Trouble> {
        let wanted: Box<str> = id.into();
        let key = self.stored.ask(move |store| store.key(&wanted)).await?.filter(|key| reaches(&by.reach, key));
        key.ok_or_else(|| StoreError::NotFound(format!("key:{id}").into()).into())
    }
}

fn reaches(reach: &Reach, key: &Key) -> bool {
    match reach {
        Reach::Role(_) => true,
        Reach::App { app, environment, .. } => *app == key.app && *environment == key.environment.name(),
    }
}

/// Whether a key with these capabilities may be made, or made so, by somebody with this reach.
///
/// # Errors
/// Why not.
pub(super) fn may_grant(reach: &Reach, key: &Key, capabilities: &Capabilities) -> Result<(), Trouble> {
    let Reach::App { app, environment, capabilities: held, until_ms } = reach else { return Ok(()) };
    let refused = |why: String| Err(Trouble::Forbidden(why));
    if *app != key.app {
        return refused(format!("this key manages the keys of the application `{app}` only"));
    }
    if *environment != key.environment.name() {
        return refused(format!("this key manages `{environment}` keys only"));
    }
    if !held.contains(capabilities) {
        return refused(format!("nobody grants more than they hold, which here is {}", held.canonical()));
    }
    if key.life.expires_at_ms > *until_ms {
        return refused(
            "nobody grants for longer than they have themselves: give an `expires_at` that is no later than that of this key"
                .to_owned(),
        );
    }
    Ok(())
}
