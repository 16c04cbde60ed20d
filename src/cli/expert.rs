//! `callout expert`: the roster.

use super::{
    Connection,
    client::{encode, query},
    expert_edit,
    import::{FileArgs, import},
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
    #[command(after_help = "Example:\n  callout expert list --region north --skill tv")]
    List(ListArgs),
    /// One expert
    #[command(after_help = "Example:\n  callout expert show e-17 --json")]
    Show(OneArgs),
    /// Add an expert
    #[command(after_help = "Example:
  callout expert add e-17 --name 'Expert 17' --home 42.36,-71.06 --skills 'tv:2;network' --shift 'mon-fri 08:00-16:00'")]
    Add(ProfileArgs),
    /// Take over a CSV file; --dry-run shows what would change, field by field
    #[command(
        after_help = "Examples:\n  callout expert import roster.csv --dry-run\n  callout expert import roster.csv"
    )]
    Import(FileArgs),
    /// Change what is given, keep the rest; without flags the profile opens in $EDITOR
    #[command(
        after_help = "Examples:\n  callout expert edit e-17 --phone '+1 617 555 0100'\n  EDITOR=nano callout expert edit e-17"
    )]
    Edit(ProfileArgs),
    /// Take an expert off the roster; their history stays
    #[command(after_help = "Example:\n  callout expert retire e-17")]
    Retire(OneArgs),
    /// Take back an expert who has retired
    #[command(after_help = "Example:\n  callout expert reinstate e-17")]
    Reinstate(OneArgs),
    /// Set the weekly shifts
    #[command(after_help = "Example:\n  callout expert shift e-17 'mon-fri 08:00-16:00;sat 09:00-13:00'")]
    Shift(ShiftArgs),
    /// Give or take a skill
    #[command(
        after_help = "Examples:\n  callout expert skill e-17 network:3\n  callout expert skill e-17 network --remove"
    )]
    Skill(SkillArgs),
    /// Absences: without dates the list, with dates a new one, --remove takes one back
    #[command(after_help = "Example:
  callout expert absence e-17 --kind sick --from 2026-01-31T08:00:00Z --to 2026-02-02T00:00:00Z")]
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
    #[arg(long)]
    region: Option<String>,
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
    id: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    id: String,
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    phone: Option<String>,
    #[arg(long)]
    email: Option<String>,
    /// Found from the home when absent
    #[arg(long)]
    region: Option<String>,
    /// LAT,LON
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    home: Option<String>,
    /// Like 'tv:2;network'
    #[arg(long)]
    skills: Option<String>,
    /// Like 'mon-fri 08:00-16:00;sat 09:00-13:00'
    #[arg(long)]
    shift: Option<String>,
    #[arg(long, value_name = "N")]
    max_visits_ahead: Option<u8>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct ShiftArgs {
    id: String,
    shift: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct SkillArgs {
    id: String,
    /// tv, or tv:2
    skill: String,
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct AbsenceArgs {
    id: String,
    #[arg(long, value_enum, default_value_t = AbsenceName::Leave)]
    kind: AbsenceName,
    #[arg(long, value_name = "TIME", requires = "to")]
    from: Option<String>,
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Number of an absence
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
        ExpertCommand::Import(args) => import(Kind::Experts, args, settings),
        ExpertCommand::Add(args) => {
            let mut body = profile(args)?;
            body.insert("id".into(), args.id.clone().into());
            call(&args.common, settings, Method::POST, "/v1/experts", Some(&Value::Object(body)))
        }
        ExpertCommand::Edit(args) => {
            let body = profile(args)?;
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
fn profile(args: &ProfileArgs) -> Result<Map<String, Value>, Trouble> {
    let mut body = Map::new();
    let texts = [("name", &args.name), ("phone", &args.phone), ("email", &args.email), ("region", &args.region)];
    for (name, text) in texts {
        if let Some(text) = text {
            body.insert(name.into(), text.clone().into());
        }
    }
    if let Some(home) = &args.home {
        body.insert("home".into(), place("--home", home)?);
    }
    if let Some(skills) = &args.skills {
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
