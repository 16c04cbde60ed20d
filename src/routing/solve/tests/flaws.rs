use crate::routing::problem::{Draft, Firmness, Matrix, Problem, Technician, UNREACHABLE, Visit, Weights, Window};

pub(super) fn technician() -> Technician {
    Technician {
        id: "t".to_owned(),
        start: Some(0),
        end: Some(0),
        shift_from: 0,
        shift_until: 100,
        max_overtime: 0,
        breaks: Vec::new(),
        skills: Vec::new(),
        max_visits: None,
        max_distance: None,
        capacity: Vec::new(),
        profile: 0,
    }
}

pub(super) fn visit() -> Visit {
    Visit {
        id: "v".to_owned(),
        place: 1,
        duration: 1,
        durations: Vec::new(),
        windows: Vec::new(),
        due: None,
        priority: 0,
        skills: Vec::new(),
        preferred: Vec::new(),
        excluded: Vec::new(),
        told: None,
        load: Vec::new(),
        unserved: None,
    }
}

pub(super) fn sound() -> Draft {
    Draft {
        technicians: vec![technician()],
        visits: vec![visit()],
        profiles: vec![Matrix::of(2, |from, to| (i64::from(from != to), 1))],
        weights: Weights::default(),
        scarcity: Vec::new(),
    }
}

fn window(from: i64, until: i64, firmness: Firmness) -> Window {
    Window { from, until, firmness }
}

/// A change of a sound draft, and where the flaw is named then.
type Case = (&'static str, fn(&mut Draft));

#[test]
fn each_flaw_is_named_where_it_is() {
    use Firmness::{Promise, Wish};
    let cases: [Case; 18] = [
        ("the whole", |draft| draft.technicians.clear()),
        ("the whole", |draft| draft.visits.clear()),
        ("the whole", |draft| draft.profiles.clear()),
        ("weights.overtime", |draft| draft.weights.overtime = -1),
        ("weights.load", |draft| {
            draft.visits.push(visit());
            draft.weights.load = 1 << 40;
        }),
        ("scarcity[1]", |draft| draft.scarcity = vec![1, -1]),
        ("matrices[0]", |draft| draft.profiles[0].durations.truncate(3)),
        ("matrices[0][0][1]", |draft| draft.profiles[0].durations[1] = -5),
        ("matrices[0][1][0]", |draft| draft.profiles[0].distances[2] = UNREACHABLE),
        ("matrices[0][1][0]", |draft| draft.profiles[0].durations[2] = i64::MAX - 1),
        ("technicians[0].shift", |draft| draft.technicians[0].shift_until = -1),
        ("technicians[0].start", |draft| draft.technicians[0].start = Some(2)),
        ("technicians[0].profile", |draft| draft.technicians[0].profile = 1),
        ("visits[0].place", |draft| draft.visits[0].place = 2),
        ("visits[0].duration", |draft| draft.visits[0].duration = -1),
        ("visits[0]", |draft| draft.visits[0].excluded = vec![3]),
        ("visits[0].windows[1]", |draft| {
            draft.visits[0].windows = vec![window(0, 10, Promise), window(10, 20, Promise)];
        }),
        ("visits[0].windows[0]", |draft| {
            draft.visits[0].windows = vec![window(0, 10, Wish), window(20, 30, Promise)];
        }),
    ];
    assert!(Problem::new(sound()).is_ok());
    for (at, spoil) in cases {
        let mut draft = sound();
        spoil(&mut draft);
        let flaws = Problem::new(draft).expect_err(at);
        assert!(flaws.iter().any(|flaw| flaw.at == at), "{at}: {flaws:?}");
    }
}
