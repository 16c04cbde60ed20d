//! How deliveries fare. News of one that is done or moot changes nothing; of one that never was is
//! refused.

use super::{Case, Decided, Refusal, TicketEvent};
use crate::domain::{
    ids::DeliveryNo,
    ticket::{Audience, Channel, Delivery, DeliveryStatus},
    time::HOUR_S,
};

/// First pause after a failure; doubled by each further one.
const BACKOFF_S: i64 = 20;
const LONGEST_BACKOFF_S: i64 = HOUR_S;

impl Case<'_> {
    /// A push to an expert waits for its receipt (then goes by SMS); everything else is done.
    pub(super) fn delivery_sent(&self, no: DeliveryNo, channel: Channel) -> Result<Decided, Refusal> {
        let Some(delivery) = self.delivery(no)? else { return Ok(Decided::default()) };
        let next_at = match (channel, &delivery.to) {
            (Channel::Push, Audience::Expert(_)) => {
                if delivery.status == DeliveryStatus::Pushed {
                    return Ok(Decided::default());
                }
                Some(self.ctx.now.plus_s(i64::from(self.ctx.settings.receipt_s)))
            }
            (Channel::Push, Audience::Customer) | (Channel::Sms | Channel::Email, _) => None,
        };
        Ok(TicketEvent::DeliverySent { delivery: no, channel, next_at }.into())
    }

    pub(super) fn delivery_received(&self, no: DeliveryNo) -> Result<Decided, Refusal> {
        let pending = self.delivery(no)?;
        Ok(pending.map_or_else(Decided::default, |_| TicketEvent::DeliveryReceived { delivery: no }.into()))
    }

    /// Tried again later and later, until it has been tried for `delivery_ttl_s`.
    pub(super) fn delivery_failed(&self, no: DeliveryNo, channel: Channel, error: String) -> Result<Decided, Refusal> {
        let Some(delivery) = self.delivery(no)? else { return Ok(Decided::default()) };
        let now = self.ctx.now;
        let given_up_at = delivery.queued_at.plus_s(i64::from(self.ctx.settings.delivery_ttl_s));
        let pause_s = (BACKOFF_S << delivery.attempts.min(16)).min(LONGEST_BACKOFF_S);
        let next_at = (now < given_up_at).then(|| now.plus_s(pause_s));
        Ok(TicketEvent::DeliveryFailed { delivery: no, channel, error, next_at }.into())
    }

    /// None: done or moot since.
    fn delivery(&self, no: DeliveryNo) -> Result<Option<&Delivery>, Refusal> {
        if no == 0 || no >= self.ticket.next_delivery {
            return Err(Refusal::UnknownDelivery(no));
        }
        Ok(self.ticket.deliveries.iter().find(|delivery| delivery.no == no))
    }
}
