//! Callers: who is calling, in which session, with which revision.
//!
//! A legacy session's id is sealed and holds all of the session's state, so any worker can serve
//! it. Opened ids are remembered by digest; ended ones are remembered until they would expire.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::capabilities::Capabilities;
use crate::level::Level;
use crate::revision::Revision;
use crate::seal::{Kind, SEALED_BYTES, Sealer};

/// How many opened sessions are remembered before the memory starts afresh.
const REMEMBERED: usize = 20_000;
/// How many ended sessions are remembered; with more of them no session is opened, because to
/// forget one would bring it back to life.
const ENDED: usize = 500_000;
const NS_PER_S: i64 = 1_000_000_000;
/// The form of a sealed session id.
const FORM: u8 = 2;

/// Principal, session and revision; made once per session or token.
#[derive(Debug)]
pub struct Caller {
    /// Who is calling.
    pub principal: Arc<str>,
    /// The session's digest in hex; empty without a session.
    pub session: String,
    /// The revision, once known.
    pub revision: Option<Revision>,
    /// Whether it speaks the revision without sessions.
    pub modern: bool,
    /// What the session's client can do; in the revision without sessions each request says it.
    pub capabilities: Capabilities,
    /// The severity from which the session wants log messages, as [`UNSET`] or a number.
    level: AtomicU8,
}

/// The session never said which log messages it wants.
const UNSET: u8 = u8::MAX;

/// Opens, remembers and ends sessions.
pub struct Callers {
    sealer: Sealer,
    seed: [u8; 32],
    counter: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: HashMap<[u8; 16], (Arc<Caller>, i64)>,
    /// Session random -> wall second after which it would have expired anyway.
    ended: HashMap<[u8; 16], i64>,
}

/// What a sealed session id says.
struct Sealed {
    random: [u8; 16],
    issued_s: i64,
    revision: Revision,
    capabilities: Capabilities,
}

impl Caller {
    /// A caller without a session.
    pub fn new(principal: &str, modern: bool) -> Self {
        let revision = modern.then_some(Revision::MODERN);
        Self {
            principal: principal.into(),
            session: String::new(),
            revision,
            modern,
            capabilities: Capabilities::NONE,
            level: AtomicU8::new(UNSET),
        }
    }

    /// Remember from which severity on the session wants log messages.
    pub fn set_level(&self, level: Level) {
        self.level.store(level.as_number(), Ordering::Relaxed);
    }

    /// The severity from which the session wants log messages, if it said so.
    pub fn level(&self) -> Option<Level> {
        Level::number(self.level.load(Ordering::Relaxed))
    }
}

impl Callers {
    /// Start with keys and a seed that makes session ids of this process unlike any other's.
    pub fn new(sealer: Sealer, seed: [u8; 32]) -> Self {
        Self { sealer, seed, counter: AtomicU64::new(0), state: Mutex::default() }
    }

    /// The sealer, for other kinds of ids.
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Open a session for a principal and return its id; nothing when too many have ended lately.
    pub fn open_session(
        &self,
        principal: &str,
        revision: Revision,
        capabilities: Capabilities,
        wall_ns: i64,
    ) -> Option<String> {
        if !self.has_room(wall_ns) {
            return None;
        }
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new()
            .chain_update(self.seed)
            .chain_update(count.to_le_bytes())
            .chain_update(wall_ns.to_le_bytes())
            .finalize();
        let mut text = vec![FORM, revision as u8, capabilities.bits()];
        text.extend_from_slice(&wall_ns.div_euclid(NS_PER_S).to_le_bytes());
        text.extend_from_slice(digest.get(..16).unwrap_or_default());
        Some(self.sealer.seal(Kind::Session, principal.as_bytes(), &text))
    }

    /// The caller of a session id, or nothing when the id is not a live session of this principal.
    pub fn find(
        &self,
        id: &str,
        principal: &str,
        wall_ns: i64,
        session_ns: i64,
    ) -> Option<Arc<Caller>> {
        if id.len() > SEALED_BYTES {
            return None;
        }
        let key = digest(id, principal);
        if let Some((caller, expires)) = self.lock().open.get(&key) {
            return (wall_ns < *expires).then(|| Arc::clone(caller));
        }
        let sealed = self.unseal(id, principal)?;
        let expires = sealed.issued_s.saturating_mul(NS_PER_S).saturating_add(session_ns);
        let mut state = self.lock();
        if wall_ns >= expires || state.ended.contains_key(&sealed.random) {
            return None;
        }
        let caller = Arc::new(Caller {
            principal: principal.into(),
            session: hex(&sealed.random),
            revision: Some(sealed.revision),
            modern: false,
            capabilities: sealed.capabilities,
            level: AtomicU8::new(UNSET),
        });
        if state.open.len() >= REMEMBERED {
            state.open.clear();
        }
        state.open.insert(key, (Arc::clone(&caller), expires));
        Some(caller)
    }

