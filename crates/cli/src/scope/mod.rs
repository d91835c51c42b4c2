//! Which tasks a run is about: from options to what the kernel filters by.

mod cgroup;
mod container;
pub mod glob;
mod namespace;

use anyhow::Result;
use loader::Object;
use probes_common::{
    Const,
    filter::{Filter, MAX_CGROUPS, Set, key},
};

pub use self::namespace::{describe as describe_namespace, own as pid_namespace};
use crate::options::Filters;

/// Puts `filters` into `object`; `command` is the process of `-- COMMAND`, if there is one.
///
/// # Errors
///
/// A cgroup or container does not exist, or the kernel refuses a map.
pub fn apply(filters: &Filters, command: Option<u32>, object: &mut Object) -> Result<()> {
    let users: Vec<u32> = filters.uid.iter().map(|user| user.0).collect();
    let sets = [
        (Set::Pid, filters.pid.as_slice()),
        (Set::Tid, &filters.tid),
        (Set::Uid, &users),
        (Set::Ppid, &filters.ppid),
    ];
    let entries: usize = sets.iter().map(|(_, numbers)| numbers.len()).sum();
    if entries > 0 {
        object.resize("FILTER_SETS", entries as u32)?;
        for (set, numbers) in sets {
            for number in numbers {
                object.insert("FILTER_SETS", &key(set, *number), &1_u8)?;
            }
        }
    }

    let mut cgroups = filters.cgroup.clone();
    for name in &filters.container {
        cgroups.extend(container::cgroups(name)?);
    }
    anyhow::ensure!(
        cgroups.len() <= MAX_CGROUPS as usize,
        "{} cgroups are more than the {MAX_CGROUPS} that one run can filter by; name one above them",
        cgroups.len()
    );
    for (slot, path) in (0_u32..).zip(&cgroups) {
        let cgroup = cgroup::open(path)?;
        object.insert("FILTER_CGROUPS", &slot, &(std::os::fd::AsRawFd::as_raw_fd(&cgroup) as u32))?;
    }

    if let Some(pid) = command {
        loader::tree::follow(object, pid)?;
    }

    let on = |numbers: &[u32]| Const::new(u32::from(!numbers.is_empty()));
    object.set(
        "FILTER",
        &Filter {
            pid: on(&filters.pid),
            tid: on(&filters.tid),
            uid: on(&users),
            ppid: on(&filters.ppid),
            cgroups: Const::new(cgroups.len() as u32),
            tree: Const::new(u32::from(command.is_some())),
            namespace: Const::new(namespace::to_filter()?),
            comm: filters.comm.as_ref().map_or(probes_common::filter::Glob::off(), glob::Glob::compiled),
        },
    );
    Ok(())
}
