//! A small disk for one node: a file with a file system in it. It can be filled.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::process::done;

/// Bytes; a node with some thousand events needs 200 MB.
const SIZE: u64 = 600 << 20;
const FILLER: &str = "filler";

fn image(dir: &Path) -> PathBuf {
    dir.join("disk.image")
}

/// Where it is, in the folder of a run.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("disk")
}

pub fn mount(dir: &Path) -> anyhow::Result<PathBuf> {
    let (image, folder) = (image(dir), folder(dir));
    File::create(&image)?.set_len(SIZE)?;
    done(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image))?;
    fs::create_dir_all(&folder)?;
    done(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&folder))
        .context("a small disk needs root and a loop device")?;
    Ok(folder)
}

/// Does nothing where there is none.
pub fn unmount(dir: &Path) {
    if image(dir).is_file() {
        let _ = done(Command::new("umount").arg(folder(dir)));
    }
}

/// Takes all room that there is.
pub fn fill(dir: &Path) -> anyhow::Result<()> {
    let mut filler = File::create(folder(dir).join(FILLER)).context("there is no small disk")?;
    let block = vec![0_u8; 1 << 16];
    loop {
        match filler.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filler.sync_all()?)
}

pub fn free(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_file(folder(dir).join(FILLER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
