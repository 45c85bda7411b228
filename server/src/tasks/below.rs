//! What stands below on other servers, looked at again and again: entities are resolved from what is known then.

use std::sync::Arc;

use crate::{
    App,
    app::oidf::below::{EVERY, look},
};

pub async fn run(app: Arc<App>) {
    loop {
        look(&app).await;
        tokio::time::sleep(EVERY).await;
    }
}
