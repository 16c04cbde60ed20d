//! Proves the chain: every record from the first to the head, in order, each on top of the one before.

use super::{Head, JournalError, JournalReader, Record, frame};
use crate::domain::ids::Seq;

/// Read at once: bounds memory, bytes.
const STEP_BYTES: usize = 4 << 20;
const STEP_RECORDS: usize = 4096;

/// What was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    pub records: u64,
    /// Sequence numbers covered.
    pub events: u64,
    pub body_bytes: u64,
    pub head: Head,
}

/// Walks the journal up to its head at the time of the call and recomputes every hash. `progress`
/// gets the next sequence and the head's, now and then. The first damage is the error.
pub fn verify(reader: &dyn JournalReader, progress: &mut dyn FnMut(Seq, Seq)) -> Result<Verified, JournalError> {
    verify_past(reader, progress, &mut |_| {})
}

/// The same; `passed` gets each head on the way.
pub fn verify_past(
    reader: &dyn JournalReader,
    progress: &mut dyn FnMut(Seq, Seq),
    passed: &mut dyn FnMut(Head),
) -> Result<Verified, JournalError> {
    let end = reader.head()?;
    let mut walk = Verified { records: 0, events: 0, body_bytes: 0, head: Head { next_seq: 1, hash: frame::GENESIS } };
    let mut buffer = Vec::new();
    let mut last = None;
    while walk.head.next_seq < end.next_seq {
        let seq = walk.head.next_seq;
        // From the last record already seen: a read checks each of its records against the one before.
        let step = reader.read(last.unwrap_or(seq), STEP_RECORDS, STEP_BYTES)?;
        let fresh = step.iter().skip_while(|record| record.first_seq < seq);
        for record in fresh.take_while(|record| record.first_seq < end.next_seq) {
            add(&mut walk, record, &mut buffer)?;
            passed(walk.head);
            last = Some(record.first_seq);
        }
        if walk.head.next_seq == seq {
            return Err(damage(seq, "the journal ends before its head"));
        }
        progress(walk.head.next_seq, end.next_seq);
    }
    if walk.head != end {
        return Err(damage(walk.head.next_seq, "the chain does not lead to the head's hash"));
    }
    Ok(walk)
}

fn add(walk: &mut Verified, record: &Record, buffer: &mut Vec<u8>) -> Result<(), JournalError> {
    if record.first_seq != walk.head.next_seq {
        return Err(damage(record.first_seq, &format!("records from {} on are missing before it", walk.head.next_seq)));
    }
    buffer.clear();
    walk.head.hash = frame::encode(record, &walk.head.hash, buffer);
    walk.head.next_seq += Seq::from(record.count);
    walk.records += 1;
    walk.events += u64::from(record.count);
    walk.body_bytes += record.bytes.len() as u64;
    Ok(())
}

fn damage(seq: Seq, what: &str) -> JournalError {
    JournalError::Damaged { path: "journal".into(), seq, what: what.into() }
}
