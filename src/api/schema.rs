//! What single values look like in the API document: one named schema per kind of value, with its
//! limits from `settings/limits.rs` and its words from the domain. Bodies and views refer to these, so
//! that a limit is said once. Nothing here is ever constructed.

use super::expert::DAYS;
use crate::{domain::ticket, settings::limits};
use serde_json::json;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{
            Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Ref, Schema, SchemaFormat,
            SchemaType, Type,
        },
    },
};

/// `Name = schema;` gives a type that stands for the schema of that name; its comment describes it.
macro_rules! leaves {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some(concat!($($doc),+).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

/// `Name = [Item; at least, at most];`
macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $name:ident = [$item:ident; $least:expr, $most:expr];)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                list($item::name(), $least, $most).description(Some(concat!($($doc),+).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push(($item::name().into_owned(), $item::schema()));
                $item::schemas(schemas);
            }
        }
    )+};
}

leaves! {
    /// A ticket's number. It can be read out on the phone: the last character checks the others.
    TicketNumber = text(12, 64).examples([json!("0A1-000142-N")]);
    /// A region's id.
    RegionId = id().examples([json!("north")]);
    /// An expert's id.
    ExpertId = id().examples([json!("e-17")]);
    /// A customer's id.
    CustomerId = id().examples([json!("c-2041")]);
    /// A moment: RFC 3339 with an offset. Answers are in UTC; a body may use any offset. Years 1900 to 2199.
    Time = text(1, 64).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples([json!("2026-11-24T09:30:00Z")]);
    /// A day, `2026-12-25`.
    Day = text(10, 10).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples([json!("2026-12-25")]);
    /// A time of day, `08:00`; `24:00` only as an end.
    TimeOfDay = text(5, 5).pattern(Some("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")).examples([json!("08:00")]);
    /// When a shift begins.
    ShiftStart = text(5, 5).pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]$")).examples([json!("08:00")]);
    /// An IANA time zone.
    TimeZone = text(1, limits::WORD_CHARS).examples([json!("America/New_York")]);
    /// A day of the week.
    Weekday = words(DAYS);
    /// Where a ticket is in its life.
    Phase = words(ticket::Phase::ALL.map(ticket::Phase::name));
    /// How far a visit under way has come.
    Step = words(["en_route", "on_site"]);
    /// How urgent it is.
    Priority = words(ticket::Priority::ALL.map(ticket::Priority::name));
    /// How a ticket came in.
    Channel = words(ticket::Source::ALL.map(ticket::Source::name));
    /// Something that a person should know about a ticket.
    Flag = words(ticket::Flag::ALL.map(ticket::Flag::name));
    /// Who acted; `system` is the server itself.
    Role = words(ticket::Role::ALL.map(ticket::Role::name));
    /// A promise is kept, a wish is weighed.
    WindowKind = words(["promise", "wish"]);
    /// What came of a visit.
    VisitOutcome = words(["completed", "cannot_fix", "no_access"]);
    /// Whether an expert still works here.
    ExpertStatus = words(["active", "retired"]);
    /// How a message stands that is on its way or was given up.
    DeliveryStatus = words(ticket::DeliveryStatus::ALL.map(ticket::DeliveryStatus::name));
    /// Why an expert is away.
    AbsenceKind = words(["sick", "leave"]);
    /// A skill, and its level after a colon: `tv` is level 1, `tv:2` level 2; 3 is the highest. Names become
    /// slugs (`Street Lights` is `street-lights`).
    SkillLevel = text(1, 200).examples([json!("tv:2")]);
    /// A skill's name as a slug.
    SkillName = text(1, 64).examples([json!("tv")]);
    /// Letters and digits that a slug is made of (`Street Lights` gives `street-lights`).
    SkillText = text(1, limits::NAME_CHARS).pattern(Some("[A-Za-z0-9]")).examples([json!("Street Lights")]);
    /// A count.
    Count = whole(0, i64::from(u32::MAX));
    /// How well somebody has a skill: 1 can, 2 good, 3 master.
    Level = whole(1, 3);
    /// A title: one line.
    Title = text(1, limits::TITLE_CHARS).examples([json!("No picture")]);
    /// What is wrong, in the customer's words.
    Description = text(0, limits::DESCRIPTION_CHARS).examples([json!("The screen stays black; the sound is there.")]);
    /// A reason, a note, a comment. Card numbers in it are masked.
    Note = text(0, limits::NOTE_CHARS).examples([json!("called back, nobody at home before noon")]);
    /// A reason that has to be given.
    Reason = text(1, limits::NOTE_CHARS).examples([json!("the customer asked for it")]);
    /// A name, a street, a city.
    Name = text(0, limits::NAME_CHARS).examples([json!("Maple Street 12")]);
    /// A name that has to be given.
    FullName = text(1, limits::NAME_CHARS).examples([json!("North")]);
    /// A word: a product, a part.
    Word = text(0, limits::WORD_CHARS).examples([json!("tv-55")]);
    /// A ZIP code.
    Zip = text(0, limits::ZIP_CHARS).examples([json!("02108")]);
    /// A ZIP code or the beginning of one.
    ZipMask = text(1, limits::ZIP_CHARS).pattern(Some("^[A-Za-z0-9 -]*[A-Za-z0-9-][A-Za-z0-9 -]*$")).examples([json!("021")]);
    /// A telephone number: 3 to 15 digits, perhaps with a leading `+`; blanks, dashes, dots, slashes and
    /// brackets are dropped.
    Phone = text(3, limits::PHONE_CHARS).pattern(Some("^\\+?([0-9][ ()./-]{0,2}){2,14}[0-9]$")).examples([json!("+1 617 555 0100")]);
    /// An e-mail address.
    Email = text(3, limits::EMAIL_CHARS).pattern(Some("^[^\\s@]+@[^\\s@.]+(\\.[^\\s@.]+)*$")).examples([json!("name@example.org")]);
    /// The caller's own id of a ticket. Used again, it gives the same ticket.
    ExternalId = text(0, limits::EXTERNAL_ID_CHARS).examples([json!("crm-88120")]);
    /// Degrees north.
    Latitude = degrees(90.0).examples([json!(42.05)]);
    /// Degrees east.
    Longitude = degrees(180.0).examples([json!(-71.15)]);
    /// Metres around a position within which it is right.
    Accuracy = number(0.0, 1e7).examples([json!(12)]);
    /// How long the service takes, seconds.
    Duration = whole(*limits::SERVICE_S.start(), *limits::SERVICE_S.end()).examples([json!(3600)]);
    /// Counts visits or offers of one ticket.
    Ordinal = whole(1, i64::from(u16::MAX)).examples([json!(1)]);
    /// Counts the changes of one thing; its `ETag`.
    Version = whole(0, i64::MAX).examples([json!(7)]);
    /// A place in the journal: grows, and may skip.
    Seq = whole(0, i64::MAX).examples([json!(4711)]);
    /// Visits that an expert may hold at once.
    VisitsAhead = whole(1, 50).examples([json!(3)]);
    /// What somebody is written to in: `en` or `es`, perhaps with a country behind it.
    Language = text(2, limits::LANGUAGE_CHARS).pattern(Some("^([eE][nN]|[eE][sS])([-_][A-Za-z0-9]{1,8})*$")).examples([json!("es")]);
    /// Local time in which customers are left in peace, perhaps over midnight; equal ends mean never.
    QuietHours = text(11, 11).pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"))
        .examples([json!("21:00-08:00")]);
    /// 1 (bad) to 5 (very good).
    Rating = whole(1, 5);
    /// A place in the live feed: opaque; keep it and give it back.
    Position = text(18, 36).pattern(Some("^[0-9a-fA-F]{16}-[0-9]{1,19}$")).examples([json!("0123456789abcdef-4711")]);
    /// Names a delivery for good: however often and by whatever way it comes, it is the same one.
    DeliveryId = text(3, 64).examples([json!("0A1-000142-N.3")]);
    /// An id of the app's own: repeated, the command takes effect once.
    CommandId = text(1, limits::WORD_CHARS).examples([json!("c-7f3a")]);
    /// Items of a page.
    Limit = whole(1, limits::PAGE_ITEMS as i64).default(Some(json!(limits::PAGE_ITEMS_DEFAULT)));
    /// Where a list goes on: the last page's `next_cursor`.
    Cursor = text(0, limits::WORD_CHARS);
    /// What people log in by; capitals are folded.
    AccountName = text(1, 64).pattern(Some("^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")).examples([json!("desk-1")]);
    /// A name as it was typed.
    TypedName = text(1, limits::NAME_CHARS).examples([json!("desk-1")]);
    /// A password as it was typed.
    Password = text(1, 4_096).format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    /// A password to be: long, without the name in it, and none of the first guesses; no other rules.
    NewPassword = text(*limits::PASSWORD_CHARS.start(), *limits::PASSWORD_CHARS.end())
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
    /// Whether anybody can log in to it.
    AccountState = words(["active", "disabled"]);
    /// A role that somebody can have.
    GrantedRole = words(["customer", "clerk", "expert", "dispatcher", "manager", "admin", "portal"]);
    /// Whom somebody stands for: a customer's or an expert's id, else a name for the record.
    Subject = text(1, limits::SUBJECT_CHARS).examples([json!("e-17")]);
    /// A bearer token.
    Token = text(1, 16_384).examples([json!("callout_eyJpZCI6.c2lnbmVk")]);
    /// Names a token in the list.
    TokenId = text(24, 24).pattern(Some("^[0-9a-f]{24}$")).examples([json!("000000000f9a2c1b7d3e5a60")]);
    /// Whether a token holds, and if not, why.
    TokenState = words(["active", "expired", "revoked", "ended"]);
    /// How long a token lives, seconds.
    TokenLife = whole(1, limits::TOKEN_TTL_S).examples([json!(43_200)]);
    /// A folder on the server's machine, from the root.
    Folder = text(1, 4096).pattern(Some("^/")).examples([json!("/var/backups/callout")]);
}

