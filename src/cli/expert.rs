//! `callout expert`: the roster.

use super::{
    Connection,
    client::{encode, query},
    expert_edit, formats,
    import::{FileArgs, Reading, Windows, import},
    output::{Done, Trouble, at, print_json, print_table},
    target::TargetArgs,
};
use crate::{
    api::expert::ShiftView,
    domain::{shift::Shift, skill::SkillLevel},
    load::Kind,
    settings::Settings,
};
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum ExpertCommand {
    /// The roster
    #[command(after_help = "Example:
  callout expert list --region north --skill tv

Token roles: clerk, dispatcher, manager, admin")]
    List(ListArgs),
    /// One expert
    #[command(after_help = "Example:
  callout expert show e-17 --json

An expert's token shows that expert alone.
Token roles: clerk, expert, dispatcher, manager, admin")]
    Show(OneArgs),
    /// Add an expert
    #[command(after_help = r"Example:
  callout expert add e-17 --name 'Expert 17' --home 42.36,-71.06 \
    --skills 'tv:2;network' --shift 'mon-fri 08:00-16:00'

Without skills or without a shift an expert is given no work.
Token roles: admin")]
    Add(AddArgs),
    /// Take over a CSV file; --dry-run shows what would change, field by field
    #[command(after_help = formats::EXPERTS)]
    Import(FileArgs),
    /// Change what is given, keep the rest; without flags the profile opens in an editor
    #[command(after_help = "Examples:
  callout expert edit e-17 --phone '+1 617 555 0100'
  EDITOR=nano callout expert edit e-17

The editor is that of VISUAL, else of EDITOR, else vi. A file that is left as it
was, or emptied, changes nothing.
Token roles: admin")]
    Edit(EditArgs),
    /// Take an expert off the roster; their history stays
    #[command(after_help = "Example:
  callout expert retire e-17

Token roles: admin")]
    Retire(OneArgs),
    /// Take back an expert who has retired
    #[command(after_help = "Example:
  callout expert reinstate e-17

Token roles: admin")]
    Reinstate(OneArgs),
    /// Set the weekly shifts, instead of those before
    #[command(after_help = "Example:
  callout expert shift e-17 'mon-fri 08:00-16:00;sat 09:00-13:00'

Token roles: admin")]
    Shift(ShiftArgs),
    /// Give or take a skill
    #[command(after_help = "Examples:
  callout expert skill e-17 network:3
  callout expert skill e-17 network --remove

Token roles: admin")]
    Skill(SkillArgs),
    /// Absences: without dates the list, with dates a new one, --remove takes one back
    #[command(after_help = r"Examples:
  callout expert absence e-17
  callout expert absence e-17 --kind sick \
    --from 2026-01-31T08:00:00Z --to 2026-02-02T00:00:00Z
  callout expert absence e-17 --remove 2

A manager's token shows the list alone.
Token roles: clerk, expert, dispatcher, admin")]
    Absence(AbsenceArgs),
}

#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only of this region (its id)
    #[arg(long, value_name = "ID")]
    region: Option<String>,
    /// Only with this skill, like tv
    #[arg(long)]
    skill: Option<String>,
    /// Those who retired, instead
    #[arg(long)]
    retired: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// The expert's id
    id: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// An id for them, like e-17; it stays for ever
    id: String,
    /// Their region; found from the home when not given
    #[arg(long, value_name = "ID")]
    region: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The expert's id
    id: String,
    /// Another region; without it the region stays, also when the home moves
    #[arg(long, value_name = "ID")]
    region: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct ProfileArgs {
    /// Their name, as customers and colleagues see it
    #[arg(long)]
    name: Option<String>,
    /// A phone number with its country, like '+1 617 555 0100': messages go there when no app answers
    #[arg(long)]
    phone: Option<String>,
    /// An e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Where their days begin and end: latitude and longitude in degrees, like 42.36,-71.06
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true)]
    home: Option<String>,
    /// All their skills, with semicolons, like 'tv:2;network'; levels go from 1 (when none is said) to 3
    #[arg(long)]
    skills: Option<String>,
    /// All their shifts in the region's time zone, like 'mon-fri 08:00-16:00;sat 09:00-13:00'
    #[arg(long)]
    shift: Option<String>,
    /// How many visits they may have before them at once, 1 to 50; without it the region's setting counts
    #[arg(long, value_name = "N")]
    max_visits_ahead: Option<u8>,
}

