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
    reply: Reply,
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
        self.slots.push_back(Some(Publish { id, deadline, reply, returned: None }));
        self.open += 1;
    }

    /// When the confirm of the first is overdue; `None` when nothing is in flight.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.slots.iter().flatten().next().map(|publish| publish.deadline)
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

    /// Gives all of them until `deadline`, when the broker was known to be slow.
    pub(crate) fn extend(&mut self, deadline: Instant) {
        for publish in self.slots.iter_mut().flatten() {
            publish.deadline = deadline;
        }
    }

    /// Answers all that wait, the connection being lost.
    pub(crate) fn fail(self, error: &PublishError) {
        for publish in self.slots.into_iter().flatten() {
            tell(publish.reply, Err(error.clone()));
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
        tell(self.reply, outcome);
    }
}

/// A caller that has gone away needs no answer.
pub(crate) fn tell(reply: Reply, outcome: Result<(), PublishError>) {
    drop(reply.send(outcome));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Answer = oneshot::Receiver<Result<(), PublishError>>;

    fn id(number: u8) -> EventId {
        format!("01900000-0000-7000-8000-0000000000{number:02x}").parse().expect("an id")
    }

    fn add(in_flight: &mut InFlight, number: u8) -> Answer {
        let (reply, answer) = oneshot::channel();
        in_flight.add(id(number), Instant::now() + Duration::from_secs(u64::from(number)), reply);
        answer
    }

    #[test]
    fn tag_zero_of_multiple_means_all_there_are_and_the_count_goes_on() {
        let mut in_flight = InFlight::new();
        let mut answers: Vec<_> = (1..=3).map(|number| add(&mut in_flight, number)).collect();
        assert_eq!(in_flight.settle(2, false, Verdict::Acked), Ok(()));
        assert_eq!(in_flight.settle(0, true, Verdict::Acked), Ok(()));
        assert!(answers.iter_mut().all(|answer| answer.try_recv() == Ok(Ok(()))));
        assert_eq!((in_flight.len(), in_flight.deadline()), (0, None));
        let mut fourth = add(&mut in_flight, 4);
        assert_eq!(in_flight.settle(4, false, Verdict::Acked), Ok(()));
        assert_eq!(fourth.try_recv(), Ok(Ok(())));
    }

    #[test]
    fn a_tag_that_is_not_in_flight_is_unknown_and_settles_nothing() {
        let mut in_flight = InFlight::new();
        let mut answers: Vec<_> = (1..=3).map(|number| add(&mut in_flight, number)).collect();
        assert_eq!(in_flight.settle(2, false, Verdict::Acked), Ok(()));
        for (tag, multiple) in [(0, false), (2, false), (2, true), (4, false), (4, true), (u64::MAX, true)] {
            assert_eq!(in_flight.settle(tag, multiple, Verdict::Acked), Err(Unknown), "{tag} {multiple}");
        }
        assert_eq!(in_flight.len(), 2);
        assert!(answers[0].try_recv().is_err() && answers[2].try_recv().is_err());
    }

    #[test]
    fn of_two_returns_of_one_id_each_marks_another_publish() {
        let mut in_flight = InFlight::new();
        let mut answers = [add(&mut in_flight, 1), add(&mut in_flight, 1), add(&mut in_flight, 2)];
        assert_eq!(in_flight.returned(id(1), "no route".to_owned()), Ok(()));
        assert_eq!(in_flight.returned(id(1), "no route".to_owned()), Ok(()));
        assert_eq!(in_flight.returned(id(1), "no route".to_owned()), Err(Unknown));
        assert_eq!(in_flight.settle(3, true, Verdict::Acked), Ok(()));
        let refused = Ok(Err(PublishError::Refused("no route".to_owned())));
        assert_eq!(answers.each_mut().map(|answer| answer.try_recv()), [refused.clone(), refused, Ok(Ok(()))]);
    }

    #[test]
    fn the_first_deadline_is_the_oldest_publish_s() {
        let mut in_flight = InFlight::new();
        let _answers: Vec<_> = (1..=3).map(|number| add(&mut in_flight, number)).collect();
        let first = in_flight.deadline();
        assert_eq!(in_flight.settle(1, false, Verdict::Nacked), Ok(()));
        assert!(in_flight.deadline() > first);
        let later = Instant::now() + Duration::from_secs(60);
        in_flight.extend(later);
        assert_eq!(in_flight.deadline(), Some(later));
    }
}
