//! What a shell and `man` read of a program, made from its command line: of `charter` and of `charterd`.

use std::{
    io::{self, ErrorKind, Write as _},
    path::PathBuf,
};

use clap::Subcommand;
use clap_complete::Shell;

/// Commands of a program that tell about itself.
#[derive(Debug, Subcommand)]
pub enum Pages {
    /// Prints a completion script for a shell.
    Completion { shell: Shell },
    /// Prints the manual page of this program, or writes those of all its commands.
    Man {
        /// Write a page for each command into this directory.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Pages {
    /// Prints or writes what was asked for of a program. A reader that left is no fault.
    ///
    /// # Errors
    /// Standard output or the directory cannot be written.
    pub fn run(&self, mut program: clap::Command) -> io::Result<()> {
        let mut text = Vec::new();
        match self {
            Self::Completion { shell } => {
                let name = program.get_name().to_owned();
                clap_complete::generate(*shell, &mut program, name, &mut text);
            }
            Self::Man { dir: None } => clap_mangen::Man::new(program).render(&mut text)?,
            Self::Man { dir: Some(dir) } => {
                std::fs::create_dir_all(dir)?;
                return clap_mangen::generate_to(program, dir);
            }
        }
        let mut out = io::stdout().lock();
        match out.write_all(&text).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}
