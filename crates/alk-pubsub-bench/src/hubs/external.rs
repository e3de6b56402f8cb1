use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::installed::{free_port, on_path};

/// A hub of others, which is measured where it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum External {
    Nats,
    Nchan,
    NodeWs,
}

const NODE_HUB: &str = include_str!("ws-hub.cjs");
/// As many as the hub of the most connections needs.
const FILES: usize = 16_384;

impl External {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats-server",
            Self::Nchan => "nchan",
            Self::NodeWs => "Node ws",
        }
    }

    /// What the load has to speak.
    pub(super) fn dialect(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Nchan => "nchan",
            Self::NodeWs => "alk",
        }
    }

    /// Why it cannot be measured here, if so.
    pub(super) fn missing(self) -> Option<String> {
        let program = |name| on_path(name).is_none().then(|| format!("there is no `{name}` on PATH"));
        match self {
            Self::Nats => program("nats-server"),
            Self::Nchan => program("nginx").or_else(|| {
                nchan_module().is_none().then(|| "nginx has no module nchan (libnginx-mod-nchan)".to_owned())
            }),
            Self::NodeWs => program("node").or_else(|| {
                let mut node = Command::new("node");
                with_modules(&mut node).args(["-e", "require('ws')"]).stderr(Stdio::null());
                let has = node.status().is_ok_and(|status| status.success());
                (!has).then(|| {
                    "Node has no package `ws`: ALK_NODE_PATH can name a folder that has it".to_owned()
                })
            }),
        }
    }

    /// What starts it, and the port on which it will listen; the one in Node prints where. `folder` is for its files.
    ///
    /// # Errors
    ///
    /// If its files cannot be written.
    pub(super) fn command(self, folder: &Path) -> Result<(PathBuf, Vec<String>, Option<u16>)> {
        let found = |name| on_path(name).with_context(|| format!("there is no `{name}`"));
        let port = free_port()?;
        let file = |name: &str, text: String| -> Result<String> {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path.display().to_string())
        };
        Ok(match self {
            Self::Nats => {
                let text = format!(
                    "listen: \"127.0.0.1:{}\"\nwebsocket {{ listen: \"127.0.0.1:{port}\", no_tls: true }}\n",
                    free_port()?
                );
                let conf = file("nats.conf", text)?;
                (found("nats-server")?, vec!["-c".to_owned(), conf], Some(port))
            }
            Self::Nchan => {
                let conf = file("nginx.conf", nginx_conf(folder, port)?)?;
                let folder = folder.display().to_string();
                let start = format!("{folder}/start.log");
                let arguments = ["-p", &folder, "-e", &start, "-c", &conf].map(str::to_owned);
                (found("nginx")?, arguments.into(), Some(port))
            }
            Self::NodeWs => (found("node")?, vec![file("ws-hub.cjs", NODE_HUB.to_owned())?], None),
        })
    }
}

/// Publishers and listeners have a path each, by WebSocket or event stream.
fn nginx_conf(folder: &Path, port: u16) -> Result<String> {
    let (at, module) = (folder.display(), nchan_module().context("nginx has no module nchan")?);
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(temporary, "  {kind}_temp_path {at}/{kind};");
    }
    Ok(format!(
        "load_module {};\nuser root; daemon off; worker_processes 1; worker_rlimit_nofile {FILES};\n\
         pid {at}/nginx.pid; error_log {at}/error.log error;\nevents {{ worker_connections {FILES}; }}\n\
         http {{\n  access_log off; nchan_shared_memory_size 256M;\n{temporary}\
         \x20 server {{ listen 127.0.0.1:{port} backlog=4096;\n\
         \x20   location = /pub {{ nchan_publisher websocket; nchan_channel_id bench; nchan_message_buffer_length 1024; }}\n\
         \x20   location = /sub {{ nchan_subscriber websocket eventsource; nchan_channel_id bench;\n\
         \x20     nchan_subscriber_first_message newest; }}\n  }}\n}}\n",
        module.display()
    ))
}

/// Beside nginx, as Debian has it.
fn nchan_module() -> Option<PathBuf> {
    let program = on_path("nginx")?.canonicalize().ok()?;
    let module = program.parent()?.join("../lib/nginx/modules/ngx_nchan_module.so");
    module.is_file().then_some(module)
}

/// Where Node looks for packages beside its own places: where it is told to, or where `cargo xtask test` puts them.
pub(super) fn with_modules(node: &mut Command) -> &mut Command {
    if let Some(path) = std::env::var_os("ALK_NODE_PATH").or_else(|| Some(modules_of_tests()?.into())) {
        node.env("NODE_PATH", path);
    }
    node
}

fn modules_of_tests() -> Option<PathBuf> {
    let target = std::env::current_exe().ok()?.parent()?.parent()?.to_owned();
    let folders = std::fs::read_dir(target.join("peers")).ok()?.flatten();
    folders.map(|folder| folder.path().join("node_modules")).find(|modules| modules.join("ws").is_dir())
}
