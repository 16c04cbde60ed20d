//! The book of operations, the alerts, the board and the settings say the same.

use super::{assert_none, root};
use std::fs;

/// Metric names in a text: `callout_..` as words.
fn metric_names(text: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !word(c)).filter(|name| name.starts_with("callout_"));
    words.map(str::to_owned).collect()
}

#[test]
fn alerts_and_the_board_name_metrics_that_exist() {
    use callout::telemetry::metrics::CATALOGUE;
    let known = |name: &str| {
        let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        CATALOGUE.iter().any(|metric| {
            metric.name == name || (metric.kind == "histogram" && metric.name == family && family != name)
        })
    };
    for file in ["deploy/alerts.yml", "deploy/grafana.json", "docs/OPERATIONS.md"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let names = metric_names(&text);
        assert!(names.len() > 3, "{file} is read: {names:?}");
        let unknown: Vec<String> = names.into_iter().filter(|name| !known(name)).collect();
        assert_none(&format!("{file}: metrics that are not in src/telemetry/metrics.rs"), &unknown);
    }
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let alerts = fs::read_to_string(root().join("deploy/alerts.yml")).unwrap();
    let book = fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let alerts: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbooks: Vec<&str> =
        book.lines().filter_map(|line| line.strip_prefix("### ")).filter(|head| head.starts_with("Callout")).collect();
    assert!(alerts.len() > 10);
    assert_eq!(alerts, runbooks, "docs/OPERATIONS.md has a runbook per alert, in the same order");
    let linked = fs::read_to_string(root().join("deploy/alerts.yml")).unwrap();
    let unlinked = alerts.iter().filter(|alert| !linked.contains(&format!("#{}\"", alert.to_lowercase())));
    assert_none("each alert links its runbook", &unlinked.map(|alert| (*alert).to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_board_is_json_with_a_query_in_every_panel() {
    let text = fs::read_to_string(root().join("deploy/grafana.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    for panel in board["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty() && targets.iter().all(|t| t["expr"].is_string()), "{}", panel["title"]);
    }
}

/// `section.key` of every setting, those that are commented out included.
fn settings_keys() -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in callout::settings::DEFAULTS.lines() {
        let line = line.trim_start_matches("# ");
        let name = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        };
        if let Some(named) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            named.clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| name(key)) {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn the_book_of_operations_names_every_setting() {
    let book = fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let keys = settings_keys();
    assert!(keys.contains(&"telemetry.otlp_endpoint".to_owned()), "{keys:?}");
    let missing: Vec<String> = keys.iter().filter(|key| !book.contains(&format!("| `{key}` |"))).cloned().collect();
    assert_none("docs/OPERATIONS.md, Settings", &missing);
    let rows = book.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(key, _)| key);
    let unknown = rows.filter(|row| row.contains('.') && !row.contains(' ') && !row.contains('/'));
    let unknown: Vec<String> = unknown.filter(|row| !keys.iter().any(|key| key == row)).map(str::to_owned).collect();
    assert_none("settings that do not exist", &unknown);
}
