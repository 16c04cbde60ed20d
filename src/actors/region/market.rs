//! Visits change regions where that costs less in all: each region offers what waits in its plan at the price that it
//! would save, neighbours plan with the dearest of these as if they were their own at that price, and ask for what their plan has.
//!
//! Of each planned route one visit is given away per plan: without it the others are worth something else.
//!
//! Must hold: a visit is its region's until the ticket says otherwise; whoever asks too late gets nothing and plans
//! again, as does whoever asked a dispatcher that crashed. What is due at home is not given away. Boards are bounded and read without asking anybody.

use super::{Dispatcher, Msg, World, auction::neighbours, send};
use crate::{
    actors::reply::{Answer, Reply},
    domain::{
        ids::{RegionId, TicketNumber},
        skill::first_unmet,
        ticket::Command,
        time::Timestamp,
    },
    routing::live::{Offered, in_time},
};
use std::{
    cmp::Reverse,
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

/// Visits that a region offers: the dearest.
const OFFERS: usize = 32;
/// Visits of others that one plan looks at: the dearest.
const LOOKS: usize = 16;
/// A ticket changes regions at most this often by itself.
pub(super) const MAX_HANDOVERS: u16 = 3;

/// What a region offers to its neighbours.
#[derive(Default)]
pub(in crate::actors) struct Board(Mutex<Arc<[Offered]>>);

impl Board {
    fn read(&self) -> Arc<[Offered]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, offers: Arc<[Offered]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = offers;
    }

    /// False: it was empty.
    fn clear(&self) -> bool {
        let before = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        !before.is_empty()
    }

    /// Takes a visit off, and what else is in the route that it leaves: that is worth something else from now on.
    /// False: it is not on offer any more.
    fn take(&self, number: TicketNumber) -> bool {
        let mut offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(taken) = offers.iter().find(|offered| offered.spec.ticket == number).cloned() else { return false };
        let holder = |offered: &&Offered| taken.holder.is_some() && offered.holder == taken.holder;
        let others = offers.iter().filter(|offered| offered.spec.ticket != number && !holder(offered));
        *offers = others.cloned().collect();
        true
    }
}

impl Dispatcher {
    /// What this dispatcher's predecessor offered and was asked for is no more: neighbours who wait for an answer plan again.
    pub(super) fn open_market(&self) {
        let Some(world) = &self.world else { return };
        if !self.handle.board.clear() {
            return;
        }
        for region in neighbours(&self.tree, world).iter().filter_map(|id| self.tree.region(id)) {
            region.dispatcher.send(Msg::Due);
        }
    }

    /// Offers what the new plan has for later, or for nobody, and calls the neighbours when there is anything new.
    pub(super) fn put_on_offer(&mut self, mut spare: Vec<Offered>) {
        let Some(world) = &mut self.world else { return };
        let near = neighbours(&self.tree, world);
        if near.is_empty() {
            return;
        }
        let movable =
            |number| world.queue.peek(number).is_some_and(|entry| entry.handovers < MAX_HANDOVERS && !entry.given_away);
        spare.retain(|offered| movable(offered.spec.ticket));
        spare.sort_by_key(|offered| (Reverse(offered.worth), offered.spec.ticket));
        spare.truncate(OFFERS);
        let offers: Arc<[Offered]> = spare.into();
        self.handle.board.write(offers.clone());
        // Each is called out once: regions whose plans change each other's would not come to rest.
        let mut news = false;
        for offered in offers.iter() {
            let entry = world.queue.entry(offered.spec.ticket);
            news |= entry.is_some_and(|entry| !std::mem::replace(&mut entry.offered, true));
        }
        if !news {
            return;
        }
        for region in near.iter().filter_map(|id| self.tree.region(id)) {
            region.dispatcher.send(Msg::Offers { from: self.id.clone() });
        }
    }

    /// A ticket is another region's by now.
    pub(super) fn gone(&mut self, number: TicketNumber) {
        if let Some(world) = &mut self.world {
            self.planning.traded |= world.queue.peek(number).is_some();
            world.queue.remove(number);
        }
    }

    /// The plan has visits of others: asks for them.
    pub(super) fn ask_for(&self, wanted: &[TicketNumber]) {
        let Some(world) = &self.world else { return };
        for region in world.sellers(&self.tree) {
            for offered in region.board.read().iter().filter(|offered| wanted.contains(&offered.spec.ticket)) {
                region.dispatcher.send(Msg::Wanted { number: offered.spec.ticket, by: self.id.clone() });
            }
        }
    }

