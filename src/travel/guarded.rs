//! A source that may fail: left alone after failures, and with one behind it that does not, so that a planner always
//! has a table, and it says whose it is.

use super::{Ask, Asked, Table, Travel, TravelError};
use crate::domain::breaker::Breaker;
use std::sync::{Arc, Mutex, PoisonError};

/// A source that is asked no more for a while when it keeps failing.
pub struct Wary {
    source: Arc<dyn Travel>,
    breaker: Mutex<Breaker>,
}

/// Asks the first; while it fails, or is left alone, the second.
pub struct Guarded {
    first: Wary,
    second: Arc<dyn Travel>,
}

impl Wary {
    #[must_use]
    pub fn new(source: Arc<dyn Travel>) -> Self {
        Self { source, breaker: Mutex::default() }
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Table, TravelError> {
        if !self.breaker(|breaker| breaker.admits(ask.now)) {
            return Err(TravelError::LeftAlone);
        }
        let table = self.source.table(ask).await;
        self.breaker(|breaker| match &table {
            Ok(_) => breaker.works(),
            Err(_) => drop(breaker.failed(ask.now, None)),
        });
        table
    }

    fn breaker<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        change(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Guarded {
    #[must_use]
    pub fn new(first: Arc<dyn Travel>, second: Arc<dyn Travel>) -> Self {
        Self { first: Wary::new(first), second }
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Table, TravelError> {
        let why = match self.first.ask(ask).await {
            Ok(table) => return Ok(table),
            Err(why) => why,
        };
        let table = self.second.table(ask).await?;
        Ok(Table { instead: Some(why.to_string()), ..table })
    }
}

impl Travel for Wary {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(self.ask(ask))
    }
}

impl Travel for Guarded {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(self.ask(ask))
    }
}
