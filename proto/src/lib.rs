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
