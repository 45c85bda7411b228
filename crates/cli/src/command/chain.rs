//! `charter chain`: the proof of an answer as a file.

mod export;
mod show;
pub mod verify;

use crate::{
    args::{Chain, Connection},
    exit::{Exit, Failure},
};

pub async fn run(to: &Connection, command: Chain) -> Result<Exit, Failure> {
    match command {
        Chain::Export { question, anchor } => export::run(to, question, anchor.as_deref()).await,
        Chain::Verify(args) => verify::run(args).await,
        Chain::Show { file, output } => show::run(&file, output).await,
    }
}
