//! `keygate explain`: what the gate would say to a request, step by step, and by which rule. The request is described, the key comes
//! from standard input; the decision is the gate's own, with a witness.

mod print;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use super::{ConfigFile, Output, exit};
use crate::{
    admin::{Described, DescribedHeader},
    app::{self, NoHeader, Rulings},
    config::KeyPlace,
    gate::{blocks::Blocks, peer::PeerAddress},
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
        if let KeyPlace::Manager(manager) = &loaded.config.keys.place {
            let manager = manager.address();
            return exit::failed(format_args!("the keys come from another gate: ask it, at {manager}/v1/explain (docs/keys.md)"));
        }
        let key = match self.key() {
            Ok(key) => key,
            Err(error) => return exit::failed(format_args!("cannot read the key: {error}")),
        };
        let files = match app::files(path, &loaded.config) {
            Ok(files) => files,
            Err(error) => return exit::failed(error),
        };
        let (blocks, unread) = match app::kept_blocks(&loaded.config) {
            Ok(blocks) => (blocks, None),
            Err(problems) => (Blocks::default(), Some(problems)),
        };
        let (policy, keys) = (Arc::new(loaded.config.policy), Arc::new(loaded.keys));
        let rulings = Rulings { policy, keys, blocks: Arc::new(blocks), files };
        let output = self.output;
        let explanation =
            match self.described(key).and_then(|request| rulings.explain(&request, app::Clock::start().now()).map_err(told)) {
                Ok(explanation) => explanation,
                Err(why) => return exit::failed(why),
            };
        if let Some(problems) = unread {
            exit::warn(format_args!("no block is considered: {problems}"));
        }
        match output {
            Output::Json => say!("{}", explanation.json()),
            Output::Text => print::text(&explanation),
        }
        match (&explanation.verdict, explanation.denial()) {
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

    /// The request.
    fn described(self, key: Option<String>) -> Result<Described, String> {
        let Self { method, target, origin, peer, host, body, websocket, sse, secure, .. } = self;
        let headers = self.headers.iter().map(|header| {
            let (name, value) = header.split_once(':').ok_or_else(|| format!("`{header}` is not `Name: value`"))?;
            Ok(DescribedHeader { name: name.trim().to_owned(), value: value.trim().to_owned() })
        });
        let headers = headers.collect::<Result<_, String>>()?;
        Ok(Described { method, target, origin, peer, host, headers, body, websocket, sse, secure, key, key_id: None })
    }
}

fn told(NoHeader: NoHeader) -> String {
    "the configuration takes keys in no header; put it into the target or a --header".to_owned()
}

/// It passes, and would be refused if the mode were not to report that only.
const ONLY_REPORTED: u8 = 3;
