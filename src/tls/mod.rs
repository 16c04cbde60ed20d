//! TLS from files: the door's certificate and key, checked before anything starts and taken up again when
//! they are renewed; the authorities that our own client trusts. rustls with ring; every error names the
//! file and the way out.
//!
//! Must never do: show a key, or serve with a pair that does not fit.

mod expiry;
#[cfg(test)]
#[path = "../../tests/common/pairs.rs"]
pub(crate) mod pairs;
mod pinned;

pub use expiry::expires_ms;
pub use pinned::pinned_client;

use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
    crypto::{CryptoProvider, ring},
};

/// What a client says that it speaks, and what the door speaks.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why there is no TLS. Each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read: {why}; is the path right, and may this user read it?", path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{} holds no certificate; it has to be a PEM file: the certificate first, then its intermediates", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} holds no private key; it has to be a PEM file with one, not encrypted (PKCS #8, PKCS #1 or SEC 1)", path.display())]
    NoKey { path: PathBuf },
    #[error("{} and {} do not go together: {why}; give the key that this certificate was made for", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, why: String },
    #[error("{} is no authority to trust: {why}", path.display())]
    Authority { path: PathBuf, why: String },
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// When files were changed last, and how long they are.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The door's certificate and key, as the files last had them.
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    seen: Mutex<Stamp>,
    in_use: RwLock<InUse>,
}

#[derive(Clone)]
struct InUse {
    config: Arc<ServerConfig>,
    /// Milliseconds since 1970; 0 when it cannot be told.
    expires_ms: i64,
}

impl Identity {
    /// Reads both files and tries them together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let seen = [stamp(certificate), stamp(key)];
        let in_use = RwLock::new(read(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), seen: Mutex::new(seen), in_use })
    }

    /// What the next handshake uses.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    /// When the certificate in use ends, milliseconds since 1970.
    #[must_use]
    pub fn expires_ms(&self) -> i64 {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).expires_ms
    }

    /// Takes up files that changed since they were last read; true when it did. After an error the pair
    /// before stays in use, and the error is told once for each change.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let now = [stamp(&self.certificate), stamp(&self.key)];
        let seen = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), now);
        if seen == now {
            return Ok(false);
        }
        let fresh = read(&self.certificate, &self.key)?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn read(certificate: &Path, key: &Path) -> Result<InUse, TlsError> {
    let chain = certificates(certificate)?;
    let expires_ms = chain.first().and_then(|first| expires_ms(first)).unwrap_or(0);
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        PemError::Io(why) => TlsError::Unreadable { path: key.to_owned(), why },
        _ => TlsError::NoKey { path: key.to_owned() },
    })?;
    let pair = |why: String| TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), why };
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsError::Setup(error.to_string()))?;
    let built = builder.with_no_client_auth().with_single_cert(chain, private);
    let mut config = built.map_err(|error| pair(error.to_string()))?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(InUse { config: Arc::new(config), expires_ms })
}

/// All certificates of a PEM file; there is at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |why| TlsError::Unreadable { path: path.to_owned(), why };
    let none = || TlsError::NoCertificate { path: path.to_owned() };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| match error {
        PemError::Io(why) => unreadable(why),
        _ => none(),
    })?;
    let found: Result<Vec<_>, _> = found.collect();
    found.ok().filter(|all| !all.is_empty()).ok_or_else(none)
}

/// A client that trusts the machine's authorities, and those in `ca`.
pub fn client(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        for authority in certificates(path)? {
            let why = |error: tokio_rustls::rustls::Error| error.to_string();
            roots.add(authority).map_err(|e| TlsError::Authority { path: path.to_owned(), why: why(e) })?;
        }
    }
    Ok(client_builder()?.with_root_certificates(roots).with_no_client_auth())
}

fn client_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    builder.map_err(|error| TlsError::Setup(error.to_string()))
}

/// Named, so that another library's choice for the process is not ours.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::{pairs::file, *};

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_name_and_the_way_out() {
        let told = |certificate: &str, key: &str| {
            Identity::open(&file(certificate), &file(key)).err().map(|error| error.to_string()).unwrap_or_default()
        };
        for (certificate, key, parts) in [
            ("none.pem", "first.key", ["none.pem cannot be read", "is the path right"]),
            ("first.key", "first.key", ["first.key holds no certificate", "PEM"]),
            ("first.pem", "first.pem", ["first.pem holds no private key", "not encrypted"]),
            ("first.pem", "renewed.key", ["renewed.key do not go together", "made for"]),
        ] {
            let told = told(certificate, key);
            assert!(parts.iter().all(|part| told.contains(part)), "{certificate}, {key}: {told}");
        }
        assert_eq!(told("first.pem", "first.key"), "");
    }

    #[test]
    fn renewed_files_are_taken_up_once_and_a_broken_pair_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let copy = |name: &str, to: &Path| fs::copy(file(name), to).unwrap();
        copy("first.pem", &certificate);
        copy("first.key", &key);
        let identity = Identity::open(&certificate, &key).unwrap();
        let first = identity.config();
        assert!(!identity.renew().unwrap());
        copy("renewed.pem", &certificate);
        assert!(identity.renew().is_err(), "the key is not there yet");
        assert!(!identity.renew().unwrap(), "told once");
        assert!(Arc::ptr_eq(&first, &identity.config()));
        fs::remove_file(&key).unwrap();
        copy("renewed.key", &key);
        assert!(identity.renew().unwrap());
        assert!(!Arc::ptr_eq(&first, &identity.config()));
    }
}
