//! Copies a journal while it is being written, up to one consistent head.
//!
//! Closed segments are copied as they are, the newest one record by record. Must hold: the copy
//! opens as a journal that ends at the head that was asked for; a copy cut short is finished by
//! the next one, which copies only what is new. An earlier copy in the same folder stays one at every
//! moment: each file is made aside and renamed over the one that it goes on from.

use super::{
    Head, JournalError, JournalReader,
    disk::{Medium, unreadable, write_error},
    frame,
    reader::{RedbReader, Shared},
    segment::{self, Predecessor, Segment},
};
use crate::{domain::ids::Seq, storage::files::sync_dir};
use redb::Durability;
use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

/// Page cache while copying, bytes.
const CACHE_BYTES: usize = 4 << 20;
const STEP_BYTES: usize = 4 << 20;
/// Where the newest segment is made.
const ASIDE: &str = "newest.new";

/// A handle for copying the journal from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Archive(pub(super) Arc<Shared>);

impl Archive {
    /// Copies all up to the present head into the folder `target` (made when absent) and fsyncs it;
    /// returns that head. `progress` gets the next sequence and the head's, now and then.
    pub fn copy_to(&self, target: &Path, progress: &mut dyn FnMut(Seq, Seq)) -> Result<Head, JournalError> {
        let (closed, active_first, head) = {
            let state = self.0.read();
            (state.closed.clone(), state.active_first, state.head)
        };
        let failed = |error: io::Error| super::disk::read_error(target, error.into());
        fs::create_dir_all(target).map_err(failed)?;
        for one in &closed {
            progress(one.first_seq, head.next_seq);
            if segment::open_closed(target, *one, CACHE_BYTES).is_err() {
                copy_file(&self.0.dir, target, one.first_seq).map_err(failed)?;
            }
        }
        self.copy_newest(target, active_first, &closed, head, progress)?;
        remove_others(target, active_first, &closed).map_err(failed)?;
        sync_dir(target).map_err(failed)?;
        Ok(head)
    }

    fn copy_newest(
        &self,
        target: &Path,
        first_seq: Seq,
        closed: &[Predecessor],
        head: Head,
        progress: &mut dyn FnMut(Seq, Seq),
    ) -> Result<(), JournalError> {
        let medium = Medium::new(CACHE_BYTES);
        let failed = |error| write_error(&medium, &error);
        let aside = target.join(ASIDE);
        empty(&aside).map_err(|error| failed(error.into()))?;
        let copy = Segment::create(&aside, first_seq, closed, &medium).map_err(failed)?;
        let reader = RedbReader(Arc::clone(&self.0));
        let mut at = Head { next_seq: first_seq, hash: closed.last().map_or(frame::GENESIS, |last| last.hash) };
        while at.next_seq < head.next_seq {
            let records = reader.read(at.next_seq, usize::MAX, STEP_BYTES)?;
            if records.is_empty() {
                break;
            }
            let mut frames = Vec::with_capacity(records.len());
            for record in records.iter().take_while(|record| record.first_seq < head.next_seq) {
                let mut bytes = Vec::new();
                at.hash = frame::encode(record, &at.hash, &mut bytes);
                at.next_seq += Seq::from(record.count);
                frames.push((record.first_seq, bytes));
            }
            let frames = frames.iter().map(|(seq, bytes)| (*seq, bytes.as_slice()));
            copy.append(frames, Durability::Immediate).map_err(failed)?;
            progress(at.next_seq, head.next_seq);
        }
        copy.pause().map_err(failed)?;
        if at != head {
            return Err(unreadable(target, "the copy does not end at the journal's head"));
        }
        let placed = fs::rename(segment::path_of(&aside, first_seq), segment::path_of(target, first_seq));
        placed.and_then(|()| fs::remove_dir_all(&aside)).map_err(|error| failed(error.into()))
    }
}

/// A folder with nothing in it.
fn empty(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir(dir),
    }
}

fn copy_file(dir: &Path, target: &Path, first_seq: Seq) -> io::Result<()> {
    let path = segment::path_of(target, first_seq);
    let aside = path.with_extension("new");
    fs::copy(segment::path_of(dir, first_seq), &aside)?;
    File::open(&aside)?.sync_all()?;
    fs::rename(aside, path)
}

/// Whatever else lies there belongs to no journal that this one goes on from.
fn remove_others(target: &Path, newest: Seq, closed: &[Predecessor]) -> io::Result<()> {
    for name in segment::list(target)? {
        if name != newest && closed.binary_search_by_key(&name, |one| one.first_seq).is_err() {
            fs::remove_file(segment::path_of(target, name))?;
        }
    }
    Ok(())
}
