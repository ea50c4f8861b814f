//! `keygate connections list`: a page of them, or how many there are of each key.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use axum::http::Method;

use crate::{
    admin::{Connection, Connections, Group, Groups, MAX_PAGE, word},
    cli::{
        Output,
        control::{Answering, read, span},
        exit,
        table::{Table, age, bytes, for_people},
    },
    gate::blocks::Target,
};

/// Options of `keygate connections list`.
#[derive(clap::Args)]
#[command(
    after_help = "An id is never given twice, and later connections have higher ones: `--after` with the last id of a page \
                        shows the next page, whatever has come or gone meanwhile. Idle time, bytes and messages are those of \
                        streams. Where the output is no terminal, it is columns between tabs, times in seconds."
)]
pub(super) struct List {
    /// Of this key only, by its id (never by its text)
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Of keys of this app only
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Of this kind only
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// From this address or network only: `203.0.113.7`, `203.0.113.0/24`. An IPv6 address stands for its /64, unless it says `/128`
    #[arg(long, value_name = "CIDR", value_parser = network)]
    peer: Option<String>,
    /// Opened at least so long ago: `1h`
    #[arg(long, value_name = "TIME", value_parser = span)]
    older_than: Option<Duration>,
    /// Only those that were opened with an earlier secret of their key, and end when its grace period does
    #[arg(long)]
    earlier_secret: bool,
    /// The most to list
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit)]
    limit: usize,
    /// Begin after the connection with this id
    #[arg(long, value_name = "ID", default_value_t = 0, conflicts_with = "by")]
    after: u64,
    /// Count them by what they have in common, the most first
    #[arg(long, value_enum)]
    by: Option<By>,
    #[command(flatten)]
    answering: Answering,
}

/// The kind of a connection.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Transport {
    #[value(name = "websocket")]
    WebSocket,
    #[value(name = "sse")]
    EventStream,
    Http,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum By {
    Key,
    App,
    Peer,
}

impl List {
    /// Runs the command.
    pub(super) fn run(self) -> ExitCode {
        let target = match self.target() {
            Ok(target) => target,
            Err(why) => return exit::misused(why),
        };
        let answer = match self.answering.gate.call(Method::GET, &target) {
            Ok(answer) => answer,
            Err(error) => return exit::failed(error),
        };
        if self.answering.output == Output::Json {
            say!("{answer}");
            return exit::OK;
        }
        let told = match self.by {
            None => read(&answer).map(|list| tell(&list)),
            Some(by) => read(&answer).map(|groups| tell_groups(&groups, by)),
        };
        told.map_or_else(|code| code, |()| exit::OK)
    }

    /// The request. Nothing in it needs to be escaped: every text was read as what it is.
    fn target(&self) -> Result<String, String> {
        let mut target = format!("/connections?limit={}&after={}", self.limit, self.after);
        for (name, text) in [("key", &self.key), ("app", &self.app)] {
            if let Some(text) = text {
                _ = write!(target, "&{name}={}", word(name, text)?);
            }
        }
        if let Some(transport) = self.transport {
            _ = write!(target, "&transport={}", transport.name());
        }
        if let Some(peer) = &self.peer {
            _ = write!(target, "&peer={peer}");
        }
        if self.earlier_secret {
            target.push_str("&earlier_secret=true");
        }
        if let Some(age) = self.older_than {
            _ = write!(target, "&older_than_ms={}", age.as_millis());
        }
        if let Some(by) = self.by {
            _ = write!(target, "&by={}", by.name());
        }
        Ok(target)
    }
}

impl Transport {
    /// Its name in requests to the gate.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::EventStream => "sse",
            Self::Http => "http",
        }
    }
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::App => "app",
            Self::Peer => "peer",
        }
    }
}

fn tell(list: &Connections) {
    if !list.connections.is_empty() {
        table(&list.connections, for_people()).print();
    }
    let more = list.next.map(|next| format!("; more: --after {next}")).unwrap_or_default();
    let matching = if list.matching == list.total { String::new() } else { format!(" that match, of {}", list.total) };
    exit::note(format_args!(
        "{} of {} streams{matching}; {} client connections{more}",
        list.connections.len(),
        list.matching,
        list.clients
    ));
}

fn table(connections: &[Connection], people: bool) -> Table {
    const COLUMNS: [&str; 12] = [
        "ID",
        "KEY",
        "APP",
        "TRANSPORT",
        "ROUTE",
        "PEER",
        ">AGE",
        ">IDLE",
        ">RECEIVED",
        ">SENT",
        ">MESSAGES-IN",
        ">MESSAGES-OUT",
    ];
    let mut table = Table::new(&COLUMNS);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let time = |seconds: i64| if people { age(seconds) } else { seconds.to_string() };
    let size = |count: Option<u64>| match count {
        Some(count) if people => bytes(count),
        count => number(count),
    };
    for c in connections {
        table.row([
            c.id.to_string(),
            text(&c.key_id),
            text(&c.app),
            c.transport.clone(),
            text(&c.route),
            c.peer.clone(),
            time(c.age_seconds),
            c.idle_seconds.map_or_else(|| "-".to_owned(), time),
            size(c.received_bytes),
            size(c.sent_bytes),
            number(c.received_messages),
            number(c.sent_messages),
        ]);
    }
    table
}

fn tell_groups(groups: &Groups, by: By) {
    if !groups.groups.is_empty() {
        group_table(&groups.groups, by, for_people()).print();
    }
    let more = if groups.left_off == 0 { String::new() } else { format!("; {} groups more", groups.left_off) };
    exit::note(format_args!(
        "{} of {} streams in {} groups{more}",
        groups.matching,
        groups.total,
        groups.groups.len() + groups.left_off
    ));
}

fn group_table(groups: &[Group], by: By, people: bool) -> Table {
    let name = match by {
        By::Key => "KEY",
        By::App => "APP",
        By::Peer => "PEER",
    };
    let mut table = Table::new(&[name, ">STREAMS", ">OLDEST", ">RECEIVED", ">SENT"]);
    for group in groups {
        let size = |count| if people { bytes(count) } else { count.to_string() };
        table.row([
            group.name.clone().unwrap_or_else(|| "-".to_owned()),
            group.connections.to_string(),
            if people { age(group.oldest_seconds) } else { group.oldest_seconds.to_string() },
            size(group.received_bytes),
            size(group.sent_bytes),
        ]);
    }
    table
}

fn number(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

/// A network as the gate reads it.
pub(super) fn network(text: &str) -> Result<String, &'static str> {
    Target::network(text).map(|network| network.to_string())
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit)).ok_or_else(|| format!("must be from 1 to {MAX_PAGE}"))
}
