//! A checker for the part of JSON Schema that the API document uses. Strict: a property that the schema
//! does not name is a fault, unless it says that there may be others.

use serde_json::{Map, Value};

/// All that is wrong with `value`, each with its place.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Checker { document }.check(schema, value, "", &mut faults);
    faults
}

/// What a reference leads to; itself when it is none.
pub(crate) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(to) => {
            let target = document.pointer(to.trim_start_matches('#'));
            resolved(document, target.unwrap_or_else(|| panic!("{to} leads nowhere")))
        }
        None => schema,
    }
}

struct Checker<'a> {
    document: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = resolved(self.document, schema);
        for of in ["oneOf", "anyOf"] {
            if let Some(choices) = schema.get(of).and_then(Value::as_array) {
                let attempt = |choice: &Value| {
                    let mut found = Vec::new();
                    self.check(choice, value, at, &mut found);
                    found
                };
                let attempts: Vec<_> = choices.iter().map(attempt).collect();
                let fitting = attempts.iter().filter(|found| found.is_empty()).count();
                if fitting == 0 || (of == "oneOf" && fitting > 1) {
                    faults.push(format!("{at}: fits {fitting} of {} choices: {attempts:?}", choices.len()));
                }
                return;
            }
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            faults.push(format!("{at}: {value} is none of {allowed:?}"));
        }
        if let Some(kind) = schema.get("type") {
            let kinds: Vec<&str> = kind
                .as_str()
                .into_iter()
                .chain(kind.as_array().into_iter().flatten().filter_map(Value::as_str))
                .collect();
            if !kinds.iter().any(|kind| is(kind, value)) {
                faults.push(format!("{at}: {value} is not {kinds:?}"));
                return;
            }
        }
        match value {
            Value::Object(members) => self.object(schema, members, at, faults),
            Value::Array(items) => {
                let count = items.len() as u64;
                bound(schema, "minItems", "maxItems", count as f64, at, faults);
                if let Some(of) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.check(of, item, &format!("{at}/{index}"), faults);
                    }
                }
            }
            Value::String(text) => text_of(schema, text, at, faults),
            Value::Number(number) => bound(schema, "minimum", "maximum", number.as_f64().unwrap(), at, faults),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn object(&self, schema: &Value, members: &Map<String, Value>, at: &str, faults: &mut Vec<String>) {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{at}/{name} is missing"));
            }
        }
        for (name, value) in members {
            let at = format!("{at}/{name}");
            match (properties.get(name), schema.get("additionalProperties")) {
                (Some(of), _) => self.check(of, value, &at, faults),
                (None, Some(Value::Bool(true))) => {}
                (None, Some(of @ Value::Object(_))) => self.check(of, value, &at, faults),
                // An object without any property said is a free one.
                (None, None) if properties.is_empty() => {}
                (None, _) => faults.push(format!("{at} is not in the schema")),
            }
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

fn text_of(schema: &Value, text: &str, at: &str, faults: &mut Vec<String>) {
    bound(schema, "minLength", "maxLength", text.chars().count() as f64, at, faults);
    // Of the patterns only the plain words: the others are for generators, and checked by them.
    let word = schema.get("pattern").and_then(Value::as_str).and_then(|p| p.strip_prefix('^')?.strip_suffix('$'));
    if let Some(word) = word.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        && text != word
    {
        faults.push(format!("{at}: {text:?} is not {word:?}"));
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
        faults.push(format!("{at}: {text:?} is no time"));
    }
}

fn bound(schema: &Value, least: &str, most: &str, found: f64, at: &str, faults: &mut Vec<String>) {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    if limit(least).is_some_and(|least| found < least) || limit(most).is_some_and(|most| found > most) {
        faults.push(format!("{at}: {found} is out of bounds"));
    }
}
