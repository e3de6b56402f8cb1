//! What an event map does not let through.

#[test]
fn mistakes_that_the_compiler_finds() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
