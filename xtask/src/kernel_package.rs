//! Which of a suite's packages holds the kernel that is wanted.

use std::cmp::Reverse;

/// Ends the releases of the kernels for virtual machines.
pub(crate) const FLAVOUR: &str = "-cloud-amd64";

/// Which of a suite's kernels a label means.
#[derive(Clone, Copy)]
pub(crate) enum Want {
    /// The newest of this series.
    Series(u64, u64),
    /// The newest of this series, or else of the series next to it.
    Near(u64, u64),
    /// The newest of all suites.
    Newest,
}

/// A package with a kernel image in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Package {
    /// What apt calls it.
    pub(crate) name: String,
    /// What `uname -r` says in the kernel.
    pub(crate) release: String,
}

impl Package {
    /// Reads a package's name; `None` for those without an image: metapackages, debug symbols and, from 6.19 on,
    /// `linux-image`.
    fn parse(name: &str) -> Option<Self> {
        let (binary, rest) = match name.strip_prefix("linux-binary-") {
            Some(rest) => (true, rest.strip_prefix("unsigned-").unwrap_or(rest)),
            None => (false, name.strip_prefix("linux-image-")?),
        };
        let release = rest.strip_suffix("-unsigned").unwrap_or(rest);
        let version = release.strip_suffix(FLAVOUR)?;
        let package = Self { name: name.to_owned(), release: release.to_owned() };
        let point = version.split(['-', '+']).next()?.split('.').count() > 2;
        let image = binary || (point && package.series() < series(6, 19));
        (release.starts_with(|first: char| first.is_ascii_digit()) && image).then_some(package)
    }

    /// The numbers in the release, to compare by.
    pub(crate) fn version(&self) -> Vec<u64> {
        let version = self.release.strip_suffix(FLAVOUR).unwrap_or(&self.release);
        version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    }

    fn series(&self) -> u64 {
        let version = self.version();
        series(version.first().copied().unwrap_or(0), version.get(1).copied().unwrap_or(0))
    }
}

/// A number for a series such that neighbours differ by one: 6.0 followed 5.19, and 7.0 followed 6.19.
fn series(major: u64, minor: u64) -> u64 {
    major * 20 + minor
}

/// The package of `names` that `want` means.
pub(crate) fn select(want: Want, names: &[String]) -> Option<Package> {
    let packages = names.iter().filter_map(|name| Package::parse(name));
    match want {
        Want::Series(major, minor) => {
            packages.filter(|package| package.series() == series(major, minor)).max_by_key(Package::version)
        }
        Want::Near(major, minor) => packages.min_by_key(|package| {
            (package.series().abs_diff(series(major, minor)), Reverse(package.version()))
        }),
        Want::Newest => packages.max_by_key(Package::version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select_name(want: Want, names: &[&str]) -> Option<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        select(want, &names).map(|package| package.release)
    }

    #[test]
    fn the_newest_point_release_wins() {
        let names = [
            "linux-image-6.12-cloud-amd64",
            "linux-image-6.12.95+deb13-cloud-amd64",
            "linux-image-6.12.115+deb13-cloud-amd64-unsigned",
            "linux-image-6.12.115+deb13.1-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64-dbg",
            "linux-image-cloud-amd64",
        ];
        assert_eq!(select_name(Want::Series(6, 12), &names).unwrap(), "6.12.115+deb13.1-cloud-amd64");
        assert_eq!(select_name(Want::Series(6, 1), &names).unwrap(), "6.1.0-56-cloud-amd64");
        assert_eq!(select_name(Want::Series(5, 10), &names), None);
    }

    #[test]
    fn from_6_19_on_the_image_is_in_another_package() {
        let names = [
            "linux-image-6.16.12+deb13-cloud-amd64",
            "linux-image-6.19.14+deb13-cloud-amd64",
            "linux-binary-6.19.6+deb13-cloud-amd64",
            "linux-image-7.3.4+deb13-cloud-amd64",
            "linux-binary-unsigned-7.3.4+deb13-cloud-amd64",
            "linux-binary-7.3-cloud-amd64",
        ];
        assert_eq!(select_name(Want::Near(6, 18), &names).unwrap(), "6.19.6+deb13-cloud-amd64");
        assert_eq!(select_name(Want::Newest, &names).unwrap(), "7.3.4+deb13-cloud-amd64");
        assert_eq!(select_name(Want::Newest, &names[5..]).unwrap(), "7.3-cloud-amd64");
    }
}
