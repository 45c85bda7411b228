//! Compiles the protobuf files without a system protoc; the same descriptors feed reflection.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: &[&str] = &[
    "trqp/v2/trqp.proto",
    "charter/registry/v1/application.proto",
    "charter/registry/v1/registry.proto",
    "charter/registry/v1/import.proto",
    "charter/registry/v1/audit.proto",
    "charter/registry/v1/event.proto",
    "charter/registry/v1/key.proto",
    "charter/registry/v1/governance.proto",
    "charter/registry/v1/privacy.proto",
    "charter/registry/v1/schema.proto",
    "charter/registry/v1/life.proto",
    "charter/registry/v1/webhook.proto",
    "charter/registry/v1/policy.proto",
    "charter/registry/v1/procedure.proto",
    "charter/registry/v1/credential.proto",
    "charter/registry/v1/superior.proto",
    "charter/registry/v1/log.proto",
    "charter/registry/v1/witness.proto",
    "charter/federation/v1/federation.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for dir in ["trqp", "charter"] {
        println!("cargo:rerun-if-changed={dir}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let fds = compiler.file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // As compiled: prost drops the classes of fields when it encodes them again.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().compile_fds(fds)?;
    Ok(())
}
