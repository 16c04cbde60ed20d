//! Snapshots: derived files that follow the journal, one per region and the directory. They can be
//! deleted and are rebuilt; nothing is answered from them that the journal does not say.

mod claims;
mod directory;
mod file;
pub(super) mod keys;
mod manner;
mod region;
pub(super) mod rounds;

pub(super) use directory::{DirectoryDirty, DirectoryFile, Loaded};
pub(super) use file::History;
pub(super) use manner::Manner;
pub(super) use region::{Dirty, RegionFile};

use super::{
    Fault,
    files::{io_fault, sync_dir},
    overlay::{read, write},
};
use crate::domain::ids::{RegionId, Seq};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// The budget is divided among at least so many region files, for those that are yet to come.
const MIN_SHARES: usize = 16;

/// All snapshot files of a cell.
pub(super) struct Snapshots {
    dir: PathBuf,
    /// Page cache of one region's file, bytes.
    share: usize,
    history: History,
    pub(super) directory: DirectoryFile,
    regions: RwLock<BTreeMap<RegionId, Arc<RegionFile>>>,
}

/// What was found at open.
pub(super) struct Found {
    pub(super) loaded: Loaded,
    /// What the directory has applied; 0 when it must be rebuilt.
    pub(super) directory: Seq,
    /// What each region's file has applied by its own word; 0 when it must be rebuilt.
    pub(super) regions: BTreeMap<RegionId, Seq>,
}

impl Snapshots {
    /// Opens all files of `dir` (the cell's), making what is missing. `cache_bytes` is for all together.
    pub(super) fn open(
        dir: &Path,
        cache_bytes: usize,
        history: History,
        sealer: &super::Sealer,
    ) -> Result<(Self, Found), Fault> {
        let folder = dir.join("regions");
        fs::create_dir_all(&folder).map_err(|error| io_fault(&folder, "make the folder", &error))?;
        sync_dir(dir).map_err(|error| io_fault(dir, "sync the folder", &error))?;
        let (directory, applied) = DirectoryFile::open(dir.join("directory.redb"), cache_bytes / 3, history)?;
        let applied = applied.unwrap_or(0);
        let loaded = if applied == 0 { Loaded::default() } else { directory.load(sealer)? };
        let mut ids: BTreeSet<RegionId> = loaded.applied.keys().cloned().collect();
        ids.extend(list(&folder)?);
        let share = cache_bytes / 3 * 2 / ids.len().max(MIN_SHARES);
        let at_least = |id: &RegionId| loaded.applied.get(id).copied().unwrap_or(0);
        let opened = open_all(&ids, |id| RegionFile::open(path_of(dir, id), id.clone(), share, history, at_least(id)))?;
        let mut regions = BTreeMap::new();
        let mut files = BTreeMap::new();
        for (id, (file, applied)) in opened {
            regions.insert(id.clone(), applied.unwrap_or(0));
            files.insert(id, Arc::new(file));
        }
        let found = Found { loaded, directory: applied, regions };
        Ok((Self { dir: dir.into(), share, history, directory, regions: RwLock::new(files) }, found))
    }

    pub(super) fn region(&self, id: &RegionId) -> Option<Arc<RegionFile>> {
        read(&self.regions).get(id).map(Arc::clone)
    }

    /// All, by id.
    pub(super) fn regions(&self) -> Vec<(RegionId, Arc<RegionFile>)> {
        read(&self.regions).iter().map(|(id, file)| (id.clone(), Arc::clone(file))).collect()
    }

    /// The region's file, made when it has none. Only the snapshot thread calls this.
    fn region_or_make(&self, id: &RegionId) -> Result<Arc<RegionFile>, Fault> {
        if let Some(file) = self.region(id) {
            return Ok(file);
        }
        let (file, _) = RegionFile::open(path_of(&self.dir, id), id.clone(), self.share, self.history, 0)?;
        let file = Arc::new(file);
        write(&self.regions).insert(id.clone(), Arc::clone(&file));
        Ok(file)
    }
}

fn path_of(dir: &Path, id: &RegionId) -> PathBuf {
    dir.join("regions").join(format!("{id}.redb"))
}

fn list(folder: &Path) -> Result<Vec<RegionId>, Fault> {
    let failed = |error: std::io::Error| io_fault(folder, "list the snapshots", &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".redb"));
        found.extend(id.and_then(|id| RegionId::parse(id).ok()));
    }
    Ok(found)
}

/// Opening waits for the disk: as many at a time as there are cores.
fn open_all<T: Send>(
    ids: &BTreeSet<RegionId>,
    open: impl Fn(&RegionId) -> Result<T, Fault> + Sync,
) -> Result<Vec<(RegionId, T)>, Fault> {
    let queue = Mutex::new(ids.iter());
    let opened = Mutex::new(Vec::with_capacity(ids.len()));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, NonZero::get).min(8) {
            scope.spawn(|| {
                while let Some(id) = next() {
                    let file = open(id).map(|file| (id.clone(), file));
                    opened.lock().unwrap_or_else(PoisonError::into_inner).push(file);
                }
            });
        }
    });
    opened.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
}
