//! Those who manage keys.

use chrono::DateTime;
use ring::rand::SecureRandom as _;
use serde_json::json;

use super::{Manage, broken, create::once, wrong};
use crate::{
    admin::{Asked, CreatedOperator, NewOperator, Trouble},
    gate::credential::AdminToken,
    keystore::{Deed, Operator, Role},
};

const MAX_NAME_CHARS: usize = 200;

impl Manage {
    pub(super) async fn add_operator(&self, wanted: NewOperator, asked: &Asked) -> Result<CreatedOperator, Trouble> {
        let said = json!({ "name": wanted.name, "role": wanted.role, "expires_at": wanted.expires_at });
        let mut random = [0; 256];
        self.random.fill(&mut random).map_err(|_| broken("no token was made"))?;
        let (operator, token) = new_operator(&wanted, random, self.now_ms())?;
        let committed = self.keep(Deed::CreateOperator(operator), asked, once(asked, "operator.create", &said)).await?;
        self.look_at_operators().await?;
        let token = (!committed.repeated).then(|| token.into());
        // Of a repetition, the one who was made then: the one above is nobody.
        let operator = committed.operator.ok_or_else(|| Trouble::Broken("the store names nobody who was made".to_owned()))?;
        Ok(CreatedOperator { operator, token, repeated: committed.repeated })
    }

    pub(super) async fn end_operator(&self, id: &str, asked: &Asked) -> Result<(), Trouble> {
        self.keep(Deed::RevokeOperator(id.into()), asked, None).await?;
        self.look_at_operators().await?;
        Ok(())
    }
}

/// An operator with a token of `random` bytes, and its text.
///
/// # Errors
/// What is wrong with what is wanted.
pub fn new_operator(
    wanted: &NewOperator,
    random: impl IntoIterator<Item = u8>,
    now_ms: i64,
) -> Result<(Operator, String), Trouble> {
    let name = wanted.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(wrong("name", format!("must be 1 to {MAX_NAME_CHARS} printable characters")));
    }
    let role = Role::named(&wanted.role);
    let role = role.ok_or_else(|| wrong("role", "must be one of `gate`, `viewer`, `operator`, `owner`"))?;
    let expires_at_ms = match &wanted.expires_at {
        None => i64::MAX,
        Some(text) => {
            let moment = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_millis());
            let moment = moment.filter(|moment| *moment > now_ms);
            moment.ok_or_else(|| {
                wrong("expires_at", "must be a date and time to come, with its offset, such as `2027-01-01T00:00:00Z`")
            })?
        }
    };
    let token = AdminToken::compose(random).ok_or_else(|| broken("no token was made"))?;
    let operator = Operator {
        id: token.id().into(),
        name: name.into(),
        role,
        digest: token.digest(),
        created_at_ms: now_ms,
        expires_at_ms,
        revoked: false,
    };
    Ok((operator, token.reveal()))
}
