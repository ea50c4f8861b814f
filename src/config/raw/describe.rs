//! JSON Schemas of the types that read themselves.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{ByteRate, ByteSize, Count, List, Map, OrOff, Rate, Span, Text};

/// All are inlined: an editor shows what may stand at a place, not the name of a type.
macro_rules! describe {
    ($([$($generic:tt)*] $type:ty, $name:expr, |$generator:ident| $schema:expr;)+) => {$(
        impl<$($generic)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

describe! {
    [] Text, "Text", |_generator| json_schema!({ "type": "string" });
    [] Count, "Count", |_generator| json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    [] Rate, "Rate", |_generator| json_schema!({ "type": "string", "pattern": "^[0-9]+/[smhd]$" });
    [] ByteSize, "ByteSize", |_generator| json_schema!({ "anyOf": [
        { "type": "integer", "minimum": 1, "maximum": u32::MAX },
        { "type": "string", "pattern": "^[0-9]+([KMG]iB)?$" }
    ] });
    [] ByteRate, "ByteRate", |_generator| json_schema!({ "type": "string", "pattern": "^[0-9]+([KMG]iB)?/[smhd]$" });
    [] Span, "Span", |_generator| json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" });
    [T: JsonSchema] OrOff<T>, format!("{}OrOff", T::schema_name()), |generator| {
        json_schema!({ "anyOf": [T::json_schema(generator), { "const": "off" }] })
    };
    [T: JsonSchema] List<T>, Vec::<T>::schema_name(), |generator| Vec::<T>::json_schema(generator);
    [T: JsonSchema] Map<T>, BTreeMap::<String, T>::schema_name(), |generator| BTreeMap::<String, T>::json_schema(generator);
}
