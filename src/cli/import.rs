//! Keys from elsewhere, in a table or line by line → the entries of a key file. Of a secret key, nothing but its digest.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::gate::credential::{Digester, KeyShape, Kind, shape};

/// What holds of keys that do not say it.
pub(super) struct Defaults<'d> {
    pub app: Option<&'d str>,
    pub kind: Option<&'d str>,
    pub environment: Option<&'d str>,
}

const COLUMNS: [&str; 10] = ["app", "digest", "environment", "expires_at", "id", "key", "kind", "name", "origins", "state"];

/// A key file of the rows of `text`.
///
/// # Errors
/// The first line that makes no key, and why; never with its text.
pub(super) fn from_csv(text: &str, defaults: &Defaults<'_>) -> Result<Value, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|_| "line 1: is not CSV".to_owned())?.clone();
    if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(name)) {
        // A file without a first line of names begins with a key.
        let shown =
            if unknown.len() < 20 && !unknown.contains("k_") { format!("`{unknown}`") } else { "something else".to_owned() };
        return Err(format!("line 1: names the columns, which are {}; not {shown}", COLUMNS.join(", ")));
    }
    let mut keys = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            format!("line {line}: is not CSV, or has another number of columns than the first line")
        })?;
        let line = row.position().map_or(0, csv::Position::line);
        let said = names.iter().zip(&row).filter(|(_, value)| !value.is_empty());
        keys.push(entry(said, defaults).map_err(|why| format!("line {line}: {why}"))?);
    }
    Ok(json!({ "keys": keys }))
}

/// A key file of the texts in `text`, one a line; empty lines and those that begin with `#` are none.
///
/// # Errors
/// As [`from_csv`].
pub(super) fn from_lines(text: &str, defaults: &Defaults<'_>) -> Result<Value, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let keys = lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| entry([("key", line)].into_iter(), defaults).map_err(|why| format!("line {at}: {why}")));
    Ok(json!({ "keys": keys.collect::<Result<Vec<_>, _>>()? }))
}

fn entry<'r>(said: impl Iterator<Item = (&'r str, &'r str)>, defaults: &Defaults<'_>) -> Result<Value, String> {
    let mut fields: Map<String, Value> = said.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    if let Some(origins) = fields.get("origins").and_then(Value::as_str) {
        let origins: BTreeSet<_> = origins.split_whitespace().map(str::to_owned).collect();
        fields.insert("origins".to_owned(), json!(origins));
    }
    let text = match fields.remove("key") {
        Some(Value::String(text)) => Some(text),
        Some(_) | None => None,
    };
    let known = text.as_deref().map(shape);
    let (kind, environment) = match known {
        Some(KeyShape::Generated { kind, environment, .. }) => (Some(kind.name()), Some(environment.name())),
        Some(KeyShape::WrongChecksum) => {
            return Err(
                "looks like a key of keygate with a wrong checksum: a character of it was changed, most likely in copying"
                    .to_owned(),
            );
        }
        Some(KeyShape::Foreign) | None => (None, None),
    };
    for (name, own, default) in
        [("app", None, defaults.app), ("kind", kind, defaults.kind), ("environment", environment, defaults.environment)]
    {
        if let (false, Some(value)) = (fields.contains_key(name), own.or(default)) {
            fields.insert(name.to_owned(), json!(value));
        }
        if !fields.contains_key(name) {
            return Err(format!("says no `{name}`, and the text of the key does not either: give `--{name}`"));
        }
    }
    let Some(text) = text.as_deref() else {
        return if fields.contains_key("digest") && fields.contains_key("id") {
            Ok(Value::Object(fields))
        } else {
            Err("needs a `key`, or a `digest` and an `id`".to_owned())
        };
    };
    let digest = Digester::Sha256.stored(text);
    let id = match known {
        Some(KeyShape::Generated { id, .. }) => id.to_owned(),
        _ => format!("imported-{}", digest.get("sha256$".len()..).and_then(|hex| hex.get(..12)).unwrap_or_default()),
    };
    fields.entry("id").or_insert_with(|| json!(id));
    if fields["kind"] == Kind::Publishable.name() {
        fields.insert("key".to_owned(), json!(text));
        if !fields.contains_key("origins") {
            fields.insert("missing_origin".to_owned(), json!("allow"));
        }
    } else {
        fields.insert("digest".to_owned(), json!(digest));
    }
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Defaults<'_> = Defaults { app: None, kind: None, environment: None };
    const SECRET: Defaults<'_> = Defaults { app: Some("demo"), kind: Some("secret"), environment: Some("live") };

    #[test]
    fn lines_are_keys_and_secrets_are_not_told() {
        let made = from_lines("# ours\nsk_abc123\n\n", &SECRET).unwrap();
        let digest = Digester::Sha256.stored("sk_abc123");
        let id = format!("imported-{}", &digest[7..19]);
        assert_eq!(made["keys"], json!([{ "app": "demo", "digest": digest, "environment": "live", "id": id, "kind": "secret" }]));
        assert!(!made.to_string().contains("sk_abc123"));
        let told = from_lines("sk_abc123", &NOTHING).unwrap_err();
        assert!(told.contains("line 1") && told.contains("--app") && !told.contains("abc123"), "{told}");
    }

    #[test]
    fn a_table_says_what_its_columns_are_called() {
        let text = "key,app,kind,environment,origins\npk_abc,demo,publishable,live,https://a.example https://b.example\n";
        let made = from_csv(text, &NOTHING).unwrap();
        assert_eq!(made["keys"][0]["key"], "pk_abc");
        assert_eq!(made["keys"][0]["origins"], json!(["https://a.example", "https://b.example"]));
        for (text, told) in [
            ("sk_live_secret,demo\n", "line 1: names the columns"),
            ("key,app\nsk_x\n", "line 2: is not CSV"),
            ("id,app\nx,demo\n", "line 2: says no `kind`"),
            ("id,app,kind,environment\nx,demo,secret,live\n", "line 2: needs a `key`"),
        ] {
            let error = from_csv(text, &NOTHING).unwrap_err();
            assert!(error.contains(told) && !error.contains("secret,"), "{error}");
        }
    }
}
