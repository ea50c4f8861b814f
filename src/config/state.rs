//! The state file: what a gate remembers over a restart, as JSON. So far that is its blocks. The gate writes the file itself, so what
//! is wrong with one is told by its first mistake.

use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{More, Problem, Problems};
use crate::gate::blocks::{Block, Blocks, MAX_BLOCKS, MAX_REASON_CHARS, Target};

/// Of the format. A file of another version is refused: half understood, it might leave somebody in who is blocked.
const VERSION: u32 = 1;
const WAY_OUT: &str = "mend the file, or move it away and block anew what must be blocked";

/// Reads the blocks of a state file. `file` is shown in problems.
///
/// # Errors
/// The first problem of the text.
pub fn parse_state(file: &Path, text: &str) -> Result<Blocks, Problems> {
    // A newer version may have fields that are not known here: of the two, the version is what to tell.
    let read: Result<Blocks, _> = typed::<Versioned>(text).and_then(|_| typed::<State>(text)).and_then(|state| {
        let too_many = |_| (1, 1, "blocks".to_owned(), format!("are more than {MAX_BLOCKS}"));
        Blocks::new(state.blocks.into_iter().map(|Kept(block)| block)).map_err(too_many)
    });
    read.map_err(|(line, column, path, message)| {
        let problem = Problem { file: file.to_owned(), line, column, path, message: format!("{message}; {WAY_OUT}") };
        Problems { found: vec![problem], more: More::Unknown }
    })
}

/// The text of a state file with the blocks that count at `now_ms` (Unix milliseconds), in the order of their targets.
#[must_use]
pub fn state_text(blocks: &Blocks, now_ms: i64) -> String {
    let mut kept: Vec<_> = blocks.in_force(now_ms).collect();
    kept.sort_by(|one, other| one.target.cmp(&other.target));
    let state = serde_json::json!({ "version": VERSION, "blocks": kept.into_iter().map(Entry::from).collect::<Vec<_>>() });
    // Indented, for whoever looks into it.
    format!("{state:#}\n")
}

#[derive(Deserialize)]
struct Versioned {
    #[serde(rename = "version", deserialize_with = "this_version")]
    _version: (),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    #[serde(rename = "version", deserialize_with = "this_version")]
    _version: (),
    blocks: Vec<Kept>,
}

/// A block as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    since: String,
    /// Absent: until somebody lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(try_from = "Entry")]
struct Kept(Block);

impl From<&Block> for Entry {
    fn from(block: &Block) -> Self {
        let (key, ip) = match &block.target {
            Target::Key(id) => (Some(id.to_string()), None),
            network @ Target::Network(_) => (None, Some(network.to_string())),
        };
        let until = (block.until_ms != i64::MAX).then(|| written(block.until_ms));
        Self { key, ip, since: written(block.since_ms), until, reason: block.reason.to_string() }
    }
}

impl TryFrom<Entry> for Kept {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let target = match (&entry.key, &entry.ip) {
            (Some(id), None) => Target::key(id).map_err(|error| format!("`key` {error}"))?,
            (None, Some(ip)) => Target::network(ip).map_err(|error| format!("`ip` {error}"))?,
            (Some(_), Some(_)) | (None, None) => return Err("must name a `key` or an `ip`, and not both".to_owned()),
        };
        if entry.reason.chars().count() > MAX_REASON_CHARS {
            return Err(format!("`reason` is longer than {MAX_REASON_CHARS} characters"));
        }
        let since_ms = moment(&entry.since).ok_or("`since` must be a date and time, such as `2027-01-01T00:00:00Z`")?;
        let until = entry.until.as_deref().map(|text| moment(text).ok_or("`until` must be a date and time, or absent"));
        Ok(Self(Block { target, since_ms, until_ms: until.transpose()?.unwrap_or(i64::MAX), reason: entry.reason.into() }))
    }
}

fn this_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(()),
        other => Err(D::Error::custom(format!(
            "the file is of version {other}; this Keygate reads version {VERSION}, so start the one that wrote it"
        ))),
    }
}

/// Line, column, path and message of a mistake.
type Mistake = (usize, usize, String, String);

fn typed<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, Mistake> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = if error.path().iter().next().is_some() { error.path().to_string() } else { String::new() };
        mistake(&error.into_inner(), path)
    })?;
    // What follows the object is a mistake, too.
    json.end().map_err(|error| mistake(&error, String::new()))?;
    Ok(value)
}

fn mistake(error: &serde_json::Error, path: String) -> Mistake {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    (error.line().max(1), error.column().max(1), path, message.to_owned())
}

fn moment(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_millis())
}

/// RFC 3339 has years of four digits: what is written must be read again.
fn written(unix_ms: i64) -> String {
    const YEAR_9999_MS: i64 = 253_402_300_799_999;
    DateTime::from_timestamp_millis(unix_ms.clamp(0, YEAR_9999_MS))
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
