use std::io::{self, Write};

use super::finding::{Finding, Level};
use super::{hub, redis};
use crate::cli::DoctorArgs;
use crate::error::Error;
use crate::remote::Credentials;

/// Looks at what is named and prints what it finds.
pub(crate) async fn doctor(arguments: DoctorArgs) -> Result<(), Error> {
    let DoctorArgs { redis, prefix, hub, bearer, ca_file, json } = arguments;
    let hub = hub.or_else(|| redis.is_none().then(Default::default));
    // Only where there is somebody to show them.
    let hub = match hub {
        Some(url) => Some((url, Credentials::read(bearer, ca_file.as_deref())?)),
        None => None,
    };
    let mut findings = Vec::new();
    if let Some(url) = redis {
        redis::examine(&url, &prefix, &mut findings).await;
    }
    if let Some((url, credentials)) = hub {
        hub::examine(&url, &credentials, &mut findings).await;
    }
    let healthy = findings.iter().all(|finding| finding.level != Level::Fail);
    // Nobody needs to be there to read it.
    let _ = print(&findings, healthy, json);
    if healthy { Ok(()) } else { Err(Error::Unhealthy) }
}

fn print(findings: &[Finding], healthy: bool, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({"healthy": healthy, "findings": findings}))?;
    } else {
        for finding in findings {
            write!(out, "{finding}")?;
        }
    }
    out.flush()
}
