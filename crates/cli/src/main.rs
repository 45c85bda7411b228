//! The binary `charter`: runs the command of its arguments and exits with its code.

use std::process::ExitCode;

use charter_cli::Exit;

fn main() -> ExitCode {
    let exit =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_or_else(
            |error| {
                eprintln!("charter: cannot start: {error}");
                Exit::Unexpected
            },
            |runtime| {
                let exit = runtime.block_on(charter_cli::main(std::env::args_os()));
                // A read of standard input that nobody will answer must not keep the process.
                runtime.shutdown_background();
                exit
            },
        );
    exit.into()
}
