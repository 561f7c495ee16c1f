//! Who may wait, and who is refused: first come, first served, calm under overload. No clock and no threads here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A line that has not been empty for so long stands, and one that nobody was refused from for so long does not.
const STANDING: Duration = Duration::from_millis(100);
/// Whoever has waited less can still be refused in time: a refusal must come within 50 ms.
const REFUSABLE: Duration = Duration::from_millis(40);

/// Two refusals within that time: many more come than can be served.
const PRESSED: Duration = Duration::from_millis(5);

/// How long a line may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Waiting jobs while the line does not stand: a burst, served soon after.
    pub(crate) burst: usize,
    /// Waiting jobs while it stands: more would only wait longer, not be served sooner.
    pub(crate) standing: usize,
}

/// Something that may lose its purpose while it waits.
pub(crate) trait Waits {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
}

/// The line.
///
/// It accepts bursts. When it has not been empty for 100 ms, or a burst exceeds its limit, there is more work than can
/// be done, and the line turns *calm*: few may wait, so that everybody accepted is served soon, and those who came
/// last and can still be told in time are refused. While two are refused within 5 ms half as many may wait, for the
/// next ones come soon enough. It is over when nobody has been refused for 100 ms and nobody waits.
#[derive(Debug)]
pub(crate) struct Line<T> {
    limits: Limits,
    waiting: VecDeque<(Instant, T)>,
    occupied_since: Option<Instant>,
    refused_at: Option<Instant>,
    /// When the last two were refused, the latest first.
    refusals: [Option<Instant>; 2],
    calm: bool,
}

impl<T: Waits> Line<T> {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            occupied_since: None,
            refused_at: None,
            refusals: [None; 2],
            calm: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether an item that came now would get a place, and everybody who is refused because it came. `free` servers are
    /// about to take somebody, and whoever they take does not count.
    pub(crate) fn knock(&mut self, free: usize, now: Instant) -> (bool, Vec<T>) {
        let mut refused = self.observe(now);
        let limit = free + self.limit(now);
        if self.waiting.len() >= limit {
            self.waiting.retain(|(_, item)| !item.is_abandoned());
        }
        let room = self.waiting.len() < limit;
        if !room && !self.calm {
            refused.append(&mut self.turn_calm(now));
        }
        if !room || !refused.is_empty() {
            self.refused_at = Some(now);
            self.refusals = [Some(now), self.refusals[0]];
        }
        (room, refused)
    }

    /// Puts `item` at the end; returns everybody who is refused, `item` perhaps among them.
    pub(crate) fn push(&mut self, item: T, free: usize, now: Instant) -> Vec<T> {
        let (room, mut refused) = self.knock(free, now);
        if room {
            if self.waiting.is_empty() {
                self.occupied_since = Some(now);
            }
            self.waiting.push_back((now, item));
        } else {
            refused.push(item);
        }
        refused
    }

    /// Takes the first that somebody still waits for.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let next = loop {
            match self.waiting.pop_front() {
                Some((_, item)) if item.is_abandoned() => {}
                other => break other,
            }
        };
        if self.waiting.is_empty() {
            self.occupied_since = None;
        }
        next.map(|(_, item)| item)
    }

    /// Takes everybody out, for the end.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.occupied_since = None;
        self.waiting.drain(..).map(|(_, item)| item).collect()
    }

    fn limit(&self, now: Instant) -> usize {
        let pressed = self.refusals[1].is_some_and(|at| now.saturating_duration_since(at) <= PRESSED);
        match (self.calm, pressed) {
            (false, _) => self.limits.burst,
            (true, false) => self.limits.standing,
            (true, true) => self.limits.standing.div_ceil(2),
        }
    }

    fn observe(&mut self, now: Instant) -> Vec<T> {
        if self.calm {
            self.calm = !self.waiting.is_empty() || !longer_than(STANDING, self.refused_at, now);
            Vec::new()
        } else if longer_than(STANDING, self.occupied_since, now) {
            self.turn_calm(now)
        } else {
            Vec::new()
        }
    }

    fn turn_calm(&mut self, now: Instant) -> Vec<T> {
        self.calm = true;
        // From here on it needs a quiet while to be over, even if this turn refuses nobody.
        self.refused_at = Some(now);
        self.waiting.retain(|(_, item)| !item.is_abandoned());
        let old = self.waiting.partition_point(|(since, _)| now.saturating_duration_since(*since) >= REFUSABLE);
        let keep = old.max(self.limits.standing).min(self.waiting.len());
        self.waiting.drain(keep..).map(|(_, item)| item).collect()
    }
}

