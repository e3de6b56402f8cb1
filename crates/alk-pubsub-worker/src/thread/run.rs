use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::select;
use tokio::time::Instant;

use super::start::{Lives, WorkerRuntime};
use super::target::WorkerThreadEventTarget;
use crate::bond::Bond;
use crate::error::{Error, ErrorKind};
use crate::lease::Lease;
use crate::outcome::Outcome;
use crate::restart::{Next, Restarts};

/// Lives all lives of a worker, on its thread.
pub(super) fn run(
    mut runtime: WorkerRuntime,
    bond: &Arc<Bond>,
    mut lives: Lives,
    mut restarts: Restarts,
) -> Outcome {
    loop {
        let outcome = live(&runtime, bond, &mut lives);
        match restarts.after(outcome, bond.life.is_to_end(), Instant::now()) {
            Next::End(outcome) => return outcome,
            Next::Restart(delay) => {
                bond.interrupted();
                tracing::warn!(?delay, "a worker thread will be restarted");
                // What the last life has left running ends with its runtime.
                runtime = match WorkerRuntime::new() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let message = "the worker's runtime could not be made again";
                        return Outcome::Failed(Error::with_source(ErrorKind::Spawn, message, error));
                    }
                };
                let closing = bond.life.closing();
                runtime.block_on(async {
                    select(pin!(tokio::time::sleep(delay)), pin!(closing)).await;
                });
                if bond.life.is_to_end() {
                    return Outcome::Cancelled;
                }
                bond.restarted();
            }
        }
    }
}

/// Lives one of them.
fn live(runtime: &WorkerRuntime, bond: &Arc<Bond>, lives: &mut Lives) -> Outcome {
    let lease = bond.lease_to_worker();
    let target = WorkerThreadEventTarget::new(lease.clone(), bond.clone());
    let lived = catch_unwind(AssertUnwindSafe(|| runtime.block_on(attend(bond, &lease, target, lives))));
    lease.end();
    match lived {
        Ok(outcome) => outcome.unwrap_or(Outcome::Cancelled),
        Err(panic) => Outcome::of_panic(&*panic),
    }
}

/// Runs what the worker does until it is done or nobody wants it any more.
async fn attend(bond: &Bond, lease: &Lease, target: WorkerThreadEventTarget, lives: &mut Lives) -> Outcome {
    let mut main = lives(target);
    let mut cancelled = pin!(bond.life.cancelled());
    let closing = bond.life.closing();
    let mut closing = pin!(Some(closing));
    poll_fn(|cx| {
        if cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Outcome::Cancelled);
        }
        if let Some(asked) = closing.as_mut().as_pin_mut()
            && asked.poll(cx).is_ready()
        {
            closing.set(None);
            lease.stop_listening();
        }
        main.as_mut().poll(cx)
    })
    .await
}
