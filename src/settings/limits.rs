//! Every limit that a door enforces: name, unit in the name or type, reason. Change them here only.

use std::time::Duration;

/// Body of an ordinary call, bytes: the largest ticket allowed is a tenth of it.
pub const BODY_BYTES: usize = 256 * 1024;
/// Body of a call that carries a region's outline, bytes: a county's coast has 100,000 points.
pub const GEOMETRY_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Body of an import, bytes, packed as it is sent: a country's polygons, years of tickets.
pub const IMPORT_BODY_BYTES: usize = 512 * 1024 * 1024;
/// Body of a form, bytes: a text of ten segments with all that a gateway says about it.
pub const FORM_BYTES: usize = 64 * 1024;
/// Members of one JSON object: none of ours has more than 40; skills and settings are objects too.
pub const JSON_MEMBERS: usize = 256;
/// Problems named in one answer: enough to mend a form, too few to make us work for an attacker.
pub const PROBLEMS: usize = 100;

/// A ticket's title, characters: one line on a phone, twice over.
pub const TITLE_CHARS: usize = 200;
/// A ticket's description, characters: two printed pages.
pub const DESCRIPTION_CHARS: usize = 8_000;
/// A reason, a note, a survey's comment, characters.
pub const NOTE_CHARS: usize = 4_000;
/// A person's or a region's name, a street, a city, characters.
pub const NAME_CHARS: usize = 120;
/// An e-mail address, characters (RFC 5321, 4.5.3.1.3 less the brackets).
pub const EMAIL_CHARS: usize = 254;
/// A ZIP code, characters; `02108-1234` has ten.
pub const ZIP_CHARS: usize = 12;
/// A product, a category, a resolution, a part, a time zone's name, characters.
pub const WORD_CHARS: usize = 100;
/// A language's tag, characters (RFC 5646, 4.4.1).
pub const LANGUAGE_CHARS: usize = 35;
/// A customer's own id of a ticket, characters.
pub const EXTERNAL_ID_CHARS: usize = 200;
/// Digits of a phone number: E.164 allows 15; three are the shortest service numbers.
pub const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=15;
/// A phone number as it is typed, characters: 15 digits with two decorations between any two.
pub const PHONE_CHARS: usize = 50;
/// Skills that one ticket needs or one expert has.
pub const SKILLS: usize = 50;
/// Parts named by one visit.
pub const PARTS: usize = 50;
/// Shifts of one expert: twice a day, each day apart.
pub const SHIFTS: usize = 28;
/// ZIP masks of one region.
pub const ZIPS: usize = 10_000;
/// Rules and calendars of the catalogue.
pub const CATALOGUE_ENTRIES: usize = 10_000;
/// Service time that a caller may give, seconds: a minute to a day.
pub const SERVICE_S: std::ops::RangeInclusive<i64> = 60..=86_400;
/// An `Idempotency-Key` or a request id, bytes: a UUID has 36.
pub const KEY_BYTES: usize = 200;

/// Items of one page of a list.
pub const PAGE_ITEMS: usize = 500;
/// Items of a page when nobody says.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// Open tickets on one board: a console that shows more shows nothing.
pub const BOARD_TICKETS: usize = 2_000;

