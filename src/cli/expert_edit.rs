//! `callout expert edit ID` without flags: the profile as TOML in `$VISUAL` or `$EDITOR`. What cannot be
//! taken is named with its line, and what was typed is kept.

use super::{
    Connection,
    client::{ClientError, encode},
    output::{Done, Trouble, print_json},
};
use crate::{
    api::expert::ShiftView,
    domain::{shift::Shift, skill::SkillLevel},
};
use serde_json::{Map, Value, json};
use std::{
    fs::{self, File},
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// A line of the file, from 1, and what is wrong with it. Line 0: the whole.
type Wrong = (usize, String);

pub(super) fn edit(connection: &Connection, id: &str, json: bool) -> Done {
    let client = &connection.client;
    let before = client.get(&path(id))?;
    let file = write(id, &text(&before))?;
    loop {
        run_editor(&file)?;
        let typed = fs::read_to_string(&file).map_err(Trouble::refused)?;
        if says_nothing(&typed) {
            // Whoever clears a text means to cancel, as elsewhere; not to take every field away.
            let _ = fs::remove_file(&file);
            if json {
                print_json(&before);
            } else {
                println!("the file is empty: nothing was changed");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let problems = match read(&typed) {
            Ok(body) => {
                let changed = changes(&before, body);
                if changed.is_empty() {
                    let _ = fs::remove_file(&file);
                    if json {
                        print_json(&before);
                    } else {
                        println!("nothing was changed");
                    }
                    return Ok(ExitCode::SUCCESS);
                }
                match client.edit(&path(id), &before["version"], &Value::Object(changed.clone())) {
                    Ok(edited) => {
                        let _ = fs::remove_file(&file);
                        tell(id, &changed, &edited, json);
                        return Ok(ExitCode::SUCCESS);
                    }
                    Err(ClientError::Refused(why)) => pointed(&why, &typed),
                    Err(other) => {
                        eprintln!("what you typed is kept in {}", file.display());
                        return Err(other.into());
                    }
                }
            }
            Err(problems) => problems,
        };
        for (line, why) in &problems {
            eprintln!("{}", if *line > 0 { format!("line {line}: {why}") } else { why.clone() });
        }
        if !again() {
            return Err(Trouble::Refused(format!("not saved; what you typed is kept in {}", file.display())));
        }
    }
}

/// Blank lines and comments alone.
fn says_nothing(typed: &str) -> bool {
    typed.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

fn path(id: &str) -> String {
    format!("/v1/experts/{}", encode(id))
}

fn tell(id: &str, changed: &Map<String, Value>, edited: &Value, json: bool) {
    if json {
        return print_json(edited);
    }
    let names = changed.keys().cloned().collect::<Vec<_>>().join(", ");
    println!("{id}: {names} changed, now at version {}", edited["version"]);
}

fn write(id: &str, text: &str) -> Result<PathBuf, Trouble> {
    let name = format!("callout-{}-{}.toml", encode(id), std::process::id());
    let path = std::env::temp_dir().join(name);
    let failed = |error: io::Error| Trouble::Refused(format!("{}: {error}", path.display()));
    // It holds a name and a phone number: nobody else's to read.
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(path)
}

fn run_editor(file: &Path) -> Result<(), Trouble> {
    let named =
        ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok()).find(|e| !e.trim().is_empty());
    let editor = named.unwrap_or_else(|| "vi".into());
    // Editors are named with their flags, like "code --wait".
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file).status();
    let kept = |why: String| Trouble::Refused(format!("{editor}: {why}; the text is in {}", file.display()));
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(kept(status.to_string())),
        Err(error) => Err(kept(error.to_string())),
    }
}

/// Asks only where somebody can answer.
fn again() -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    eprint!("Edit again? [Y/n] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok_and(|n| n > 0) && !answer.trim().to_lowercase().starts_with('n')
}

/// The profile as TOML.
fn text(expert: &Value) -> String {
    let quoted = |value: &Value| Value::from(value.as_str().unwrap_or_default()).to_string();
    let shifts: Vec<String> = expert["shifts"].as_array().into_iter().flatten().map(shift_text).collect();
    let skills: Vec<String> = expert["skills"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(skill, level)| Value::from(format!("{skill}:{level}")).to_string())
        .collect();
    let optional = |name: &str, example: &str| match &expert[name] {
        Value::Null => format!("# {name} = {example}\n"),
        Value::String(_) => format!("{name} = {}\n", quoted(&expert[name])),
        other => format!("{name} = {other}\n"),
    };
    format!(
        "# Expert {id}, version {version}. Save and close to apply; leave it as it is to change nothing.\n\
         # Without their lines, phone, email and max_visits_ahead are removed.\n\
         name = {name}\n{phone}{email}region = {region}\nhome = {{ lat = {lat}, lon = {lon} }}\n\
         # A skill and a level from 1 to 3.\nskills = [{skills}]\n\
         # Like \"mon-fri 08:00-16:00;sat 09:00-13:00\", in {zone} time.\nshift = \"{shifts}\"\n{ahead}",
        id = expert["id"].as_str().unwrap_or_default(),
        version = expert["version"],
        name = quoted(&expert["name"]),
        phone = optional("phone", "\"+1 617 555 0100\""),
        email = optional("email", "\"name@example.org\""),
        region = quoted(&expert["region"]),
        lat = expert["home"]["lat"],
        lon = expert["home"]["lon"],
        skills = skills.join(", "),
        zone = expert["time_zone"].as_str().unwrap_or("the region's"),
        shifts = shifts.join(";"),
        ahead = optional("max_visits_ahead", "3"),
    )
}

fn shift_text(shift: &Value) -> String {
    let days: Vec<&str> = shift["days"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let clock = |name: &str| shift[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}-{}", days.join(","), clock("from"), clock("to"))
}

/// The body of a PATCH, or every line that cannot be taken.
fn read(typed: &str) -> Result<Map<String, Value>, Vec<Wrong>> {
    let table: toml::Table = typed.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| 1 + typed[..span.start.min(typed.len())].matches('\n').count());
        vec![(at, error.message().to_owned())]
    })?;
    let (mut body, mut wrong) = (Map::new(), Vec::new());
    for (key, value) in table {
        match field(&key, &value) {
            Ok((name, value)) => drop(body.insert(name.into(), value)),
            Err(why) => wrong.push((line_of(typed, &key), why)),
        }
    }
    wrong.sort();
    if wrong.is_empty() { Ok(body) } else { Err(wrong) }
}

