//! Generates the client types from the contract, without `protoc`: `protox` parses
//! it. The server types are for this crate's tests alone.

use std::path::PathBuf;

const PROTO: &str = "../../proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let contract = protox::compile(["livegate/v1/session.proto"], [PROTO])?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".livegate.v1.Image")
        .compile_fds(contract.clone())?;

    let test_server = PathBuf::from(std::env::var("OUT_DIR")?).join("test_server");
    std::fs::create_dir_all(&test_server)?;
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".livegate.v1", "::livegate_client::v1")
        .out_dir(test_server)
        .compile_fds(contract)?;
    Ok(())
}
