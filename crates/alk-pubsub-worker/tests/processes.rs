//! Workers that are processes: events, life and death.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "functions beside tests are tests too, and one of them prints"
)]

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use alk_pubsub_core::{
    Bounds, ConnectionState, Delivery, Dynamic, ErrorKind, EventTarget, GapReason, InProcessEventTarget,
    Overflow, PubSub,
};
use alk_pubsub_worker::{
    Outcome, Supervisor, Worker, WorkerHost, WorkerProcessEventTarget, from_parent, process,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{BACKSTOP, is_running, kill, role, soon, this_program, until};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program of the workers here.
#[tokio::test]
async fn child_main() {
    let Some(role) = role() else { return };
    if role == "parent" {
        return parent().await;
    }
    let target = from_parent().unwrap();
    let worked = match role.as_str() {
        "successor" => successor(&target).await,
        "prints" => prints(&target).await,
        "fragile" => fragile(&target).await,
        "stubborn" => stubborn(&target).await,
        "busy" => busy(&target).await,
        "twice" => twice(&target).await,
        "large" => large(&target).await,
        "flood" => flood(&target).await,
        "leaves a child" => leaves_a_child(&target).await,
        other => panic!("no such role: {other}"),
    };
    worked.unwrap();
    target.close().await.unwrap();
}

/// Answers each number with the next one, until its subscription ends.
async fn successor(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut numbers = pubsub.subscribe("number").await?;
    target.ready();
    while let Some(number) = numbers.recv().await {
        let next = number.payload().as_u64().unwrap_or(0) + 1;
        pubsub.publish("answer", number.id(), next.into()).await?;
    }
    Ok(())
}

/// As the successor, and says so on both of its outputs, at length.
async fn prints(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut numbers = pubsub.subscribe("number").await?;
    target.ready();
    while let Some(number) = numbers.recv().await {
        for _ in 0..2000 {
            println!(
                "{{\"type\":\"answer\",\"id\":\"\",\"payload\":\"this is no frame, {}\"}}",
                number.payload()
            );
            eprintln!(
                "and this is none either, although it is long enough to fill a pipe that nobody reads from"
            );
        }
        pubsub.publish("answer", number.id(), number.payload().clone()).await?;
    }
    Ok(())
}

/// Ends as it is told to.
async fn fragile(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut orders = pubsub.subscribe("order").await?;
    pubsub.publish("answer", "here", Value::Null).await?;
    target.ready();
    while let Some(order) = orders.recv().await {
        match order.id() {
            "exit" => std::process::exit(3),
            "panic" => panic!("as ordered"),
            "finish" => return Ok(()),
            _ => drop(pubsub.publish("answer", order.id(), order.payload().clone()).await?),
        }
    }
    Ok(())
}

async fn stubborn(target: &WorkerProcessEventTarget) -> Result {
    target.ready();
    std::future::pending().await
}

/// Never comes back to its runtime.
async fn busy(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let (_never, nothing) = std::sync::mpsc::sync_channel::<()>(1);
    target.ready();
    // The answer comes after the host has read what was said before, unless it is killed as soon as it has.
    drop(pubsub.publish("answer", "busy", Value::Null).await);
    nothing.recv()?;
    Ok(())
}

async fn twice(target: &WorkerProcessEventTarget) -> Result {
    let error = from_parent().unwrap_err();
    assert_eq!(error.kind(), alk_pubsub_worker::ErrorKind::NoParent);
    // What this process starts itself has neither its link nor its input.
    let input = std::process::Command::new("cat").output()?;
    assert!(input.status.success() && input.stdout.is_empty());
    target.ready();
    Ok(())
}

/// Publishes what is too large, and then what is not.
async fn large(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut orders = pubsub.subscribe("order").await?;
    target.ready();
    let order = orders.recv().await.ok_or("an order comes")?;
    let len = order.payload().as_str().ok_or("a text")?.len();
    let refused = pubsub.publish("answer", "large", "x".repeat(len).into()).await.unwrap_err();
    pubsub.publish("answer", "refused", format!("{:?}", refused.kind()).into()).await?;
    target.closed().await;
    Ok(())
}

/// Publishes without waiting for anybody, and then says how much.
async fn flood(target: &WorkerProcessEventTarget) -> Result {
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut numbers = pubsub.subscribe("number").await?;
    target.ready();
    while let Some(number) = numbers.recv().await {
        for _ in 0..20 {
            pubsub.publish("answer", "", number.payload().clone()).await?;
        }
        if number.id() == "last" {
            pubsub.publish("answer", "last", Value::Null).await?;
        }
    }
    Ok(())
}

/// Has its output kept open by a process that outlives it.
async fn leaves_a_child(target: &WorkerProcessEventTarget) -> Result {
    target.ready();
    let child = std::process::Command::new("sleep").arg("600").spawn()?;
    println!("child={}", child.id());
    PubSub::<Dynamic>::new(target.clone()).publish("answer", "child", child.id().into()).await?;
    Ok(())
}

/// A host that says who its worker is, on its standard output, and waits to be killed.
async fn parent() {
    let (_host, worker) = process(this_program("busy")).unwrap();
    soon(worker.ready()).await.unwrap();
    println!("worker={}", worker.process_id().unwrap());
    std::future::pending::<()>().await;
}

async fn start(role: &str) -> (PubSub<Dynamic>, Worker) {
    let (host, worker) = process(this_program(role)).unwrap();
    soon(worker.ready()).await.unwrap();
    (PubSub::new(host), worker)
}

#[tokio::test]
async fn both_sides_are_ordinary_event_targets() {
    let (host, worker) = start("successor").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    for number in 0..100 {
        assert_eq!(host.publish("number", "a", number.into()).await.unwrap().known_receivers(), Some(1));
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &json!(number + 1));
    }
    assert!(soon(worker.close()).await.is_success());
    assert!(soon(answers.recv()).await.is_none());
    assert_eq!(host.publish("number", "a", 1.into()).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_worker_that_is_closed_finishes_what_it_has() {
    let (host, worker) = start("successor").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    for number in 0..500 {
        host.publish("number", "a", number.into()).await.unwrap();
    }
    soon(host.close()).await.unwrap();
    assert!(soon(worker.join()).await.is_success());
    for number in 0..500 {
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &json!(number + 1));
    }
    assert!(soon(answers.recv()).await.is_none());
}

#[tokio::test]
async fn a_worker_that_is_closed_gets_what_did_not_fit_into_the_socket() {
    const EVENTS: usize = 300;
    let (host, worker) = start("successor").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    let process = worker.process_id().unwrap();
    kill(process, Signal::STOP);
    for _ in 0..EVENTS {
        host.publish("number", "a", "x".repeat(10_000).into()).await.unwrap();
    }
    let go_on = async {
        // All tasks of this runtime have had their turn by then, and the socket is full.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        kill(process, Signal::CONT);
    };
    let (outcome, ()) = futures_util::join!(soon(worker.close_within(BACKSTOP)), go_on);
    assert!(outcome.is_success());
    for _ in 0..EVENTS {
        assert_eq!(soon(answers.recv()).await.unwrap().payload(), &json!(1));
    }
    assert!(soon(answers.recv()).await.is_none());
}

#[tokio::test]
async fn only_what_the_worker_listens_to_goes_to_it() {
    let (host, _worker) = start("successor").await;
    assert_eq!(host.publish("other", "a", 1.into()).await.unwrap().known_receivers(), Some(0));
}

#[tokio::test]
async fn printing_in_the_worker_does_not_harm_the_link() {
    for piped in [false, true] {
        let mut command = this_program("prints");
        let output = || if piped { Stdio::piped() } else { Stdio::null() };
        command.stdout(output()).stderr(output());
        let (host, worker) = process(command).unwrap();
        soon(worker.ready()).await.unwrap();
        let host = PubSub::<Dynamic>::new(host);
        let mut answers = host.subscribe("answer").await.unwrap();
        for number in 0..3 {
            host.publish("number", "a", number.into()).await.unwrap();
            assert_eq!(soon(answers.recv()).await.unwrap().payload(), &json!(number));
        }
        assert!(soon(worker.close()).await.is_success(), "nobody waits for a pipe that is not read");
    }
}

#[tokio::test]
async fn a_link_is_had_once_and_not_passed_on() {
    let (_host, worker) = start("twice").await;
    assert!(soon(worker.join()).await.is_success());
}

#[tokio::test]
async fn a_process_that_is_no_worker_is_told_so() {
    assert_eq!(from_parent().unwrap_err().kind(), alk_pubsub_worker::ErrorKind::NoParent);
}

#[tokio::test]
async fn frames_that_are_too_large_are_refused_and_the_link_stays() {
    let host = WorkerHost::new().max_frame_bytes(100_000);
    let (host, worker) = host.process(this_program("large")).unwrap();
    soon(worker.ready()).await.unwrap();
    let host = PubSub::<Dynamic>::new(host);
    let mut answers = host.subscribe("answer").await.unwrap();
    // The host is trusted, and so is what it sends.
    host.publish("order", "", "x".repeat(10_000_000).into()).await.unwrap();
    let answer = soon(answers.recv()).await.unwrap();
    assert_eq!((answer.id(), answer.payload()), ("refused", &json!("TooLarge")));
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn sides_that_flood_each_other_do_not_deadlock() {
    const EVENTS: u64 = 2_000;
    let (host, worker) = start("flood").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    let large = json!("x".repeat(1_000));
    soon(async {
        for _ in 0..EVENTS {
            host.publish("number", "", large.clone()).await.unwrap();
            tokio::task::yield_now().await;
        }
        host.publish("number", "last", large.clone()).await.unwrap();
        while answers.recv().await.expect("open").id() != "last" {}
    })
    .await;
    assert!(soon(worker.close()).await.is_success());
}

#[tokio::test]
async fn exits_panics_and_signals_are_outcomes() {
    for (order, expected) in
        [("exit", "exited with status 3"), ("panic", "exited with status 101"), ("finish", "finished")]
    {
        let (host, worker) = start("fragile").await;
        let mut answers = host.subscribe("answer").await.unwrap();
        host.publish("order", order, Value::Null).await.unwrap();
        assert_eq!(soon(worker.join()).await.to_string(), expected);
        assert!(soon(answers.recv()).await.is_none(), "subscriptions end");
    }
    let (host, worker) = start("stubborn").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    kill(worker.process_id().unwrap(), Signal::KILL);
    assert!(matches!(soon(worker.join()).await, Outcome::Signalled(9)));
    assert!(soon(answers.recv()).await.is_none());
    assert_eq!(worker.process_id(), None);
}

#[tokio::test]
async fn a_stopped_worker_is_noticed_by_the_heartbeat() {
    let host = WorkerHost::new().heartbeat(Duration::from_millis(300), Duration::from_millis(700));
    let (host, worker) = host.process(this_program("stubborn")).unwrap();
    soon(worker.ready()).await.unwrap();
    let mut answers = PubSub::<Dynamic>::new(host).subscribe("answer").await.unwrap();
    let process = worker.process_id().unwrap();
    // A worker with nothing to say answers when it is asked.
    assert!(tokio::time::timeout(Duration::from_secs(3), worker.join()).await.is_err(), "it is alive");
    kill(process, Signal::STOP);
    let Outcome::Lost(error) = soon(worker.join()).await else { panic!("it is lost") };
    assert_eq!(error.kind(), alk_pubsub_worker::ErrorKind::Silent);
    assert!(soon(answers.recv()).await.is_none());
    assert!(!is_running(process), "it was killed and reaped");
}

#[tokio::test]
async fn who_does_not_end_in_time_is_killed() {
    let (_host, worker) = start("stubborn").await;
    let process = worker.process_id().unwrap();
    let outcome = soon(worker.close_within(Duration::from_millis(50))).await;
    assert!(matches!(outcome, Outcome::Cancelled), "{outcome}");
    assert!(!is_running(process));
}

#[tokio::test]
async fn dropping_the_handle_kills_the_worker() {
    let (host, worker) = start("stubborn").await;
    let mut answers = host.subscribe("answer").await.unwrap();
    let process = worker.process_id().unwrap();
    drop(worker);
    assert!(soon(answers.recv()).await.is_none());
    until("it is gone", || !is_running(process)).await;
}

#[test]
fn a_runtime_that_ends_takes_its_workers_along() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_host, worker) = runtime.block_on(start("stubborn"));
    let process = worker.process_id().unwrap();
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(matches!(soon(worker.join()).await, Outcome::Cancelled));
        until("it is gone", || !is_running(process)).await;
    });
}

