//! `keygate keys update`.

use std::process::ExitCode;

use axum::http::{HeaderName, HeaderValue, Method, header::IF_MATCH};
use serde_json::Value;

use super::{describe::About, show::print_key};
use crate::cli::{
    exit,
    manager::{Asking, escaped},
};

/// Options of `keygate keys update`.
#[derive(clap::Args)]
pub struct Update {
    /// The key, by its id
    id: String,
    #[command(flatten)]
    about: About,
    /// A field to take away, so that its default holds: `expires_at`, `limits`, `capabilities`. Can be said again
    #[arg(long = "unset", value_name = "FIELD")]
    unset: Vec<String>,
    /// Only if the key has this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    asking: Asking,
}

impl Update {
    pub(super) fn run(self) -> Result<(), ExitCode> {
        let mut fields = self.about.fields()?;
        fields.extend(self.unset.into_iter().map(|name| (name, Value::Null)));
        if fields.is_empty() {
            return Err(exit::misused("nothing to change: say what, such as `--name`, or `--unset`"));
        }
        let mut head: Vec<(HeaderName, HeaderValue)> = Vec::new();
        if let Some(version) = self.if_version {
            let etag = HeaderValue::try_from(format!("\"{version}\"")).map_err(exit::failed)?;
            head.push((IF_MATCH, etag));
        }
        let session = self.asking.manager.meet(false)?;
        let target = format!("/v1/keys/{}", escaped(&self.id));
        let key = session.try_ask(Method::PATCH, &target, Some(&Value::Object(fields)), &head).map_err(exit::failed)?;
        print_key(&key, self.asking.form());
        Ok(())
    }
}
