//! Known workloads: this program, called with `workload` and what to do.

use std::{
    ffi::{CString, OsStr},
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::UnshareFlags,
};

/// Does what the arguments say, and ends the process, if they are a workload's.
pub fn run_if_asked() {
    let arguments: Vec<_> = std::env::args_os().collect();
    let name = arguments.first().and_then(|path| Path::new(path).file_name()).unwrap_or_default();
    // An empty list of arguments, or the one empty argument that newer kernels make of it, is a workload's.
    if name.is_empty() && std::process::id() != 1 {
        std::process::exit(0);
    }
    if arguments.get(1).is_none_or(|word| word != "workload") {
        return;
    }
    let rest = &arguments[3..];
    match arguments[2].to_str() {
        Some("exit") => {}
        Some("spawn") => spawn(&rest[0]),
        Some("fail-exec") => fail_exec(),
        Some("thread-exec") => thread_exec(),
        Some("no-arguments") => {
            execveat(libc::AT_FDCWD, own().as_os_str().as_bytes(), &[], 0);
        }
        Some("namespace") => in_namespace(rest),
        Some("mount-proc") => mount_proc(rest),
        Some("hide-btf") => hide_btf(rest),
        other => panic!("no workload {other:?}"),
    }
    std::process::exit(0);
}

/// This program's path.
pub fn own() -> PathBuf {
    std::env::current_exe().expect("own path")
}

/// A command that runs a workload.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(own());
    command.arg("workload").args(words).stdin(Stdio::null());
    command
}

/// Runs so many children, one after the other, and prints their PIDs.
fn spawn(count: &OsStr) {
    let count: u32 = count.to_str().and_then(|text| text.parse().ok()).expect("a number");
    for _ in 0..count {
        let mut child = command(&["exit"]).spawn().expect("spawn");
        println!("child {}", child.id());
        child.wait().expect("wait");
    }
}

/// Both system calls, on paths that do not exist.
fn fail_exec() {
    // The C library's execve: the same arguments by the other call.
    let path = c"/nonexistent/execve";
    let arguments = [c"one".as_ptr(), c"two".as_ptr(), std::ptr::null()];
    // SAFETY: the strings and the list end as they must.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), std::ptr::null()) };
    execveat(libc::AT_FDCWD, b"/nonexistent/execveat", &[b"one", b"two"], 0);
}

/// A second thread becomes another program, while the first one waits.
fn thread_exec() {
    let thread = std::thread::spawn(|| {
        let error = command(&["exit"]).exec();
        panic!("exec failed: {error}");
    });
    let _ = thread.join();
}

/// Runs a command in PID and mount namespaces of its own.
fn in_namespace(command: &[impl AsRef<OsStr>]) {
    // SAFETY: this process has no other thread, and no file descriptors are shared.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID | UnshareFlags::NEWNS) }.expect("unshare");
    let mut inner = Command::new(own());
    let status = inner.args(["workload", "mount-proc"]).args(command).status().expect("run");
    std::process::exit(status.code().unwrap_or(1));
}

/// Mounts the `/proc` of this PID namespace, and becomes a command.
fn mount_proc(command: &[impl AsRef<OsStr>]) {
    private_mounts();
    mount("proc", "/proc", "proc", MountFlags::empty(), None).expect("mount proc");
    become_command(command);
}

/// Hides the kernel's BTF behind an empty file system, and becomes a command.
fn hide_btf(command: &[impl AsRef<OsStr>]) {
    // SAFETY: this process has no other thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.expect("unshare");
    private_mounts();
    mount("none", "/sys/kernel/btf", "tmpfs", MountFlags::empty(), None).expect("mount tmpfs");
    become_command(command);
}

fn private_mounts() {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("private mounts");
}

fn become_command(command: &[impl AsRef<OsStr>]) {
    let error = Command::new(&command[0]).args(&command[1..]).exec();
    panic!("exec failed: {error}");
}

/// Calls `execveat`, and gives back the error number if that fails.
pub fn execveat(directory: i32, path: &[u8], arguments: &[&[u8]], flags: i32) -> i32 {
    let path = CString::new(path).expect("no NUL");
    let arguments: Vec<CString> = arguments.iter().map(|word| CString::new(*word).expect("no NUL")).collect();
    let mut argv: Vec<_> = arguments.iter().map(|word| word.as_ptr()).collect();
    argv.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the strings and lists outlive the call and end as they must.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            directory,
            path.as_ptr(),
            argv.as_ptr(),
            environment.as_ptr(),
            flags,
        );
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
