//! The name of a prepared road network: what is in it, so that whoever has the same name has the same roads.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first half of the BLAKE3 of a prepared network. As text: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(transparent)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkId(#[n(0)] [u8; 16]);

/// A text that names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a road network is named by 32 hexadecimal digits")]
pub struct NoNetworkId;

impl NetworkId {
    /// Of the hash of its contents.
    #[must_use]
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(half)
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<NetworkId> for String {
    fn from(id: NetworkId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for NetworkId {
    type Error = NoNetworkId;

    fn try_from(text: String) -> Result<Self, NoNetworkId> {
        let digits = (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(text);
        let number = digits.and_then(|digits| u128::from_str_radix(&digits, 16).ok()).ok_or(NoNetworkId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let id = NetworkId::of_hash(blake3::hash(b"roads").as_bytes());
        assert_eq!(NetworkId::try_from(id.to_string()), Ok(id));
        for wrong in ["", "xyz", "+f00000000000000000000000000000a"] {
            assert_eq!(NetworkId::try_from(wrong.to_owned()), Err(NoNetworkId), "{wrong}");
        }
    }
}