    /// End a session; false when it was none.
    pub fn end(&self, id: &str, principal: &str, wall_ns: i64, session_ns: i64) -> bool {
        if self.find(id, principal, wall_ns, session_ns).is_none() {
            return false;
        }
        let Some(sealed) = self.unseal(id, principal) else { return false };
        let mut state = self.lock();
        state.open.remove(&digest(id, principal));
        let expires_s = sealed.issued_s.saturating_add(session_ns.div_euclid(NS_PER_S));
        state.ended.insert(sealed.random, expires_s);
        true
    }

    fn has_room(&self, wall_ns: i64) -> bool {
        let mut state = self.lock();
        if state.ended.len() >= ENDED {
            state.ended.retain(|_, expires_s| *expires_s > wall_ns.div_euclid(NS_PER_S));
        }
        state.ended.len() < ENDED
    }

    fn unseal(&self, id: &str, principal: &str) -> Option<Sealed> {
        let text = self.sealer.open(Kind::Session, principal.as_bytes(), id)?;
        let (head, rest) = text.split_first_chunk::<3>()?;
        let (issued, random) = rest.split_first_chunk::<8>()?;
        let [FORM, revision, capabilities] = *head else { return None };
        Some(Sealed {
            random: random.try_into().ok()?,
            issued_s: i64::from_le_bytes(*issued),
            revision: Revision::number(revision)?,
            capabilities: Capabilities::from_bits(capabilities),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(id: &str, principal: &str) -> [u8; 16] {
    let hash = Sha256::new().chain_update(principal).chain_update([0]).chain_update(id).finalize();
    hash.first_chunk::<16>().copied().unwrap_or_default()
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |byte| char::from(*byte));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400 * NS_PER_S;

    fn callers(key: u8, previous: Option<u8>) -> Callers {
        let old = previous.map(|byte| [byte; 32]);
        Callers::new(Sealer::new(&[key; 32], old.as_ref()), [9; 32])
    }

    #[test]
    fn a_session_is_found_by_its_principal_until_it_expires_or_ends() {
        let callers = callers(1, None);
        let id = callers
            .open_session("ann", Revision::LEGACY, Capabilities::FORM, 5 * NS_PER_S)
            .unwrap();
        assert!(id.len() <= 512 && id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        let caller = callers.find(&id, "ann", 6 * NS_PER_S, DAY).unwrap();
        assert_eq!((caller.session.len(), caller.revision), (32, Some(Revision::LEGACY)));
        assert_eq!(caller.capabilities, Capabilities::FORM);
        assert!(callers.find(&id, "bob", 6 * NS_PER_S, DAY).is_none());
        assert!(callers.find(&id, "ann", 6 * NS_PER_S + DAY, DAY).is_none());
        assert!(!callers.end(&id, "bob", 7 * NS_PER_S, DAY));
        assert!(callers.end(&id, "ann", 7 * NS_PER_S, DAY));
        assert!(callers.find(&id, "ann", 7 * NS_PER_S, DAY).is_none());
        assert!(!callers.end(&id, "ann", 7 * NS_PER_S, DAY));
    }

    #[test]
    fn ids_survive_one_key_rotation_and_no_more() {
        let id =
            callers(1, None).open_session("ann", Revision::LEGACY, Capabilities::NONE, 0).unwrap();
        assert!(callers(2, Some(1)).find(&id, "ann", 1, DAY).is_some());
        assert!(callers(3, Some(2)).find(&id, "ann", 1, DAY).is_none());
    }

    #[test]
    fn every_changed_letter_is_noticed() {
        let callers = callers(1, None);
        let id = callers.open_session("ann", Revision::LEGACY, Capabilities::NONE, 0).unwrap();
        for place in 0..id.len() {
            let mut bytes = id.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert!(callers.find(&forged, "ann", 1, DAY).is_none(), "letter {place}");
        }
    }

    #[test]
    fn two_sessions_of_one_moment_differ() {
        let callers = callers(1, None);
        assert_ne!(
            callers.open_session("ann", Revision::LEGACY, Capabilities::NONE, 0).unwrap(),
            callers.open_session("ann", Revision::LEGACY, Capabilities::NONE, 0).unwrap()
        );
    }
}
