//! The desk for messages: from a delivery that stands in a ticket's state to a text on its way to a phone
//! or a mailbox. Knows addresses, texts, links, opt-outs and gateways; decides nothing about a ticket.
//!
//! ```text
//! way      which channel and address, or why none         pure
//! compose  the text, in the reader's language and zone    pure
//! send     one call to a gateway, by its deadline         twilio, smtp, mailbox
//! ```
//! Must hold: an erased person is never written to, nobody who opted out gets an SMS, and no error or log
//! line repeats a number, an address or a text (P12). Never: a retry of its own; when to try again is
//! decided in the domain (`decide/delivery.rs`), what is tried now by the outbox (`actors/outbox.rs`).

mod compose;
mod follow;
mod gateway;
mod links;
mod mailbox;
mod optout;
mod phone;
mod signature;
mod smtp;
mod templates;
mod twilio;
mod words;

pub use compose::Stage;
pub use follow::Following;
pub use gateway::{ErrorKind, Gateway, Message, SendError, Sending, Sent};
pub use links::Links;
pub use mailbox::Mailbox;
pub use phone::Wish;
pub use signature::{genuine, sign};
pub use templates::TemplateError;
pub use words::{Moment, moment};

use crate::{
    domain::{
        expert::Expert,
        ids::{TicketNumber, VisitNo},
        language::Language,
        ticket::{Audience, Channel, Delivery, DropReason, Ticket},
        time::Timestamp,
    },
    settings::{LanguageName, Secret, Settings},
    storage::ContactHasher,
    tokens::Tokens,
};
use optout::OptOuts;
use smtp::Smtp;
use std::{io, path::Path, sync::Arc};
use templates::Templates;
use twilio::Twilio;

/// Why the desk does not open.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("{0}")]
    Templates(#[from] TemplateError),
    #[error("{0}")]
    Gateway(String),
    #[error("messages: {0}")]
    Io(#[from] io::Error),
}

/// Where a delivery goes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    To {
        channel: Channel,
        to: String,
    },
    /// Every way that is left is shut at the moment.
    Shut,
    /// It need not be sent at all.
    Drop(DropReason),
    /// An expert without phone and e-mail: only the app can tell them.
    Nowhere,
}

pub struct Desk {
    /// None: messages are only counted.
    sms: Option<Arc<dyn Gateway>>,
    email: Option<Arc<dyn Gateway>>,
    mailbox: Option<Mailbox>,
    house: Option<House>,
    concurrency: usize,
    paused: bool,
}

/// What texts are made of.
struct House {
    company: String,
    language: Language,
    country_code: String,
    templates: Templates,
    links: Links,
    optouts: OptOuts,
    /// Proves the gateway's callbacks.
    token: Option<Secret>,
    /// SMS go to a gateway that calls back.
    calls_back: bool,
}

impl Desk {
    /// Reads the texts and the opt-outs, makes the gateways. Calls nobody yet.
    pub fn open(settings: &Settings, tokens: Arc<Tokens>, hash: ContactHasher) -> Result<Self, DeskError> {
        // One provider for all that speaks TLS here; somebody else's choice of the same is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let (notify, data) = (&settings.notify, &settings.storage.data);
        let mailbox = match notify.mailbox(data) {
            Some(folder) => Some(Mailbox::open(folder, notify.mailbox_days)?),
            None => None,
        };
        let boxed = || mailbox.clone().map(|mailbox| Arc::new(mailbox) as Arc<dyn Gateway>);
        let sms = Twilio::open(&notify.sms).map_err(DeskError::Gateway)?;
        let calls_back = sms.is_some();
        let email = Smtp::open(&notify.email).map_err(DeskError::Gateway)?;
        let house = House::open(settings, tokens, hash, data, calls_back)?;
        Ok(Self {
            sms: sms.map(|sms| Arc::new(sms) as Arc<dyn Gateway>).or_else(boxed),
            email: email.map(|email| Arc::new(email) as Arc<dyn Gateway>).or_else(boxed),
            mailbox,
            house: Some(house),
            concurrency: notify.concurrency,
            paused: notify.paused,
        })
    }

