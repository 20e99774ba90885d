//! Chaos at the size that runs with all other tests: what `cargo xtask chaos` does, in short.

mod crash;
mod pipeline;
mod random;
