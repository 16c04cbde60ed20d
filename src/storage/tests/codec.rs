//! Placeholder, see below.
