//! The texts: a template for each language, kind and part, built in or from a folder. All are read and
//! tried when the server starts: a variable that is unknown, or one that a text cannot do without, is
//! refused with file, line and name. What was accepted can be filled in later without a surprise.

use crate::domain::{language::Language, ticket::DeliveryKind};
use minijinja::{Environment, UndefinedBehavior, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};
use toml::Spanned;

const BUILT_IN: [(Language, &str, &str); 2] = [
    (Language::En, "config/templates/en.toml", include_str!("../../config/templates/en.toml")),
    (Language::Es, "config/templates/es.toml", include_str!("../../config/templates/es.toml")),
];

const KINDS: [DeliveryKind; 9] = [
    DeliveryKind::Opened,
    DeliveryKind::Offer,
    DeliveryKind::Assignment,
    DeliveryKind::Withdrawn,
    DeliveryKind::ExpertFound,
    DeliveryKind::Arrived,
    DeliveryKind::Survey,
    DeliveryKind::Delayed,
    DeliveryKind::Cancelled,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Sms,
    Subject,
    Body,
}

impl Part {
    const ALL: [Self; 3] = [Self::Sms, Self::Subject, Self::Body];

    fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Subject => "subject",
            Self::Body => "body",
        }
    }
}

/// What is filled in. A kind's texts may use those that [`known`] names; they are always there.
#[derive(Clone, Debug, Default)]
pub(super) struct Blanks {
    pub(super) company: String,
    pub(super) number: String,
    pub(super) title: String,
    pub(super) expert: String,
    pub(super) day: String,
    pub(super) time: String,
    pub(super) link: String,
    pub(super) reference: String,
    pub(super) place: String,
    pub(super) until: String,
}

impl Blanks {
    fn value(&self) -> Value {
        let Self { company, number, title, expert, day, time, link, reference, place, until } = self;
        Value::from_pairs([
            ("company", company.as_str()),
            ("number", number),
            ("title", title),
            ("expert", expert),
            ("day", day),
            ("time", time),
            ("link", link),
            ("reference", reference),
            ("place", place),
            ("until", until),
        ])
    }
}

fn known(kind: DeliveryKind) -> &'static [&'static str] {
    match kind {
        DeliveryKind::Opened | DeliveryKind::Cancelled => &["company", "number", "title"],
        DeliveryKind::ExpertFound | DeliveryKind::Delayed => {
            &["company", "number", "title", "expert", "day", "time", "link"]
        }
        DeliveryKind::Arrived => &["company", "number", "title", "expert", "link"],
        DeliveryKind::Survey => &["company", "number", "title", "link"],
        DeliveryKind::Offer => &["company", "number", "title", "reference", "day", "time", "place", "until"],
        DeliveryKind::Assignment => &["company", "number", "title", "reference", "day", "time", "place"],
        DeliveryKind::Withdrawn => &["company", "number", "reference"],
    }
}

/// Without these a text is useless: nowhere to click, nothing for the app to know a duplicate by.
fn needed(kind: DeliveryKind, part: Part) -> &'static [&'static str] {
    match (kind, part) {
        (_, Part::Subject) => &[],
        (DeliveryKind::Survey | DeliveryKind::ExpertFound, _) => &["link"],
        (DeliveryKind::Offer | DeliveryKind::Assignment | DeliveryKind::Withdrawn, _) => &["reference"],
        (DeliveryKind::Opened | DeliveryKind::Arrived | DeliveryKind::Delayed | DeliveryKind::Cancelled, _) => {
            &["number"]
        }
    }
}

/// Texts that do not hold, all of them: `file:line: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(pub Vec<String>);

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for TemplateError {}

pub(super) struct Templates {
    ready: Environment<'static>,
}

/// A file's texts by kind and part, with the byte at which each begins.
type File = BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>>;

struct Text {
    source: String,
    file: String,
    /// Of the text's first line in its file.
    line: usize,
}

