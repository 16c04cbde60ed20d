//! A region that will not keep its promises says so by itself: which visits will begin too late, from when, and what
//! would help. Where tickets wait a forecast is made from time to time; what it says is told once, and once more
//! when it is over.
//!
//! Must hold: what was told is the region's state in the journal, so a restart tells nothing twice; forecasts are
//! made one at a time on a blocking thread, take a turn among the questions that plan, keep a core busy for a tenth
//! of the time at most, and wait while doors and actors are behind. Never on virtual time: nobody watches there.

use super::{Caller, failure::Failure, inquiry, pulse::monotonic_ms, region, roster, tree::Tree};
use crate::{
    domain::{
        fact::{Fact, State},
        ids::{RegionId, Thing},
        region::{Region, RegionEvent},
        shortage::{Help, NAMED, Shortage},
        time::Timestamp,
    },
    routing::live::forecast::{Forecast, Limit, Miss},
    telemetry::{
        Incident,
        incidents::{Kind, Phase},
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::OwnedSemaphorePermit;

/// How often it is asked whose turn it is, in the machine's time.
const LOOK_MS: i64 = 1_000;
/// After a forecast there is none for so many times as long as it took.
const REST: i64 = 9;
/// With more news and messages waiting in the tree than this, nobody looks ahead.
const BEHIND: usize = 1_000;

/// Whose turn it is. The sentinel's.
pub(super) struct Watch {
    /// When each looks next, by the tree's clock; a region that is not here has not looked yet.
    next: BTreeMap<RegionId, Timestamp>,
    looked_ms: i64,
    /// From then on another forecast may be made; `i64::MAX` while one is.
    rested_ms: Arc<AtomicI64>,
}

/// A forecast that is being made; what ends it, a panic included, ends the turn.
struct Turn {
    began_ms: i64,
    rested_ms: Arc<AtomicI64>,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { next: BTreeMap::new(), looked_ms: 0, rested_ms: Arc::default() }
    }

    /// Begins the forecast that is most overdue, if it is time for one.
    pub(super) fn look(&mut self, tree: &Arc<Tree>) {
        let (every_s, now_ms) = (i64::from(tree.options.forecast_every_s), monotonic_ms());
        let resting = now_ms < self.rested_ms.load(Ordering::Acquire).max(self.looked_ms + LOOK_MS);
        if every_s == 0 || !tree.options.dispatch || resting || is_behind(tree) {
            return;
        }
        self.looked_ms = now_ms;
        let now = tree.clock.now();
        let due = tree.region_handles().into_iter().filter(|handle| self.is_due(handle, now, every_s));
        let first = due.filter(|handle| concerns(tree, handle)).min_by_key(|handle| self.next.get(&handle.id).copied());
        let Some(handle) = first else { return };
        let Ok(permit) = tree.inquiries.clone().try_acquire_owned() else { return };
        self.next.insert(handle.id.clone(), now.plus_s(every_s));
        self.rested_ms.store(i64::MAX, Ordering::Release);
        let turn = Turn { began_ms: now_ms, rested_ms: self.rested_ms.clone(), _permit: permit };
        let (tree, id) = (tree.clone(), handle.id.clone());
        tree.core.clone().spawn_blocking(move || {
            if let Err(failure) = look_ahead(&tree, &id) {
                tracing::warn!(region = %id, %failure, "a region could not look ahead: it tries again in its turn");
            }
            drop(turn);
        });
    }

    /// A clock that was set back makes nobody wait longer than usual.
    fn is_due(&self, handle: &region::Handle, now: Timestamp, every_s: i64) -> bool {
        self.next.get(&handle.id).is_none_or(|next| *next <= now || next.since_s(now) > every_s)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now_ms = monotonic_ms();
        self.rested_ms.store(now_ms + REST * (now_ms - self.began_ms), Ordering::Release);
    }
}

fn is_behind(tree: &Tree) -> bool {
    tree.behind.load(Ordering::Relaxed) + tree.queued.load(Ordering::Relaxed) > BEHIND
}

/// Something waits there, or something was said that may be over.
fn concerns(tree: &Tree, handle: &region::Handle) -> bool {
    let waits = handle.queued.load(Ordering::Relaxed) > 0;
    !handle.id.is_reserved() && (waits || tree.store.region(&handle.id).is_some_and(|region| region.shortage.is_some()))
}

fn look_ahead(tree: &Arc<Tree>, id: &RegionId) -> Result<(), Failure> {
    let (region, now, forecast) = inquiry::ahead(tree, id)?;
    tree.meters.forecasts.add(1);
    let event = match (&region.shortage, foreseen(&forecast, now)) {
        (None, Some(shortage)) => RegionEvent::ShortageForeseen(Box::new(shortage)),
        // With visits that were not looked at nobody can tell that it is over.
        (Some(_), None) if forecast.beyond == 0 => RegionEvent::ShortageOver,
        (None | Some(_), _) => return Ok(()),
    };
    let (thing, before) = (Thing::Region(id.clone()), Some(State::Region(region.clone())));
    let caller = Caller::system();
    let written = roster::write(tree, id.clone(), thing, before, Fact::Region(event.clone()), &caller);
    // An edit that came in between: the next look says it.
    if tree.core.block_on(written)?.is_some() {
        tell(tree, &region, &event);
    }
    Ok(())
}

/// What is not too late yet, and will be; what is too late already was told when it became so.
fn foreseen(forecast: &Forecast, now: Timestamp) -> Option<Shortage> {
    let ahead: Vec<&Miss> = forecast.misses.iter().filter(|miss| miss.until > now).collect();
    let help = forecast.help.as_ref();
    let more = help.into_iter().flat_map(|help| &help.more).map(|more| Help {
        experts: more.experts,
        skills: more.skills.to_vec(),
        from: more.from,
        until: more.until,
    });
    Some(Shortage {
        since: now,
        first: ahead.first()?.until,
        missed: count(ahead.len()),
        promised: count(ahead.iter().filter(|miss| miss.kind == Limit::Promise).count()),
        tickets: ahead.iter().take(NAMED).map(|miss| miss.ticket).collect(),
        saved: help.map_or(0, |help| help.saved),
        help: more.collect(),
    })
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// In the log, in the incidents and in the figures; the live feed has it from the journal.
fn tell(tree: &Tree, region: &Region, event: &RegionEvent) {
    let incident = Incident::new(Kind::Shortage).region(&region.id);
    if let RegionEvent::ShortageForeseen(shortage) = event {
        let Shortage { first, missed, promised, tickets, saved, help, .. } = &**shortage;
        let help: Vec<String> = help.iter().map(wanted).collect();
        let help = if help.is_empty() { "more experts would not help".to_owned() } else { help.join("; ") };
        let tickets = tickets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        tree.meters.shortages.add(1);
        let cause = format!("{missed} visits will begin too late, the first at {first}; {help}: {saved} in time");
        tree.incidents().note(Incident { phase: Phase::Begin, ..incident.cause(&cause) });
        tracing::warn!(region = %region.id, missed, promised, %first, %tickets, %help, saved, "promises will be broken");
    } else {
        tree.incidents().note(Incident { phase: Phase::End, ..incident });
        tracing::info!(region = %region.id, "no promise will be broken any more");
    }
}

fn wanted(help: &Help) -> String {
    let skills = help.skills.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    format!("{} more with {skills} from {} to {}", help.experts, help.from, help.until)
}
