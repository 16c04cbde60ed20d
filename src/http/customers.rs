//! `POST /v1/customers/export` and `/erase`: a customer's data for them, or gone. For administrators. Whom it is
//! about comes in the body, so that it stands in no URL.

use super::{
    Context, Reply, Shared,
    answer::{Refused, forbidden, not_found, ok},
    blocking,
    body::Input,
    idempotency::{once, tell},
    people::view,
    recorded::Shown,
    session::Session,
};
use crate::{
    access_log::Wanted,
    accounts::{Account, AccountError, State as AccountState},
    actors::{Caller, Failure},
    api::{
        Problem,
        customer::{self, CustomerExport, CustomerSaid, Erasure, ErasureReport, ErasureSaid, NamedCustomer},
    },
    customers::{Beside, Held, Named, Several, export as exported, find, find_since},
    domain::{
        ids::CustomerId,
        ticket::{Command, Role},
    },
    settings::limits,
};
use axum::{extract::State, http::StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

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
    let whole = whole(&shared, &input.session, &named).await?;
    let shown = shown(&whole.held);
    let now = shared.service.clock().now();
    let document = blocking(move || {
        let beside = beside(&shared, &whole)?;
        exported(shared.service.store(), &whole.held, &beside, now).map_err(Failure::from)
    });
    Ok(shown.with(ok(&document.await??)))
}

/// Forget a customer
///
/// Their keys are destroyed: what the journal holds of them opens no more, its chain stays whole. Messages in the
/// mailbox and the hashes that find them by phone or e-mail go too, and their accounts end with all tokens. It
/// cannot be undone. It goes on when nobody waits for the answer; repeating it finishes what was cut short.
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
    if asked.dry_run {
        let whole = whole(&shared, &input.session, &asked.named).await?;
        let gone = Gone { accounts: whole.active(), messages: 0 };
        return Ok(shown(&whole.held).with(ok(&report(&whole.held, false, &gone))));
    }
    let (caller, session) = (sealed_key(&shared, &input), input.session);
    to_its_end(async move {
        let mut about = Shown::default();
        // The key first: who was erased is found by phone or address no more, and a repeat is answered all the same.
        let answer = once(&shared, &caller, async || {
            let mut held = whole(&shared, &session, &asked.named).await?.held;
            about = shown(&held);
            let gone = forget(&shared, &session, &asked, &mut held).await?;
            about = shown(&held);
            Ok(tell(StatusCode::OK, &report(&held, true, &gone)))
        });
        let answer = answer.await?;
        Ok(about.with(answer))
    })
    .await
}

/// Goes on when the caller goes away, or is answered that it takes too long: from its first key on, an erasure
/// that stops is half of one.
async fn to_its_end(work: impl Future<Output = Reply> + Send + 'static) -> Reply {
    let failed = |error: tokio::task::JoinError| Failure::Fault(error.to_string());
    tokio::spawn(work).await.map_err(failed)?
}

/// What went, beside tickets.
#[derive(Default)]
struct Gone {
    accounts: usize,
    messages: usize,
}

/// Erases what is held, and what was accepted for them meanwhile, until nothing new comes.
async fn forget(shared: &Context, session: &Session, asked: &Erasure, held: &mut Held) -> Result<Gone, Refused> {
    let caller = session.caller();
    cancel(shared, &caller, asked, held).await?;
    // Before the keys: from here on they themselves bring nothing new.
    let accounts = end_accounts(shared, held.customer.clone()).await?;
    let mut messages = shared.service.erase(held.erasing()).await?;
    for _ in 0..limits::ERASURE_ROUNDS {
        let (store, desk, known) = (shared.service.store().clone(), shared.service.desk().clone(), held.clone());
        let since = blocking(move || find_since(&store, &known, &|phone| desk.forms_of(phone))).await??;
        if since.tickets.is_empty() {
            return Ok(Gone { accounts, messages });
        }
        seen(session, &since)?;
        cancel(shared, &caller, asked, &since).await?;
        messages += shared.service.erase(since.erasing()).await?;
        held.take(since);
    }
    Err(Failure::Fault("tickets of theirs keep coming; a repeat goes on".into()).into())
}

