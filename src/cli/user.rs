//! `callout user`: people with passwords. On the data directory itself, whether or not a server runs on it (it
//! knows within a second), or at a server through its API.

use super::{
    client::{Client, encode},
    output::{Done, Trouble, at, plain, print_json, print_table},
    prompt,
    target::TargetArgs,
    token::{now, region, region_names, role, with_article},
};
use crate::{
    accounts::{Account, AccountName, Accounts, Edit, NewPassword, Profile, State},
    api::people::UserView,
    domain::{ids::RegionId, ticket::Role},
    settings::{Secret, Settings},
};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person; asks for their password
    #[command(after_help = "Examples:
  callout user add desk-1 --role dispatcher --region north
  callout user add expert17 --role expert --subject e-17 --password-stdin \\
    < password.txt

A password has 12 to 128 characters, at least 5 different ones, does not hold
the name, and is more than a usual word with little added. It is asked for
twice, or read with --password-stdin. On a data directory this works beside a
running server.
Token roles: admin")]
    Add(AddArgs),
    /// Who may log in
    #[command(after_help = "Example:
  callout user list --json

Tokens got by logging in before SINCE are worthless.
Token roles: admin")]
    List(ListArgs),
    /// One account
    #[command(after_help = "Example:
  callout user show desk-1

Token roles: admin")]
    Show(OneArgs),
    /// Change role, subject or regions; ends the person's tokens
    #[command(after_help = "Examples:
  callout user edit desk-1 --role manager --all-regions
  callout user edit desk-1 --region north --region south

Token roles: admin")]
    Edit(EditArgs),
    /// Set a new password; ends the person's tokens
    #[command(after_help = "Example:
  callout user password desk-1

Token roles: admin")]
    Password(PasswordArgs),
    /// Nobody logs in to it any more; ends the person's tokens
    #[command(after_help = "Example:
  callout user disable desk-1

Token roles: admin")]
    Disable(OneArgs),
    /// They may log in again
    #[command(after_help = "Example:
  callout user enable desk-1

Token roles: admin")]
    Enable(OneArgs),
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
pub(super) struct AddArgs {
    /// What they log in by: 1 to 64 letters, digits, . _ - or +, beginning with a letter or digit; no e-mail
    /// address
    name: String,
    /// customer, clerk, expert, dispatcher, manager, admin or portal
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// The customer's or expert's id; for others a name for the record
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only these regions, all without it (may be given several times)
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Vec<RegionId>,
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only those of this role
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    /// Only those that are disabled
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// What they log in by
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// What they log in by
    name: String,
    /// Another role: customer, clerk, expert, dispatcher, manager, admin or portal
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    /// The customer's or expert's id; for others a name for the record
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only these regions, instead of those before (may be given several times)
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Vec<RegionId>,
    /// All regions
    #[arg(long, conflicts_with = "region")]
    all_regions: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// What they log in by
    name: String,
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

/// Where the accounts are.
enum Place {
    Server(Client),
    Files(Box<Accounts>),
}

impl Place {
    fn open(common: &Common, settings: &Settings) -> Result<Self, Trouble> {
        if let Some(client) = common.target.remote()? {
            return Ok(Self::Server(client));
        }
        let data = common.target.data.as_ref().unwrap_or(&settings.storage.data);
        Ok(Self::Files(Box::new(Accounts::open(data).map_err(Trouble::refused)?)))
    }

    fn list(&self) -> Result<Vec<Value>, Trouble> {
        match self {
            Self::Server(client) => Ok(client.all("/v1/users", usize::MAX)?),
            Self::Files(accounts) => {
                Ok(accounts.list().map_err(Trouble::refused)?.iter().map(|account| view(account)).collect())
            }
        }
    }

    fn show(&self, name: &str) -> Result<Value, Trouble> {
        match self {
            Self::Server(client) => Ok(client.get(&path(name))?),
            Self::Files(accounts) => {
                let found = accounts.find(&parsed(name)?).map_err(Trouble::refused)?;
                found.map(|account| view(&account)).ok_or_else(|| Trouble::Refused(format!("there is no user {name}")))
            }
        }
    }

    fn add(&self, name: &str, profile: Profile, password: Secret) -> Result<Value, Trouble> {
        match self {
            Self::Server(client) => {
                let Profile { role, subject, regions } = profile;
                let regions: Vec<_> = regions.iter().map(ToString::to_string).collect();
                let body = json!({
                    "name": name, "role": role.name(), "subject": subject, "regions": regions,
                    "password": password.reveal(),
                });
                Ok(client.call(Method::POST, "/v1/users", Some(&body))?)
            }
            Self::Files(accounts) => {
                let name = parsed(name)?;
                let password = NewPassword::judge(password, &name).map_err(Trouble::refused)?;
                Ok(view(&*accounts.add(name, profile, &password, now()).map_err(Trouble::refused)?))
            }
        }
    }

