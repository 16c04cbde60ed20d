//! A made-up country: regions in a grid, experts who work round the clock, years of tickets. Built
//! through the store in large batches, without fsync; kept and used again when it is there already.

use crate::{
    Options,
    history::{Call, Story},
};
use callout::{
    domain::{
        decision::Policy,
        expert::{Expert, ExpertEvent, ExpertPersonal},
        fact::{Fact, State},
        ids::{ExpertId, RegionId, Thing},
        number::RegionCode,
        person::Private,
        place::{Geometry, Place, Polygon},
        region::{Region, RegionEvent},
        route::Route,
        settings::{RegionSettings, SlaTarget},
        shift::Shift,
        skill::SkillLevel,
        ticket::Who,
        time::{DAY_S, Timestamp},
    },
    routing::{self, Drives, Evaluation, Terms, VisitSpec},
    storage::{Batch, Change, Durability, Envelope, Store, StoreOptions},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Instant, SystemTime},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) regions: usize,
    pub(crate) experts: usize,
    pub(crate) open: usize,
    pub(crate) closed: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { regions: 50, experts: 2_000, open: 100_000, closed: 1_000_000 };
}

const SKILLS: [&str; 6] = ["tv", "network", "washer", "oven", "fridge", "laptop"];
/// Skills of one expert: half of all, so that an auction asks half of a region's experts.
const SKILLS_EACH: usize = 3;
/// Degrees, about 20 km.
const SIDE: f64 = 0.2;
const COLUMNS: usize = 10;
/// Tickets in one batch.
const PER_BATCH: usize = 200;
/// Visits nobody has room for, after which a team counts as full.
const MISSES: usize = 50;
/// The snapshots are waited for after so many tickets.
const PER_FLUSH: usize = 50_000;

