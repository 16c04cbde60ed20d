//! The document against the routes, the table of roles, and the readers of bodies.

use super::document;
use crate::{
    api::{
        Json, catalogue,
        channel::{self, Said},
        commands, customer, expert,
        fields::asked,
        new_ticket, people, region,
    },
    domain::{
        expert::{Expert, ExpertPersonal},
        ids::{ExpertId, PersonId, RegionId},
        person::Private,
        place::{Geometry, Place},
        region::Region,
        settings::RegionSettings,
        skill::Skills,
    },
    http::{access, routes::routes, upkeep, users},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[path = "../../../tests/common/schema.rs"]
mod schema;

fn operations(document: &Value) -> BTreeMap<(String, String), &Value> {
    let paths = document["paths"].as_object().unwrap().iter();
    let of = |(path, item): (&String, &'_ Value)| -> Vec<((String, String), Value)> {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| ((method.to_uppercase(), path.clone()), Value::Null)).collect()
    };
    let keys = paths.flat_map(of).map(|(key, _)| key);
    let operation = |key: (String, String)| {
        let operation = &document["paths"][&key.1][key.0.to_lowercase()];
        (key, operation)
    };
    keys.map(operation).collect()
}

/// Everything in it, with its place.
fn each<'a>(value: &'a Value, at: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| each(value, &format!("{at}/{key}"), visit)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| each(item, &format!("{at}/{i}"), visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_route_is_in_the_document_and_nothing_else_is() {
    let document = document();
    let said: BTreeSet<_> = operations(&document).into_keys().collect();
    let table: BTreeSet<_> = access::TABLE.iter().map(|row| (row.method.to_string(), row.path.to_owned())).collect();
    assert_eq!(table.difference(&said).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the document");
    assert_eq!(said.difference(&table).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the table");
    let paths: BTreeSet<_> = said.into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, routes().into_iter().map(|(path, _)| path.into_owned()).collect());
}

#[test]
fn the_document_names_the_roles_of_the_table() {
    let document = document();
    let operations = operations(&document);
    for row in access::TABLE {
        let operation = operations[&(row.method.to_string(), row.path.to_owned())];
        let names: Vec<_> = row.roles.iter().map(|role| role.name()).collect();
        assert_eq!(operation["x-roles"], json!(names), "{} {}", row.method, row.path);
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), names.is_empty());
        let words = operation["description"].as_str().unwrap();
        assert!(names.iter().all(|name| words.contains(name)), "{} {}", row.method, row.path);
    }
}

#[test]
fn every_operation_has_its_own_name_a_summary_a_known_group_and_all_its_path_parameters() {
    let document = document();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for ((method, path), operation) in operations(&document) {
        let told = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{told}: its name is taken");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{told}: no summary");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{told}: unknown group");
        let parameters = operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "path");
        let given: BTreeSet<_> = parameters.map(|p| p["name"].as_str().unwrap()).collect();
        let wanted = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(given, wanted.collect(), "{told}: its path parameters");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut used = BTreeSet::new();
    each(&document, "", &mut |at, value| {
        if let Some(to) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{at}: {to} leads nowhere");
            used.insert(to.to_owned());
        }
    });
    for group in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][group].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/{group}/{name}")), "{group}/{name} is used nowhere");
        }
    }
}

#[test]
fn every_refusal_is_a_problem_document_with_its_codes() {
    let document = document();
    for ((method, path), operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = schema::resolved(&document, response);
            let told = format!("{method} {path} {status}");
            assert!(response["headers"].get("x-request-id").is_some(), "{told}");
            if path == "/readyz" || !status.starts_with(['4', '5']) {
                continue;
            }
            assert!(response["content"].get("application/problem+json").is_some(), "{told}");
            assert!(!response["x-codes"].as_array().unwrap().is_empty(), "{told} names no code");
        }
    }
}

