//! What a Redis is like for a hub.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alk_pubsub::redis::{Error as RedisError, ErrorKind, RedisEventTarget};
use alk_pubsub::{Error, ErrorKind as CoreKind};

use super::clock::clock;
use super::finding::Finding;
use super::round_trip::{TYPE, round_trip};
use crate::cli::RedisUrl;
use crate::error::described;

/// The first that tells a client about itself, by which subscriptions are confirmed.
const LEAST_VERSION: (u32, u32) = (6, 2);
/// The server's own setting for what may wait for a subscriber, below which hubs are cut off sooner than they need be.
const OUTPUT_BUFFER: u64 = 32 << 20;

const PATTERNS: &str = "redis-psubscribe";
const PATTERN_RULES: &str = "Topics work, and whole types do not: Redis allows a pattern only where the user has a rule of the very \
                             same text.\nGive it all channels (`ACL SETUSER NAME allchannels`), or a rule for each type, \
                             written as above: `&PREFIX` `TYPE:*`.";

const QUESTIONS: &[&[&str]] =
    &[&["PING"], &["INFO", "server"], &["CONFIG", "GET", "client-output-buffer-limit"], &["TIME"]];

pub(super) async fn examine(url: &RedisUrl, prefix: &str, findings: &mut Vec<Finding>) {
    let before = SystemTime::now();
    let answers = RedisEventTarget::builder(url.secret()).ask(QUESTIONS).await;
    let after = before + before.elapsed().unwrap_or_default();
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            findings.push(unreachable(url, &error));
            return;
        }
    };
    findings.push(Finding::ok("redis-reachable", format!("{url} answers")));
    if let [_, info, limits, time] = answers.as_slice() {
        findings.push(version(info));
        findings.push(output_buffer(limits));
        findings.push(told_time(time, before, after));
    }
    rights(url, prefix, findings).await;
}

fn unreachable(url: &RedisUrl, error: &RedisError) -> Finding {
    let advice = match error.kind() {
        ErrorKind::Auth => "Give the user and password that it knows: redis://USER:PASSWORD@HOST:PORT.",
        ErrorKind::Config => {
            "Write the URL as in redis://HOST:PORT, redis-cluster://… or redis-sentinel://…, with TLS rediss://…."
        }
        ErrorKind::Tls => {
            "Is it rediss:// that it speaks, and is its certificate one that this machine trusts?"
        }
        _ => "Is it running there, and may this machine reach it? Try `redis-cli -u URL ping`.",
    };
    Finding::fail("redis-reachable", format!("{url}: {}", described(error)), advice)
}

type Answer = Result<Vec<String>, RedisError>;

fn version(info: &Answer) -> Finding {
    const CHECK: &str = "redis-version";
    let info = match info {
        Ok(lines) => lines.join("\n"),
        Err(error) => {
            return Finding::warn(
                CHECK,
                format!("cannot be told: {}", described(error)),
                "A hub works without, from Redis 6.2 on. `ACL SETUSER … +info` lets the doctor look.",
            );
        }
    };
    let field = |name: &str| info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    let Some(found) = field("redis_version") else {
        return Finding::warn(CHECK, "it does not tell", "A hub needs what Redis 6.2 can do.");
    };
    let mut numbers = found.split('.').map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let name = match field("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => format!("Redis {found}"),
    };
    let name = format!("{name}, {}", field("redis_mode").unwrap_or("standalone"));
    if version < LEAST_VERSION {
        return Finding::fail(
            CHECK,
            name,
            "A hub needs RESP3 and CLIENT INFO, which are there from Redis 6.2 on: upgrade.",
        );
    }
    Finding::ok(CHECK, name)
}

fn output_buffer(limits: &Answer) -> Finding {
    const CHECK: &str = "redis-output-buffer";
    const SET: &str = "Redis keeps what a hub has not read yet, and cuts the hub off at this limit: then all its clients see a \
                       gap.\nSet it to what a busy second holds, for example\n  CONFIG SET client-output-buffer-limit \
                       \"pubsub 64mb 16mb 60\"";
    let answer = match limits {
        Ok(answer) => answer.join(" "),
        Err(error) => {
            return Finding::warn(
                CHECK,
                format!("cannot be told: {}", described(error)),
                "Ask who runs it for `CONFIG GET client-output-buffer-limit`: of pubsub it should be 32 MiB or more.",
            );
        }
    };
    let words: Vec<&str> = answer.split_ascii_whitespace().collect();
    let limits = words.iter().position(|word| *word == "pubsub").and_then(|at| words.get(at + 1..at + 4));
    let numbers =
        limits.map(|limits| limits.iter().filter_map(|number| number.parse().ok()).collect::<Vec<u64>>());
    let Some([hard, soft, seconds]) = numbers.as_deref() else {
        return Finding::warn(CHECK, "it does not tell", SET);
    };
    let message = format!("pubsub: {} at once, {} for {seconds} s", size(*hard), size(*soft));
    match (*hard, *soft) {
        (0, 0) => Finding::warn(
            CHECK,
            message,
            "There is no limit: a hub that hangs has Redis grow until the machine is full.\nSet one, for example\n  CONFIG \
             SET client-output-buffer-limit \"pubsub 64mb 16mb 60\"",
        ),
        (1..OUTPUT_BUFFER, _) => Finding::warn(CHECK, message, SET),
        _ => Finding::ok(CHECK, message),
    }
}