    fn edit(&self, name: &str, edit: Edit, password: Option<Secret>) -> Result<Value, Trouble> {
        match self {
            Self::Server(client) => {
                let body = Value::Object(edit_body(&edit, password.as_ref()));
                Ok(client.call(Method::PATCH, &path(name), Some(&body))?)
            }
            Self::Files(accounts) => {
                let name = parsed(name)?;
                let password = password.map(|password| NewPassword::judge(password, &name)).transpose();
                let password = password.map_err(Trouble::refused)?;
                let edited = accounts.edit(&name, edit, password.as_ref(), None, now()).map_err(Trouble::refused)?;
                Ok(view(&edited))
            }
        }
    }
}

fn path(name: &str) -> String {
    format!("/v1/users/{}", encode(name))
}

fn parsed(name: &str) -> Result<AccountName, Trouble> {
    AccountName::parse(name).map_err(|error| Trouble::Usage(error.to_string()))
}

/// The fields that change, as the API takes them.
fn edit_body(edit: &Edit, password: Option<&Secret>) -> Map<String, Value> {
    let Edit { role, subject, regions, state } = edit;
    let regions = regions.as_ref().map(|regions| regions.iter().map(ToString::to_string).collect::<Vec<_>>());
    let fields = [
        ("role", role.map(|role| role.name().into())),
        ("subject", subject.clone().map(Value::String)),
        ("regions", regions.map(Value::from)),
        ("state", state.map(|state| state.name().into())),
        ("password", password.map(|password| password.reveal().into())),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// An account as the API shows it.
fn view(account: &Account) -> Value {
    let view = UserView {
        name: account.name.to_string(),
        role: account.role.name(),
        subject: account.subject.clone(),
        regions: account.regions.iter().map(ToString::to_string).collect(),
        state: account.state.name(),
        created_at: account.created.to_string(),
        since: account.since.to_string(),
        version: account.version,
    };
    serde_json::to_value(view).unwrap_or_default()
}

pub(super) fn run(command: &UserCommand, settings: &Settings) -> Done {
    match command {
        UserCommand::Add(args) => add(args, settings),
        UserCommand::List(args) => list(args, settings),
        UserCommand::Show(args) => {
            let shown = Place::open(&args.common, settings)?.show(&args.name)?;
            show(&shown, &args.common)
        }
        UserCommand::Edit(args) => edit(args, settings),
        UserCommand::Password(args) => {
            let place = Place::open(&args.common, settings)?;
            // Before anything is typed for nobody.
            place.show(&args.name)?;
            let password = prompt::new_password(args.password_stdin)?;
            show(&place.edit(&args.name, Edit::default(), Some(password))?, &args.common)
        }
        UserCommand::Disable(args) => set_state(args, State::Disabled, settings),
        UserCommand::Enable(args) => set_state(args, State::Active, settings),
    }
}

fn add(args: &AddArgs, settings: &Settings) -> Done {
    let profile = Profile { role: args.role, subject: args.subject.clone(), regions: args.region.clone() };
    if matches!(args.role, Role::Customer | Role::Expert) && args.subject.is_none() {
        return Err(Trouble::Usage(format!("{} needs --subject ID", with_article(args.role))));
    }
    let place = Place::open(&args.common, settings)?;
    let password = prompt::new_password(args.password_stdin)?;
    show(&place.add(&args.name, profile, password)?, &args.common)
}

fn list(args: &ListArgs, settings: &Settings) -> Done {
    let mut users = Place::open(&args.common, settings)?.list()?;
    users.retain(|user| args.role.is_none_or(|role| user["role"] == role.name()));
    users.retain(|user| !args.disabled || user["state"] == State::Disabled.name());
    if args.common.json {
        print_json(&json!({ "items": users }));
        return Ok(ExitCode::SUCCESS);
    }
    let columns = ["name", "role", "subject", "regions", "state", "created_at", "since"];
    let rows: Vec<_> = users.iter().map(|user| columns.map(|column| cell(user, column)).to_vec()).collect();
    print_table(&["NAME", "ROLE", "SUBJECT", "REGIONS", "STATE", "CREATED", "SINCE"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn edit(args: &EditArgs, settings: &Settings) -> Done {
    let regions = (args.all_regions || !args.region.is_empty()).then(|| args.region.clone());
    let edit = Edit { role: args.role, subject: args.subject.clone(), regions, state: None };
    if edit == Edit::default() {
        return Err(Trouble::Usage("nothing to change: give --role, --subject, --region or --all-regions".into()));
    }
    show(&Place::open(&args.common, settings)?.edit(&args.name, edit, None)?, &args.common)
}

fn set_state(args: &OneArgs, state: State, settings: &Settings) -> Done {
    let edit = Edit { state: Some(state), ..Edit::default() };
    show(&Place::open(&args.common, settings)?.edit(&args.name, edit, None)?, &args.common)
}

/// A field for people.
fn cell(user: &Value, name: &str) -> String {
    match (name, user[name].as_array()) {
        ("regions", Some(regions)) => region_names(&regions.iter().map(plain).collect::<Vec<_>>()),
        _ => at(user, name),
    }
}

#[allow(clippy::unnecessary_wraps, reason = "all commands end alike")]
fn show(user: &Value, common: &Common) -> Done {
    if common.json {
        print_json(user);
        return Ok(ExitCode::SUCCESS);
    }
    for name in user.as_object().into_iter().flatten().map(|(name, _)| name) {
        println!("{name:<12}{}", cell(user, name));
    }
    Ok(ExitCode::SUCCESS)
}
