//! The contract's table "which command is allowed when", cell by cell.

use super::{
    super::{Action, Channel, Command, DropReason, Phase, Role, Ticket, TimerKind, WaitReason},
    scene::{
        Assign, CHOICE, Scene, assign, at, by, cannot_fix, complete, decline, escalate, expert, locate, no_access,
        offer, promise, reassign, region, unassign, wait,
    },
};
use crate::domain::decision::EscalationReason;

type Make = fn(&Ticket) -> Command;

/// A command, the phases it is allowed from with the phase it leads to, and the code it is refused
/// with from everywhere else.
struct Row {
    name: &'static str,
    make: Make,
    role: Role,
    allowed: &'static [(Phase, Phase)],
    otherwise: &'static str,
}

const OPEN: [Phase; 6] =
    [Phase::New, Phase::Assigning, Phase::Assigned, Phase::InProgress, Phase::Reopened, Phase::OnHold];

fn row(name: &'static str, make: Make, allowed: &'static [(Phase, Phase)]) -> Row {
    Row { name, make, role: Role::Dispatcher, allowed, otherwise: "wrong_phase" }
}

fn rows() -> Vec<Row> {
    use Phase::{Assigned, Assigning, Cancelled, Closed, Completed, InProgress, New, OnHold, Reopened};
    vec![
        row("offer", |t| offer("bob")(t), &[(New, Assigning), (Reopened, Assigning)]),
        row(
            "assign",
            |t| assign("bob", CHOICE)(t),
            &[(New, Assigning), (Assigning, Assigning), (Assigned, Assigning), (Reopened, Assigning)],
        ),
        row(
            "assign, pinned",
            |t| assign("bob", Assign { pin: true, ..CHOICE })(t),
            &[(New, Assigned), (Assigning, Assigned), (Assigned, Assigned), (Reopened, Assigned)],
        ),
        row(
            "assign, forced",
            |t| assign("bob", Assign { force: true, ..CHOICE })(t),
            &[(New, Assigned), (Assigning, Assigned), (Assigned, Assigned), (Reopened, Assigned)],
        ),
        row("reassign", |t| reassign("ann", "bob")(t), &[(Assigning, Assigning), (Assigned, Assigning)]),
        row("unassign", unassign, &[(Assigning, New), (Assigned, New)]),
        row("accept", |t| by("ann", Action::Accept)(t), &[(Assigning, Assigned)]),
        row("decline", |t| by("ann", decline())(t), &[(Assigning, New)]),
        row("depart", |t| by("ann", Action::Depart)(t), &[(Assigned, InProgress), (InProgress, InProgress)]),
        row("arrive", |t| by("ann", Action::Arrive)(t), &[(Assigned, InProgress), (InProgress, InProgress)]),
        row("complete", |t| by("ann", complete())(t), &[(InProgress, Completed)]),
        row("cannot_fix", |t| by("ann", cannot_fix("tv:3"))(t), &[(Assigned, New), (InProgress, New)]),
        row("no_access", |t| by("ann", no_access())(t), &[(Assigned, New), (InProgress, New)]),
        row(
            "hold",
            |_| Command::Hold { reason: "away".into(), until: Some(at(600)) },
            &[(New, OnHold), (Assigning, OnHold), (Assigned, OnHold), (Reopened, OnHold)],
        ),
        row("release", |_| Command::Release, &[(OnHold, New)]),
        row(
            "reschedule, plan kept",
            |_| Command::Reschedule { window: Some(promise(20, 40)) },
            &[(New, New), (Assigning, Assigning), (Assigned, Assigned), (Reopened, Reopened), (OnHold, OnHold)],
        ),
        row(
            "reschedule, plan broken",
            |_| Command::Reschedule { window: Some(promise(300, 400)) },
            &[(New, New), (Assigning, New), (Assigned, New), (Reopened, Reopened), (OnHold, OnHold)],
        ),
        row(
            "locate",
            |t| locate("south", 1)(t),
            &[(New, New), (Assigning, New), (Assigned, New), (Reopened, Reopened), (OnHold, OnHold)],
        ),
        row(
            "cancel",
            |_| Command::Cancel { reason: "moved".into() },
            &[
                (New, Cancelled),
                (Assigning, Cancelled),
                (Assigned, Cancelled),
                (InProgress, Cancelled),
                (Reopened, Cancelled),
                (OnHold, Cancelled),
            ],
        ),
        row(
            "reopen",
            |_| Command::Reopen { reason: "broken again".into() },
            &[(Completed, Reopened), (Closed, Reopened), (Cancelled, Reopened)],
        ),
        row("survey", |_| Command::Survey { rating: 4, comment: None }, &[(Completed, Closed)]),
        row("wait", |t| wait(WaitReason::AllFull, 60)(t), &[(New, New), (Reopened, Reopened)]),
        row("escalate", |t| escalate(EscalationReason::NobodyQualified)(t), &[(New, New), (Reopened, Reopened)]),
        row(
            "hand_over",
            |_| Command::HandOver { to: region("south"), why: "asked".into() },
            &[(New, New), (Reopened, Reopened)],
        ),
        Row { otherwise: "not_quarantined", ..row("resume", |_| Command::Resume, &[]) },
    ]
}

