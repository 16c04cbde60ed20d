//! House rules as a test: layers, one door per framework, what a file opens with, links that lead
//! somewhere. It reads the sources as text, so it knows nothing of macros.
//!
//! What is compiled into the product counts: comments and test modules at a file's end are left out
//! of the rules about code. A rule that is in the way is changed here, with its reason, in the same
//! commit that needs it.

#![allow(clippy::unwrap_used, reason = "a file that cannot be read is a failure here")]

#[path = "tidy/operations.rs"]
mod operations;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Lines of product code in one file; past it a file tells several stories.
const CODE_LINES: usize = 500;
/// Lines of a file with its tests.
const FILE_LINES: usize = 1_000;
/// Each test binary links everything again: many seconds on two cores.
const TEST_BINARIES: usize = 5;

/// `src/` folders and files by layer (docs/ARCHITECTURE.md). One may use lower ones only; those of one
/// layer are blind to each other, except the wiring on top.
const LAYERS: [&[&str]; 7] = [
    &["domain", "settings", "telemetry"],
    &["routing", "storage", "api", "tokens", "accounts", "tls"],
    &[
        "import",
        "notify",
        "travel",
        "crm",
        "billing",
        "knowledge",
        "reports",
        "cluster",
        "bench",
        "plans",
        "objectives",
        "dossier",
        "access_log",
        "customers",
    ],
    &["actors"],
    &["load", "sim"],
    &["http", "cli"],
    WIRING,
];
const WIRING: &[&str] = &["main", "app", "lib"];

/// Subcommands that start the whole product: part of the wiring, although they lie with the others.
const WIRING_FILES: [&str; 7] = [
    "src/cli/mod.rs",
    "src/cli/serve.rs",
    "src/cli/demo.rs",
    "src/cli/replay.rs",
    "src/cli/hindsight.rs",
    "src/cli/whatif.rs",
    "src/cli/top.rs",
];

/// Who may name a framework. A path that ends in `/` is a folder.
const DOORS: &[(&str, &[&str])] = &[
    ("redb", &["src/storage/"]),
    ("chacha20poly1305", &["src/storage/"]),
    ("argon2", &["src/accounts/"]),
    ("ractor", &["src/actors/"]),
    ("actix", &["src/actors/feed/"]),
    ("axum", &["src/http/"]),
    ("utoipa", &["src/api/", "src/http/"]),
    ("matchit", &["src/http/"]),
    ("tower_http", &["src/http/"]),
    ("governor", &["src/http/"]),
    ("rustls_pki_types", &["src/tls/"]),
    ("hyper::server", &["src/http/"]),
    ("hyper_util::server", &["src/http/"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("geo", &["src/domain/place.rs", "src/routing/", "src/import/"]),
    ("rstar", &["src/domain/place.rs", "src/routing/", "src/import/"]),
    ("geojson", &["src/import/", "src/api/"]),
    ("osmpbf", &["src/travel/"]),
    ("ratatui", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("lettre", &["src/notify/"]),
    ("minijinja", &["src/notify/"]),
    ("tracing_subscriber", &["src/telemetry/"]),
    ("prometheus_client", &["src/telemetry/"]),
    ("opentelemetry", &["src/telemetry/"]),
    ("opentelemetry_sdk", &["src/telemetry/"]),
    ("opentelemetry_otlp", &["src/telemetry/"]),
];

/// What the pure folders must not name: they get time, ids and chance as arguments and do no I/O.
const IMPURE: [&str; 8] =
    ["tokio", "rand", "std::fs", "std::net", "std::thread", "std::time", "std::env", "std::process"];
const PURE: [&str; 2] = ["src/domain/", "src/routing/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the repository, with its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.is_of("rs")
    }

    fn is_of(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// A file of tests alone.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || self.path.contains("/tests/")
    }

    /// Numbered lines of product code: no comments, no test module at the end, nothing of test files.
    fn code(&self) -> Vec<(usize, &str)> {
        if self.is_test() {
            return Vec::new();
        }
        let inline_tests = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..inline_tests].lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(no, line)| (no + 1, line)).collect()
    }
}