fn field(key: &str, value: &toml::Value) -> Result<(&'static str, Value), String> {
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("{key} must be a text in quotes"));
    Ok(match key {
        "name" => ("name", text()?.into()),
        "phone" => ("phone", text()?.into()),
        "email" => ("email", text()?.into()),
        "region" => ("region", text()?.into()),
        "shift" => {
            let shifts = Shift::parse_all(&text()?).map_err(|error| format!("shift: {error}"))?;
            ("shifts", json!(shifts.iter().map(ShiftView::from).collect::<Vec<_>>()))
        }
        "skills" => {
            let wrong = || "skills must be a list like [\"tv:2\", \"network:1\"]".to_owned();
            let mut skills = Map::new();
            for skill in value.as_array().ok_or_else(wrong)? {
                let skill = SkillLevel::parse(skill.as_str().ok_or_else(wrong)?).map_err(|e| format!("skills: {e}"))?;
                skills.insert(skill.skill.as_str().to_owned(), skill.level.number().into());
            }
            ("skills", skills.into())
        }
        "home" => {
            let degrees = |name: &str| match value.get(name) {
                Some(toml::Value::Float(number)) => Ok(*number),
                Some(toml::Value::Integer(number)) => Ok(*number as f64),
                _ => Err("home must be { lat = .., lon = .. } in degrees".to_owned()),
            };
            ("home", json!({ "lat": degrees("lat")?, "lon": degrees("lon")? }))
        }
        "max_visits_ahead" => {
            let number = value.as_integer().ok_or_else(|| format!("{key} must be a whole number"))?;
            ("max_visits_ahead", number.into())
        }
        _ => return Err(format!("{key} is no field of a profile")),
    })
}

/// The line where a key stands.
fn line_of(typed: &str, key: &str) -> usize {
    let stands =
        |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    typed.lines().position(stands).map_or(0, |index| index + 1)
}

