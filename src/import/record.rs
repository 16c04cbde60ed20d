//! CSV records with bounds: RFC 4180 as spreadsheets write it (CRLF, LF or CR, doubled quotes,
//! line breaks inside quotes). A field beyond the limit or a quote that never closes is a fault of
//! its record, not of the file, and never more than the limit is held in memory.

use super::{MAX_FIELD_BYTES, MAX_FIELDS};
use std::io::{self, BufRead};

/// One record; reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) fault: Option<Fault>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The field with this index, from 0.
    FieldTooLong(usize),
    TooManyFields,
    /// The quote was still open at the end of the file, on this line.
    OpenQuote(u64),
}

pub(super) struct Records<R> {
    input: R,
    line: u64,
    after_cr: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the field was seen yet.
    Start,
    Plain,
    Quoted,
    /// Just after a quote inside quotes: it either closes them or is doubled.
    Quote,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| &self.bytes[self.start(i)..self.ends[i]])
    }

    fn start(&self, i: usize) -> usize {
        if i == 0 { 0 } else { self.ends[i - 1] }
    }

    fn clear(&mut self) {
        self.fault = None;
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() - self.start(self.ends.len()) < MAX_FIELD_BYTES {
            self.bytes.push(byte);
        } else {
            self.fault = self.fault.or(Some(Fault::FieldTooLong(self.ends.len())));
        }
    }

    fn end_field(&mut self) {
        if self.ends.len() < MAX_FIELDS {
            self.ends.push(self.bytes.len());
        } else {
            self.bytes.truncate(self.start(MAX_FIELDS));
            self.fault = self.fault.or(Some(Fault::TooManyFields));
        }
    }
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, after_cr: false }
    }

    /// Lines passed so far.
    pub(super) fn lines(&self) -> u64 {
        self.line - 1
    }

    /// Reads the next record that is no blank line; false at the end.
    pub(super) fn read(&mut self, record: &mut Record) -> io::Result<bool> {
        record.clear();
        let mut state = State::Start;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(finish(record, state, self.line));
            }
            let mut used = 0;
            let mut complete = false;
            for &byte in chunk {
                used += 1;
                let breaks = byte == b'\r' || byte == b'\n';
                let second_half = byte == b'\n' && self.after_cr;
                self.after_cr = byte == b'\r';
                let inside = state == State::Quoted;
                if state == State::Start && record.ends.is_empty() {
                    record.line = self.line;
                }
                self.line += u64::from(breaks && !second_half);
                if breaks && !inside {
                    let blank = state == State::Start && record.ends.is_empty();
                    if !blank {
                        record.end_field();
                        complete = true;
                        break;
                    }
                } else {
                    state = step(record, state, byte);
                }
            }
            self.input.consume(used);
            if complete {
                return Ok(true);
            }
        }
    }
}

/// One byte that does not end the record.
fn step(record: &mut Record, state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Start, b'"') => State::Quoted,
        (State::Quoted, b'"') => State::Quote,
        (State::Quoted, _) | (State::Quote, b'"') => {
            record.push(byte);
            State::Quoted
        }
        (State::Start | State::Plain | State::Quote, b',') => {
            record.end_field();
            State::Start
        }
        (State::Start | State::Plain | State::Quote, _) => {
            record.push(byte);
            State::Plain
        }
    }
}

fn finish(record: &mut Record, state: State, line: u64) -> bool {
    if state == State::Start && record.ends.is_empty() {
        return false;
    }
    if state == State::Quoted {
        record.fault = Some(Fault::OpenQuote(line));
    }
    record.end_field();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<(u64, Vec<Vec<u8>>, Option<Fault>)> {
        // A tiny buffer, so that every state also meets the end of a chunk.
        let mut records = Records::new(io::BufReader::with_capacity(3, text));
        let mut record = Record::default();
        let mut all = Vec::new();
        while records.read(&mut record).unwrap() {
            all.push((record.line, record.fields().map(<[u8]>::to_vec).collect(), record.fault));
        }
        all
    }

    fn fields(text: &str) -> Vec<Vec<String>> {
        let utf8 = |field| String::from_utf8(field).unwrap();
        read(text.as_bytes()).into_iter().map(|(_, fields, _)| fields.into_iter().map(utf8).collect()).collect()
    }

    #[test]
    fn quotes_line_breaks_and_all_line_endings() {
        assert_eq!(fields("a,b\r\n1,2\n3,4\r5,6"), [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]);
        assert_eq!(fields("\"a,\"\"b\"\"\",\"c\r\nd\"\n"), [["a,\"b\"", "c\r\nd"]]);
        assert_eq!(fields("5\" pipe,\"\"\n\n\r\n,\n"), [["5\" pipe", ""], ["", ""]]);
    }

    #[test]
    fn records_know_the_line_they_begin_on() {
        let lines: Vec<u64> = read(b"h\r\n\r\n\"x\r\ny\"\r\nz\r\n").into_iter().map(|(line, _, _)| line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn a_field_of_five_megabytes_is_a_fault_of_its_record_alone() {
        let text = format!("a,b\n1,\"{}\"\n3,4\n", "x".repeat(5_000_000));
        let mut records = Records::new(text.as_bytes());
        let mut record = Record::default();
        let mut faults = Vec::new();
        while records.read(&mut record).unwrap() {
            faults.push((record.line, record.fault));
            assert!(record.bytes.capacity() <= 2 * (MAX_FIELD_BYTES + 16));
        }
        assert_eq!(faults, [(1, None), (2, Some(Fault::FieldTooLong(1))), (3, None)]);
    }

    #[test]
    fn endless_columns_and_open_quotes_are_faults() {
        let wide = ",".repeat(5_000_000);
        assert_eq!(read(wide.as_bytes())[0].2, Some(Fault::TooManyFields));
        assert_eq!(read(b"a\n\"b\nc\n")[1].2, Some(Fault::OpenQuote(4)));
    }

    proptest! {
        /// Any bytes at all give the records that the `csv` crate gives.
        #[test]
        fn reads_what_another_reader_reads(text in "[ab\",\r\n]{0,60}") {
            let mut other = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<Vec<u8>>> =
                other.byte_records().map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
            let found: Vec<Vec<Vec<u8>>> = read(text.as_bytes()).into_iter().map(|(_, fields, _)| fields).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
