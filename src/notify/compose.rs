//! One message: what the delivery says, filled into the reader's template. Only what the reader needs:
//! customers learn a first name and a time, experts a title and a place.

use super::{
    House,
    gateway::{Message, SendError},
    templates::{Blanks, Part},
    words::{Moment, moment, time_of_day},
};
use crate::domain::{
    expert::Expert,
    language::Language,
    person::TicketPersonal,
    region::Region,
    ticket::{Audience, Channel, Delivery, DeliveryKind, Ticket},
    time::{Timestamp, zone},
};
use jiff::tz::TimeZone;

/// What a message is composed before.
pub struct Stage<'a> {
    pub region: &'a Region,
    /// Who holds the visit.
    pub expert: Option<&'a Expert>,
    pub now: Timestamp,
}

/// A title in a text, characters.
const TITLE_CHARS: usize = 48;

pub(super) fn compose(
    house: &House,
    ticket: &Ticket,
    delivery: &Delivery,
    stage: &Stage<'_>,
    channel: Channel,
    to: String,
) -> Result<Message, SendError> {
    let personal = ticket.personal.known().ok_or_else(|| SendError::permanent("erased"))?;
    let language = language(house, personal, delivery, stage.region);
    let id = format!("{}.{}", ticket.number, delivery.no);
    let blanks = Blanks {
        company: house.company.clone(),
        number: ticket.number.to_string(),
        title: shortened(&personal.title),
        reference: id.clone(),
        ..Blanks::default()
    };
    let blanks = with_visit(blanks, house, ticket, personal, delivery, stage, language)?;
    let fill = |part| {
        let text = house.templates.fill(language, delivery.kind, part, &blanks);
        text.ok_or_else(|| SendError::passing("template"))
    };
    let (subject, text) = match channel {
        Channel::Email => (Some(fill(Part::Subject)?), fill(Part::Body)?),
        Channel::Sms | Channel::Push => (None, fill(Part::Sms)?),
    };
    let asked = channel == Channel::Sms && house.calls_back;
    let callback = if asked { house.links.callback(&id) } else { None };
    let (ticket, kind, at) = (ticket.number, delivery.kind.name(), stage.now);
    Ok(Message { id, ticket, kind, channel, to, subject, text, at, callback })
}

fn language(house: &House, personal: &TicketPersonal, delivery: &Delivery, region: &Region) -> Language {
    let own = match delivery.to {
        Audience::Customer => personal.contact.language,
        Audience::Expert(_) => None,
    };
    own.or(region.settings.language).unwrap_or(house.language)
}

/// Fills in what this kind of message tells about the visit.
fn with_visit(
    mut blanks: Blanks,
    house: &House,
    ticket: &Ticket,
    personal: &TicketPersonal,
    delivery: &Delivery,
    stage: &Stage<'_>,
    language: Language,
) -> Result<Blanks, SendError> {
    let not_yet = || SendError::passing("not_ready");
    let zone = zone(&stage.region.time_zone).unwrap_or(TimeZone::UTC);
    let said = |at: Timestamp| moment(at, stage.now, &zone, language);
    let planned = || ticket.visit.planned_start.map(said).ok_or_else(not_yet);
    match delivery.kind {
        DeliveryKind::Opened | DeliveryKind::Cancelled | DeliveryKind::Withdrawn => {}
        DeliveryKind::Survey => blanks.link = house.links.survey(ticket.number),
        DeliveryKind::Arrived => {
            blanks.expert = first_name(stage.expert, language);
            blanks.link = house.links.tracking(ticket).unwrap_or_default();
        }
        DeliveryKind::ExpertFound | DeliveryKind::Delayed => {
            Moment { day: blanks.day, time: blanks.time } = planned()?;
            blanks.expert = first_name(stage.expert, language);
            blanks.link = house.links.tracking(ticket).ok_or_else(not_yet)?;
        }
        DeliveryKind::Offer => {
            Moment { day: blanks.day, time: blanks.time } = planned()?;
            let offer = ticket.visit.offer.as_ref().ok_or_else(not_yet)?;
            blanks.until = to_the_minute(offer.expires_at, &zone, language);
            blanks.place = area(personal, language);
        }
        DeliveryKind::Assignment => {
            Moment { day: blanks.day, time: blanks.time } = planned()?;
            blanks.place = address(personal, language);
        }
    }
    Ok(blanks)
}

pub(super) fn first_name(expert: Option<&Expert>, language: Language) -> String {
    let name = expert
        .and_then(|expert| expert.personal.known())
        .and_then(|personal| personal.name.split_whitespace().next().map(str::to_owned));
    name.unwrap_or_else(|| match language {
        Language::En => "our technician".into(),
        Language::Es => "nuestro t\u{e9}cnico".into(),
    })
}

/// To the minute: an offer that ends at 3:58 is not good until four.
fn to_the_minute(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.civil_in(zone);
    time_of_day(local.hour(), local.minute(), language)
}

/// Enough to decide whether to go there.
fn area(personal: &TicketPersonal, language: Language) -> String {
    let address = personal.address.as_ref();
    let known = address.and_then(|address| address.city.clone().or_else(|| address.zip.clone()));
    known.unwrap_or_else(|| in_the_app(language))
}

/// Enough to go there without the app.
fn address(personal: &TicketPersonal, language: Language) -> String {
    let parts = personal.address.as_ref().map(|address| {
        let parts = [&address.line1, &address.city, &address.zip];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
    });
    parts.filter(|parts| !parts.is_empty()).unwrap_or_else(|| in_the_app(language))
}

fn in_the_app(language: Language) -> String {
    match language {
        Language::En => "place: see the app".into(),
        Language::Es => "lugar: vea la app".into(),
    }
}

fn shortened(title: &str) -> String {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.chars().count() <= TITLE_CHARS {
        return title;
    }
    let start: String = title.chars().take(TITLE_CHARS - 1).collect();
    format!("{}\u{2026}", start.trim_end())
}