fn size(bytes: u64) -> String {
    if bytes == 0 {
        "any number of bytes".to_owned()
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

fn told_time(time: &Answer, asked: SystemTime, answered: SystemTime) -> Finding {
    const CHECK: &str = "redis-clock";
    const NOTHING: &str = "Nothing depends on it but that times in logs can be compared.";
    let time = match time {
        Ok(time) => time,
        Err(error) => {
            return Finding::warn(
                CHECK,
                format!("cannot be told: {}", described(error)),
                format!("{NOTHING} `ACL SETUSER … +time` lets the doctor look."),
            );
        }
    };
    let numbers: Vec<u64> = time.iter().filter_map(|number| number.parse().ok()).collect();
    let [seconds, micros] = numbers[..] else { return Finding::warn(CHECK, "it does not tell", NOTHING) };
    let since = Duration::from_secs(seconds).checked_add(Duration::from_micros(micros));
    let Some(theirs) = since.and_then(|since| UNIX_EPOCH.checked_add(since)) else {
        return Finding::warn(CHECK, format!("it tells a time that no clock has: {seconds} s"), NOTHING);
    };
    clock(CHECK, theirs, Duration::ZERO, asked, answered)
}

/// What a hub does all day, done once.
async fn rights(url: &RedisUrl, prefix: &str, findings: &mut Vec<Finding>) {
    let target = match RedisEventTarget::builder(url.secret()).prefix(prefix).connect().await {
        Ok(target) => target,
        Err(error) => {
            findings.push(unreachable(url, &error));
            return;
        }
    };
    let trip = round_trip(target).await;
    let steps = [
        ("redis-subscribe", "topics can be listened to", &trip.topic),
        (PATTERNS, "types can be listened to", &trip.pattern),
        ("redis-publish", "events can be published", &trip.publish),
    ];
    for (check, message, outcome) in steps {
        findings.push(match outcome {
            Ok(()) => Finding::ok(check, message),
            // Redis takes a pattern for what it is only where a rule of the user is the very same text.
            Err(error) if check == PATTERNS && trip.topic.is_ok() && error.kind() == CoreKind::Denied => {
                Finding::warn(check, described(error), PATTERN_RULES)
            }
            Err(error) => Finding::fail(check, described(error), advice(error, prefix)),
        });
    }
    let all_granted = steps.iter().all(|(_, _, outcome)| outcome.is_ok());
    match trip.took {
        Some(took) => {
            findings.push(Finding::ok("redis-round-trip", format!("an event came back after {took:.1?}")));
        }
        None if all_granted => findings.push(Finding::fail(
            "redis-round-trip",
            format!("an event of type `{TYPE}` was published, and has not come back"),
            "Does this URL lead to one server, or to several that know nothing of each other?",
        )),
        None => {}
    }
}

fn advice(error: &Error, prefix: &str) -> String {
    if error.kind() == CoreKind::Denied {
        format!(
            "The user needs these commands and channels:\n  ACL SETUSER NAME +subscribe +psubscribe +unsubscribe \
             +punsubscribe +publish +ping +client|info &{prefix}*"
        )
    } else {
        "Try again; if it stays so, the server's log knows more.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::finding::Level;
    use super::{told_time, version};

    #[test]
    fn old_servers_are_told_from_new_ones() {
        for (info, level, words) in [
            ("# Server\r\nredis_version:7.2.4\r\nredis_mode:cluster\r\n", Level::Ok, "Redis 7.2.4, cluster"),
            ("redis_version:6.2.0", Level::Ok, "Redis 6.2.0, standalone"),
            ("redis_version:6.0.16", Level::Fail, "upgrade"),
            ("redis_version:5", Level::Fail, "upgrade"),
            ("redis_version:10.0.0-rc1", Level::Ok, "Redis 10.0.0-rc1"),
            // It says what it is compatible with as well.
            ("redis_version:7.2.4\r\nvalkey_version:8.1.0", Level::Ok, "Valkey 8.1.0"),
            ("redis_version:unknown", Level::Fail, "upgrade"),
            ("# Server\r\n", Level::Warn, "does not tell"),
            ("", Level::Warn, "does not tell"),
        ] {
            let finding = version(&Ok(vec![info.to_owned()]));
            assert_eq!(finding.level, level, "{info}");
            assert!(finding.to_string().contains(words), "{finding}");
        }
    }

    #[test]
    fn what_time_says_is_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        for (time, level, words) in [
            (&["1000", "500"][..], Level::Ok, "less than 2 s"),
            (&["1003", "500000"], Level::Warn, "3.5 s ahead"),
            (&["990", "0"], Level::Warn, "10.0 s behind"),
            (&["18446744073709551615", "0"], Level::Warn, "no clock has"),
            (&["18446744073709551615", "18446744073709551615"], Level::Warn, "no clock has"),
            (&["1000"], Level::Warn, "does not tell"),
            (&["soon", "0"], Level::Warn, "does not tell"),
            (&[], Level::Warn, "does not tell"),
        ] {
            let finding = told_time(&Ok(time.iter().map(|&text| text.to_owned()).collect()), now, now);
            assert_eq!(finding.level, level, "{time:?}");
            assert!(finding.to_string().contains(words), "{finding}");
        }
    }
}
