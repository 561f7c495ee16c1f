//! The checker: do the events that arrived tell exactly the stories that happened? Pure, so that it can be proved.

use std::collections::{BTreeMap, HashMap};

use crate::broker::Received;
use crate::story::{Fact, Story};

/// What the checker found; I2 … I5 are the invariants of the security bar.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Distinct event ids.
    pub(crate) distinct: usize,
    /// Deliveries beyond the first of their id.
    pub(crate) duplicates: usize,
    /// Facts that no event tells (I2).
    pub(crate) lost: Vec<String>,
    /// Everything else that must not be.
    pub(crate) wrong: Vec<String>,
}

impl Verdict {
    /// All violations.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.lost.iter().chain(&self.wrong).cloned().collect()
    }
}

/// Compares stories with what arrived.
pub(crate) fn judge(stories: &[Story], received: &[Received]) -> Verdict {
    let mut verdict = Verdict::default();
    let firsts = without_duplicates(received, &mut verdict);
    check_sequences(&firsts, &mut verdict);

    let mut told: HashMap<&str, Vec<Fact>> = HashMap::new();
    for event in &firsts {
        let fact = Fact { name: event.name().to_owned(), session: event.data("session_id").to_owned() };
        // A refused login that aimed at nobody concerns no account.
        if event.json["data"]["user_id"].is_null() && event.name() == "login.failed" {
            continue;
        }
        told.entry(event.data("user_id")).or_default().push(fact);
    }
    for story in stories {
        let facts = story.id.as_deref().and_then(|id| told.remove(id)).unwrap_or_default();
        check_story(story, &facts, &mut verdict);
    }
    for (id, facts) in told {
        verdict.wrong.push(format!("I3: events about an account that nobody has, {id}: {facts:?}"));
    }
    verdict
}

/// I4: duplicates only with the same id and the same bytes.
fn without_duplicates<'a>(received: &'a [Received], verdict: &mut Verdict) -> Vec<&'a Received> {
    let mut seen: HashMap<&str, &Received> = HashMap::new();
    let mut firsts = Vec::new();
    for event in received {
        match seen.get(event.message_id.as_str()) {
            None => {
                seen.insert(&event.message_id, event);
                firsts.push(event);
            }
            Some(first) => {
                verdict.duplicates += 1;
                if first.body != event.body {
                    verdict.wrong.push(format!("I4: {} came again with other bytes", event.message_id));
                }
            }
        }
    }
    verdict.distinct = firsts.len();
    firsts
}

/// I5: within a subject the sequence grows in the order of first arrivals.
fn check_sequences(firsts: &[&Received], verdict: &mut Verdict) {
    let mut last: HashMap<&str, &str> = HashMap::new();
    for event in firsts {
        let text = |key: &str| event.json[key].as_str().unwrap_or_default();
        let (subject, sequence) = (text("subject"), text("sequence"));
        if let Some(before) = last.insert(subject, sequence)
            && before >= sequence
        {
            verdict.wrong.push(format!("I5: {subject}: {sequence} came after {before}"));
        }
    }
}

