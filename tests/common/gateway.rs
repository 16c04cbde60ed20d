//! An SMS gateway and a mail server on the loopback that behave as they are told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

/// Nothing here waits longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a gateway does with a call.
#[derive(Clone, Debug)]
pub enum Mood {
    /// Takes it, under names that count up: SM0, SM1, ..
    Works,
    Answers {
        status: u16,
        headers: &'static str,
        body: &'static str,
    },
    /// Reads the call and says nothing.
    Hangs,
    /// Closes in the middle of its answer.
    BreaksOff,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub head: String,
    pub fields: Vec<(String, String)>,
}

impl Call {
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

pub struct SmsGateway {
    pub address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    calls: Mutex<Receiver<Call>>,
}

impl SmsGateway {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(Mood::Works));
        let (tell, calls) = channel();
        let told = mood.clone();
        std::thread::spawn(move || {
            let mut count = 0;
            // Whoever hangs keeps their connections.
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let mood = told.lock().unwrap().clone();
                match serve(stream, &mood, &mut count, &tell) {
                    Ok(Some(open)) => held.push(open),
                    Ok(None) => {}
                    Err(error) => eprintln!("gateway: {error}"),
                }
            }
        });
        Self { address, mood, calls: Mutex::new(calls) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// The next call, waited for.
    #[track_caller]
    pub fn call(&self) -> Call {
        self.calls.lock().unwrap().recv_timeout(PATIENCE).expect("the gateway is called")
    }

    pub fn calls_so_far(&self) -> Vec<Call> {
        self.calls.lock().unwrap().try_iter().collect()
    }
}

fn serve(stream: TcpStream, mood: &Mood, count: &mut u32, tell: &Sender<Call>) -> std::io::Result<Option<TcpStream>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let fields = form(&String::from_utf8_lossy(&body));
    let _ = tell.send(Call { path, head, fields });
    let mut stream = reader.into_inner();
    let answer = match mood {
        Mood::Works => {
            let body = format!("{{\"sid\": \"SM{count}\", \"status\": \"queued\"}}");
            *count += 1;
            format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        }
        Mood::Answers { status, headers, body } => {
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        }
        Mood::Hangs => return Ok(Some(stream)),
        Mood::BreaksOff => "HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{".to_owned(),
    };
    stream.write_all(answer.as_bytes())?;
    Ok(None)
}

fn form(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// A mail server that answers the recipient with these words; letters it took come out of `letters`.
pub struct MailServer {
    pub address: SocketAddr,
    letters: Mutex<Receiver<String>>,
}

impl MailServer {
    /// `recipient`: the answer to RCPT, `250 ok`; an empty one hangs.
    pub fn start(recipient: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, letters) = channel();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                // A client that does not like our answers goes away in the middle.
                if let Ok(Some(open)) = dialogue(stream, recipient, &tell) {
                    held.push(open);
                }
            }
        });
        Self { address, letters: Mutex::new(letters) }
    }

    #[track_caller]
    pub fn letter(&self) -> String {
        self.letters.lock().unwrap().recv_timeout(PATIENCE).expect("a letter comes")
    }
}

fn dialogue(stream: TcpStream, recipient: &str, tell: &Sender<String>) -> std::io::Result<Option<TcpStream>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    out.write_all(b"220 test\r\n")?;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let command = line.get(..4).unwrap_or_default().to_uppercase();
        match command.as_str() {
            "EHLO" => out.write_all(b"250-test\r\n250 8BITMIME\r\n")?,
            "RCPT" if recipient.is_empty() => return Ok(Some(out)),
            "RCPT" => out.write_all(format!("{recipient}\r\n").as_bytes())?,
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let mut letter = String::new();
                while !letter.ends_with("\r\n.\r\n") {
                    if reader.read_line(&mut letter)? == 0 {
                        return Ok(None);
                    }
                }
                let _ = tell.send(letter);
                out.write_all(b"250 taken\r\n")?;
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n")?;
                return Ok(None);
            }
            _ => out.write_all(b"250 ok\r\n")?,
        }
    }
}
