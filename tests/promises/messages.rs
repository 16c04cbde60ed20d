//! Messages on the real tree with gateways that misbehave: nothing lost, nothing twice, nobody woken.

use crate::common::{
    Dice, seed,
    tree::{ALWAYS, MONDAY, Time, Tree, at, by, desk_with, expert, region, runtime, store_options, tv},
};
use callout::{
    actors::{Caller, Clock, Device},
    domain::{
        drafts::ExpertDraft,
        expert::ExpertPersonal,
        fact::{Fact, State},
        ids::{Thing, TicketNumber},
        intake::NewTicket,
        person::Contact,
        quiet::QuietHours,
        shift::Shift,
        skill::SkillLevel,
        ticket::{Audience, Channel, Command, DeliveryKind, DeliveryStatus, Role, TicketEvent},
        time::{HOUR_S, Timestamp},
    },
    notify::{Desk, Gateway, Message, SendError, Sending, Sent},
    storage::{Durability, Store},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

type Answers = dyn Fn(u64) -> (bool, Result<Sent, SendError>) + Send + Sync;

/// A gateway that does as it is told, call by call: whether the message really goes, and what is answered.
struct Told {
    answers: Box<Answers>,
    calls: Mutex<u64>,
    gone: Mutex<Vec<Message>>,
}

impl Told {
    fn new(answers: impl Fn(u64) -> (bool, Result<Sent, SendError>) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answers: Box::new(answers), calls: Mutex::new(0), gone: Mutex::default() })
    }

    fn calls(&self) -> u64 {
        *self.calls.lock().unwrap()
    }

    fn gone(&self) -> Vec<Message> {
        self.gone.lock().unwrap().clone()
    }
}

impl Gateway for Told {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let mut calls = self.calls.lock().unwrap();
        let (goes, answer) = (self.answers)(*calls);
        *calls += 1;
        if goes {
            self.gone.lock().unwrap().push(message.clone());
        }
        Box::pin(async move { answer })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

fn works() -> (bool, Result<Sent, SendError>) {
    (true, Ok(Sent::default()))
}

fn down() -> (bool, Result<Sent, SendError>) {
    (false, Err(SendError::passing("http_500")))
}

/// A scene on virtual time whose messages go to `sms` and `email`; afterwards the store passes the audit.
fn play(sms: &Arc<Told>, email: &Arc<Told>, scene: impl AsyncFnOnce(&Tree)) {
    let data = TempDir::new().unwrap();
    runtime(Time::Virtual).block_on(async {
        let store = Store::open(store_options(data.path(), Durability::Disposable)).unwrap();
        let desk = gateways(&store, &data, sms, email);
        let clock = Clock::virtual_from(Timestamp::parse(MONDAY).unwrap());
        let tree = Tree::with_desk(store, clock, desk).await;
        scene(&tree).await;
        tree.audit().await;
        tree.service.stop().await;
    });
}

fn gateways(store: &Store, data: &TempDir, sms: &Arc<Told>, email: &Arc<Told>) -> Desk {
    let desk = desk_with(store, &data.path().join("mailbox"), |settings| {
        settings.notify.sms.auth_token = Some(callout::settings::Secret::new("12345"));
    });
    desk.with_gateways(sms.clone(), email.clone())
}

fn kinds(tree: &Tree, number: TicketNumber) -> Vec<&'static str> {
    let history = tree.service.store().history(&Thing::Ticket(number)).unwrap();
    history.iter().map(|recorded| recorded.fact.kind()).collect()
}

/// An expert's phone: pushes may get lost before it, and its receipts on the way back.
struct Phone {
    device: Option<Device>,
    /// What its owner was shown, each id once: by push or by text.
    seen: BTreeSet<String>,
    /// What came in, repeats too.
    heard: u64,
}

