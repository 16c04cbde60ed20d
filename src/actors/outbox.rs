//! Deliveries: to an expert's device first, by SMS or e-mail when no receipt came or no device is
//! connected; to customers by SMS or e-mail. What is to be delivered stands in the ticket's state, so
//! nothing is lost with this actor; a delivery may be sent twice, under the same id, and the app drops the
//! second.
//!
//! Must hold: no call to a gateway is awaited here. Each goes on a task of its own, so many at once per
//! gateway; what waits for its turn is bounded, and whatever finds no room, or a gateway that is left
//! alone, is simply let go: its deadline stands and is fired again. Never: the same delivery twice at once.

use super::{
    device::Push,
    post::{self, Job, Verdict},
    pulse::Role,
    region,
    reply::Reply,
    shell::{self, Address, Crash, Handler},
    supervise::{End, supervisor},
    tree::Tree,
};
use crate::telemetry::{Incident, incidents::Kind};
use crate::{
    domain::{
        breaker::Breaker,
        expert::Expert,
        ids::{DeliveryNo, TicketNumber},
        ticket::{Audience, Channel, Command, Delivery, DeliveryStatus, Failing, Ticket},
    },
    notify::Way,
};
use ractor::ActorCell;
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

pub(super) enum Msg {
    Due {
        number: TicketNumber,
        delivery: DeliveryNo,
    },
    /// A gateway has answered, or not in time.
    Answered {
        channel: Channel,
        verdict: Verdict,
    },
    /// What became of it stands in the ticket.
    Settled {
        number: TicketNumber,
        delivery: DeliveryNo,
        recorded: bool,
    },
}

/// Messages that wait for their turn at one gateway.
const WAITING: usize = 1_024;
/// An expert whom only the app can tell is tried again after this.
const NOWHERE_S: u32 = 60;

pub(super) struct Outbox {
    tree: Arc<Tree>,
    sms: Lane,
    email: Lane,
    /// Waiting, on their way, or being recorded.
    under_way: HashSet<(TicketNumber, DeliveryNo)>,
}

/// The way to one gateway.
#[derive(Default)]
struct Lane {
    in_flight: usize,
    /// Experts' messages go before customers'.
    experts: VecDeque<Job>,
    customers: VecDeque<Job>,
    breaker: Breaker,
}

impl Lane {
    fn next(&mut self) -> Option<Job> {
        self.experts.pop_front().or_else(|| self.customers.pop_front())
    }

    /// False: there is no room.
    fn queue(&mut self, job: Job) -> bool {
        let to_expert = matches!(job.delivery.to, Audience::Expert(_));
        let queue = if to_expert { &mut self.experts } else { &mut self.customers };
        let room = queue.len() < WAITING;
        if room {
            queue.push_back(job);
        }
        room
    }
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
        match msg {
            Msg::Due { number, delivery } => self.due(number, delivery),
            Msg::Answered { channel, verdict } => {
                self.answered(channel, verdict);
                self.pump(channel);
            }
            Msg::Settled { number, delivery, recorded } => {
                self.under_way.remove(&(number, delivery));
                // What is to go another way at once was told while this one was still under way.
                if recorded {
                    self.due(number, delivery);
                }
            }
        }
        Ok(())
    }
}

impl Outbox {
    fn new(tree: Arc<Tree>) -> Self {
        Self { tree, sms: Lane::default(), email: Lane::default(), under_way: HashSet::new() }
    }

    fn due(&mut self, number: TicketNumber, no: DeliveryNo) {
        let tree = &self.tree;
        if tree.options.desk.paused() || tree.is_stopping() || self.under_way.contains(&(number, no)) {
            return;
        }
        let Ok(Some(ticket)) = tree.store.ticket(number) else { return };
        let Some(delivery) = ticket.deliveries.iter().find(|delivery| delivery.no == no).cloned() else { return };
        if delivery.next_at > tree.clock.now() || !delivery.status.due() {
            return;
        }
        if let Some(command) = self.deliver(&ticket, delivery) {
            region::send(&self.tree, number, command, Reply::nobody());
        }
    }

