//! How deliveries fare. News of one that is done or moot changes nothing; of one that never was is
//! refused. Chance is not asked for: what spreads retries is drawn from the delivery's own name.

use super::{Case, Decided, Refusal, TicketEvent};
use crate::domain::{
    ids::{DeliveryNo, TicketNumber},
    settings::RegionSettings,
    ticket::{Audience, Channel, Delivery, DeliveryKind, DeliveryStatus, DropReason, Failing, Priority, Ticket},
    time::{HOUR_S, Timestamp, zone},
};
use jiff::tz::TimeZone;

/// Longest first pause after a failure; doubled by each further one.
const BACKOFF_S: i64 = 20;
const LONGEST_BACKOFF_S: i64 = HOUR_S;
/// Who comes so soon after the quiet hours must be announced before they end.
const ANNOUNCED_S: i64 = HOUR_S;
/// A delay of a visit within this is told at any hour: somebody is waiting.
const WAITED_FOR_S: i64 = 12 * HOUR_S;

impl Case<'_> {
    /// A push to an expert waits for its receipt (then goes by SMS). What they have to act on stays, when
    /// it went another way, until the app has it or it is moot; everything else is done.
    pub(super) fn delivery_sent(
        &self,
        no: DeliveryNo,
        channel: Channel,
        reference: Option<String>,
    ) -> Result<Decided, Refusal> {
        let Some(delivery) = self.delivery(no)? else { return Ok(Decided::default()) };
        let (next_at, kept) = match (channel, &delivery.to) {
            (Channel::Push, Audience::Expert(_)) => match delivery.status {
                DeliveryStatus::Pushed | DeliveryStatus::Texted => return Ok(Decided::default()),
                DeliveryStatus::Queued | DeliveryStatus::Dead => {
                    (Some(self.ctx.now.plus_s(i64::from(self.ctx.settings.receipt_s))), false)
                }
            },
            (Channel::Push, Audience::Customer) => (None, false),
            (Channel::Sms | Channel::Email, _) => (None, to_act_on(delivery.kind)),
        };
        Ok(TicketEvent::DeliverySent { delivery: no, channel, next_at, kept, reference }.into())
    }

    pub(super) fn delivery_received(&self, no: DeliveryNo) -> Result<Decided, Refusal> {
        let pending = self.delivery(no)?;
        Ok(pending.map_or_else(Decided::default, |_| TicketEvent::DeliveryReceived { delivery: no }.into()))
    }

    /// Tried again later and later, until it has been tried for `delivery_ttl_s`; another way at once,
    /// when there is one and this one never will do.
    pub(super) fn delivery_failed(
        &self,
        no: DeliveryNo,
        channel: Channel,
        error: String,
        failing: Failing,
    ) -> Result<Decided, Refusal> {
        let Some(delivery) = self.delivery(no)? else { return Ok(Decided::default()) };
        let now = self.ctx.now;
        let given_up = now >= delivery.given_up_at(self.ctx.settings);
        let (permanent, next_at) = match failing {
            Failing::Permanent { elsewhere } => (true, elsewhere.then_some(now)),
            Failing::Passing { retry_after_s } => {
                let asked_s = i64::from(retry_after_s.unwrap_or_default()).min(LONGEST_BACKOFF_S);
                let pause_s = pause_s(self.ticket.number, no, delivery.attempts).max(asked_s);
                (false, (!given_up).then(|| now.plus_s(pause_s)))
            }
        };
        Ok(TicketEvent::DeliveryFailed { delivery: no, channel, error, next_at, permanent }.into())
    }

    pub(super) fn delivery_deferred(&self, no: DeliveryNo) -> Result<Decided, Refusal> {
        let Some(delivery) = self.delivery(no)? else { return Ok(Decided::default()) };
        let until = self.ticket.held_until(delivery, self.ctx.now, self.ctx.settings, self.ctx.zone);
        let until = until.filter(|until| delivery.status.due() && delivery.next_at < *until);
        Ok(until.map_or_else(Decided::default, |until| TicketEvent::DeliveryDeferred { delivery: no, until }.into()))
    }

    pub(super) fn delivery_dropped(&self, no: DeliveryNo, why: DropReason) -> Result<Decided, Refusal> {
        let pending = self.delivery(no)?;
        Ok(pending.map_or_else(Decided::default, |_| TicketEvent::DeliveryDropped { delivery: no, why }.into()))
    }

    /// A second report about the same way changes nothing. What is moot by now is only noted.
    pub(super) fn delivery_bounced(
        &self,
        sent: Delivery,
        channel: Channel,
        error: String,
        elsewhere: bool,
    ) -> Result<Decided, Refusal> {
        let delivery = self.delivery(sent.no)?.cloned().unwrap_or(sent);
        if delivery.failed.has(channel) {
            return Ok(Decided::default());
        }
        let next_at = elsewhere.then_some(self.ctx.now);
        Ok(TicketEvent::DeliveryBounced { delivery: Box::new(delivery), channel, error, next_at }.into())
    }

    /// What waits or is under way needs no push; what is done is done.
    pub(super) fn delivery_resend(&self, no: DeliveryNo) -> Result<Decided, Refusal> {
        let delivery = self.delivery(no)?.ok_or(Refusal::DeliveryDone(no))?;
        Ok(match delivery.status {
            DeliveryStatus::Queued | DeliveryStatus::Pushed => Decided::default(),
            DeliveryStatus::Dead | DeliveryStatus::Texted => {
                TicketEvent::DeliveryResent { delivery: no, at: self.ctx.now }.into()
            }
        })
    }

    /// None: done or moot since.
    fn delivery(&self, no: DeliveryNo) -> Result<Option<&Delivery>, Refusal> {
        if no == 0 || no >= self.ticket.next_delivery {
            return Err(Refusal::UnknownDelivery(no));
        }
        Ok(self.ticket.deliveries.iter().find(|delivery| delivery.no == no))
    }
}

