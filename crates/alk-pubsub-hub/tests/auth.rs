//! A hub that asks for tokens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use support::{
    Client, Folder, Head, Hub, SECRET, Spoke, ended, envelope, in_seconds, key_file, private_file, program,
    run, signed, token,
};
use tokio::net::TcpStream;
use tokio::time::Instant;

struct Guarded {
    hub: Hub,
    folder: Folder,
}

impl Guarded {
    async fn start(flags: &[&str]) -> Self {
        let folder = Folder::new();
        let secret = private_file(&folder.join("secret"), format!("{SECRET}\n"));
        let flags: Vec<&str> = ["--jwt-secret-file", &secret].iter().chain(flags).copied().collect();
        Self { hub: Hub::start(&flags).await, folder }
    }

    async fn spoke(&self, claims: Value) -> Spoke {
        Spoke::connect_as(TcpStream::connect(self.hub.address).await.unwrap(), &token(claims)).await
    }

    async fn get(&self, path: &str, headers: &str) -> (Head, Value) {
        ask(&self.hub, "GET", path, headers, "").await
    }
}

/// A request with these header lines, each with its end.
async fn ask(hub: &Hub, method: &str, path: &str, headers: &str, body: &str) -> (Head, Value) {
    let mut client = begin(hub, method, path, headers, body).await;
    client.answer().await
}

