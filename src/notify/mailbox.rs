//! The mailbox: where messages go that have no gateway. A folder with a file of JSON lines a day, written
//! by a thread of its own, kept for some days, readable by its owner alone. Not fsynced: it is a letter
//! box, not a journal. Each line names its ticket, so that an erased person's lines can be taken out.

use super::gateway::{Gateway, Message, SendError, Sending, Sent};
use crate::domain::{ids::TicketNumber, ticket::Channel};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::oneshot;

/// Messages that wait for the thread; more are refused and come again.
const QUEUE: usize = 1_024;
/// A line takes microseconds; a disk that does not answer for so long is trouble.
const PATIENCE: Duration = Duration::from_secs(10);

/// Cheap to clone; the thread ends with the last one.
#[derive(Clone)]
pub struct Mailbox {
    jobs: Sender<Job>,
    folder: PathBuf,
}

enum Job {
    Line { day: String, ticket: String, line: String, done: oneshot::Sender<io::Result<()>> },
    Forget { tickets: BTreeSet<String>, done: Sender<io::Result<usize>> },
    Of { tickets: BTreeSet<String>, done: Sender<io::Result<Vec<serde_json::Value>>> },
}

struct Thread {
    folder: PathBuf,
    keep_days: usize,
    open: Option<(String, File)>,
    /// Tickets of people who were erased: a message that was on its way then is not put in any more.
    forgotten: BTreeSet<String>,
}

