//! EBSI as a superior: chains of accreditations as a Trusted Issuers Registry serves them, judged over real HTTP, and
//! questions that are answered through them. Registry and parties are the test's own; no institution's DID is asked for.

mod faults;
mod hostile;
mod mounted;
mod recorded;
