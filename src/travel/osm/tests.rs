//! Small extracts written by hand, byte by byte, so that nothing of the reader's library checks itself;
//! and real ones where they lie beside the repository.

use super::*;
use crate::{
    domain::place::Place,
    routing::roads::{Roads, Weight},
};
use std::io::Cursor;

/// Writes the PBF form: blocks with names of strings as the wiki's "PBF Format" describes them, unpacked.
#[derive(Default)]
struct Pbf {
    strings: Vec<String>,
    group: Vec<u8>,
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

fn packed(field: u64, numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    bytes(field, &numbers.into_iter().flat_map(varint).collect::<Vec<_>>())
}

fn deltas(numbers: &[i64]) -> Vec<u64> {
    let before = [0].into_iter().chain(numbers.iter().copied());
    numbers.iter().zip(before).map(|(number, before)| zigzag(number - before)).collect()
}

fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
    let blob = bytes(1, content);
    let header = [bytes(1, kind.as_bytes()), number(3, blob.len() as u64)].concat();
    [(header.len() as u32).to_be_bytes().to_vec(), header, blob].concat()
}

type Tags<'a> = &'a [(&'a str, &'a str)];

impl Pbf {
    fn string(&mut self, text: &str) -> u64 {
        if let Some(known) = self.strings.iter().position(|known| known == text) {
            return known as u64 + 1;
        }
        self.strings.push(text.to_owned());
        self.strings.len() as u64
    }

    fn tags(&mut self, tags: Tags<'_>) -> Vec<u8> {
        let pairs: Vec<(u64, u64)> = tags.iter().map(|(k, v)| (self.string(k), self.string(v))).collect();
        [packed(2, pairs.iter().map(|(k, _)| *k)), packed(3, pairs.iter().map(|(_, v)| *v))].concat()
    }

    /// A place in micro-degrees.
    fn node(mut self, id: i64, (lat, lon): (i64, i64), tags: Tags<'_>) -> Self {
        let place = [number(8, zigzag(lat * 10)), number(9, zigzag(lon * 10))].concat();
        let node = [number(1, zigzag(id)), self.tags(tags), place].concat();
        self.group.extend(bytes(1, &node));
        self
    }

    fn way(mut self, id: i64, nodes: &[i64], tags: Tags<'_>) -> Self {
        let way = [number(1, id as u64), self.tags(tags), packed(8, deltas(nodes))].concat();
        self.group.extend(bytes(3, &way));
        self
    }

    /// Members: role, id, kind (0 node, 1 way).
    fn relation(mut self, members: &[(&str, i64, u64)], tags: Tags<'_>) -> Self {
        let roles: Vec<u64> = members.iter().map(|(role, _, _)| self.string(role)).collect();
        let ids: Vec<i64> = members.iter().map(|(_, id, _)| *id).collect();
        let kinds = members.iter().map(|(_, _, kind)| *kind);
        let tags = self.tags(tags);
        let relation = [number(1, 1), tags, packed(8, roles), packed(9, deltas(&ids)), packed(10, kinds)].concat();
        self.group.extend(bytes(4, &relation));
        self
    }

    fn done(&self) -> Vec<u8> {
        let strings = [""].into_iter().chain(self.strings.iter().map(String::as_str));
        let table: Vec<u8> = strings.flat_map(|text| bytes(1, text.as_bytes())).collect();
        let block = [bytes(1, &table), bytes(2, &self.group)].concat();
        [blob("OSMHeader", &bytes(4, b"OsmSchema-V0.6")), blob("OSMData", &block)].concat()
    }
}

fn taken(file: Vec<u8>) -> Result<(Network, OsmReport), OsmError> {
    let total = file.len() as u64;
    read(Cursor::new(file), total, &mut |_, _, _| {})
}

const STREET: (&str, &str) = ("highway", "residential");