/// Calls under way at once; each holds at most a body and a ticket. More are refused at once: at 20,000 a second
/// these are 25 ms of work, and whoever waits longer than that is better told to come again.
pub const CALLS: usize = 512;
/// Calls whose bodies are still on their way, and which hold no place among those under way meanwhile.
pub const BODIES: usize = 4_096;
/// The same of callers without a token: logins, surveys, the gateway's calls.
pub const OPEN_BODIES: usize = 256;
/// How long such a caller may take to send a body: it fits into one packet or a few.
pub const OPEN_BODY: Duration = Duration::from_secs(5);
/// Imports, audits and backups under way at once: each may use a core.
pub const IMPORTS: usize = 2;
/// Files on their way to an import at once: each may take its hour and this machine's disk.
pub const UPLOADS: usize = 4;
/// Readings of the access record at once: each goes through many days' files.
pub const LOOKUPS: usize = 2;
/// Questions about what could be at once: each may make some dozen plans of a region, a core's second or two.
pub const INQUIRIES: usize = 2;
/// Readings of the figures at once.
pub const FIGURES: usize = 8;
/// Connections that the system keeps until we accept them. The usual 128 are gone in some milliseconds of a rush,
/// and who finds no room asks again only after a second.
pub const BACKLOG: u32 = 4_096;
/// Open connections; each costs some 20 kB and a file descriptor.
pub const CONNECTIONS: usize = 8_192;
/// Connections beyond that bound which are being told so; more are closed without a word.
pub const TURNED_AWAY: usize = 64;
/// A request's head, bytes: sixteen times what a proxy lets through. Beyond it the parser answers 431.
pub const HEAD_BYTES: usize = 64 * 1024;
/// The highest rate that a setting may say, calls a second: above it nothing is limited.
pub const CALLS_PER_S: u32 = 1_000_000;
/// How much of its rate a caller may use at once, seconds: a console that opens makes a burst of calls.
pub const BURST_S: u32 = 10;
/// Callers that a rate limit tells apart, as bits of a keyed hash: a million states of some 40 bytes are
/// the most that a flood of addresses can make it keep.
pub const CALLER_BITS: u32 = 20;
/// An answer that is worth packing, bytes: below a packet it saves nothing.
pub const GZIP_BYTES: u64 = 1_024;
/// Sessions that read far back in the journal at once; the others wait, with heartbeats.
pub const FEED_READERS: usize = 4;
/// Pages that one of them reads before the next has its turn.
pub const FEED_TURN: u32 = 32;
/// Live sessions (feeds and expert channels) at once; each costs some 60 kB with its socket.
pub const SESSIONS: usize = 6_000;
/// Threads for live sessions: what sockets take is the edge's; handing frames over fills one core at
/// 2,000 subscribers and 1,000 events/s.
pub const FEED_THREADS: usize = 2;
/// How long the feed gathers events before it reads again: nobody sees 20 ms, and a batch is one write.
pub const FEED_PACE: Duration = Duration::from_millis(20);
/// Events that the feed reads at once.
pub const FEED_PAGE: usize = 512;
/// Events before the journal's end that a new hub begins with: after a restart everybody resumes from
/// close by, and one reading serves them all.
pub const FEED_BEFORE: u64 = 2_048;
/// Latest events that each feed thread keeps, for those who join: some 1 kB each, shared.
pub const FEED_KEPT: usize = 8_192;
/// Batches that may wait for a session before it counts as behind: over a second at the feed's pace.
pub const FEED_MAILBOX: usize = 64;
/// Batches on their way from a session to its socket.
pub const FEED_SOCKET: usize = 4;
/// Pause between two heartbeats of a quiet feed; the contract promises 15 s.
pub const FEED_HEARTBEAT: Duration = Duration::from_secs(8);
/// How long a client may take to make room for one write before it counts as gone: live sessions, and
/// every other answer, on its socket.
pub const SOCKET_WRITE: Duration = Duration::from_secs(20);
/// A message to the server on a live session, bytes: a completed visit's notes are the longest.
pub const SESSION_MESSAGE_BYTES: usize = 64 * 1024;
/// Rows of an import on their way to the journal at once: fills a group commit, starves nobody.
pub const IMPORT_IN_FLIGHT: usize = 256;

/// Calls that may wait for the access record: two seconds of as many readings as two cores answer.
pub const ACCESS_QUEUE: usize = 65_536;
/// Calls without a token that get into the access record in a second: enough to see an attack, too few to fill
/// the disk with it.
pub const ACCESS_STRANGERS_PER_S: u64 = 50;
/// The same in a day, some 100 MB; from then on one a second.
pub const ACCESS_STRANGERS_PER_DAY: u64 = 300_000;
/// How often the access record is fsynced at most, milliseconds: what a power cut may cost of it.
pub const ACCESS_SYNC_MS: u64 = 1_000;
/// Tickets that a search's line of the access record names.
pub const ACCESS_TICKETS: usize = 100;
/// How often an erasure looks again for tickets that were accepted meanwhile.
pub const ERASURE_ROUNDS: usize = 16;
/// Lines of the access record in one customer's export, the newest.
pub const EXPORT_ACCESSES: usize = 10_000;

