//! A second verifier, `tests/second/judge.py`, which shares no code with this project, judges the same cases.

mod anchors;
pub mod case;
mod chains;
mod claims;
mod logs;
mod made;
mod recognised;
mod served;
