//! What was published and is not confirmed yet, by delivery tag.

use std::collections::VecDeque;

use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::PublishError;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Where the outcome of one publish goes.
pub(crate) type Reply = oneshot::Sender<Result<(), PublishError>>;

/// The broker spoke of a publish that is not in flight: our counting and its do not agree any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// What the broker made of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Acked,
    Nacked,
}

struct Publish {
    id: EventId,
    deadline: Instant,
    /// `None` once it was answered ahead of its confirm, because that came too late.
    reply: Option<Reply>,
    returned: Option<String>,
}

/// Publishes in the order of their tags, the first of which is 1 (AMQP publisher confirms count per channel).
pub(crate) struct InFlight {
    /// The tag of the first slot.
    first: u64,
    slots: VecDeque<Option<Publish>>,
    open: usize,
}

impl InFlight {
    pub(crate) const fn new() -> Self {
        Self { first: 1, slots: VecDeque::new(), open: 0 }
    }

    /// How many are not confirmed.
    pub(crate) const fn len(&self) -> usize {
        self.open
    }

    /// Takes the next tag. To be called in the order in which the messages go out.
    pub(crate) fn add(&mut self, id: EventId, deadline: Instant, reply: Reply) {
        self.slots.push_back(Some(Publish { id, deadline, reply: Some(reply), returned: None }));
        self.open += 1;
    }

    /// The earliest deadline of those that still wait for an answer.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.slots.iter().flatten().find(|publish| publish.reply.is_some()).map(|publish| publish.deadline)
    }

    /// Settles `tag`, with `multiple` all up to it (tag 0: all there are).
    pub(crate) fn settle(&mut self, tag: u64, multiple: bool, verdict: Verdict) -> Result<(), Unknown> {
        if multiple && tag == 0 {
            self.first += self.slots.len() as u64;
            self.open = 0;
            self.slots.drain(..).flatten().for_each(|publish| publish.answer(verdict));
            return Ok(());
        }
        let place = tag.checked_sub(self.first).and_then(|place| usize::try_from(place).ok()).ok_or(Unknown)?;
        if self.slots.get(place).is_none_or(Option::is_none) {
            return Err(Unknown);
        }
        let from = if multiple { 0 } else { place };
        for publish in self.slots.range_mut(from..=place).filter_map(Option::take) {
            self.open -= 1;
            publish.answer(verdict);
        }
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    /// Remembers that a message came back; its confirm, which follows, decides nothing any more. Of two with the same
    /// id the earlier came back first, as the broker returns in the order of publishing.
    pub(crate) fn returned(&mut self, id: EventId, why: String) -> Result<(), Unknown> {
        let publish = self.slots.iter_mut().flatten().find(|publish| publish.id == id && publish.returned.is_none());
        publish.ok_or(Unknown)?.returned = Some(why);
        Ok(())
    }

    /// Answers those whose deadline has passed, and keeps their tags: the confirm may still come.
    pub(crate) fn expire(&mut self, now: Instant, error: &PublishError) {
        for publish in self.slots.iter_mut().flatten().filter(|publish| publish.deadline <= now) {
            if let Some(reply) = publish.reply.take() {
                tell(reply, Err(error.clone()));
            }
        }
    }

    /// Answers all that wait, the connection being lost.
    pub(crate) fn fail(self, error: &PublishError) {
        for reply in self.slots.into_iter().flatten().filter_map(|publish| publish.reply) {
            tell(reply, Err(error.clone()));
        }
    }
}

impl Publish {
    fn answer(self, verdict: Verdict) {
        let outcome = match (self.returned, verdict) {
            (Some(why), _) => Err(PublishError::Refused(why)),
            (None, Verdict::Acked) => Ok(()),
            (None, Verdict::Nacked) => Err(PublishError::Refused("the broker could not take it (nack)".to_owned())),
        };
        if let Some(reply) = self.reply {
            tell(reply, outcome);
        }
    }
}

/// A caller that has gone away needs no answer.
pub(crate) fn tell(reply: Reply, outcome: Result<(), PublishError>) {
    drop(reply.send(outcome));
}
