//! Which handlers are in the document, and the schemas that no handler names: messages of live
//! connections and bodies of a ticket's commands.

use crate::{
    api::{messages, orders, problem::ProblemSchema, schema},
    http::{
        accesses, board, catalogue, channel, customers, document, experts, feed, history, imports, inquiry, insight,
        login, notify, ops, outbox, regions, surveys, tickets, tokens, track, upkeep, users,
    },
};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callout",
        description = "Routes problem tickets to field experts: an accepted ticket is never lost, the right expert comes, and anyone can \
                       find out why.\n\n\
                       JSON in `snake_case`; times are RFC 3339 in UTC, durations whole seconds (`_s`), distances metres (`_m`), places \
                       `{ \"lat\", \"lon\" }`. Errors are problem documents (RFC 9457): switch on `code`.\n\n\
                       A POST with an `Idempotency-Key` can be repeated: the same key and body get the same answer, for at least 24 hours \
                       and through restarts. 429 and 503 carry `Retry-After`; 503 `outcome_unknown` means: repeat it with the same key. \
                       Lists go on with `cursor`. Single things carry an `ETag`; an edit with `If-Match` of another version is refused with \
                       412.\n\n\
                       What a caller may not know of does not exist for them (404). Customers and experts see their own; a token may be \
                       bound to some regions.",
    ),
    paths(
        tickets::open, tickets::list, tickets::show, history::timeline, history::decisions, inquiry::candidate, inquiry::remedies, surveys::show, surveys::answer,
        experts::list, experts::add, experts::show, experts::edit, experts::retire, experts::route,
        experts::absences, experts::add_absence, experts::remove_absence, experts::remove_named_absence, experts::position,
        regions::list, regions::add, regions::show, regions::edit, regions::unpark, regions::optimise, board::show, inquiry::forecast,
        feed::websocket, feed::sse, channel::open,
        catalogue::skills, catalogue::write_skills, catalogue::rules, catalogue::write_rules, catalogue::calendars, catalogue::write_calendars,
        track::show, outbox::list, outbox::show, outbox::resend, notify::status, notify::inbound,
        insight::objectives, insight::incidents, insight::archive,
        login::login, login::logout, login::me, login::password,
        users::list, users::add, users::show, users::edit, users::disable, tokens::list, tokens::issue, tokens::revoke,
        imports::import, upkeep::audit, upkeep::backup,
        accesses::list, accesses::proof, customers::export, customers::erase,
        ops::health, ops::ready, ops::metrics, document::openapi, document::page, document::file,
    ),
    components(schemas(
        schema::Limit, schema::Cursor, schema::DeliveryStatus, ProblemSchema, messages::FeedMessage, messages::AppMessage, messages::ServerMessage,
        orders::ExpertCommand, orders::Decline, orders::Complete, orders::CannotFix, orders::NoAccess, orders::Assign,
        orders::Unassign, orders::Hold, orders::NoFields, orders::Reschedule, orders::Locate, orders::WithReason, orders::NoteBody,
    )),
    tags(
        (name = "Tickets", description = "Enter tickets, follow them, find out why."),
        (name = "Ticket commands", description = "What people ask of a ticket. What its phase does not allow is refused with 409 and the present `phase`."),
        (name = "Experts", description = "The roster: profiles, routes, absences, positions."),
        (name = "Regions", description = "Outlines, settings, the board."),
        (name = "Live", description = "What happens, as it happens."),
        (name = "Messages", description = "What customers and experts are told, and whether it arrived."),
        (name = "Finding out", description = "What was promised and how it stands; what went wrong, and why."),
        (name = "Catalogue", description = "Skills, rules from products to skills, calendars."),
        (name = "People and tokens", description = "Logins, accounts, tokens for machines."),
        (name = "Administration", description = "Imports, audits, backups."),
        (name = "Operations", description = "For probes, monitoring and this document."),
    ),
)]
pub(super) struct Operations;
