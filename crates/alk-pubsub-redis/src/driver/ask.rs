//! Commands that have nothing to do with events.

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};

use super::fred::{connect, error};
use super::fred_config::FredConfig;
use crate::error::Error;

/// Sends these commands on a connection of their own, one after the other.
pub(crate) async fn ask(
    config: FredConfig,
    commands: &[&[&str]],
) -> Result<Vec<Result<Vec<String>, Error>>, Error> {
    let performance = FredConfig::performance(32);
    let client = Client::new(config.client, Some(performance), Some(config.connection), None);
    let _connected = connect(&client).await?;
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        let (name, arguments) = command.split_first().unwrap_or((&"PING", &[]));
        let custom = CustomCommand::new((*name).to_owned(), ClusterHash::Random, false);
        let answer: Result<Value, _> = client.custom(custom, arguments.to_vec()).await;
        answers.push(answer.map(flat).map_err(error));
    }
    Ok(answers)
}

fn flat(value: Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.into_iter().flat_map(flat).collect(),
        Value::Map(map) => map
            .inner()
            .into_iter()
            .flat_map(|(key, value)| std::iter::once(key.as_str_lossy().into_owned()).chain(flat(value)))
            .collect(),
        value => value.into_string().into_iter().collect(),
    }
}
