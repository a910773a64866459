//! Generates the Rust code of the protobuf contract. `protox` parses it, so that the build
//! needs no `protoc`.

use std::path::PathBuf;

use prost::Message as _;

const CONTRACT: &str = "livegate/v1/session.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile([CONTRACT], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("livegate.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".livegate.v1.Image")
        .codec_path("crate::grpc::single_message::SingleMessageCodec")
        .compile_fds(descriptors)?;
    Ok(())
}