/// Whether something was longer ago than that, if ever.
fn longer_than(time: Duration, at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| now.saturating_duration_since(at) > time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    const MS: Duration = Duration::from_millis(1);
    const LIMITS: Limits = Limits { burst: 64, standing: 4 };

    #[derive(Clone, Debug, Default)]
    struct Caller {
        number: usize,
        gone: Rc<Cell<bool>>,
    }

    impl Waits for Caller {
        fn is_abandoned(&self) -> bool {
            self.gone.get()
        }
    }

    fn caller(number: usize) -> Caller {
        Caller { number, gone: Rc::default() }
    }

    fn numbers(callers: Vec<Caller>) -> Vec<usize> {
        callers.into_iter().map(|caller| caller.number).collect()
    }

    #[test]
    fn a_burst_within_the_limit_is_accepted_and_served_in_order() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        assert!((0..64).all(|number| line.push(caller(number), 0, start).is_empty()));
        assert_eq!(
            std::iter::from_fn(|| line.pop()).map(|caller| caller.number).collect::<Vec<_>>(),
            Vec::from_iter(0..64)
        );
    }

    #[test]
    fn beyond_the_burst_the_latest_are_refused_down_to_the_standing_limit() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        assert!((0..64).all(|number| line.push(caller(number), 0, start).is_empty()));
        assert_eq!(numbers(line.push(caller(64), 0, start + MS)), Vec::from_iter(4..=64));
        assert_eq!(numbers(line.push(caller(65), 0, start + MS)), [65]);
    }

    #[test]
    fn a_knock_does_what_a_push_would_do_to_the_others() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        for number in 0..64 {
            assert!(line.knock(0, start).0);
            line.push(caller(number), 0, start);
        }
        let (room, refused) = line.knock(0, start + MS);
        assert_eq!((room, numbers(refused)), (false, Vec::from_iter(4..64)));
        assert!(line.knock(1, start + MS).0, "a free server takes the next");
        while line.pop().is_some() {}
        // Whoever was told that there is no room was refused: the calm lasts 100 ms from then.
        assert!((0..4).all(|number| line.push(caller(number), 0, start + 90 * MS).is_empty()));
        assert!(!line.knock(0, start + 90 * MS).0);
    }

    #[test]
    fn while_two_are_refused_within_5_ms_half_as_many_wait() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        let accepted =
            |line: &mut Line<Caller>, now| (0..9).take_while(|n| line.push(caller(*n), 0, now).is_empty()).count();
        assert_eq!(accepted(&mut line, start), 9);
        assert_eq!(accepted(&mut line, start + 101 * MS), 0, "calm from here on, and one refusal");
        while line.pop().is_some() {}
        assert_eq!(accepted(&mut line, start + 102 * MS), 4, "one refusal is no press");
        while line.pop().is_some() {}
        assert_eq!(accepted(&mut line, start + 103 * MS), 2, "two within 5 ms are");
        while line.pop().is_some() {}
        assert_eq!(accepted(&mut line, start + 113 * MS), 4, "the older of them is longer ago");
        let mut small = Line::new(Limits { burst: 1, standing: 1 });
        for number in 0..3 {
            drop(small.push(caller(number), 0, start));
        }
        small.pop();
        assert_eq!(accepted(&mut small, start), 1, "always somebody");
    }

    #[test]
    fn a_line_that_turns_calm_without_a_refusal_has_its_whole_limit() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        assert!((0..3).all(|number| line.push(caller(number), 0, start).is_empty()));
        assert!(line.push(caller(3), 0, start + 101 * MS).is_empty(), "there is room for four");
        assert_eq!(numbers(line.push(caller(4), 0, start + 102 * MS)), [4]);
    }

    #[test]
    fn whoever_is_taken_at_once_takes_no_place() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        assert!((0..66).all(|number| line.push(caller(number), 2, start).is_empty()));
        assert_eq!(line.push(caller(66), 1, start).last().map(|caller| caller.number), Some(66));
    }

    #[test]
    fn whoever_has_waited_too_long_to_be_refused_in_time_stays() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        assert!((0..32).all(|number| line.push(caller(number), 0, start).is_empty()));
        assert!((32..64).all(|number| line.push(caller(number), 0, start + 60 * MS).is_empty()));
        assert_eq!(numbers(line.push(caller(64), 0, start + 90 * MS)), Vec::from_iter(32..=64));
        assert_eq!(line.len(), 32);
    }

    #[test]
    fn a_line_that_is_never_empty_for_100_ms_turns_calm_below_its_burst_limit() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        for number in 0..20 {
            assert!(line.push(caller(number), 0, start).is_empty());
        }
        assert!(line.push(caller(20), 0, start + 100 * MS).is_empty());
        assert_eq!(numbers(line.push(caller(21), 0, start + 101 * MS)), [20, 21]);
    }

    #[test]
    fn a_line_that_gets_empty_in_between_stays_open_to_bursts() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        for round in 0..50 {
            let now = start + 10 * MS * round;
            assert!((0..64).all(|number| line.push(caller(number), 0, now).is_empty()));
            while line.pop().is_some() {}
        }
    }

    #[test]
    fn calm_is_over_when_nobody_waits_and_nobody_was_refused_for_100_ms() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        for number in 0..65 {
            drop(line.push(caller(number), 0, start));
        }
        while line.pop().is_some() {}
        let calm = |line: &mut Line<Caller>, now| (0..5).map(|n| line.push(caller(n), 0, now).len()).sum::<usize>() > 0;
        assert!(calm(&mut line, start + 100 * MS), "too early");
        while line.pop().is_some() {}
        assert!(!calm(&mut line, start + 201 * MS), "too late");
    }

    #[test]
    fn whoever_has_left_takes_no_place_and_is_not_served() {
        let (mut line, start) = (Line::new(LIMITS), Instant::now());
        let callers: Vec<_> = (0..64).map(caller).collect();
        for caller in &callers {
            assert!(line.push(caller.clone(), 0, start).is_empty());
        }
        callers[..63].iter().for_each(|caller| caller.gone.set(true));
        assert!(line.push(caller(64), 0, start + MS).is_empty());
        assert_eq!(line.pop().map(|caller| caller.number), Some(63));
        assert_eq!(line.pop().map(|caller| caller.number), Some(64));
        assert!(line.pop().is_none());
    }

    /// Two servers, 7 ms a piece, for 30 s; arrivals at random, `load` times as many as can be served. The share of what could
    /// be served that was, the p99 until somebody is served, and the longest until somebody is refused.
    fn simulated(limits: Limits, load: f64) -> (f64, Duration, Duration) {
        const SERVICE: Duration = Duration::from_millis(7);
        const TIME: f64 = 30.0;
        let mut line = Line::<Arrival>::new(limits);
        let (start, mut now, mut seed) = (Instant::now(), 0.0, 7_u64);
        let (mut free_at, mut waits, mut refused) = ([start; 2], Vec::new(), Duration::ZERO);
        while now < TIME {
            // Whole numbers by Knuth's MMIX generator; the gaps are those of independent arrivals.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = ((seed >> 33) as f64 + 1.0) / f64::from(1_u32 << 31);
            now -= share.ln() * SERVICE.as_secs_f64() / 2.0 / load;
            let at = start + Duration::from_secs_f64(now);
            // Servers that got free before now have taken whoever was first.
            while line.len() > 0 {
                let server = if free_at[0] <= free_at[1] { 0 } else { 1 };
                if free_at[server] > at {
                    break;
                }
                let Some(Arrival(since)) = line.pop() else { break };
                let begun = free_at[server].max(since);
                free_at[server] = begun + SERVICE;
                waits.push(begun + SERVICE - since);
            }
            let free = free_at.iter().filter(|free_at| **free_at <= at).count();
            for Arrival(since) in line.push(Arrival(at), free, at) {
                refused = refused.max(at - since);
            }
        }
        waits.sort_unstable();
        let could = TIME / SERVICE.as_secs_f64() * 2.0;
        (waits.len() as f64 / could, waits[waits.len() * 99 / 100], refused)
    }

    #[test]
    fn under_overload_whoever_is_accepted_is_served_within_three_durations_and_servers_have_work() {
        for limits in [LIMITS, Limits { burst: 8, standing: 2 }] {
            for (load, share) in [(1.1, 0.86), (1.3, 0.90), (2.0, 0.93), (10.0, 0.97)] {
                let (served, p99, refused) = simulated(limits, load);
                assert!(served >= share, "{limits:?} at {load}: {served:.3} of what could be served");
                assert!(load < 10.0 || p99 <= 21 * MS, "{limits:?} at {load}: {p99:?}");
                assert!(refused < 50 * MS, "{limits:?} at {load}: a refusal came after {refused:?}");
            }
        }
    }

    #[derive(Debug)]
    struct Arrival(Instant);

    impl Waits for Arrival {
        fn is_abandoned(&self) -> bool {
            false
        }
    }
}
