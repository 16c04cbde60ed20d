//! People with passwords, and tokens: what is asked for, and what is shown. A password comes in as a secret and
//! is never in a view; a token is shown once, to whom it was made for.

use super::{fields::Fields, json::Json, problem::FieldProblem, read_object, schema};
use crate::{
    domain::{ids::RegionId, ticket::Role},
    settings::{Secret, limits},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A name and its password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "desk-1", "password": "correct horse battery" })))]
pub struct Credentials {
    #[schema(value_type = schema::TypedName)]
    pub name: String,
    #[schema(value_type = schema::Password)]
    pub password: Secret,
}

/// The new password of whoever asks.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "old": "correct horse battery", "new": "another horse battery" })))]
pub struct PasswordChange {
    #[schema(value_type = schema::Password)]
    pub old: Secret,
    #[schema(value_type = schema::NewPassword)]
    pub new: Secret,
}

/// A person who will log in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser, examples(
    json!({ "name": "desk-1", "role": "dispatcher", "regions": ["north"], "password": "correct horse battery" }),
    json!({ "name": "expert17", "role": "expert", "subject": "e-17", "password": "correct horse battery" })
))]
pub struct NewUser {
    #[schema(value_type = schema::AccountName)]
    pub name: String,
    #[schema(value_type = schema::GrantedRole)]
    pub role: Role,
    /// The customer's or expert's id, which these need; for others a name for the record.
    #[schema(value_type = Option<schema::Subject>)]
    pub subject: Option<String>,
    /// Only these; none: all.
    #[schema(value_type = Option<schema::RegionIds>)]
    pub regions: Option<Vec<RegionId>>,
    #[schema(value_type = schema::NewPassword)]
    pub password: Secret,
}

/// What is to change of an account. Each change ends the tokens that were got by login before it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserEdit, examples(
    json!({ "role": "expert", "subject": "e-17", "regions": [], "state": "active", "password": "another horse battery" })
))]
pub struct UserEdit {
    #[schema(value_type = Option<schema::GrantedRole>)]
    pub role: Option<Role>,
    #[schema(value_type = Option<schema::Subject>)]
    pub subject: Option<String>,
    #[schema(value_type = Option<schema::RegionIds>)]
    pub regions: Option<Vec<RegionId>>,
    #[schema(value_type = Option<schema::AccountState>)]
    pub state: Option<&'static str>,
    #[schema(value_type = Option<schema::NewPassword>)]
    pub password: Option<Secret>,
}

/// A token for a machine.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken, examples(
    json!({ "role": "portal", "subject": "web-shop", "ttl_s": 2_592_000 }),
    json!({ "role": "clerk", "regions": ["north"] })
))]
pub struct NewToken {
    #[schema(value_type = schema::GrantedRole)]
    pub role: Role,
    /// The customer's or expert's id, which these need; for others a name for the record, by default the role's.
    #[schema(value_type = Option<schema::Subject>)]
    pub subject: Option<String>,
    /// Only these; none: all.
    #[schema(value_type = Option<schema::RegionIds>)]
    pub regions: Option<Vec<RegionId>>,
    /// How long it lives; by default twelve hours.
    #[schema(value_type = Option<schema::TokenLife>)]
    pub ttl_s: Option<i64>,
}

/// Roles that somebody can have, by name.
const GRANTED: [(&str, Role); 7] = [
    ("customer", Role::Customer),
    ("clerk", Role::Clerk),
    ("expert", Role::Expert),
    ("dispatcher", Role::Dispatcher),
    ("manager", Role::Manager),
    ("admin", Role::Admin),
    ("portal", Role::Portal),
];

/// Whatever was typed: whether it is anybody's is not said here.
pub fn credentials<'j>(body: &'j Json<'j>) -> Result<Credentials, Vec<FieldProblem>> {
    read_object(body, |f| {
        let name = f.parsed("name", |text| match text.chars().count() {
            1..=limits::NAME_CHARS => Ok(text.to_owned()),
            _ => Err(format!("1 to {} characters", limits::NAME_CHARS)),
        });
        let name = f.required("name", name);
        let password = secret(f, "password");
        let password = f.required("password", password);
        Some(Credentials { name: name?, password: password? })
    })
}

pub fn password_change<'j>(body: &'j Json<'j>) -> Result<PasswordChange, Vec<FieldProblem>> {
    read_object(body, |f| {
        let old = secret(f, "old");
        let old = f.required("old", old);
        let new = secret(f, "new");
        let new = f.required("new", new);
        Some(PasswordChange { old: old?, new: new? })
    })
}

pub fn new_user<'j>(body: &'j Json<'j>) -> Result<NewUser, Vec<FieldProblem>> {
    read_object(body, |f| {
        let name = f.parsed("name", |text| Ok::<_, String>(text.to_owned()));
        let name = f.required("name", name);
        let role = f.one_of("role", &GRANTED);
        let role = f.required("role", role);
        let (subject, regions) = (f.text("subject", limits::SUBJECT_CHARS), regions(f));
        let password = secret(f, "password");
        let password = f.required("password", password);
        Some(NewUser { name: name?, role: role?, subject, regions, password: password? })
    })
}

