use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Frames, LengthDelimited, Pipe, Received, memory_pipe};
use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind};
use crate::frame::Wire;

fn frames(frames: &[&str]) -> Frames {
    frames.iter().collect()
}

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

async fn receive(pipe: &mut impl Pipe) -> Option<Result<Received, Error>> {
    poll_fn(|cx| pipe.poll_receive(cx)).await
}

async fn frame(pipe: &mut impl Pipe) -> Bytes {
    match receive(pipe).await {
        Some(Ok(Received::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_can_be_taken_apart_and_what_is_cut_off_is_none() {
    let all = frames(&["one", "", "three"]);
    assert_eq!(all.clone().collect::<Vec<_>>(), ["one", "", "three"]);
    let bytes = all.into_prefixed();
    for end in 0..bytes.len() {
        let cut: Vec<_> = Frames::from_prefixed(bytes.slice(..end)).collect();
        assert!(cut.len() < 3 && cut.iter().zip(["one", "", "three"]).all(|(cut, whole)| cut == whole));
    }
    let hostile = Frames::from_prefixed(Bytes::from_static(b"\xff\xff\xff\xffx"));
    assert_eq!(hostile.count(), 0);
}

#[tokio::test]
async fn a_memory_pipe_is_full_at_its_capacity() {
    let (mut here, mut there) = memory_pipe(Wire::Json, 10);
    let mut cx = noop();
    here.send(frames(&["12345"])).expect("open");
    assert!(here.poll_ready(&mut cx).is_ready(), "9 of 10");
    here.send(frames(&["1"])).expect("open");
    assert!(here.poll_ready(&mut cx).is_pending() && here.poll_flush(&mut cx).is_pending(), "14 of 10");
    // The other way has room of its own.
    assert!(there.poll_ready(&mut cx).is_ready());
    let ready = tokio::spawn(async move {
        poll_fn(|cx| here.poll_ready(cx)).await.expect("open");
        here
    });
    assert_eq!((frame(&mut there).await, frame(&mut there).await), ("12345".into(), "1".into()));
    let mut here = ready.await.expect("woken");
    poll_fn(|cx| here.poll_close(cx, CloseCode::Normal, "")).await.expect("closed");
    assert!(receive(&mut there).await.is_none());
    there.send(frames(&["still"])).expect("the other way is open");
    assert_eq!(frame(&mut here).await, "still");
    drop(here);
    assert_eq!(there.send(frames(&["too late"])).map_err(|error| error.kind()), Err(ErrorKind::Closed));
    assert!(matches!(there.poll_ready(&mut noop()), Poll::Ready(Err(_))));
    assert!(receive(&mut there).await.is_none());
}

#[tokio::test]
async fn what_was_sent_is_received_after_the_sender_has_gone() {
    let (mut here, mut there) = memory_pipe(Wire::Json, 10);
    here.send(frames(&["one", "two"])).expect("open");
    drop(here);
    assert_eq!((frame(&mut there).await, frame(&mut there).await), ("one".into(), "two".into()));
    assert!(receive(&mut there).await.is_none());
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_passed_over() {
    let (a, b) = tokio::io::duplex(16);
    let (mut here, mut there) =
        (LengthDelimited::new(a, Wire::Json, 8), LengthDelimited::new(b, Wire::Json, 8));
    let long = "x".repeat(100_000);
    here.send(frames(&["12345678", &long, "", "123456789", "end"])).expect("taken");
    let writing = tokio::spawn(async move {
        poll_fn(|cx| here.poll_close(cx, CloseCode::Normal, "")).await.expect("written");
    });
    assert_eq!(frame(&mut there).await, "12345678");
    assert_eq!(receive(&mut there).await.map(Result::ok), Some(Some(Received::TooLarge(100_000))));
    assert_eq!(frame(&mut there).await, "");
    assert_eq!(receive(&mut there).await.map(Result::ok), Some(Some(Received::TooLarge(9))));
    assert_eq!(frame(&mut there).await, "end");
    assert!(receive(&mut there).await.is_none());
    writing.await.expect("written");
}

#[tokio::test]
async fn a_stream_that_ends_within_a_frame_is_broken() {
    for bytes in [&b"\0"[..], b"\0\0\0\x05", b"\0\0\0\x05hell", b"\0\0\xff\xffhell"] {
        let (mut a, b) = tokio::io::duplex(64);
        let mut pipe = LengthDelimited::new(b, Wire::Json, 8);
        tokio::io::AsyncWriteExt::write_all(&mut a, bytes).await.expect("room");
        drop(a);
        let error = loop {
            match receive(&mut pipe).await {
                Some(Ok(Received::TooLarge(_))) => {}
                Some(Err(error)) => break error,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Io, true));
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_makes_the_pipe_unready() {
    let (a, _b) = tokio::io::duplex(16);
    let mut here = LengthDelimited::new(a, Wire::Json, 8);
    let mut cx = noop();
    assert!(here.poll_ready(&mut cx).is_ready());
    here.send(frames(&[&"x".repeat(64 << 10)])).expect("taken");
    assert!(here.poll_ready(&mut cx).is_pending() && here.poll_flush(&mut cx).is_pending());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_of_any_size_arrive_in_pieces_of_any_size(
        sizes in proptest::collection::vec(0..3000usize, 1..40), room in 1..300usize, batch in 1..7usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (a, b) = tokio::io::duplex(room);
            let (mut here, mut there) = (LengthDelimited::new(a, Wire::Json, 1 << 20), LengthDelimited::new(b, Wire::Json, 1 << 20));
            let all: Vec<Vec<u8>> = sizes.iter().map(|size| (0..*size).map(|at| at as u8).collect()).collect();
            let expected = all.clone();
            let writing = tokio::spawn(async move {
                for batch in all.chunks(batch) {
                    poll_fn(|cx| here.poll_ready(cx)).await.expect("open");
                    here.send(batch.iter().collect()).expect("open");
                }
                poll_fn(|cx| here.poll_close(cx, CloseCode::Normal, "")).await.expect("written");
            });
            for expected in expected {
                assert_eq!(frame(&mut there).await, expected);
            }
            assert!(receive(&mut there).await.is_none());
            writing.await.expect("written");
        });
    }
}
