//! How single values look in JSON: names by their `Display`, money and places as objects, what was
//! erased as `"erased"`.

use super::schema;
use crate::domain::{
    person::Private,
    place::{Geometry, Place},
    ticket::{Flags, Window, WindowKind},
    time::Timestamp,
};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use std::fmt::Display;
use utoipa::ToSchema;

/// What an erased field opens as.
pub const ERASED: &str = "erased";

/// A name, a number, a time: a text.
#[derive(Clone, Copy)]
pub struct Shown<T>(pub T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A list of names.
pub struct ShownAll<'a, T>(pub &'a [T]);

impl<T: Display> Serialize for ShownAll<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Shown))
    }
}

/// The names of the flags that are set.
pub struct FlagNames(pub Flags);

impl Serialize for FlagNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

/// A point, degrees (WGS 84).
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = Place)]
pub struct PlaceView {
    /// Degrees north.
    #[schema(value_type = schema::Latitude)]
    pub lat: f64,
    /// Degrees east.
    #[schema(value_type = schema::Longitude)]
    pub lon: f64,
}

impl From<Place> for PlaceView {
    fn from(place: Place) -> Self {
        Self { lat: place.lat(), lon: place.lon() }
    }
}

/// Service begins inside it.
#[derive(Serialize, ToSchema)]
#[schema(as = Window)]
pub struct WindowView {
    #[schema(value_type = schema::Time)]
    from: Shown<Timestamp>,
    #[schema(value_type = schema::Time)]
    to: Shown<Timestamp>,
    #[schema(value_type = schema::WindowKind)]
    kind: &'static str,
}

impl From<&Window> for WindowView {
    fn from(window: &Window) -> Self {
        let kind = match window.kind {
            WindowKind::Promise => "promise",
            WindowKind::Wish => "wish",
        };
        Self { from: Shown(window.from), to: Shown(window.to), kind }
    }
}

/// A text of one person.
#[must_use]
pub fn private(text: &Private<String>) -> &str {
    text.known().map_or(ERASED, String::as_str)
}

/// GeoJSON `MultiPolygon`: longitude first, rings closed.
pub struct GeometryView<'a>(pub &'a Geometry);

impl Serialize for GeometryView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct MultiPolygon<'a> {
            r#type: &'static str,
            coordinates: Coordinates<'a>,
        }
        MultiPolygon { r#type: "MultiPolygon", coordinates: Coordinates(self.0) }.serialize(serializer)
    }
}

struct Coordinates<'a>(&'a Geometry);
struct Rings<'a>(&'a crate::domain::place::Polygon);
struct Ring<'a>(&'a [Place]);

impl Serialize for Coordinates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.polygons.iter().map(Rings))
    }
}

impl Serialize for Rings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::once(&self.0.outer).chain(&self.0.holes).map(|ring| Ring(ring)))
    }
}

impl Serialize for Ring<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let closed = self.0.len() > 1 && self.0.first() == self.0.last();
        let mut seq = serializer.serialize_seq(None)?;
        for place in self.0.iter().chain(self.0.first().filter(|_| !closed)) {
            seq.serialize_element(&[place.lon(), place.lat()])?;
        }
        seq.end()
    }
}
