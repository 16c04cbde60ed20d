//! Where ZIP codes lie: read at the start from `places.csv` in the data directory, replaced as a whole
//! by an import. A lookup never waits for a file.

use crate::{
    domain::place::Place,
    import::{ImportError, ZipIndex},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

const FILE: &str = "places.csv";

/// Cheap to clone; all clones see a replacement.
#[derive(Clone)]
pub struct Zips {
    path: PathBuf,
    index: Arc<RwLock<Arc<ZipIndex>>>,
}

impl Zips {
    /// The centroids of this data directory; none when nobody imported any.
    pub fn open(data: &Path) -> Result<Self, ImportError> {
        let path = data.join(FILE);
        let index = ZipIndex::load(&path)?;
        Ok(Self { path, index: Arc::new(RwLock::new(Arc::new(index))) })
    }

    #[must_use]
    pub fn find(&self, zip: &str) -> Option<Place> {
        self.lock().find(zip)
    }

    fn lock(&self) -> Arc<ZipIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn present(&self) -> ZipIndex {
        ZipIndex::clone(&self.lock())
    }

    /// Saves the file first (whole or not at all), then answers from it.
    pub(super) fn replace(&self, index: ZipIndex) -> io::Result<()> {
        index.save(&self.path)?;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
        Ok(())
    }
}