    /// Gives away what is still on offer; to whoever comes too late there is nothing left to give.
    pub(super) fn give_away(&mut self, number: TicketNumber, by: &RegionId) {
        let entry = self.world.as_mut().and_then(|world| world.queue.entry(number));
        let on_offer = self.handle.board.take(number) && !self.planning.is_due(number);
        let buyer = self.tree.region(by);
        let plans_again = move || buyer.is_some_and(|buyer| buyer.dispatcher.send(Msg::Due));
        let Some(entry) = entry.filter(|entry| on_offer && !entry.given_away) else {
            plans_again();
            return;
        };
        // Until the ticket says so the plan still has it: nobody else may be promised it.
        entry.given_away = true;
        let why = format!("the plan of {by} has somebody for it; at home it would wait longer or cost more driving");
        // Held or assigned by hand in between: whoever keeps somebody free for it must not wait.
        let reply = Reply::then(move |answer| {
            if !matches!(answer, Answer::Done(Ok(_))) {
                plans_again();
            }
        });
        send(&self.tree, number, Command::HandOver { to: by.clone(), why }, reply);
    }
}

impl World {
    /// Whose boards are looked at: the neighbours', and of those whose neighbour this region is.
    fn sellers(&self, tree: &super::Tree) -> Vec<Arc<super::Handle>> {
        let near = neighbours(tree, self);
        let all: BTreeSet<&RegionId> = near.iter().chain(&self.offering).collect();
        // Nobody would answer for a region that is down.
        let up = |region: &Arc<super::Handle>| region.dispatching.load(Ordering::Acquire);
        all.into_iter().filter_map(|id| tree.region(id)).filter(up).collect()
    }

    /// Somebody offers something.
    pub(super) fn sees_offers(&self, tree: &super::Tree) -> bool {
        self.sellers(tree).iter().any(|region| !region.board.read().is_empty())
    }

    /// What the neighbours offer that somebody here has the skills for.
    pub(super) fn offers(&self, tree: &super::Tree, now: Timestamp) -> Vec<Offered> {
        let boards: Vec<Arc<[Offered]>> = self.sellers(tree).iter().map(|region| region.board.read()).collect();
        let mut dearest: Vec<&Offered> = boards.iter().flat_map(|board| board.iter()).collect();
        dearest.sort_by_key(|offered| (Reverse(offered.worth), offered.spec.ticket));
        let able = |offered: &&&Offered| {
            let skills = &offered.spec.skills;
            self.experts.values().any(|(expert, _)| !expert.retired && first_unmet(&expert.skills, skills).is_none())
        };
        // What arrived here may still be on the board that it came from.
        let open = dearest
            .iter()
            .filter(|offered| self.queue.peek(offered.spec.ticket).is_none() && in_time(&offered.spec, now))
            .filter(able);
        open.take(LOOKS).map(|offered| (*offered).clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::{ExpertId, PersonId},
        number::RegionCode,
        place::Place,
    };
    use crate::routing::VisitSpec;

    fn offered(serial: u32, holder: Option<&str>) -> Offered {
        let spec = VisitSpec {
            ticket: TicketNumber::new(RegionCode(1), serial),
            visit: 1,
            person: PersonId(1),
            place: Place::new(42.0, -71.0).unwrap(),
            service_s: 1_800,
            window: None,
            due: Timestamp::ZERO,
            urgency: 1,
            skills: Vec::new().into(),
            refused_by: Vec::new(),
            opened_at: Timestamp::ZERO,
        };
        Offered { spec, worth: 1, holder: holder.map(|id| ExpertId::parse(id).unwrap()) }
    }

    #[test]
    fn of_a_route_one_visit_is_given_away_and_of_what_is_left_out_all() {
        let board = Board::default();
        let offers = [(1, Some("ann")), (2, Some("ann")), (3, Some("bob")), (4, None), (5, None)];
        board.write(offers.iter().map(|(serial, holder)| offered(*serial, *holder)).collect());
        let takes = |serial| board.take(TicketNumber::new(RegionCode(1), serial));
        assert!(takes(1) && !takes(1), "once");
        assert!(!takes(2), "it was behind the first");
        assert!(takes(3) && takes(4) && takes(5));
        assert!(!board.clear(), "nothing is left");
    }
}
