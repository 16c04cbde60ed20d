//! CSV as rows with named columns: renames, aliases, encodings, and rows that are no rows.

use super::{
    ImportError, MAX_FIELD_BYTES, MAX_FIELDS, Source,
    fields::shown,
    record::{Fault, Record, Records},
    report::{Findings, Report},
    source::torn,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufReader,
};

/// A column of a format.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// What files in the wild call it; tried in order when neither a rename nor the name fits.
    pub(super) aliases: &'static [&'static str],
}

pub(super) const fn column(name: &'static str, aliases: &'static [&'static str]) -> Column {
    Column { name, aliases }
}

/// What a file calls our columns: `title=category,lat=latitude`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames(BTreeMap<String, String>);

impl Renames {
    /// Parses `OURS=THEIRS` pairs separated by commas. Whether the columns exist shows with the file.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let wrong = |why: String| ImportError::Renames { text: shown(text), why };
        let mut renames = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (ours, theirs) = pair.split_once('=').ok_or_else(|| wrong(format!("'{pair}' is not OURS=THEIRS")))?;
            let (ours, theirs) = (normal(ours), normal(theirs));
            if renames.insert(ours.clone(), theirs).is_some() {
                return Err(wrong(format!("'{ours}' is given twice")));
            }
        }
        Ok(Self(renames))
    }
}

pub(super) struct Table {
    name: String,
    records: Records<BufReader<Source>>,
    record: Record,
    width: usize,
    columns: BTreeMap<&'static str, usize>,
}

/// One row; `get` gives trimmed text, empty when the column is absent.
pub(super) struct Row<'a> {
    pub(super) line: u64,
    values: Vec<String>,
    columns: &'a BTreeMap<&'static str, usize>,
}

impl Row<'_> {
    pub(super) fn get(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.values.get(*at)).map_or("", |value| value.trim())
    }
}

impl Table {
    /// Reads the header. Of each group in `needed` at least one column must be there.
    pub(super) fn open(
        source: Source,
        format: &[Column],
        needed: &[&[&str]],
        renames: &Renames,
        report: &mut Report,
    ) -> Result<Self, ImportError> {
        let name = source.name().to_owned();
        let mut records = Records::new(BufReader::with_capacity(64 * 1024, source));
        let mut record = Record::default();
        if !records.read(&mut record).map_err(|why| torn(&name, 0, why))? {
            return Err(ImportError::Empty { name });
        }
        let header: Vec<String> = record.fields().map(|field| normal(&decode(field).0)).collect();
        let columns = assign(&name, &header, format, renames)?;
        let missing: Vec<String> = needed
            .iter()
            .filter(|group| !group.iter().any(|column| columns.contains_key(column)))
            .map(|group| group.join(" or "))
            .collect();
        if !missing.is_empty() {
            return Err(missing_columns(name, missing, &header));
        }
        let used: BTreeSet<usize> = columns.values().copied().collect();
        report.columns = columns
            .iter()
            .filter(|(ours, at)| header[**at] != **ours)
            .map(|(ours, at)| (*ours, shown(&header[*at])))
            .collect();
        report.ignored = (0..header.len()).filter(|at| !used.contains(at)).map(|at| shown(&header[at])).collect();
        Ok(Self { name, records, record, width: header.len(), columns })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// The next row that is one, with what was mended in reading it; others are refused on the way.
    pub(super) fn next(&mut self, report: &mut Report) -> Result<Option<(Row<'_>, Findings)>, ImportError> {
        loop {
            let read = self.records.read(&mut self.record);
            if !read.map_err(|why| torn(&self.name, self.records.lines(), why))? {
                return Ok(None);
            }
            let mut findings = Findings::new(self.record.line);
            self.check(&mut findings);
            if !findings.refused() {
                break;
            }
            report.settle(findings);
        }
        let mut findings = Findings::new(self.record.line);
        let mut latin = false;
        let values = self.record.fields().map(|field| {
            let (text, mended) = decode(field);
            latin |= mended;
            text
        });
        let values = values.collect();
        if latin {
            findings.mend("row", "not_utf8", "not UTF-8: read as Latin-1");
        }
        Ok(Some((Row { line: self.record.line, values, columns: &self.columns }, findings)))
    }

    fn check(&self, findings: &mut Findings) {
        match self.record.fault {
            Some(Fault::FieldTooLong(at)) => {
                findings.refuse("row", "field_too_long", format!("field {} exceeds {MAX_FIELD_BYTES} bytes", at + 1));
            }
            Some(Fault::TooManyFields) => {
                findings.refuse("row", "column_count", format!("more than {MAX_FIELDS} fields"));
            }
            Some(Fault::OpenQuote(end)) => {
                let why = format!("a quote that opens here never closes: all up to line {end} was read as one field");
                findings.refuse("row", "open_quote", why);
            }
            None if self.record.len() != self.width => {
                let why = format!("{} fields where the header has {}", self.record.len(), self.width);
                findings.refuse("row", "column_count", why);
            }
            None if self.record.fields().all(<[u8]>::is_empty) => {
                findings.refuse("row", "empty_row", "all fields are empty");
            }
            None => {}
        }
    }
}

/// Which of the file's columns is which of ours.
fn assign(
    name: &str,
    header: &[String],
    format: &[Column],
    renames: &Renames,
) -> Result<BTreeMap<&'static str, usize>, ImportError> {
    let find = |wanted: &str| header.iter().position(|column| column == wanted);
    if let Some(ours) = renames.0.keys().find(|ours| !format.iter().any(|column| column.name == ours.as_str())) {
        let known: Vec<&str> = format.iter().map(|column| column.name).collect();
        let why = format!("there is no '{}'; the columns are {}", shown(ours), known.join(", "));
        return Err(ImportError::Renames { text: shown(ours), why });
    }
    let mut columns = BTreeMap::new();
    for column in format {
        let found = match renames.0.get(column.name) {
            Some(theirs) => match find(theirs) {
                Some(at) => Some(at),
                None => return Err(missing_columns(name.to_owned(), vec![theirs.clone()], header)),
            },
            None => find(column.name).or_else(|| column.aliases.iter().find_map(|alias| find(alias))),
        };
        columns.extend(found.map(|at| (column.name, at)));
    }
    Ok(columns)
}