/// What the server said about its fields, with our lines.
fn pointed(why: &str, typed: &str) -> Vec<Wrong> {
    let place = |line: &str| {
        let key = line.trim_start().strip_prefix('/').and_then(|rest| rest.split([':', '/']).next());
        let key = key.map(|key| if key == "shifts" { "shift" } else { key });
        (key.map_or(0, |key| line_of(typed, key)), line.trim().to_owned())
    };
    why.lines().map(place).collect()
}

/// What a profile may be without.
const OPTIONAL: [&str; 3] = ["phone", "email", "max_visits_ahead"];

/// What differs from the profile as it was.
fn changes(before: &Value, body: Map<String, Value>) -> Map<String, Value> {
    let same = |name: &str, value: &Value| match name {
        "home" => {
            let apart = |axis: &str| {
                (before["home"][axis].as_f64().unwrap_or(999.0) - value[axis].as_f64().unwrap_or(0.0)).abs()
            };
            apart("lat") < 1e-9 && apart("lon") < 1e-9
        }
        _ => before[name] == *value,
    };
    // A line that was taken out takes its value with it; what a profile cannot be without stays.
    let cleared = OPTIONAL.into_iter().filter(|name| !before[*name].is_null() && !body.contains_key(*name));
    let cleared: Vec<_> = cleared.map(|name| (name.to_owned(), Value::Null)).collect();
    body.into_iter().filter(|(name, value)| !same(name, value)).chain(cleared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Value {
        json!({
            "id": "e-17", "version": 3, "name": "A \"quoted\" name", "phone": "+1 617 555 0100", "region": "north",
            "skills": { "tv": 2, "network": 1 }, "home": { "lat": 42.36, "lon": -71.06 }, "time_zone": "UTC",
            "shifts": [{ "days": ["mon", "tue"], "from": "08:00", "to": "16:00" }], "status": "active",
        })
    }

    #[test]
    fn a_profile_that_is_left_as_it_is_changes_nothing() {
        let typed = text(&profile());
        let body = read(&typed).unwrap_or_else(|wrong| panic!("{wrong:?} in\n{typed}"));
        assert_eq!(changes(&profile(), body), Map::new());
    }

    #[test]
    fn only_what_was_typed_anew_is_sent() {
        let typed = text(&profile()).replace("tv:2", "tv:3").replace("# max_visits_ahead", "max_visits_ahead");
        let changed = changes(&profile(), read(&typed).unwrap());
        let expected = json!({ "max_visits_ahead": 3, "skills": { "network": 1, "tv": 3 } });
        let (mut names, mut wanted): (Vec<_>, Vec<_>) =
            (changed.keys().collect(), expected.as_object().unwrap().keys().collect());
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted);
        assert_eq!(changed["skills"]["tv"], 3);
    }

    #[test]
    fn a_line_that_is_taken_out_clears_what_a_profile_can_be_without() {
        let typed: String =
            text(&profile()).lines().filter(|line| !line.starts_with("phone")).collect::<Vec<_>>().join("\n");
        assert_eq!(Value::Object(changes(&profile(), read(&typed).unwrap())), json!({ "phone": null }));
        let typed: String =
            text(&profile()).lines().filter(|line| !line.starts_with("name")).collect::<Vec<_>>().join("\n");
        assert_eq!(changes(&profile(), read(&typed).unwrap()), Map::new(), "a name stays");
    }

    #[test]
    fn an_emptied_file_cancels() {
        assert!(says_nothing("") && says_nothing("# Expert e-17\n \n"));
        assert!(!says_nothing(&text(&profile())));
    }

    #[test]
    fn every_line_that_cannot_be_taken_is_named() {
        let typed = "name = 7\nskills = [\"tv:9\"]\nshift = \"mon 8-\"\nnickname = \"x\"\n";
        let lines: Vec<usize> = read(typed).unwrap_err().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
        assert_eq!(read("name = \"a\"\nphone = \n").unwrap_err()[0].0, 2);
        let told = pointed("1 field is not right (invalid)\n  /phone: too short", "name = \"a\"\nphone = \"1\"\n");
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [0, 2]);
    }
}
