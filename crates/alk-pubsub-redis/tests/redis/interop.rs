//! Programs that are not ours.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use super::support::{next_number, pubsub};
use alk_pubsub_testkit::redis::{Server, wait_until};

/// A program that ends with the test, and what it writes.
struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    /// The next line that has this in it.
    fn line_with(&mut self, text: &str) -> String {
        let found = self.lines.by_ref().map_while(Result::ok).find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("the program has ended without writing `{text}`"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether these programs are here; says so if not.
fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let found =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    });
    missing.is_none_or(|program| {
        skipped(&format!("there is no {program}"));
        false
    })
}

/// Says that the test is skipped, which is a failure where everything has to run.
fn skipped(why: &str) {
    assert!(std::env::var_os("ALK_REQUIRE_SERVERS").is_none(), "this test has to run, and {why}");
    // Past libtest, which keeps what passing tests print.
    let _ = writeln!(std::io::stdout(), "skipped: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cli_publishes_and_subscribes() {
    if !have(&["redis-cli"]) {
        return;
    }
    let server = Server::start(&[]);
    let pubsub = pubsub(&server.url()).await;
    let port = server.port().to_string();
    let mut ticks = pubsub.subscribe_to("tick", "a b").await.unwrap();
    let envelope = r#"{"type":"tick","id":"a b","payload":42,"meta":{"by":"hand"}}"#;
    let published =
        Command::new("redis-cli").args(["-p", &port, "PUBLISH", "test:tick:a b", envelope]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&published.stdout).trim(), "1");
    assert_eq!(next_number(&mut ticks).await, 42);

    let mut cli = Program::start(Command::new("redis-cli").args(["-p", &port, "SUBSCRIBE", "test:tick:x"]));
    cli.line_with("test:tick:x");
    wait_until("redis-cli is subscribed", || {
        server.command(&["PUBSUB", "CHANNELS", "test:tick:x"]).list().len() == 1
    });
    pubsub.publish("tick", "x", json!({"n": 1})).await.unwrap();
    assert_eq!(cli.line_with("payload"), r#"{"type":"tick","id":"x","payload":{"n":1}}"#);
}

const NODE: &str = r#"
import { createRedisEventTarget } from '@graphql-yoga/redis-event-target';
import Redis from 'ioredis';
import { createInterface } from 'node:readline';

const port = Number(process.argv[2]);
const publishClient = new Redis(port), subscribeClient = new Redis(port);
const target = createRedisEventTarget({ publishClient, subscribeClient });
target.addEventListener('test:tick:x', event => console.log('heard ' + JSON.stringify(event.detail)));
await new Promise(resolve => subscribeClient.ping(resolve));
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const detail = JSON.parse(line);
  target.dispatchEvent(new CustomEvent(`test:${detail.type}:${detail.id}`, { detail }));
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_event_target_of_graphql_yoga_on_node_publishes_and_subscribes() {
    if !have(&["node", "npm"]) {
        return;
    }
    let server = Server::start(&[]);
    let folder = server.folder().join("node");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.mjs"), NODE).unwrap();
    if let Err(error) = install(&folder) {
        skipped(&format!("the packages cannot be installed: {error}"));
        return;
    }
    let pubsub = pubsub(&server.url()).await;
    let mut ticks = pubsub.subscribe("tick").await.unwrap();
    let mut node = Program::start(
        Command::new("node").arg("main.mjs").arg(server.port().to_string()).current_dir(&folder),
    );
    node.line_with("ready");
    wait_until("Node is subscribed", || {
        server.command(&["PUBSUB", "CHANNELS", "test:tick:x"]).list().len() == 1
    });

    pubsub.publish("tick", "x", json!(7)).await.unwrap();
    assert_eq!(node.line_with("heard"), r#"heard {"type":"tick","id":"x","payload":7}"#);
    assert_eq!(next_number(&mut ticks).await, 7);

    let stdin = node.child.stdin.as_mut().unwrap();
    writeln!(stdin, r#"{{"type":"tick","id":"from node","payload":8}}"#).unwrap();
    assert_eq!(next_number(&mut ticks).await, 8);
}

fn install(folder: &Path) -> Result<(), String> {
    std::fs::write(folder.join("package.json"), r#"{"private":true}"#).map_err(|error| error.to_string())?;
    let packages = [
        "install",
        "--no-audit",
        "--no-fund",
        "ioredis@5.11.1",
        "@graphql-yoga/redis-event-target@3.0.4",
        "@graphql-yoga/typed-event-target@3.0.3",
    ];
    let installed =
        Command::new("npm").args(packages).current_dir(folder).output().map_err(|error| error.to_string())?;
    if installed.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&installed.stderr).into_owned())
    }
}
