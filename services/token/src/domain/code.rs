//! Codes by which a signed-in user is asked to let a portal run as them (spec §6, RFC 8628).

use chrono::TimeDelta;
use kit::ambient::Instant;
use uuid::Uuid;

use super::tag::Tag;

/// How long a code lives.
pub(crate) const LIFE: TimeDelta = TimeDelta::minutes(5);
/// How many seconds a requester waits between tries.
pub(crate) const INTERVAL_SECONDS: u32 = 5;
/// With so many wrong secrets a code is burnt.
pub(crate) const MOST_WRONG_SECRETS: i32 = 5;
/// The most codes of one portal that one address may have waiting.
pub(crate) const MOST_OF_REQUESTER: u64 = 20;
/// The most codes of one portal that may wait.
pub(crate) const MOST_OF_PORTAL: u64 = 1000;

/// That a requester tries is written no more often than this.
pub(crate) const POLLED_EVERY: TimeDelta = TimeDelta::seconds(1);

const LENGTH: usize = 22;

/// Where a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody has decided.
    Pending,
    /// The user said yes.
    Approved,
    /// The user said no.
    Denied,
    /// A token was made of it.
    Exchanged,
    /// It came to nothing: wrong secrets, or what it was for is gone.
    Burnt,
}

impl State {
    /// The word that rows carry.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Exchanged => "exchanged",
            Self::Burnt => "burnt",
        }
    }

    /// The state of that [`State::word`].
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let states = [Self::Pending, Self::Approved, Self::Denied, Self::Exchanged, Self::Burnt];
        states.into_iter().find(|state| state.word() == word)
    }
}

/// A code that was found.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) uuid: Uuid,
    pub(crate) tag: Tag,
    pub(crate) secret_tag: Tag,
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) state: State,
    pub(crate) requester_ip: Option<String>,
    pub(crate) requester_agent: Option<String>,
    pub(crate) created_at: Instant,
    pub(crate) expires_at: Instant,
    /// When the requester's last try was written.
    pub(crate) polled_at: Option<Instant>,
    /// Who decided.
    pub(crate) user: Option<Uuid>,
}

/// A code to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewCode {
    pub(crate) uuid: Uuid,
    /// Of the code and its secret, under one key.
    pub(crate) tags: (Tag, Tag),
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) requester_ip: Option<String>,
    /// What the requester's codes are counted by.
    pub(crate) requester_network: Option<String>,
    pub(crate) requester_agent: Option<String>,
    pub(crate) created_at: Instant,
}

/// What a requester who holds the secret is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No token will ever come of it.
    Ended,
    /// Its time is over.
    Expired,
    /// The user said no.
    Denied,
    /// Nobody has decided.
    Waiting,
    /// This user said yes.
    Approved(Uuid),
}

/// Whether `text` may be a code: 22 base62 characters.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Writes a code: 16 random bytes, big-endian, in base62 of fixed width. Not of a credential's form: it stands in a URL, and
/// is of no use without its secret.
pub(crate) fn write(random: &[u8; 16]) -> String {
    kit::credential::encode(random, LENGTH)
}

impl Code {
    /// Whether its time is over; the instant of expiry itself is past it.
    pub(crate) fn has_expired(&self, now: Instant) -> bool {
        self.expires_at <= now
    }

    /// Whether this code was asked for with one of `codes`. Compared in constant time.
    pub(crate) fn is_of(&self, codes: &[Tag]) -> bool {
        codes.iter().any(|candidate| candidate.is(&self.tag))
    }

    /// Whether one of `secrets` is its secret. Compared in constant time.
    pub(crate) fn has_secret(&self, secrets: &[Tag]) -> bool {
        secrets.iter().any(|candidate| candidate.is(&self.secret_tag))
    }

    /// Whether a wrong secret still does it harm.
    pub(crate) fn can_burn(&self, now: Instant) -> bool {
        !self.has_expired(now) && matches!(self.state, State::Pending | State::Approved | State::Denied)
    }

