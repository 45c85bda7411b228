//! What goes on beside questions: files are looked for, denials are passed on, and recorded once that can be done.

use std::{sync::Arc, time::Duration};

use super::{folder, folder::Folders, learn, record, tell::Ways};
use crate::App;

const EVERY: Duration = Duration::from_secs(1);

/// Takes what the folders have: before the first question is answered.
pub async fn at_start(app: &App) {
    Folders::default().look(app).await;
}

/// Looks for files, and lets go of what is over.
pub async fn look(app: Arc<App>) {
    let mut folders = Folders::default();
    loop {
        folders.look(&app).await;
        let gone = app.hosted.breakglass.sweep();
        if !gone.is_empty() {
            folder::forget(&app, gone).await;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Passes on what was taken, at once and then again where that failed.
pub async fn tell(app: Arc<App>) {
    let mut ways = match Ways::new(&app) {
        Ok(ways) => ways,
        Err(error) => {
            tracing::error!(%error, "denials of an emergency are not passed on");
            return;
        }
    };
    loop {
        let news = app.hosted.breakglass.news.notified();
        ways.tell(&app).await;
        let _ = tokio::time::timeout(EVERY, news).await;
    }
}

/// Learns whose signatures count below, and records what was denied. Both wait for a database.
pub async fn record(app: Arc<App>) {
    let mut revision = 0;
    loop {
        learn::look(&app, &mut revision).await;
        record::all(&app).await;
        tokio::time::sleep(EVERY).await;
    }
}
