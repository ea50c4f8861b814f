//! JSON Schemas, from the types that read the files and their comments.

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

use super::raw;

/// The JSON Schema of the configuration, for editors.
#[must_use]
pub fn schema() -> Value {
    of::<raw::Config>()
}

/// The JSON Schema of the key file.
#[must_use]
pub fn key_schema() -> Value {
    of::<raw::KeyFile>()
}

fn of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft07().with_transform(RecursiveTransform(without_null)).with_transform(RecursiveTransform(reflow));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A field may be absent, but nobody means `null`.
fn without_null(schema: &mut Schema) {
    let is_null = |value: &Value| value.is_null() || *value == "null" || value["type"] == "null";
    for keyword in ["type", "enum", "anyOf"] {
        if let Some(Value::Array(choices)) = schema.get_mut(keyword) {
            choices.retain(|choice| !is_null(choice));
        }
    }
    if let Some([only]) = schema.get("type").and_then(Value::as_array).map(Vec::as_slice) {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
    if let Some([Value::Object(only)]) = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
        let only = only.clone();
        schema.remove("anyOf");
        schema.ensure_object().extend(only);
    }
}

/// The lines of a comment are no lines of its text.
fn reflow(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}