impl Mailbox {
    /// `folder` is made when the first message comes.
    pub fn open(folder: PathBuf, keep_days: u16) -> io::Result<Self> {
        let (jobs, waiting) = bounded(QUEUE);
        let mut thread =
            Thread { folder: folder.clone(), keep_days: keep_days.into(), open: None, forgotten: BTreeSet::new() };
        std::thread::Builder::new().name("mailbox".into()).spawn(move || thread.run(&waiting))?;
        Ok(Self { jobs, folder })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all lines of these tickets out; how many there were. Blocks: not for a runtime's thread.
    pub fn forget(&self, tickets: &[TicketNumber]) -> io::Result<usize> {
        let (done, told) = bounded(1);
        let tickets = tickets.iter().map(ToString::to_string).collect();
        self.jobs.send(Job::Forget { tickets, done }).map_err(|_| gone())?;
        told.recv_timeout(PATIENCE * 6).map_err(|_| gone())?
    }

    /// All messages of these tickets, the oldest first. Blocks.
    pub fn of(&self, tickets: &[TicketNumber]) -> io::Result<Vec<serde_json::Value>> {
        let (done, told) = bounded(1);
        let tickets = tickets.iter().map(ToString::to_string).collect();
        self.jobs.send(Job::Of { tickets, done }).map_err(|_| gone())?;
        told.recv_timeout(PATIENCE * 6).map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::other("the mailbox's thread is gone")
}

impl Gateway for Mailbox {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let day = message.at.to_string().chars().take(10).collect();
        let (done, told) = oneshot::channel();
        let job = Job::Line { day, ticket: message.ticket.to_string(), line: line(message), done };
        let queued = self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => SendError::passing("mailbox_full"),
            TrySendError::Disconnected(_) => SendError::passing("mailbox_gone"),
        });
        Box::pin(async move {
            queued?;
            match told.await {
                Ok(Ok(())) => Ok(Sent::default()),
                Ok(Err(error)) => Err(SendError::passing(format!("mailbox: {}", error.kind()))),
                Err(_) => Err(SendError::passing("mailbox_gone")),
            }
        })
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

fn line(message: &Message) -> String {
    let mut line = serde_json::json!({
        "id": message.id, "at": message.at.to_string(), "channel": message.channel.name(), "to": message.to,
        "kind": message.kind, "ticket": message.ticket.to_string(), "text": message.text,
    });
    if let (Channel::Email, Some(subject)) = (message.channel, &message.subject) {
        line["subject"] = subject.clone().into();
    }
    format!("{line}\n")
}

impl Thread {
    fn run(&mut self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Line { day, ticket, line, done } => {
                    let written = if self.forgotten.contains(&ticket) { Ok(()) } else { self.write(day, &line) };
                    if written.is_err() {
                        self.open = None;
                    }
                    let _ = done.send(written);
                }
                Job::Forget { tickets, done } => {
                    self.open = None;
                    let _ = done.send(forget(&self.folder, &tickets));
                    self.forgotten.extend(tickets);
                }
                Job::Of { tickets, done } => drop(done.send(of(&self.folder, &tickets))),
            }
        }
    }

    fn write(&mut self, day: String, line: &str) -> io::Result<()> {
        let file = match &mut self.open {
            Some((open, file)) if *open == day => file,
            _ => {
                fs::create_dir_all(&self.folder)?;
                self.prune(&day);
                let file = append_to(&self.folder.join(format!("{day}.jsonl")))?;
                &mut self.open.insert((day, file)).1
            }
        };
        file.write_all(line.as_bytes())
    }

    /// Lets the oldest days go.
    fn prune(&self, today: &str) {
        let mut days = days(&self.folder).unwrap_or_default();
        days.retain(|day| day.file_stem().is_some_and(|stem| stem.to_string_lossy().as_ref() < today));
        days.sort();
        let surplus = days.len().saturating_sub(self.keep_days.saturating_sub(1));
        for day in days.into_iter().take(surplus) {
            if let Err(error) = fs::remove_file(&day) {
                tracing::warn!(file = %day.display(), %error, "an old day of the mailbox could not be removed");
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A line that a crash tore ends here.
    let text = fs::read(path)?;
    if text.last().is_some_and(|last| *last != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn days(folder: &Path) -> io::Result<Vec<PathBuf>> {
    files(folder, "jsonl")
}

fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

/// Writes each day anew without the lines of these tickets; one that cannot be read goes too, since
/// nobody can tell whose it is.
fn forget(folder: &Path, tickets: &BTreeSet<String>) -> io::Result<usize> {
    let mut gone = 0;
    for draft in files(folder, "draft")? {
        // Left by a crash: what was to be kept then may be to be forgotten now.
        fs::remove_file(draft)?;
    }
    for day in days(folder)? {
        let text = String::from_utf8_lossy(&fs::read(&day)?).into_owned();
        let kept: String = text.split_inclusive('\n').filter(|line| !is_of(line, tickets)).collect();
        let lost = text.lines().count() - kept.lines().count();
        if lost == 0 {
            continue;
        }
        gone += lost;
        let draft = day.with_extension("draft");
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(kept.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &day)?;
    }
    Ok(gone)
}

fn of(folder: &Path, tickets: &BTreeSet<String>) -> io::Result<Vec<serde_json::Value>> {
    let mut days = days(folder)?;
    days.sort();
    let mut found = Vec::new();
    for day in days {
        let text = fs::read_to_string(&day)?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        found.extend(lines.filter(|line| line["ticket"].as_str().is_some_and(|ticket| tickets.contains(ticket))));
    }
    Ok(found)
}

fn is_of(line: &str, tickets: &BTreeSet<String>) -> bool {
    let read: Result<serde_json::Value, _> = serde_json::from_str(line);
    match read {
        Ok(value) => value["ticket"].as_str().is_some_and(|ticket| tickets.contains(ticket)),
        Err(_) => !line.trim().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{number::RegionCode, time::Timestamp};

    fn message(serial: u32, day: i64, to: &str) -> Message {
        let ticket = TicketNumber::new(RegionCode(33), serial);
        Message {
            id: format!("{ticket}.1"),
            ticket,
            kind: "opened",
            channel: Channel::Sms,
            to: to.into(),
            subject: None,
            text: "hello".into(),
            at: Timestamp(1_800_000_000_000).plus_s(day * 86_400),
            callback: None,
        }
    }

    fn all(folder: &Path) -> String {
        days(folder).unwrap().iter().map(|day| fs::read_to_string(day).unwrap()).collect()
    }

    #[tokio::test]
    async fn an_erased_persons_lines_are_taken_out_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open(folder.path().join("box"), 30).unwrap();
        for (serial, day) in [(1, 0), (2, 0), (1, 1), (3, 2)] {
            mailbox.send(&message(serial, day, &format!("+1617555000{serial}"))).await.unwrap();
        }
        assert_eq!(mailbox.forget(&[message(1, 0, "").ticket]).unwrap(), 2);
        let left = all(mailbox.folder());
        assert!(!left.contains("+16175550001"), "{left}");
        assert!(left.contains("+16175550002") && left.contains("+16175550003"));
        mailbox.send(&message(4, 0, "+16175550004")).await.unwrap();
        assert!(all(mailbox.folder()).contains("+16175550004"), "it goes on");
    }

    #[tokio::test]
    async fn only_so_many_days_are_kept_and_only_the_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open(folder.path().to_owned(), 3).unwrap();
        for day in 0..6 {
            mailbox.send(&message(1, day, "+16175550001")).await.unwrap();
        }
        let days = days(folder.path()).unwrap();
        assert_eq!(days.len(), 3, "{days:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&days[0]).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_a_passing_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "no folder").unwrap();
        let mailbox = Mailbox::open(file.clone(), 3).unwrap();
        let error = mailbox.send(&message(1, 0, "+1")).await.unwrap_err();
        assert_eq!(error.kind, super::super::gateway::ErrorKind::Passing { retry_after_s: None });
        fs::remove_file(&file).unwrap();
        mailbox.send(&message(1, 0, "+1")).await.unwrap();
    }
}
