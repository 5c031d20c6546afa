use chrono::DateTime;
use kit::credential::Kind;

use super::*;

const ORGANIZATION: Uuid = Uuid::from_u128(1);
const PORTAL: Uuid = Uuid::from_u128(2);

fn at(second: i64) -> Instant {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn gatekeeper(keys: &[(&str, u8)]) -> Gatekeeper {
    let mut keys = keys.iter().map(|(id, byte)| Key::new(id, &[*byte; 32]));
    let live = Live { in_use: keys.next().unwrap(), retiring: keys.next() };
    Gatekeeper(ArcSwap::from_pointee(live))
}

fn plain(byte: u8) -> Plain {
    Plain::secret("bk", [byte; 6], &[byte; 32])
}

fn found(gatekeeper: &Gatekeeper) -> Found {
    let gate = gatekeeper.gate(PORTAL, &plain(1));
    let secret = Secret { organization: ORGANIZATION, portal: PORTAL, gate, expires_at: Some(at(11)), ..stand_in() };
    Found { secret, portal_revoked: false }
}

const CLAIM: Claim = Claim { organization: ORGANIZATION, portal: PORTAL, client: Some(PORTAL) };

fn decide(found: Option<Found>, claim: Claim, plain: &Plain) -> Result<(), Refused> {
    admit(found, &claim, (&gatekeeper(&[("k1", 1)]), plain), at(10)).map(|_| ())
}

#[test]
fn a_gate_is_20_bits_under_the_key_in_use_and_opens_under_the_retiring_one() {
    let old = gatekeeper(&[("k1", 1)]);
    let new = gatekeeper(&[("k2", 2), ("k1", 1)]);
    let (before, after) = (old.gate(PORTAL, &plain(1)), new.gate(PORTAL, &plain(1)));
    assert!(before.bits < 1 << 20 && before.bits != after.bits);
    assert_eq!((before.key_id.as_str(), after.key_id.as_str()), ("k1", "k2"));
    assert!(
        new.opens(&before, PORTAL, &plain(1))
            && new.opens(&after, PORTAL, &plain(1))
            && old.opens(&before, PORTAL, &plain(1))
    );
    assert!(!new.opens(&before, PORTAL, &plain(2)));
    assert!(!new.opens(&before, Uuid::from_u128(9), &plain(1)), "at another portal");
    assert!(!old.opens(&after, PORTAL, &plain(1)), "under a key that nobody has");
    assert!(!old.opens(&Gate { key_id: "k9".into(), ..before.clone() }, PORTAL, &plain(1)));
    assert!(new.is_current(&after) && !new.is_current(&before));
}

#[test]
fn gates_spread_over_all_bits() {
    let gatekeeper = gatekeeper(&[("k1", 1)]);
    let (mut ones, mut zeros) = (0, 0);
    for byte in 0..=255 {
        let bits = gatekeeper.gate(PORTAL, &plain(byte)).bits;
        ones |= bits;
        zeros |= !bits;
    }
    assert_eq!((ones, zeros & 0xf_ffff), (0xf_ffff, 0xf_ffff));
}

#[test]
fn only_the_portals_own_live_secret_is_admitted() {
    let good = || Some(found(&gatekeeper(&[("k1", 1)])));
    let other = Uuid::from_u128(9);
    assert_eq!(decide(good(), CLAIM, &plain(1)), Ok(()));
    assert_eq!(decide(None, CLAIM, &plain(1)), Err(Refused::UnknownSelector));
    assert_eq!(decide(good(), CLAIM, &plain(2)), Err(Refused::Gate));
    for client in [None, Some(other)] {
        assert_eq!(decide(good(), Claim { client, ..CLAIM }, &plain(1)), Err(Refused::UnknownClient));
    }
    let elsewhere = Claim { portal: other, client: Some(other), ..CLAIM };
    assert_eq!(decide(good(), elsewhere, &plain(1)), Err(Refused::OtherPortal));
    assert_eq!(decide(good(), Claim { organization: other, ..CLAIM }, &plain(1)), Err(Refused::OtherPortal));
    let mut ended = found(&gatekeeper(&[("k1", 1)]));
    ended.secret.expires_at = Some(at(10));
    assert_eq!(decide(Some(ended), CLAIM, &plain(1)), Err(Refused::Expired));
    let revoked = Found { portal_revoked: true, ..found(&gatekeeper(&[("k1", 1)])) };
    assert_eq!(decide(Some(revoked), CLAIM, &plain(1)), Err(Refused::PortalRevoked));
}

#[test]
fn the_stand_in_is_never_admitted_not_even_to_the_nil_portal() {
    let nil = Claim { organization: Uuid::nil(), portal: Uuid::nil(), client: Some(Uuid::nil()) };
    for byte in 0..=255 {
        assert_eq!(decide(None, nil, &plain(byte)), Err(Refused::UnknownClient));
    }
    assert_eq!(plain(0).kind(), Kind::Secret);
}

#[test]
fn every_fault_of_a_new_secret_is_told() {
    let details = |description: &str, expires_at| Details { description: description.into(), expires_at };
    assert!(details("", None).check(at(10)).is_ok());
    assert!(details(&"ü".repeat(255), Some(at(11))).check(at(10)).is_ok());
    let fields = |details: Details| {
        let faults = details.check(at(10)).unwrap_err();
        faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(details(&"x".repeat(256), Some(at(10)))), ["description", "expires_at"]);
    assert_eq!(fields(details("a\0", DateTime::from_timestamp(253_402_300_800, 0))), ["description", "expires_at"]);
}

#[test]
fn times_are_kept_to_the_microsecond() {
    let precise = DateTime::from_timestamp(11, 123_456_789);
    let kept = Details { description: String::new(), expires_at: precise }.check(at(10)).unwrap().expires_at;
    assert_eq!(kept, DateTime::from_timestamp(11, 123_456_000));
}