    /// For replays: deliveries count as sent, nothing is written.
    #[must_use]
    pub fn silent() -> Self {
        Self { sms: None, email: None, mailbox: None, house: None, concurrency: 1, paused: false }
    }

    /// With another gateway for SMS and e-mail: a test's.
    #[must_use]
    pub fn with_gateways(mut self, sms: Arc<dyn Gateway>, email: Arc<dyn Gateway>) -> Self {
        (self.sms, self.email) = (Some(sms), Some(email));
        self
    }

    /// Messages on their way to one gateway at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Commands on a stopped server's data write to nobody.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.paused
    }

    #[must_use]
    pub fn links(&self) -> Option<&Links> {
        self.house.as_ref().map(|house| &house.links)
    }

    /// What the installation writes in when nobody says.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.house.as_ref().map(|house| house.language)
    }

    /// A number in all forms in which it may have been written down.
    #[must_use]
    pub fn forms_of(&self, phone: &str) -> Vec<String> {
        self.house.as_ref().map_or_else(|| vec![phone.to_owned()], |house| phone::forms(phone, &house.country_code))
    }

    /// The visit that a tracking link follows; None: it is none of ours, or has expired.
    #[must_use]
    pub fn tracked(&self, link: &str, now: Timestamp) -> Option<(TicketNumber, VisitNo)> {
        self.house.as_ref()?.links.tracked(link, now)
    }

    /// The gateway of a channel; None: messages there are only counted.
    #[must_use]
    pub fn gateway(&self, channel: Channel) -> Option<Arc<dyn Gateway>> {
        match channel {
            Channel::Sms => self.sms.clone(),
            Channel::Email => self.email.clone(),
            Channel::Push => None,
        }
    }

    /// Takes an erased person's messages out of the mailbox, by the numbers of their tickets; how many
    /// there were. Blocks.
    pub fn forget(&self, tickets: &[TicketNumber]) -> io::Result<usize> {
        self.mailbox.as_ref().map_or(Ok(0), |mailbox| mailbox.forget(tickets))
    }

    /// What lies in the mailbox for these tickets. Blocks.
    pub fn messages(&self, tickets: &[TicketNumber]) -> io::Result<Vec<serde_json::Value>> {
        self.mailbox.as_ref().map_or_else(|| Ok(Vec::new()), |mailbox| mailbox.of(tickets))
    }

    /// Whether this number asked for no more texts.
    #[must_use]
    pub fn opted_out(&self, phone: &str) -> bool {
        let out = |house: &House| house.optouts.has(&phone::international(phone, &house.country_code));
        self.house.as_ref().is_some_and(out)
    }

    /// Where a delivery goes. `expert`: whom it is for; `shut`: channels whose gateway is left alone now.
    #[must_use]
    pub fn way(
        &self,
        ticket: &Ticket,
        delivery: &Delivery,
        expert: Option<&Expert>,
        shut: &dyn Fn(Channel) -> bool,
    ) -> Way {
        let Some(reach) = self.reach(ticket, delivery, expert) else { return Way::Drop(DropReason::Erased) };
        let mut left = reach.ways.into_iter().filter(|(channel, _)| !delivery.failed.has(*channel)).peekable();
        if left.peek().is_none() {
            return match (&delivery.to, reach.opted_out) {
                (Audience::Customer, true) => Way::Drop(DropReason::OptedOut),
                (Audience::Customer, false) => Way::Drop(DropReason::NoAddress),
                // A replay's experts have no numbers; nobody waits for theirs.
                (Audience::Expert(_), _) if self.house.is_none() => {
                    Way::To { channel: Channel::Sms, to: String::new() }
                }
                (Audience::Expert(_), _) => Way::Nowhere,
            };
        }
        left.find(|(channel, _)| !shut(*channel)).map_or(Way::Shut, |(channel, to)| Way::To { channel, to })
    }

    /// Whether there is another way than `channel` that has not failed.
    #[must_use]
    pub fn elsewhere(&self, ticket: &Ticket, delivery: &Delivery, expert: Option<&Expert>, channel: Channel) -> bool {
        let ways = self.reach(ticket, delivery, expert).map(|reach| reach.ways).unwrap_or_default();
        ways.iter().any(|(other, _)| *other != channel && !delivery.failed.has(*other))
    }

    /// All ways to whom it is for, the best first. None: they were erased.
    fn reach(&self, ticket: &Ticket, delivery: &Delivery, expert: Option<&Expert>) -> Option<Reach> {
        let (phone, email) = match &delivery.to {
            Audience::Customer => {
                let contact = &ticket.personal.known()?.contact;
                (contact.phone.as_deref(), contact.email.as_deref())
            }
            Audience::Expert(_) => {
                let personal = expert?.personal.known()?;
                (personal.phone.as_deref(), personal.email.as_deref())
            }
        };
        let house = self.house.as_ref();
        let number =
            |phone: &str| house.map_or_else(|| phone.to_owned(), |h| phone::international(phone, &h.country_code));
        let number = phone.map(number);
        let out = |number: &String| house.is_some_and(|house| house.optouts.has(number));
        let opted_out = delivery.to == Audience::Customer && number.as_ref().is_some_and(out);
        let sms = number.filter(|_| !opted_out).map(|number| (Channel::Sms, number));
        let email = email.map(|email| (Channel::Email, email.to_owned()));
        Some(Reach { ways: sms.into_iter().chain(email).collect(), opted_out })
    }

    /// The message in the reader's words. Blanks that cannot be filled yet are a passing error.
    pub fn compose(
        &self,
        ticket: &Ticket,
        delivery: &Delivery,
        stage: &Stage<'_>,
        channel: Channel,
        to: String,
    ) -> Result<Message, SendError> {
        let house = self.house.as_ref().ok_or_else(|| SendError::passing("no_texts"))?;
        compose::compose(house, ticket, delivery, stage, channel, to)
    }

    /// Keeps what somebody answered, if it is a wish about texts. Blocks for an fsync.
    pub fn answered(&self, from: &str, text: &str, at: Timestamp) -> io::Result<Option<Wish>> {
        let (Some(house), Some(wish)) = (&self.house, phone::wish(text)) else { return Ok(None) };
        house.optouts.keep(&phone::international(from, &house.country_code), wish, at)?;
        Ok(Some(wish))
    }

    /// Whether a call comes from the SMS gateway. None: no gateway is set that could call.
    #[must_use]
    pub fn genuine(&self, path_and_query: &str, fields: &[(String, String)], signature: &str) -> Option<bool> {
        let house = self.house.as_ref()?;
        let (token, url) = (house.token.as_ref()?, house.links.called(path_and_query)?);
        Some(genuine(token.reveal(), &url, fields, signature))
    }
}

struct Reach {
    ways: Vec<(Channel, String)>,
    opted_out: bool,
}

impl House {
    fn open(
        settings: &Settings,
        tokens: Arc<Tokens>,
        hash: ContactHasher,
        data: &Path,
        calls_back: bool,
    ) -> Result<Self, DeskError> {
        let notify = &settings.notify;
        Ok(Self {
            company: notify.company.trim().to_owned(),
            language: match notify.language {
                LanguageName::En => Language::En,
                LanguageName::Es => Language::Es,
            },
            country_code: notify.sms.country_code.clone(),
            templates: Templates::load(notify.templates.as_deref())?,
            links: Links::new(settings, tokens),
            optouts: OptOuts::open(data, hash)?,
            token: notify.sms.auth_token.clone(),
            calls_back,
        })
    }
}