impl Templates {
    /// The built-in texts, with those of `folder` laid over them.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let (mut texts, mut problems) = (BTreeMap::new(), Vec::new());
        for (language, name, text) in BUILT_IN {
            read(language, name, text, &mut texts, &mut problems);
            let Some(path) = folder.map(|folder| folder.join(format!("{}.toml", language.code()))) else { continue };
            match std::fs::read_to_string(&path) {
                Ok(text) => read(language, &path.display().to_string(), &text, &mut texts, &mut problems),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => problems.push(format!("{}: {error}", path.display())),
            }
        }
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            problems.push(format!("{}: no such folder (notify.templates)", folder.display()));
        }
        Self::of(&texts, problems)
    }

    fn of(texts: &BTreeMap<Key, Text>, mut problems: Vec<String>) -> Result<Self, TemplateError> {
        let mut ready = Environment::new();
        ready.set_undefined_behavior(UndefinedBehavior::Strict);
        // Texts and mail bodies are plain: nothing is to be escaped.
        ready.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        for language in Language::ALL {
            for kind in KINDS {
                for part in Part::ALL {
                    match texts.get(&(language, kind.name(), part)) {
                        Some(text) => problems.extend(admit(&mut ready, language, kind, part, text)),
                        None => problems.push(format!(
                            "{}.toml: [{}] lacks the text {:?}",
                            language.code(),
                            kind.name(),
                            part.name()
                        )),
                    }
                }
            }
        }
        if problems.is_empty() { Ok(Self { ready }) } else { Err(TemplateError(problems)) }
    }

    /// Fills a text in. Blanks at both ends go.
    pub(super) fn fill(&self, language: Language, kind: DeliveryKind, part: Part, blanks: &Blanks) -> Option<String> {
        let template = self.ready.get_template(&name(language, kind, part)).ok()?;
        let text = template.render(blanks.value()).ok()?;
        Some(if part == Part::Body { format!("{}\n", text.trim()) } else { one_line(&text) })
    }
}

type Key = (Language, &'static str, Part);

fn name(language: Language, kind: DeliveryKind, part: Part) -> String {
    format!("{}/{}/{}", language.code(), kind.name(), part.name())
}

/// A subject with a line break in it would be another header.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn read(language: Language, name: &str, text: &str, into: &mut BTreeMap<Key, Text>, problems: &mut Vec<String>) {
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            return problems.push(format!("{name}:{line}: {}", error.message()));
        }
    };
    for (kind, parts) in file {
        let Some(known) = KINDS.into_iter().find(|known| known.name() == kind.get_ref()) else {
            let line = line_of(text, kind.span().start);
            problems.push(format!("{name}:{line}: there is no kind of message {:?}", kind.get_ref()));
            continue;
        };
        for (part, source) in parts {
            let Some(part) = Part::ALL.into_iter().find(|known| known.name() == part.get_ref()) else {
                let line = line_of(text, part.span().start);
                problems.push(format!("{name}:{line}: a text is sms, subject or body, not {:?}", part.get_ref()));
                continue;
            };
            let span = source.span();
            // TOML drops the line break right behind the quotes.
            let opens =
                text.get(span.start..).is_some_and(|rest| rest.starts_with("\"\"\"\n") || rest.starts_with("'''\n"));
            let line = line_of(text, span.start) + usize::from(opens);
            into.insert((language, known.name(), part), Text { source: source.into_inner(), file: name.into(), line });
        }
    }
}

/// Takes a text in; what is wrong with it.
fn admit(
    ready: &mut Environment<'static>,
    language: Language,
    kind: DeliveryKind,
    part: Part,
    text: &Text,
) -> Vec<String> {
    let place = |line: usize| format!("{}:{}", text.file, text.line + line.saturating_sub(1));
    let id = name(language, kind, part);
    if let Err(error) = ready.add_template_owned(id.clone(), text.source.clone()) {
        return vec![format!("{}: {}", place(error.line().unwrap_or(1)), error.detail().unwrap_or("malformed text"))];
    }
    let Ok(template) = ready.get_template(&id) else { return vec![format!("{}: unreadable", place(1))] };
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let mut problems = Vec::new();
    for unknown in used.iter().filter(|used| !known(kind).contains(&used.as_str())) {
        let line = text.source.lines().position(|line| mentions(line, unknown)).map_or(1, |line| line + 1);
        let may = known(kind).join(", ");
        let (at, kind) = (place(line), kind.name());
        problems.push(format!("{at}: unknown variable {unknown:?} in [{kind}] {}; there are {may}", part.name()));
    }
    for missing in needed(kind, part).iter().filter(|needed| !used.contains(**needed)) {
        let (at, kind) = (place(1), kind.name());
        problems.push(format!("{at}: [{kind}] {} needs the variable {missing:?}", part.name()));
    }
    if problems.is_empty()
        && let Err(error) = template.render(Blanks::default().value())
    {
        problems.push(format!("{}: {error}", place(error.line().unwrap_or(1))));
    }
    problems
}

