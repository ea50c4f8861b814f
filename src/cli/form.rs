//! How commands print what whoever manages keys has answered.

use serde_json::Value;

use super::{
    exit,
    table::{Table, for_people},
};

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people; columns between tabs where the output is no terminal
    Table,
    /// For programs
    Json,
    /// As in a key file
    Yaml,
}

/// The name of a column, and what it shows of an item.
pub(super) type Column = (&'static str, fn(&Value) -> String);

/// Prints what programs read.
pub(super) fn print_value(value: &Value, form: Form) {
    match form {
        Form::Json | Form::Table => say!("{value:#}"),
        Form::Yaml => say!("{}", serde_yaml::to_string(value).unwrap_or_default().trim_end()),
    }
}

/// Prints a list for people, who are told `nothing` where it is empty.
pub(super) fn print_table(items: &[Value], columns: &[Column], nothing: &str) {
    if items.is_empty() {
        return exit::note(nothing);
    }
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let mut table = Table::new(&names);
    for item in items {
        table.row(columns.iter().map(|(_, cell)| cell(item)).collect::<Vec<_>>());
    }
    table.print();
}

/// Prints an object for people, a field a line, `first` first.
pub(super) fn print_fields(object: &Value, first: &[&str], hidden: &[&str]) {
    let Value::Object(fields) = object else { return print_value(object, Form::Json) };
    let is_shown = |name: &&str| fields.contains_key(*name) && !hidden.contains(name);
    let rest = fields.keys().map(String::as_str).filter(|name| !first.contains(name));
    let width = fields.keys().map(String::len).max().unwrap_or_default();
    for name in first.iter().copied().chain(rest).filter(is_shown) {
        say!("{name:<width$}  {}", shown(&fields[name]));
    }
}

/// Prints what was made with a text that is shown once: where programs read along that do not say how, the text alone. `note` is for people.
pub(super) fn print_made(answer: &Value, form: Option<Form>, id: &Value, (name, text): (&str, &Value), note: Option<&str>) {
    let (id, text) = (id.as_str().unwrap_or_default(), text.as_str().unwrap_or_default());
    match form {
        Some(form @ (Form::Json | Form::Yaml)) => print_value(answer, form),
        None if !for_people() => say!("{text}"),
        Some(Form::Table) | None => {
            let width = name.len().max(2);
            say!("{:<width$}  {id}", "id");
            say!("{name:<width$}  {text}");
            note.into_iter().for_each(exit::note);
        }
    }
}

/// A field that is text, or `-`.
pub(super) fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap_or("-").to_owned()
}

/// The items of a list.
pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a list between `between`; `-` where there are none.
pub(super) fn joined(list: &Value, between: &str) -> String {
    let texts: Vec<_> = items(list).iter().filter_map(Value::as_str).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(between) }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        list @ Value::Array(items) if items.iter().all(Value::is_string) => joined(list, ", "),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}
