//! A region: area, time zone, ZIP masks, settings. The code goes into ticket numbers and is never
//! given to another region.

use super::{
    ids::{RegionId, Version},
    number::RegionCode,
    place::Geometry,
    settings::RegionSettings,
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
}

impl Region {
    pub fn apply(&mut self, event: &RegionEvent) {
        let version = self.version + 1;
        match event {
            RegionEvent::Written(region) => *self = (**region).clone(),
            RegionEvent::Parked(why) => self.parked = Some(why.clone()),
            RegionEvent::Unparked => self.parked = None,
        }
        self.version = version;
    }
}
