//! An account, and what becomes of it by an edit. Pure.
//!
//! Must hold: whatever a token of this account says (role, subject, regions), or would be got by (the password,
//! being active), cannot change without a new `since`, which ends the tokens from before.

use super::{AccountName, hash::Hash};
use crate::{
    domain::{
        ids::{CustomerId, ExpertId, RegionId},
        text::check_text,
        ticket::Role,
        time::Timestamp,
    },
    settings::limits,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: AccountName,
    /// Never `system`.
    pub role: Role,
    /// The customer's or expert's id; for others the name, or another one for the record.
    pub subject: String,
    /// Empty: all regions.
    pub regions: Vec<RegionId>,
    pub state: State,
    pub created: Timestamp,
    /// Tokens name the one they were issued under: they end when there is another.
    pub since: Timestamp,
    /// Counts the account's lines.
    pub version: u64,
    pub(super) hash: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    Disabled,
}

impl State {
    pub const ALL: [Self; 2] = [Self::Active, Self::Disabled];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What an account is for, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub role: Role,
    /// None: the account's name, where the role allows that.
    pub subject: Option<String>,
    pub regions: Vec<RegionId>,
}

/// What is to change; None: it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub role: Option<Role>,
    pub subject: Option<String>,
    pub regions: Option<Vec<RegionId>>,
    pub state: Option<State>,
}

/// Why an account cannot be like that; each belongs to one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("no account is the system itself")]
    System,
    #[error("an account of a customer or an expert needs their id as its subject")]
    SubjectMissing,
    #[error("a customer's or expert's id is 1 to 64 letters, digits, '-', '_', '.' or ':'")]
    SubjectNoId,
    #[error("a subject is 1 to {} characters on one line", limits::SUBJECT_CHARS)]
    Subject,
    #[error("more than {} regions are all of them: name none", limits::GRANTED_REGIONS)]
    Regions,
}

impl Flaw {
    /// The field it is about.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::System => "role",
            Self::SubjectMissing | Self::SubjectNoId | Self::Subject => "subject",
            Self::Regions => "regions",
        }
    }
}

/// The subject of an account or of a token for `role`: what was given, else `name` where a name will do.
pub fn subject_of(role: Role, given: Option<&str>, name: Option<&str>) -> Result<String, Flaw> {
    let person = match role {
        Role::System => return Err(Flaw::System),
        Role::Customer | Role::Expert => true,
        Role::Clerk | Role::Dispatcher | Role::Manager | Role::Admin | Role::Portal => false,
    };
    match given.or(name.filter(|_| !person)) {
        None => Err(Flaw::SubjectMissing),
        Some(id) if role == Role::Customer => {
            CustomerId::parse(id).map(|id| id.to_string()).map_err(|_| Flaw::SubjectNoId)
        }
        Some(id) if role == Role::Expert => ExpertId::parse(id).map(|id| id.to_string()).map_err(|_| Flaw::SubjectNoId),
        Some(text) => {
            let line = check_text(text, limits::SUBJECT_CHARS).ok();
            line.filter(|line| !line.is_empty() && !line.contains(['\n', '\t'])).ok_or(Flaw::Subject)
        }
    }
}

fn bounded(regions: Vec<RegionId>) -> Result<Vec<RegionId>, Flaw> {
    if regions.len() <= limits::GRANTED_REGIONS { Ok(regions) } else { Err(Flaw::Regions) }
}

impl Account {
    pub(super) fn new(name: AccountName, profile: Profile, hash: Hash, now: Timestamp) -> Result<Self, Flaw> {
        let Profile { role, subject, regions } = profile;
        let subject = subject_of(role, subject.as_deref(), Some(name.as_str()))?;
        let regions = bounded(regions)?;
        let state = State::Active;
        Ok(Self { name, role, subject, regions, state, created: now, since: now, version: 1, hash })
    }

    /// The account after an edit; the same when it changes nothing.
    pub(super) fn edited(&self, edit: Edit, now: Timestamp) -> Result<Self, Flaw> {
        let role = edit.role.unwrap_or(self.role);
        // A subject belongs to its role: with another role the old one names nobody.
        let kept = (role == self.role).then_some(self.subject.as_str());
        let subject = subject_of(role, edit.subject.as_deref().or(kept), Some(self.name.as_str()))?;
        let regions = bounded(edit.regions.unwrap_or_else(|| self.regions.clone()))?;
        let state = edit.state.unwrap_or(self.state);
        let next = Self { role, subject, regions, state, ..self.clone() };
        Ok(if next == *self { next } else { next.stamped(now) })
    }

