//! GeoJSON (RFC 7946) read feature by feature: one feature at a time is in memory, however large the
//! file. Lenient where a feature can be refused by itself (coordinates of the wrong kind), strict
//! where the text is no JSON or no `FeatureCollection`.

use super::{ImportError, Source, fields::shown_up_to, source::torn};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{fmt, io::BufReader};

#[derive(Deserialize)]
pub(super) struct Feature {
    pub(super) id: Option<Value>,
    pub(super) properties: Option<Map<String, Value>>,
    pub(super) geometry: Option<Shape>,
}

#[derive(Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) coordinates: Nested,
}

/// Coordinates of any geometry, or what was there instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Nested {
    Number(f64),
    /// x, y; a height is dropped.
    Position([f64; 2]),
    List(Vec<Nested>),
    /// No number and no list, or a list of fewer than two numbers.
    #[default]
    Wrong,
}

/// Calls `take` with each feature in order; gives their number.
pub(super) fn each(source: Source, take: &mut dyn FnMut(Feature)) -> Result<u64, ImportError> {
    let name = source.name().to_owned();
    let mut features = 0;
    let mut counted = |feature| {
        features += 1;
        take(feature);
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(64 * 1024, source));
    let read = Collection { take: &mut counted }.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(features),
        Err(why) if why.is_io() => {
            let line = why.line() as u64;
            Err(torn(&name, line, why.into()))
        }
        Err(why) => Err(ImportError::Json {
            name,
            line: why.line(),
            column: why.column(),
            features,
            why: shown_up_to(&why.to_string(), 160),
        }),
    }
}

/// The collection around the features, whatever order its members come in.
struct Collection<'a> {
    take: &'a mut dyn FnMut(Feature),
}

impl<'de> DeserializeSeed<'de> for Collection<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Collection<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FeatureCollection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut named, mut found) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => named = map.next_value::<Value>()? == "FeatureCollection",
                "features" => {
                    found = true;
                    map.next_value_seed(Features { take: &mut *self.take })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if named && found { Ok(()) } else { Err(A::Error::custom("expected a FeatureCollection")) }
    }
}

struct Features<'a> {
    take: &'a mut dyn FnMut(Feature),
}

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(feature) = list.next_element()? {
            (self.take)(feature);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AnyNested)
    }
}

struct AnyNested;

impl<'de> Visitor<'de> for AnyNested {
    type Value = Nested;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Nested, E> {
        Ok(Nested::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Nested, E> {
        Ok(Nested::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Nested, E> {
        Ok(Nested::Number(number as f64))
    }

    fn visit_str<E>(self, _: &str) -> Result<Nested, E> {
        Ok(Nested::Wrong)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Nested, E> {
        Ok(Nested::Wrong)
    }

    fn visit_unit<E>(self) -> Result<Nested, E> {
        Ok(Nested::Wrong)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nested, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Nested::Wrong)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Nested, A::Error> {
        let first: Option<Nested> = list.next_element()?;
        let Some(Nested::Number(x)) = first else {
            let mut all: Vec<Nested> = first.into_iter().collect();
            while let Some(next) = list.next_element()? {
                all.push(next);
            }
            return Ok(Nested::List(all));
        };
        let second: Option<Nested> = list.next_element()?;
        let mut whole = true;
        while let Some(height) = list.next_element::<Nested>()? {
            whole &= matches!(height, Nested::Number(_));
        }
        match second {
            Some(Nested::Number(y)) if whole => Ok(Nested::Position([x, y])),
            _ => Ok(Nested::Wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(text: &str) -> Result<Vec<Feature>, String> {
        let mut all = Vec::new();
        let source = Source::bytes("r.geojson", text.as_bytes().to_vec()).map_err(|e| e.to_string())?;
        each(source, &mut |feature| all.push(feature)).map_err(|e| e.to_string())?;
        Ok(all)
    }

    #[test]
    fn members_may_come_in_any_order_and_unknown_ones_are_passed_over() {
        let text = r#"{"bbox":[0,0,1,1],"crs":{"x":[1]},"features":[
            {"geometry":{"coordinates":[[1,2.5,9],"x",[1],[]],"type":"LineString","bbox":[]},"properties":null,"type":"Feature"}
        ],"type":"FeatureCollection"}"#;
        let all = features(text).unwrap();
        let shape = all[0].geometry.as_ref().unwrap();
        let expected = [Nested::Position([1.0, 2.5]), Nested::Wrong, Nested::Wrong, Nested::List(vec![])];
        assert_eq!((shape.kind.as_str(), &shape.coordinates), ("LineString", &Nested::List(expected.to_vec())));
    }

    #[test]
    fn broken_json_names_its_line_and_how_far_it_was_good() {
        let text = "{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\"},\n{\"type\":}]}";
        let error = features(text).err().unwrap();
        assert!(error.contains("line 3") && error.contains("after 1 features"), "{error}");
        let cut = features("{\"type\":\"FeatureCollection\",\"features\":[").err().unwrap();
        assert!(cut.contains("EOF"), "{cut}");
        let deep =
            format!("{{\"features\":[{{\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":{}", "[".repeat(100_000));
        assert!(features(&deep).err().unwrap().contains("recursion"));
    }

    #[test]
    fn another_kind_of_geojson_is_refused() {
        for text in ["[]", "{\"type\":\"Feature\"}", "{\"features\":[]}", "{\"type\":\"FeatureCollection\"}"] {
            assert!(features(text).err().unwrap().contains("FeatureCollection"), "{text}");
        }
    }
}
