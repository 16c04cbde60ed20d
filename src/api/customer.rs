//! What somebody says of a customer who wants to have their data, or to be forgotten; and what they get. It
//! comes in bodies, so that no number and no address stands in a URL or in a log.

use super::{
    FieldProblem, Json, TicketView,
    fields::{Fields, read_object},
    schema, words,
};
use crate::domain::ids::{CustomerId, TicketNumber};
use utoipa::ToSchema;

/// Whom a call means: at least one of these, and all that are given are theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedCustomer {
    pub customer: Option<CustomerId>,
    pub ticket: Option<TicketNumber>,
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// Whom to erase, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    pub named: NamedCustomer,
    /// Open tickets are cancelled first.
    pub cancel_open: bool,
    /// Only says what would go.
    pub dry_run: bool,
}

/// `{ "customer_id"?, "ticket"?, "phone"?, "email"? }`.
pub fn named_body<'j>(body: &'j Json<'j>) -> Result<NamedCustomer, Vec<FieldProblem>> {
    read_object(body, |f| named(f))
}

/// The same with `"cancel_open"?` and `"dry_run"?`.
pub fn erasure_body<'j>(body: &'j Json<'j>) -> Result<Erasure, Vec<FieldProblem>> {
    read_object(body, |f| {
        let (cancel_open, dry_run) = (f.flag("cancel_open").unwrap_or(false), f.flag("dry_run").unwrap_or(false));
        named(f).map(|named| Erasure { named, cancel_open, dry_run })
    })
}

fn named(f: &mut Fields<'_, '_>) -> Option<NamedCustomer> {
    let sent = ["customer_id", "ticket", "phone", "email"].iter().any(|name| f.sent(name));
    let named = NamedCustomer {
        customer: f.parsed("customer_id", words::id(CustomerId::parse)),
        ticket: f.parsed("ticket", str::parse),
        phone: f.parsed("phone", words::phone),
        email: f.parsed("email", words::email),
    };
    if !sent || named == NamedCustomer::default() {
        f.wrong("customer_id", "missing", "say who is meant: customer_id, ticket, phone or email");
        return None;
    }
    Some(named)
}

/// Whom is meant: by id, by one of their tickets, by phone or by e-mail; all that is given is theirs.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "customer_id": "c-1042", "ticket": "0A1-000142-N", "phone": "+16175550100", "email": "someone@example.org" })))]
pub struct CustomerSaid {
    #[schema(value_type = Option<schema::CustomerId>)]
    pub customer_id: Option<String>,
    #[schema(value_type = Option<schema::TicketNumber>)]
    pub ticket: Option<String>,
    #[schema(value_type = Option<schema::Phone>)]
    pub phone: Option<String>,
    #[schema(value_type = Option<schema::Email>)]
    pub email: Option<String>,
}

/// Whom to forget.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "customer_id": "c-1042", "ticket": "0A1-000142-N", "phone": "+16175550100", "email": "someone@example.org", "cancel_open": true, "dry_run": true })))]
pub struct ErasureSaid {
    #[schema(value_type = Option<schema::CustomerId>)]
    pub customer_id: Option<String>,
    #[schema(value_type = Option<schema::TicketNumber>)]
    pub ticket: Option<String>,
    #[schema(value_type = Option<schema::Phone>)]
    pub phone: Option<String>,
    #[schema(value_type = Option<schema::Email>)]
    pub email: Option<String>,
    /// Cancel what is open first; without it open tickets are a refusal.
    pub cancel_open: Option<bool>,
    /// Say what would go, and change nothing.
    pub dry_run: Option<bool>,
}

/// Everything held about a customer.
#[derive(ToSchema)]
pub struct CustomerExport {
    #[schema(value_type = schema::Time)]
    pub made_at: String,
    /// Null: they never had one.
    #[schema(required = true, value_type = Option<schema::CustomerId>)]
    pub customer_id: Option<String>,
    pub tickets: Vec<ExportedTicket>,
    /// Texts that were sent, as far as the mailbox has them.
    #[schema(value_type = Vec<Object>)]
    pub messages: Vec<serde_json::Value>,
    /// Numbers that asked for no more texts.
    pub opted_out: Vec<String>,
    /// Who looked at these tickets.
    #[schema(value_type = Vec<Object>)]
    pub accesses: Vec<serde_json::Value>,
    /// What they log in to. Without passwords.
    #[schema(value_type = Vec<super::people::UserView>)]
    pub accounts: Vec<serde_json::Value>,
    /// With the same phone or e-mail address, but another customer's: not in here.
    #[schema(value_type = Vec<schema::TicketNumber>)]
    pub shared: Vec<String>,
}

/// A ticket with all that happened to it.
#[derive(ToSchema)]
pub struct ExportedTicket {
    pub ticket: TicketView<'static>,
    pub erased: bool,
    pub timeline: Vec<super::timeline::TimelineEntry>,
}

/// What an erasure did, or would do.
#[derive(ToSchema)]
pub struct ErasureReport {
    /// False: a dry run.
    pub erased: bool,
    #[schema(required = true, value_type = Option<schema::CustomerId>)]
    pub customer_id: Option<String>,
    #[schema(value_type = Vec<schema::TicketNumber>)]
    pub tickets: Vec<String>,
    /// Of these, those on which work was still to be done: cancelled, or in the way.
    #[schema(value_type = Vec<schema::TicketNumber>)]
    pub open: Vec<String>,
    /// With the same phone or e-mail address, but another customer's: left alone.
    #[schema(value_type = Vec<schema::TicketNumber>)]
    pub shared: Vec<String>,
    /// Taken out of the mailbox.
    pub messages: u64,
    /// Their accounts that were ended, or would be; tokens and sessions with them.
    pub accounts: u64,
}
