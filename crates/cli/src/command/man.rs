//! `charter man`: manual pages, made from the command line itself.

use std::path::Path;

use clap::CommandFactory as _;

use crate::{
    args::Cli,
    exit::{Exit, Failure},
    output,
};

pub fn run(dir: Option<&Path>) -> Result<Exit, Failure> {
    let failed = |e: std::io::Error| Failure::new(Exit::Unexpected, format!("cannot write the pages: {e}"));
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
        output::bytes(&page)?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)?;
    Ok(Exit::Ok)
}
