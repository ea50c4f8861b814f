//! Whom the commands that manage keys ask: a gate elsewhere, the gate that runs here, or nobody, and then they work on the store itself.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use axum::http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{exit, form::Form};
use crate::{
    admin::{ControlError, Question, Way, default_control_path},
    app,
    config::{self, Config, KeyPlace, MAX_CONFIG_BYTES},
    keystore::{HttpClient, read_text},
};

/// Where keys are managed.
#[derive(clap::Args)]
#[command(next_help_heading = "Where the keys are")]
pub(super) struct Manager {
    /// The management address of a gate elsewhere: `https://keys.example.com:9181`. Its token comes from `--token-file`, or
    /// `KEYGATE_TOKEN`
    #[arg(long, value_name = "URL", env = "KEYGATE_URL", conflicts_with_all = ["socket", "config"])]
    url: Option<String>,
    /// A file that holds the token for `--url`
    #[arg(long, value_name = "FILE", env = "KEYGATE_TOKEN_FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// A PEM file with certificates to trust for `--url`, besides those of this machine
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// The control socket of the gate that runs here
    #[arg(long, value_name = "PATH", env = "KEYGATE_SOCKET")]
    socket: Option<PathBuf>,
    /// The gate's configuration. Where no gate runs by it, the store that it names is worked on itself. Default: `keygate.yaml`, where
    /// there is one
    #[arg(short, long = "config", value_name = "FILE", env = "KEYGATE_CONFIG")]
    config: Option<PathBuf>,
}

/// Whom a command asks, and how the answer is printed.
#[derive(clap::Args)]
pub(super) struct Asking {
    /// How to print the answer. Default: `table`; of what has a text that is shown once, that text alone where the output is no terminal
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Form>,
    #[command(flatten)]
    pub manager: Manager,
}

impl Asking {
    /// How the answer is printed.
    pub fn form(&self) -> Form {
        self.output.unwrap_or(Form::Table)
    }
}

/// Somebody who answers.
pub(super) struct Session {
    runtime: Runtime,
    way: Way,
}

const DEFAULT_CONFIG: &str = "keygate.yaml";
/// Items of a list that are asked for at once.
const PAGE: usize = 500;

impl Manager {
    /// Finds out who answers. A store that there is not yet is made where the command is one that `makes` something.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn meet(&self, makes: bool) -> Result<Session, ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(exit::failed)?;
        let way = match &self.url {
            Some(url) => Way::Elsewhere(self.client(url).map_err(exit::misused)?),
            None => self.here(&runtime, makes)?,
        };
        Ok(Session { runtime, way })
    }

    /// The configuration, where one is named or lies here.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn config(&self) -> Result<Option<(PathBuf, Config)>, ExitCode> {
        let lies_here = || Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists());
        let Some(path) = self.config.clone().or_else(lies_here) else { return Ok(None) };
        let text = read_text(&path, MAX_CONFIG_BYTES).map_err(exit::failed)?;
        let config = config::parse_config(&path, &text).map_err(exit::bad_config)?;
        Ok(Some((path, config)))
    }

    /// The store that the configuration names, and the configuration: for what is done with the store itself, whether or not a gate uses it.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn store_config(&self) -> Result<(PathBuf, Config), ExitCode> {
        if self.url.is_some() {
            return Err(exit::misused(
                "this works on the store itself, on the machine that it is on: name the configuration (`--config`)",
            ));
        }
        let Some((path, config)) = self.config()? else {
            return Err(exit::misused("name the configuration that names the store (`--config`)"));
        };
        match &config.keys.place {
            KeyPlace::Sqlite(store) => Ok((store.clone(), config)),
            KeyPlace::File(_) => Err(in_a_file(&path)),
            KeyPlace::Manager(manager) => Err(elsewhere(manager)),
        }
    }

    fn client(&self, url: &str) -> Result<HttpClient, String> {
        let token = match &self.token_file {
            Some(file) => read_text(file, 4096).map_err(|error| error.to_string())?.trim().to_owned(),
            None => std::env::var("KEYGATE_TOKEN")
                .map_err(|_| "a gate elsewhere asks who you are: name a `--token-file`, or set KEYGATE_TOKEN".to_owned())?,
        };
        HttpClient::new(url, Some(&token), self.ca.as_deref()).map_err(|error| error.to_string())
    }

    fn here(&self, runtime: &Runtime, makes: bool) -> Result<Way, ExitCode> {
        // Whoever names the socket means no other gate, and no file need say anything.
        let config = if self.socket.is_some() { None } else { self.config()? };
        let of_config = config.as_ref().and_then(|(_, config)| config.control.clone());
        let socket = self.socket.clone().or(of_config).unwrap_or_else(default_control_path);
        match std::os::unix::net::UnixStream::connect(&socket) {
            Ok(_) => return Ok(Way::Socket(socket)),
            Err(error) if self.socket.is_some() => {
                return Err(exit::failed(format_args!("no gate answers at {}: {error}", socket.display())));
            }
            Err(_) => {}
        }
        let Some((path, config)) = config else {
            let way_out = "name the configuration (`--config`), or the address of a gate elsewhere (`--url`)";
            return Err(exit::failed(format_args!("no gate answers at {}; {way_out}", socket.display())));
        };
        let store = match &config.keys.place {
            KeyPlace::Sqlite(store) => store,
            KeyPlace::File(_) => return Err(in_a_file(&path)),
            KeyPlace::Manager(manager) => return Err(elsewhere(manager)),
        };
        if makes && !store.exists() {
            exit::note(format_args!("making the key store {}", store.display()));
        }
        let router = runtime.block_on(app::manage_offline(&config, makes)).map_err(exit::failed)?;
        Ok(Way::Here(router))
    }
}

