//! When a failed delivery is tried again.

use std::time::Duration;

use crate::Timestamp;
use crate::ports::ambient::Randomness;

/// The pauses after the first failure, the second, and so on; the last one repeats.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
];

/// Nothing is given up before so many attempts: the service itself may have been away for days.
const FEWEST: u32 = 4;

/// Whether an event of `occurred` that has been tried `attempts` times is tried no more at `now`.
pub(super) fn is_over(attempts: u32, occurred: Timestamp, now: Timestamp, give_up_after: Duration) -> bool {
    attempts >= FEWEST && now >= occurred.plus(give_up_after)
}

/// When the next attempt is due after one that failed at `now`. The last one falls on the end of the patience.
pub(super) fn next(
    attempts: u32,
    occurred: Timestamp,
    now: Timestamp,
    give_up_after: Duration,
    random: &dyn Randomness,
) -> Timestamp {
    let due = now.plus(spread(pause(attempts, now.since(occurred)), random));
    let last = occurred.plus(give_up_after);
    if now < last { due.min(last) } else { due }
}

/// By the number of attempts, but never longer than the age asks for: an attempt that was put off because its webhook
/// was busy counts as one, too.
fn pause(attempts: u32, age: Duration) -> Duration {
    let by_attempts = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let ends = PAUSES.iter().scan(Duration::ZERO, |end, pause| {
        *end += *pause;
        Some(*end)
    });
    // Half of it, for the pauses are spread.
    let by_age = ends.take_while(|end| *end / 2 <= age).count();
    PAUSES[by_attempts.min(by_age).min(PAUSES.len() - 1)]
}

/// Between 80 % and 120 %: what failed together is not tried again together.
fn spread(pause: Duration, random: &dyn Randomness) -> Duration {
    let mut bytes = [0; 2];
    random.fill(&mut bytes);
    pause.mul_f64(0.4f64.mul_add(f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX), 0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_with_the_attempts() {
        let mut age = Duration::ZERO;
        let mut pauses = Vec::new();
        for attempts in 1..=10 {
            let pause = pause(attempts, age);
            pauses.push(pause.as_secs());
            age += pause;
        }
        assert_eq!(pauses, [5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 50_400, 50_400]);
    }

    #[test]
    fn an_attempt_that_was_only_put_off_does_not_prolong_the_pause() {
        assert_eq!(pause(7, Duration::from_secs(1)), PAUSES[0], "a young event is tried again soon");
        assert_eq!(pause(1, Duration::from_secs(86_400)), PAUSES[0], "and so is an old one that was hardly tried");
    }
}
