//! Sealed ids: state that leaves the gateway and comes back unread and unchanged.
//!
//! XChaCha20-Poly1305 with a nonce derived from key, kind, binding and text, so that no random
//! source is needed and the same text seals to the same id. Two keys: ids of the previous key
//! still open. The kind and the binding are additional data: an id never stands in for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// The longest id that is opened; ids stand in headers and cursors.
pub const SEALED_BYTES: usize = 512;
/// The longest state of a server that is kept in the hands of its client, sealed.
const STATE_BYTES: usize = 1 << 20;
const NONCE_BYTES: usize = 24;

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A legacy session.
    Session = 1,
    /// A place in a list.
    Cursor = 2,
    /// What goes on when a request comes back with the input that its server asked for.
    State = 3,
}

impl Kind {
    const fn longest(self) -> usize {
        match self {
            Self::Session | Self::Cursor => SEALED_BYTES,
            Self::State => STATE_BYTES,
        }
    }
}

/// Seals with the current key, opens with the current or the previous one.
pub struct Sealer {
    current: XChaCha20Poly1305,
    previous: Option<XChaCha20Poly1305>,
    nonces: [u8; 32],
}

impl Sealer {
    /// Take the keys.
    pub fn new(key: &[u8; 32], previous: Option<&[u8; 32]>) -> Self {
        Self {
            current: XChaCha20Poly1305::new(key.into()),
            previous: previous.map(|key| XChaCha20Poly1305::new(key.into())),
            nonces: Sha256::new()
                .chain_update(b"mcpgate nonce")
                .chain_update(key)
                .finalize()
                .into(),
        }
    }

    /// Seal `text`, bound to `binding`.
    pub fn seal(&self, kind: Kind, binding: &[u8], text: &[u8]) -> String {
        let digest = Sha256::new()
            .chain_update(self.nonces)
            .chain_update([kind as u8])
            .chain_update(binding.len().to_le_bytes())
            .chain_update(binding)
            .chain_update(text)
            .finalize();
        let mut out = digest.get(..NONCE_BYTES).unwrap_or_default().to_vec();
        let data = bound(kind, binding);
        let payload = Payload { msg: text, aad: &data };
        let sealed = self.current.encrypt(XNonce::from_slice(&out), payload).unwrap_or_default();
        out.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Open an id that was sealed with the same kind and binding.
    pub fn open(&self, kind: Kind, binding: &[u8], id: &str) -> Option<Vec<u8>> {
        if id.len() > kind.longest() {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let data = bound(kind, binding);
        let open = |key: &XChaCha20Poly1305| {
            key.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &data }).ok()
        };
        open(&self.current).or_else(|| self.previous.as_ref().and_then(open))
    }
}

fn bound(kind: Kind, binding: &[u8]) -> Vec<u8> {
    let mut data = vec![kind as u8];
    data.extend_from_slice(binding);
    data
}
