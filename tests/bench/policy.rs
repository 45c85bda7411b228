//! What it costs to ask the table of rights: every measure and every action, of somebody whose last role decides and
//! whose credential is limited. The slowest case of all is what counts.

use std::{hint::black_box, time::Instant};

use charter_domain::{
    measure::Measure,
    policy::{self, Action, Power, Right, rights},
    staff::{Role, Staff, StaffId},
};

use crate::report::Samples;

const TIMES: u32 = 100_000;

pub fn run(samples: &mut Samples) {
    let only = Measure::ALL.map(Power::Propose).into_iter().chain(Action::ALL.map(Power::Act)).collect();
    let roles = Role::ALL.into();
    let staff = Staff { id: StaffId(1), roles, service: false, stepped_up: true, only: Some(only) };
    let rights = Measure::ALL.map(|measure| {
        micros(|| {
            rights::role_for(black_box(&staff), black_box(Right::Propose), black_box(measure)).is_some()
        })
    });
    let actions =
        Action::ALL.map(|action| micros(|| policy::allow(black_box(&staff), black_box(action)).is_ok()));
    let slowest = rights.into_iter().chain(actions).fold(0.0, f64::max);
    samples.add("policy_us", slowest);
}

fn micros(check: impl Fn() -> bool) -> f64 {
    let started = Instant::now();
    for _ in 0..TIMES {
        black_box(check());
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}