/// Ends what they log in to, and the tokens that were given to them without a login; how many accounts there were.
async fn end_accounts(shared: &Context, customer: Option<CustomerId>) -> Result<usize, Refused> {
    let Some(customer) = customer else { return Ok(0) };
    let (accounts, tokens, now) = (shared.people.accounts().clone(), shared.tokens.clone(), shared.clock.now());
    let ended = blocking(move || {
        let ended = accounts.disable_customer(&customer, now)?;
        for (token, revoked) in tokens.list()? {
            let theirs = token.role == Role::Customer.name() && token.subject == customer.as_str();
            if theirs && !revoked && token.account.is_none() {
                tokens.revoke(&token.id)?;
            }
        }
        Ok(ended)
    });
    ended.await?
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

/// A customer: their tickets, and what they log in to.
struct Whole {
    held: Held,
    accounts: Vec<Arc<Account>>,
}

impl Whole {
    /// Accounts that would be ended.
    fn active(&self) -> usize {
        self.accounts.iter().filter(|account| account.state == AccountState::Active).count()
    }
}

/// Whom is meant, if the caller may see all of it.
async fn whole(shared: &Context, session: &Session, named: &NamedCustomer) -> Result<Whole, Refused> {
    let NamedCustomer { customer, ticket, phone, email } = named.clone();
    let (store, desk) = (shared.service.store().clone(), shared.service.desk().clone());
    let named = Named { customer, ticket, phone, email };
    let found = blocking(move || find(&store, &named, &|phone| desk.forms_of(phone)));
    let held = found.await??.map_err(|several| refused(&several, session))?;
    let (accounts, customer) = (shared.people.accounts().clone(), held.customer.clone());
    let accounts =
        blocking(move || customer.map_or_else(|| Ok(Vec::new()), |customer| accounts.of_customer(&customer)));
    let accounts = accounts.await?.map_err(AccountError::from)?;
    // Somebody who only has an account lies in no region.
    let theirs = !accounts.is_empty() && session.claims.regions.is_empty();
    if held.tickets.is_empty() && !theirs {
        return Err(not_found("a customer so named"));
    }
    seen(session, &held)?;
    Ok(Whole { held, accounts })
}

/// Whether the caller may see all of it.
fn seen(session: &Session, held: &Held) -> Result<(), Refused> {
    if held.tickets.values().all(|ticket| session.sees(ticket)) {
        Ok(())
    } else {
        Err(forbidden("some of their tickets lie in a region that this token is not for"))
    }
}

fn refused(Several(ids): &Several, session: &Session) -> Refused {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    // Some of them may be other regions' customers.
    let named = session.everywhere().map_or(String::new(), |()| format!(": {}", ids.join(", ")));
    let detail = format!("this belongs to several customers; name one by id{named}");
    Problem::new(409, "several_customers", detail).into()
}

/// For the access record.
fn shown(held: &Held) -> Shown {
    Shown { tickets: held.numbers(), customer: held.customer.clone() }
}

/// What lies beside the journal: the mailbox, opt-outs, the access record.
fn beside(shared: &Shared, whole: &Whole) -> Result<Beside, Failure> {
    let Whole { held, accounts } = whole;
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
        accounts: accounts.iter().map(|account| json!(view(account))).collect(),
    })
}

/// Ends what is open, or says that it is in the way: somebody may be on their way to this customer now.
async fn cancel(shared: &Shared, caller: &Caller, asked: &Erasure, held: &Held) -> Result<(), Refused> {
    let open: Vec<_> = held.open().collect();
    if !asked.cancel_open && !open.is_empty() {
        let phase =
            |ticket: &&Arc<crate::domain::ticket::Ticket>| format!("{} ({})", ticket.number, ticket.phase.name());
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

fn report(held: &Held, erased: bool, gone: &Gone) -> Value {
    let open: Vec<_> = held.open().map(|ticket| ticket.number.to_string()).collect();
    let numbers: Vec<_> = held.numbers().iter().map(ToString::to_string).collect();
    let shared: Vec<_> = held.shared.iter().map(ToString::to_string).collect();
    json!({
        "erased": erased, "customer_id": held.customer.as_ref().map(ToString::to_string), "tickets": numbers,
        "open": open, "shared": shared, "messages": gone.messages,
        "accounts": gone.accounts,
    })
}