    /// Whether the requester waited long enough since the last try.
    pub(crate) fn has_rested(&self, now: Instant) -> bool {
        self.polled_at.is_none_or(|at| at + interval() <= now)
    }

    /// Whether it is time to write that the requester tries.
    pub(crate) fn is_poll_due(&self, now: Instant) -> bool {
        self.polled_at.is_none_or(|at| at + POLLED_EVERY <= now)
    }

    /// What someone who holds the secret is told now.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match (self.state, self.user) {
            (State::Exchanged | State::Burnt, _) | (State::Approved, None) => Standing::Ended,
            _ if self.has_expired(now) => Standing::Expired,
            (State::Denied, _) => Standing::Denied,
            (State::Approved, Some(user)) => Standing::Approved(user),
            (State::Pending, _) => Standing::Waiting,
        }
    }
}

/// [`INTERVAL_SECONDS`].
pub(crate) fn interval() -> TimeDelta {
    TimeDelta::seconds(INTERVAL_SECONDS.into())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn code(state: State, user: Option<Uuid>) -> Code {
        let tag = Tag { key_id: "k1".into(), bytes: vec![1; 32] };
        Code {
            uuid: Uuid::nil(),
            tag: tag.clone(),
            secret_tag: Tag { bytes: vec![2; 32], ..tag },
            organization: Uuid::nil(),
            portal: Uuid::nil(),
            state,
            requester_ip: None,
            requester_agent: None,
            created_at: at(0),
            expires_at: at(300),
            polled_at: None,
            user,
        }
    }

    #[test]
    fn codes_are_22_characters_of_fixed_width() {
        assert_eq!(write(&[0; 16]), "0".repeat(22));
        assert_eq!(write(&[0xff; 16]), "7n42DGM5Tflk9n8mt7Fhc7");
        assert!(is_code(&write(&[7; 16])));
        for bad in ["", "7n42DGM5Tflk9n8mt7Fhc", "7n42DGM5Tflk9n8mt7Fhc70", "7n42DGM5Tflk9n8mt7Fhc-", "éééééééééééé"]
        {
            assert!(!is_code(bad), "{bad}");
        }
    }

    #[test]
    fn what_the_requester_is_told_depends_on_state_and_time() {
        let user = Some(Uuid::from_u128(7));
        for (state, in_time, late) in [
            (State::Pending, Standing::Waiting, Standing::Expired),
            (State::Approved, Standing::Approved(Uuid::from_u128(7)), Standing::Expired),
            (State::Denied, Standing::Denied, Standing::Expired),
            (State::Exchanged, Standing::Ended, Standing::Ended),
            (State::Burnt, Standing::Ended, Standing::Ended),
        ] {
            let code = code(state, user);
            assert_eq!((code.standing(at(299)), code.standing(at(300))), (in_time, late), "{state:?}");
            assert_eq!(code.can_burn(at(299)), in_time != Standing::Ended, "{state:?}");
            assert!(!code.can_burn(at(300)));
        }
        assert_eq!(code(State::Approved, None).standing(at(0)), Standing::Ended);
    }

    #[test]
    fn a_code_and_its_secret_are_not_taken_for_each_other() {
        let code = code(State::Pending, None);
        let (tag, secret) = ([code.tag.clone()], [code.secret_tag.clone()]);
        assert!(code.is_of(&tag) && code.has_secret(&secret));
        assert!(!code.is_of(&secret) && !code.has_secret(&tag) && !code.has_secret(&[]));
    }

    #[test]
    fn every_state_has_a_word_that_leads_back() {
        for state in [State::Pending, State::Approved, State::Denied, State::Exchanged, State::Burnt] {
            assert_eq!(State::of_word(state.word()), Some(state));
        }
        assert_eq!(State::of_word("x"), None);
    }
}