/// A cross: 1 west, 2 east, 3 south, 4 north, 9 the middle; a bollard, 5, half way north.
fn cross() -> Pbf {
    Pbf::default()
        .node(1, (0, -1_000), &[])
        .node(2, (0, 1_000), &[])
        .node(3, (-1_000, 0), &[])
        .node(4, (1_000, 0), &[])
        .node(5, (500, 0), &[("barrier", "bollard")])
        .node(9, (0, 0), &[])
        .way(10, &[1, 9], &[STREET])
        .way(20, &[9, 2], &[STREET, ("oneway", "yes")])
        .way(30, &[3, 9], &[STREET])
        .way(40, &[9, 5, 4], &[STREET])
        .way(50, &[3, 2], &[("highway", "footway")])
}

/// Milliseconds between two places in micro-degrees.
fn drive_ms(network: &Network, from: (i32, i32), to: (i32, i32)) -> Option<u32> {
    let roads = Roads::prepare(network.clone(), &mut |_, _| {}).unwrap();
    // Places are asked for by street ends here: they need no large component.
    let spot = |(lat_e6, lon_e6)| roads.snap(Place { lat_e6, lon_e6 }, 30.0);
    let weight = roads.table(&[spot(from)], &[spot(to)])[0];
    (weight != Weight::NEVER).then(|| weight.duration_ms())
}

const WEST: (i32, i32) = (0, -600);
const SOUTH: (i32, i32) = (-600, 0);

/// 600 micro-degrees at 25 km/h are 9,607 ms.
const SHORT_MS: u32 = 9_607;

fn about(found: Option<u32>, expected: u32) -> bool {
    found.is_some_and(|found| found.abs_diff(expected) < 40)
}

#[test]
fn ways_become_streets_cut_where_they_meet_and_at_barriers() {
    let (network, report) = taken(cross().done()).unwrap();
    assert_eq!((report.ways, report.streets, report.missing_nodes, report.bans), (4, 5, 0, 0));
    // The middle, four ends, and the bollard once for each side.
    assert_eq!(report.junctions, 7);
    let found = drive_ms(&network, WEST, SOUTH);
    assert!(about(found, 2 * SHORT_MS), "{found:?}");
}

#[test]
fn a_banned_turn_and_the_only_turn_allowed_are_kept() {
    let members = |to| [("from", 10, 1), ("via", 9, 0), ("to", to, 1)];
    let tags = |kind| [("type", "restriction"), ("restriction", kind)];
    let bans = |pbf: Pbf| taken(pbf.done()).unwrap().1;
    let (network, report) = taken(cross().relation(&members(30), &tags("no_right_turn")).done()).unwrap();
    assert_eq!(report.bans, 1);
    let round = drive_ms(&network, WEST, SOUTH);
    // North to the bollard and back is the way round.
    assert!(round.is_some_and(|round| round > 3 * SHORT_MS), "{round:?}");
    // Only straight on: not right, not left, not back.
    assert_eq!(bans(cross().relation(&members(20), &tags("only_straight_on"))).bans, 3);
    assert_eq!(bans(cross().relation(&members(10), &tags("no_u_turn"))).bans, 1);
    let spared = [("type", "restriction"), ("restriction", "no_right_turn"), ("except", "bus;motorcar")];
    assert_eq!(bans(cross().relation(&members(30), &spared)).bans, 0);
    let over_a_way = [("from", 10, 1), ("via", 20, 1), ("to", 30, 1)];
    assert_eq!(bans(cross().relation(&over_a_way, &tags("no_u_turn"))).not_understood, 1);
}

#[test]
fn a_ferry_takes_as_long_as_it_says() {
    let tags = [("route", "ferry"), ("motor_vehicle", "yes"), ("duration", "0:25")];
    let file = cross().node(6, (0, 50_000), &[]).way(60, &[2, 6], &tags).done();
    let (network, report) = taken(file).unwrap();
    assert_eq!(report.ferries, 1);
    let ferry = network.streets.last().unwrap();
    assert_eq!((ferry.forward_ms, ferry.backward_ms), (1_500_000, 1_500_000));
}

