//! Deliberate faults, each of which must turn a named test red (`make sabotage`). Without the
//! feature `faults` every question here is a constant `false`, compiled away.

/// What can be broken on purpose; chosen by `CALLOUT_SABOTAGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// Answers a commit before the journal has it.
    AnswerBeforeFsync,
    /// Lets a batch through whose guard is broken.
    DropGuard,
    /// Forgets deadlines (all but deliveries) when timers are loaded at recovery.
    SkipTimer,
    /// Forgets deliveries when timers are loaded at recovery.
    ForgetOutbox,
    /// Applies the older of two states of a thing last.
    SnapshotOrder,
    /// Looks claims up only where the batch's own region wrote them.
    IdempotencyOneRegion,
}

#[cfg(feature = "faults")]
pub(super) fn on(which: Sabotage) -> bool {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<Option<Sabotage>> = LazyLock::new(|| {
        Some(match std::env::var("CALLOUT_SABOTAGE").ok()?.as_str() {
            "answer-before-fsync" => Sabotage::AnswerBeforeFsync,
            "drop-guard" => Sabotage::DropGuard,
            "skip-timer" => Sabotage::SkipTimer,
            "forget-outbox" => Sabotage::ForgetOutbox,
            "snapshot-order" => Sabotage::SnapshotOrder,
            "idempotency-one-region" => Sabotage::IdempotencyOneRegion,
            _ => return None,
        })
    });
    *CHOSEN == Some(which)
}

#[cfg(not(feature = "faults"))]
pub(super) const fn on(_which: Sabotage) -> bool {
    false
}