/// Issue 4, proof 5. Pushes and receipts get lost, the gateway fails, hangs, or takes a message and says it
/// did not.
#[test]
fn each_expert_sees_each_of_a_thousand_deliveries_exactly_once_and_none_is_lost() {
    const EXPERTS: usize = 40;
    const TICKETS: usize = 1_000;
    let seed = seed();
    let dice = Mutex::new(Dice(seed | 1));
    let flaky = Told::new(move |_| match dice.lock().unwrap().roll(100) {
        0..25 => down(),
        25..35 => (false, Err(SendError::passing("timeout"))),
        35..45 => (true, Err(SendError::passing("unreadable_answer"))),
        _ => works(),
    });
    play(&flaky, &flaky, async |tree: &Tree| {
        tree.square("west", 0.0, |settings| {
            (settings.max_visits_ahead, settings.offer_ttl_s) = (25, 86_400);
        })
        .await;
        let mut phones = BTreeMap::new();
        for n in 0..EXPERTS {
            let id = format!("e{n}");
            enlist(tree, &id, &format!("+1617556{n:04}"), n).await;
            // A third has no app open at all.
            let device = (n % 3 != 0).then(|| tree.service.connect(&expert(&id)));
            phones.insert(id, Phone { device, seen: BTreeSet::new(), heard: 0 });
        }
        let mut numbers = Vec::new();
        for n in 0..TICKETS {
            let (east, north) = ((n % 100) as f64 / 10.0, (n / 100) as f64);
            let contact = Contact { phone: Some(format!("+1617557{n:04}")), ..Contact::default() };
            numbers.push(tree.open(NewTicket { contact, service_s: Some(60), ..tv(east, north) }).await);
        }
        let mut dice = Dice(seed ^ 0x5EED);
        let end = tree.clock.now().plus_s(12 * HOUR_S);
        loop {
            tree.settle().await;
            let mut receipts = Vec::new();
            for phone in phones.values_mut() {
                hear(phone, &mut dice, &mut receipts);
            }
            for (number, delivery) in receipts {
                let received = Command::DeliveryReceived { delivery };
                tree.service.command(number, received, &by(Role::Expert, "app")).await.unwrap();
            }
            tree.settle().await;
            tree.pass(10).await;
            let now = tree.clock.now();
            if now.0 / 1_000 % 60 != 0 {
                continue;
            }
            let due = |number: &TicketNumber| tree.ticket(*number).deliveries.iter().any(|d| d.status.due());
            let offered = numbers.iter().all(|number| tree.ticket(*number).visit.expert.is_some());
            if offered && !numbers.iter().any(due) {
                break;
            }
            assert!(now < end, "deliveries are still due after twelve hours");
        }
        let gone = flaky.gone();
        for message in gone.iter().filter(|message| message.kind == "offer") {
            let reference = message.text.rsplit_once("Ref ").unwrap().1.to_owned();
            assert_eq!(reference, message.id, "the text names the delivery that the push names");
            let nth = message.to.strip_prefix("+1617556").unwrap().parse::<usize>().unwrap();
            let phone = phones.get_mut(&format!("e{nth}")).unwrap();
            phone.heard += 1;
            phone.seen.insert(reference);
        }
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for number in &numbers {
            for (to, id) in to_experts(tree, *number) {
                expected.entry(to).or_default().insert(id);
            }
        }
        let all: usize = expected.values().map(BTreeSet::len).sum();
        assert!(all >= TICKETS, "{all} deliveries");
        let heard: u64 = phones.values().map(|phone| phone.heard).sum();
        for (id, phone) in &phones {
            let wanted = expected.remove(id).unwrap_or_default();
            assert_eq!(phone.seen, wanted, "{id} saw something else than what was for them");
        }
        println!("{all} deliveries, {heard} arrivals, {} calls to the gateway", flaky.calls());
        assert!(heard > all as u64, "some came twice, or the scene proves nothing");
        let told: BTreeSet<TicketNumber> =
            gone.iter().filter(|message| message.kind == "opened").map(|message| message.ticket).collect();
        assert_eq!(told.len(), TICKETS, "every customer was told");
        let dead =
            |number: &TicketNumber| tree.ticket(*number).deliveries.iter().any(|d| d.status == DeliveryStatus::Dead);
        assert!(!numbers.iter().any(dead));
    });
}