async fn begin(hub: &Hub, method: &str, path: &str, headers: &str, body: &str) -> Client {
    let mut client = hub.connect().await;
    let (host, length) = (hub.address, body.len());
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n");
    client.send(head + body).await;
    client
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

/// What each way in answers to a token: to open a WebSocket, to listen, to publish, to see the numbers.
async fn everywhere(hub: &Hub, token: Option<&str>) -> Vec<(Head, Value)> {
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    // Not from this machine, as far as the hub may tell.
    let proxied = format!("{bearer}X-Forwarded-For: 192.0.2.1\r\n");
    vec![
        ask(hub, "GET", "/ws", &format!("{bearer}{UPGRADE}"), "").await,
        ask(hub, "GET", "/events?topic=a:1", &bearer, "").await,
        ask(hub, "POST", "/events", &format!("{bearer}{JSON}"), &envelope("a:1", 1)).await,
        ask(hub, "GET", "/stats", &proxied, "").await,
        ask(hub, "GET", "/metrics", &proxied, "").await,
    ]
}

fn secret() -> EncodingKey {
    EncodingKey::from_secret(SECRET.as_bytes())
}

/// A token of these parts, encoded by hand.
fn by_hand(header: &str, claims: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", base64(header), base64(&claims.to_string()))
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let groups = text.as_bytes().chunks(3).map(|bytes| {
        let word =
            bytes.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        (0..=bytes.len()).map(|at| DIGITS[(word >> (18 - 6 * at) & 63) as usize] as char).collect::<String>()
    });
    groups.collect()
}

#[tokio::test]
async fn a_bad_token_opens_nothing_and_is_told_why() {
    let guarded = Guarded::start(&[]).await;
    let all = json!({"sub": "ann", "exp": in_seconds(3600.0), "subscribe": ["*"], "publish": ["*"], "scope": "admin"});
    let other = EncodingKey::from_secret(b"another secret that is long enough");
    let good = token(all.clone());
    let unsigned = good.rsplit_once('.').unwrap().0;
    let hs256 = Header::new(Algorithm::HS256);
    let with = |name: &str, value: Value| {
        let mut claims = all.clone();
        claims[name] = value;
        token(claims)
    };
    let cases = [
        (by_hand(r#"{"alg":"none"}"#, &all, ""), "no JSON web token"),
        (by_hand(r#"{"alg":"None","typ":"JWT"}"#, &all, ""), "no JSON web token"),
        (format!("{unsigned}."), "signature"),
        (format!("{}.", by_hand(r#"{"alg":"HS256"}"#, &all, "")), "no JSON web token"),
        ("nonsense".to_owned(), "no JSON web token"),
        (signed(&hs256, &other, all.clone()), "signature"),
        (signed(&Header::new(Algorithm::HS384), &secret(), all.clone()), "another algorithm"),
        (with("exp", json!(in_seconds(-1.0))), "expired"),
        (with("exp", Value::Null), "`exp`"),
        (with("exp", json!("tomorrow")), ""),
        (with("sub", Value::Null), "`sub`"),
        (with("nbf", json!(in_seconds(3600.0))), "not valid yet"),
        (with("subscribe", json!("*")), "not of the kind"),
        (with("subscribe", json!(["session.status"])), "`session.status:*`"),
        (with("publish", json!(["__gap:*"])), "`__gap:*`"),
    ];
    for (bad, why) in cases {
        for (head, problem) in everywhere(&guarded.hub, Some(&bad)).await {
            assert_eq!((head.status, &problem["code"]), (401, &json!("invalid_token")), "{why}: {problem}");
            assert_eq!(head.headers["www-authenticate"], "Bearer realm=\"alk-hub\", error=\"invalid_token\"");
            assert!(problem["detail"].as_str().unwrap().contains(why), "{why}: {problem}");
            assert!(!problem.to_string().contains(&bad), "{problem}");
        }
    }
    for (head, problem) in everywhere(&guarded.hub, None).await {
        assert_eq!((head.status, &problem["code"]), (401, &json!("no_token")), "{problem}");
        assert_eq!(head.headers["www-authenticate"], "Bearer realm=\"alk-hub\"");
    }
    let refused = &guarded.hub.stats().await["refused"];
    assert_eq!((&refused["no_token"], &refused["invalid_token"]), (&json!(5), &json!(75)));
    assert_eq!(guarded.get("/events?topic=a", "Authorization: Basic YTpi\r\n").await.0.status, 401);
    // The page and the probes are for everybody.
    for path in ["/", "/healthz", "/readyz"] {
        assert_eq!(guarded.hub.get(path).await.0.status, 200);
    }
    let mut spoke = guarded.spoke(all).await;
    spoke.subscribe(&["*"]).await;
}

#[tokio::test]
async fn a_token_allows_what_its_patterns_say() {
    let guarded = Guarded::start(&[]).await;
    let claims = json!({"subscribe": ["a:1", "b:*"], "publish": ["b:*"]});
    let mut spoke = guarded.spoke(claims.clone()).await;
    spoke.subscribe(&["a:1", "b:2", "b"]).await;
    let bearer = format!("Authorization: Bearer {}\r\n", token(claims));
    for refused in ["a:2", "a", "*", "c:1"] {
        spoke
            .send(json!({"type": "__subscribe", "id": "r", "payload": {"topics": [refused]}}).to_string())
            .await;
        let answer = spoke.frame().await;
        assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("__error"), &json!("forbidden")));
        assert_eq!(answer["payload"]["topic"], refused);
        let (head, problem) = guarded.get(&format!("/events?topic={refused}"), &bearer).await;
        assert_eq!(
            (head.status, &problem["code"], &problem["topic"]),
            (403, &json!("forbidden"), &json!(refused))
        );
    }
    assert_eq!(spoke.publish(&envelope("a:1", 1)).await["payload"]["code"], "forbidden");
    let headers = format!("{bearer}{JSON}");
    let publish =
        async |topic: &str| ask(&guarded.hub, "POST", "/events", &headers, &envelope(topic, 1)).await;
    assert_eq!(publish("a:1").await.0.status, 403);
    assert_eq!(publish("b:3").await.0.status, 202);
    assert_eq!(spoke.frame().await["id"], "3");

    // Who may do neither is let in, and may do neither.
    let mut nobody = guarded.spoke(json!({})).await;
    assert_eq!(nobody.publish(&envelope("b:1", 1)).await["payload"]["code"], "forbidden");
}

#[tokio::test]
async fn a_token_comes_in_three_ways_and_not_in_two_that_differ() {
    let guarded = Guarded::start(&[]).await;
    let (one, two) = (token(json!({"subscribe": ["*"]})), token(json!({"subscribe": ["a:1"]})));
    let stream = TcpStream::connect(guarded.hub.address).await.unwrap();
    Spoke::connect_from_browser(stream, &one).await.subscribe(&["*"]).await;

    let mut client = begin(&guarded.hub, "GET", &format!("/events?topic=a:1&token={one}"), "", "").await;
    assert_eq!(client.head().await.status, 200);
    let headers = format!("Authorization: Bearer {one}\r\nSec-WebSocket-Protocol: bearer.{one}\r\n{UPGRADE}");
    let mut client = begin(&guarded.hub, "GET", &format!("/ws?token={one}"), &headers, "").await;
    let head = client.head().await;
    assert_eq!((head.status, head.headers.get("sec-websocket-protocol")), (101, None));

    let (header, protocol) =
        (format!("Authorization: Bearer {one}\r\n"), format!("Sec-WebSocket-Protocol: bearer.{one}\r\n"));
    for (path, headers) in [
        (format!("/ws?token={two}"), format!("{header}{UPGRADE}")),
        (format!("/ws?token={two}"), format!("{protocol}{UPGRADE}")),
        (format!("/events?topic=a:1&token={one}&token={two}"), String::new()),
        (format!("/stats?token={two}"), header),
    ] {
        let (head, problem) = guarded.get(&path, &headers).await;
        assert_eq!((head.status, &problem["code"]), (400, &json!("conflicting_tokens")));
    }
}

#[tokio::test]
async fn numbers_are_for_admins_and_for_this_machine() {
    let guarded = Guarded::start(&[]).await;
    let admin = format!("Authorization: Bearer {}\r\n", token(json!({"scope": "read admin"})));
    let other = format!("Authorization: Bearer {}\r\n", token(json!({"subscribe": ["*"], "publish": ["*"]})));
    let proxied = "X-Forwarded-For: 192.0.2.1\r\n";
    for path in ["/stats", "/metrics"] {
        let status = async |headers: &str| guarded.get(path, headers).await.0.status;
        assert_eq!(status(&format!("{admin}{proxied}")).await, 200);
        assert_eq!(status(&format!("{other}{proxied}")).await, 403);
        assert_eq!(status(proxied).await, 401);
        // As nginx is set up in docs/operations.md, and one that passes nothing on but the name.
        for headers in [
            "Host: hub.example\r\nUpgrade: \r\nConnection: \r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n",
            "Host: hub.example\r\n",
            "Host: localhost.hub.example\r\n",
        ] {
            for (bearer, expected) in [("", 401), (&other, 403), (&admin, 200)] {
                let mut client = guarded.hub.connect().await;
                client.send(format!("GET {path} HTTP/1.1\r\n{headers}{bearer}\r\n")).await;
                assert_eq!(client.head().await.status, expected, "{headers}");
            }
        }
        // From this machine.
        assert_eq!(status("").await, 200);
        assert_eq!(status(&other).await, 200);
    }
    let topics = async |headers: &str| guarded.get("/stats", headers).await.1["topics"].is_array();
    assert!(topics(&admin).await && !topics("").await && !topics(&other).await);

    // A hub that is open to everybody for everything hides nothing, and one that is open for something does.
    for (allowed, status) in [("all", 200), ("publish,subscribe", 403)] {
        let hub = Hub::start(&["--allow-anonymous", allowed]).await;
        assert_eq!(ask(&hub, "GET", "/stats", proxied, "").await.0.status, status);
    }
}

#[tokio::test]
async fn anonymous_clients_may_do_what_was_said_beside_tokens() {
    let guarded = Guarded::start(&["--allow-anonymous", "subscribe"]).await;
    let mut spoke = guarded.hub.spoke().await;
    spoke.subscribe(&["a:1"]).await;
    assert_eq!(spoke.publish(&envelope("a:1", 1)).await["payload"]["code"], "forbidden");
    let mut feeder = guarded.spoke(json!({"publish": ["a:*"]})).await;
    assert_eq!(feeder.publish(&envelope("a:1", 1)).await["type"], "__published");
    assert_eq!(spoke.frame().await["id"], "1");
    // A bad token is not the same as none.
    assert_eq!(guarded.get("/events?topic=a", "Authorization: Bearer x\r\n").await.0.status, 401);
    // And nobody becomes somebody on an open connection.
    let refresh = json!({"type": "__refresh", "id": "r", "payload": {"token": token(json!({}))}});
    spoke.send(refresh.to_string()).await;
    assert_eq!(spoke.frame().await["payload"]["code"], "forbidden");
}

#[tokio::test]
async fn connections_end_when_their_tokens_do() {
    /// For an end after 2 s, on a machine that has other things to do.
    const ON_TIME: Duration = Duration::from_secs(8);
    let guarded = Guarded::start(&[]).await;
    let begin_at = Instant::now();
    let claims = json!({"subscribe": ["*"], "exp": in_seconds(2.0)});
    let mut spoke = guarded.spoke(claims.clone()).await;
    let path = format!("/events?topic=a:1&token={}", token(claims));
    let mut stream = begin(&guarded.hub, "GET", &path, "", "").await;
    assert_eq!(stream.head().await.status, 200);

    let told = spoke.frame().await;
    assert_eq!(told["type"], "__expiring");
    assert!(told["payload"]["in_ms"].as_u64().unwrap() <= 2000, "{told}");
    let closed = json!({"reason": "expired", "reconnect": false, "retry_ms": null});
    assert_eq!(spoke.frame().await, json!({"type": "__close", "id": "", "payload": closed}));
    assert_eq!(spoke.next().await.unwrap_err(), Some(1008));
    // The clock that tokens go by and this one may differ a little.
    assert!(begin_at.elapsed() > Duration::from_millis(1900), "{:?}", begin_at.elapsed());
    assert!(begin_at.elapsed() < ON_TIME, "{:?}", begin_at.elapsed());

    assert_eq!(stream.event().await.unwrap().field("event"), Some("__expiring"));
    let last = stream.event().await.unwrap();
    assert_eq!((last.field("event"), &last.data()["payload"]), (Some("__close"), &closed));
    assert!(stream.event().await.is_none());
    assert!(begin_at.elapsed() < ON_TIME, "{:?}", begin_at.elapsed());
    guarded.hub.subscribers(0).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_event_stream_ends_with_its_token_although_nobody_reads_it() {
    let guarded = Guarded::start(&[]).await;
    let process = guarded.hub.process();
    let mut feeder = guarded.spoke(json!({"publish": ["*"]})).await;
    let admin = format!("Authorization: Bearer {}\r\n", token(json!({"scope": "admin"})));
    let stats = async || guarded.get("/stats", &admin).await.1;
    let files = process.files();

    let begin_at = Instant::now();
    let short = token(json!({"subscribe": ["*"], "exp": in_seconds(2.0)}));
    let mut stuck = Client::new(guarded.hub.socket_with_little_room().await);
    let host = guarded.hub.address;
    stuck.send(format!("GET /events?topic=a:1&token={short} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    assert_eq!(stuck.head().await.status, 200);
    // More than the system takes for it.
    let event = envelope("a:1", "x".repeat(60_000));
    while stats().await["subscribers"] == 1 {
        feeder.send(&event).await;
    }
    let unsubscribed = begin_at.elapsed();
    assert!(unsubscribed > Duration::from_millis(1900), "{unsubscribed:?}");
    assert!(unsubscribed < Duration::from_secs(8), "{unsubscribed:?}");
    // Nor does its socket stay, which it holds on to.
    let gone = async {
        while process.files() > files || stats().await["connections"]["sse"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, gone).await.expect("it is cut");
    assert!(begin_at.elapsed() < Duration::from_secs(15), "{:?}", begin_at.elapsed());
    drop(stuck);
}

#[tokio::test]
async fn a_refresh_prolongs_and_changes_rights() {
    let guarded = Guarded::start(&[]).await;
    let begin_at = Instant::now();
    let mut spoke = guarded.spoke(json!({"subscribe": ["a:*", "b:*"], "exp": in_seconds(2.0)})).await;
    assert_eq!(spoke.frame().await["type"], "__expiring");
    spoke.subscribe(&["a:1", "b:1"]).await;
    let mut refresh = async |token: &str| {
        spoke.send(json!({"type": "__refresh", "id": "r", "payload": {"token": token}}).to_string()).await;
        let answer = spoke.frame().await;
        assert_eq!(answer["id"], "r");
        assert!(!answer.to_string().contains(token), "{answer}");
        answer
    };
    for (bad, code) in [
        (token(json!({"sub": "bob"})), "forbidden"),
        (token(json!({"exp": in_seconds(-5.0)})), "expired"),
        (signed(&Header::new(Algorithm::HS512), &secret(), json!({})), "forbidden"),
        ("nonsense".to_owned(), "forbidden"),
    ] {
        let answer = refresh(&bad).await;
        assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("__error"), &json!(code)));
    }
    let answer = refresh(&token(json!({"subscribe": ["b:*"], "publish": ["b:*"]}))).await;
    assert_eq!(answer["type"], "__refreshed");
    let left = answer["payload"]["expires_in_ms"].as_u64().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    let ended = spoke.frame().await;
    assert_eq!((&ended["type"], &ended["id"]), (&json!("__error"), &json!("")));
    assert_eq!((&ended["payload"]["code"], &ended["payload"]["topic"]), (&json!("forbidden"), &json!("a:1")));

    // It lives on beyond the end of the first token, with the rights of the new one.
    tokio::time::sleep_until(begin_at + Duration::from_millis(2500)).await;
    spoke.send(envelope("b:1", 7)).await;
    assert_eq!(spoke.frame().await["payload"], 7);
}

/// A hub with the public key in this file takes this token.
async fn takes(public_key: &str, token: &str) -> Result<(), String> {
    let hub = Hub::start(&["--jwt-public-key-file", public_key]).await;
    takes_on(&hub, token).await
}

async fn takes_on(hub: &Hub, token: &str) -> Result<(), String> {
    let bearer = format!("Authorization: Bearer {token}\r\n{JSON}");
    let (head, problem) = ask(hub, "POST", "/events", &bearer, &envelope("a:1", 1)).await;
    if head.status == 202 { Ok(()) } else { Err(problem["detail"].as_str().unwrap().to_owned()) }
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(key_file(name)).unwrap()
}

fn private_key(name: &str) -> (Algorithm, EncodingKey) {
    let pem = pem(&format!("{name}.pem"));
    match name {
        "rsa" => (Algorithm::RS256, EncodingKey::from_rsa_pem(&pem).unwrap()),
        "ec" => (Algorithm::ES256, EncodingKey::from_ec_pem(&pem).unwrap()),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(&pem).unwrap()),
    }
}

#[tokio::test]
async fn public_keys_pin_the_algorithm() {
    let claims = json!({"publish": ["*"]});
    for name in ["rsa", "ec", "ed"] {
        let public = key_file(&format!("{name}.pub.pem"));
        let hub = Hub::start(&["--jwt-public-key-file", public.to_str().unwrap()]).await;
        let (algorithm, key) = private_key(name);
        let good = signed(&Header::new(algorithm), &key, claims.clone());
        assert_eq!(takes_on(&hub, &good).await, Ok(()), "{name}");
        // The public key as the secret of HS256, as whole file and without the end of its last line.
        for secret in
            [pem(&format!("{name}.pub.pem")).as_slice(), pem(&format!("{name}.pub.pem")).trim_ascii_end()]
        {
            let forged =
                signed(&Header::new(Algorithm::HS256), &EncodingKey::from_secret(secret), claims.clone());
            assert!(takes_on(&hub, &forged).await.unwrap_err().contains("another algorithm"));
        }
        for other in ["rsa", "ec", "ed"].into_iter().filter(|other| *other != name) {
            let (algorithm, key) = private_key(other);
            let forged = signed(&Header::new(algorithm), &key, claims.clone());
            assert!(
                takes_on(&hub, &forged).await.unwrap_err().contains("another algorithm"),
                "{other} for {name}"
            );
        }
    }
    let (_, rsa) = private_key("rsa");
    let other_rsa = signed(&Header::new(Algorithm::RS512), &rsa, claims);
    let public = key_file("rsa.pub.pem");
    assert!(takes(public.to_str().unwrap(), &other_rsa).await.unwrap_err().contains("another algorithm"));
}

#[tokio::test]
async fn of_several_keys_a_token_names_its_own() {
    let jwk = |name: &str| {
        let (algorithm, key) = private_key(name);
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = name.into();
        jwk
    };
    let folder = Folder::new();
    let path = folder.join("jwks.json");
    // One that is for something else, and one of an algorithm that is not spoken here.
    let mut for_encryption = jwk("ec");
    for_encryption["use"] = "enc".into();
    let mut unknown = jwk("rsa");
    (unknown["alg"], unknown["kid"]) = ("PS256".into(), "ps".into());
    let set = json!({"keys": [jwk("rsa"), jwk("ed"), for_encryption, unknown]});
    std::fs::write(&path, set.to_string()).unwrap();
    let hub = Hub::start(&["--jwt-public-key-file", path.to_str().unwrap()]).await;
    let with = |signer: &str, kid: Option<&str>| {
        let (algorithm, key) = private_key(signer);
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        signed(&header, &key, json!({"publish": ["*"]}))
    };
    for name in ["rsa", "ed"] {
        assert_eq!(takes_on(&hub, &with(name, Some(name))).await, Ok(()));
        assert!(takes_on(&hub, &with(name, None)).await.unwrap_err().contains("`kid`"));
    }
    for (signer, kid, why) in
        [("rsa", "ed", "another algorithm"), ("ec", "ec", "does not have"), ("rsa", "ps", "does not have")]
    {
        assert!(takes_on(&hub, &with(signer, Some(kid))).await.unwrap_err().contains(why), "{kid}");
    }
}

#[tokio::test]
async fn the_command_makes_tokens_that_the_hub_takes() {
    let guarded = Guarded::start(&[]).await;
    let folder = Folder::new();
    let secret = private_file(&folder.join("secret"), SECRET);
    let made = run(&[
        "token",
        "--jwt-secret-file",
        &secret,
        "--sub",
        "carol",
        "--subscribe",
        "a:1",
        "b:*",
        "--publish",
        "*",
        "--ttl",
        "10m",
        "--admin",
    ])
    .await
    .fine();
    let made = made.trim();
    let mut spoke = Spoke::connect_as(TcpStream::connect(guarded.hub.address).await.unwrap(), made).await;
    spoke.subscribe(&["a:1", "b"]).await;
    let proxied = format!("Authorization: Bearer {made}\r\nX-Forwarded-For: 192.0.2.1\r\n");
    assert_eq!(guarded.get("/stats", &proxied).await.0.status, 200);

    for name in ["rsa", "ec", "ed"] {
        let private = private_file(&folder.join(name), pem(&format!("{name}.pem")));
        let made = run(&["token", "--jwt-private-key-file", &private, "--sub", "carol", "--publish", "*"])
            .await
            .fine();
        let public = key_file(&format!("{name}.pub.pem"));
        assert_eq!(takes(public.to_str().unwrap(), made.trim()).await, Ok(()), "{name}");
    }

    let short = private_file(&folder.join("short"), "0123456789abcdef0123456789abcde\n");
    let refused = run(&["token", "--jwt-secret-file", &short, "--sub", "carol"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("31 bytes") && refused.stderr.contains("32"), "{}", refused.stderr);
    let refused = run(&["serve", "--listen", "127.0.0.1:0", "--jwt-secret-file", &short]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("31 bytes"), "{}", refused.stderr);

    for (file, why) in [("rsa", "private key"), ("short", "neither")] {
        let file = folder.join(file);
        let flags = ["serve", "--listen", "127.0.0.1:0", "--jwt-public-key-file", file.to_str().unwrap()];
        let refused = run(&flags).await;
        assert!(refused.code == Some(1) && refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_secret_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.join("secret");
    let secret = private_file(&path, SECRET);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let made = run(&["token", "--jwt-secret-file", &secret, "--sub", "carol"]).await;
    assert_eq!(made.code, Some(0));
    assert!(made.stderr.contains("everybody") && made.stderr.contains(&secret), "{}", made.stderr);
    assert_eq!(made.stdout.lines().count(), 1);
}

#[tokio::test]
async fn pub_and_sub_show_their_token() {
    let guarded = Guarded::start(&[]).await;
    let url = guarded.hub.url();
    let good = token(json!({"exp": in_seconds(60.0), "subscribe": ["a:*"], "publish": ["a:*"]}));
    let listening = program(&["sub", "a", "--count", "2", "--hub", &url, "--token", &good]).spawn().unwrap();
    let bearer = format!("Authorization: Bearer {good}\r\n");
    let listens = async {
        while guarded.get("/stats", &bearer).await.1["subscribers"].as_u64() < Some(1) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, listens).await.unwrap();
    run(&["pub", "a", "b", "1", "--hub", &url, "--token", &good]).await.fine();
    // As a variable it is seen by nobody who looks at processes; a file's line feed does no harm.
    let mut publishing = program(&["pub", "a", "b", "2", "--hub", &url]);
    publishing.env("ALK_HUB_TOKEN", format!("{good}\n"));
    ended(publishing.spawn().unwrap()).await.fine();
    assert_eq!(ended(listening).await.fine().lines().count(), 2);

    let file = private_file(&guarded.folder.join("token"), format!("{good}\n"));
    run(&["pub", "a", "b", "3", "--hub", &url, "--token-file", &file]).await.fine();
    let listening = run(&["sub", "a", "--timeout", "1ms", "--hub", &url, "--token-file", &file]).await;
    assert_eq!(listening.fine(), "");
    let both = run(&["pub", "a", "b", "3", "--token", &good, "--token-file", &file]).await;
    assert!(both.code == Some(2) && !both.stderr.contains(&good), "{both:?}");

    let forged = format!("{good}x");
    let forged_file = private_file(&guarded.folder.join("forged"), &forged);
    let refused = [&["--token", forged.as_str()][..], &["--token-file", &forged_file], &[]];
    for flags in refused {
        for command in [&["pub", "a", "b", "1"][..], &["sub", "a"]] {
            let all: Vec<&str> =
                command.iter().copied().chain(["--hub", &url]).chain(flags.iter().copied()).collect();
            let done = run(&all).await;
            assert!(done.code == Some(1) && done.stderr.contains("--token"), "{done:?}");
            assert!(!done.stderr.contains(&good), "{done:?}");
        }
    }
    // What it does not grant is refused.
    let done = run(&["pub", "b", "1", "1", "--hub", &url, "--token", &good]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
}
