//! Nobody can come now: ask the neighbours, wait with a reason, or hand it to a person.

use super::{
    Address, Contest, Dispatcher, Msg, Round, Scope, WINDOW_LEAD_S, World, escalation, market::MAX_HANDOVERS,
    queue::Failed,
};
use crate::{
    domain::{
        decision::{Decision, EscalationReason, Rule},
        expert::Expert,
        ids::TicketNumber,
        ticket::{Command, WaitReason, Waiting},
        time::Timestamp,
    },
    routing::{self, VisitSpec},
};
use std::{collections::BTreeMap, sync::Arc};

/// A ticket that waits for room is tried again after this, even when nobody told of room.
const FULL_RETRY_S: i64 = 4 * 3_600;
/// An answer and a drive may take this long.
const LEAD_S: i64 = 3_600;
/// One that nobody is qualified for is tried again after this, even when the roster stays the same.
const NOBODY_RETRY_S: i64 = 24 * 3_600;
/// What the plan has somebody for is looked at again after this at the earliest.
const PLAN_RETRY_S: i64 = 900;
/// Neighbours are asked about one ticket at most this often.
const NEIGHBOURS_AGAIN_S: i64 = 1_800;

impl Dispatcher {
    pub(super) fn failed(&mut self, me: &Address<Msg>, round: &mut Round, contest: &Contest, now: Timestamp) {
        let (number, plans) = (contest.asked.spec.ticket, self.plans());
        if round.scope == Scope::Home && self.make_room(me, &contest.asked.spec) {
            if let Some(world) = &mut self.world {
                world.queue.set_ready(number, false);
            }
            return;
        }
        let Some(world) = &mut self.world else { return };
        let Some(entry) = world.queue.entry(number) else { return };
        if round.scope == Scope::Home {
            let decision = contest.decision(
                None,
                &world.region,
                self.tree.options.policy,
                self.tree.drives(&world.region, round.square.as_deref()),
                round.at,
            );
            entry.failed = Some(Box::new(Failed { decision, rules: contest.rules() }));
            let asked_lately = entry.neighbours_asked.is_some_and(|at| now.since_s(at) < NEIGHBOURS_AGAIN_S);
            if entry.handovers < MAX_HANDOVERS && !asked_lately {
                entry.neighbours_asked = Some(now);
                entry.scope = Scope::Neighbours;
                return;
            }
        }
        if self.ask_again(&contest.asked.spec, now) {
            return;
        }
        let Some(entry) = self.world.as_mut().and_then(|w| w.queue.entry(number)) else { return };
        entry.scope = Scope::Home;
        // A plan that does not know that they may be asked again would leave the visit out for good.
        entry.second_round &= plans;
        let Some(mut failed) = entry.failed.take() else { return };
        let escalated = entry.escalated;
        let mut helpers = Vec::new();
        if round.scope == Scope::Neighbours {
            // A neighbour who is asleep or full is somebody to wait for, too.
            for (rule, count) in contest.rules() {
                *failed.rules.entry(rule).or_default() += count;
            }
            helpers.extend(contest.verdicts.values().filter_map(|heard| heard.profile.clone()));
        }
        self.conclude(me, round, &contest.asked.spec, *failed, &helpers, escalated, now);
    }

    /// Nobody else is left: no neighbour takes it, and nobody at home is only full while there is time to look again. Those
    /// who refused are asked once more.
    fn ask_again(&mut self, spec: &VisitSpec, now: Timestamp) -> bool {
        if self.rounds_used_up(spec.ticket) {
            return false;
        }
        let Some(entry) = self.world.as_mut().and_then(|world| world.queue.entry(spec.ticket)) else { return false };
        let Some(rules) = entry.failed.as_ref().map(|failed| &failed.rules) else { return false };
        let latest = spec.window.map_or(spec.due, |window| window.to.min(spec.due));
        // Whom a plan keeps for others may come yet.
        let others = rules.contains_key(&Rule::Planned)
            || rules.contains_key(&Rule::Capacity) && now.plus_s(FULL_RETRY_S + LEAD_S) <= latest;
        if entry.second_round || others || !rules.contains_key(&Rule::Refused) {
            return false;
        }
        entry.second_round = true;
        entry.scope = Scope::Home;
        self.planning.stale = true;
        true
    }

    /// Wait, or escalate and wait: an escalated ticket stays in the automatic queue.
    #[allow(clippy::too_many_arguments, reason = "one call, each of another kind")]
    fn conclude(
        &mut self,
        me: &Address<Msg>,
        round: &mut Round,
        spec: &VisitSpec,
        failed: Failed,
        helpers: &[Arc<Expert>],
        escalated: bool,
        now: Timestamp,
    ) {
        let waiting = self.waiting(spec, &failed.rules, helpers, now);
        let reason = self.reason(spec, &failed, &waiting);
        let mut decision: Option<Box<Decision>> = Some(Box::new(failed.decision));
        if let (Some(reason), false) = (reason, escalated) {
            self.tree.meters.escalations.add(1);
            let escalation = escalation(reason, &failed.rules, now);
            let command = Command::Escalate { decision: decision.take(), escalation };
            super::send(&self.tree, spec.ticket, command, super::Reply::nobody());
        }
        self.settle(me, round, spec.ticket, Command::Wait { decision, waiting });
    }

