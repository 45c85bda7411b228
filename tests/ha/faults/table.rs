//! All faults in the order in which they are done: what leaves most behind comes last.

use super::{Fault, around, denial, disk, frozen, heavy, parted, process, reader, restore, rolling};
use crate::{
    load::{Rates, USUAL},
    report::Limits,
};

/// A second and less of questions unanswered anywhere is a client's retry; none may be left without an answer.
const fn limits(write_gap: u64) -> Limits {
    Limits { write_gap: Some(write_gap), read_gap: Some(500), read_p99: Some(40), read_errors: Some(0) }
}

/// The loss of a node: Patroni's `ttl` of 20 s and a promotion.
const NODE: Limits = limits(30_000);
/// Figures of the fault itself alone.
const OWN: Limits = Limits { write_gap: None, read_gap: None, read_p99: None, read_errors: None };
/// An upgrade is done at 500 requests a second.
const ROLLING: Rates = Rates { writes: 100, reads: 400 };
/// The epoch moves each second, and the questions are the fault's own.
const EACH_SECOND: Rates = Rates { writes: 1, reads: 0 };

pub const FAULTS: &[Fault] = &[
    Fault {
        id: "R0",
        what: "none",
        limits: limits(500),
        rates: USUAL,
        short: 1,
        all: 3,
        act: process::nothing,
    },
    Fault {
        id: "R1",
        what: "the primary's Postgres is killed",
        limits: limits(5_000),
        rates: USUAL,
        short: 1,
        all: 3,
        act: process::postmaster,
    },
    Fault {
        id: "R5",
        what: "planned switchover",
        limits: limits(3_000),
        rates: USUAL,
        short: 1,
        all: 3,
        act: process::switchover,
    },
    Fault {
        id: "R6",
        what: "a standby is killed",
        limits: limits(1_000),
        rates: USUAL,
        short: 1,
        all: 3,
        act: process::standby,
    },
    Fault {
        id: "R16",
        what: "the witness stands still",
        limits: limits(1_000),
        rates: USUAL,
        short: 1,
        all: 3,
        act: around::witness,
    },
    Fault {
        id: "R17",
        what: "Redis frozen, poisoned, full, killed",
        limits: limits(1_000),
        rates: USUAL,
        short: 1,
        all: 3,
        act: around::redis,
    },
    Fault {
        id: "R2",
        what: "the primary's node is killed",
        limits: NODE,
        rates: USUAL,
        short: 1,
        all: 3,
        act: process::node,
    },
    Fault {
        id: "R3",
        what: "the primary's node frozen for 30 s",
        limits: NODE,
        rates: USUAL,
        short: 1,
        all: 20,
        act: frozen::node,
    },
    Fault {
        id: "R4",
        what: "the primary's Patroni frozen for 30 s",
        limits: limits(5_000),
        rates: USUAL,
        short: 0,
        all: 3,
        act: process::patroni,
    },
    Fault {
        id: "R7",
        what: "two of three etcd frozen for 60 s",
        limits: limits(1_000),
        rates: USUAL,
        short: 0,
        all: 3,
        act: parted::etcd,
    },
    Fault {
        id: "R8",
        what: "the primary's site cut off",
        limits: NODE,
        rates: USUAL,
        short: 1,
        all: 3,
        act: parted::primary,
    },
    Fault {
        id: "R9",
        what: "the primary cut off from etcd alone",
        limits: NODE,
        rates: USUAL,
        short: 0,
        all: 3,
        act: parted::from_etcd,
    },
    Fault {
        id: "R11",
        what: "cut off, 10 % of clients leave",
        limits: NODE,
        rates: USUAL,
        short: 0,
        all: 3,
        act: parted::leaving,
    },
    Fault {
        id: "R19",
        what: "5,000 clients ask for one key",
        limits: OWN,
        rates: EACH_SECOND,
        short: 0,
        all: 3,
        act: heavy::stampede,
    },
    Fault {
        id: "R20",
        what: "ten times the questions for 60 s",
        limits: OWN,
        rates: USUAL,
        short: 0,
        all: 3,
        act: heavy::overload,
    },
    Fault {
        id: "R24",
        what: "rolling restart of the servers",
        limits: limits(3_000),
        rates: ROLLING,
        short: 0,
        all: 3,
        act: rolling::restart,
    },
    Fault {
        id: "R33",
        what: "upgrade and back",
        limits: limits(3_000),
        rates: ROLLING,
        short: 0,
        all: 3,
        act: rolling::upgrade,
    },
    Fault {
        id: "R10",
        what: "disk of the primary full",
        limits: Limits { write_gap: Some(60_000), ..NODE },
        rates: USUAL,
        short: 0,
        all: 3,
        act: disk::full,
    },
    Fault {
        id: "R31",
        what: "all dead: break-glass denial",
        limits: OWN,
        rates: USUAL,
        short: 1,
        all: 3,
        act: denial::everything_dead,
    },
    Fault {
        id: "R18",
        what: "a server frozen for 10 s, another's clock behind",
        limits: OWN,
        rates: USUAL,
        short: 0,
        all: 3,
        act: reader::frozen,
    },
    Fault {
        id: "R27",
        what: "a server's clock an hour off",
        limits: OWN,
        rates: USUAL,
        short: 0,
        all: 1,
        act: around::clock,
    },
    Fault {
        id: "R12",
        what: "all sites lost: restore",
        limits: OWN,
        rates: USUAL,
        short: 0,
        all: 3,
        act: restore::drill,
    },
];