/// All text files that people write: the roots below and the files beside them.
fn sources() -> Vec<Source> {
    let mut files: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != ".git"))
        .collect();
    for folder in ["src", "tests", "benches", "docs", "config", "deploy", ".ci"] {
        walk(&root().join(folder), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Some(Source { path, text })
    };
    files.into_iter().filter_map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn product() -> Vec<Source> {
    sources().into_iter().filter(|file| file.is_rust() && file.path.starts_with("src/")).collect()
}

fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}\n", violations.join("\n  "));
}

/// Whether `line` names the crate or path `name`: as `name::`, `use name;` or `name!`, not as part of
/// another word and not as a folder of our own (`journal::redb`).
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + name.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"')
            && (after.starts_with("::")
                || (after.starts_with([';', ' ', ',']) && line.trim_start().starts_with("use ")))
    })
}

/// The top-level modules that code refers to by `prefix` (`crate::`), groups and nested ones included.
fn top_modules(code: &[(usize, &str)], prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut line_starts = Vec::new();
    for (no, line) in code {
        line_starts.push((text.len(), *no));
        text.push_str(line);
        text.push('\n');
    }
    for (at, _) in text.match_indices(prefix) {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let no = line_starts[line_starts.partition_point(|(start, _)| *start <= at) - 1].1;
        found.extend(heads(&text[at + prefix.len()..]).into_iter().map(|head| (no, head)));
    }
    found
}

