//! ZIP centroids: where a ticket without coordinates is. Read from files of the form
//! `zip,latitude,longitude,...` and kept as a plain file of the same form.

use super::{
    ImportError, Progress, Renames, Source,
    fields::{degrees, shown, zip},
    report::{Findings, Report},
    table::{Column, Row, Table, column},
};
use crate::domain::place::Place;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

const FORMAT: &[Column] = &[
    column("zip", &["zipcode", "zip_code", "postal_code"]),
    column("latitude", &["lat"]),
    column("longitude", &["lon", "lng"]),
];

/// Yields `(zip, centroid)` in the file's order; refused rows are in the report. An error ends it.
pub struct Places {
    table: Table,
    report: Report,
    progress: Progress,
}

impl Places {
    /// Reads the header; other columns (city, state, county) are ignored.
    pub fn open(source: Source, columns: &Renames) -> Result<Self, ImportError> {
        let mut report = Report::new("places", "line");
        let progress = source.progress();
        let table = Table::open(source, FORMAT, &[&["zip"], &["latitude"], &["longitude"]], columns, &mut report)?;
        Ok(Self { table, report, progress })
    }

    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What happened so far; whole when the iterator has ended.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    fn read(&mut self) -> Result<Option<(String, Place)>, ImportError> {
        while let Some((row, mut findings)) = self.table.next(&mut self.report)? {
            let found = centroid(&row, &mut findings);
            if let (true, Some(found)) = (self.report.settle(findings), found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Iterator for Places {
    type Item = Result<(String, Place), ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// None only when something was refused.
fn centroid(row: &Row<'_>, findings: &mut Findings) -> Option<(String, Place)> {
    let zip = zip(row, "zip", findings);
    if zip.is_none() && !findings.refused() {
        findings.refuse("zip", "no_zip", "no ZIP code");
    }
    let (lat, lon) = (degrees(row, "latitude", findings), degrees(row, "longitude", findings));
    let (Some(lat), Some(lon)) = (lat, lon) else {
        if !findings.refused() {
            findings.refuse("latitude", "no_place", "a ZIP needs its coordinates");
        }
        return None;
    };
    match Place::new(lat, lon) {
        Ok(place) if (lat, lon) != (0.0, 0.0) => Some((zip?, place)),
        Ok(_) => {
            findings.refuse("latitude", "no_place", format!("ZIP {} at 0,0", shown(row.get("zip"))));
            None
        }
        Err(why) => {
            findings.refuse("latitude", "bad_coordinate", format!("{lat},{lon}: {why}"));
            None
        }
    }
}

/// ZIP code -> centroid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZipIndex(BTreeMap<String, Place>);

impl ZipIndex {
    /// The later of two centroids of one ZIP stays.
    pub fn insert(&mut self, zip: String, place: Place) {
        self.0.insert(zip, place);
    }

    /// Of `02131` as of `02131-1234`.
    #[must_use]
    pub fn find(&self, zip: &str) -> Option<Place> {
        let zip = zip.trim();
        self.0.get(zip).or_else(|| self.0.get(zip.split_once('-')?.0)).copied()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what [`ZipIndex::save`] wrote; a file that is not there is an empty index. Rows that do
    /// not read are an error: nobody edits this file but `save`.
    pub fn load(path: &Path) -> Result<Self, ImportError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let source = Source::file(path)?;
        let name = source.name().to_owned();
        let mut places = Places::open(source, &Renames::default())?;
        let index = Self(places.by_ref().collect::<Result<_, _>>()?);
        match places.report().refused_rows() {
            0 => Ok(index),
            refused => Err(ImportError::Damaged {
                name,
                lines: places.report().accepted,
                why: format!("{refused} rows are no ZIP centroids"),
            }),
        }
    }

    /// Replaces the file at once: written beside it, flushed to disk, renamed over it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("tmp");
        let mut out = BufWriter::new(File::create(&beside)?);
        writeln!(out, "zip,latitude,longitude")?;
        for (zip, place) in &self.0 {
            writeln!(out, "{},{:.6},{:.6}", quoted(zip), place.lat(), place.lon())?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)?;
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => File::open(parent)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, Place)>, Report) {
        let source = Source::bytes("z.csv", text.as_bytes().to_vec()).unwrap();
        let mut places = Places::open(source, &Renames::default()).unwrap();
        let found = places.by_ref().map(Result::unwrap).collect();
        (found, places.into_report())
    }

    #[test]
    fn zips_get_their_zeros_back_and_bad_rows_are_named() {
        let (found, report) =
            read("zip,latitude,longitude,city\n2131,42.3,-71.1,X\n02132,91,0,Y\n,1,2,Z\n02133,0,0,W\n02134,,,V\n");
        assert_eq!(found, [("02131".to_owned(), Place::new(42.3, -71.1).unwrap())]);
        let kinds: Vec<(u64, &str)> = report.problems.iter().map(|p| (p.line, p.kind)).collect();
        let expected = [(2, "zip_padded"), (3, "bad_coordinate"), (4, "no_zip"), (5, "no_place"), (6, "no_place")];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn an_index_survives_the_disk_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("places.csv");
        assert!(ZipIndex::load(&path).unwrap().is_empty());
        let mut index = ZipIndex::default();
        index.insert("02131".into(), Place::new(42.283_912, -71.144_7).unwrap());
        index.insert("K1A, \"B\"".into(), Place::new(-0.000_001, 179.999_999).unwrap());
        index.save(&path).unwrap();
        index.save(&path).unwrap();
        assert_eq!(ZipIndex::load(&path).unwrap(), index);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(index.find("02131-4321"), index.find("02131"));
        std::fs::write(&path, "zip,latitude,longitude\n02131,x,1\n").unwrap();
        assert!(ZipIndex::load(&path).is_err());
    }
}