/// As `serve` opens it by default, but for the durability.
pub(crate) fn store_options(data: &Path, durability: Durability) -> StoreOptions {
    let data = data.to_owned();
    StoreOptions { data, cell: "main".into(), durability, cache_bytes: 256 << 20, segment_bytes: 256 << 20, seed: None }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn region_id(region: usize) -> RegionId {
    RegionId::parse(&format!("r{region:02}")).unwrap()
}

/// The corner of a region's square: south, west.
fn corner(region: usize) -> (f64, f64) {
    (40.0 + SIDE * (region / COLUMNS) as f64, -90.0 + SIDE * (region % COLUMNS) as f64)
}

/// The nth of many places spread evenly over a region (Weyl's sequence).
pub(crate) fn place_in(region: usize, nth: usize) -> Place {
    let part = |step: f64| ((nth + 1) as f64 * step).fract() * SIDE;
    let (south, west) = corner(region);
    Place::new(south + part(0.754_877_666), west + part(0.569_840_291)).unwrap()
}

pub(crate) fn geometry(region: usize) -> Geometry {
    let (south, west) = corner(region);
    let (north, east) = (south + SIDE, west + SIDE);
    let ring = [(south, west), (south, east), (north, east), (north, west)];
    let outer = ring.map(|(lat, lon)| Place::new(lat, lon).unwrap()).into();
    Geometry { polygons: vec![Polygon { outer, holes: Vec::new() }] }
}

pub(crate) fn skill(nth: usize) -> SkillLevel {
    SkillLevel::parse(SKILLS[nth % SKILLS.len()]).unwrap()
}

/// Promises so long that none is broken while the data is in use.
fn settings() -> RegionSettings {
    let patient = SlaTarget { respond_s: 300 * DAY_S as u32, resolve_s: 300 * DAY_S as u32 };
    RegionSettings { sla: [patient; 4], ..RegionSettings::default() }
}

pub(crate) fn expert_personal(region: usize, nth: usize) -> ExpertPersonal {
    ExpertPersonal {
        name: format!("Expert {nth}"),
        phone: Some(format!("+1556{region:02}{nth:05}")),
        email: None,
        home: place_in(region, nth * 7),
    }
}

pub(crate) fn expert_skills(nth: usize) -> callout::domain::skill::Skills {
    (0..SKILLS_EACH).map(|more| skill(nth + more)).map(|has| (has.skill, has.level)).collect()
}

pub(crate) fn round_the_clock() -> Vec<Shift> {
    Shift::parse_all("mon-sun 00:00-24:00").unwrap()
}

/// One region with its roster and their routes as they are filled.
pub(crate) struct Team {
    nth: usize,
    pub(crate) region: Arc<Region>,
    pub(crate) experts: Vec<(Arc<Expert>, Arc<Route>)>,
}

impl Team {
    /// Writes region and roster.
    pub(crate) fn found(builder: &mut Builder, nth: usize, experts: usize, visits_ahead: Option<u8>) -> Self {
        let id = region_id(nth);
        let region = Region {
            id: id.clone(),
            version: 0,
            code: RegionCode(u16::try_from(nth).unwrap() + 1),
            name: format!("Region {nth}"),
            time_zone: "America/Chicago".into(),
            geometry: geometry(nth),
            zips: Vec::new(),
            settings: settings(),
            parked: None,
            shortage: None,
        };
        let written = Fact::Region(RegionEvent::Written(Box::new(region)));
        let change = Change::new(id.clone(), Thing::Region(id.clone()), None, vec![written]).unwrap();
        let State::Region(region) = change.after.clone() else { unreachable!("a region was written") };
        builder.add([change]);
        builder.commit();
        let mut team = Self { nth, region, experts: Vec::new() };
        for expert in 0..experts {
            let change = team.join(builder, expert, visits_ahead);
            builder.add([change]);
        }
        builder.commit();
        team
    }

    fn join(&mut self, builder: &Builder, nth: usize, max_visits_ahead: Option<u8>) -> Change {
        let id = ExpertId::parse(&format!("{}-e{nth:04}", self.region.id)).unwrap();
        let expert = Expert {
            id: id.clone(),
            version: 0,
            region: self.region.id.clone(),
            skills: expert_skills(nth),
            personal: Private::new(builder.store.new_person(), expert_personal(self.nth, nth)),
            shifts: round_the_clock(),
            zone: self.region.time_zone.clone(),
            max_visits_ahead,
            retired: false,
            absences: Vec::new(),
            next_absence: 1,
        };
        let written = Fact::Expert(ExpertEvent::Written(Box::new(expert)));
        let change = Change::new(self.region.id.clone(), Thing::Expert(id.clone()), None, vec![written]).unwrap();
        let State::Expert(expert) = change.after.clone() else { unreachable!("an expert was written") };
        self.experts.push((expert, Arc::new(Route::empty(id, self.region.id.clone()))));
        change
    }

    pub(crate) fn call(&self, nth: usize, at: Timestamp) -> Call {
        Call { nth, skill: skill(nth / 7), place: place_in(self.nth, nth), at }
    }

    /// Assigns up to `visits` visits, as long as somebody has room.
    pub(crate) fn fill(&mut self, builder: &mut Builder, visits: usize, at: Timestamp) -> usize {
        let (mut done, mut misses) = (0, 0);
        while done < visits && misses < MISSES {
            let nth = builder.next();
            let story = Story::open(&builder.store, &self.region, self.call(nth, at));
            match story.assigned(&self.region, &mut self.experts, 1) {
                Some(changes) => {
                    builder.add(changes);
                    done += 1;
                }
                None => misses += 1,
            }
        }
        done
    }

    /// Per skill, what an auction now would say of whoever has it.
    fn auctions(&self, at: Timestamp) -> Vec<Evaluation> {
        let settings = &self.region.settings;
        let drives = Drives::new(&settings.travel, &self.region.time_zone, None);
        let terms = Terms { now: at, settings, policy: Policy::Insertion, second_round: false, drives };
        let mut per_skill = Vec::new();
        for needed in 0..SKILLS.len() {
            let need = skill(needed);
            let able = self.experts.iter().filter(|(e, _)| e.skills.contains_key(&need.skill));
            let spec = VisitSpec {
                ticket: callout::domain::ids::TicketNumber::new(self.region.code, 0),
                visit: 1,
                person: callout::domain::ids::PersonId(0),
                place: place_in(self.nth, needed),
                service_s: 1_800,
                window: None,
                due: at.plus_s(DAY_S),
                urgency: 1,
                skills: [need.clone()].into(),
                refused_by: Vec::new(),
                opened_at: at,
            };
            per_skill.push(routing::evaluate(&spec, able.map(|(e, r)| (&**e, &**r, None)), &terms));
        }
        per_skill
    }
}

/// Gathers changes into batches and commits them.
pub(crate) struct Builder {
    pub(crate) store: Store,
    runtime: tokio::runtime::Runtime,
    changes: Vec<Change>,
    made: usize,
    at: Timestamp,
}

impl Builder {
    pub(crate) fn new(store: Store, at: Timestamp) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { store, runtime, changes: Vec::new(), made: 0, at }
    }

    fn next(&mut self) -> usize {
        self.made += 1;
        if self.made.is_multiple_of(PER_FLUSH) {
            self.commit();
            self.store.flush().unwrap();
        }
        self.made
    }

    pub(crate) fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.changes.extend(changes);
        if self.changes.len() >= PER_BATCH {
            self.commit();
        }
    }

    pub(crate) fn commit(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return;
        }
        let envelope = Envelope { at: self.at, who: Who::system(), request_id: None, cause: None, trace_id: None };
        let batch = Batch { envelope, changes, guards: Vec::new(), claims: Vec::new() };
        self.runtime.block_on(self.store.commit(batch)).unwrap();
    }
}