    /// Sends it on its way. A command: what became of it at once.
    fn deliver(&mut self, ticket: &Arc<Ticket>, delivery: Delivery) -> Option<Command> {
        let (no, tree) = (delivery.no, self.tree.clone());
        if self.held(ticket, &delivery) {
            return Some(Command::DeliveryDeferred { delivery: no });
        }
        if self.push(ticket, &delivery) {
            tree.meters.deliveries_sent.add(1);
            return Some(Command::DeliverySent { delivery: no, channel: Channel::Push, reference: None });
        }
        let expert = addressee(&tree, &delivery);
        let now = tree.clock.now();
        let shut = |channel| self.lane(channel).is_some_and(|lane| lane.breaker.shut(now));
        match tree.options.desk.way(ticket, &delivery, expert.as_deref(), &shut) {
            Way::Drop(why) => Some(Command::DeliveryDropped { delivery: no, why }),
            Way::Nowhere => {
                let failing = Failing::Passing { retry_after_s: Some(NOWHERE_S) };
                let error = "no_device_no_address".to_owned();
                Some(Command::DeliveryFailed { delivery: no, channel: Channel::Push, error, failing })
            }
            Way::Shut => self.given_up(ticket, &delivery),
            // Nobody takes it: it is counted, and that is all.
            Way::To { channel, to: _ } if tree.options.desk.gateway(channel).is_none() => {
                tree.meters.deliveries_sent.add(1);
                Some(Command::DeliverySent { delivery: no, channel, reference: None })
            }
            Way::To { channel, to } => {
                self.queue(Job { ticket: ticket.clone(), delivery, expert, channel, to });
                None
            }
        }
    }

    /// It falls into the quiet hours of its region.
    fn held(&self, ticket: &Ticket, delivery: &Delivery) -> bool {
        let region = self.tree.store.region(&ticket.region);
        region.is_some_and(|region| {
            ticket.held_until(delivery, self.tree.clock.now(), &region.settings, &region.time_zone).is_some()
        })
    }

    fn push(&self, ticket: &Ticket, delivery: &Delivery) -> bool {
        let (Audience::Expert(expert), DeliveryStatus::Queued) = (&delivery.to, delivery.status) else { return false };
        let push = Push {
            ticket: ticket.number,
            delivery: delivery.no,
            kind: delivery.kind,
            visit: delivery.visit,
            offer: delivery.offer,
            expires_at: ticket.visit.offer.as_ref().map(|offer| offer.expires_at),
        };
        self.tree.devices.push(expert, push)
    }

    /// A gateway that is left alone costs no call; a delivery that has waited too long for it is given up.
    fn given_up(&self, ticket: &Ticket, delivery: &Delivery) -> Option<Command> {
        let region = self.tree.store.region(&ticket.region)?;
        (self.tree.clock.now() >= delivery.given_up_at(&region.settings)).then(|| Command::DeliveryFailed {
            delivery: delivery.no,
            channel: Channel::Sms,
            error: "gateway_down".to_owned(),
            failing: Failing::Passing { retry_after_s: None },
        })
    }

    fn lane(&self, channel: Channel) -> Option<&Lane> {
        match channel {
            Channel::Sms => Some(&self.sms),
            Channel::Email => Some(&self.email),
            Channel::Push => None,
        }
    }

    fn lane_mut(&mut self, channel: Channel) -> Option<&mut Lane> {
        match channel {
            Channel::Sms => Some(&mut self.sms),
            Channel::Email => Some(&mut self.email),
            Channel::Push => None,
        }
    }

    fn queue(&mut self, job: Job) {
        let (name, channel) = ((job.ticket.number, job.delivery.no), job.channel);
        if self.lane_mut(channel).is_some_and(|lane| lane.queue(job)) {
            self.under_way.insert(name);
            self.pump(channel);
        }
    }

    /// Starts as many as the gateway takes at once.
    fn pump(&mut self, channel: Channel) {
        let (tree, most) = (self.tree.clone(), self.tree.options.desk.concurrency());
        let now = tree.clock.now();
        let mut let_go = Vec::new();
        let Some(lane) = self.lane_mut(channel) else { return };
        while lane.in_flight < most
            && let Some(job) = lane.next()
        {
            let name = (job.ticket.number, job.delivery.no);
            if !lane.breaker.admits(now) {
                let_go.push(name);
            } else if post::start(&tree, job) {
                lane.in_flight += 1;
            } else {
                let_go.push(name);
            }
        }
        for name in let_go {
            self.under_way.remove(&name);
        }
    }

    fn answered(&mut self, channel: Channel, verdict: Verdict) {
        let now = self.tree.clock.now();
        let Some(lane) = self.lane_mut(channel) else { return };
        lane.in_flight = lane.in_flight.saturating_sub(1);
        match verdict {
            Verdict::Works => lane.breaker.works(),
            Verdict::Fails { retry_after_s } => {
                if lane.breaker.failed(now, retry_after_s) {
                    tracing::warn!(channel = channel.name(), "a gateway keeps failing: it is left alone for a while");
                }
            }
            Verdict::Unasked => {}
        }
    }
}

/// The expert it is for.
fn addressee(tree: &Tree, delivery: &Delivery) -> Option<Arc<Expert>> {
    match &delivery.to {
        Audience::Expert(expert) => tree.store.expert(expert),
        Audience::Customer => None,
    }
}