#[derive(Debug, Args)]
pub(super) struct ShiftArgs {
    /// The expert's id
    id: String,
    /// All their shifts in the region's time zone, like 'mon-fri 08:00-16:00;sat 09:00-13:00'
    shift: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct SkillArgs {
    /// The expert's id
    id: String,
    /// A skill with a level from 1 (when none is said) to 3: tv, or tv:2
    skill: String,
    /// Take the skill away
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct AbsenceArgs {
    /// The expert's id
    id: String,
    /// Why they are away
    #[arg(long, value_enum, default_value_t = AbsenceName::Leave)]
    kind: AbsenceName,
    /// When it begins, with an offset, like 2026-01-31T08:00:00Z or 2026-01-31T08:00:00-05:00
    #[arg(long, value_name = "TIME", requires = "to")]
    from: Option<String>,
    /// When it ends, likewise
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Take back the absence of this number (the list has them)
    #[arg(long, value_name = "N", conflicts_with = "from")]
    remove: Option<u32>,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AbsenceName {
    Sick,
    Leave,
}

pub(super) fn run(command: &ExpertCommand, settings: &Settings) -> Done {
    match command {
        ExpertCommand::List(args) => list(args, settings),
        ExpertCommand::Show(args) => call(&args.common, settings, Method::GET, &path(&args.id), None),
        ExpertCommand::Retire(args) => call(&args.common, settings, Method::DELETE, &path(&args.id), None),
        ExpertCommand::Reinstate(args) => {
            call(&args.common, settings, Method::PATCH, &path(&args.id), Some(&json!({ "status": "active" })))
        }
        ExpertCommand::Import(args) => {
            import(Kind::Experts, args, &Reading { time_zone: None, windows: Windows::Promise }, settings)
        }
        ExpertCommand::Add(args) => {
            let mut body = profile(args.region.as_deref(), &args.profile)?;
            body.insert("id".into(), args.id.clone().into());
            call(&args.common, settings, Method::POST, "/v1/experts", Some(&Value::Object(body)))
        }
        ExpertCommand::Edit(args) => {
            let body = profile(args.region.as_deref(), &args.profile)?;
            if body.is_empty() {
                let connection = Connection::open(&args.common.target, settings)?;
                return expert_edit::edit(&connection, &args.id, args.common.json);
            }
            let body = Value::Object(body);
            call(&args.common, settings, Method::PATCH, &path(&args.id), Some(&body))
        }
        ExpertCommand::Shift(args) => {
            let body = json!({ "shifts": shifts(&args.shift)? });
            call(&args.common, settings, Method::PATCH, &path(&args.id), Some(&body))
        }
        ExpertCommand::Skill(args) => skill(args, settings),
        ExpertCommand::Absence(args) => absence(args, settings),
    }
}

fn path(id: &str) -> String {
    format!("/v1/experts/{}", encode(id))
}

fn call(common: &Common, settings: &Settings, method: Method, path: &str, body: Option<&Value>) -> Done {
    let connection = Connection::open(&common.target, settings)?;
    let answer = connection.client.call(method, path, body)?;
    show(&answer, common.json);
    Ok(ExitCode::SUCCESS)
}

fn show(expert: &Value, json: bool) {
    if json {
        return print_json(expert);
    }
    for (name, value) in expert.as_object().into_iter().flatten() {
        println!("{name:<18}{}", super::output::plain(value));
    }
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let connection = Connection::open(&args.common.target, settings)?;
    let retired = if args.retired { "true" } else { "false" };
    let parameters = [("retired", Some(retired)), ("region", args.region.as_deref()), ("skill", args.skill.as_deref())];
    let path = query("/v1/experts", &parameters);
    let experts = connection.client.all(&path, usize::MAX)?;
    if args.common.json {
        print_json(&json!({ "items": experts }));
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["id", "name", "region", "status", "skills"];
    let rows: Vec<_> = experts.iter().map(|expert| columns.map(|column| at(expert, column)).to_vec()).collect();
    print_table(&["ID", "NAME", "REGION", "STATUS", "SKILLS"], &rows);
    Ok(ExitCode::SUCCESS)
}

/// The fields that were given.
fn profile(region: Option<&str>, args: &ProfileArgs) -> Result<Map<String, Value>, Trouble> {
    let mut body = Map::new();
    let texts = [("name", &args.name), ("phone", &args.phone), ("email", &args.email)];
    let texts = texts.map(|(name, text)| (name, text.as_deref()));
    for (name, text) in texts.into_iter().chain([("region", region)]) {
        if let Some(text) = text {
            body.insert(name.into(), text.into());
        }
    }
    if let Some(home) = &args.home {
        body.insert("home".into(), place("--home", home)?);
    }
    if let Some(skills) = &args.skills {
        if skills.contains(',') {
            return Err(Trouble::Usage(format!("--skills {skills}: skills are separated by ';', like 'tv:2;network'")));
        }
        let named = skills.split(';').map(str::trim).filter(|skill| !skill.is_empty());
        body.insert("skills".into(), named.collect::<Vec<_>>().into());
    }
    if let Some(shift) = &args.shift {
        body.insert("shifts".into(), shifts(shift)?);
    }
    if let Some(most) = args.max_visits_ahead {
        body.insert("max_visits_ahead".into(), most.into());
    }
    Ok(body)
}

/// LAT,LON as the API takes it.
pub(super) fn place(flag: &str, text: &str) -> Result<Value, Trouble> {
    let wrong = || Trouble::Usage(format!("{flag} is LAT,LON, like 42.36,-71.06"));
    let (lat, lon) = text.split_once(',').ok_or_else(wrong)?;
    let degrees = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    Ok(json!({ "lat": degrees(lat)?, "lon": degrees(lon)? }))
}

fn shifts(text: &str) -> Result<Value, Trouble> {
    let shifts = Shift::parse_all(text).map_err(|error| Trouble::Usage(error.to_string()))?;
    Ok(json!(shifts.iter().map(ShiftView::from).collect::<Vec<_>>()))
}

fn skill(args: &SkillArgs, settings: &Settings) -> Done {
    let wanted = SkillLevel::parse(&args.skill).map_err(|error| Trouble::Usage(error.to_string()))?;
    let connection = Connection::open(&args.common.target, settings)?;
    let expert = connection.client.get(&path(&args.id))?;
    let mut skills = expert["skills"].as_object().cloned().unwrap_or_default();
    let name = wanted.skill.as_str().to_owned();
    if args.remove {
        skills.remove(&name);
    } else {
        skills.insert(name, wanted.level.number().into());
    }
    // The list was made of this version: a skill given in between must not be lost.
    let edited = connection.client.edit(&path(&args.id), &expert["version"], &json!({ "skills": skills }))?;
    show(&edited, args.common.json);
    Ok(ExitCode::SUCCESS)
}

fn absence(args: &AbsenceArgs, settings: &Settings) -> Done {
    let path = format!("{}/absences", path(&args.id));
    let kind = match args.kind {
        AbsenceName::Sick => "sick",
        AbsenceName::Leave => "leave",
    };
    match (&args.from, &args.to, args.remove) {
        (Some(from), Some(to), _) => {
            let body = json!({ "kind": kind, "from": from, "to": to });
            call(&args.common, settings, Method::POST, &path, Some(&body))
        }
        (_, _, Some(number)) => call(&args.common, settings, Method::DELETE, &format!("{path}/{number}"), None),
        _ => {
            let connection = Connection::open(&args.common.target, settings)?;
            let absences = connection.client.get(&path)?;
            if args.common.json {
                print_json(&absences);
                return Ok(ExitCode::SUCCESS);
            }
            let items = absences["items"].as_array().cloned().unwrap_or_default();
            let columns = ["id", "kind", "from", "to"];
            let rows: Vec<_> = items.iter().map(|absence| columns.map(|column| at(absence, column)).to_vec()).collect();
            print_table(&["NO", "KIND", "FROM", "TO"], &rows);
            Ok(ExitCode::SUCCESS)
        }
    }
}
