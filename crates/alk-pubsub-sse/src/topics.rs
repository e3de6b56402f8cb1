//! The topics of a request.

use alk_pubsub_core::{Interest, NameError};
use percent_encoding::percent_decode_str;

use crate::config::Config;
use crate::problem::{Code, Problem};

/// The interests that a query names, each once.
///
/// Parameters other than `topic` are somebody else's.
pub(crate) fn parse(query: &str, config: &Config) -> Result<Vec<Interest>, Problem> {
    let mut interests = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name != "topic" {
            continue;
        }
        let interest = interest(value, config)?;
        if interests.contains(&interest) {
            continue;
        }
        if interests.len() >= config.max_topics {
            let detail = format!("at most {} topics", config.max_topics);
            return Err(Problem::new(Code::TooManyTopics, detail).with("max_topics", config.max_topics));
        }
        interests.push(interest);
    }
    if interests.is_empty() {
        let detail = "say which topics: ?topic=session.status:p1&topic=message.updated";
        return Err(Problem::new(Code::BadTopic, detail));
    }
    Ok(interests)
}

fn interest(value: &str, config: &Config) -> Result<Interest, Problem> {
    // As forms are encoded: a plus is a space.
    let value = value.replace('+', " ");
    let bytes = percent_decode_str(&value);
    let Ok(text) = bytes.clone().decode_utf8() else {
        let topic = bytes.decode_utf8_lossy();
        return Err(
            Problem::new(Code::BadTopic, format!("topic `{topic}`: it is not UTF-8")).with("topic", &*topic)
        );
    };
    let refused =
        |code, why: &str| Problem::new(code, format!("topic `{text}`: {why}")).with("topic", &*text);
    match text.parse() {
        Ok(Interest::Everything) if !config.allow_everything => {
            Err(refused(Code::Forbidden, "everything at once is not allowed here"))
        }
        Ok(interest) => Ok(interest),
        Err(error @ NameError::ReservedType) => Err(refused(Code::ReservedType, error.message())),
        Err(error) => Err(refused(Code::BadTopic, error.message())),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::config::Config;
    use crate::problem::Code;

    fn parsed(query: &str) -> Result<Vec<String>, Code> {
        let config = Config { max_topics: 3, ..Config::default() };
        let interests = parse(query, &config).map_err(|problem| problem.code())?;
        Ok(interests.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn topics_and_types_each_once() {
        assert_eq!(parsed("topic=a:1&x=y&topic=b&topic=a:1&token"), Ok(vec!["a:1".into(), "b".into()]));
    }

    #[test]
    fn what_is_encoded_is_decoded_once() {
        assert_eq!(parsed("topic=a%3Ab%2520c+d"), Ok(vec!["a:b%20c d".into()]));
        assert_eq!(parsed("topic=a:%C3%A4+%2B"), Ok(vec!["a:\u{e4} +".into()]));
    }

    #[test]
    fn refusals() {
        for (query, code) in [
            ("", Code::BadTopic),
            ("topics=a", Code::BadTopic),
            ("topic", Code::BadTopic),
            ("topic=a&topic=-", Code::BadTopic),
            ("topic=a:%00", Code::BadTopic),
            ("topic=a:%0Aevent", Code::BadTopic),
            ("topic=a:%ff", Code::BadTopic),
            ("topic=__gap", Code::ReservedType),
            ("topic=*", Code::Forbidden),
            ("topic=a&topic=b&topic=c&topic=d", Code::TooManyTopics),
        ] {
            assert_eq!(parsed(query), Err(code), "{query}");
        }
    }
}
