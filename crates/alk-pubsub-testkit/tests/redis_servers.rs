//! The servers that tests start.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use alk_pubsub_testkit::redis::{Authority, Cluster, Reply, Sentinel, Server, TlsServer, wait_until};

#[test]
fn a_server_comes_back_after_a_crash_and_is_gone_when_it_is_dropped() {
    let server = Server::start(&["--databases", "3"]);
    server.tell(&["SET", "a", "1"]);
    assert_eq!(server.command(&["GET", "a"]), Reply::Text("1".to_owned()));
    server.kill();
    assert_eq!(server.pid(), None);
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart();
    assert_eq!(server.command(&["GET", "a"]), Reply::Nil, "it keeps nothing");
    assert_eq!(server.command(&["CONFIG", "GET", "databases"]).list()[1].text(), "3");
    let (port, folder) = (server.port(), server.folder().to_owned());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!folder.exists());
}

#[test]
fn a_server_that_is_paused_answers_when_it_is_resumed() {
    let server = Server::start(&[]);
    server.pause();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the system accepts for it");
    stream.write_all(b"PING\r\n").expect("there is room");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let mut answer = [0; 7];
    assert!(stream.read(&mut answer).is_err(), "it hangs");
    server.resume();
    stream.set_read_timeout(None).expect("no timeout");
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn a_user_may_do_what_its_rules_say() {
    let server = Server::start(&[]);
    server.set_user("app", "secret", &["+ping", "&open:*"]);
    let dry_run = |command: &[&str]| server.command(&[&["ACL", "DRYRUN", "app"], command].concat()).text();
    assert_eq!(dry_run(&["PING"]), "OK");
    assert!(dry_run(&["GET", "a"]).contains("no permissions"));
    server.set_user("app", "other", &["+get", "~*"]);
    assert!(dry_run(&["PING"]).contains("no permissions"), "what it had before is gone");
    assert_eq!(dry_run(&["GET", "a"]), "OK");
}

#[test]
fn a_cluster_has_an_owner_for_each_slot_and_can_move_one() {
    let cluster = Cluster::start();
    for slot in [0, 8000, 16_383] {
        let owner = cluster.owner(slot);
        assert!(owner < 3);
        cluster.move_slot(slot, (owner + 1) % 3);
        assert_eq!(cluster.owner(slot), (owner + 1) % 3);
    }
}

#[test]
fn what_is_published_at_any_node_of_a_cluster_reaches_all() {
    const EACH: usize = 100;
    let cluster = Cluster::start();
    let mut listening: Vec<_> = cluster.nodes().iter().map(subscribed).collect();
    for node in cluster.nodes() {
        let publish = ["PUBLISH", "a", "x"];
        node.tell_all((0..EACH).map(|_| &publish[..]));
    }
    for stream in &mut listening {
        // Each is an array of "message", the channel and the message.
        let mut messages = vec![0; EACH * cluster.nodes().len() * MESSAGE.len()];
        stream.read_exact(&mut messages).expect("all messages");
        assert!(messages.chunks(MESSAGE.len()).all(|message| message == MESSAGE));
    }
}

#[test]
fn any_bytes_can_be_published() {
    let server = Server::start(&[]);
    assert_eq!(server.publish("a", b"nobody"), 0);
    let mut stream = subscribed(&server);
    assert_eq!(server.publish("a", b"\xff\r\n\0"), 1);
    let expected = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\xff\r\n\0\r\n";
    let mut message = [0; 34];
    stream.read_exact(&mut message).expect("a message");
    assert_eq!(&message, expected);
}

const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n";

/// A connection that is subscribed to the channel `a`.
fn subscribed(node: &Server) -> TcpStream {
    const CONFIRMED: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    let mut stream = TcpStream::connect(("127.0.0.1", node.port())).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream.write_all(b"SUBSCRIBE a\r\n").expect("there is room");
    let mut answer = [0; CONFIRMED.len()];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, CONFIRMED);
    stream
}

#[test]
fn a_sentinel_makes_the_replica_a_master() {
    let servers = Sentinel::start();
    servers.master.kill();
    wait_until("the replica is a master", || servers.replica.is_master());
}

#[test]
fn a_server_with_tls_has_a_port_for_it() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority);
    assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_ne!(server.port(), server.server().port());
    assert_eq!(
        server.server().command(&["CONFIG", "GET", "tls-port"]).list()[1].text(),
        server.port().to_string()
    );
}
