//! Compiles the protocol's messages and services with a compiler written in Rust: no `protoc` has to be installed.

use std::error::Error;

const FILES: [&str; 5] =
    ["shared.proto", "streams.proto", "persistent.proto", "features.proto", "gossip.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let mut messages = tonic_prost_build::Config::new();
    messages.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".")
        .include_file("protocol.rs")
        .compile_fds_with_config(descriptors, messages)?;
    Ok(())
}