async fn enlist(tree: &Tree, id: &str, phone: &str, n: usize) {
    let level = |text: &str| SkillLevel::parse(text).map(|has| (has.skill, has.level)).unwrap();
    let home = at((n % 8) as f64 + 1.0, (n / 8) as f64 * 2.0 + 0.5);
    let draft = ExpertDraft {
        id: expert(id),
        personal: ExpertPersonal { name: id.into(), phone: Some(phone.into()), email: None, home },
        region: None,
        skills: [level("tv")].into_iter().collect(),
        shifts: Shift::parse_all(ALWAYS).unwrap(),
        max_visits_ahead: None,
        retired: None,
    };
    tree.service.write_expert(draft, &Caller::system()).await.unwrap();
}

/// A third of the pushes are lost before the phone, a third of the receipts behind it.
fn hear(phone: &mut Phone, dice: &mut Dice, receipts: &mut Vec<(TicketNumber, u16)>) {
    let Some(device) = &mut phone.device else { return };
    while let Ok(push) = device.try_recv() {
        let luck = dice.roll(3);
        if luck == 0 {
            continue;
        }
        phone.heard += 1;
        phone.seen.insert(format!("{}.{}", push.ticket, push.delivery));
        if luck == 1 {
            receipts.push((push.ticket, push.delivery));
        }
    }
}

/// All deliveries to experts that a ticket ever had: (expert, id).
fn to_experts(tree: &Tree, number: TicketNumber) -> BTreeSet<(String, String)> {
    let (mut all, mut state) = (BTreeSet::new(), None);
    for recorded in tree.service.store().history(&Thing::Ticket(number)).unwrap() {
        let next = State::after(state, &Thing::Ticket(number), &recorded.fact).unwrap();
        if let State::Ticket(ticket) = &next {
            for delivery in &ticket.deliveries {
                if let Audience::Expert(expert) = &delivery.to {
                    all.insert((expert.to_string(), format!("{number}.{}", delivery.no)));
                }
            }
        }
        state = Some(next);
    }
    all
}

#[test]
fn an_hour_of_errors_costs_a_few_calls_and_no_message() {
    let down_until = Arc::new(Mutex::new(true));
    let state = down_until.clone();
    let sms = Told::new(move |_| if *state.lock().unwrap() { down() } else { works() });
    let email = Told::new(|_| works());
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let mut numbers = Vec::new();
        for n in 0..200 {
            numbers.push(tree.open(tv(f64::from(n % 10), 5.0)).await);
        }
        tree.pass(HOUR_S).await;
        let calls = sms.calls();
        assert!(calls < 60, "{calls} calls in an hour of errors for 200 messages");
        let unsent = numbers.iter().filter(|number| !tree.ticket(**number).deliveries.is_empty()).count();
        assert_eq!(unsent, 200, "none is lost, none is given up");
        *down_until.lock().unwrap() = false;
        tree.pass(2 * HOUR_S).await;
        let told: BTreeSet<TicketNumber> = sms.gone().iter().map(|message| message.ticket).collect();
        assert_eq!((told.len(), sms.gone().len()), (200, 200), "each once");
        println!("{calls} calls during the hour");
    });
}

#[test]
fn while_one_gateway_is_down_the_other_carries_what_it_can() {
    let (sms, email) = (Told::new(|_| down()), Told::new(|_| works()));
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let contact =
            Contact { phone: Some("+16175550100".into()), email: Some("c@example.org".into()), ..Contact::default() };
        for _ in 0..20 {
            tree.open(NewTicket { contact: contact.clone(), ..tv(5.0, 5.0) }).await;
        }
        tree.pass(300).await;
        assert_eq!(email.gone().len(), 20, "by e-mail, within minutes");
        let mail = &email.gone()[0];
        assert!(
            mail.subject.as_ref().is_some_and(|subject| subject.contains("We have your request")),
            "{:?}",
            mail.subject
        );
    });
}

