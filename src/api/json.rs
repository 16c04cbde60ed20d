//! JSON as it came in: borrowed where possible, duplicate keys refused, numbers kept as sent.
//! What this reads is well formed; whether it makes sense is `fields.rs`'s affair.

use crate::settings::limits;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order sent.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Parses a whole document. The error says what is wrong and where (line and column); the text
    /// has to be UTF-8, NaN and infinities do not exist, nesting is bounded (128).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|e| format!("the text is not UTF-8 from byte {} on", e.valid_up_to()))?;
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// What it is, in words, for "expected a text, found ..".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Whether an object has this member.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        matches!(self, Self::Object(members) if members.iter().any(|(member, _)| member == name))
    }

    /// The same as an owned value, for the few places where serde does the rest.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(yes) => (*yes).into(),
            Self::Whole(number) => (*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_ref().into(),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => {
                serde_json::Value::Object(members.iter().map(|(k, v)| (k.to_string(), v.to_value())).collect())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(number).map_or(Json::Number(number as f64), Json::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(12);
        while let Some(Key(key)) = map.next_key()? {
            if members.iter().any(|(known, _)| *known == key) {
                return Err(de::Error::custom(format_args!("duplicate key {key:?}")));
            }
            if members.len() == limits::JSON_MEMBERS {
                return Err(de::Error::custom(format_args!("an object with over {} keys", limits::JSON_MEMBERS)));
            }
            members.push((key, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}

/// A key, borrowed when it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_parsed_is_refused_with_its_place() {
        let deep = "[".repeat(200);
        for (bytes, says) in [
            (&b"{\"a\":1,\"a\":2}"[..], "duplicate key"),
            (b"{\"a\":{\"b\":1,\"b\":1}}", "duplicate key"),
            (b"{\"a\":NaN}", "expected value"),
            (b"{\"a\":1e999}", "number out of range"),
            (b"{\"a\":\"\\ud800\"}", "hex escape"),
            (b"{\"a\":\"\xff\"}", "not UTF-8"),
            (b"{} x", "trailing characters"),
            (b"", "EOF"),
            (deep.as_bytes(), "recursion limit"),
        ] {
            let told = Json::parse(bytes).unwrap_err();
            assert!(told.contains(says), "{told:?} should say {says:?}");
        }
    }

    #[test]
    fn escaped_duplicates_are_duplicates() {
        assert!(Json::parse(br#"{"a":1,"\u0061":2}"#).unwrap_err().contains("duplicate"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_what_serde_reads_it_reads_alike(bytes in proptest::collection::vec(0_u8..=255, 0..64)) {
            let plain: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
            if let (Ok(ours), Ok(plain)) = (Json::parse(&bytes), plain) {
                proptest::prop_assert_eq!(ours.to_value(), plain);
            }
        }

        #[test]
        fn texts_survive(text in ".*") {
            let sent = serde_json::to_vec(&serde_json::json!({ "text": text })).unwrap();
            let read = Json::parse(&sent).unwrap();
            let Json::Object(members) = &read else { panic!("{read:?}") };
            proptest::prop_assert_eq!(&members[0].1, &Json::Text(text.into()));
        }
    }
}
