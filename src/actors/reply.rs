//! The answer to a message. It always comes: when the actor dies first, the answer says whether the
//! message had been begun (then its outcome is unknown) or not (then it may be sent again).

use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) enum Answer<T> {
    Done(T),
    /// The actor died. `begun`: while handling this very message.
    Lost {
        begun: bool,
    },
}

pub(super) struct Reply<T: Send + 'static> {
    then: Option<Box<dyn FnOnce(Answer<T>) + Send>>,
    begun: bool,
}

impl<T: Send + 'static> Reply<T> {
    /// Calls `then` with the answer, exactly once, on whatever thread it comes up.
    pub(super) fn then(then: impl FnOnce(Answer<T>) + Send + 'static) -> Self {
        Self { then: Some(Box::new(then)), begun: false }
    }

    pub(super) fn channel() -> (Self, oneshot::Receiver<Answer<T>>) {
        let (sender, receiver) = oneshot::channel();
        let reply = Self::then(move |answer| {
            let _ = sender.send(answer);
        });
        (reply, receiver)
    }

    /// Nobody waits for it.
    pub(super) fn nobody() -> Self {
        Self { then: None, begun: false }
    }

    /// To be called when the handling begins.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    pub(super) fn done(mut self, answer: T) {
        if let Some(then) = self.then.take() {
            then(Answer::Done(answer));
        }
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(Answer::Lost { begun: self.begun });
        }
    }
}