fn missing_columns(name: String, missing: Vec<String>, there: &[String]) -> ImportError {
    let separator = match there {
        [only] if only.contains(';') => Some("semicolons"),
        [only] if only.contains('\t') => Some("tabs"),
        _ => None,
    };
    match separator {
        Some(separator) => ImportError::Separator { name, separator },
        None => ImportError::Columns { name, missing, there: there.iter().map(|column| shown(column)).collect() },
    }
}

fn normal(column: &str) -> String {
    column.trim().to_lowercase()
}

/// What Windows puts where Latin-1 has control characters (0x80 to 0x9f); its files are what calls
/// itself Latin-1 in practice.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// UTF-8, or else Latin-1, in which every byte is a character; the second value tells which.
fn decode(bytes: &[u8]) -> (String, bool) {
    let latin = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(*byte),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (bytes.iter().map(latin).collect(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &[Column] = &[column("id", &["key"]), column("lat", &["latitude"])];

    fn open(text: &[u8], renames: &str) -> Result<(Table, Report), ImportError> {
        let mut report = Report::new("things", "line");
        let source = Source::bytes("f.csv", text.to_vec())?;
        let table = Table::open(source, FORMAT, &[&["id"]], &Renames::parse(renames)?, &mut report)?;
        Ok((table, report))
    }

    fn rows(text: &[u8], renames: &str) -> (Vec<(u64, String, String)>, Report) {
        let (mut table, mut report) = open(text, renames).unwrap();
        let mut rows = Vec::new();
        while let Some((row, findings)) = table.next(&mut report).unwrap() {
            rows.push((row.line, row.get("id").to_owned(), row.get("lat").to_owned()));
            report.settle(findings);
        }
        (rows, report)
    }

    fn error(text: &str, renames: &str) -> String {
        open(text.as_bytes(), renames).err().unwrap().to_string()
    }

    #[test]
    fn columns_come_by_name_by_alias_or_by_rename_in_any_order() {
        let expected = vec![(2, "7".to_owned(), "1.5".to_owned())];
        assert_eq!(rows(b"lat,id\n1.5,7\n", "").0, expected);
        assert_eq!(rows(b"\xef\xbb\xbfKey , Latitude\r\n 7 ,1.5\r\n", "").0, expected);
        let (found, report) = rows(b"a,nr,id\n1.5,7,9\n", "id=nr,lat=a");
        assert_eq!(found, expected);
        assert_eq!(report.ignored, ["id"]);
        assert_eq!(report.columns, BTreeMap::from([("id", "nr".to_owned()), ("lat", "a".to_owned())]));
    }

    #[test]
    fn rows_that_are_none_are_refused_with_their_line() {
        let long = "x".repeat(MAX_FIELD_BYTES + 1);
        let text = format!("id,lat\n1\n2,3,4\n,\n5,{long}\n6,7\n\"8,9\n1,1\n");
        let (found, report) = rows(text.as_bytes(), "");
        assert_eq!(found, [(6, "6".to_owned(), "7".to_owned())]);
        let refused: Vec<(u64, &str)> = report.problems.iter().map(|p| (p.line, p.kind)).collect();
        let expected =
            [(2, "column_count"), (3, "column_count"), (4, "empty_row"), (5, "field_too_long"), (7, "open_quote")];
        assert_eq!(refused, expected);
        assert_eq!((report.rows, report.accepted), (6, 1));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_read_as_latin_1_and_counted() {
        let (found, report) = rows(b"id,lat\nCaf\xe9 \x96,1\nCaf\xc3\xa9 \xe2\x80\x93,1\n", "");
        assert_eq!((found[0].1.as_str(), found[1].1.as_str()), ("Café –", "Café –"));
        assert_eq!(report.mended, BTreeMap::from([("not_utf8", 1)]));
    }

    #[test]
    fn a_header_that_does_not_fit_is_one_clear_error() {
        let missing = error("name,lat\n", "");
        assert_eq!(missing, "f.csv has no column id; it has name, lat. Say which is which with --columns id=ITS_NAME");
        assert!(error("id,lat\n", "lat=breite").contains("has no column breite"));
        assert!(error("id;lat\n1;2\n", "").contains("separated by semicolons"));
        assert!(error("id\n", "ID=a,id=b").contains("given twice"));
        assert!(error("id\n", "colour=a").contains("the columns are id, lat"));
        assert!(error("id\n", "id").contains("is not OURS=THEIRS"));
    }
}
