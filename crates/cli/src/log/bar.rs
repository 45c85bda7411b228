//! The bars that show how far a log is read, or a registry examined.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The same for bytes of files; it grows as more of them are known.
pub fn bytes() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}") {
        bar.set_style(style);
    }
    bar
}

/// On standard error; indicatif draws none where that is not a terminal.
pub fn entries(count: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The same for checks of a registry.
pub fn checks(count: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} checks, {elapsed}") {
        bar.set_style(style);
    }
    bar
}
