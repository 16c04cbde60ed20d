//! Certificates for tests, made anew by each process: an authority (`ca.pem`) and two pairs that it signed for
//! `localhost`, `first` and `renewed`. So no key ever lies in the repository.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

static FILES: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    folder
});

/// `first` ends in a year that needs four digits (X.509 writes those another way), `renewed` before 2050.
fn make(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(authority, key);
    for (name, ends) in [("first", 2126), ("renewed", 2036)] {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(ends, 11, 4);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &authority).unwrap().pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

pub(crate) fn file(name: &str) -> PathBuf {
    FILES.path().join(name)
}
