//! What a car makes of a way's tags: whether it may, in which direction, and how fast.
//!
//! Speeds are what a town lets one drive on average, waiting included, not what the sign says: a signed
//! limit counts for four fifths.

/// Kilometres an hour by `highway`, where no limit is signed. What is not here is not for cars.
const CLASSES: [(&str, f64); 17] = [
    ("motorway", 100.0),
    ("motorway_link", 50.0),
    ("trunk", 75.0),
    ("trunk_link", 45.0),
    ("primary", 55.0),
    ("primary_link", 40.0),
    ("secondary", 45.0),
    ("secondary_link", 35.0),
    ("tertiary", 38.0),
    ("tertiary_link", 30.0),
    ("unclassified", 30.0),
    ("residential", 25.0),
    ("road", 20.0),
    ("service", 15.0),
    ("living_street", 10.0),
    ("busway", 0.0),
    ("pedestrian", 0.0),
];
/// Of a signed limit.
const OF_LIMIT: f64 = 0.8;
/// Kilometres an hour that no tag can leave.
const SLOWEST: f64 = 4.0;
const FASTEST: f64 = 120.0;
/// Kilometres an hour where the surface is loose.
const LOOSE: f64 = 20.0;
/// Kilometres an hour of a ferry that does not say how long it takes.
const FERRY: f64 = 12.0;
const KM_PER_MILE: f64 = 1.609_344;

/// Who goes first decides: the most particular key that is there.
const ACCESS: [&str; 4] = ["motorcar", "motor_vehicle", "vehicle", "access"];
/// Everything else, like `destination` or `customers`, is open to who comes to do a job.
const SHUT: [&str; 11] = [
    "no",
    "agricultural",
    "forestry",
    "emergency",
    "psv",
    "bus",
    "bicycle",
    "foot",
    "military",
    "use_sidepath",
    "restricted",
];
/// A private street lets in who is expected: a customer may live there. So slow that nobody drives through.
const PRIVATE: &str = "private";
const PRIVATE_KMH: f64 = 10.0;
const LOOSE_SURFACES: [&str; 11] =
    ["unpaved", "gravel", "dirt", "ground", "earth", "grass", "sand", "mud", "pebblestone", "rock", "fine_gravel"];
/// Barriers that a car passes; all others stop it unless access says otherwise.
const PASSABLE: [&str; 9] = [
    "cattle_grid",
    "border_control",
    "toll_booth",
    "entrance",
    "no",
    "kerb",
    "height_restrictor",
    "sally_port",
    "lift_gate",
];

/// How a way is passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    Kmh(f64),
    /// All of it in so many milliseconds.
    Whole(u32),
}

/// A way that a car may use, one way at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Use {
    pub(super) forward: Option<Pace>,
    pub(super) backward: Option<Pace>,
    pub(super) ferry: bool,
}

/// None: not for cars. `tag` finds a value by its key.
pub(super) fn car<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> Option<Use> {
    let access = ACCESS.iter().find_map(|key| tag(key));
    if access.is_some_and(|value| SHUT.contains(&value)) || tag("area") == Some("yes") {
        return None;
    }
    if tag("route") == Some("ferry") {
        // Many carry people alone and say nothing of cars.
        access?;
        let pace = tag("duration").and_then(duration_ms).map_or(Pace::Kmh(FERRY), Pace::Whole);
        let (forward, backward) = directions(&tag, false);
        return Some(Use { forward: forward.then_some(pace), backward: backward.then_some(pace), ferry: true });
    }
    let class = tag("highway")?;
    let usual = CLASSES.iter().find(|(name, _)| *name == class).map(|(_, kmh)| *kmh).filter(|kmh| *kmh > 0.0)?;
    let loose = tag("surface").is_some_and(|surface| LOOSE_SURFACES.contains(&surface));
    let private = access == Some(PRIVATE);
    // Yards, driveways and works: nobody lives behind them whom the street before does not serve as well.
    if private && class == "service" {
        return None;
    }
    let most = if private {
        PRIVATE_KMH
    } else if loose {
        LOOSE
    } else {
        FASTEST
    };
    let pace = |side: &str| {
        let signed = tag(side).or_else(|| tag("maxspeed")).and_then(limit_kmh).map_or(usual, |kmh| kmh * OF_LIMIT);
        Pace::Kmh(signed.clamp(SLOWEST, most))
    };
    let (forward, backward) = directions(&tag, matches!(class, "motorway" | "motorway_link"));
    let used = Use {
        forward: forward.then(|| pace("maxspeed:forward")),
        backward: backward.then(|| pace("maxspeed:backward")),
        ferry: false,
    };
    (forward || backward).then_some(used)
}

/// Whether a barrier on a node stops a car.
pub(super) fn stops<'a>(tag: impl Fn(&str) -> Option<&'a str>) -> bool {
    let Some(barrier) = tag("barrier") else { return false };
    match ACCESS.iter().find_map(|key| tag(key)) {
        Some(access) => SHUT.contains(&access),
        // A gate without a word stands open in most towns; a bollard never does.
        None => !PASSABLE.contains(&barrier) && barrier != "gate",
    }
}

