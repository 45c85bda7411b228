//! One inquiry for all who wait: nobody gets the outcome of one that began before they asked.

use std::{future::Future, time::Instant};

use tokio::sync::Mutex;

use crate::Error;

#[derive(Debug, Default)]
pub struct Flight {
    /// When the last one began, and what went wrong.
    last: Mutex<Option<(Instant, Option<Error>)>>,
}

impl Flight {
    /// `inquire` begins when it is this caller's turn, if at all.
    ///
    /// # Errors
    /// What the inquiry met that began after this was called.
    pub async fn run(&self, inquire: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((_, fault)) = last.as_ref().filter(|(began, _)| *began >= asked) {
            return fault.clone().map_or(Ok(()), Err);
        }
        let began = Instant::now();
        let found = inquire.await;
        *last = Some((began, found.as_ref().err().cloned()));
        found
    }
}