/// `states`: the words that a state may be.
pub fn user_edit<'j>(body: &'j Json<'j>, states: &[&'static str]) -> Result<UserEdit, Vec<FieldProblem>> {
    let states: Vec<_> = states.iter().map(|state| (*state, *state)).collect();
    read_object(body, |f| {
        Some(UserEdit {
            role: f.one_of("role", &GRANTED),
            subject: f.text("subject", limits::SUBJECT_CHARS),
            regions: regions(f),
            state: f.one_of("state", &states),
            password: secret(f, "password"),
        })
    })
}

pub fn new_token<'j>(body: &'j Json<'j>) -> Result<NewToken, Vec<FieldProblem>> {
    read_object(body, |f| {
        let role = f.one_of("role", &GRANTED);
        let role = f.required("role", role);
        let (subject, regions) = (f.text("subject", limits::SUBJECT_CHARS), regions(f));
        let ttl_s = f.whole("ttl_s", 1..=limits::TOKEN_TTL_S);
        Some(NewToken { role: role?, subject, regions, ttl_s })
    })
}

fn regions(f: &mut Fields<'_, '_>) -> Option<Vec<RegionId>> {
    f.texts("regions", limits::GRANTED_REGIONS, RegionId::parse)
}

/// What is wrong with it never repeats it.
fn secret(f: &mut Fields<'_, '_>, name: &'static str) -> Option<Secret> {
    f.parsed(name, |text| if text.is_empty() { Err("a password is not empty") } else { Ok(Secret::new(text)) })
}

/// Who has just logged in, with the token for all that follows.
#[derive(Serialize, ToSchema)]
#[schema(as = Login)]
pub struct LoginView {
    /// Shown this once.
    #[schema(value_type = schema::Token)]
    pub token: String,
    #[schema(value_type = schema::Time)]
    pub expires_at: String,
    #[schema(value_type = schema::GrantedRole)]
    pub role: &'static str,
    pub subject: String,
    /// Empty: all.
    #[schema(value_type = schema::RegionIds)]
    pub regions: Vec<String>,
}

/// Who the caller is, by their token.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub struct MeView {
    #[schema(value_type = schema::Role)]
    pub role: &'static str,
    pub subject: String,
    /// Empty: all.
    #[schema(value_type = schema::RegionIds)]
    pub regions: Vec<String>,
    /// Absent: a machine's token, not got by a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::AccountName)]
    pub account: Option<String>,
    /// The token's id in the list of tokens.
    pub token_id: String,
    #[schema(value_type = schema::Time)]
    pub expires_at: String,
}

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    #[schema(value_type = schema::AccountName)]
    pub name: String,
    #[schema(value_type = schema::GrantedRole)]
    pub role: &'static str,
    pub subject: String,
    /// Empty: all.
    #[schema(value_type = schema::RegionIds)]
    pub regions: Vec<String>,
    #[schema(value_type = schema::AccountState)]
    pub state: &'static str,
    #[schema(value_type = schema::Time)]
    pub created_at: String,
    /// Logins from before this have ended.
    #[schema(value_type = schema::Time)]
    pub since: String,
    #[schema(value_type = schema::Version)]
    pub version: u64,
}

/// Accounts by name.
#[derive(ToSchema)]
pub struct UserList {
    pub items: Vec<UserView>,
    /// Give it back as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A token of the list; never the token itself.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedToken)]
pub struct TokenView {
    #[schema(value_type = schema::TokenId)]
    pub id: String,
    pub role: String,
    pub subject: String,
    /// Empty: all.
    #[schema(value_type = schema::RegionIds)]
    pub regions: Vec<String>,
    /// Whose login it was; absent: a machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::AccountName)]
    pub account: Option<String>,
    #[schema(value_type = schema::Time)]
    pub issued_at: String,
    #[schema(value_type = schema::Time)]
    pub expires_at: String,
    #[schema(value_type = schema::TokenState)]
    pub state: &'static str,
}

/// Tokens, the newest first.
#[derive(ToSchema)]
pub struct TokenList {
    pub items: Vec<TokenView>,
    /// Give it back as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A new token, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = FreshToken)]
pub struct FreshToken {
    #[schema(value_type = schema::Token)]
    pub token: String,
    #[schema(value_type = schema::TokenId)]
    pub id: String,
    #[schema(value_type = schema::GrantedRole)]
    pub role: &'static str,
    pub subject: String,
    /// Empty: all.
    #[schema(value_type = schema::RegionIds)]
    pub regions: Vec<String>,
    #[schema(value_type = schema::Time)]
    pub expires_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_can_be_granted_but_the_systems_own() {
        let names: Vec<_> = Role::ALL.iter().skip(1).map(|role| role.name()).collect();
        assert_eq!(GRANTED.map(|(name, _)| name).to_vec(), names);
        assert!(GRANTED.iter().all(|(name, role)| role.name() == *name));
    }

    #[test]
    fn no_problem_repeats_a_password() {
        let body = Json::parse(br#"{ "name": "x", "password": ["hunter2"], "pasword": "hunter2" }"#).unwrap();
        let told = format!("{:?}", credentials(&body).map(drop).unwrap_err());
        assert!(told.contains("/password") && !told.contains("hunter2"), "{told}");
    }
}
