//! The plain files behind tokens. Written whole or by single appends, so that two processes at once
//! do no harm.

use super::{Claims, Login};
use crate::domain::time::Timestamp;
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

const KEY: &str = "token.key";
const ISSUED: &str = "tokens.jsonl";
pub(super) const REVOKED: &str = "revoked";

/// A file that cannot be read or written; names it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct TokenFileError {
    pub path: String,
    pub problem: String,
}

/// One line of the list of issued tokens. Not the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    pub id: String,
    pub role: String,
    pub subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    pub issued: String,
    pub expires: String,
    /// Whose login it was; none: a machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Issued {
    /// A time that is not understood stands for none that ever was: such a login has ended.
    pub(super) fn login(&self) -> Option<Login> {
        let since = self.since.as_deref().and_then(|since| Timestamp::parse(since).ok());
        self.account.clone().map(|account| Login { account, since: since.unwrap_or(Timestamp::ZERO) })
    }

    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            id: claims.id.clone(),
            role: claims.role.name().to_owned(),
            subject: claims.subject.clone(),
            regions: claims.regions.iter().map(ToString::to_string).collect(),
            issued: claims.issued.to_string(),
            expires: claims.expires.to_string(),
            account: claims.login.as_ref().map(|login| login.account.clone()),
            since: claims.login.as_ref().map(|login| login.since.to_string()),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
pub(super) fn failed(path: &Path, problem: impl Display) -> TokenFileError {
    TokenFileError { path: path.display().to_string(), problem: problem.to_string() }
}

/// 96 random bits: never met twice, short enough to type.
pub(super) fn random_id() -> Result<String, TokenFileError> {
    let mut bytes = [0; 16];
    random(&mut bytes[4..])?;
    Ok(format!("{:024x}", u128::from_be_bytes(bytes)))
}

fn random(bytes: &mut [u8]) -> Result<(), TokenFileError> {
    SysRng.try_fill_bytes(bytes).map_err(|error| failed(Path::new("system randomness"), error))
}

/// The key of this data directory; made when there is none. Of two processes that make one at the
/// same time the first wins and both use its.
pub(super) fn signing_key(data: &Path) -> Result<[u8; 32], TokenFileError> {
    let path = data.join(KEY);
    if !path.exists() {
        make_key(data, &path)?;
    }
    let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
    bytes.try_into().map_err(|_| failed(&path, "not a signing key (32 bytes); move it away to have one made"))
}

fn make_key(data: &Path, path: &Path) -> Result<(), TokenFileError> {
    fs::create_dir_all(data).map_err(|error| failed(data, error))?;
    let mut key = [0; 32];
    random(&mut key)?;
    let draft: PathBuf = data.join(format!("{KEY}.{}", random_id()?));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(&key)?;
        file.sync_all()
    });
    // A link appears whole or not at all, and not over another's.
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let _ = fs::remove_file(&draft);
    linked.map_err(|error| failed(path, error))
}

pub(super) fn append_issued(data: &Path, token: &Issued) -> Result<(), TokenFileError> {
    let path = data.join(ISSUED);
    let line = serde_json::to_string(token).map_err(|error| failed(&path, error))?;
    append(&path, &line)
}

pub(super) fn append_revoked(data: &Path, id: &str) -> Result<(), TokenFileError> {
    append(&data.join(REVOKED), id)
}

fn append(path: &Path, line: &str) -> Result<(), TokenFileError> {
    let write = || {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let fresh = file.metadata()?.len() == 0;
        // After a torn line this one begins anew, or it would be torn too.
        let begin = if fresh || ends_a_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{begin}{line}\n").as_bytes())?;
        file.sync_all()?;
        // A new file is there after a crash only when its folder says so.
        if fresh { File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
    };
    write().map_err(|error: io::Error| failed(path, error))
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// All lines of the list; an unreadable one (a torn last line) is passed over.
pub(super) fn issued(data: &Path) -> Result<Vec<Issued>, TokenFileError> {
    let path = data.join(ISSUED);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(&path, error)),
    }
}
