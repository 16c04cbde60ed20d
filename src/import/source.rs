//! The bytes of a file or an upload, unpacked: gzip is told by its first bytes and read through once
//! beforehand, a byte order mark is dropped, what is no text at all is refused by name.

use super::ImportError;
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Chain, Cursor, Read, Seek},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

type Input = Box<dyn Read + Send>;

/// An opened input.
pub struct Source {
    name: String,
    input: Chain<Cursor<Vec<u8>>, Input>,
    progress: Progress,
}

/// How far a source was read; cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: u64,
}

impl Progress {
    /// Bytes read of the file as it is stored.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total
    }
}

impl Source {
    /// Opens a file; `.gz` is told by its content, not by its name.
    pub fn file(path: &Path) -> Result<Self, ImportError> {
        Self::received(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), path)
    }

    /// A file that somebody sent; `name` is what errors call it.
    pub fn received(name: &str, path: &Path) -> Result<Self, ImportError> {
        let name = name.to_owned();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|why| ImportError::Io { name: path.display().to_string(), why })?;
        if metadata.is_dir() {
            let why = io::ErrorKind::IsADirectory.into();
            return Err(ImportError::Io { name, why });
        }
        Self::open(name, file, metadata.len())
    }

    /// An upload; `name` is what errors call it.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> Result<Self, ImportError> {
        let total = bytes.len() as u64;
        Self::open(name.to_owned(), Cursor::new(bytes), total)
    }

    fn open<R: Read + Seek + Send + 'static>(name: String, mut raw: R, total: u64) -> Result<Self, ImportError> {
        let io = |why| ImportError::Io { name: name.clone(), why };
        let packed = head(&mut raw, 2).map_err(io)? == [0x1f, 0x8b];
        raw.rewind().map_err(io)?;
        if packed {
            check_gzip(&name, BufReader::new(&mut raw))?;
            raw.rewind().map_err(io)?;
        }
        let progress = Progress { read: Arc::default(), total };
        let counted = BufReader::with_capacity(64 * 1024, Counted { inner: raw, read: Arc::clone(&progress.read) });
        let mut input: Input = if packed { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        let first = head(&mut input, 4).map_err(io)?;
        let start = text_start(&name, &first)?;
        Ok(Self { name, input: Cursor::new(first[start..].to_vec()).chain(input), progress })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

/// Where the text begins after a byte order mark, or what it is instead of text.
fn text_start(name: &str, first: &[u8]) -> Result<usize, ImportError> {
    let format = |what| Err(ImportError::Format { name: name.to_owned(), what });
    match first {
        [] => Err(ImportError::Empty { name: name.to_owned() }),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => format("UTF-16 text"),
        [b'P', b'K', 3, 4] => format("a zip archive or a spreadsheet"),
        [b'%', b'P', b'D', b'F'] => format("a PDF"),
        [0x1f, 0x8b, ..] => format("compressed twice"),
        [0xef, 0xbb, 0xbf, ..] => Ok(3),
        _ => Ok(0),
    }
}

fn head(input: &mut impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    input.take(most).read_to_end(&mut first)?;
    Ok(first)
}

/// Reads compressed data to its end, so that a torn file is refused before anything is made of it.
fn check_gzip(name: &str, packed: impl Read) -> Result<(), ImportError> {
    let mut unpacked = MultiGzDecoder::new(packed);
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = 0;
    loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => lines += buffer[..n].split(|byte| *byte == b'\n').count() as u64 - 1,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(torn(name, lines, why)),
        }
    }
}

/// What a failed read means, `lines` whole lines into the text.
pub(super) fn torn(name: &str, lines: u64, why: io::Error) -> ImportError {
    let name = name.to_owned();
    match why.kind() {
        io::ErrorKind::UnexpectedEof => ImportError::Cut { name, lines },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            ImportError::Damaged { name, lines, why: why.to_string() }
        }
        _ => ImportError::Io { name, why },
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn text(bytes: Vec<u8>) -> String {
        let mut text = String::new();
        Source::bytes("upload", bytes).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn error(bytes: Vec<u8>) -> String {
        Source::bytes("upload", bytes).err().unwrap().to_string()
    }

    #[test]
    fn plain_marked_and_compressed_text_read_the_same() {
        assert_eq!(text(b"a,b\n1,2\n".to_vec()), "a,b\n1,2\n");
        assert_eq!(text(b"\xef\xbb\xbfa,b\n".to_vec()), "a,b\n");
        assert_eq!(text(gzip("\u{feff}a,b\n1,2\n")), "a,b\n1,2\n");
        let two_members = [gzip("a\n"), gzip("b\n")].concat();
        assert_eq!(text(two_members), "a\nb\n");
    }

    #[test]
    fn a_cut_gzip_is_refused_before_its_first_row_and_names_how_far_it_reads() {
        let lines: Vec<String> = (0..20_000).map(|i| format!("{i},{}\n", i * 7919 % 10_007)).collect();
        let whole = gzip(&lines.concat());
        let cut = Source::bytes("f.gz", whole[..whole.len() / 2].to_vec()).err().unwrap();
        assert!(matches!(cut, ImportError::Cut { lines, .. } if (5_000..15_000).contains(&lines)), "{cut}");
        let without_trailer = Source::bytes("f.gz", whole[..whole.len() - 4].to_vec()).err().unwrap();
        assert!(matches!(without_trailer, ImportError::Cut { lines: 20_000, .. }), "{without_trailer}");
        let mut flipped = whole;
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        assert!(matches!(Source::bytes("f.gz", flipped), Err(ImportError::Damaged { .. })));
    }

    #[test]
    fn what_is_no_text_is_refused_by_name() {
        assert_eq!(error(Vec::new()), "upload is empty");
        assert!(error(b"PK\x03\x04....".to_vec()).contains("zip archive or a spreadsheet"));
        assert!(error(b"\xff\xfea\0,\0b\0".to_vec()).contains("UTF-16"));
        assert!(error(gzip("")).contains("empty"));
        assert!(Source::file(Path::new("/nowhere/at/all.csv")).err().unwrap().to_string().contains("cannot be read"));
        assert!(Source::file(&std::env::temp_dir()).is_err());
    }

    #[test]
    fn progress_ends_at_the_size_of_the_file() {
        let packed = gzip(&"x,y\n".repeat(10_000));
        let size = packed.len() as u64;
        let mut source = Source::bytes("f.gz", packed).unwrap();
        let progress = source.progress();
        io::copy(&mut source, &mut io::sink()).unwrap();
        assert_eq!((progress.read_bytes(), progress.total_bytes()), (size, size));
    }
}