/// First names of a path's rest: `a::b` gives a; `{a::{b, c}, d}` gives a and d.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut heads, mut begins) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            c if begins && depth == 1 && (c.is_alphanumeric() || c == '_') => {
                heads.push(word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// `src/domain/ticket/mod.rs` is of `domain`, `src/app.rs` of `app`.
fn module_of(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

#[test]
fn a_folder_uses_lower_layers_only() {
    let mut violations = Vec::new();
    for file in product() {
        let module = module_of(&file.path);
        let Some(own) = layer_of(module) else {
            violations.push(format!("{}: `{module}` has no layer: give it one in tests/tidy.rs", file.path));
            continue;
        };
        if own + 1 == LAYERS.len() || WIRING_FILES.contains(&file.path.as_str()) {
            continue;
        }
        for (line, used) in top_modules(&file.code(), "crate::") {
            let allowed = used == module || layer_of(&used).is_none_or(|layer| layer < own);
            if !allowed {
                violations.push(format!("{}:{line}: `{module}` (layer {own}) must not know `{used}`", file.path));
            }
        }
    }
    assert_none("layers", &violations);
}

#[test]
fn a_framework_comes_in_by_one_door() {
    let mut violations = Vec::new();
    for file in product() {
        for (name, doors) in DOORS {
            let opens = |door: &str| file.path == door || (door.ends_with('/') && file.path.starts_with(door));
            if doors.iter().any(|door| opens(door)) {
                continue;
            }
            let named = file.code().into_iter().filter(|(_, line)| names(line, name));
            violations.extend(named.map(|(line, _)| format!("{}:{line}: {name} belongs to {doors:?}", file.path)));
        }
    }
    assert_none("one door per framework", &violations);
}

#[test]
fn domain_and_routing_are_pure() {
    let mut violations = Vec::new();
    for file in product().iter().filter(|file| PURE.iter().any(|folder| file.path.starts_with(folder))) {
        for (line, text) in file.code() {
            let impure = IMPURE.iter().find(|name| names(text, name));
            let waits = text.contains("async fn") || text.contains(".await");
            if impure.is_some() || waits {
                violations.push(format!("{}:{line}: {}", file.path, text.trim()));
            }
        }
    }
    assert_none("no async, I/O, clock or chance in domain/ and routing/", &violations);
}

#[test]
fn a_file_opens_with_what_it_owns() {
    let files = sources().into_iter().filter(Source::is_rust);
    let bare = files.filter(|file| !file.text.starts_with("//!") && !file.is_test()).map(|file| file.path);
    assert_none("each file opens with `//!`", &bare.collect::<Vec<_>>());
}

#[test]
fn files_stay_readable() {
    let mut violations = Vec::new();
    for file in sources().into_iter().filter(Source::is_rust) {
        let all = file.text.lines().count();
        let code = file.code().last().map_or(0, |(line, _)| *line);
        if code > CODE_LINES || all > FILE_LINES {
            violations.push(format!("{}: {code} lines of code, {all} with tests", file.path));
        }
    }
    assert_none(&format!("at most {CODE_LINES} lines of code, {FILE_LINES} with tests"), &violations);
}

#[test]
fn nothing_is_left_for_later() {
    // Built from halves, so that this file does not find itself.
    let markers = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let ignored = ["#[", "ignore"].concat();
    let mut violations = Vec::new();
    for file in sources().into_iter().filter(Source::is_rust) {
        for (line, text) in file.text.lines().enumerate() {
            if markers.iter().any(|marker| text.contains(marker.as_str())) || text.contains(&ignored) {
                violations.push(format!("{}:{}: {}", file.path, line + 1, text.trim()));
            }
        }
    }
    assert_none("no stubs, no debugging leftovers, no ignored tests", &violations);
}

#[test]
fn no_path_of_one_machine_is_in_the_repository() {
    // People's folders only with a folder below: an expert's JSON has a pointer that begins like one.
    let homes = [["/ho", "me/"].concat(), ["/ro", "ot/"].concat()];
    let shared = ["/wo", "rk/"].concat();
    let machine_path = |line: &str| {
        let free = |at: usize| {
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')'))
        };
        let below =
            |rest: &str| rest.split(|c: char| c.is_whitespace() || c == '"').next().is_some_and(|p| p.contains('/'));
        let in_home =
            |home: &String| line.match_indices(home.as_str()).any(|(at, m)| free(at) && below(&line[at + m.len()..]));
        line.match_indices(shared.as_str()).any(|(at, _)| free(at)) || homes.iter().any(in_home)
    };
    let mut violations = Vec::new();
    for file in sources() {
        for (line, text) in file.text.lines().enumerate().filter(|(_, text)| machine_path(text)) {
            violations.push(format!("{}:{}: {}", file.path, line + 1, text.trim()));
        }
    }
    assert_none("no absolute path of a machine", &violations);
}

/// Targets of `[text](target)` outside code, with their line.
fn links(markdown: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (no, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for part in prose.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            found.push((no + 1, target.to_owned()));
        }
    }
    found
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut violations = Vec::new();
    for file in sources().into_iter().filter(|file| file.is_of("md")) {
        let folder = root().join(&file.path).parent().unwrap().to_path_buf();
        for (line, target) in links(&file.text) {
            let outside = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
            let path = target.split('#').next().unwrap_or_default();
            if !outside && !folder.join(path).exists() {
                violations.push(format!("{}:{line}: {target}", file.path));
            }
        }
    }
    assert_none("relative links resolve", &violations);
}

#[test]
fn decision_records_are_numbered_and_listed() {
    let index = fs::read_to_string(root().join("docs/adr/README.md")).unwrap();
    let mut by_number: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources().iter().filter(|file| file.path.starts_with("docs/adr/") && !file.path.ends_with("README.md"))
    {
        let name = file.path.trim_start_matches("docs/adr/").to_owned();
        assert!(index.contains(&format!("({name})")), "docs/adr/README.md does not list {name}");
        by_number.entry(name.chars().take(4).collect()).or_default().push(name);
    }
    let expected: Vec<String> = (1..=by_number.len()).map(|no| format!("{no:04}")).collect();
    assert_eq!(by_number.keys().cloned().collect::<Vec<_>>(), expected, "numbers run from 0001 without a gap");
    let twice: Vec<String> = by_number.values().filter(|names| names.len() > 1).flatten().cloned().collect();
    assert_none("a number names one record", &twice);
}

