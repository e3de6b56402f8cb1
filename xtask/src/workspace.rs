//! The workspace as the rules see it: its packages, as cargo describes them, and its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::cargo;

/// Everything a rule may look at. Rules get this instead of the disk, so that tests can make one up.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
    pub(crate) files: Vec<File>,
}

/// A member of the workspace, as `cargo metadata` tells it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) description: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` is a normal dependency.
    pub(crate) kind: Option<DependencyKind>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DependencyKind {
    Dev,
    Build,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
}

/// A file below the root.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/` between the parts everywhere.
    pub(crate) path: String,
    /// `None` where it is not UTF-8.
    pub(crate) text: Option<String>,
}

impl Workspace {
    /// Reads the workspace that this crate belongs to.
    pub(crate) fn load() -> Result<Self> {
        #[derive(Deserialize)]
        struct Metadata {
            packages: Vec<Package>,
            workspace_root: PathBuf,
        }

        let mut command = cargo::resolving(&cargo::root()?, "metadata");
        command.args(["--format-version", "1", "--no-deps"]);
        let metadata: Metadata =
            serde_json::from_str(&cargo::stdout_of(command)?).context("cannot read cargo's metadata")?;

        let mut files = Vec::new();
        collect_files(&metadata.workspace_root, &metadata.workspace_root, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root: metadata.workspace_root, packages: metadata.packages, files })
    }

    /// The member of this name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The folder of a member, relative to the root.
    pub(crate) fn folder_of(&self, package: &Package) -> String {
        let folder = package.manifest_path.parent().unwrap_or(&self.root);
        relative(&self.root, folder)
    }

    /// The files that are text and end so, with their text.
    pub(crate) fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(suffix))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }
}

impl Package {
    pub(crate) fn has_lib(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }
}

/// Collects what is below `folder`, but for what is git's own and folders that say of themselves that they are caches,
/// as every cargo target folder does, wherever it is.
fn collect_files(root: &Path, folder: &Path, files: &mut Vec<File>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == ".git" {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        // A folder, or in a second worktree a file that says where the folder is.
        if entry.file_name() == ".git" {
            continue;
        }
        if kind.is_dir() {
            if !path.join("CACHEDIR.TAG").exists() {
                collect_files(root, &path, files)?;
            }
        } else if kind.is_file() {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(File { path: relative(root, &path), text: String::from_utf8(bytes).ok() });
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
