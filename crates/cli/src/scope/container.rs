//! Finding a container's cgroup by the container's name or ID.
//!
//! Runtimes name cgroups by ID: `docker-<id>.scope`, `crio-<id>.scope`, `libpod-<id>.scope`,
//! `cri-containerd-<id>.scope`, `docker/<id>`, `kubepods/.../<id>`; LXC and systemd-nspawn by name:
//! `lxc.payload.<name>`, `machine-<name>.scope`. Which name goes with which ID is written in the runtimes' files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use super::cgroup;

/// Docker keeps `<id>/config.v2.json` here.
const DOCKER: &str = "/var/lib/docker/containers";
/// Podman keeps its list of containers here.
const PODMAN: &str = "/var/lib/containers/storage/overlay-containers/containers.json";
/// The kubelet keeps links `<pod>_<namespace>_<container>-<id>.log` here.
const KUBERNETES: &str = "/var/log/containers";

/// Hexadecimal digits of a container ID.
const ID_LENGTH: usize = 64;
/// Digits from which on the beginning of an ID is taken for one.
const SHORT_ID: usize = 6;
/// Cgroups nest this deep at most in any known layout; deeper ones belong to the container itself.
const MAX_DEPTH: usize = 12;

/// The cgroups of the container called `name`.
///
/// # Errors
///
/// There is no such container, or it has no cgroup: it does not run.
pub fn cgroups(name: &str) -> Result<Vec<PathBuf>> {
    let Some(mount) = cgroup::mount() else {
        bail!("--container needs cgroup v2, and none is mounted at /sys/fs/cgroup");
    };
    let ids = ids_by_name(Path::new("/"), name);
    let mut found = Vec::new();
    search(&mount, 0, &|entry| is_container(entry, name, &ids), &mut found);
    if found.is_empty() {
        bail!("no running container is called {name}, nor does an ID begin with it");
    }
    Ok(found)
}

/// Collects the outermost cgroups whose folder name `is_wanted`.
fn search(folder: &Path, depth: usize, is_wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    // A cgroup that vanishes meanwhile is no container that runs.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name().to_str().is_some_and(is_wanted) {
            found.push(entry.path());
        } else if depth < MAX_DEPTH {
            search(&entry.path(), depth + 1, is_wanted, found);
        }
    }
}

/// Whether the cgroup folder `entry` is that of the container called `name`, or of one of `ids`.
fn is_container(entry: &str, name: &str, ids: &[String]) -> bool {
    let scope = entry.strip_suffix(".scope").unwrap_or(entry);
    if [format!("lxc.payload.{name}"), format!("machine-{name}")].iter().any(|known| known == scope) {
        return true;
    }
    let Some(id) = container_id(scope) else { return false };
    let by_id = name.len() >= SHORT_ID && id.starts_with(name);
    by_id || ids.iter().any(|known| known == id)
}

/// The ID at the end of a cgroup's name: `docker-<id>`, `<id>`.
fn container_id(scope: &str) -> Option<&str> {
    let id = scope.rsplit_once('-').map_or(scope, |(_, id)| id);
    (id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// The IDs of all containers of that name, as the runtimes below `root` have written them down.
fn ids_by_name(root: &Path, name: &str) -> Vec<String> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let mut ids = Vec::new();

    for folder in fs::read_dir(below(DOCKER)).into_iter().flatten().flatten() {
        let config = fs::read(folder.path().join("config.v2.json")).unwrap_or_default();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
        if config["Name"].as_str().is_some_and(|known| known.trim_start_matches('/') == name) {
            ids.extend(config["ID"].as_str().map(str::to_owned));
        }
    }

    let podman: serde_json::Value =
        fs::read(below(PODMAN)).ok().and_then(|list| serde_json::from_slice(&list).ok()).unwrap_or_default();
    for container in podman.as_array().into_iter().flatten() {
        if container["names"].as_array().into_iter().flatten().any(|known| known == name) {
            ids.extend(container["id"].as_str().map(str::to_owned));
        }
    }

    for link in fs::read_dir(below(KUBERNETES)).into_iter().flatten().flatten() {
        let link = link.file_name().to_string_lossy().into_owned();
        let Some((named, id)) = link.trim_end_matches(".log").rsplit_once('-') else { continue };
        // `pod_namespace_container`; any of pod, container, or `pod/container` names it.
        let parts: Vec<&str> = named.split('_').collect();
        if let [pod, _, container] = parts[..]
            && (name == container || name == pod || name == format!("{pod}/{container}"))
        {
            ids.push(id.to_owned());
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e1c0d9b8a7f6e5d4c3b2a190807060504030201000f0e0d0c0b0a09080706";

    #[test]
    fn knows_the_cgroups_of_each_runtime() {
        let ids = [ID.to_owned()];
        for entry in [
            ID.to_owned(),
            format!("docker-{ID}.scope"),
            format!("cri-containerd-{ID}.scope"),
            format!("crio-{ID}.scope"),
            format!("libpod-{ID}.scope"),
        ] {
            assert!(is_container(&entry, "web", &ids), "{entry} by name");
            assert!(is_container(&entry, &ID[..12], &[]), "{entry} by short ID");
            assert!(!is_container(&entry, &ID[..4], &[]), "{entry} by too short an ID");
        }
        assert!(is_container("lxc.payload.web", "web", &[]));
        assert!(is_container("machine-web.scope", "web", &[]));
        for other in ["web", "docker-web.scope", "system.slice", "user-1000.slice"] {
            assert!(!is_container(other, "web", &ids), "{other}");
        }
    }

    #[test]
    fn finds_ids_in_the_files_of_runtimes() {
        let root = std::env::temp_dir().join(format!("kscope-containers-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(&format!("{DOCKER}/a/config.v2.json"), r#"{"ID":"aaa","Name":"/web"}"#);
        write(&format!("{DOCKER}/b/config.v2.json"), r#"{"ID":"bbb","Name":"/other"}"#);
        write(&format!("{DOCKER}/c/config.v2.json"), "not json");
        write(PODMAN, r#"[{"id":"ccc","names":["x","web"]},{"id":"ddd"}]"#);
        write(&format!("{KUBERNETES}/web-0_shop_nginx-eee.log"), "");
        write(&format!("{KUBERNETES}/strange"), "");
        assert_eq!(ids_by_name(&root, "web"), ["aaa", "ccc"]);
        for name in ["nginx", "web-0", "web-0/nginx"] {
            assert_eq!(ids_by_name(&root, name), ["eee"], "{name}");
        }
        assert!(ids_by_name(&root, "absent").is_empty());
        fs::remove_dir_all(&root).unwrap();
    }
}