/// Whether a line of a template names a variable as a word.
fn mentions(line: &str, variable: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(file: &str, text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        let TemplateError(problems) = Templates::load(Some(folder.path())).err().expect("must be refused");
        let shown = folder.path().display().to_string();
        problems.into_iter().map(|problem| problem.replace(&format!("{shown}/"), "")).collect()
    }

    #[test]
    fn the_built_in_texts_are_whole_and_an_sms_fits_one_or_two_segments() {
        let templates = Templates::load(None).unwrap();
        let blanks = Blanks {
            company: "Callout".into(),
            number: "0A1-000142-K".into(),
            title: "TV stays dark".into(),
            expert: "Annabelle".into(),
            day: "on Wednesday, September 24,".into(),
            time: "12:30 PM".into(),
            link: "https://service.example.com/v1/track/0A1-000142-K.1.1800000000.ABCDEFGHIJKLMNOPQRSTUV".into(),
            reference: "0A1-000142-K.12".into(),
            place: "12 Elm Street, Springfield".into(),
            until: "12:30 PM".into(),
        };
        for language in Language::ALL {
            for kind in KINDS {
                let sms = templates.fill(language, kind, Part::Sms, &blanks).unwrap();
                assert!(sms.chars().count() <= 306 && !sms.contains("{{"), "{sms}");
                let subject = templates.fill(language, kind, Part::Subject, &blanks).unwrap();
                assert!(!subject.contains('\n') && subject.len() <= 120, "{subject}");
                let body = templates.fill(language, kind, Part::Body, &blanks).unwrap();
                assert!(body.ends_with('\n') && !body.ends_with("\n\n") && !body.contains("{{"), "{body}");
            }
        }
    }

    #[test]
    fn an_unknown_variable_is_named_with_file_and_line() {
        let text =
            "[arrived]\nsms = \"{{ number }}\"\nbody = \"\"\"\nHello,\n\n{{ nmae }} is here, {{ number }}.\n\"\"\"\n";
        let told = refused("en.toml", text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("en.toml:6: unknown variable \"nmae\" in [arrived] body"), "{told:?}");
    }

    #[test]
    fn a_text_that_lacks_what_it_is_for_is_refused() {
        let told = refused("es.toml", "[survey]\nsms = \"Gracias\"\n[offer]\nsms = \"Visita\"\n");
        assert_eq!(
            told,
            [
                "es.toml:4: [offer] sms needs the variable \"reference\"",
                "es.toml:2: [survey] sms needs the variable \"link\"",
            ]
        );
    }

    #[test]
    fn what_is_no_template_no_kind_or_no_part_is_refused_all_at_once() {
        let told = refused("en.toml", "[opened]\nsms = \"{{ number\"\nfax = \"x\"\n[opend]\nsms = \"x\"\n");
        assert_eq!(told.len(), 3, "{told:?}");
        for (part, line) in [("opend", 4), ("fax", 3), ("", 2)] {
            assert!(told.iter().any(|t| t.contains(part) && t.starts_with(&format!("en.toml:{line}:"))), "{told:?}");
        }
        let told = refused("en.toml", "[opened\n");
        assert!(told[0].starts_with("en.toml:1:"), "{told:?}");
    }

    #[test]
    fn a_kind_without_a_text_is_refused() {
        let Err(TemplateError(problems)) = Templates::of(&BTreeMap::new(), Vec::new()) else { panic!("accepted") };
        assert_eq!(problems.len(), 2 * KINDS.len() * 3);
        assert!(problems.contains(&"es.toml: [delayed] lacks the text \"sms\"".to_owned()), "{problems:?}");
    }

    #[test]
    fn a_folder_overrides_a_part_and_leaves_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("en.toml"), "[arrived]\nsms = \"Here: {{ number }}\"\n").unwrap();
        let templates = Templates::load(Some(folder.path())).unwrap();
        let blanks = Blanks { number: "7".into(), ..Blanks::default() };
        let fill = |kind, part| templates.fill(Language::En, kind, part, &blanks).unwrap();
        assert_eq!(fill(DeliveryKind::Arrived, Part::Sms), "Here: 7");
        assert!(fill(DeliveryKind::Arrived, Part::Body).contains("has arrived"));
    }
}
