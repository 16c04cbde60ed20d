//! A prepared road network as a file: loads in the time it takes to read it.
//!
//! ```text
//! "CALLROAD"  version u32  BLAKE3 of the body, 32 bytes  body
//! body: lists one after the other, each a count (u32) and its items; whole numbers, least byte first
//! ```
//!
//! Must hold: a file of another version, cut, or changed by a bit is an error that says what to do. It can
//! always be made again from the extract, so no older version is ever read.

use crate::{
    domain::{network::NetworkId, place::Place},
    routing::roads::{Ban, Edge, Hierarchy, Lane, Network, Roads, Side, Street, Via, Weight},
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"CALLROAD";
/// Raised with every change of the body, or of what the profile makes of a way.
const VERSION: u32 = 1;
const HASH_BYTES: usize = 32;
const HEAD_BYTES: usize = MAGIC.len() + 4 + HASH_BYTES;

/// Why a prepared network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RoadFileError {
    #[error("{}: {why}", path.display())]
    Io { path: PathBuf, why: io::Error },
    #[error("{} is no prepared road network; make one with `callout import roads FILE.osm.pbf`", path.display())]
    Other { path: PathBuf },
    #[error("{} is of version {found}, not {VERSION}; make it again with `callout import roads FILE.osm.pbf`", path.display())]
    Version { path: PathBuf, found: u32 },
    #[error("{} is damaged; make it again with `callout import roads FILE.osm.pbf`", path.display())]
    Damaged { path: PathBuf },
}

/// Where the network for cars lies in a data directory.
#[must_use]
pub fn in_data(data: &Path) -> PathBuf {
    data.join("roads").join("car")
}

/// Where the network of that name lies in a data directory: in force, or kept from before.
#[must_use]
pub fn named(data: &Path, id: NetworkId) -> Option<PathBuf> {
    let path = in_data(data);
    let kept = kept(&path, id);
    [path, kept].into_iter().find(|path| name_of(path) == Some(id))
}

fn kept(path: &Path, id: NetworkId) -> PathBuf {
    path.with_extension(id.to_string())
}

/// A second name for the same file, so that a crash leaves the first; a copy where files have one name only.
fn keep(path: &Path, kept: &Path) -> io::Result<()> {
    if kept.exists() {
        return Ok(());
    }
    fs::hard_link(path, kept).or_else(|_| fs::copy(path, kept).map(drop))
}

/// By its head alone. None: not there, or no prepared network of this version.
fn name_of(path: &Path) -> Option<NetworkId> {
    let mut head = [0; HEAD_BYTES];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).ok()?;
    let version = MAGIC.len()..MAGIC.len() + 4;
    let fits = head.starts_with(MAGIC) && head[version.clone()] == VERSION.to_le_bytes();
    let hash = head.get(version.end..)?.try_into().ok()?;
    fits.then(|| NetworkId::of_hash(hash))
}

/// Writes a network beside its place and moves it there whole; folders are made. Another one that lies there is
/// kept under its name: decisions rest on it.
pub fn save(roads: &Roads, path: &Path) -> Result<(), RoadFileError> {
    let body = body(roads);
    let hash = blake3::hash(&body);
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(hash.as_bytes())?;
        file.write_all(&body)?;
        file.sync_all()?;
        if let Some(before) = name_of(path).filter(|before| *before != NetworkId::of_hash(hash.as_bytes())) {
            keep(path, &kept(path, before))?;
        }
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|why| RoadFileError::Io { path: path.to_owned(), why })
}

/// Reads what [`save`] wrote.
pub fn load(path: &Path) -> Result<Roads, RoadFileError> {
    load_named(path).map(|(_, roads)| roads)
}

/// The same, with its name.
pub fn load_named(path: &Path) -> Result<(NetworkId, Roads), RoadFileError> {
    let bytes = fs::read(path).map_err(|why| RoadFileError::Io { path: path.to_owned(), why })?;
    let path = || path.to_owned();
    if !bytes.starts_with(MAGIC) {
        return Err(RoadFileError::Other { path: path() });
    }
    let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) else {
        return Err(RoadFileError::Damaged { path: path() });
    };
    let mut reader = Reader { rest: &head[MAGIC.len()..] };
    match reader.number() {
        Some(VERSION) => {}
        found => return Err(RoadFileError::Version { path: path(), found: found.unwrap_or_default() }),
    }
    let hash = blake3::hash(body);
    if hash.as_bytes() != reader.rest {
        return Err(RoadFileError::Damaged { path: path() });
    }
    let mut reader = Reader { rest: body };
    let roads = reader.roads().filter(|_| reader.rest.is_empty());
    let roads = roads.ok_or_else(|| RoadFileError::Damaged { path: path() })?;
    Ok((NetworkId::of_hash(hash.as_bytes()), roads))
}

