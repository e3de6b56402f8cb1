//! Counting lines of code: what is neither comment, documentation, attribute nor blank.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// The number of lines on which a token stands that is no part of an attribute.
///
/// Comments are no tokens, and documentation is an attribute by the time it is one.
pub(super) fn count(source: &str) -> Result<usize> {
    let tokens: TokenStream = source.parse().map_err(|error| anyhow!("cannot read it as Rust: {error}"))?;
    let mut lines = BTreeSet::new();
    collect(tokens, &mut lines);
    Ok(lines.len())
}

fn collect(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if let TokenTree::Punct(hash) = &token
            && hash.as_char() == '#'
        {
            let bang = tokens.next_if(|next| matches!(next, TokenTree::Punct(bang) if bang.as_char() == '!'));
            let attribute = tokens.next_if(
                |next| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket),
            );
            if bang.is_some() || attribute.is_some() {
                continue;
            }
        }
        match token {
            TokenTree::Group(group) => {
                add(group.span_open(), lines);
                collect(group.stream(), lines);
                add(group.span_close(), lines);
            }
            token => add(token.span(), lines),
        }
    }
}

fn add(span: Span, lines: &mut BTreeSet<usize>) {
    lines.extend(span.start().line..=span.end().line);
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn comments_documentation_attributes_and_blank_lines_do_not_count() {
        let source = "\
//! What it is.
#![allow(
    dead_code
)]

// why
/* and
why not */
/// A thing.
#[derive(
    Debug
)]
pub struct Thing;
";
        assert_eq!(count(source).unwrap(), 1);
    }

    #[test]
    fn everything_else_counts_once_a_line() {
        assert_eq!(count("fn f() {\n    g(); h();\n    let s = \"a\n    b\";\n}\n").unwrap(), 5);
        assert_eq!(count("").unwrap(), 0);
    }

    #[test]
    fn what_is_not_rust_is_an_error() {
        assert!(count("fn (").is_err());
    }
}
