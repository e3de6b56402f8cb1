//! As much of the protocol as is needed to tell a server what to do.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A server's answer to [`Server::command`](super::Server::command).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status or a string.
    Text(String),
    /// A number.
    Number(i64),
    /// Nothing.
    Nil,
    /// Several.
    List(Vec<Reply>),
    /// The command failed.
    Error(String),
}

impl Reply {
    /// The text of a status or string; of anything else what it looks like.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Reply::Text(text) | Reply::Error(text) => text.clone(),
            other => format!("{other:?}"),
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Reply::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The members of a list.
    #[must_use]
    pub fn list(&self) -> &[Reply] {
        match self {
            Reply::List(list) => list,
            _ => &[],
        }
    }
}

/// Sends one command on a connection of its own.
pub(super) fn command<A: AsRef<[u8]>>(port: u16, arguments: &[A]) -> io::Result<Reply> {
    commands(port, std::iter::once(arguments))?.pop().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Sends commands on a connection of its own, one after the other.
pub(super) fn commands<'a, A: AsRef<[u8]> + 'a>(
    port: u16,
    commands: impl Iterator<Item = &'a [A]>,
) -> io::Result<Vec<Reply>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_nodelay(true)?;
    let mut replies = BufReader::new(&stream);
    commands
        .map(|arguments| {
            let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
            for argument in arguments.iter().map(AsRef::as_ref) {
                request.extend(format!("${}\r\n", argument.len()).bytes());
                request.extend(argument);
                request.extend(b"\r\n");
            }
            (&stream).write_all(&request)?;
            read(&mut replies)
        })
        .collect()
}

fn read(stream: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => number().map(Reply::Number),
        "$" => match number()? {
            ..0 => Ok(Reply::Nil),
            length => {
                let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)? + 2];
                stream.read_exact(&mut text)?;
                text.truncate(text.len() - 2);
                Ok(Reply::Text(String::from_utf8_lossy(&text).into_owned()))
            }
        },
        "*" => (0..number()?).map(|_| read(stream)).collect::<io::Result<_>>().map(Reply::List),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