#[test]
fn a_number_that_is_none_goes_by_mail_at_once_or_is_a_dead_letter_that_can_be_resent() {
    let sms =
        Told::new(
            |call| {
                if call < 2 { (false, Err(SendError::permanent("invalid_recipient (21211)"))) } else { works() }
            },
        );
    let email = Told::new(|_| works());
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let phone = Some("+1617555".to_owned());
        let both = Contact { phone: phone.clone(), email: Some("c@example.org".into()), ..Contact::default() };
        let reached = tree.open(NewTicket { contact: both, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        assert_eq!(email.gone().len(), 1);
        assert!(tree.ticket(reached).deliveries.is_empty());
        let only = Contact { phone, ..Contact::default() };
        let dead = tree.open(NewTicket { contact: only, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        assert_eq!(tree.ticket(dead).deliveries[0].status, DeliveryStatus::Dead);
        tree.pass(HOUR_S).await;
        assert_eq!(sms.calls(), 2, "nobody tries it again by itself");
        tree.service.resend(dead, 1, &by(Role::Dispatcher, "desk")).await.unwrap();
        tree.settle().await;
        assert!(tree.ticket(dead).deliveries.is_empty());
        assert_eq!(sms.gone().len(), 1);
    });
}

#[test]
fn what_is_due_in_quiet_hours_goes_out_when_they_end_and_survives_a_restart() {
    let (sms, email) = (Told::new(|_| works()), Told::new(|_| works()));
    let data = TempDir::new().unwrap();
    let night = Timestamp::parse("2024-05-07T02:30:00Z").unwrap();
    let open = || crate::common::tree::reopen(data.path(), Durability::Fsync);
    let (number, later) = runtime(Time::Virtual).block_on(async {
        let store = open();
        let desk = gateways(&store, &data, &sms, &email);
        let tree = Tree::with_desk(store, Clock::virtual_from(night), desk).await;
        tree.square("west", 0.0, |settings| settings.quiet_hours = Some(QuietHours::USUAL)).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.pass(HOUR_S).await;
        assert_eq!(sms.calls(), 0, "half past ten in the evening");
        assert!(kinds(&tree, number).contains(&"delivery.deferred"));
        tree.service.store().flush().unwrap();
        (number, tree.clock.now())
    });
    let store = open();
    runtime(Time::Virtual).block_on(async {
        let desk = gateways(&store, &data, &sms, &email);
        let tree = Tree::with_desk(store, Clock::virtual_from(later), desk).await;
        let morning = Timestamp::parse("2024-05-07T12:00:00Z").unwrap();
        tree.pass_until(morning.plus_s(-1)).await;
        assert_eq!(sms.calls(), 0);
        tree.pass_until(morning.plus_s(1)).await;
        assert_eq!(sms.gone().iter().map(|message| message.ticket).collect::<Vec<_>>(), [number]);
        tree.audit().await;
    });
}

#[test]
fn who_opted_out_gets_no_text_and_the_reason_is_on_record() {
    let (sms, email) = (Told::new(|_| works()), Told::new(|_| works()));
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let desk = tree.service.desk();
        assert!(desk.answered("+16175550100", " Stop ", tree.clock.now()).unwrap().is_some());
        // As a clerk typed it, without the country.
        let contact = Contact { phone: Some("6175550100".into()), ..Contact::default() };
        let silent = tree.open(NewTicket { contact: contact.clone(), ..tv(5.0, 5.0) }).await;
        let mail = Contact { email: Some("c@example.org".into()), ..contact.clone() };
        tree.open(NewTicket { contact: mail, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        assert_eq!((sms.calls(), email.gone().len()), (0, 1), "by e-mail when there is one");
        assert!(tree.ticket(silent).deliveries.is_empty(), "done");
        let history = tree.service.store().history(&Thing::Ticket(silent)).unwrap();
        let dropped = history.iter().any(|recorded| {
            matches!(&recorded.fact, Fact::Ticket(TicketEvent::DeliveryDropped { why, .. }) if why.name() == "opted_out")
        });
        assert!(dropped);
        assert!(desk.answered("+16175550100", "START", tree.clock.now()).unwrap().is_some());
        tree.open(NewTicket { contact, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        assert_eq!(sms.gone().len(), 1);
    });
}

#[test]
fn nobody_writes_to_who_was_erased() {
    let sms = Told::new(|call| if call == 0 { down() } else { works() });
    let email = Told::new(|_| works());
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        tree.settle().await;
        assert_eq!(tree.ticket(number).deliveries.len(), 1, "the first try failed");
        let (store, person) = (tree.service.store().clone(), tree.ticket(number).person());
        store.erase(person).unwrap();
        tree.pass(HOUR_S).await;
        assert_eq!(sms.gone().len(), 0);
        assert!(tree.ticket(number).deliveries.is_empty());
        assert!(kinds(tree, number).contains(&"delivery.dropped"));
    });
}

#[test]
fn what_the_provider_could_not_deliver_goes_another_way_once() {
    let sms = Told::new(|call| (true, Ok(Sent { reference: Some(format!("SM{call}")) })));
    let email = Told::new(|_| works());
    play(&sms, &email, async |tree: &Tree| {
        use callout::actors::Report;
        tree.square("west", 0.0, |_| {}).await;
        let contact =
            Contact { phone: Some("+16175550100".into()), email: Some("c@example.org".into()), ..Contact::default() };
        let number = tree.open(NewTicket { contact, ..tv(5.0, 5.0) }).await;
        tree.settle().await;
        assert!(tree.ticket(number).deliveries.is_empty(), "it counts as sent");
        let report =
            async |sid: &str| tree.service.undelivered(number, 1, sid, "undelivered (30003)".into()).await.unwrap();
        assert_eq!(report("SM9").await, Report::Unknown, "never sent by us");
        assert_eq!(report("SM0").await, Report::Taken);
        tree.settle().await;
        assert_eq!(email.gone().len(), 1, "by e-mail");
        assert_eq!(report("SM0").await, Report::Stale, "told twice");
        tree.settle().await;
        assert_eq!((email.gone().len(), sms.calls()), (1, 1));
        assert!(kinds(tree, number).contains(&"delivery.bounced"));
        let unknown = tree.service.undelivered(number, 7, "SM0", String::new()).await.unwrap();
        assert_eq!(unknown, Report::Unknown);
    });
}

/// A text to an expert stays, without a deadline, until their app has it.
#[test]
fn an_offer_that_went_by_text_waits_for_the_app_under_the_same_id() {
    let (sms, email) = (Told::new(|_| works()), Told::new(|_| works()));
    play(&sms, &email, async |tree: &Tree| {
        tree.square("west", 0.0, |_| {}).await;
        tree.expert("ann", at(5.0, 5.0), "tv", ALWAYS).await;
        let number = tree.open(tv(5.0, 5.0)).await;
        assert_eq!(tree.offered(number).await, "ann");
        tree.settle().await;
        let ticket = tree.ticket(number);
        let offer = ticket.deliveries.iter().find(|delivery| delivery.kind == DeliveryKind::Offer).unwrap();
        assert_eq!(offer.status, DeliveryStatus::Texted);
        let text = sms.gone().into_iter().find(|message| message.kind == "offer").unwrap();
        assert_eq!((text.id.clone(), text.channel), (format!("{number}.{}", offer.no), Channel::Sms));
        assert!(text.text.contains("dark screen") && !text.text.contains("Customer"), "{}", text.text);
        tree.command(number, Command::DeliveryReceived { delivery: offer.no }).await.unwrap();
        assert!(tree.ticket(number).deliveries.is_empty());
        assert_eq!(tree.ticket(number).region, region("west"));
    });
}