fn elsewhere(manager: &config::Manager) -> ExitCode {
    let address = manager.address();
    exit::failed(format_args!("the keys come from another gate and are managed there: `--url {address}`"))
}

fn in_a_file(config: &Path) -> ExitCode {
    let way_out = "edit it, or move its keys into a store: `keys: { sqlite: keygate.db }`, then `keygate keys import`";
    exit::failed(format_args!("{}: the keys are in a file; {way_out}", config.display()))
}

impl Session {
    /// What is answered.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn ask(&self, method: Method, target: &str, body: Option<&Value>) -> Result<Value, ExitCode> {
        self.try_ask(method, target, body, &[]).map_err(exit::failed)
    }

    /// The same, with further fields of the head, and what was said against it.
    pub fn try_ask(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
        fields: &[(HeaderName, HeaderValue)],
    ) -> Result<Value, ControlError> {
        self.runtime.block_on(self.way.ask(method, target, Question { body, fields }))
    }

    /// The items of a list, page by page up to `limit`, and whether there are more.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn list(&self, path: &str, said: &str, limit: usize) -> Result<(Vec<Value>, bool), ExitCode> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = PAGE.min(limit.saturating_sub(items.len())).max(1);
            let mut answer = self.ask(Method::GET, &format!("{path}?limit={page}{said}{cursor}"), None)?;
            if let Value::Array(page) = answer["items"].take() {
                items.extend(page);
            }
            items.truncate(limit);
            match answer["next"].as_str() {
                Some(_) if items.len() >= limit => return Ok((items, true)),
                Some(next) => cursor = format!("&cursor={}", escaped(next)),
                None => return Ok((items, false)),
            }
        }
    }

    /// Waits so long.
    pub fn rest(&self, span: Duration) {
        self.runtime.block_on(tokio::time::sleep(span));
    }

    /// The answer as it is.
    ///
    /// # Errors
    /// How the command ends, which has been said.
    pub fn ask_for_text(&self, method: Method, target: &str) -> Result<String, ExitCode> {
        let answer = self.runtime.block_on(self.way.ask_for_bytes(method, target, Question::default()));
        let (status, body) = answer.map_err(exit::failed)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok(text) } else { Err(exit::failed(text)) }
    }
}

/// What stands in a query behind the first of it: `&name=value` of each that is said.
pub(super) fn query(said: &[(&str, &Option<String>)]) -> String {
    said.iter().filter_map(|(name, value)| Some(format!("&{name}={}", escaped(value.as_deref()?)))).collect()
}

/// A segment of a path, or a value of a query, as it is sent.
pub(super) fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Whether somebody sits at the terminal who can be asked.
pub(super) fn is_attended() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks whoever sits at the terminal, who goes on by typing `word`.
///
/// # Errors
/// If they do not.
pub(super) fn confirmed(question: &str, word: &str) -> Result<(), ExitCode> {
    let mut out = anstream::stderr().lock();
    let asked = write!(out, "{question} Type `{word}` to go on: ").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    read.map_err(exit::failed)?;
    if answer.trim() == word { Ok(()) } else { Err(exit::failed("not confirmed; nothing was changed")) }
}
