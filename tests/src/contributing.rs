//! The examples in CONTRIBUTING.md, compiled and run as doc tests.

#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
struct Contributing;
