//! `POST /v1/tickets`, `GET /v1/tickets`, `GET /v1/tickets/{number}`.

use super::{
    Context, Reply, Shared,
    answer::{Refused, forbidden, json_bytes, not_found, ok, versioned},
    blocking,
    body::Input,
    idempotency::{or_replay, show_ticket},
    query::{Paging, Query},
    recorded::Shown,
    session::Session,
};
use crate::{
    api::{
        FieldProblem, Problem, TicketView, answers,
        new_ticket::{self, NewTicketBody},
        schema, words,
    },
    domain::{
        fact::Fact,
        ids::{CustomerId, ExpertId, RegionId, Thing, TicketNumber},
        intake::NewTicket,
        ticket::{Phase, Role, Ticket},
        time::Timestamp,
    },
    settings::limits,
    storage::{TicketQuery, TicketSearch},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use utoipa::IntoParams;

/// Enter a ticket
///
/// Accepted means stored: the answer comes after the ticket is on disk. What is unknown becomes a flag for a
/// person; only malformed input is refused, with every problem named. An `external_id` that was used before
/// gives the ticket it stands for.
#[utoipa::path(
    post,
    path = "/v1/tickets",
    tag = "Tickets",
    operation_id = "openTicket",
    request_body = NewTicketBody,
    responses(
        (status = 201, description = "Accepted.", body = TicketView, headers(("etag" = String, description = "The version, for `If-Match`."), ("location" = String, description = "Where it is."), ("idempotency-replayed" = String, description = "`true`: this was answered before, by the same key."))),
        (status = 200, description = "Its `external_id` was used before: the ticket as it is.", body = TicketView, headers(("etag" = String, description = "The version, for `If-Match`."), ("idempotency-replayed" = String, description = "`true`."))),
        (status = 403, description = "`forbidden`: a customer enters tickets for themselves only."),
        (status = 409, description = "`external_id_taken`: used for somebody else's ticket."),
    ),
)]
pub(super) async fn open(State(shared): State<Context>, input: Input) -> Reply {
    let new = {
        let json = input.json()?;
        let new = new_ticket::new_ticket(&json)?;
        owned_by_caller(new, &input.session)?
    };
    let customer = new.customer.clone();
    let _turn = shared.running.turn(&input.caller).await;
    let opened = match shared.service.open(new, &input.caller).await {
        Ok(opened) => opened,
        Err(failure) => return or_replay(&shared, &input.session, &input.caller, failure).await,
    };
    // The external id named a ticket that was there already: the same customer's, or it is somebody else's, whatever
    // was entered under it. Nothing that is entered is answered with another's ticket.
    let others = opened.ticket.customer != customer;
    if opened.replayed && (others || !input.session.sees(&opened.ticket)) {
        return Err(Problem::new(409, "external_id_taken", "this external_id was used for another ticket").into());
    }
    if !opened.replayed {
        shared.objectives.acknowledged(opened.ticket.number);
    }
    let status = if opened.replayed { StatusCode::OK } else { StatusCode::CREATED };
    let response = show_ticket(&opened.ticket, status, &input.session);
    Ok(if opened.replayed { super::answer::replayed(response) } else { response })
}

/// A customer enters tickets for themselves.
fn owned_by_caller(mut new: NewTicket, session: &Session) -> Result<NewTicket, Refused> {
    if session.role() == Role::Customer {
        let own = CustomerId::parse(&session.claims.subject);
        let own = own.map_err(|_| forbidden("this token names no customer"))?;
        if new.customer.as_ref().is_some_and(|customer| *customer != own) {
            return Err(forbidden("a customer enters tickets for themselves only"));
        }
        new.customer = Some(own);
    }
    Ok(new)
}

pub(super) fn number(text: &str) -> Result<TicketNumber, Refused> {
    text.parse().map_err(|error| Problem::new(404, "not_found", format!("no such ticket: {error}")).into())
}

/// A ticket, whoever asks.
async fn existing(shared: &Shared, text: &str) -> Result<Arc<Ticket>, Refused> {
    let number = number(text)?;
    let store = shared.service.store().clone();
    let found = blocking(move || store.ticket(number)).await??;
    found.ok_or_else(|| not_found(format_args!("ticket {number}")))
}

