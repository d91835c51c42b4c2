//! Programs that do nothing, under names that tests choose.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::support::tiny;

/// What their command names have in common, as a glob.
pub const OURS: &str = "marker*";

/// A folder of programs that exit at once.
pub struct Markers(TempDir);

impl Markers {
    /// A new folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The marker of that name, which must begin with `marker`.
    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(OsStr::from_bytes(name.as_ref()));
        if !path.exists() {
            tiny::write(&path);
        }
        path
    }

    /// Runs it to its end, and gives its PID.
    pub fn run(&self, name: impl AsRef<[u8]>, arguments: &[&str]) -> u32 {
        self.run_with(name, |command| command.args(arguments))
    }

    /// Likewise, prepared by the caller.
    pub fn run_with(
        &self,
        name: impl AsRef<[u8]>,
        prepare: impl FnOnce(&mut Command) -> &mut Command,
    ) -> u32 {
        let mut command = Command::new(self.path(name));
        command.arg0("marker").stdin(Stdio::null());
        let mut child = prepare(&mut command).spawn().expect("spawn");
        let pid = child.id();
        child.wait().expect("wait");
        pid
    }

    /// A command that runs any path.
    pub fn shell(&self, path: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(path);
        command.args(arguments).current_dir(self.0.path());
        command
    }
}
