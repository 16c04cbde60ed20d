//! `POST /v1/customers/export` and `/erase`: a customer's data for them, or gone. For administrators. Whom it is
//! about comes in the body, so that it stands in no URL.

use super::{
    Context, Reply, Shared,
    answer::{Refused, forbidden, not_found, ok},
    blocking,
    body::Input,
    idempotency::{once, tell},
    recorded::Shown,
    session::Session,
};
use crate::{
    access_log::Wanted,
    actors::{Caller, Failure},
    api::{
        Problem,
        customer::{self, CustomerExport, CustomerSaid, Erasure, ErasureReport, ErasureSaid, NamedCustomer},
    },
    customers::{Beside, Held, Named, Several, export as exported, find},
    domain::ticket::Command,
    settings::limits,
};
use axum::{extract::State, http::StatusCode};
use serde_json::{Value, json};

/// Why tickets of somebody who is erased were cancelled.
const CANCELLED: &str = "the customer's data were erased";

/// Everything held about a customer
///
/// Their tickets with all that happened to them, the messages they were sent, who looked at them. The answer is not
/// kept under an `Idempotency-Key`: a repeat is told anew.
#[utoipa::path(
    post,
    path = "/v1/customers/export",
    tag = "Administration",
    operation_id = "exportCustomer",
    request_body = CustomerSaid,
    responses(
        (status = 200, description = "All of it.", body = CustomerExport),
        (status = 403, description = "`forbidden`: some of it lies in a region that the token is not for."),
        (status = 404, description = "`not_found`: nothing is held about anybody so named."),
        (status = 409, description = "`several_customers`: what was named belongs to several; name one by id."),
    ),
)]
pub(super) async fn export(State(shared): State<Context>, input: Input) -> Reply {
    let named = customer::named_body(&input.json()?)?;
    let held = held(&shared, &input.session, &named).await?;
    let shown = shown(&held);
    let now = shared.service.clock().now();
    let document = blocking(move || {
        let beside = beside(&shared, &held)?;
        exported(shared.service.store(), &held, &beside, now).map_err(Failure::from)
    });
    Ok(shown.with(ok(&document.await??)))
}

/// Forget a customer
///
/// Their keys are destroyed: what the journal holds of them opens no more, its chain stays whole. Messages in the
/// mailbox and the hashes that find them by phone or e-mail go too. It cannot be undone. Repeating it finishes
/// what was cut short.
#[utoipa::path(
    post,
    path = "/v1/customers/erase",
    tag = "Administration",
    operation_id = "eraseCustomer",
    request_body = ErasureSaid,
    responses(
        (status = 200, description = "What went, or would go.", body = ErasureReport),
        (status = 403, description = "`forbidden`: some of it lies in a region that the token is not for."),
        (status = 404, description = "`not_found`: nothing is held about anybody so named."),
        (status = 409, description = "`work_open`: work is still to be done for them, and `cancel_open` was not given; `several_customers`: what was named belongs to several; name one by id."),
    ),
)]
pub(super) async fn erase(State(shared): State<Context>, input: Input) -> Reply {
    let asked = customer::erasure_body(&input.json()?)?;
    let held = held(&shared, &input.session, &asked.named).await?;
    let shown = shown(&held);
    if asked.dry_run {
        return Ok(shown.with(ok(&report(&held, false, 0))));
    }
    let caller = sealed_key(&shared, &input);
    let answer = once(&shared, &caller, async || {
        cancel(&shared, &input.session.caller(), &asked, &held).await?;
        let messages = shared.service.erase(held.erasing()).await?;
        Ok(tell(StatusCode::OK, &report(&held, true, messages)))
    });
    Ok(shown.with(answer.await?))
}

/// The caller with a fingerprint of the body that nobody can find a phone number by: it stays in the journal.
fn sealed_key(shared: &Shared, input: &Input) -> Caller {
    let mut caller = input.caller.clone();
    if let Some((_, fingerprint)) = &mut caller.idempotency {
        let hash = shared.service.store().contact_hasher()(&format!("erasure {fingerprint}"));
        *fingerprint = hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)).max(1);
    }
    caller
}

/// Whom is meant, if the caller may see all of it.
async fn held(shared: &Context, session: &Session, named: &NamedCustomer) -> Result<Held, Refused> {
    let NamedCustomer { customer, ticket, phone, email } = named.clone();
    let (store, desk) = (shared.service.store().clone(), shared.service.desk().clone());
    let named = Named { customer, ticket, phone, email };
    let found = blocking(move || find(&store, &named, &|phone| desk.alike(phone)));
    let held = found.await??.map_err(several)?;
    if held.tickets.is_empty() {
        return Err(not_found("a customer so named"));
    }
    if held.tickets.values().all(|ticket| session.sees(ticket)) {
        Ok(held)
    } else {
        Err(forbidden("some of their tickets lie in a region that this token is not for"))
    }
}

fn several(Several(ids): Several) -> Refused {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let detail = format!("this belongs to several customers; name one by id: {}", ids.join(", "));
    Problem::new(409, "several_customers", detail).into()
}

/// For the access record.
fn shown(held: &Held) -> Shown {
    Shown { tickets: held.numbers(), customer: held.customer.clone() }
}

/// What lies beside the journal: the mailbox, opt-outs, the access record.
fn beside(shared: &Shared, held: &Held) -> Result<Beside, Failure> {
    let failed = |error: std::io::Error| Failure::Fault(error.to_string());
    let desk = shared.service.desk();
    let numbers = held.numbers();
    let contacts = held.tickets.values().filter_map(|ticket| ticket.personal.known());
    let mut phones: Vec<String> = contacts.filter_map(|personal| personal.contact.phone.clone()).collect();
    phones.sort();
    phones.dedup();
    let wanted = Wanted {
        tickets: Some(numbers.iter().map(ToString::to_string).collect()),
        customer: held.customer.as_ref().map(ToString::to_string),
        limit: limits::EXPORT_ACCESSES,
        ..Wanted::default()
    };
    Ok(Beside {
        messages: desk.messages(&numbers).map_err(failed)?,
        opted_out: phones.into_iter().filter(|phone| desk.opted_out(phone)).collect(),
        accesses: shared.access_log.list(&wanted).map_err(failed)?.items,
    })
}

/// Ends what is open, or says that it is in the way: somebody may be on their way to this customer now.
async fn cancel(shared: &Shared, caller: &Caller, asked: &Erasure, held: &Held) -> Result<(), Refused> {
    let open: Vec<_> = held.open().collect();
    if !asked.cancel_open && !open.is_empty() {
        let phase = |ticket: &&std::sync::Arc<crate::domain::ticket::Ticket>| {
            format!("{} ({})", ticket.number, ticket.phase.name())
        };
        let open: Vec<_> = open.iter().map(phase).collect();
        let detail = format!("work is still to be done for them: {}; end it, or send cancel_open", open.join(", "));
        return Err(Problem::new(409, "work_open", detail).into());
    }
    for ticket in open {
        let command = Command::Cancel { reason: CANCELLED.to_owned() };
        shared.service.command(ticket.number, command, caller).await?;
    }
    Ok(())
}

fn report(held: &Held, erased: bool, messages: usize) -> Value {
    let open: Vec<_> = held.open().map(|ticket| ticket.number.to_string()).collect();
    let numbers: Vec<_> = held.numbers().iter().map(ToString::to_string).collect();
    let shared: Vec<_> = held.shared.iter().map(ToString::to_string).collect();
    json!({
        "erased": erased, "customer_id": held.customer.as_ref().map(ToString::to_string), "tickets": numbers,
        "open": open, "shared": shared, "messages": messages,
    })
}
