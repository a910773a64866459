//! Generates the client types from the contract. `protox` parses it, so `protoc` is
//! not needed.

const PROTO: &str = "../../proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let descriptors = protox::compile(["livegate/v1/session.proto"], [PROTO])?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".livegate.v1.Image")
        .compile_fds(descriptors)?;
    Ok(())
}
