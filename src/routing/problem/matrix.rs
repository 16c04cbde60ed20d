//! Travel between all places of a problem, for one profile.

/// A duration or distance that says "there is no way".
pub const UNREACHABLE: i64 = i64::MAX;

/// Square tables, row by row: from row to column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    pub size: u32,
    /// In the problem's unit of time.
    pub durations: Vec<i64>,
    /// In any unit; its weight makes it a cost.
    pub distances: Vec<i64>,
}

impl Matrix {
    /// A matrix of which every cell is computed, durations and distances in one go.
    #[must_use]
    pub fn of(size: u32, leg: impl Fn(u32, u32) -> (i64, i64)) -> Self {
        let cells = (0..size).flat_map(|from| (0..size).map(move |to| (from, to)));
        let (durations, distances) = cells.map(|(from, to)| leg(from, to)).unzip();
        Self { size, durations, distances }
    }

    fn cell(&self, from: u32, to: u32) -> usize {
        from as usize * self.size as usize + to as usize
    }

    #[must_use]
    pub fn duration(&self, from: u32, to: u32) -> i64 {
        self.durations[self.cell(from, to)]
    }

    #[must_use]
    pub fn distance(&self, from: u32, to: u32) -> i64 {
        self.distances[self.cell(from, to)]
    }
}
