//! Tickets as callers enter them, made from a seed: the same seed and client give the same bodies.
//! All people are plainly made up.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;
use serde_json::Value;

/// A box of places, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub south: f64,
    pub west: f64,
    pub north: f64,
    pub east: f64,
}

impl Bounds {
    /// The middle of Boston, where the bundled example regions lie.
    pub const FALLBACK: Self = Self { south: 42.25, west: -71.15, north: 42.37, east: -71.03 };

    /// The boxes of the regions in an answer of `GET /v1/regions`; regions without a geometry have none.
    #[must_use]
    pub fn of_regions(answer: &Value) -> Vec<Self> {
        let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        items.iter().filter_map(|region| Self::around(&region["geometry"]["coordinates"])).collect()
    }

    /// The box around all positions in nested GeoJSON coordinates.
    fn around(coordinates: &Value) -> Option<Self> {
        let parts = coordinates.as_array()?;
        if let (Some(lon), Some(lat)) = (parts.first().and_then(Value::as_f64), parts.get(1).and_then(Value::as_f64)) {
            return Some(Self { south: lat, west: lon, north: lat, east: lon });
        }
        parts.iter().filter_map(Self::around).reduce(|a, b| Self {
            south: a.south.min(b.south),
            west: a.west.min(b.west),
            north: a.north.max(b.north),
            east: a.east.max(b.east),
        })
    }
}

/// Product and what its owners complain about.
const TROUBLES: [(&str, &str, &str); 8] = [
    ("tv", "Picture flickers", "The picture flickers for a few minutes after switching on, then it goes dark."),
    ("tv", "No sound", "Sound has gone on all inputs since yesterday; the remote control shows the volume."),
    ("network", "Router drops out", "The wireless network disappears every evening, a restart helps for an hour."),
    ("network", "No connection upstairs", "The repeater upstairs blinks red, devices there find no network."),
    ("washer", "Does not drain", "Water stays in the drum at the end of the programme, error E18 on the display."),
    ("oven", "Does not heat", "The fan runs and the light is on but it stays cold, also after a reset."),
    ("fridge", "Too warm", "The fridge shows 12 degrees although it is set to 5; the freezer is fine."),
    ("laptop", "Will not charge", "The charging light stays off with both power supplies."),
];

/// As often as each is listed.
const PRIORITIES: [&str; 7] = ["low", "normal", "normal", "normal", "normal", "high", "urgent"];
const CHANNELS: [&str; 4] = ["web", "phone", "app", "api"];

#[derive(Serialize)]
struct Body {
    contact: Contact,
    product: &'static str,
    title: &'static str,
    description: &'static str,
    place: Place,
    address: Address,
    priority: &'static str,
    channel: &'static str,
}

#[derive(Serialize)]
struct Contact {
    name: String,
    phone: String,
    email: String,
}

#[derive(Serialize)]
struct Place {
    lat: f64,
    lon: f64,
}

#[derive(Serialize)]
struct Address {
    line1: String,
    city: &'static str,
}

/// One client's stream of ticket bodies.
pub struct TicketMaker {
    random: StdRng,
    bounds: Vec<Bounds>,
}

impl TicketMaker {
    /// Places lie inside `bounds`, each box as likely as another; none: [`Bounds::FALLBACK`].
    #[must_use]
    pub fn new(seed: u64, client: u64, bounds: &[Bounds]) -> Self {
        let bounds = if bounds.is_empty() { vec![Bounds::FALLBACK] } else { bounds.to_vec() };
        Self { random: StdRng::seed_from_u64(seed ^ client.wrapping_mul(0x9E37_79B9_7F4A_7C15)), bounds }
    }

    /// The next body of `POST /v1/tickets`, about 500 bytes.
    pub fn next_body(&mut self) -> String {
        let (product, title, description) = TROUBLES[self.below(TROUBLES.len())];
        let caller = self.random.next_u32() % 1_000_000;
        let region = self.below(self.bounds.len());
        let bounds = self.bounds[region];
        let lat = self.random.random_range(bounds.south..=bounds.north);
        let lon = self.random.random_range(bounds.west..=bounds.east);
        let priority = PRIORITIES[self.below(PRIORITIES.len())];
        let channel = CHANNELS[self.below(CHANNELS.len())];
        let body = Body {
            contact: Contact {
                name: format!("Customer {caller}"),
                phone: format!("+1555{caller:07}"),
                email: format!("customer{caller}@example.com"),
            },
            product,
            title,
            description,
            place: Place { lat: rounded(lat), lon: rounded(lon) },
            address: Address { line1: format!("{} Example Street", 1 + caller % 400), city: "Springfield" },
            priority,
            channel,
        };
        // Text and finite numbers always have a JSON.
        serde_json::to_string(&body).unwrap_or_default()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }
}

/// To about 10 cm, as phones report it.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_seed_repeats_and_clients_differ() {
        let bodies = |seed, client| {
            let mut maker = TicketMaker::new(seed, client, &[]);
            [maker.next_body(), maker.next_body()]
        };
        assert_eq!(bodies(7, 1), bodies(7, 1));
        assert_ne!(bodies(7, 1), bodies(7, 2));
        assert_ne!(bodies(7, 1), bodies(8, 1));
    }

    #[test]
    fn places_lie_inside_the_regions() {
        let square = |west: f64| json!({"geometry": {"type": "Polygon", "coordinates": [[[west, 10.0], [west + 1.0, 10.0], [west + 1.0, 11.0], [west, 10.0]]]}});
        let answer = json!({"items": [square(20.0), {"geometry": null}, square(40.0)]});
        let bounds = Bounds::of_regions(&answer);
        assert_eq!(bounds, [20.0, 40.0].map(|west| Bounds { south: 10.0, west, north: 11.0, east: west + 1.0 }));
        let mut maker = TicketMaker::new(1, 1, &bounds);
        let mut wests = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let body: Value = serde_json::from_str(&maker.next_body()).unwrap();
            let (lat, lon) = (body["place"]["lat"].as_f64().unwrap(), body["place"]["lon"].as_f64().unwrap());
            assert!((10.0..=11.0).contains(&lat));
            assert!((20.0..=21.0).contains(&lon) || (40.0..=41.0).contains(&lon));
            wests.insert(lon < 30.0);
        }
        assert_eq!(wests.len(), 2, "both regions get tickets");
    }
}
