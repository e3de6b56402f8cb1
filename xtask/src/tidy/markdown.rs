//! What a markdown document mentions.

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::workspace::Workspace;

/// Something that a document names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The text between backticks.
    Code(String),
    /// Where a link or an image points.
    Link(String),
}

/// The documents that have to stay true: those at the door and everything in `docs`. The change log tells of what was.
pub(super) fn documents(workspace: &Workspace) -> impl Iterator<Item = (&str, &str)> {
    workspace
        .texts(".md")
        .filter(|(path, _)| matches!(*path, "README.md" | "CONTRIBUTING.md") || path.starts_with("docs/"))
}

/// All mentions in a document, in their order. Code blocks are examples, not mentions.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    parser
        .filter_map(|(event, range)| {
            let what = match event {
                Event::Code(code) => What::Code(code.into_string()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    What::Link(dest_url.into_string())
                }
                _ => return None,
            };
            Some(Mention { line: text[..range.start].matches('\n').count() + 1, what })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Mention, What, documents, mentions};
    use crate::tidy::made_up::files;

    #[test]
    fn code_and_links_are_mentions_and_blocks_are_not() {
        let text = "# `a`\n\n[b](c.md)\n\n```rust\n`d`\n```\n\n| x |\n| --- |\n| `e` |\n";
        let code = |line, code: &str| Mention { line, what: What::Code(code.to_owned()) };
        let link = Mention { line: 3, what: What::Link("c.md".to_owned()) };
        assert_eq!(mentions(text), [code(1, "a"), link, code(11, "e")]);
    }

    #[test]
    fn the_change_log_and_other_crates_texts_are_not_looked_at() {
        let workspace =
            files(&[("README.md", ""), ("docs/adr/1.md", ""), ("CHANGELOG.md", ""), ("a/README.md", "")]);
        let paths: Vec<_> = documents(&workspace).map(|(path, _)| path).collect();
        assert_eq!(paths, ["README.md", "docs/adr/1.md"]);
    }
}