lists! {
    /// Skills, each with its level.
    SkillLevels = [SkillLevel; 0, limits::SKILLS];
    /// At least one skill, each with its level.
    NeededSkills = [SkillLevel; 1, limits::SKILLS];
    /// Parts that were used or are needed.
    Parts = [Word; 0, limits::PARTS];
    /// ZIP codes, or beginnings of them, that belong to a region.
    ZipMasks = [ZipMask; 0, limits::ZIPS];
    /// Regions; none: all of them.
    RegionIds = [RegionId; 0, limits::GRANTED_REGIONS];
    /// Days of the week.
    Weekdays = [Weekday; 1, 7];
    /// Days without service.
    Holidays = [Day; 0, 1_000];
}

/// An expert's skills: `{ "tv": 2 }`, or the list `["tv:2"]`.
pub struct ExpertSkills;

impl PartialSchema for ExpertSkills {
    fn schema() -> RefOr<Schema> {
        let levels = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property_names(Some(Schema::Object(
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some("^[A-Za-z0-9 -]{0,63}[A-Za-z0-9]$"))
                    .build(),
            )))
            .additional_properties(Some(Ref::from_schema_name(Level::name())))
            .max_properties(Some(limits::SKILLS))
            .build();
        let either = OneOfBuilder::new()
            .description(Some("An expert's skills with their levels; a list of skills is taken too."))
            .item(levels)
            .item(list(SkillLevel::name(), 0, limits::SKILLS).build())
            .examples([json!({ "tv": 2, "network": 1 })])
            .build();
        Schema::OneOf(either).into()
    }
}