#[tokio::test]
async fn a_worker_ends_soon_after_its_host_was_killed_however_busy_it_is() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut command = this_program("parent");
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    let mut host = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let worker: u32 = loop {
        let line = soon(lines.next_line()).await.unwrap().expect("it says who its worker is");
        if let Some((_, worker)) = line.split_once("worker=") {
            break worker.parse().unwrap();
        }
    };
    assert!(is_running(worker));
    kill(host.id().unwrap(), Signal::KILL);
    let killed = Instant::now();
    until("it is gone", || !is_running(worker)).await;
    // It has three seconds, which a worker that is not busy would not use.
    let took = killed.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&took), "gone after {took:?}");
    soon(host.wait()).await.unwrap();
}

#[tokio::test]
async fn what_keeps_the_output_open_does_not_keep_the_worker() {
    let mut command = this_program("leaves a child");
    command.stdout(Stdio::piped());
    let target = InProcessEventTarget::in_process();
    let mut answers = PubSub::<Dynamic>::new(target.clone()).subscribe("answer").await.unwrap();
    let (_host, worker) = WorkerHost::over(target).process(command).unwrap();
    let child = soon(answers.recv()).await.unwrap().payload().as_u64().unwrap();
    assert!(soon(worker.join()).await.is_success());
    kill(u32::try_from(child).unwrap(), Signal::KILL);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let error = process(std::process::Command::new("/no/such/program")).unwrap_err();
    assert_eq!(error.kind(), alk_pubsub_worker::ErrorKind::Spawn);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn publishers_cannot_be_made_to_wait_for_a_process() {
    let (host, _worker) = start("successor").await;
    let refused =
        host.subscribe("answer").bounds(Bounds::default().overflow(Overflow::Block)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn workers_take_part_in_the_space_of_another_target() {
    let target = InProcessEventTarget::in_process();
    let host = WorkerHost::over(target.clone());
    let (_, first) = host.process(this_program("successor")).unwrap();
    let (_, second) = host
        .spawn("thread", |target| async move {
            let pubsub = PubSub::<Dynamic>::new(target.clone());
            let mut answers = pubsub.subscribe("answer").await?;
            target.ready();
            while let Some(answer) = answers.recv().await {
                pubsub
                    .publish("twice", answer.id(), (2 * answer.payload().as_u64().unwrap_or(0)).into())
                    .await?;
            }
            Ok::<(), alk_pubsub_core::Error>(())
        })
        .unwrap();
    soon(first.ready()).await.unwrap();
    soon(second.ready()).await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(target.clone());
    let mut results = pubsub.subscribe("twice").await.unwrap();
    pubsub.publish("number", "a", 20.into()).await.unwrap();
    assert_eq!(soon(results.recv()).await.unwrap().payload(), &json!(42));
    assert!(soon(first.close()).await.is_success());
    assert!(soon(second.close()).await.is_success());
    assert_eq!(target.state().current(), ConnectionState::Connected);
    assert_eq!(target.stats().subscribers, 1, "only this test's own is left");
}

#[tokio::test]
async fn a_supervised_process_comes_back_with_a_gap() {
    let supervisor =
        Supervisor::new(WorkerHost::new()).delay(Duration::from_millis(10), Duration::from_millis(10));
    let (host, worker) = supervisor.process(this_program("fragile")).unwrap();
    soon(worker.ready()).await.unwrap();
    let state = host.state();
    let host = PubSub::<Dynamic>::new(host);
    let mut answers = host.subscribe("answer").await.unwrap().with_gaps();
    for (order, signal) in [("exit", None), ("", Some(Signal::KILL))] {
        host.publish("order", "echo", 1.into()).await.unwrap();
        let Some(Delivery::Event(echo)) = soon(answers.recv()).await else { panic!("an answer comes first") };
        assert_eq!(echo.id(), "echo");
        match signal {
            Some(signal) => kill(worker.process_id().unwrap(), signal),
            None => drop(host.publish("order", order, Value::Null).await.unwrap()),
        }
        let Some(Delivery::Gap(gap)) = soon(answers.recv()).await else { panic!("then the gap") };
        assert_eq!((gap.reason(), gap.missed()), (GapReason::Reconnected, None));
        let Some(Delivery::Event(here)) = soon(answers.recv()).await else { panic!("then the next life") };
        assert_eq!(here.id(), "here", "it has subscribed again");
    }
    soon(worker.ready()).await.unwrap();
    assert_eq!(state.current(), ConnectionState::Connected);
    host.publish("order", "finish", Value::Null).await.unwrap();
    assert!(soon(worker.join()).await.is_success(), "who has finished is not restarted");
    assert_eq!(state.current(), ConnectionState::Closed);
}

#[tokio::test]
async fn a_supervisor_gives_up_when_there_were_too_many() {
    let mut command = std::process::Command::new("false");
    command.stdout(Stdio::null());
    let supervisor = Supervisor::new(WorkerHost::new())
        .at_most(2, Duration::from_secs(60))
        .delay(Duration::from_millis(1), Duration::from_millis(1));
    let (_host, worker) = supervisor.process(command).unwrap();
    assert!(soon(worker.ready()).await.is_err());
    assert_eq!(soon(worker.join()).await.to_string(), "exited with status 1; given up after 2 restarts");
}
