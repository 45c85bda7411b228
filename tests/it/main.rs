//! One binary for all tests through the doors; modules by noun.

mod architecture;
mod bad_input;
mod batch;
mod demo;
mod docs;
mod evidence;
mod federation;
mod import;
mod issuer;
mod kept;
mod lying;
mod national;
mod outage;
mod peer;
mod rebuild;
mod redis_faults;
mod registry;
mod renewal;
mod replay;
mod rls;
mod running;
mod stale;
mod store;
mod trqp;
mod walks;