impl Ticket {
    /// When a message may be sent that is due now, but may not be: the end of the quiet hours. Only
    /// customers have them, and not for what cannot wait.
    #[must_use]
    pub fn held_until(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        settings: &RegionSettings,
        zone_name: &str,
    ) -> Option<Timestamp> {
        let zone = zone(zone_name).unwrap_or(TimeZone::UTC);
        let until = settings.quiet_hours?.until(now, &zone)?;
        (!self.cannot_wait(delivery, now, until)).then_some(until)
    }

    fn cannot_wait(&self, delivery: &Delivery, now: Timestamp, until: Timestamp) -> bool {
        let begins_by = |limit: Timestamp| self.visit.planned_start.is_some_and(|start| start < limit);
        match delivery.kind {
            DeliveryKind::Offer | DeliveryKind::Assignment | DeliveryKind::Withdrawn => true,
            DeliveryKind::Arrived => true,
            DeliveryKind::ExpertFound => begins_by(until.plus_s(ANNOUNCED_S)),
            DeliveryKind::Delayed => begins_by(now.plus_s(WAITED_FOR_S)),
            DeliveryKind::Opened | DeliveryKind::Cancelled => self.priority == Priority::Urgent,
            DeliveryKind::Survey => false,
        }
    }
}

impl Delivery {
    /// From then on a failure is the last one.
    #[must_use]
    pub fn given_up_at(&self, settings: &RegionSettings) -> Timestamp {
        self.queued_at.plus_s(i64::from(settings.delivery_ttl_s))
    }
}

fn to_act_on(kind: DeliveryKind) -> bool {
    match kind {
        DeliveryKind::Offer | DeliveryKind::Assignment => true,
        DeliveryKind::Opened
        | DeliveryKind::Withdrawn
        | DeliveryKind::ExpertFound
        | DeliveryKind::Arrived
        | DeliveryKind::Survey
        | DeliveryKind::Delayed
        | DeliveryKind::Cancelled => false,
    }
}

/// The pause after a failure: half of the longest one at least, and how much more hangs on the
/// delivery's name, so that what failed together does not come back together.
fn pause_s(number: TicketNumber, no: DeliveryNo, attempts: u8) -> i64 {
    let longest_s = (BACKOFF_S << attempts.min(16)).min(LONGEST_BACKOFF_S);
    let drawn = mixed(number.to_bits() ^ u64::from(no) << 48 ^ u64::from(attempts) << 40);
    longest_s - (drawn % (longest_s as u64 / 2 + 1)) as i64
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn mixed(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
