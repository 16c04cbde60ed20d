//! Erasing people: their keys go, then what of them is in memory, then what could find them by phone or
//! e-mail. The steps are apart because others stand between them: actors that remember, the mailbox.
//!
//! `data/erasing` names who is being erased, from before the first step until after the last, so that one
//! that was cut short is finished by the next start. Numbers and slots only: it says nothing of anybody.

use super::{
    Fault, KeyState, Store,
    core::Core,
    files::{create_whole, fault, io_fault, sync_dir},
    row::reseal,
};
use crate::domain::ids::{PersonId, TicketNumber};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

const FILE: &str = "erasing";

/// Whose words are to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasing {
    pub tickets: BTreeSet<TicketNumber>,
    pub people: BTreeSet<PersonId>,
}

/// As it lies in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    tickets: Vec<String>,
    people: Vec<u32>,
}

impl Store {
    /// Forgets a person for good: key, words in memory, look-up hashes.
    pub fn erase(&self, person: PersonId) -> Result<(), Fault> {
        let people = [person];
        self.erase_keys(&people)?;
        self.forget(&people)?;
        self.flush()?;
        self.forget_contacts(&people)
    }

    /// Overwrites these people's keys, on disk when it returns: from here on nothing of theirs opens, or is
    /// sealed anew. An erasure's first step.
    pub fn erase_keys(&self, people: &[PersonId]) -> Result<(), Fault> {
        self.core().sealer.keys().erase_all(people)
    }

    /// Takes the words of people whose keys are gone out of the store's memory.
    pub fn forget(&self, people: &[PersonId]) -> Result<(), Fault> {
        self.core().forget(&people.iter().copied().collect())
    }

    /// Removes what could find these people by phone or e-mail. After a flush: what is on its way to a
    /// snapshot may still hold some.
    pub fn forget_contacts(&self, people: &[PersonId]) -> Result<(), Fault> {
        self.core().forget_contacts(&people.iter().copied().collect())
    }

    /// False: this person was erased.
    #[must_use]
    pub fn remembers(&self, person: PersonId) -> bool {
        self.core().sealer.keys().key(person) != KeyState::Erased || person == PersonId(0)
    }

    /// Writes down who is to be erased, together with whom an earlier erasure left unfinished, and gives
    /// all of them back; on disk when it returns.
    pub fn begin_erasure(&self, erasing: Erasing) -> Result<Erasing, Fault> {
        let Some(path) = path(self.core()) else { return Ok(erasing) };
        let mut all = self.pending_erasure()?.unwrap_or_default();
        all.tickets.extend(erasing.tickets);
        all.people.extend(erasing.people);
        let kept = Kept {
            tickets: all.tickets.iter().map(ToString::to_string).collect(),
            people: all.people.iter().map(|person| person.0).collect(),
        };
        let text = serde_json::to_vec(&kept).map_err(|error| fault(&path, error))?;
        create_whole(&path, &text).map_err(|error| io_fault(&path, "write down an erasure", &error))?;
        Ok(all)
    }

    /// An erasure that was begun and not finished.
    pub fn pending_erasure(&self) -> Result<Option<Erasing>, Fault> {
        match path(self.core()) {
            Some(path) => read(&path),
            None => Ok(None),
        }
    }

    /// All steps are done.
    pub fn end_erasure(&self) -> Result<(), Fault> {
        let Some(path) = path(self.core()) else { return Ok(()) };
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let removed = removed.and_then(|()| path.parent().map_or(Ok(()), sync_dir));
        removed.map_err(|error| io_fault(&path, "end an erasure", &error))
    }
}

/// None over a journal without files.
fn path(core: &Core) -> Option<PathBuf> {
    let (_, options) = core.archive.as_ref()?;
    Some(options.data.join(FILE))
}

fn read(path: &Path) -> Result<Option<Erasing>, Fault> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_fault(path, "read an erasure", &error)),
    };
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| fault(path, error))?;
    let tickets: Result<_, _> = kept.tickets.iter().map(|number| number.parse()).collect();
    let tickets = tickets.map_err(|_| fault(path, "a line is no ticket's number"))?;
    Ok(Some(Erasing { tickets, people: kept.people.into_iter().map(PersonId).collect() }))
}

impl Core {
    /// Takes erased people's words out of memory: what is sealed now opens as nothing.
    pub(super) fn forget(&self, people: &BTreeSet<PersonId>) -> Result<(), Fault> {
        for ticket in self.overlay.collect(|ticket| people.contains(&ticket.person())) {
            self.overlay.refresh(ticket.number, |ticket| reseal(ticket, &self.sealer));
        }
        self.hot.refresh(people, &self.sealer)
    }

    pub(super) fn forget_contacts(&self, people: &BTreeSet<PersonId>) -> Result<(), Fault> {
        self.snapshots.regions().into_iter().try_for_each(|(_, file)| file.forget_contacts(people))
    }
}
