//! The fields of a key as options of a command.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    cli::{
        control::{from_now, span},
        exit,
    },
    config::MAX_KEY_DOCUMENT_BYTES,
    keystore::read_text,
};

/// What may be said of a key, new or not.
#[derive(clap::Args)]
pub(super) struct About {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// A page that may use the key: `https://app.example.com`, `https://*.example.com`. Can be said again
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Lets a publishable key work without an `Origin`, for native apps
    #[arg(long)]
    allow_missing_origin: bool,
    /// What the key may do: `chat:*=subscribe,presence`. Can be said again. Without it, a publishable key subscribes to every channel,
    /// and a secret key may do everything
    #[arg(long = "capability", value_name = "CHANNELS=OPERATION,…", value_parser = capability)]
    capabilities: Vec<(String, Vec<String>)>,
    /// An address or network that may use the key: `192.0.2.0/24`. Can be said again
    #[arg(long = "ip", value_name = "CIDR")]
    ips: Vec<String>,
    /// Requests: `50/s`, `1000/m`, or `off`
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Open streams, or `off`
    #[arg(long, value_name = "N")]
    connections: Option<String>,
    /// When the key ends: `2027-01-01T00:00:00Z`
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<String>,
    /// When the key ends, from now: `90d`
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires_in: Option<Duration>,
    /// What its owner wants to remember: `team=web`. Can be said again
    #[arg(long = "metadata", value_name = "NAME=TEXT", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Further fields, as in a key file, from this YAML or JSON file
    #[arg(long = "from", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl About {
    /// The fields that were said, in the words of a key file. Options say more than the file.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn fields(self) -> Result<Map<String, Value>, ExitCode> {
        let mut fields = match &self.file {
            Some(file) => from_file(file)?,
            None => Map::new(),
        };
        let mut say = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
        if let Some(name) = self.name {
            say("name", json!(name));
        }
        if !self.origins.is_empty() {
            say("origins", json!(self.origins));
        }
        if self.allow_missing_origin {
            say("missing_origin", json!("allow"));
        }
        if !self.capabilities.is_empty() {
            say("capabilities", json!(self.capabilities.into_iter().collect::<std::collections::BTreeMap<_, _>>()));
        }
        if !self.ips.is_empty() {
            say("ips", json!(self.ips));
        }
        if let Some(moment) = self.expires_at {
            say("expires_at", json!(moment));
        }
        if let Some(span) = self.expires_in {
            say("expires_at", json!(from_now(span)));
        }
        if !self.metadata.is_empty() {
            say("metadata", json!(self.metadata.into_iter().collect::<std::collections::BTreeMap<_, _>>()));
        }
        let mut limits = Map::new();
        if let Some(rate) = self.rate {
            limits.insert("rate".to_owned(), json!(rate));
        }
        if let Some(connections) = self.connections {
            // A number where it is one; what else it is, the rules of a key file tell.
            let count = connections.parse::<u64>().map_or_else(|_| json!(connections), |count| json!(count));
            limits.insert("connections".to_owned(), count);
        }
        if !limits.is_empty() {
            let said = fields.entry("limits").or_insert_with(|| json!({}));
            match said.as_object_mut() {
                Some(said) => said.extend(limits),
                None => *said = Value::Object(limits),
            }
        }
        Ok(fields)
    }
}

fn from_file(file: &std::path::Path) -> Result<Map<String, Value>, ExitCode> {
    let text = read_text(file, MAX_KEY_DOCUMENT_BYTES).map_err(exit::failed)?;
    match serde_yaml::from_str(&text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(exit::misused(format_args!("{}: must be a map with the fields of a key", file.display()))),
        // The text may hold a key: of the parser's message, the place alone.
        Err(error) => {
            let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
            Err(exit::misused(format_args!("{}{place}: is not YAML", file.display())))
        }
    }
}

fn capability(text: &str) -> Result<(String, Vec<String>), &'static str> {
    let (channels, operations) =
        text.rsplit_once('=').ok_or("must be channels, `=` and operations: `chat:*=subscribe,presence`")?;
    Ok((channels.to_owned(), operations.split(',').map(str::to_owned).collect()))
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, text) = text.split_once('=').ok_or("must be a name, `=` and a text: `team=web`")?;
    Ok((name.to_owned(), text.to_owned()))
}