#[test]
fn a_node_that_the_file_does_not_have_breaks_its_way_and_is_counted() {
    let (network, report) = taken(cross().way(70, &[1, 77, 3, 9], &[STREET]).done()).unwrap();
    assert_eq!((report.missing_nodes, report.streets), (1, 6));
    assert!(network.check().is_ok());
}

#[test]
fn what_is_no_extract_is_refused_by_name() {
    assert!(matches!(taken(Vec::new()), Err(OsmError::Empty)));
    for text in ["<html><body>not found</body></html>", "\0\0", "{}", "\x1f\u{8b}"] {
        assert!(matches!(taken(text.into()), Err(OsmError::NotPbf)), "{text}");
    }
    let paths = Pbf::default().node(1, (0, 0), &[]).node(2, (0, 9), &[]).way(1, &[1, 2], &[("highway", "path")]);
    assert!(matches!(taken(paths.done()), Err(OsmError::NoRoads(NetworkError::Empty))));
    let history = [blob("OSMHeader", &bytes(4, b"HistoricalInformation")), cross().done()].concat();
    assert!(matches!(taken(history), Err(OsmError::Feature(name)) if name == "HistoricalInformation"));
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let whole = cross().done();
    let header = blob("OSMHeader", &bytes(4, b"OsmSchema-V0.6")).len();
    for cut in 0..whole.len() {
        let refused = taken(whole[..cut].to_vec()).unwrap_err();
        match (cut, refused) {
            (0, OsmError::Empty) => {}
            // Between two blocks it looks whole, but for the roads.
            (cut, OsmError::NoRoads(_)) => assert_eq!(cut, header),
            (_, OsmError::NotPbf | OsmError::Cut { .. } | OsmError::Damaged { .. }) => {}
            (cut, other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn a_damaged_byte_is_an_error_or_another_network_never_a_panic() {
    let whole = cross().done();
    for at in 0..whole.len() {
        for mask in [1, 0x10, 0x80, 0xff] {
            let mut bent = whole.clone();
            bent[at] ^= mask;
            if let Ok((network, _)) = taken(bent) {
                assert_eq!(network.check(), Ok(()), "byte {at} ^ {mask}");
            }
        }
    }
}

/// An extract that lies beside the repository; a reason is printed when it does not.
fn real(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/osm").join(name);
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    found
}

#[test]
fn malta_and_gozo_are_joined_by_the_ferry_alone() {
    let Some(file) = real("malta.osm.pbf") else { return };
    let (mut network, report) = taken(file.clone()).unwrap();
    assert!(report.ferries > 0 && report.km > 1_000, "{report:?}");
    let (valletta, victoria) = ((35_898_000, 14_512_000), (36_044_000, 14_239_000));
    let ask = |network: &Network| {
        let roads = Roads::prepare(network.clone(), &mut |_, _| {}).unwrap();
        let spot = |(lat_e6, lon_e6)| roads.snap(Place { lat_e6, lon_e6 }, 500.0);
        let (from, to) = (spot(valletta).unwrap(), spot(victoria).unwrap());
        roads.drive(&from, &to).map(|drive| drive.weight)
    };
    let across = ask(&network).unwrap();
    assert!((40..120).contains(&(across.duration_ms() / 60_000)), "{} min", across.duration_ms() / 60_000);
    // What takes a quarter of an hour in one piece is a ferry.
    network.streets.retain(|street| street.forward_ms.min(street.backward_ms) < 600_000);
    network.bans.clear();
    assert_eq!(ask(&network), None, "two islands");
    for cut in [1, file.len() / 2, file.len() - 1] {
        assert!(taken(file[..cut].to_vec()).is_err(), "cut at {cut}");
    }
}
