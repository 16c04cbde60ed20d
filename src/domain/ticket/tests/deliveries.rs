//! Deliveries: queued by what causes them, tried, given up, dropped when they are no longer true.

use super::{
    super::{
        Action, Channel, Command, Decided, Delivery, DeliveryKind, DeliveryStatus, Failing, Open, Phase, Priority,
        Ticket, TicketEvent, TimerKind,
    },
    scene::{Scene, at, by, complete, expert, offer, offer_at, request, unassign},
};
use crate::domain::{ids::DeliveryNo, person::Contact};

fn sent(delivery: DeliveryNo, channel: Channel) -> impl FnOnce(&Ticket) -> Command {
    move |_| Command::DeliverySent { delivery, channel, reference: None }
}

fn failed_as(delivery: DeliveryNo, failing: Failing) -> impl FnOnce(&Ticket) -> Command {
    move |_| Command::DeliveryFailed { delivery, channel: Channel::Sms, error: "no_route".into(), failing }
}

fn failed(delivery: DeliveryNo) -> impl FnOnce(&Ticket) -> Command {
    failed_as(delivery, Failing::Passing { retry_after_s: None })
}

fn bounced(scene: &Scene, no: DeliveryNo, elsewhere: bool) -> Command {
    let delivery = scene.ticket.deliveries.iter().find(|delivery| delivery.no == no).unwrap();
    let (delivery, error) = (Box::new(delivery.clone()), "undelivered".into());
    Command::DeliveryBounced { delivery, channel: Channel::Sms, error, elsewhere }
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
    assert_eq!((offer.no, &offer.to, offer.offer), (2, &super::super::Audience::Expert(expert("ann")), 1));
    let decided = scene.when(sent(2, Channel::Push)).unwrap();
    let due = at(1).plus_s(20);
    let (channel, next_at) = (Channel::Push, Some(due));
    let sent_by_push = TicketEvent::DeliverySent { delivery: 2, channel, next_at, kept: false, reference: None };
    assert_eq!(decided.events, [sent_by_push]);
    let pushed = scene.did(sent(2, Channel::Push));
    let offer = pushed.ticket.deliveries.last().unwrap();
    assert_eq!((offer.status, offer.next_at), (DeliveryStatus::Pushed, due));
    assert_eq!(pushed.when(sent(2, Channel::Push)), Ok(Decided::default()), "pushed again: the wait goes on");
    let received = pushed.clone().did(|_| Command::DeliveryReceived { delivery: 2 });
    assert_eq!(received.waiting_deliveries(), [DeliveryKind::Opened]);
    assert_eq!(received.when(|_| Command::DeliveryReceived { delivery: 2 }), Ok(Decided::default()), "twice");
}

#[test]
fn what_an_expert_got_by_sms_stays_without_a_deadline_until_the_app_has_it_or_it_is_moot() {
    let texted = Scene::in_phase(Phase::Assigning).minute(1).did(sent(2, Channel::Push)).did(sent(2, Channel::Sms));
    let offer = texted.ticket.deliveries.last().unwrap();
    assert_eq!((offer.no, offer.status), (2, DeliveryStatus::Texted));
    let due = texted.ticket.timers().iter().filter(|timer| timer.kind == TimerKind::Delivery(2)).count();
    assert_eq!(due, 0);
    assert_eq!(texted.when(sent(2, Channel::Push)), Ok(Decided::default()), "an app that connects changes nothing yet");
    let received = texted.clone().did(|_| Command::DeliveryReceived { delivery: 2 });
    assert_eq!(received.waiting_deliveries(), [DeliveryKind::Opened]);
    let accepted = texted.did(by("ann", Action::Accept));
    assert_eq!(accepted.waiting_deliveries(), [DeliveryKind::Opened, DeliveryKind::ExpertFound], "moot");
}

#[test]
fn a_withdrawal_that_went_by_sms_is_done() {
    let scene = Scene::in_phase(Phase::Assigned).did(unassign);
    let withdrawn = scene.ticket.deliveries.last().unwrap().no;
    assert_eq!(scene.did(sent(withdrawn, Channel::Sms)).waiting_deliveries(), [DeliveryKind::Opened]);
}

#[test]
fn failures_back_off_with_jitter_and_end_as_a_dead_letter() {
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
    let longest = [20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600];
    for (nth, (pause, longest)) in pauses.iter().zip(longest).enumerate() {
        assert!((longest / 2..=longest).contains(pause), "pause {nth}: {pause} s of {longest}");
    }
    let ttl_s = i64::from(scene.settings.delivery_ttl_s);
    assert!((ttl_s..ttl_s + 3_600).contains(&scene.now.since_s(at(0))));
    assert_eq!(scene.ticket.timers().iter().filter(|timer| matches!(timer.kind.code().0, 7 | 8)).count(), 0);
    let resent = scene.clone().did(|_| Command::DeliveryResend { delivery: 1 });
    let again = &resent.ticket.deliveries[0];
    assert_eq!((again.status, again.attempts, again.next_at), (DeliveryStatus::Queued, 0, scene.now));
    assert_eq!(resent.when(|_| Command::DeliveryResend { delivery: 1 }), Ok(Decided::default()), "it waits already");
    let done = resent.did(sent(1, Channel::Sms));
    assert_eq!(done.waiting_deliveries(), []);
    assert_eq!(done.code(|_| Command::DeliveryResend { delivery: 1 }), "delivery_done");
}

