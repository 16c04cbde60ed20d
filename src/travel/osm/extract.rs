//! From the bytes of a `.osm.pbf` to what concerns a car: ways, the places of their nodes, restrictions.
//!
//! The file is read twice, ways first: nodes come before them, and only those of car ways are kept. The
//! format has no end mark: a file that is cut inside a block is refused, one cut between two blocks
//! looks whole and is told by the nodes or ways that are missing.

use super::{
    OsmError, Progress, Stage,
    profile::{self, Use},
};
use crate::domain::place::Place;
use osmpbf::{BlobDecode, BlobReader, Element, PrimitiveBlock, RelMemberType, Relation, Way};
use std::{
    io::{BufReader, Read, Seek},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a reader of these files has to know; others are told by name.
const FEATURES: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

/// A way for cars.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CarWay {
    pub(super) id: i64,
    pub(super) nodes: Vec<i64>,
    pub(super) used: Use,
}

/// A turn that is banned, or the only one allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Restriction {
    pub(super) from: i64,
    /// A node.
    pub(super) via: i64,
    pub(super) to: i64,
    pub(super) only: bool,
    pub(super) u_turn: bool,
}

/// All that concerns a car.
#[derive(Debug, Default)]
pub(super) struct Extract {
    pub(super) ways: Vec<CarWay>,
    pub(super) restrictions: Vec<Restriction>,
    /// Restrictions that are not understood: over a way, or without one of three members.
    pub(super) not_understood: u64,
    /// Nodes of the ways, by id. No place: the file does not have it.
    pub(super) nodes: Vec<(i64, Option<Place>)>,
    /// Nodes that stop a car, by id.
    pub(super) barriers: Vec<i64>,
}

impl Extract {
    pub(super) fn place(&self, node: i64) -> Option<Place> {
        let found = self.nodes.binary_search_by_key(&node, |(id, _)| *id).ok()?;
        self.nodes[found].1
    }
}

/// Reads all of it. `total` is the length in bytes.
pub(super) fn extract(
    mut file: impl Read + Seek + Send,
    total: u64,
    progress: Progress<'_>,
) -> Result<Extract, OsmError> {
    let mut extract = Extract::default();
    each_block(&mut file, total, &mut |at| progress(Stage::Ways, at, total), &mut |block| {
        for group in block.groups() {
            extract.ways.extend(group.ways().filter_map(|way| car_way(&way)));
            for relation in group.relations() {
                match restriction(&relation) {
                    Some(Ok(restriction)) => extract.restrictions.push(restriction),
                    Some(Err(NotUnderstood)) => extract.not_understood += 1,
                    None => {}
                }
            }
        }
    })?;
    let mut ids: Vec<i64> = extract.ways.iter().flat_map(|way| way.nodes.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    extract.nodes = ids.into_iter().map(|id| (id, None)).collect();
    file.rewind()?;
    each_block(&mut file, total, &mut |at| progress(Stage::Nodes, at, total), &mut |block| {
        for element in block.elements() {
            let (id, lat, lon, stops) = match element {
                Element::Node(node) => (node.id(), node.lat(), node.lon(), profile::stops(find(node.tags()))),
                Element::DenseNode(node) => (node.id(), node.lat(), node.lon(), profile::stops(find(node.tags()))),
                Element::Way(_) | Element::Relation(_) => continue,
            };
            if let Ok(at) = extract.nodes.binary_search_by_key(&id, |(id, _)| *id) {
                extract.nodes[at].1 = Place::new(lat, lon).ok();
                if stops {
                    extract.barriers.push(id);
                }
            }
        }
    })?;
    extract.barriers.sort_unstable();
    Ok(extract)
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn each_block(
    file: impl Read + Send,
    total: u64,
    progress: &mut dyn FnMut(u64),
    each: &mut dyn FnMut(&PrimitiveBlock),
) -> Result<(), OsmError> {
    if total == 0 {
        return Err(OsmError::Empty);
    }
    let read = Arc::new(AtomicU64::new(0));
    let blobs = BlobReader::new(Counted { inner: BufReader::with_capacity(1 << 16, file), read: Arc::clone(&read) });
    let (mut headed, mut whole) = (false, 0);
    for blob in blobs {
        let at = read.load(Ordering::Relaxed);
        let damaged = |why: osmpbf::Error| match (headed, at >= total) {
            (false, _) => OsmError::NotPbf,
            (true, true) => OsmError::Cut { at: whole, of: total },
            (true, false) => OsmError::Damaged { at: whole, why: why.to_string() },
        };
        let blob = blob.map_err(damaged)?;
        match blob.decode().map_err(damaged)? {
            BlobDecode::OsmHeader(header) => {
                let unknown = header.required_features().iter().find(|name| !FEATURES.contains(&name.as_str()));
                if let Some(name) = unknown {
                    return Err(OsmError::Feature(name.clone()));
                }
                headed = true;
            }
            BlobDecode::OsmData(_) if !headed => return Err(OsmError::NotPbf),
            BlobDecode::OsmData(block) => each(&block),
            BlobDecode::Unknown(_) => {}
        }
        whole = at;
        progress(at);
    }
    // Up to three bytes behind the last block look like the end to the library.
    match (headed, whole == total) {
        (false, _) => Err(OsmError::NotPbf),
        (true, false) => Err(OsmError::Cut { at: whole, of: total }),
        (true, true) => Ok(()),
    }
}

/// Finds a tag's value by its key.
fn find<'a>(tags: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> impl Fn(&str) -> Option<&'a str> {
    move |key| tags.clone().find(|(known, _)| *known == key).map(|(_, value)| value)
}

fn car_way(way: &Way<'_>) -> Option<CarWay> {
    let used = profile::car(find(way.tags()))?;
    Some(CarWay { id: way.id(), nodes: way.refs().collect(), used })
}

struct NotUnderstood;

/// None: no restriction for cars.
fn restriction(relation: &Relation<'_>) -> Option<Result<Restriction, NotUnderstood>> {
    let tag = find(relation.tags());
    if tag("type") != Some("restriction") {
        return None;
    }
    let kind = tag("restriction:motorcar").or_else(|| tag("restriction"))?;
    let spared = |who: &str| matches!(who.trim(), "motorcar" | "motor_vehicle");
    if tag("except").is_some_and(|except| except.split(';').any(spared)) {
        return None;
    }
    let member = |role: &str, kind: &RelMemberType| {
        let mut found = relation.members().filter(|m| m.role().is_ok_and(|known| known == role));
        match (found.next(), found.next()) {
            (Some(only), None) if only.member_type == *kind => Ok(only.member_id),
            _ => Err(NotUnderstood),
        }
    };
    let only = kind.starts_with("only_");
    if !only && !kind.starts_with("no_") {
        return Some(Err(NotUnderstood));
    }
    let read = || {
        let (from, to) = (member("from", &RelMemberType::Way)?, member("to", &RelMemberType::Way)?);
        let via = member("via", &RelMemberType::Node)?;
        Ok(Restriction { from, via, to, only, u_turn: kind == "no_u_turn" })
    };
    Some(read())
}