/// A ticket that the caller may know of; others do not exist for them.
pub(super) async fn known(shared: &Shared, session: &Session, text: &str) -> Result<Arc<Ticket>, Refused> {
    let ticket = existing(shared, text).await?;
    if session.sees(&ticket) { Ok(ticket) } else { Err(not_found(format_args!("ticket {}", ticket.number))) }
}

/// A ticket that the caller may give commands to. What an expert did offline must reach one that was taken
/// from them meanwhile: it is refused with why, and their notes are kept. For who never had it, it does
/// not exist.
pub(super) async fn commanded(shared: &Shared, session: &Session, text: &str) -> Result<Arc<Ticket>, Refused> {
    let ticket = existing(shared, text).await?;
    if session.sees(&ticket) || (session.role() == Role::Expert && was_theirs(shared, session, &ticket).await?) {
        return Ok(ticket);
    }
    Err(not_found(format_args!("ticket {}", ticket.number)))
}

/// The state forgets who an offer was taken back from; the journal does not. Read only when the state says
/// nothing.
async fn was_theirs(shared: &Shared, session: &Session, ticket: &Ticket) -> Result<bool, Refused> {
    let (store, thing) = (shared.service.store().clone(), Thing::Ticket(ticket.number));
    let history = blocking(move || store.history(&thing)).await??;
    let party = |fact: &Fact| match fact {
        Fact::Ticket(event) => event.party().is_some_and(|expert| expert.as_str() == session.claims.subject),
        Fact::Route(_) | Fact::Expert(_) | Fact::Region(_) | Fact::Catalogue(_) => false,
    };
    Ok(history.iter().any(|recorded| party(&recorded.fact)))
}

/// One ticket
#[utoipa::path(
    get,
    path = "/v1/tickets/{number}",
    tag = "Tickets",
    operation_id = "getTicket",
    responses(
        (status = 200, description = "The ticket.", body = TicketView, headers(("etag" = String, description = "The version, for `If-Match`."))),
    ),
)]
pub(super) async fn show(State(shared): State<Context>, session: Session, Path(number): Path<String>) -> Reply {
    let ticket = known(&shared, &session, &number).await?;
    let view = session.view(&ticket).expected(shared.service.arrival(&ticket));
    Ok(versioned(json_bytes(StatusCode::OK, view.to_json()), ticket.version))
}

/// What a list of tickets may be narrowed to, or searched by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what `wanted` reads")]
struct TicketFilter {
    #[param(value_type = Option<schema::Phase>)]
    phase: Option<String>,
    #[param(value_type = Option<schema::RegionId>)]
    region: Option<String>,
    /// Needed by the portal.
    #[param(value_type = Option<schema::CustomerId>)]
    customer: Option<String>,
    #[param(value_type = Option<schema::ExpertId>)]
    expert: Option<String>,
    #[param(value_type = Option<schema::Time>)]
    opened_after: Option<String>,
    /// Clerks and the portal: whose contact has this number.
    #[param(value_type = Option<schema::Phone>)]
    phone: Option<String>,
    /// Clerks and the portal: whose contact has this address.
    #[param(value_type = Option<schema::Email>)]
    email: Option<String>,
    /// Clerks and the portal: the caller's own id.
    #[param(value_type = Option<schema::ExternalId>)]
    external_id: Option<String>,
}

/// What to look for: a listing by index, or a search by what a caller says on the phone.
struct Wanted {
    search: Option<TicketSearch>,
    listing: TicketQuery,
}

