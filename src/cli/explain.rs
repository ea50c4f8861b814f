//! `keygate explain`: what the gate would say to a request, step by step, and by which rule. The request is described, the key comes
//! from standard input; the decision is the gate's own, with a witness.

mod account;
mod print;
mod rules;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use self::{
    account::{Decision, Steps, explained, files},
    rules::{Files, Subject},
};
use super::{ConfigFile, Output, exit};
use crate::{
    app,
    gate::{
        Admitted, Gate,
        blocks::Target,
        credential::Locations,
        denial::Denial,
        peer::{Found, Peer, PeerAddress},
        permit::{Permit, Refusal},
        policy::Policy,
        request::{Header, RequestHead},
    },
};

/// Options of `keygate explain`.
#[derive(clap::Args)]
#[command(
    after_help = "Each step tells the rule that it went by, and where that stands; where nothing is told, a default held. Blocks are \
                        those of the state file: where the configuration names none, a running gate may block more.\n\n\
                        Exit codes: 0 it passes, 1 it is refused (or cannot be explained), 3 it passes although it would be refused, \
                        for the mode is `report`; 78 the configuration is wrong."
)]
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
    /// The address that connects: the client's, or that of a proxy, which names the client in a --header; `unix` is a Unix socket
    #[arg(long, default_value = "127.0.0.1")]
    peer: PeerAddress,
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
    /// Runs the command. Exit code 0 is a permit, 1 a refusal, 3 a permit for what is only reported.
    pub fn run(self) -> ExitCode {
        let path: &PathBuf = &self.config.config;
        let loaded = match app::load(path, None, None) {
            Ok(loaded) => loaded,
            Err(problems) => return exit::bad_config(problems),
        };
        let key = match self.key() {
            Ok(key) => key,
            Err(error) => return exit::failed(format_args!("cannot read the key: {error}")),
        };
        let files = match files(path, &loaded.config) {
            Ok(files) => files,
            Err(error) => return exit::failed(error),
        };
        let blocks = app::kept_blocks(&loaded.config);
        let policy = Arc::new(loaded.config.policy);
        let own = match self.described(key.as_deref(), &policy.locations) {
            Ok(headers) => headers,
            Err(why) => return exit::failed(why),
        };
        let headers: Vec<_> = own.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let gate = Gate::new((*policy).clone());
        gate.publish(Arc::clone(&policy), Arc::new(loaded.keys));
        match blocks {
            Ok(blocks) => drop(gate.publish_blocks(&Arc::new(blocks))),
            Err(problems) => exit::warn(format_args!("no block is considered: {problems}")),
        }
        self.told(&gate, &policy, &headers, &files)
    }

    /// Asks the gate about the request with these headers, and tells what it says.
    fn told(&self, gate: &Gate, policy: &Policy, headers: &[Header<'_>], files: &Files) -> ExitCode {
        let (mut steps, mut subject) = (Steps::default(), Subject::default());
        let (mut mismatches, mut broken) = (Vec::new(), None);
        let now = app::Clock::start().now();
        let peer = Peer::resolve(self.peer, self.secure, &policy.trusted_proxies, headers);
        steps.0.extend(who(&peer).map(|who| ("client", None, who)));
        let verdict = match RequestHead::new(&self.method, &self.target, headers, peer.address, peer.secure) {
            Ok(mut head) => {
                head.sent_by(&peer);
                subject.location = policy.locations.find(&head).ok().map(|presented| presented.location);
                mismatches = policy.mismatches(&head).collect();
                gate.admit_before(&head, now, &mut steps).and_then(|admitted| match admitted {
                    Admitted::Permit(permit) => Ok(permit),
                    Admitted::NeedBody(need) => gate.finish(need, self.body.as_deref().unwrap_or_default().as_bytes(), now),
                })
            }
            Err(rule) => {
                broken = Some(rule);
                Err(Refusal::bare(Denial::BadRequest))
            }
        };
        let decision = Decision { verdict: &verdict, policy, mismatches, broken };
        let denial = decision.denial();
        subject.block = met(gate, denial, &verdict, &peer, now.unix_ms);
        let explained = explained(decision, steps, files, subject);
        match self.output {
            Output::Json => explained.json(),
            Output::Text => explained.text(),
        }
        match (&verdict, denial) {
            (Ok(_), None) => exit::OK,
            (Ok(_), Some(_)) => ExitCode::from(ONLY_REPORTED),
            (Err(_), _) => exit::FAILURE,
        }
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

/// It passes, and would be refused if the mode were not to report that only.
const ONLY_REPORTED: u8 = 3;

/// The block that refused, if one did.
fn met(gate: &Gate, denial: Option<Denial>, verdict: &Result<Permit, Refusal>, peer: &Peer, now_ms: i64) -> Option<Target> {
    let snapshot = gate.snapshot();
    let block = match (denial?, verdict) {
        (Denial::PeerBlocked, _) => snapshot.blocks.of_peer(peer.address, now_ms),
        (Denial::KeyBlocked, Err(Refusal { key: Some(key), .. })) => snapshot.blocks.of_key(&key.id, now_ms),
        (_, Ok(_) | Err(_)) => None,
    };
    block.map(|block| block.target.clone())
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
