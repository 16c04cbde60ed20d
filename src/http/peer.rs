//! Whose connection a call came by.

use super::{Context, answer::Refused};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::net::{IpAddr, Ipv4Addr};

/// The address at the other end. Left with the request by the edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl FromRequestParts<Context> for Peer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Refused> {
        // Calls without a connection (tests) are all of one.
        let none = Self(Ipv4Addr::UNSPECIFIED.into());
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(none))
    }
}
