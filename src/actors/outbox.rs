//! Deliveries: to an expert's device first, by SMS when no receipt came or no device is connected; to
//! customers by SMS or e-mail. What is to be delivered stands in the ticket's state, so nothing is
//! lost with this actor; a delivery may be sent twice, under the same id, and the app drops the second.

use super::{
    device::Push,
    pulse::Role,
    region,
    reply::Reply,
    shell::{self, Address, Crash, Handler},
    supervise::{End, supervisor},
    tree::Tree,
};
use crate::domain::{
    ids::{DeliveryNo, TicketNumber},
    ticket::{Audience, Channel, Command, Delivery, DeliveryStatus, Ticket},
};
use crate::telemetry::{Incident, incidents::Kind};
use ractor::ActorCell;
use std::{io::Write as _, sync::Arc};

pub(super) enum Msg {
    Due { number: TicketNumber, delivery: DeliveryNo },
}

pub(super) struct Outbox {
    tree: Arc<Tree>,
    mailbox: Option<Mailbox>,
}

/// The embedded gateway: a folder with a file of JSON lines a day. Real gateways come beside it.
struct Mailbox {
    folder: std::path::PathBuf,
    file: Option<(String, std::fs::File)>,
}

/// Starts the outbox under a supervisor that starts it again when it crashes: what was due stands in
/// the tickets and is due again.
pub(super) async fn supervise(tree: &Arc<Tree>, above: ActorCell) -> Result<(), Crash> {
    let told = Arc::downgrade(tree);
    let ended = move |actor, end| {
        let (End::Crashed(cause), Some(tree)) = (end, told.upgrade()) else { return };
        tracing::warn!(%cause, "the outbox crashed: restarted");
        tree.meters.crashes.add(1);
        tree.incidents().note(Incident::new(Kind::Restart).role("outbox").cause(&cause));
        replace(&tree, actor);
    };
    let supervisor = supervisor(ended, Some(above)).await?;
    let _ = tree.outbox_supervisor.set(supervisor);
    start(tree)
}

fn start(tree: &Arc<Tree>) -> Result<(), Crash> {
    let Some(supervisor) = tree.outbox_supervisor.get() else { return Ok(()) };
    let address = shell::spawn(Outbox::new(tree.clone()), Role::Outbox, supervisor, tree)?;
    tree.outbox.put(Some(address));
    Ok(())
}

/// Starts another one in place of `actor`, if that is still the outbox.
pub(super) fn replace(tree: &Arc<Tree>, actor: ractor::ActorId) {
    if tree.outbox.is(actor)
        && let Err(crash) = start(tree)
    {
        tracing::error!(%crash, "the outbox could not be started");
    }
}

impl Handler for Outbox {
    type Msg = Msg;

    async fn handle(&mut self, _: &Address<Msg>, msg: Msg) -> Result<(), Crash> {
        let Msg::Due { number, delivery } = msg;
        let Ok(Some(ticket)) = self.tree.store.ticket(number) else { return Ok(()) };
        let Some(delivery) = ticket.deliveries.iter().find(|d| d.no == delivery).cloned() else { return Ok(()) };
        if delivery.next_at > self.tree.clock.now() || delivery.status == DeliveryStatus::Dead {
            return Ok(());
        }
        let command = self.deliver(&ticket, &delivery);
        self.tree.meters.deliveries_sent.add(1);
        region::send(&self.tree, number, command, Reply::nobody());
        Ok(())
    }
}

impl Outbox {
    fn new(tree: Arc<Tree>) -> Self {
        let mailbox = tree.options.mailbox.clone().map(|folder| Mailbox { folder, file: None });
        Self { tree, mailbox }
    }

    fn deliver(&mut self, ticket: &Ticket, delivery: &Delivery) -> Command {
        if let (Audience::Expert(expert), DeliveryStatus::Queued) = (&delivery.to, delivery.status) {
            let push = Push {
                ticket: ticket.number,
                delivery: delivery.no,
                kind: delivery.kind,
                visit: delivery.visit,
                offer: delivery.offer,
                expires_at: ticket.visit.offer.as_ref().map(|offer| offer.expires_at),
            };
            if self.tree.devices.push(expert, push) {
                return Command::DeliverySent { delivery: delivery.no, channel: Channel::Push };
            }
        }
        let (channel, to) = self.address(ticket, delivery);
        match self.post(ticket, delivery, channel, &to) {
            Ok(()) => Command::DeliverySent { delivery: delivery.no, channel },
            Err(error) => Command::DeliveryFailed { delivery: delivery.no, channel, error: error.to_string() },
        }
    }

    fn address(&self, ticket: &Ticket, delivery: &Delivery) -> (Channel, String) {
        let (phone, email) = match &delivery.to {
            Audience::Expert(expert) => {
                let expert = self.tree.store.expert(expert);
                let personal = expert.as_ref().and_then(|expert| expert.personal.known());
                personal.map_or((None, None), |p| (p.phone.clone(), p.email.clone()))
            }
            Audience::Customer => {
                let personal = ticket.personal.known();
                personal.map_or((None, None), |p| (p.contact.phone.clone(), p.contact.email.clone()))
            }
        };
        match (phone, email) {
            (Some(phone), _) => (Channel::Sms, phone),
            (None, Some(email)) => (Channel::Email, email),
            (None, None) => (Channel::Sms, String::new()),
        }
    }

    fn post(&mut self, ticket: &Ticket, delivery: &Delivery, channel: Channel, to: &str) -> std::io::Result<()> {
        let Some(mailbox) = &mut self.mailbox else { return Ok(()) };
        let now = self.tree.clock.now();
        let line = serde_json::json!({
            "id": format!("{}.{}", ticket.number, delivery.no), "at": now.to_string(),
            "channel": channel.name(), "to": to, "kind": delivery.kind.name(), "ticket": ticket.number.to_string(),
        });
        mailbox.append(&now.to_string()[..10], &line.to_string())
    }
}

impl Mailbox {
    fn append(&mut self, day: &str, line: &str) -> std::io::Result<()> {
        if self.file.as_ref().is_none_or(|(open, _)| open != day) {
            std::fs::create_dir_all(&self.folder)?;
            let path = self.folder.join(format!("{day}.jsonl"));
            self.file = Some((day.to_owned(), std::fs::File::options().create(true).append(true).open(path)?));
        }
        match &mut self.file {
            Some((_, file)) => writeln!(file, "{line}"),
            None => Ok(()),
        }
    }
}
