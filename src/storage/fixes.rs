//! The last positions of experts, sealed, in one small file beside the snapshots: so that a restart
//! knows roughly where people are. Not journalled; losing it costs a minute of knowledge.

use super::{
    Fault, Store,
    core::Core,
    files::{create_whole, io_fault},
    recovery,
};
use crate::domain::{fix::Fix, ids::ExpertId, place::Place, time::Timestamp};
use minicbor::{Decode, Encode};
use std::{fs, io, path::PathBuf};

const FILE: &str = "positions";

/// One expert's last position as it lies in the file.
#[derive(Encode, Decode)]
struct Kept {
    #[n(0)]
    expert: ExpertId,
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// What is sealed.
#[derive(Encode, Decode)]
struct Plain {
    #[n(0)]
    place: Place,
    #[n(1)]
    at: Timestamp,
}

impl Store {
    /// Writes these positions in place of what was there. Experts without a profile are left out.
    pub fn keep_fixes(&self, fixes: &[(ExpertId, Fix)]) -> Result<(), Fault> {
        let Some(path) = path(self.core()) else { return Ok(()) };
        let kept: Vec<Kept> = fixes.iter().filter_map(|(expert, fix)| self.core().seal_fix(expert, fix)).collect();
        let bytes = minicbor::to_vec(kept).map_err(|error| super::files::fault(&path, error))?;
        create_whole(&path, &bytes).map_err(|error| io_fault(&path, "write the last positions", &error))
    }

    /// The positions last kept; none when there is no file, it is damaged, or its expert was erased.
    #[must_use]
    pub fn fixes(&self) -> Vec<(ExpertId, Fix)> {
        let Some(path) = path(self.core()) else { return Vec::new() };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the last positions cannot be read");
                return Vec::new();
            }
        };
        let kept: Vec<Kept> = minicbor::decode(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the last positions are damaged and not used");
            Vec::new()
        });
        kept.into_iter().filter_map(|kept| self.core().open_fix(kept)).collect()
    }
}

fn path(core: &Core) -> Option<PathBuf> {
    let (_, options) = core.archive.as_ref()?;
    Some(recovery::cell_dir(options).join(FILE))
}

impl Core {
    fn seal_fix(&self, expert: &ExpertId, fix: &Fix) -> Option<Kept> {
        let person = self.hot.expert(expert)?.personal.person;
        let plain = minicbor::to_vec(Plain { place: fix.place, at: fix.at }).ok()?;
        Some(Kept { expert: expert.clone(), sealed: self.sealer.seal(person, &plain) })
    }

    fn open_fix(&self, kept: Kept) -> Option<(ExpertId, Fix)> {
        let person = self.hot.expert(&kept.expert)?.personal.person;
        let plain = self.sealer.open(person, &kept.sealed).ok()??;
        let Plain { place, at } = minicbor::decode(&plain).ok()?;
        Some((kept.expert, Fix { place, at, accuracy_m: None }))
    }
}