#[test]
fn every_command_is_allowed_exactly_where_the_contract_says() {
    for row in rows() {
        for phase in Phase::ALL {
            let scene = Scene::in_phase(phase).minute(2).by(row.role, "dora");
            assert_eq!(scene.ticket.phase, phase);
            let cell = format!("{} from {}", row.name, phase.name());
            let goal = row.allowed.iter().find(|(from, _)| *from == phase);
            match (scene.when(row.make), goal) {
                (Ok(decided), Some((_, to))) => {
                    let mut after = scene.clone();
                    after.apply(&decided);
                    assert_eq!(after.ticket.phase, *to, "{cell}");
                }
                (Err(refusal), None) => assert_eq!(refusal.code(), row.otherwise, "{cell}"),
                (answer, _) => panic!("{cell}: {answer:?}"),
            }
        }
    }
}

#[test]
fn what_never_changes_the_phase_is_never_refused() {
    let commands: [Make; 13] = [
        |_| Command::Note { text: "called back".into() },
        |_| Command::Quarantine { cause: "panicked".into() },
        |_| Command::Timer(TimerKind::OfferExpiry),
        |_| Command::Timer(TimerKind::RespondBreach),
        |_| Command::Timer(TimerKind::ResolveBreach),
        |_| Command::Timer(TimerKind::NextTry),
        |_| Command::Timer(TimerKind::HoldUntil),
        |_| Command::Timer(TimerKind::AutoClose),
        |_| Command::Timer(TimerKind::Delivery(1)),
        |_| Command::Replan { expert: expert("ann"), planned_start: at(31), planned_end: at(61) },
        |_| Command::DeliverySent { delivery: 1, channel: Channel::Sms, reference: None },
        |_| Command::DeliveryDeferred { delivery: 1 },
        |_| Command::DeliveryDropped { delivery: 1, why: DropReason::OptedOut },
    ];
    for phase in Phase::ALL {
        for make in commands {
            let mut scene = Scene::in_phase(phase).minute(2);
            let decided = scene.when(make).unwrap();
            scene.apply(&decided);
            assert_eq!(scene.ticket.phase, phase);
            assert_eq!(decided.routes, vec![]);
        }
    }
}

#[test]
fn only_staff_may_cancel_while_an_expert_is_at_work() {
    for phase in OPEN {
        for role in Role::ALL {
            let scene = Scene::in_phase(phase).by(role, "somebody");
            let allowed = scene.when(|_| Command::Cancel { reason: "no".into() }).map_err(|refusal| refusal.code());
            if phase == Phase::InProgress && !role.staff() {
                assert_eq!(allowed, Err("staff_only"), "{}", role.name());
            } else {
                assert!(allowed.is_ok(), "{} in {}", role.name(), phase.name());
            }
        }
    }
}

#[test]
fn a_foreign_expert_is_refused_as_such_wherever_somebody_holds_the_visit() {
    let actions: [fn() -> Action; 5] = [|| Action::Depart, || Action::Arrive, complete, || cannot_fix("tv"), no_access];
    for phase in [Phase::Assigning, Phase::Assigned, Phase::InProgress] {
        for action in actions {
            assert_eq!(Scene::in_phase(phase).code(by("bob", action())), "not_yours");
        }
    }
    assert_eq!(Scene::in_phase(Phase::Assigning).code(by("bob", Action::Accept)), "not_yours");
    assert_eq!(Scene::in_phase(Phase::Assigning).code(by("bob", decline())), "not_yours");
}
