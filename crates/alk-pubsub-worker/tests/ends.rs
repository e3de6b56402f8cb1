//! What a host knows of a process at the moment of its end.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use alk_pubsub_core::{Dynamic, EventTarget, InProcessEventTarget, PubSub};
use alk_pubsub_worker::{WorkerHost, from_parent};
use rustix::process::Signal;
use serde_json::Value;
use support::{is_running, kill, role, soon, this_program, until};

/// Names a file that is there when the host looks at nothing any more.
const PLACE: &str = "ALK_PUBSUB_TEST_PLACE";

/// Blocks the whole thread, and all that its runtime would do.
fn block(time: Duration) {
    let (_never, nothing) = mpsc::sync_channel::<()>(1);
    nothing.recv_timeout(time).unwrap_err();
}

#[tokio::test]
async fn child_main() {
    let Some(role) = role() else { return };
    let target = from_parent().unwrap();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    match role.as_str() {
        "brief" => {
            assert!(soon(target.state().wait_connected()).await);
            pubsub.try_publish("answer", "here", Value::Null).unwrap();
            let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
            until("the host looks at nothing any more", || place.exists()).await;
            target.ready();
        }
        "leaves a child" => {
            #[allow(clippy::zombie_processes, reason = "it outlives this process, which is what is tried")]
            let child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
            pubsub.publish("answer", "child", child.id().into()).await.unwrap();
        }
        other => panic!("no such role: {other}"),
    }
    // Its link may be closed by nobody in time, which is of no interest here.
    drop(target.close().await);
}

#[tokio::test]
async fn who_said_it_was_ready_right_before_it_exited_was_ready() {
    let target = InProcessEventTarget::in_process();
    let mut answers = PubSub::<Dynamic>::new(target.clone()).subscribe("answer").await.unwrap();
    let place = std::env::temp_dir().join(format!("alk-{}-blocked", std::process::id()));
    let mut command = this_program("brief");
    command.env(PLACE, &place);
    let (_host, worker) = WorkerHost::over(target).process(command).unwrap();
    let process = worker.process_id().unwrap();
    assert_eq!(soon(answers.recv()).await.unwrap().id(), "here");
    // From here on the host looks at nothing, until both have happened.
    std::fs::write(&place, "").unwrap();
    while is_running(process) {
        block(Duration::from_millis(5));
    }
    std::fs::remove_file(&place).unwrap();
    soon(worker.ready()).await.unwrap();
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn a_process_that_has_exited_has_no_id() {
    let target = InProcessEventTarget::in_process();
    let mut answers = PubSub::<Dynamic>::new(target.clone()).subscribe("answer").await.unwrap();
    let mut command = this_program("leaves a child");
    command.stdout(Stdio::piped());
    let (_host, worker) = WorkerHost::over(target).process(command).unwrap();
    let child = soon(answers.recv()).await.unwrap().payload().as_u64().unwrap();
    until("the process has exited", || worker.process_id().is_none()).await;
    let outcome = worker.outcome();
    kill(u32::try_from(child).unwrap(), Signal::KILL);
    assert!(outcome.is_none(), "its output is still read, since its child keeps that open");
    assert!(soon(worker.join()).await.is_success());
}