/// The data directory of this size; made when it is not there.
pub(crate) fn ready(options: &Options) -> PathBuf {
    let Size { regions, experts, open, closed } = options.size;
    let data = options.dir.join(format!("country-{regions}-{experts}-{open}-{closed}"));
    let done = data.join("made");
    if !done.exists() {
        drop(fs::remove_dir_all(&data));
        fs::create_dir_all(&data).unwrap();
        make(&data, options.size);
        fs::write(done, "").unwrap();
    }
    data
}

fn make(data: &Path, size: Size) {
    let started = Instant::now();
    let now = now();
    let store = Store::open(store_options(data, Durability::Disposable)).unwrap();
    let mut builder = Builder::new(store.clone(), now);
    let founded = (0..size.regions).map(|nth| Team::found(&mut builder, nth, size.experts / size.regions, None));
    let mut teams: Vec<Team> = founded.collect();
    // Closed ones in the order of time, region by region in turn, over the last year.
    let step_ms = (350 * DAY_S * 1_000) / i64::try_from(size.closed.max(1)).unwrap();
    let first = now.plus_s(-360 * DAY_S);
    let auctions: Vec<_> = teams.iter().map(|team| team.auctions(now)).collect();
    for nth in 0..size.closed {
        let (team, made) = (&teams[nth % teams.len()], builder.next());
        let call = team.call(made, first.plus_ms(step_ms * nth as i64));
        let auction = &auctions[nth % teams.len()][(made / 7) % SKILLS.len()];
        let story = Story::open(&builder.store, &team.region, call).served(&team.region, auction);
        builder.add([story.change()]);
        progress(nth, size.closed, "closed", started);
    }
    let per_region = size.open / size.regions;
    let assigned: Vec<usize> = teams.iter_mut().map(|team| team.fill(&mut builder, per_region, now)).collect();
    for (team, assigned) in teams.iter().zip(assigned) {
        let full = team.auctions(now);
        for waiting in assigned..per_region {
            let nth = builder.next();
            let at = now.plus_s(-3 * DAY_S).plus_ms(waiting as i64 * 100);
            let story = Story::open(&builder.store, &team.region, team.call(nth, at));
            let story = story.waiting(&team.region, &full[(nth / 7) % SKILLS.len()], now.plus_s(200 * DAY_S));
            builder.add([story.change()]);
        }
    }
    builder.commit();
    drop(builder);
    store.close().unwrap();
    eprintln!("made {} in {:.0} s", data.display(), started.elapsed().as_secs_f64());
}

fn progress(nth: usize, of: usize, what: &str, started: Instant) {
    if nth.is_multiple_of(100_000) && nth > 0 {
        eprintln!("{nth} of {of} {what} tickets after {:.0} s", started.elapsed().as_secs_f64());
    }
}