fn body(roads: &Roads) -> Vec<u8> {
    let (network, hierarchy, joined) = roads.parts();
    let mut out = Writer::default();
    out.list(&network.junctions, Writer::place);
    out.list(&network.points, Writer::place);
    out.list(&network.streets, |out, street| {
        let Street { from, to, forward_ms, backward_ms, length_dm, corners } = street;
        for number in [*from, *to, *forward_ms, *backward_ms, *length_dm, corners.start, corners.end] {
            out.number(number);
        }
    });
    out.list(&network.bans, |out, ban| {
        out.number(ban.from.0);
        out.number(ban.to.0);
    });
    out.list(joined, |out, joined| out.0.push(u8::from(*joined)));
    out.list(&hierarchy.rank, |out, rank| out.number(*rank));
    for side in [&hierarchy.up, &hierarchy.down] {
        out.list(&side.first, |out, first| out.number(*first));
        out.list(&side.edges, |out, edge| {
            out.number(edge.node);
            out.0.extend_from_slice(&edge.weight.bits().to_le_bytes());
            out.number(edge.via.bits());
        });
    }
    out.0
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn place(&mut self, place: &Place) {
        self.0.extend_from_slice(&place.lat_e6.to_le_bytes());
        self.0.extend_from_slice(&place.lon_e6.to_le_bytes());
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u32);
        for item in items {
            each(self, item);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn place(&mut self) -> Option<Place> {
        let lat_e6 = self.array().map(i32::from_le_bytes)?;
        let lon_e6 = self.array().map(i32::from_le_bytes)?;
        Some(Place { lat_e6, lon_e6 })
    }

    /// A count that the rest cannot hold ends with the rest, not with the memory.
    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()? as usize;
        let mut items = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            items.push(each(self)?);
        }
        Some(items)
    }

    fn street(&mut self) -> Option<Street> {
        let [from, to, forward_ms, backward_ms, length_dm] =
            [self.number()?, self.number()?, self.number()?, self.number()?, self.number()?];
        let corners = self.number()?..self.number()?;
        Some(Street { from, to, forward_ms, backward_ms, length_dm, corners })
    }

    fn side(&mut self) -> Option<Side> {
        let first = self.list(Self::number)?;
        let edges = self.list(|reader| {
            let node = reader.number()?;
            let weight = Weight::of_bits(reader.array().map(u64::from_le_bytes)?);
            Some(Edge { node, weight, via: Via::of_bits(reader.number()?) })
        })?;
        Some(Side { first, edges })
    }

    fn roads(&mut self) -> Option<Roads> {
        let junctions = self.list(Self::place)?;
        let points = self.list(Self::place)?;
        let streets = self.list(Self::street)?;
        let bans = self.list(|reader| Some(Ban { from: Lane(reader.number()?), to: Lane(reader.number()?) }))?;
        let joined = self.list(|reader| reader.array().map(|[joined]| joined != 0))?;
        let rank = self.list(Self::number)?;
        let (up, down) = (self.side()?, self.side()?);
        let network = Network { junctions, streets, points, bans };
        Roads::of_parts(network, Hierarchy { rank, up, down }, joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roads() -> Roads {
        let place = |lat_e6, lon_e6| Place { lat_e6, lon_e6 };
        let street = |from, to| Street { from, to, forward_ms: 10, backward_ms: 20, length_dm: 30, corners: 0..1 };
        let network = Network {
            junctions: vec![place(0, 0), place(0, 1_000), place(1_000, 0)],
            streets: vec![street(0, 1), street(1, 2), street(2, 0)],
            points: vec![place(-7, 7)],
            bans: vec![Ban { from: Lane::forward(0), to: Lane::forward(1) }],
        };
        Roads::prepare(network, &mut |_, _| {}).unwrap()
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = in_data(folder.path());
        let roads = roads();
        save(&roads, &path).unwrap();
        save(&roads, &path).unwrap();
        assert_eq!(load(&path).unwrap().parts(), roads.parts());
    }

    #[test]
    fn a_file_that_is_cut_or_changed_by_a_bit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("car");
        save(&roads(), &path).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(load(&path).is_err(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 1;
            fs::write(&path, &bent).unwrap();
            assert!(load(&path).is_err(), "byte {at}");
        }
        fs::write(&path, [MAGIC.as_slice(), &9_u32.to_le_bytes(), &whole[12..]].concat()).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("version 9"));
    }
}