#[test]
fn what_failed_together_does_not_come_back_together() {
    let mut pauses = std::collections::BTreeMap::<i64, u32>::new();
    for serial in 0..1_000 {
        let number = crate::domain::number::TicketNumber::new(crate::domain::number::RegionCode(33), serial);
        let mut scene = Scene::of(Open { number, ..request() });
        for _ in 0..5 {
            scene = scene.did(failed(1));
        }
        *pauses.entry(scene.ticket.deliveries[0].next_at.since_s(scene.now)).or_default() += 1;
    }
    assert!(pauses.keys().all(|pause| (160..=320).contains(pause)), "{pauses:?}");
    assert!(pauses.len() > 140 && pauses.values().all(|count| *count < 25), "spread evenly: {pauses:?}");
}

#[test]
fn a_gateway_that_names_a_pause_gets_it_within_reason() {
    let asked = |seconds| Failing::Passing { retry_after_s: Some(seconds) };
    let pause = |seconds| {
        let scene = Scene::new().did(failed_as(1, asked(seconds)));
        scene.ticket.deliveries[0].next_at.since_s(scene.now)
    };
    assert_eq!((pause(120), pause(1_000_000)), (120, 3_600));
    assert!((10..=20).contains(&pause(1)));
}

#[test]
fn what_can_never_work_goes_another_way_at_once_or_is_a_dead_letter() {
    let permanent = |elsewhere| Scene::new().minute(3).did(failed_as(1, Failing::Permanent { elsewhere }));
    let other = permanent(true);
    let delivery = &other.ticket.deliveries[0];
    assert_eq!((delivery.status, delivery.next_at), (DeliveryStatus::Queued, at(3)));
    assert!(delivery.failed.has(Channel::Sms) && !delivery.failed.has(Channel::Email));
    assert_eq!(permanent(false).ticket.deliveries[0].status, DeliveryStatus::Dead);
}

#[test]
fn what_bounces_is_sent_another_way_once_also_when_it_counted_as_done() {
    let scene = Scene::new();
    let report = bounced(&scene, 1, true);
    let done = scene.did(sent(1, Channel::Sms));
    assert_eq!(done.waiting_deliveries(), []);
    let back = done.did(|_| report.clone());
    let delivery = &back.ticket.deliveries[0];
    assert_eq!((delivery.no, delivery.status), (1, DeliveryStatus::Queued));
    assert!(delivery.failed.has(Channel::Sms));
    assert_eq!(back.when(|_| report.clone()), Ok(Decided::default()), "told twice");
    let last = bounced(&Scene::new(), 1, false);
    let dead = Scene::new().did(sent(1, Channel::Sms)).did(|_| last);
    assert_eq!(dead.ticket.deliveries[0].status, DeliveryStatus::Dead);
}

#[test]
fn a_bounce_of_what_is_no_longer_true_is_noted_and_no_more() {
    let scene = Scene::in_phase(Phase::Assigned);
    let found = scene.ticket.deliveries.last().unwrap().no;
    let report = bounced(&scene, found, true);
    let on_site = scene.did(sent(found, Channel::Sms)).did(by("ann", Action::Arrive));
    let before = on_site.waiting_deliveries();
    assert_eq!(on_site.kinds(|_| report.clone()), ["delivery.bounced"]);
    assert_eq!(on_site.did(|_| report).waiting_deliveries(), before);
}

#[test]
fn a_message_to_a_customer_waits_for_the_end_of_the_quiet_hours() {
    let night = Scene { now: at(14 * 60), ..Scene::new() };
    let morning = at(24 * 60);
    let deferred = night.did(|_| Command::DeliveryDeferred { delivery: 1 });
    assert_eq!(deferred.ticket.deliveries[0].next_at, morning);
    assert_eq!(deferred.when(|_| Command::DeliveryDeferred { delivery: 1 }), Ok(Decided::default()), "once");
    let day = Scene::new().minute(60);
    assert_eq!(day.when(|_| Command::DeliveryDeferred { delivery: 1 }), Ok(Decided::default()));
}

#[test]
fn what_cannot_wait_is_told_at_night_too() {
    use DeliveryKind::{Arrived, Cancelled, Delayed, ExpertFound, Offer, Opened, Survey};
    let held = |scene: &Scene, kind| {
        let delivery = Delivery { kind, ..scene.ticket.deliveries[0].clone() };
        scene.ticket.held_until(&delivery, at(14 * 60), &scene.settings, "UTC").is_some()
    };
    let open = Scene::new();
    assert!([Opened, Survey, Cancelled, ExpertFound].into_iter().all(|kind| held(&open, kind)));
    let coming = |start| Scene::new().did(offer_at("ann", (start, start + 30))).did(by("ann", Action::Accept));
    let (soon, later) = (coming(24 * 60), coming(36 * 60));
    for (kind, soon_held, later_held) in
        [(ExpertFound, false, true), (Delayed, false, true), (Arrived, false, false), (Offer, false, false)]
    {
        assert_eq!((held(&soon, kind), held(&later, kind)), (soon_held, later_held), "{}", kind.name());
    }
    let urgent = Scene::of(Open { priority: Priority::Urgent, ..request() });
    assert!(!held(&urgent, Opened) && held(&urgent, Survey));
}

#[test]
fn only_what_was_queued_can_be_done() {
    let scene = Scene::new();
    assert_eq!(scene.code(sent(2, Channel::Sms)), "unknown_delivery");
    assert_eq!(scene.code(sent(0, Channel::Sms)), "unknown_delivery");
    assert_eq!(scene.code(failed(9)), "unknown_delivery");
    assert_eq!(scene.code(|_| Command::DeliveryResend { delivery: 2 }), "unknown_delivery");
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
