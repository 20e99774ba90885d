//! README.md and the code say the same.

use blueprint::configuration::reference;

const README: &str = include_str!("../../../README.md");

#[test]
fn the_readme_has_the_reference_of_the_configuration() {
    let reference = reference();
    assert!(
        README.contains(reference.trim_end()),
        "the chapter Configuration of README.md differs from the code; it should hold what `cargo xtask settings` prints:\n\n\
         {reference}"
    );
}
