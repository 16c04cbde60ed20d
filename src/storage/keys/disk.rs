//! The key file's bytes, and the list of erased people beside it.
//!
//! `keys`: a header page (magic, format, incarnation, look-up key, BLAKE3 of these), then a slot of
//! 32 bytes per person, in blocks. All zeros: erased, or never made. `erased`: one slot number per
//! line, only ever appended to; it is written first, so an erasure cut short is finished at the next open.

use super::{BLOCK, Block};
use crate::storage::{
    Fault,
    files::{create_whole, fault, io_fault, private, sync_dir},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"CALLKEYS";
const FORMAT: u16 = 1;
/// Slots start on a page of their own.
const HEADER_BYTES: usize = 4096;
/// Magic 8, format 2, incarnation 8, look-up key 32; the hash of these follows.
const FIELDS: usize = 50;
const KEY: usize = 32;

#[derive(Clone)]
pub(super) struct Header {
    /// Counts restores: positions and numbers of another incarnation mean nothing here.
    pub incarnation: u64,
    pub lookup: [u8; KEY],
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut page = [0; HEADER_BYTES];
        page[..8].copy_from_slice(MAGIC);
        page[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        page[10..18].copy_from_slice(&self.incarnation.to_le_bytes());
        page[18..FIELDS].copy_from_slice(&self.lookup);
        let hash = blake3::hash(&page[..FIELDS]);
        page[FIELDS..FIELDS + 32].copy_from_slice(hash.as_bytes());
        page
    }

    fn decode(page: &[u8], path: &Path) -> Result<Self, Fault> {
        let broken = || fault(path, "this is no key file, or its head is damaged: restore it from a backup");
        if page.len() < HEADER_BYTES || &page[..8] != MAGIC {
            return Err(broken());
        }
        let format = u16::from_le_bytes([page[8], page[9]]);
        if format > FORMAT {
            let newer = format!("written by a newer version (format {format}, this one reads up to {FORMAT})");
            return Err(fault(path, newer + ": upgrade Callout"));
        }
        if blake3::hash(&page[..FIELDS]).as_bytes() != &page[FIELDS..FIELDS + 32] {
            return Err(broken());
        }
        let mut incarnation = [0; 8];
        incarnation.copy_from_slice(&page[10..18]);
        let mut lookup = [0; KEY];
        lookup.copy_from_slice(&page[18..FIELDS]);
        Ok(Self { incarnation: u64::from_le_bytes(incarnation), lookup })
    }
}

/// Both files, open for writing.
pub(super) struct Disk {
    pub path: PathBuf,
    file: File,
    erased_path: PathBuf,
    erased_file: File,
    /// Every slot ever erased, in this incarnation or before.
    pub erased: BTreeSet<u32>,
}

impl Disk {
    /// Makes a key file with its first block.
    pub(super) fn create(data: &Path, header: &Header, first: &[[u8; KEY]]) -> Result<(), Fault> {
        let path = data.join("keys");
        let bytes = [&header.encode()[..], first.as_flattened()].concat();
        create_whole(&path, &bytes).map_err(|error| io_fault(&path, "make the key file", &error))
    }

    /// Opens both, reads all keys, finishes erasures that were cut short. A last block that is
    /// incomplete is left out: nobody was ever given a key from it.
    pub(super) fn open(data: &Path) -> Result<(Self, Header, Vec<Block>), Fault> {
        let path = data.join("keys");
        let failed = |error: std::io::Error| io_fault(&path, "read the key file", &error);
        let mut file = private().open(&path).map_err(failed)?;
        // What a killed process wrote may still be in the page cache alone.
        file.sync_all().map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let header = Header::decode(&bytes, &path)?;
        let blocks = bytes[HEADER_BYTES..].chunks_exact(BLOCK * KEY).map(to_block).collect::<Vec<_>>();
        let erased_path = data.join("erased");
        let (erased_file, erased) = open_erased(&erased_path)?;
        let mut disk = Self { path, file, erased_path, erased_file, erased };
        let blocks = disk.finish_erasures(blocks)?;
        Ok((disk, header, blocks))
    }

    fn finish_erasures(&mut self, mut blocks: Vec<Block>) -> Result<Vec<Block>, Fault> {
        for slot in self.erased.clone() {
            let Some(block) = blocks.get_mut(slot as usize / BLOCK) else { continue };
            let key = &mut block[slot as usize % BLOCK];
            if *key != [0; KEY] {
                *key = [0; KEY];
                self.wipe(slot)?;
            }
        }
        Ok(blocks)
    }

    /// Writes a whole block and fsyncs it.
    pub(super) fn append(&mut self, index: usize, block: &[[u8; KEY]]) -> Result<(), Fault> {
        self.write(index * BLOCK, block.as_flattened(), "add keys")
    }

    /// Lists the slots as erased, then overwrites them: an fsync for each of the two, however many they are.
    pub(super) fn erase(&mut self, slots: &BTreeSet<u32>) -> Result<(), Fault> {
        let fresh: Vec<u32> = slots.difference(&self.erased).copied().collect();
        if !fresh.is_empty() {
            let lines = fresh.iter().fold(String::new(), |lines, slot| lines + &slot.to_string() + "\n");
            let list = &mut self.erased_file;
            let listed = list.write_all(lines.as_bytes()).and_then(|()| list.sync_data());
            listed.map_err(|error| io_fault(&self.erased_path, "list erased people", &error))?;
            self.erased.extend(fresh);
        }
        for slot in slots {
            self.put(*slot as usize, &[0; KEY]).map_err(|error| io_fault(&self.path, "erase a key", &error))?;
        }
        self.file.sync_data().map_err(|error| io_fault(&self.path, "erase keys", &error))
    }

    pub(super) fn write_header(&mut self, header: &Header) -> Result<(), Fault> {
        let write = |file: &mut File| {
            file.rewind()?;
            file.write_all(&header.encode()[..FIELDS + 32])?;
            file.sync_data()
        };
        write(&mut self.file).map_err(|error| io_fault(&self.path, "write the key file's head", &error))
    }

    fn wipe(&mut self, slot: u32) -> Result<(), Fault> {
        self.write(slot as usize, &[0; KEY], "erase a key")
    }

    fn write(&mut self, slot: usize, bytes: &[u8], doing: &str) -> Result<(), Fault> {
        let written = self.put(slot, bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| io_fault(&self.path, doing, &error))
    }

    /// Without an fsync.
    fn put(&mut self, slot: usize, bytes: &[u8]) -> std::io::Result<()> {
        let offset = (HEADER_BYTES + slot * KEY) as u64;
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }
}

fn to_block(bytes: &[u8]) -> Block {
    let mut block = vec![[0; KEY]; BLOCK].into_boxed_slice();
    block.as_flattened_mut().copy_from_slice(bytes);
    block
}

/// Reads the list and cuts off a last line that was not finished: half a number would be another person's.
fn open_erased(path: &Path) -> Result<(File, BTreeSet<u32>), Fault> {
    let failed = |error: std::io::Error| io_fault(path, "read the list of erased people", &error);
    let mut file = private().create(true).truncate(false).open(path).map_err(failed)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64).map_err(failed)?;
    file.seek(SeekFrom::End(0)).map_err(failed)?;
    path.parent().map_or(Ok(()), sync_dir).map_err(failed)?;
    let slots = text[..whole].lines().map(str::parse).collect::<Result<_, _>>();
    let slots = slots.map_err(|_| fault(path, "a line is no slot number: restore the file from a backup"))?;
    Ok((file, slots))
}
