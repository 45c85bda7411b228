//! A small disk for one node: a file with a file system in it. It can be filled.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

use super::process::done;

/// Bytes, of which nothing is written that nobody uses: a node of an hour's load needs 2 GB.
const SIZE: u64 = 8 << 30;
/// What is taken at once; what is left after it is less than a page of the database.
const BLOCKS: [u64; 3] = [64 << 20, 1 << 20, 1 << 12];
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
    let filler = File::create(folder(dir).join(FILLER)).context("there is no small disk")?;
    let mut taken = 0;
    for block in BLOCKS {
        while taken_more(&filler, taken, block)? {
            taken += block;
        }
    }
    Ok(filler.sync_all()?)
}

/// False where there is no room for it.
fn taken_more(filler: &File, from: u64, block: u64) -> anyhow::Result<bool> {
    match fallocate(filler, FallocateFlags::empty(), from, block) {
        Ok(()) => Ok(true),
        Err(Errno::NOSPC) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub fn free(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_file(folder(dir).join(FILLER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
