//! New keys, and the text of keys.

use ring::{digest, rand::SecureRandom as _};
use serde_json::{Map, Value, json};

use super::{Manage, broken, caller::may_grant, invalid, wrong};
use crate::{
    admin::{AppView, Asked, Created, NewApp, Trouble},
    config::{self, NewKey, rfc3339},
    gate::{
        credential::{Environment, KeyShape, Kind, StoredDigest, compose, shape},
        keys::{Key, Life},
    },
    keystore::{App, Deed, Once, StoreError},
};

/// A text needs 44 bytes below 248; of so many, that fewer come is as likely as that two keys are the same.
const RANDOM_BYTES: usize = 256;

/// The text of a key, and its digest.
pub(super) struct Text {
    pub text: String,
    pub digest: StoredDigest,
}

impl Manage {
    pub(super) async fn create(&self, fields: Map<String, Value>, asked: &Asked) -> Result<Created, Trouble> {
        let once = once(asked, "key.create", &Value::Object(fields.clone()));
        let defaults = self.stored.hold().await.compiler.defaults().clone();
        let wanted = config::new_key(&fields, &defaults).map_err(|problems| invalid(&problems))?;
        let (key, text) = self.made(wanted, asked).await?;
        let app = key.app.clone();
        let kept = self.keep(Deed::Create(vec![key.clone()]), asked, once).await;
        let mut committed = kept.map_err(|error| {
            let way_out =
                || format!("there is no application `{app}`; make it first: `keygate apps create {app}`, or `POST /v1/apps`");
            if matches!(error, StoreError::NotFound(_)) { wrong("app", way_out()) } else { error.into() }
        })?;
        self.bring_into_force().await?;
        let key = committed.keys.pop().unwrap_or(key);
        let secret = (!committed.repeated).then(|| text.into());
        Ok(Created { key: self.view(&key).await, secret, repeated: committed.repeated })
    }

    pub(super) async fn begin_app(&self, wanted: NewApp, asked: &Asked) -> Result<(AppView, Vec<Created>), Trouble> {
        let said = json!({ "id": wanted.id, "name": wanted.name, "environment": wanted.environment, "origins": wanted.origins });
        let once = once(asked, "app.create", &said);
        let of_kind = |kind: Kind| {
            let mut fields =
                json!({ "app": wanted.id, "kind": kind.name(), "environment": wanted.environment, "name": wanted.name });
            match kind {
                Kind::Publishable if wanted.origins.is_empty() => fields["missing_origin"] = json!("allow"),
                Kind::Publishable => fields["origins"] = json!(wanted.origins),
                Kind::Secret => {}
            }
            fields.as_object().cloned().unwrap_or_default()
        };
        let defaults = self.stored.hold().await.compiler.defaults().clone();
        let (mut keys, mut texts) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            let wanted = config::new_key(&of_kind(kind), &defaults).map_err(|problems| of_app(&invalid(&problems)))?;
            let (key, text) = self.made(wanted, asked).await?;
            keys.push(key);
            texts.push(text);
        }
        let app = App { id: wanted.id.into(), name: wanted.name.into(), created_at_ms: self.now_ms() };
        let committed = self.keep(Deed::CreateApp(app.clone(), keys), asked, once).await?;
        self.bring_into_force().await?;
        let app = if committed.repeated { self.app_now(app).await? } else { app };
        let secret = |text: String| (!committed.repeated).then(|| text.into());
        let mut created = Vec::new();
        for (key, text) in committed.keys.iter().zip(texts) {
            created.push(Created { key: self.view(key).await, secret: secret(text), repeated: committed.repeated });
        }
        let view = AppView {
            id: app.id.into(),
            name: app.name.into(),
            created_at: rfc3339(app.created_at_ms),
            keys: committed.keys.len(),
        };
        Ok((view, created))
    }

    /// The application as it is kept, which was made by an earlier request.
    async fn app_now(&self, app: App) -> Result<App, Trouble> {
        let kept = self.stored.ask(|store| store.apps()).await?.into_iter().find(|kept| kept.id == app.id);
        kept.ok_or_else(|| StoreError::NotFound(format!("app:{}", app.id).into()).into())
    }

    /// The key that is wanted, with a text of its own, and the text.
    async fn made(&self, wanted: NewKey, asked: &Asked) -> Result<(Key, String), Trouble> {
        let now_ms = self.now_ms();
        if wanted.expires_at_ms <= now_ms {
            return Err(wrong("expires_at", "is over already"));
        }
        let mut hold = self.stored.hold().await;
        let Text { text, digest } = self.text(wanted.prefix.as_deref(), wanted.kind, wanted.environment, &hold)?;
        let KeyShape::Generated { id, .. } = shape(&text) else { return Err(broken("no key was made")) };
        let key = Key {
            id: id.into(),
            app: wanted.app,
            kind: wanted.kind,
            environment: wanted.environment,
            life: Life::new(digest, wanted.expires_at_ms),
            text: (wanted.kind == Kind::Publishable).then(|| text.as_str().into()),
            prefix: wanted.prefix,
            about: wanted.about,
            created_at_ms: now_ms,
            text_since_ms: now_ms,
            changed_at_ms: now_ms,
            version: 1,
        };
        let record = hold.compiler.record(&key, None).map_err(Trouble::Broken)?;
        may_grant(&asked.by.reach, &key, &record.capabilities)?;
        Ok((key, text))
    }

    /// A new text.
    pub(super) fn text(
        &self,
        prefix: Option<&str>,
        kind: Kind,
        environment: Environment,
        in_force: &super::super::stored::InForce,
    ) -> Result<Text, Trouble> {
        let mut random = [0; RANDOM_BYTES];
        self.random.fill(&mut random).map_err(|_| broken("no key was made"))?;
        let text = compose(prefix, kind, environment, random).ok_or_else(|| broken("no key was made"))?;
        let digest = in_force.compiler.digester().kept(&text);
        Ok(Text { text, digest })
    }
}

/// What tells a repetition of this request from another one.
pub(super) fn once(asked: &Asked, action: &str, said: &Value) -> Option<Once> {
    let key = asked.once.clone()?;
    let hash = digest::digest(&digest::SHA256, format!("{action}\n{said}").as_bytes());
    let mut request = [0; 32];
    request.copy_from_slice(hash.as_ref());
    Some(Once { key, request })
}

/// Fields of a key in the words of an application.
fn of_app(trouble: &Trouble) -> Trouble {
    let Trouble::Invalid(problems) = trouble else { return Trouble::Broken("an application's keys cannot be made".to_owned()) };
    let mut problems = problems.clone();
    for problem in &mut problems {
        if problem.path == "app" {
            "id".clone_into(&mut problem.path);
        }
    }
    Trouble::Invalid(problems)
}
