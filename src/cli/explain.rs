//! `keygate explain`: what the gate would say to a request, step by step. The request is described, the key comes from standard
//! input; the decision is the gate's own, with a witness.

use std::{
    io::{self, IsTerminal as _, Write as _},
    net::IpAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use serde_json::json;

use super::{ConfigFile, check::Output, exit};
use crate::{
    app,
    gate::{
        Admitted, Gate, Step, Witness,
        credential::Locations,
        denial::Denial,
        peer::{Found, Peer},
        permit::{Permit, Refusal},
        request::{Header, RequestHead},
    },
};

/// Options of `keygate explain`.
#[derive(clap::Args)]
pub struct Explain {
    #[command(flatten)]
    config: ConfigFile,
    /// The method
    method: String,
    /// The path, and a query if there is one
    target: String,
    /// The page that the request comes from
    #[arg(long)]
    origin: Option<String>,
    /// The address that connects: the client's, or that of a proxy, which names the client in a --header
    #[arg(long, default_value = "127.0.0.1")]
    peer: IpAddr,
    /// The host that is asked
    #[arg(long, default_value = "localhost")]
    host: String,
    /// More headers, as `Name: value`
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The JSON body, for routes that look for channels in it
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
    /// As a WebSocket handshake
    #[arg(long, conflicts_with = "sse")]
    websocket: bool,
    /// As a request for server-sent events
    #[arg(long)]
    sse: bool,
    /// As over a connection that is encrypted up to the gate
    #[arg(long)]
    secure: bool,
    /// Without a key
    #[arg(long)]
    no_key: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Explain {
    /// Runs the command. Exit code 0 is a permit, 1 a refusal.
    pub fn run(self) -> ExitCode {
        let path: &PathBuf = &self.config.config;
        let loaded = match app::load(path, None) {
            Ok(loaded) => loaded,
            Err(problems) => return exit::bad_config(problems),
        };
        let key = match self.key() {
            Ok(key) => key,
            Err(error) => return exit::failed(format_args!("cannot read the key: {error}")),
        };
        let policy = Arc::new(loaded.config.policy);
        let own = match self.described(key.as_deref(), &policy.locations) {
            Ok(headers) => headers,
            Err(why) => return exit::failed(why),
        };
        let headers: Vec<_> = own.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let gate = Gate::new((*policy).clone());
        gate.publish(Arc::clone(&policy), Arc::new(loaded.keys));
        let mut steps = Steps::default();
        let now = app::Clock::start().now();
        let peer = Peer::resolve(self.peer, self.secure, &policy.trusted_proxies, &headers);
        steps.0.extend(who(&peer).map(|who| ("client", who)));
        let verdict = match RequestHead::new(&self.method, &self.target, &headers, peer.address, peer.secure) {
            Ok(mut head) => {
                head.sent_by(&peer);
                gate.admit_before(&head, now, &mut steps).and_then(|admitted| match admitted {
                    Admitted::Permit(permit) => Ok(permit),
                    Admitted::NeedBody(need) => gate.finish(need, self.body.as_deref().unwrap_or_default().as_bytes(), now),
                })
            }
            Err(rule) => {
                steps.0.push(("head", rule.to_owned()));
                Err(Refusal::bare(Denial::BadRequest))
            }
        };
        match self.output {
            Output::Json => print_json(&steps, &verdict),
            Output::Text => print_text(&steps, &verdict),
        }
        if verdict.is_ok() { exit::OK } else { exit::FAILURE }
    }

    /// Never from the command line, where other users and the shell's history see it.
    fn key(&self) -> io::Result<Option<String>> {
        if self.no_key {
            return Ok(None);
        }
        if io::stdin().is_terminal() {
            eprint!("key (empty for none): ");
            io::stderr().flush()?;
        }
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        let key = line.trim();
        Ok((!key.is_empty()).then(|| key.to_owned()))
    }

    /// The headers of the described request, the key in the first place that the configuration names.
    fn described(&self, key: Option<&str>, locations: &Locations) -> Result<Vec<(String, String)>, String> {
        let mut headers = vec![("Host".to_owned(), self.host.clone())];
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if let Some(origin) = &self.origin {
            add("Origin", origin);
        }
        if self.websocket {
            for (name, value) in [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ] {
                add(name, value);
            }
        }
        if self.body.is_some() {
            add("Content-Type", "application/json");
        }
        if self.sse {
            add("Accept", "text/event-stream");
        }
        for header in &self.headers {
            let (name, value) = header.split_once(':').ok_or_else(|| format!("`{header}` is not `Name: value`"))?;
            add(name.trim(), value.trim());
        }
        match (key, &locations.header) {
            (None, _) => {}
            (Some(key), Some(name)) => add(name, key),
            (Some(key), None) if locations.bearer => add("Authorization", &format!("Bearer {key}")),
            (Some(_), None) => {
                return Err("the configuration takes keys in no header; put it into the target or a --header".to_owned());
            }
        }
        Ok(headers)
    }
}

/// Who the client is taken for, where headers have a say in it.
fn who(peer: &Peer) -> Option<String> {
    let Peer { address, secure, chain, .. } = peer;
    let by = |header: &str| format!("{address}, by {header} of the trusted proxy {}", chain.socket());
    let named = match chain.found() {
        Found::Socket => return None,
        Found::Unheard => return Some(format!("{address}, whose headers are not believed: it is not in trusted_proxies")),
        Found::Unnamed => format!("{address}, a trusted proxy that names nobody who can be read"),
        Found::Disagreed => format!("{address}, a trusted proxy whose X-Forwarded-For and Forwarded name different clients"),
        Found::XForwardedFor => by("X-Forwarded-For"),
        Found::Forwarded => by("Forwarded"),
    };
    Some(format!("{named}; {}", if *secure { "its connection is encrypted" } else { "its connection is in the clear" }))
}

/// The steps that were passed, with what was found.
#[derive(Default)]
struct Steps(Vec<(&'static str, String)>);

impl Witness for Steps {
    fn passed(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.0.push((step.name(), detail()));
    }
}

fn print_text(steps: &Steps, verdict: &Result<Permit, Refusal>) {
    for (step, detail) in &steps.0 {
        say!("  {0}✔{0:#} {step:<12} {detail}", GREEN);
    }
    match verdict {
        Ok(permit) => {
            let who = permit.key().map_or_else(|| "without a key".to_owned(), |key| format!("as key `{}`", key.id));
            match permit.reported() {
                None => say!("{0}allowed{0:#} {who} on route `{1}`", GREEN, permit.route().name),
                Some(denial) => {
                    say!("  {0}✘ {1}{0:#}", RED, denial.reason());
                    say!("{0}reported{0:#}, and let through {who} on route `{1}`", YELLOW, permit.route().name);
                    say!("{}", denial.check());
                }
            }
        }
        Err(refusal) => {
            let denial = refusal.denial;
            say!("  {0}✘ {1}{0:#}", RED, denial.reason());
            say!("{0}refused{0:#} with {1} {2}", RED, denial.status(), denial.code());
            say!("{}", denial.check());
        }
    }
}

fn print_json(steps: &Steps, verdict: &Result<Permit, Refusal>) {
    let steps: Vec<_> = steps.0.iter().map(|(step, detail)| json!({ "step": step, "detail": detail })).collect();
    let explained = match verdict {
        Ok(permit) => {
            json!({ "allowed": true, "reported": permit.reported().map(Denial::reason), "key_id": permit.key().map(|key| &key.id), "route": *permit.route().name, "steps": steps })
        }
        Err(refusal) => {
            let denial = refusal.denial;
            json!({
                "allowed": false, "reason": denial.reason(), "status": denial.status(), "code": denial.code(), "check": denial.check(),
                "key_id": refusal.key.as_ref().map(|key| &key.id), "route": refusal.route.as_ref().map(|route| &*route.name), "steps": steps,
            })
        }
    };
    say!("{explained}");
}

const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