fn check_story(story: &Story, facts: &[Fact], verdict: &mut Verdict) {
    let mut balance: BTreeMap<&Fact, i64> = BTreeMap::new();
    for fact in story.groups.iter().flatten() {
        *balance.entry(fact).or_default() += 1;
    }
    for fact in facts {
        *balance.entry(fact).or_default() -= 1;
    }
    let before = verdict.lost.len() + verdict.wrong.len();
    for (fact, count) in balance {
        if count > 0 {
            verdict.lost.push(format!("I2: {}: {count} × {fact:?} never arrived", story.email));
        } else if count < 0 {
            verdict.wrong.push(format!("I3: {}: {} × {fact:?} without a committed change", story.email, -count));
        }
    }
    if verdict.lost.len() + verdict.wrong.len() > before {
        return;
    }
    let told: Vec<Fact> = facts.iter().filter(|fact| fact.keeps_order()).cloned().collect();
    let mut rest = told.as_slice();
    for group in story.groups.iter().filter(|group| group.iter().all(Fact::keeps_order)) {
        let (mine, later) = rest.split_at(group.len());
        let (mut want, mut got) = (group.clone(), mine.to_vec());
        want.sort();
        got.sort();
        if want != got {
            verdict.wrong.push(format!("I5: {}: {mine:?} came where {group:?} belongs", story.email));
            return;
        }
        rest = later;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Verdict, judge};
    use crate::broker::Received;
    use crate::story::Story;

    fn event(id: &str, sequence: u32, name: &str, user: &str, session: &str) -> Received {
        let json = json!({
            "type": format!("portcullis.{name}.v1"), "subject": format!("users/{user}"),
            "sequence": format!("{sequence:020}"), "data": { "user_id": user, "session_id": session },
        });
        Received {
            routing_key: name.to_owned(),
            message_id: id.to_owned(),
            content_type: String::new(),
            persistent: true,
            body: json.to_string().into_bytes(),
            json,
        }
    }

    fn story() -> Story {
        let mut story = Story { id: Some("u".to_owned()), ..Story::about("a@example.com") };
        story.tell("user.registered", "");
        story.tell("session.started", "s1");
        story.tell("session.started", "s2");
        story.tell_revoked(["s1".to_owned(), "s2".to_owned()]);
        story
    }

    fn told() -> Vec<Received> {
        vec![
            event("e1", 1, "user.registered", "u", ""),
            event("e2", 2, "session.started", "u", "s1"),
            event("e3", 3, "session.started", "u", "s2"),
            event("e4", 4, "session.revoked", "u", "s2"),
            event("e5", 5, "session.revoked", "u", "s1"),
        ]
    }

    fn of(received: &[Received]) -> Verdict {
        judge(&[story()], received)
    }

    fn assert_caught(received: &[Received], invariant: &str) {
        let violations = of(received).violations();
        assert!(violations.iter().any(|violation| violation.starts_with(invariant)), "{invariant}: {violations:?}");
    }

    #[test]
    fn a_true_story_passes_and_duplicates_are_counted() {
        let mut received = told();
        received.extend([told()[0].clone(), told()[3].clone()]);
        let verdict = of(&received);
        assert_eq!(verdict.violations(), Vec::<String>::new());
        assert_eq!((verdict.distinct, verdict.duplicates), (5, 2));
    }

    #[test]
    fn a_lost_event_is_caught() {
        for missing in 0..5 {
            let mut received = told();
            received.remove(missing);
            assert_caught(&received, "I2");
        }
    }

    #[test]
    fn an_event_without_a_change_is_caught() {
        let mut received = told();
        received.push(event("e6", 6, "user.password_changed", "u", ""));
        assert_caught(&received, "I3");
    }

    #[test]
    fn an_event_about_an_account_that_does_not_exist_is_caught() {
        let mut received = told();
        received.push(event("e6", 6, "user.registered", "ghost", ""));
        assert_caught(&received, "I3");
        assert!(!judge(&[Story::about("absent@example.com")], &told()).violations().is_empty());
    }

    #[test]
    fn the_same_change_under_two_ids_is_caught() {
        let mut received = told();
        received.push(event("e6", 6, "session.started", "u", "s2"));
        assert_caught(&received, "I3");
    }

    #[test]
    fn a_duplicate_with_other_bytes_is_caught() {
        let mut received = told();
        received.push(event("e1", 9, "user.registered", "u", ""));
        assert_caught(&received, "I4");
    }

    #[test]
    fn events_out_of_order_are_caught() {
        let mut received = told();
        received.swap(1, 2);
        assert_caught(&received, "I5");
        // Even when the sequence numbers agree with the wrong order.
        let mut renumbered = told();
        renumbered[1] = event("e2", 2, "session.started", "u", "s2");
        renumbered[2] = event("e3", 3, "session.started", "u", "s1");
        assert_caught(&renumbered, "I5");
    }
}
