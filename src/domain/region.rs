//! A region: area, time zone, ZIP masks, settings. The code goes into ticket numbers and is never
//! given to another region.

use super::{
    ids::{RegionId, Version},
    number::RegionCode,
    place::Geometry,
    settings::RegionSettings,
    shortage::Shortage,
};
use minicbor::{Decode, Encode};

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Region {
    #[n(0)]
    pub id: RegionId,
    #[n(1)]
    pub version: Version,
    #[n(2)]
    pub code: RegionCode,
    #[n(3)]
    pub name: String,
    /// IANA name; checked when written.
    #[n(4)]
    pub time_zone: String,
    #[n(5)]
    pub geometry: Geometry,
    /// ZIP prefixes: a ticket without coordinates whose ZIP starts with one belongs here.
    #[n(6)]
    pub zips: Vec<String>,
    #[n(7)]
    pub settings: RegionSettings,
    /// Parked with why, until a person unparks it (the automatic pause is not journalled).
    #[n(8)]
    pub parked: Option<String>,
    /// What it said of promises that it will not keep, until a forecast has none.
    #[n(9)]
    pub shortage: Option<Box<Shortage>>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum RegionEvent {
    /// Made or edited: the whole region as it is from now on.
    #[n(0)]
    Written(#[n(0)] Box<Region>),
    #[n(1)]
    Parked(#[n(0)] String),
    #[n(2)]
    Unparked,
    /// Promises will be broken today, and nobody had been told.
    #[n(3)]
    ShortageForeseen(#[n(0)] Box<Shortage>),
    /// A later forecast has none any more.
    #[n(4)]
    ShortageOver,
}

impl Region {
    pub fn apply(&mut self, event: &RegionEvent) {
        let version = self.version + 1;
        match event {
            // An edit says nothing about the day.
            RegionEvent::Written(region) => *self = Self { shortage: self.shortage.take(), ..(**region).clone() },
            RegionEvent::Parked(why) => self.parked = Some(why.clone()),
            RegionEvent::Unparked => self.parked = None,
            RegionEvent::ShortageForeseen(shortage) => self.shortage = Some(shortage.clone()),
            RegionEvent::ShortageOver => self.shortage = None,
        }
        self.version = version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn what_was_said_of_the_day_outlives_an_edit_and_ends_by_its_own_event() {
        let mut region = Region {
            id: RegionId::parse("north").unwrap(),
            version: 1,
            code: RegionCode(1),
            name: "North".into(),
            time_zone: "UTC".into(),
            geometry: Geometry { polygons: Vec::new() },
            zips: Vec::new(),
            settings: RegionSettings::default(),
            parked: None,
            shortage: None,
        };
        let edited = Region { name: "The North".into(), ..region.clone() };
        let (since, first) = (Timestamp(1), Timestamp(2));
        let said = Shortage { since, first, missed: 3, promised: 2, tickets: Vec::new(), saved: 0, help: Vec::new() };
        region.apply(&RegionEvent::ShortageForeseen(Box::new(said.clone())));
        region.apply(&RegionEvent::Written(Box::new(edited)));
        assert_eq!((region.version, region.name.as_str(), region.shortage.as_deref()), (3, "The North", Some(&said)));
        region.apply(&RegionEvent::ShortageOver);
        assert_eq!(region.shortage, None);
    }
}