fn directions<'a>(tag: &impl Fn(&str) -> Option<&'a str>, usually_one: bool) -> (bool, bool) {
    let round = matches!(tag("junction"), Some("roundabout" | "circular"));
    match tag("oneway:motorcar").or_else(|| tag("oneway:motor_vehicle")).or_else(|| tag("oneway")) {
        Some("yes" | "true" | "1") => (true, false),
        Some("-1" | "reverse") => (false, true),
        // Changes by the hour: nobody plans on it.
        Some("reversible" | "alternating") => (false, false),
        Some("no" | "false" | "0") => (true, true),
        _ => (true, !(usually_one || round)),
    }
}

/// `50`, `30 mph`; what is a rule's name (`IT:urban`) or no number is left to the class.
fn limit_kmh(text: &str) -> Option<f64> {
    let text = text.split(';').next()?.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    let kmh = match unit.trim() {
        "" | "km/h" | "kmh" | "kph" => number,
        "mph" => number * KM_PER_MILE,
        "knots" => number * 1.852,
        _ => return None,
    };
    (kmh > 0.0).then_some(kmh)
}

/// `25`, `1:30`, `00:25:30`, `PT25M`, in milliseconds; a day at most.
fn duration_ms(text: &str) -> Option<u32> {
    const LONGEST_S: u32 = 86_400;
    let text = text.trim();
    let seconds = if let Some(iso) = text.strip_prefix("PT") {
        iso_seconds(iso)?
    } else {
        let parts = text.split(':').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>()?;
        let (hours, minutes, seconds) = match parts[..] {
            [minutes] => (0, minutes, 0),
            [hours, minutes] => (hours, minutes, 0),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return None,
        };
        hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?
    };
    (1..=LONGEST_S).contains(&seconds).then(|| seconds * 1_000)
}

fn iso_seconds(text: &str) -> Option<u32> {
    let (mut seconds, mut number) = (0_u32, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    number.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(tags: &[(&str, &str)]) -> Option<Use> {
        let tags: Vec<(String, String)> = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        car(|key| tags.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str()))
    }

    fn paces(tags: &[(&str, &str)]) -> (Option<Pace>, Option<Pace>) {
        used(tags).map_or((None, None), |used| (used.forward, used.backward))
    }

    #[test]
    fn tags_say_where_a_car_may_drive_and_how_fast() {
        let street = ("highway", "residential");
        let at = |kmh| Some(Pace::Kmh(kmh));
        assert_eq!(paces(&[street]), (at(25.0), at(25.0)));
        assert_eq!(paces(&[street, ("oneway", "yes")]), (at(25.0), None));
        assert_eq!(paces(&[street, ("oneway", "-1")]), (None, at(25.0)));
        assert_eq!(paces(&[street, ("junction", "roundabout")]), (at(25.0), None));
        assert_eq!(paces(&[("highway", "motorway")]), (at(100.0), None));
        assert_eq!(paces(&[("highway", "motorway"), ("oneway", "no")]), (at(100.0), at(100.0)));
        assert_eq!(paces(&[street, ("maxspeed", "50")]), (at(40.0), at(40.0)));
        assert_eq!(
            paces(&[street, ("maxspeed", "50"), ("maxspeed:backward", "25 mph")]),
            (at(40.0), at(25.0 * KM_PER_MILE * 0.8))
        );
        assert_eq!(paces(&[street, ("maxspeed", "IT:urban")]), (at(25.0), at(25.0)));
        assert_eq!(paces(&[street, ("surface", "gravel")]), (at(20.0), at(20.0)));
        let private = ("access", "private");
        assert_eq!(paces(&[street, private, ("maxspeed", "50")]), (at(10.0), at(10.0)), "for who is expected there");
        assert_eq!(used(&[("highway", "service"), private]), None);
        for shut in [("access", "agricultural"), ("motor_vehicle", "no"), ("area", "yes"), ("oneway", "reversible")] {
            assert_eq!(used(&[street, shut]), None, "{shut:?}");
        }
        assert!(used(&[street, ("access", "no"), ("motorcar", "yes")]).is_some(), "the more particular key counts");
        assert!(used(&[("highway", "footway")]).is_none() && used(&[("highway", "pedestrian")]).is_none());
    }

    #[test]
    fn a_ferry_takes_cars_only_where_it_says_so_and_as_long_as_it_says() {
        let ferry = ("route", "ferry");
        assert_eq!(used(&[ferry]), None);
        for (text, seconds) in [("25", 1_500), ("0:25", 1_500), ("01:30:10", 5_410), ("PT1H5M", 3_900)] {
            let whole = Some(Pace::Whole(seconds * 1_000));
            assert_eq!(paces(&[ferry, ("motor_vehicle", "yes"), ("duration", text)]), (whole, whole), "{text}");
        }
        for text in ["", "soon", "1:2:3:4", "PT", "99999999999", "48:00", "PT5"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
        assert!(used(&[ferry, ("motorcar", "no")]).is_none());
    }

    #[test]
    fn a_bollard_stops_a_car_and_a_gate_only_when_nobody_opens_it() {
        let stopped =
            |tags: &[(&str, &str)]| stops(|key| tags.iter().find(|(known, _)| *known == key).map(|(_, v)| *v));
        assert!(stopped(&[("barrier", "bollard")]) && stopped(&[("barrier", "gate"), ("access", "no")]));
        assert!(!stopped(&[("barrier", "gate"), ("access", "private")]), "somebody is expected behind it");
        assert!(!stopped(&[("barrier", "gate")]) && !stopped(&[("barrier", "bollard"), ("motor_vehicle", "yes")]));
        assert!(!stopped(&[("highway", "crossing")]));
    }
}
