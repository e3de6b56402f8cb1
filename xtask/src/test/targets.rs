//! The targets that have to be in the matrix.

/// What the suites call them. A suite that is no longer run, in whatever way it was, is missed here; one that is new is to be added.
pub(super) const TARGETS: [&str; 23] = [
    "Arc<dyn EventTarget>",
    "Redis, a cluster of six",
    "Redis, a server with TLS",
    "Redis, a single server",
    "WebSocket client and server, over Redis",
    "WebSocket client and server, over a Redis cluster",
    "WebSocket client and server, over in process",
    "a client of a server",
    "a target with nothing but the required methods",
    "a tree of hubs",
    "host to process",
    "host to thread",
    "in process",
    "in process, behind a connection that can be cut",
    "in process, heard over a connection that can be cut",
    "in process, seen through a byte stream",
    "in process, seen through a link",
    "in process, seen through a link with MessagePack",
    "process to host",
    "process to host and back",
    "thread to host",
    "thread to thread's host, over another target",
    "two clients of a server",
];
