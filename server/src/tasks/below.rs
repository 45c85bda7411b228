//! What stands below on other servers, looked at again and again: entities are resolved from what is known then.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    App,
    app::oidf::below::{EVERY, is_new, look},
};

/// How often it is asked whether somebody has come, at whom it is looked at once.
const LOOK: Duration = Duration::from_secs(1);

pub async fn run(app: Arc<App>) {
    loop {
        look(&app).await;
        let next = Instant::now() + EVERY;
        loop {
            sleep(LOOK).await;
            if Instant::now() >= next || is_new(&app).await {
                break;
            }
        }
    }
}