impl ToSchema for ExpertSkills {
    fn name() -> Cow<'static, str> {
        "ExpertSkills".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((SkillLevel::name().into_owned(), SkillLevel::schema()));
        schemas.push((Level::name().into_owned(), Level::schema()));
    }
}

/// A GeoJSON `Polygon` or `MultiPolygon`.
pub struct Outline;

impl PartialSchema for Outline {
    fn schema() -> RefOr<Schema> {
        let shape = |kind: &str, depth: usize| {
            let number = ObjectBuilder::new().schema_type(Type::Number).build();
            let mut coordinates = Schema::Array(Array::new(number));
            for _ in 0..depth {
                coordinates = Schema::Array(Array::new(coordinates));
            }
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .property("type", words([kind]))
                .required("type")
                .property("coordinates", coordinates)
                .required("coordinates")
                .build()
        };
        let square = json!([[[-71.2, 42.0], [-71.1, 42.0], [-71.1, 42.1], [-71.2, 42.1], [-71.2, 42.0]]]);
        let either = OneOfBuilder::new()
            .description(Some(
                "GeoJSON (RFC 7946): longitude first, rings closed. Outlines that cross themselves are refused.",
            ))
            .item(shape("Polygon", 2))
            .item(shape("MultiPolygon", 3))
            .examples([json!({ "type": "Polygon", "coordinates": square })])
            .build();
        Schema::OneOf(either).into()
    }
}

impl ToSchema for Outline {
    fn name() -> Cow<'static, str> {
        "Outline".into()
    }
}

fn text(least: usize, most: usize) -> ObjectBuilder {
    let least = (least > 0).then_some(least);
    ObjectBuilder::new().schema_type(Type::String).min_length(least).max_length(Some(most))
}

fn id() -> ObjectBuilder {
    text(1, 64).pattern(Some("^[A-Za-z0-9_.:-]{1,64}$"))
}

fn words<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn whole(least: i64, most: i64) -> ObjectBuilder {
    let builder = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least as isize));
    // Versions and the like have no end worth saying.
    if most == i64::MAX { builder } else { builder.maximum(Some(most as isize)) }
}

fn number(least: f64, most: f64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(least)).maximum(Some(most))
}

fn degrees(most: f64) -> ObjectBuilder {
    number(-most, most)
}

fn list(item: Cow<'static, str>, least: usize, most: usize) -> ArrayBuilder {
    let least = (least > 0).then_some(least);
    ArrayBuilder::new().items(Ref::from_schema_name(item)).min_items(least).max_items(Some(most))
}

/// Any JSON.
#[must_use]
pub fn anything(description: &str) -> Object {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(description)).build()
}