#[test]
fn each_dependency_is_accounted_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let record = fs::read_to_string(root().join("docs/adr/0002-dependencies.md")).unwrap();
    let table: Vec<&str> = record.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    let accounted: Vec<&str> = table.iter().flat_map(|cell| cell.split(", ")).collect();
    let mut dependencies = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && !line.starts_with('#') {
            dependencies.extend(line.split(" = ").next().filter(|name| !name.is_empty()));
        }
    }
    assert!(dependencies.contains(&"redb"), "the manifest is read: {dependencies:?}");
    let missing = dependencies.iter().filter(|name| !accounted.contains(name)).map(|name| (*name).to_owned());
    assert_none("docs/adr/0002-dependencies.md says why", &missing.collect::<Vec<_>>());
}

#[test]
fn every_limit_says_why() {
    let Ok(limits) = fs::read_to_string(root().join("src/settings/limits.rs")) else { return };
    let lines: Vec<&str> = limits.lines().collect();
    let bare = lines
        .windows(2)
        .filter(|pair| pair[1].trim_start().starts_with("pub const") && !pair[0].trim_start().starts_with("///"));
    assert_none(
        "a limit has a doc comment: its unit and its reason",
        &bare.map(|pair| pair[1].to_owned()).collect::<Vec<_>>(),
    );
}

#[test]
fn tests_are_in_few_binaries() {
    let is_binary =
        |file: &Source| file.path.matches('/').count() == 1 && file.path.starts_with("tests/") && file.is_rust();
    let binaries: Vec<String> = sources().into_iter().filter(is_binary).map(|file| file.path).collect();
    assert!(binaries.len() <= TEST_BINARIES, "each of {binaries:?} links everything again");
}

#[test]
fn the_files_of_the_tour_are_what_the_import_takes() {
    use callout::{
        domain::place::RegionIndex,
        import::{ExpertOptions, Experts, Regions, Renames, Source},
    };
    let open = |name: &str| Source::file(&root().join("docs/tour").join(name)).unwrap();
    let regions = Regions::read(open("regions.geojson"), None, &mut |_| {}).unwrap();
    assert!(regions.report.problems.is_empty(), "{:?}", regions.report.problems);
    let index = RegionIndex::new(regions.drafts.iter().map(|region| (&region.id, &region.geometry)));
    let options = ExpertOptions {
        columns: Renames::default(),
        locate: &|home| index.locate(home, 0.0).0,
        known: &|id| regions.drafts.iter().any(|region| region.id == *id),
    };
    let mut experts = Experts::open(open("experts.csv"), options).unwrap();
    let homes: Vec<String> = experts.by_ref().map(|expert| expert.unwrap().region.to_string()).collect();
    assert_eq!(homes, ["north", "north", "south"]);
    assert!(experts.report().problems.is_empty(), "{:?}", experts.report().problems);
}

#[test]
fn the_reader_of_paths_understands_groups() {
    let code = [(1, "use crate::{domain::{ids::Seq, time}, storage};"), (2, "let x = crate::http::serve(mycrate::a);")];
    let found = top_modules(&code, "crate::");
    let expected = [(1, "domain"), (1, "storage"), (2, "http")].map(|(line, name)| (line, name.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn the_reader_of_names_is_not_fooled() {
    assert!(names("use redb::Database;", "redb"));
    assert!(names("    let db = redb::Database::open(p)?;", "redb"));
    assert!(!names("use super::redb::RedbJournal;", "redb"));
    assert!(!names("use geojson::GeoJson;", "geo"));
    assert!(!names("use crate::domain::random::draw;", "rand"));
}