/// Tickets by phase, region, customer, expert
///
/// Customers and experts list their own, the portal one customer's at a time. Clerks and the portal may instead
/// search by what a caller says on the phone: `phone`, `email`, `external_id`; several of these, and the filters
/// beside them, must all fit. A phone number is found with and without its country's code. The list stays right
/// while rows change: nothing is shown twice or left out that was there all the time.
#[utoipa::path(
    get,
    path = "/v1/tickets",
    tag = "Tickets",
    operation_id = "listTickets",
    params(TicketFilter, Paging),
    responses(
        (status = 200, description = "A page.", body = answers::TicketList),
        (status = 403, description = "`forbidden`: only clerks and the portal search by contact or external id."),
    ),
)]
pub(super) async fn list(State(shared): State<Context>, session: Session, uri: Uri) -> Reply {
    let Wanted { search, listing } = wanted(&shared, &session, &uri)?;
    let (searched, customer) = (search.is_some(), listing.customer.clone());
    let store = shared.service.store().clone();
    let page = blocking(move || match search {
        Some(search) => store.search(&search, &listing),
        None => store.tickets(&listing),
    });
    let page = page.await??;
    let seen = page.items.iter().filter(|ticket| session.sees(ticket));
    let seen: Vec<_> = seen.collect();
    let items: Vec<_> =
        seen.iter().map(|ticket| session.view(ticket).expected(shared.service.arrival(ticket))).collect();
    let answer = ok(&json!({ "items": items, "next_cursor": page.next_cursor }));
    // A search is about whom it found, a list about what it was narrowed to.
    let tickets = if searched { seen.iter().map(|ticket| ticket.number).collect() } else { Vec::new() };
    // Whoever asks for a customer who has none has asked for a word.
    let customer = customer.filter(|_| !seen.is_empty());
    Ok(Shown { tickets, customer }.with(answer))
}

fn wanted(shared: &Shared, session: &Session, uri: &Uri) -> Result<Wanted, Refused> {
    let mut query = Query::of(uri);
    let phone = query.sought("phone", words::phone);
    let email = query.sought("email", words::email);
    let short = |text: &str| (text.chars().count() <= limits::EXTERNAL_ID_CHARS).then(|| text.to_owned());
    let external_id = query.sought("external_id", |text| short(text).ok_or("longer than an external id"));
    let searches = phone.is_some() || email.is_some() || external_id.is_some();
    let phase = |name: &str| Phase::parse(name).ok_or("not a phase");
    let mut listing = TicketQuery {
        phase: query.parsed("phase", phase),
        region: query.parsed("region", RegionId::parse),
        within: None,
        customer: query.parsed("customer", CustomerId::parse),
        expert: query.parsed("expert", ExpertId::parse),
        opened_after: query.parsed("opened_after", Timestamp::parse),
        cursor: query.parsed("cursor", |text: &str| {
            crate::storage::is_cursor(text).then(|| text.to_owned()).ok_or("not a cursor of a list")
        }),
        dead: false,
        limit: query.limit(),
    };
    query.finish()?;
    if searches && !matches!(session.role(), Role::Clerk | Role::Portal) {
        return Err(forbidden("only clerks and the portal search by contact or external id"));
    }
    bound(&mut listing, session, searches)?;
    let phone = phone.map(|phone| shared.service.desk().forms_of(&phone));
    let search = searches.then_some(TicketSearch { phone, email, external_id });
    Ok(Wanted { search, listing })
}

/// Customers and experts list their own; a token for some regions lists those. Who asks for somebody
/// else's gets an empty list.
fn bound(listing: &mut TicketQuery, session: &Session, searches: bool) -> Result<(), Refused> {
    let subject = session.claims.subject.as_str();
    let others = match session.role() {
        Role::Customer => {
            let own = CustomerId::parse(subject).map_err(|_| forbidden("this token names no customer"))?;
            listing.customer.replace(own.clone()).is_some_and(|asked| asked != own)
        }
        Role::Expert => {
            let own = ExpertId::parse(subject).map_err(|_| forbidden("this token names no expert"))?;
            listing.expert.replace(own.clone()).is_some_and(|asked| asked != own)
        }
        Role::Portal if listing.customer.is_none() && !searches => {
            let detail = "the portal lists one customer's tickets at a time".to_owned();
            return Err(vec![FieldProblem { pointer: "?customer".into(), code: "missing", detail }].into());
        }
        Role::System | Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin | Role::Portal => {
            listing.within = session.regions();
            false
        }
    };
    if others {
        listing.within = Some(BTreeSet::new());
    }
    Ok(())
}