/// How long the service may take over a call before its outcome is called unknown; a group commit
/// takes 10 ms, a restarted actor 3 s.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a call may take in all, its body included.
pub const CALL: Duration = Duration::from_secs(30);
/// How long an import, an audit or a backup may take: a country's polygons take a minute.
pub const IMPORT: Duration = Duration::from_hours(1);
/// How long a connection may be idle, or take over a request's head.
pub const HEADER: Duration = Duration::from_mins(1);
/// How long a TLS handshake may take: two round trips on the worst of networks.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the door looks for renewed certificates and forgets callers that have been quiet.
pub const DOOR_LOOK: Duration = Duration::from_secs(5);
/// How long a caller who is turned away may take to read that.
pub const FAREWELL: Duration = Duration::from_secs(1);
/// How long a caller may take to send an ordinary body.
pub const BODY: Duration = Duration::from_secs(20);
/// How long an import's caller may pause between two pieces.
pub const IMPORT_PAUSE: Duration = Duration::from_secs(30);
/// How long a graceful stop waits for calls under way.
pub const STOP: Duration = Duration::from_secs(15);
/// What `Retry-After` says when there is no permit, seconds: the smallest a header can say.
pub const RETRY_AFTER_S: u32 = 1;

/// How long an idempotency key is kept at least, seconds (the contract's 24 h and some slack).
pub const IDEMPOTENCY_S: i64 = 26 * 3_600;
/// The largest answer that is kept under an idempotency key, bytes: it lies in the journal.
pub const KEPT_ANSWER_BYTES: usize = 16 * 1_024;
/// The longest a token may live, seconds: a year.
pub const TOKEN_TTL_S: i64 = 366 * 86_400;
/// How long a token lives that was got by name and password, seconds: a shift with its overtime.
pub const LOGIN_TTL_S: i64 = 12 * 3_600;
/// A password, characters: NIST SP 800-63B asks for 8 at least, 15 without a second factor in its latest draft;
/// the most is room for a sentence.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=128;
/// Memory of one password hash, KiB; with [`PASSWORD_PASSES`] and [`PASSWORD_LANES`] what OWASP recommends for
/// argon2id (Password Storage Cheat Sheet): some 20 ms.
pub const PASSWORD_KIB: u32 = 19 * 1_024;
/// Passes over that memory.
pub const PASSWORD_PASSES: u32 = 2;
/// Lanes: one, since many people log in at once rather than one quickly.
pub const PASSWORD_LANES: u32 = 1;
/// Passwords hashed at once; each takes a core and 19 MiB for some 20 ms.
pub const HASHES: usize = 2;
/// Logins that may wait for their hash, those under way included: a second's worth; more are refused at once.
pub const HASHES_WAITING: usize = 64;
/// Body of a call that carries a password, bytes: 128 characters written as escapes, and the rest.
pub const CREDENTIALS_BODY_BYTES: usize = 16 * 1_024;
/// Accounts that one data directory takes; each costs some 500 bytes of memory.
pub const ACCOUNTS: usize = 200_000;
/// Regions that one account or token is bound to: more are all of them.
pub const GRANTED_REGIONS: usize = 100;
/// Characters of an account's or a token's subject: as long as ids are.
pub const SUBJECT_CHARS: usize = 64;
/// Failed logins to one name that cost no waiting: typing errors.
pub const NAME_FAILURES: u32 = 5;
/// Failed logins from one address that cost no waiting: an office behind one address mistypes too.
pub const PEER_FAILURES: u32 = 30;
/// The longest wait after failed logins, seconds: a hundred guesses a day, and nobody is shut out for long.
pub const LOGIN_WAIT_S: i64 = 15 * 60;
/// How long without another failure until those to a name are forgotten, seconds.
pub const NAME_FORGET_S: i64 = 86_400;
/// The same of an address, seconds: addresses change hands.
pub const PEER_FORGET_S: i64 = 3_600;
/// Names and addresses, each, whose failures are remembered; some 60 bytes each.
pub const LOGINS_WATCHED: usize = 10_000;
/// How often the door reads what other processes revoked or changed of accounts; a second later it counts.
pub const LISTS_LOOK: Duration = Duration::from_millis(500);
/// Tokens whose signature need not be checked again; each takes some 500 bytes, more with many regions.
pub const TOKENS_KNOWN: usize = 10_000;

/// Open connections on a machine where a process may have so many files open: a quarter stays for the
/// journal, snapshots and gateways. Sessions leave the connections when they begin, so both have their share.
#[must_use]
pub fn connections(files: u64) -> usize {
    CONNECTIONS.min(usize::try_from(files / 2).unwrap_or(usize::MAX))
}

/// Live sessions on such a machine.
#[must_use]
pub fn sessions(files: u64) -> usize {
    SESSIONS.min(usize::try_from(files / 4).unwrap_or(usize::MAX))
}
