//! The example of the first page runs, and is the one that stands there.

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("readme/sixty_seconds.rs");

mod sixty_seconds {
    include!("readme/sixty_seconds.rs");

    #[test]
    fn runs() {
        main().expect("what the page says is true");
    }
}

#[test]
fn the_example_is_on_the_page_word_for_word() {
    let block = format!("```rust\n{EXAMPLE}```");
    assert!(
        README.contains(&block),
        "README.md has another example than tests/readme/sixty_seconds.rs; copy it"
    );
    assert_eq!(README.matches("```rust").count(), 1, "examples that are not here are not run");
}
