//! The command line. Each command is a file; this one is the list of them.

/// Prints a line to standard output; whoever reads it may stop reading.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::exit::print(format_args!($($text)*)) };
}

mod admin_token;
mod apps;
mod audit;
mod block;
mod check;
mod connections;
mod control;
mod demo;
mod drain;
mod exit;
mod explain;
mod form;
mod gates;
mod import;
mod keys;
mod manager;
mod schema;
mod serve;
mod table;
mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};

/// A reverse-proxy authentication sidecar for realtime backends.
#[derive(Parser)]
#[command(name = "keygate", version, max_term_width = 100, arg_required_else_help = true)]
struct Keygate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: a gate, a realtime backend, a page and two keys, on this machine only
    Demo(demo::Demo),
    /// Run a gate
    Serve(serve::Serve),
    /// Check a configuration and its keys, and report every mistake
    Check(check::Check),
    /// Show step by step what the gate would say to a request
    Explain(explain::Explain),
    /// Print the JSON Schema of the configuration, for editors
    Schema(schema::Schema),
    /// Make and list applications, which keys belong to
    #[command(subcommand)]
    Apps(apps::Command),
    /// Create, list, change and end keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Show who did what to keys, and check that the record of it is whole
    #[command(subcommand)]
    Audit(audit::Command),
    /// List the gates that follow this one
    #[command(subcommand)]
    Gates(gates::Command),
    /// Make, list and end the tokens of those who manage keys
    #[command(subcommand)]
    AdminToken(admin_token::Command),
    /// Tell a running gate to drain: no new streams, open ones are told to go
    Drain(drain::Drain),
    /// Tell a running gate to read configuration and keys again
    Reload(control::Reload),
    /// List the live connections of a running gate, or cut some
    Connections(connections::Command),
    /// Shut a key or an address out of a running gate, at once, and cut what it has open
    Block(block::Block),
    /// Lift a block
    Unblock(block::Unblock),
    /// List what is blocked
    Blocks(block::List),
    /// Set the level of a running gate's diagnostics
    LogLevel(control::Level),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where the configuration is.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration
    #[arg(short, long = "config", value_name = "FILE", env = "KEYGATE_CONFIG", default_value = "keygate.yaml")]
    config: PathBuf,
}

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    match Keygate::parse().command {
        Command::Demo(demo) => demo.run(),
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Schema(schema) => schema.run(),
        Command::Apps(apps) => apps.run(),
        Command::Keys(keys) => keys.run(),
        Command::Audit(audit) => audit.run(),
        Command::Gates(gates) => gates.run(),
        Command::AdminToken(token) => token.run(),
        Command::Drain(drain) => drain.run(),
        Command::Reload(reload) => reload.run(),
        Command::Connections(connections) => connections.run(),
        Command::Block(block) => block.run(),
        Command::Unblock(unblock) => unblock.run(),
        Command::Blocks(list) => list.run(),
        Command::LogLevel(level) => level.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Keygate::command(), "keygate", &mut script);
            say!("{}", String::from_utf8_lossy(&script));
            exit::OK
        }
    }
}
