//! Small made-up workspaces, for seeing that a rule finds what it should.

use crate::workspace::{Dependency, DependencyKind, File, Package, Workspace};

/// A workspace of these files and no packages.
pub(crate) fn files(files: &[(&str, &str)]) -> Workspace {
    let files = files.iter().map(|&(path, text)| File { path: path.to_owned(), text: Some(text.to_owned()) });
    Workspace { root: "/made/up".into(), packages: Vec::new(), files: files.collect() }
}

/// A workspace of these packages, in folders that bear their names, without any files.
pub(super) fn packages<const N: usize>(packages: [Package; N]) -> Workspace {
    Workspace { root: "/made/up".into(), packages: packages.into(), files: Vec::new() }
}

/// A package with these dependencies.
pub(super) fn package(name: &str, dependencies: &[(&str, Option<DependencyKind>)]) -> Package {
    Package {
        name: name.to_owned(),
        manifest_path: format!("/made/up/crates/{name}/Cargo.toml").into(),
        description: Some("made up".to_owned()),
        dependencies: dependencies
            .iter()
            .map(|&(name, kind)| Dependency { name: name.to_owned(), kind })
            .collect(),
        ..Package::default()
    }
}
