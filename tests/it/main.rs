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
mod national;
mod outage;
mod registry;
mod running;
mod trqp;
