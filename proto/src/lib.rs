//! Generated protobuf types and service stubs. They stop at the edge: only doors, the federation protocol and the
//! client see them.

pub mod trqp {
    pub mod v2 {
        tonic::include_proto!("trqp.v2");
    }
}

pub mod charter {
    pub mod registry {
        pub mod v1 {
            tonic::include_proto!("charter.registry.v1");
        }
    }
    pub mod federation {
        pub mod v1 {
            tonic::include_proto!("charter.federation.v1");
        }
    }
}

/// All descriptors, for gRPC server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The path of every method, such as `/charter.registry.v1.RegistryService/GetEntity`.
pub fn methods() -> Vec<String> {
    use prost::Message as _;
    let files = prost_types::FileDescriptorSet::decode(DESCRIPTORS).map(|set| set.file).unwrap_or_default();
    let mut paths = Vec::new();
    for file in files {
        for service in &file.service {
            let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            paths.extend(service.method.iter().map(|m| path(m.name())));
        }
    }
    paths
}
