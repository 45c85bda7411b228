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
            let due = begun + u64::from(number) * SECOND / u64::from(rate);
            if due > now {
                break;
            }
            give(number, due);
            number += 1;
        }
        tokio::time::sleep(STEP).await;
    }
}
