//! Nothing secret gets into a log, at the level that tells most.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use alk_pubsub_testkit::redis::Server;
use serde_json::json;
use support::{
    Client, Folder, Hub, PATIENCE, SECRET, Spoke, command, ended, envelope, in_seconds, private_file,
    program, signal, token,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn no_token_and_no_secret_is_printed() {
    let folder = Folder::new();
    let secret = private_file(&folder.join("secret"), SECRET);
    for format in ["text", "json"] {
        let flags = ["--listen", "127.0.0.1:0", "--jwt-secret-file", &secret, "--log-format", format];
        let mut hub = command(&flags);
        hub.env("ALK_HUB_LOG", "trace").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut hub = hub.spawn().unwrap();
        let mut stdout = BufReader::new(hub.stdout.take().unwrap());
        let mut printed = String::new();
        stdout.read_line(&mut printed).await.unwrap();
        let address = printed.trim().rsplit_once("://").unwrap().1.to_owned();
        let mut stderr = hub.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.map(|_| log)
        });
        let connect = async || TcpStream::connect(&address).await.unwrap();

        let claims = json!({"subscribe": ["*"], "publish": ["*"]});
        let good = token(claims.clone());
        let expired = token(json!({"exp": in_seconds(-60.0)}));
        let forged = format!("{}x", token(claims));
        let tokens = [good.clone(), expired, forged];
        for token in &tokens {
            let header = format!("Authorization: Bearer {token}\r\n");
            let protocol = format!("Sec-WebSocket-Protocol: alk-pubsub.v1.json, bearer.{token}\r\n");
            let event = envelope("a:1", 1);
            let json = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", event.len());
            for (method, path, headers, body) in [
                ("GET", "/ws".to_owned(), format!("{header}{UPGRADE}"), ""),
                ("GET", "/ws".to_owned(), format!("{protocol}{UPGRADE}"), ""),
                ("GET", format!("/ws?token={token}"), UPGRADE.to_owned(), ""),
                ("GET", format!("/events?topic=a:1&token={token}"), String::new(), ""),
                ("GET", format!("/events?topic=no%20topic&token={token}"), String::new(), ""),
                ("GET", format!("/nothing/here?token={token}"), String::new(), ""),
                ("GET", format!("/stats?token={token}&token=other"), String::new(), ""),
                ("GET", format!("/metrics?token={token}"), String::new(), ""),
                ("POST", format!("/events?token={token}"), json.clone(), &event),
                ("POST", "/events".to_owned(), format!("{header}{json}"), &event),
            ] {
                let mut client = Client::new(connect().await);
                client
                    .send(format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n{body}"))
                    .await;
                client.head().await;
            }
            // No HTTP at all.
            let mut client = Client::new(connect().await);
            client.send(format!("token {token}\r\n\r\n")).await;
            client.head().await;
        }
        let mut spoke = Spoke::connect_from_browser(connect().await, &good).await;
        for token in &tokens {
            let refresh = json!({"type": "__refresh", "id": "r", "payload": {"token": token}});
            spoke.send(refresh.to_string()).await;
            assert_eq!(spoke.frame().await["id"], "r");
            // With a member that is not as it should be.
            let refresh = json!({"type": "__refresh", "id": {}, "payload": {"token": token}});
            spoke.send(refresh.to_string()).await;
            assert_eq!(spoke.frame().await["type"], "__error");
        }
        spoke.close().await;

        signal(&hub, "TERM").await;
        stdout.read_to_string(&mut printed).await.unwrap();
        let log = tokio::time::timeout(PATIENCE, log).await.unwrap().unwrap().unwrap();
        assert!(log.contains("disconnected") && log.contains("drained"), "it logs at all: {log}");
        printed.push_str(&log);
        assert!(!printed.contains(SECRET));
        for token in &tokens {
            // Neither whole nor the part that says who and what.
            assert!(!printed.contains(token.as_str()));
            assert!(!printed.contains(token.split('.').nth(1).unwrap()), "{format}");
        }
        // Nor as bytes, as some write frames.
        let bytes: String = good[..20].bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!printed.contains(&bytes));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_of_redis_is_printed() {
    const PASSWORD: &str = "correct-horse-battery";
    let server = Server::start(&["--requirepass", PASSWORD]);
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", server.port());
    let wrong = format!("{PASSWORD}-wrong");
    for format in ["text", "json"] {
        let mut hub =
            command(&["--listen", "127.0.0.1:0", "--log-format", format, "--redis", &url(PASSWORD)]);
        hub.env("ALK_HUB_LOG", "trace").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut hub = hub.spawn().unwrap();
        let mut stdout = BufReader::new(hub.stdout.take().unwrap());
        let mut printed = String::new();
        stdout.read_line(&mut printed).await.unwrap();
        let address = printed.trim().rsplit_once("://").unwrap().1.to_owned();
        let mut stderr = hub.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.map(|_| log)
        });
        // An event goes through it.
        let mut spoke = Spoke::connect(TcpStream::connect(&address).await.unwrap()).await;
        spoke.subscribe(&["a:1"]).await;
        let mut frames = [spoke.publish(&envelope("a:1", 1)).await, spoke.frame().await];
        frames.sort_by_key(ToString::to_string);
        assert_eq!((&frames[0]["type"], &frames[1]["type"]), (&json!("a"), &json!("__published")));
        drop(spoke);
        signal(&hub, "TERM").await;
        stdout.read_to_string(&mut printed).await.unwrap();
        let log = tokio::time::timeout(PATIENCE, log).await.unwrap().unwrap().unwrap();
        assert!(log.contains("drained"), "{log}");
        printed.push_str(&log);
        assert!(!printed.contains(PASSWORD), "{format}");
    }
    for password in [PASSWORD, wrong.as_str()] {
        let url = url(password);
        for arguments in [
            &["doctor", "--redis", &url][..],
            &["pub", "a", "1", "1", "--redis", &url],
            &["sub", "a", "--timeout", "1ms", "--redis", &url],
            &["serve", "--listen", "127.0.0.1:0", "--redis", &url],
        ] {
            if arguments[0] == "serve" && password == PASSWORD {
                continue;
            }
            let mut command = program(arguments);
            command.env("ALK_HUB_LOG", "trace");
            let done = ended(command.spawn().unwrap()).await;
            assert_eq!(done.code, Some(i32::from(password == wrong)), "{arguments:?}");
            assert!(!format!("{done:?}").contains(PASSWORD), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn commands_print_no_token() {
    let folder = Folder::new();
    let secret = private_file(&folder.join("secret"), SECRET);
    let hub = Hub::start(&["--jwt-secret-file", &secret]).await;
    let url = hub.url();
    let good = token(json!({"subscribe": ["*"], "publish": ["*"]}));
    let expired = token(json!({"exp": in_seconds(-60.0)}));
    for (token, good) in [(&good, true), (&expired, false), (&format!("{good}\u{e4}"), false)] {
        let file = private_file(&folder.join("token"), format!("{token}\n"));
        for how in [["--token", token.as_str()], ["--token-file", file.as_str()]] {
            for arguments in [
                &["doctor", "--hub", &url][..],
                &["pub", "a", "1", "1", "--hub", &url],
                &["sub", "a", "--timeout", "1ms", "--hub", &url],
            ] {
                let mut command = program(&[arguments, &how].concat());
                command.env("ALK_HUB_LOG", "trace");
                let done = ended(command.spawn().unwrap()).await;
                assert_eq!(done.code == Some(0), good, "{arguments:?} {:?}", done.code);
                let printed = format!("{}{}", done.stdout, done.stderr);
                let claims = token.split('.').nth(1).unwrap();
                assert!(!printed.contains(token.as_str()) && !printed.contains(claims), "{arguments:?}");
            }
        }
    }
}
