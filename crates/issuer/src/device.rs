//! Devices that wait for somebody to sign in elsewhere (RFC 8628). Time is an argument.

use std::{collections::HashMap, time::Duration};

use charter_domain::Timestamp;

use crate::{
    grant::{Refusal, Session},
    keys,
};

pub const LIFETIME: Duration = Duration::from_secs(600);
/// What `slow_down` adds (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// More that wait at once are not somebody who tries the demonstration.
const MOST: usize = 1_000;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub client_id: String,
    pub scope: String,
    pub step_up: bool,
}

#[derive(Debug, Clone)]
struct Device {
    wish: Wish,
    user_code: String,
    expires: Timestamp,
    interval: Duration,
    polled: Option<Timestamp>,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Pending,
    Denied,
    Granted(Session),
}

/// By device code.
#[derive(Debug, Default)]
pub struct Devices(HashMap<String, Device>);

impl Devices {
    /// The code of the device, and the one that its person types.
    pub fn begin(
        &mut self,
        wish: Wish,
        interval: Duration,
        now: Timestamp,
    ) -> Result<(String, String), Refusal> {
        // Kept for a while after their end, so that a device is told that its code has expired.
        self.0.retain(|_, device| now < device.expires.plus(LIFETIME));
        if self.0.len() >= MOST {
            return Err(Refusal::ServerError);
        }
        let (code, user_code) = (keys::random(), keys::user_code());
        let device = Device {
            wish,
            user_code: user_code.clone(),
            expires: now.plus(LIFETIME),
            interval,
            polled: None,
            state: State::Pending,
        };
        self.0.insert(code.clone(), device);
        Ok((code, user_code))
    }

    /// What waits for a decision under a code, however it is typed.
    pub fn waiting(&self, typed: &str, now: Timestamp) -> Option<&Wish> {
        let device = self.0.values().find(|device| device.waits_under(typed, now))?;
        Some(&device.wish)
    }

    /// A person signs in, or refuses. False when nothing waits under the code.
    pub fn decide(&mut self, typed: &str, who: Option<(&str, bool)>, now: Timestamp) -> bool {
        let Some(device) = self.0.values_mut().find(|device| device.waits_under(typed, now)) else {
            return false;
        };
        device.state = who.map_or(State::Denied, |(subject, stepped_up)| {
            State::Granted(Session {
                client_id: device.wish.client_id.clone(),
                subject: subject.to_owned(),
                scope: device.wish.scope.clone(),
                stepped_up,
                auth_time: now,
            })
        });
        true
    }

    /// A device asks; what was granted is given out once.
    pub fn poll(&mut self, code: &str, client_id: &str, now: Timestamp) -> Result<Session, Refusal> {
        let device = self.0.get_mut(code).filter(|device| device.wish.client_id == client_id);
        let device = device.ok_or(Refusal::InvalidGrant)?;
        if now >= device.expires {
            return Err(Refusal::ExpiredToken);
        }
        let early = device.polled.is_some_and(|polled| now.since(polled) < device.interval);
        device.polled = Some(now);
        match &device.state {
            State::Pending if early => {
                device.interval = device.interval.saturating_add(SLOWER);
                Err(Refusal::SlowDown)
            }
            State::Pending => Err(Refusal::AuthorizationPending),
            State::Denied => {
                self.0.remove(code);
                Err(Refusal::AccessDenied)
            }
            State::Granted(session) => {
                let session = session.clone();
                self.0.remove(code);
                Ok(session)
            }
        }
    }
}

impl Device {
    fn waits_under(&self, typed: &str, now: Timestamp) -> bool {
        let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>();
        matches!(self.state, State::Pending)
            && now < self.expires
            && letters(typed).eq_ignore_ascii_case(&letters(&self.user_code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Duration = Duration::from_secs(5);

    fn wish() -> Wish {
        Wish { client_id: "cli".to_owned(), scope: "openid".to_owned(), step_up: false }
    }

    #[test]
    fn a_device_waits_is_slowed_down_and_is_served_once() {
        let (mut devices, now) = (Devices::default(), Timestamp::from_secs(1_000));
        let (code, typed) = devices.begin(wish(), EACH, now).expect("begun");
        let after = |secs| now.plus(Duration::from_secs(secs));
        assert_eq!(devices.poll(&code, "cli", after(0)), Err(Refusal::AuthorizationPending));
        assert_eq!(devices.poll(&code, "cli", after(4)), Err(Refusal::SlowDown));
        assert_eq!(devices.poll(&code, "cli", after(9)), Err(Refusal::SlowDown), "10 s by now");
        assert_eq!(devices.poll(&code, "cli", after(24)), Err(Refusal::AuthorizationPending));
        assert_eq!(devices.poll(&code, "other", after(24)), Err(Refusal::InvalidGrant));
        assert!(devices.waiting("nothing", after(24)).is_none());
        let typed = typed.to_lowercase().replace('-', " ");
        assert!(devices.decide(&typed, Some(("aino", true)), after(25)));
        assert!(!devices.decide(&typed, None, after(25)), "decided once");
        let session = devices.poll(&code, "cli", after(26)).expect("granted");
        assert_eq!((session.subject.as_str(), session.stepped_up), ("aino", true));
        assert_eq!(devices.poll(&code, "cli", after(60)), Err(Refusal::InvalidGrant));
    }

    #[test]
    fn a_refused_and_a_late_device_get_nothing() {
        let (mut devices, now) = (Devices::default(), Timestamp::from_secs(1_000));
        let (refused, typed) = devices.begin(wish(), EACH, now).expect("begun");
        assert!(devices.decide(&typed, None, now));
        assert_eq!(devices.poll(&refused, "cli", now), Err(Refusal::AccessDenied));
        let (late, typed) = devices.begin(wish(), EACH, now).expect("begun");
        let end = now.plus(LIFETIME);
        assert_eq!(devices.poll(&late, "cli", end), Err(Refusal::ExpiredToken));
        assert!(!devices.decide(&typed, Some(("aino", false)), end));
    }

    #[test]
    fn no_more_than_a_thousand_wait() {
        let (mut devices, now) = (Devices::default(), Timestamp::from_secs(0));
        for _ in 0..MOST {
            devices.begin(wish(), EACH, now).expect("begun");
        }
        assert_eq!(devices.begin(wish(), EACH, now), Err(Refusal::ServerError));
        assert!(devices.begin(wish(), EACH, now.plus(2 * LIFETIME)).is_ok());
    }
}
