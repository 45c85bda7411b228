//! Charter's command line client.
//!
//! In scope: asking and reading a registry over gRPC, verifying chains, loading records from files, proposing and
//! approving changes.
//! Out of scope: signing and storing, and deciding from anything but a verified copy. `records` is public, since the
//! server's demo reads the same files, and `mirror`, since its clock is an argument.

mod answer;
mod args;
mod clock;
mod command;
mod confirm;
mod conformance;
mod connect;
mod denial;
mod desk;
mod evidence;
mod exit;
mod file;
mod http;
mod list;
mod log;
mod login;
pub mod mirror;
mod output;
pub mod pages;
mod profile;
mod proposal;
mod question;
mod read;
pub mod records;
mod tls;

use std::ffi::OsString;

pub use crate::exit::{Exit, grpc_name};
use crate::{exit::Failure, profile::Parsed};

/// Runs one command line; what went wrong is on standard error already.
pub async fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut asked = match profile::parse(&args) {
        Ok(Parsed::Run(asked)) => *asked,
        // Help and version are asked for, and go to standard output: not a fault. A reader that left is none either.
        Ok(Parsed::Said(asked)) => {
            let _ = asked.print();
            return if asked.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
        Err(failure) => {
            output::report(&failure);
            return failure.exit;
        }
    };
    output::present(std::mem::take(&mut asked.cli.style));
    let done = tokio::select! {
        done = command::run(asked) => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
    };
    done.unwrap_or_else(|failure| {
        output::report(&failure);
        failure.exit
    })
}