#[test]
fn every_example_fits_its_schema() {
    let document = document();
    let mut seen = 0;
    each(&document, "", &mut |at, value| {
        let is_schema = value.get("type").is_some() || value.get("oneOf").is_some();
        let Some(examples) = value.get("examples").and_then(Value::as_array).filter(|_| is_schema) else { return };
        for example in examples {
            let faults = schema::faults(&document, value, example);
            assert!(faults.is_empty(), "{at}: {faults:?}");
            seen += 1;
        }
    });
    assert!(seen > 40, "only {seen} examples");
}

type Reader = Box<dyn Fn(&Json<'_>) -> Result<(), String>>;

fn reader<T, E: std::fmt::Debug>(read: impl for<'j> Fn(&'j Json<'j>) -> Result<T, E> + 'static) -> Reader {
    Box::new(move |json| {
        // Readers keep what they read as long as the body lives.
        let bytes = json.to_value().to_string();
        let again = Json::parse(bytes.as_bytes()).unwrap();
        read(&again).map(drop).map_err(|problems| format!("{problems:?}"))
    })
}

fn some_expert() -> Expert {
    let home = Place::new(42.0, -71.0).unwrap();
    let personal = ExpertPersonal { name: "Expert 1".into(), phone: None, email: None, home };
    Expert {
        id: ExpertId::parse("e-1").unwrap(),
        version: 1,
        region: RegionId::parse("north").unwrap(),
        skills: Skills::new(),
        personal: Private::new(PersonId(1), personal),
        shifts: Vec::new(),
        zone: "UTC".into(),
        max_visits_ahead: None,
        retired: false,
        absences: Vec::new(),
        next_absence: 1,
    }
}

fn some_region() -> Region {
    Region {
        id: RegionId::parse("north").unwrap(),
        version: 1,
        name: "North".into(),
        code: crate::domain::number::RegionCode(1),
        geometry: Geometry { polygons: Vec::new() },
        time_zone: "UTC".into(),
        zips: Vec::new(),
        settings: RegionSettings::default(),
        parked: None,
        shortage: None,
    }
}

/// Every body of the document by method and path, with who reads it.
fn readers() -> BTreeMap<(&'static str, String), Reader> {
    let mut readers = BTreeMap::from([
        (("POST", "/v1/tickets".to_owned()), reader(new_ticket::new_ticket)),
        (("POST", "/v1/surveys/{token}".to_owned()), reader(commands::survey)),
        (("POST", "/v1/experts".to_owned()), reader(|json| expert::expert_body(json, None))),
        (("PATCH", "/v1/experts/{id}".to_owned()), reader(|json| expert::expert_body(json, Some(&some_expert())))),
        (("POST", "/v1/experts/{id}/absences".to_owned()), reader(expert::absence_body)),
        (("POST", "/v1/experts/{id}/position".to_owned()), reader(expert::position_body)),
        (("POST", "/v1/regions".to_owned()), reader(|json| region::region_body(json, None))),
        (("PATCH", "/v1/regions/{id}".to_owned()), reader(|json| region::region_body(json, Some(&some_region())))),
        (("PUT", "/v1/catalogue-rules".to_owned()), reader(catalogue::rules_body)),
        (("PUT", "/v1/skills".to_owned()), reader(catalogue::skills_body)),
        (("PUT", "/v1/calendars".to_owned()), reader(catalogue::calendars_body)),
        (("POST", "/v1/login".to_owned()), reader(people::credentials)),
        (("POST", "/v1/me/password".to_owned()), reader(people::password_change)),
        (("POST", "/v1/users".to_owned()), reader(people::new_user)),
        (("PATCH", "/v1/users/{name}".to_owned()), reader(|json| people::user_edit(json, &users::STATES))),
        (("POST", "/v1/tokens".to_owned()), reader(people::new_token)),
        (("POST", "/v1/audits".to_owned()), reader(upkeep::audit_body)),
        (("POST", "/v1/customers/export".to_owned()), reader(customer::named_body)),
        (("POST", "/v1/customers/erase".to_owned()), reader(customer::erasure_body)),
        (("POST", "/v1/backups".to_owned()), reader(upkeep::backup_body)),
    ]);
    for name in commands::NAMES {
        let path = format!("/v1/tickets/{{number}}/{name}");
        readers.insert(("POST", path), reader(move |json| commands::order(name, json).unwrap()));
    }
    readers
}

/// Places of a schema's properties; below `opaque` ones nothing is read field by field.
fn places(document: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let schema = schema::resolved(document, schema);
    for of in ["oneOf", "anyOf"] {
        let choices = schema.get(of).and_then(Value::as_array).into_iter().flatten();
        choices.for_each(|choice| places(document, choice, at, found));
    }
    if let Some(items) = schema.get("items") {
        places(document, items, &format!("{at}/*"), found);
    }
    for (name, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{at}/{name}");
        found.insert(at.clone());
        if !["settings", "geometry", "skills"].contains(&name.as_str()) {
            places(document, of, &at, found);
        }
    }
}

#[test]
fn a_body_is_read_by_the_names_that_its_schema_has_and_every_example_is_accepted() {
    let document = document();
    let readers = readers();
    for ((method, path), operation) in operations(&document) {
        let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        let told = format!("{method} {path}");
        let read = readers.iter().find(|((m, p), _)| *m == method && *p == path);
        let (_, read) = read.unwrap_or_else(|| panic!("{told} takes a body: name its reader here"));
        let examples = schema::resolved(&document, body)["examples"].as_array();
        let examples = examples.unwrap_or_else(|| panic!("{told}: its body has no example"));
        let texts: Vec<String> = examples.iter().map(Value::to_string).chain(["{}".to_owned()]).collect();
        let asked = asked::during(|| {
            for (index, text) in texts.iter().enumerate() {
                let answer = read(&Json::parse(text.as_bytes()).unwrap());
                assert!(answer.is_ok() || index == examples.len(), "{told}: {answer:?} for {text}");
            }
        });
        let mut said = BTreeSet::new();
        places(&document, body, "", &mut said);
        assert_eq!(asked, said, "{told}: what the reader asks for (left), what the schema has (right)");
        let smallest: Value = if operation["requestBody"]["required"] == json!(false) { json!({}) } else { continue };
        assert!(read(&Json::parse(smallest.to_string().as_bytes()).unwrap()).is_ok(), "{told}: may be left out");
    }
}

#[test]
fn the_settings_of_a_region_are_those_of_the_domain() {
    let document = document();
    let whole = serde_json::to_value(RegionSettings::default()).unwrap();
    let faults = schema::faults(&document, &json!({ "$ref": "#/components/schemas/RegionSettings" }), &whole);
    assert!(faults.is_empty(), "{faults:?}");
    let names = |schema: &str| -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        places(&document, &json!({ "$ref": format!("#/components/schemas/{schema}") }), "", &mut found);
        found
    };
    assert_eq!(names("RegionSettings"), names("RegionSettingsEdit"));
    let edit = json!({ "id": "north", "name": "x", "time_zone": "UTC", "geometry": {}, "settings": whole }).to_string();
    assert!(region::region_body(&Json::parse(edit.as_bytes()).unwrap(), None).is_ok());
}

#[test]
fn an_app_says_what_the_document_says() {
    let document = document();
    let said = |name: &str| {
        let example = document["components"]["schemas"][name]["examples"][0].to_string();
        channel::read(example.as_bytes()).unwrap_or_else(|misheard| panic!("{name}: {misheard:?}"))
    };
    assert!(matches!(said("AppReceipt"), Said::Receipt(_)));
    assert!(matches!(said("AppPosition"), Said::Position(_)));
    assert!(matches!(said("AppCommand"), Said::Command(_)));
}
