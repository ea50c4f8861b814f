//! JSON that has one reading. A name that stands twice in an object is the first to one reader and the last to another (RFC 8259
//! section 4), and so is a whole number that not every reader holds without loss (section 6); here both are errors. And a whole number is one
//! however it is written.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::admin::MAX_NUMBER;

/// A value in which no name stands twice in an object.
pub(super) struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_NUMBER { Err(too_large()) } else { Ok(value.into()) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_NUMBER { Err(too_large()) } else { Ok(value.into()) }
    }

    /// `1.0` is a whole number to JSON Schema (draft 2020-12, validation section 6.1.1), and `1e2` too.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let is_whole = value.fract() == 0.0 && value.abs() <= MAX_NUMBER as f64;
        Ok(if is_whole { (value as i64).into() } else { value.into() })
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(object.into())
    }
}

fn too_large<E: Error>() -> E {
    E::custom(format!("a whole number is beyond {MAX_NUMBER}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str::<Strict>(text).map(|Strict(value)| value)
    }

    #[test]
    fn a_name_stands_once() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(read(text).is_err() && serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err(), "and what is nested without end is an error as well");
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        assert_eq!(read("[1.0, 1e2, -3.0, 0.5, 1e300]").unwrap(), serde_json::json!([1, 100, -3, 0.5, 1e300]));
    }

    #[test]
    fn a_number_that_not_everybody_holds_is_none() {
        assert!(read("[9007199254740991, -9007199254740991]").is_ok());
        for text in ["9007199254740992", "-9007199254740992", "18446744073709551615"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    /// Whether ours is what anybody reads, member by member and digit by digit, but that a whole number has the form of one.
    fn is_read_as(ours: &Value, by_all: &Value) -> bool {
        match (ours, by_all) {
            (Value::Array(ours), Value::Array(by_all)) => {
                ours.len() == by_all.len() && ours.iter().zip(by_all).all(|(ours, by_all)| is_read_as(ours, by_all))
            }
            (Value::Object(ours), Value::Object(by_all)) => {
                let same = |(name, value)| ours.get(name).is_some_and(|ours| is_read_as(ours, value));
                ours.len() == by_all.len() && by_all.iter().all(same)
            }
            (Value::Number(ours), Value::Number(by_all)) => match by_all.as_f64().filter(|_| by_all.is_f64()) {
                // Of f64, so large a whole number is exact.
                Some(value) if value.fract() == 0.0 && value.abs() <= MAX_NUMBER as f64 => {
                    ours.as_i64().is_some_and(|ours| ours as f64 == value)
                }
                _ => ours == by_all,
            },
            _ => ours == by_all,
        }
    }

    #[test]
    fn another_number_is_another_reading() {
        use serde_json::json;
        for (ours, by_all) in
            [(json!(15), json!(1.05)), (json!([1]), json!([1, 2])), (json!(1.0), json!(1.0)), (json!(2), json!(1.0))]
        {
            assert!(!is_read_as(&ours, &by_all), "{ours} {by_all}");
        }
        assert!(is_read_as(&json!({"a": [1, -3, 0.5, null]}), &json!({"a": [1.0, -3, 0.5, null]})));
    }

    /// What may stand in JSON, in any order; an object; or numbers.
    const TEXT: &str = concat!(
        r#"[\[\]{}:,"a-c0-9.eE\-]{0,20}"#,
        r#"|\{("[a-d]":(1|-1.5|true|null|"x"|\[1,\{"a":2\}\]),){0,1}"z":0\}"#,
        r#"|\[(-?(0|[1-9][0-9]{0,16})(\.[0-9]{1,3})?([eE]-?[0-9]{1,2})?,){0,3}-?[0-9](\.[05]{1,2})?\]"#,
    );

    proptest! {
        #[test]
        fn all_else_is_read_as_anybody_does(text in TEXT) {
            if let Ok(value) = read(&text) {
                let by_all: Value = serde_json::from_str(&text).unwrap();
                prop_assert!(is_read_as(&value, &by_all), "{} {}", value, by_all);
            }
        }
    }
}