    pub(super) fn with_password(&self, hash: Hash, now: Timestamp) -> Self {
        Self { hash, ..self.clone() }.stamped(now)
    }

    /// The same password at another cost: nothing that a token knows has changed.
    pub(super) fn rehashed(&self, hash: Hash) -> Self {
        Self { hash, version: self.version + 1, ..self.clone() }
    }

    /// With a `since` that was never there before, also when the clock went back.
    fn stamped(self, now: Timestamp) -> Self {
        Self { since: now.max(self.since.plus_ms(1)), version: self.version + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn hash() -> Hash {
        Hash::stored("$argon2id$v=19$m=64,t=1,p=1$bm9ib2R5J3Mgb3duIG9uZQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .unwrap()
    }

    fn account(role: Role, subject: Option<&str>) -> Result<Account, Flaw> {
        let profile = Profile { role, subject: subject.map(str::to_owned), regions: Vec::new() };
        Account::new(AccountName::parse("desk-1").unwrap(), profile, hash(), NOW)
    }

    #[test]
    fn customers_and_experts_need_their_id_others_are_their_name() {
        assert_eq!(account(Role::Clerk, None).unwrap().subject, "desk-1");
        assert_eq!(account(Role::Clerk, Some("Desk 4")).unwrap().subject, "Desk 4");
        assert_eq!(account(Role::Expert, Some("e-17")).unwrap().subject, "e-17");
        for (role, subject, flaw) in [
            (Role::System, Some("x"), Flaw::System),
            (Role::Expert, None, Flaw::SubjectMissing),
            (Role::Customer, Some("c 1"), Flaw::SubjectNoId),
            (Role::Clerk, Some("a\nb"), Flaw::Subject),
            (Role::Clerk, Some(""), Flaw::Subject),
        ] {
            assert_eq!(account(role, subject), Err(flaw), "{role:?} {subject:?}");
        }
    }

    #[test]
    fn each_change_that_a_token_would_notice_ends_the_tokens_from_before() {
        let clerk = account(Role::Clerk, None).unwrap();
        let changes = [
            Edit { role: Some(Role::Admin), ..Edit::default() },
            Edit { subject: Some("other".into()), ..Edit::default() },
            Edit { regions: Some(vec![RegionId::parse("north").unwrap()]), ..Edit::default() },
            Edit { state: Some(State::Disabled), ..Edit::default() },
        ];
        for edit in changes {
            // The clock stands still, or went back.
            let after = clerk.edited(edit.clone(), NOW.plus_s(-5)).unwrap();
            assert!(after.since > clerk.since, "{edit:?}");
            assert_eq!(after.version, 2);
        }
        assert!(clerk.with_password(hash(), NOW).since > clerk.since);
        assert_eq!(clerk.edited(Edit { role: Some(Role::Clerk), ..Edit::default() }, NOW).unwrap(), clerk);
        assert_eq!(clerk.rehashed(hash()).since, clerk.since, "the same password at another cost");
    }

    #[test]
    fn a_disabled_account_that_is_enabled_again_does_not_revive_its_tokens() {
        let clerk = account(Role::Clerk, None).unwrap();
        let state = |state| Edit { state: Some(state), ..Edit::default() };
        let off = clerk.edited(state(State::Disabled), NOW).unwrap();
        let on = off.edited(state(State::Active), NOW).unwrap();
        assert!(on.since > off.since && off.since > clerk.since);
    }

    #[test]
    fn with_another_role_comes_another_subject() {
        let expert = account(Role::Expert, Some("e-17")).unwrap();
        let role = |role| Edit { role: Some(role), ..Edit::default() };
        assert_eq!(expert.edited(role(Role::Customer), NOW), Err(Flaw::SubjectMissing), "e-17 is no customer");
        assert_eq!(expert.edited(role(Role::Clerk), NOW).unwrap().subject, "desk-1");
    }
}
