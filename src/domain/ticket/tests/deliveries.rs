//! Deliveries: queued by what causes them, tried, given up, dropped when they are no longer true.

use super::{
    super::{Action, Audience, Channel, Command, Decided, DeliveryKind, DeliveryStatus, Phase, Ticket, TicketEvent},
    scene::{Scene, at, by, complete, expert, offer, request, unassign},
};
use crate::domain::{ids::DeliveryNo, person::Contact};

fn sent(delivery: DeliveryNo, channel: Channel) -> impl FnOnce(&Ticket) -> Command {
    move |_| Command::DeliverySent { delivery, channel }
}

fn failed(delivery: DeliveryNo) -> impl FnOnce(&Ticket) -> Command {
    move |_| Command::DeliveryFailed { delivery, channel: Channel::Sms, error: "no route".into() }
}

#[test]
fn who_left_no_phone_and_no_address_is_not_written_to() {
    let mut request = request();
    request.personal.contact = Contact::default();
    let scene = Scene::of(request).did(offer("ann")).did(by("ann", Action::Accept)).did(by("ann", Action::Arrive));
    assert_eq!(scene.waiting_deliveries(), []);
    assert_eq!(scene.did(by("ann", complete())).waiting_deliveries(), []);
}

#[test]
fn a_push_waits_for_its_receipt_and_then_goes_by_sms() {
    let scene = Scene::in_phase(Phase::Assigning).minute(1);
    let offer = scene.ticket.deliveries.last().unwrap();
    assert_eq!((offer.no, &offer.to, offer.offer), (2, &Audience::Expert(expert("ann")), 1));
    let decided = scene.when(sent(2, Channel::Push)).unwrap();
    let due = at(1).plus_s(20);
    assert_eq!(decided.events, [TicketEvent::DeliverySent { delivery: 2, channel: Channel::Push, next_at: Some(due) }]);
    let pushed = scene.did(sent(2, Channel::Push));
    let offer = pushed.ticket.deliveries.last().unwrap();
    assert_eq!((offer.status, offer.next_at), (DeliveryStatus::Pushed, due));
    assert_eq!(pushed.when(sent(2, Channel::Push)), Ok(Decided::default()), "pushed again: the wait goes on");
    let done = [pushed.clone().did(sent(2, Channel::Sms)), pushed.did(|_| Command::DeliveryReceived { delivery: 2 })];
    for scene in done {
        assert_eq!(scene.waiting_deliveries(), [DeliveryKind::Opened]);
        assert_eq!(scene.when(|_| Command::DeliveryReceived { delivery: 2 }), Ok(Decided::default()), "twice");
    }
}

#[test]
fn failures_back_off_and_end_as_a_dead_letter() {
    let mut scene = Scene::new();
    let mut pauses = Vec::new();
    loop {
        scene = scene.did(failed(1));
        let delivery = &scene.ticket.deliveries[0];
        if delivery.status == DeliveryStatus::Dead {
            break;
        }
        pauses.push(delivery.next_at.since_s(scene.now));
        scene.now = delivery.next_at;
    }
    assert_eq!(pauses[..10], [20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
    let ttl_s = i64::from(scene.settings.delivery_ttl_s);
    assert!((ttl_s..ttl_s + 3_600).contains(&scene.now.since_s(at(0))));
    assert_eq!(scene.ticket.timers().iter().filter(|timer| timer.kind.code().0 == 7).count(), 0);
    let resent = scene.did(sent(1, Channel::Sms));
    assert_eq!(resent.waiting_deliveries(), []);
}

#[test]
fn only_what_was_queued_can_be_done() {
    let scene = Scene::new();
    assert_eq!(scene.code(sent(2, Channel::Sms)), "unknown_delivery");
    assert_eq!(scene.code(sent(0, Channel::Sms)), "unknown_delivery");
    assert_eq!(scene.code(failed(9)), "unknown_delivery");
}

#[test]
fn what_is_no_longer_true_is_not_said() {
    use DeliveryKind::{Arrived, ExpertFound, Opened, Survey, Withdrawn};
    let scene = Scene::in_phase(Phase::Assigned);
    assert_eq!(scene.waiting_deliveries(), [Opened, ExpertFound]);
    assert_eq!(scene.clone().did(unassign).waiting_deliveries(), [Opened, Withdrawn]);
    let on_site = scene.did(by("ann", Action::Arrive));
    assert_eq!(on_site.waiting_deliveries(), [Opened, Arrived]);
    let completed = on_site.did(by("ann", complete()));
    assert_eq!(completed.waiting_deliveries(), [Opened, Survey]);
    let reopened = completed.did(|_| Command::Reopen { reason: "dark".into() });
    assert_eq!(reopened.waiting_deliveries(), [Opened]);
}
