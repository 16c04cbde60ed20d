//! What a budget is spent on: one slow cooling, or several and then children of what they found.
//!
//! Must hold: any budget ends cold, and what comes next depends on shares of the budget alone.

/// Rounds per visit from which on one cooling after the other is better than a slower one.
const ENOUGH: f64 = 3_500.0;
/// Rounds per visit of one cooling then, and of a child.
const COOLING: f64 = 1_500.0;
const CHILD: f64 = 600.0;
/// Share of the budget for the coolings.
const COOLINGS: f64 = 0.4;
const MOST: f64 = 1_000.0;

/// How the budget is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Schedule {
    coolings: f64,
    children: f64,
    /// Share of the budget after which children begin.
    from: f64,
}

/// A stretch of the budget, from hot to cold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stage {
    /// Counted from the beginning.
    pub(super) number: u32,
    pub(super) is_child: bool,
    /// Share of it that is over.
    pub(super) cooled: f64,
}

impl Schedule {
    /// For a budget of so many rounds per visit.
    pub(super) fn new(rounds_per_visit: f64) -> Self {
        if rounds_per_visit < ENOUGH {
            return Self { coolings: 1.0, children: 0.0, from: 1.0 };
        }
        Self {
            coolings: (COOLINGS * rounds_per_visit / COOLING).floor().clamp(2.0, MOST),
            children: ((1.0 - COOLINGS) * rounds_per_visit / CHILD).floor().clamp(1.0, MOST),
            from: COOLINGS,
        }
    }

    /// Whether children follow the coolings.
    pub(super) fn has_children(&self) -> bool {
        self.children > 0.0
    }

    pub(super) fn stage(&self, share: f64) -> Stage {
        let is_child = share >= self.from;
        let (before, count, over) = if is_child {
            (self.coolings as u32, self.children, (share - self.from) / (1.0 - self.from))
        } else {
            (0, self.coolings, share / self.from)
        };
        let over = over * count;
        Stage { number: before + over as u32, is_child, cooled: over.fract() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All stages of a budget, looked at a thousand times.
    fn stages(rounds_per_visit: f64) -> Vec<Stage> {
        let schedule = Schedule::new(rounds_per_visit);
        (0..1_000).map(|look| schedule.stage(f64::from(look) / 1_000.0)).collect()
    }

    #[test]
    fn a_small_budget_is_one_cooling() {
        assert!(stages(100.0).iter().all(|stage| stage.number == 0 && !stage.is_child));
    }

    #[test]
    fn any_budget_ends_cold() {
        for rounds_per_visit in [0.0, 100.0, 3_500.0, 20_000.0] {
            let last = stages(rounds_per_visit)[999];
            assert!(last.cooled > 0.95, "{rounds_per_visit}: {last:?}");
        }
    }

    #[test]
    fn a_large_budget_cools_several_times_and_then_has_children() {
        let stages = stages(15_000.0);
        let coolings = stages.iter().filter(|stage| !stage.is_child).map(|stage| stage.number).max();
        assert_eq!(coolings, Some(3));
        assert!(stages.is_sorted_by_key(|stage| (stage.is_child, stage.number)));
        assert_eq!(stages[999].number, 4 + 15 - 1);
    }
}
