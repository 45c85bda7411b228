//! When what is due.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::Recorder;
use crate::history::{Micros, SECOND};

/// The time at which an operation should be sent.
pub type Due = Micros;

/// How finely the runtime's timers count, with a margin.
const STEP: Duration = Duration::from_millis(2);

/// In which the rate rises to what it is: sites that have just been started are cold, and nobody fails over to all clients
/// at once.
const RISES: f64 = 5.0;

/// Micros from the beginning to an operation.
fn due(number: u32, rate: u32) -> Micros {
    let (number, rate) = (f64::from(number), f64::from(rate));
    let risen = rate * RISES / 2.0;
    let secs =
        if number < risen { (2.0 * RISES * number / rate).sqrt() } else { RISES + (number - risen) / rate };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "hours in micros, and none below 0"
    )]
    let micros = (secs * SECOND as f64) as Micros;
    micros
}

/// Gives out operations at a rate, numbered from 0, until it is over.
pub async fn run(
    recorder: Arc<Recorder>,
    over: Arc<AtomicBool>,
    rate: u32,
    mut give: impl FnMut(u32, Due) + Send,
) {
    let begun = recorder.now();
    let mut number = 0_u32;
    while rate > 0 && !over.load(Ordering::Relaxed) {
        let now = recorder.now();
        loop {
            let due = begun + due(number, rate);
            if due > now {
                break;
            }
            give(number, due);
            number += 1;
        }
        tokio::time::sleep(STEP).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_for_five_seconds_and_stays() {
        assert_eq!(due(0, 100), 0);
        let within =
            |from: Micros, to: Micros| (0..10_000).filter(|n| (from..to).contains(&due(*n, 100))).count();
        let second = |n: Micros| within(n * SECOND, (n + 1) * SECOND);
        assert!(second(0) < 15 && (45..56).contains(&second(2)), "{} {}", second(0), second(2));
        assert!((99..=101).contains(&second(5)) && (99..=101).contains(&second(60)));
    }
}