    fn waiting(
        &self,
        spec: &VisitSpec,
        rules: &BTreeMap<Rule, u32>,
        helpers: &[Arc<Expert>],
        now: Timestamp,
    ) -> Waiting {
        let full = [Rule::Capacity, Rule::NoAnswer, Rule::Planned].iter().any(|rule| rules.contains_key(rule));
        let Some(world) = &self.world else {
            return Waiting { reason: WaitReason::AllFull, next_try_at: now.plus_s(FULL_RETRY_S) };
        };
        let terms = self.terms(&world.region, None, now, true);
        let roster = world.experts.values().map(|(expert, _)| expert).chain(helpers).map(Arc::as_ref);
        let lead_s = i64::from(world.region.settings.before_shift_s);
        // Whoever may be offered visits already was asked: only a later shift changes anything.
        let on_shift = routing::next_on_shift(spec, roster, &terms).map(|at| at.plus_s(-lead_s));
        let next_shift = on_shift.filter(|at| *at > now).unwrap_or(now.plus_s(FULL_RETRY_S));
        let (reason, next_try_at) = if !rules.keys().any(|rule| rule.passes()) {
            (WaitReason::NobodyQualified, now.plus_s(NOBODY_RETRY_S))
        } else if full {
            (WaitReason::AllFull, next_shift.min(now.plus_s(FULL_RETRY_S)))
        } else {
            (WaitReason::OffShift, next_shift)
        };
        Waiting { reason, next_try_at }
    }

    /// Why a person must look at it; None when waiting is enough.
    fn reason(&self, spec: &VisitSpec, failed: &Failed, waiting: &Waiting) -> Option<EscalationReason> {
        let passes = failed.rules.keys().any(|rule| rule.passes());
        if self.rounds_used_up(spec.ticket) {
            return Some(EscalationReason::RoundsExhausted);
        }
        if !passes {
            let reason = if failed.rules.contains_key(&Rule::Window) {
                EscalationReason::WindowUnreachable
            } else if failed.rules.contains_key(&Rule::Refused) {
                EscalationReason::RoundsExhausted
            } else {
                EscalationReason::NobodyQualified
            };
            return Some(reason);
        }
        (waiting.next_try_at > spec.due).then_some(EscalationReason::SlaUnreachable)
    }

    fn rounds_used_up(&self, number: TicketNumber) -> bool {
        self.world.as_ref().is_some_and(|world| world.rounds_used_up(number))
    }

    /// Refused too often: a person is told, and the search goes on.
    pub(super) fn escalate_refused(&mut self, me: &Address<Msg>, number: TicketNumber) {
        let Some(mut round) = self.round.take() else { return };
        let escalation = escalation(EscalationReason::RoundsExhausted, &BTreeMap::new(), self.tree.clock.now());
        self.tree.meters.escalations.add(1);
        self.settle(me, &mut round, number, Command::Escalate { decision: None, escalation });
        self.round = Some(round);
    }

    /// Too early to tell anybody: tried again shortly before the window opens.
    pub(super) fn wait_for_window(&mut self, me: &Address<Msg>, number: TicketNumber) {
        let Some(mut round) = self.round.take() else { return };
        let entry = self.world.as_mut().and_then(|world| world.queue.entry(number));
        if let Some(from) = entry.and_then(|entry| entry.spec.window).map(|window| window.from) {
            let next_try_at = from.plus_s(-WINDOW_LEAD_S);
            let waiting = Waiting { reason: WaitReason::WindowAhead, next_try_at };
            self.settle(me, &mut round, number, Command::Wait { decision: None, waiting });
        }
        self.round = Some(round);
    }

    /// The plan has somebody for it, later. Said once; looked at again when it should begin.
    pub(super) fn wait_for_plan(&mut self, me: &Address<Msg>, number: TicketNumber, begins: Timestamp) {
        let Some(mut round) = self.round.take() else { return };
        let next_try_at = begins.max(self.tree.clock.now().plus_s(PLAN_RETRY_S));
        let waiting = Waiting { reason: WaitReason::Planned, next_try_at };
        self.settle(me, &mut round, number, Command::Wait { decision: None, waiting });
        self.round = Some(round);
    }

    /// Tickets without a place to drive to need a person.
    pub(super) fn escalate_unplaced(&mut self, me: &Address<Msg>) {
        let now = self.tree.clock.now();
        let Some(mut round) = self.round.take() else { return };
        let unplaced = self.world.as_mut().map(|world| std::mem::take(&mut world.queue.unplaced));
        for number in unplaced.into_iter().flatten().map(|(number, _)| number) {
            let escalation = escalation(EscalationReason::Unlocated, &BTreeMap::new(), now);
            self.tree.meters.escalations.add(1);
            self.settle(me, &mut round, number, Command::Escalate { decision: None, escalation });
        }
        self.round = Some(round);
    }
}

impl World {
    pub(super) fn rounds_used_up(&self, number: TicketNumber) -> bool {
        let max = u16::from(self.region.settings.max_rounds);
        self.queue.peek(number).is_some_and(|entry| entry.rounds >= max)
    }
}
