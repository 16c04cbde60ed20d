//! A source that may fail, with one behind it that does not: a planner always has a table, and it says
//! whose it is.

use super::{Ask, Asked, Table, Travel, TravelError};
use crate::domain::breaker::Breaker;
use std::sync::{Arc, Mutex, PoisonError};

/// Asks the first; while it fails, or is left alone, the second.
pub struct Guarded {
    first: Arc<dyn Travel>,
    second: Arc<dyn Travel>,
    breaker: Mutex<Breaker>,
}

impl Guarded {
    #[must_use]
    pub fn new(first: Arc<dyn Travel>, second: Arc<dyn Travel>) -> Self {
        Self { first, second, breaker: Mutex::default() }
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Table, TravelError> {
        let why = if self.breaker(|breaker| breaker.admits(ask.now)) {
            match self.first.table(ask).await {
                Ok(table) => {
                    self.breaker(Breaker::works);
                    return Ok(table);
                }
                Err(why) => {
                    self.breaker(|breaker| breaker.failed(ask.now, None));
                    why
                }
            }
        } else {
            TravelError::LeftAlone
        };
        let table = self.second.table(ask).await?;
        Ok(Table { instead: Some(why.to_string()), ..table })
    }

    fn breaker<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        change(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Travel for Guarded {
    fn table<'a>(&'a self, ask: Ask<'a>) -> Asked<'a> {
        Box::pin(self.ask(ask))
    }
}
