//! `callout top`: the board of a running server. A thread asks for it every second, so that keys answer
//! at once and a server that is away for a while only makes the board old.

use super::{
    board::{self, BoardView, RemoteBoard},
    client::{Client, encode},
    output::{Done, Trouble, at},
};
use clap::Args;
use ratatui::crossterm::event::KeyCode;
use serde_json::Value;
use std::{
    fs::File,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

/// The live board of a running server: regions, experts, the latest events, a map. Keys: q quits, p or
/// blank pauses, left and right choose a region, a shows all.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  callout top --server http://127.0.0.1:8080 \
    --token "$(callout token issue --role dispatcher)"
  callout top --server http://127.0.0.1:8080 --token TOKEN --region north

Without a terminal: callout objectives prints figures as text.
Token roles: clerk, dispatcher, manager, admin"#)]
pub(super) struct TopArgs {
    /// A running server, like http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "CALLOUT_SERVER")]
    server: String,
    /// A token for it, of a role that may look (below)
    #[arg(long, value_name = "TOKEN", env = "CALLOUT_TOKEN", hide_env_values = true)]
    token: String,
    /// For an https:// server: a PEM file with an authority to trust, beside the machine's
    #[arg(long, value_name = "FILE", env = "CALLOUT_CA")]
    ca: Option<PathBuf>,
    /// Only these regions (may be given several times)
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

/// Regions asked for at most; a board of more cannot be read.
const REGIONS: usize = 100;

/// What the asking thread found.
type Look = Result<Vec<Value>, Trouble>;

/// What keys change.
#[derive(Default)]
struct Shown {
    paused: bool,
    /// Which region alone is shown; none: all.
    only: Option<usize>,
}

pub(super) fn run(args: &TopArgs) -> Done {
    let client = Client::new(&args.server, &args.token, args.ca.as_deref())?;
    let mut remote = RemoteBoard::new(format!("callout top {}", args.server), Vec::new());
    // Before the screen is taken: whoever has the wrong token sees why.
    let mut boards = fetch(&client, &args.region)?;
    // Keys are read from the terminal even when standard input is something else.
    let keys = io::stdin().is_terminal() || File::open("/dev/tty").is_ok();
    if !keys || !io::stdout().is_terminal() {
        return Err(Trouble::Refused("top needs a terminal; figures as text: callout objectives".into()));
    }
    let (looks, news) = channel();
    let (stop, stopped) = channel::<()>();
    let (regions, every) = (args.region.clone(), Duration::from_secs(args.every));
    let asking = std::thread::spawn(move || ask(&client, &regions, every, &looks, &stopped));
    let mut shown = Shown::default();
    let mut trouble = None;
    let drawn = board::show_with_keys(&mut |key| {
        if let Some(key) = key {
            shown.press(key, boards.len());
        }
        for look in news.try_iter().filter(|_| !shown.paused) {
            match look {
                Ok(fresh) => (boards, trouble) = (fresh, None),
                Err(why) => trouble = Some(why),
            }
        }
        let view = remote.view(&shown.chosen(&boards));
        Some(hinted(view, &shown, trouble.as_ref()))
    });
    drop(stop);
    let _ = asking.join();
    drawn.map_err(Trouble::refused)?;
    Ok(ExitCode::SUCCESS)
}

fn ask(client: &Client, regions: &[String], every: Duration, looks: &Sender<Look>, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
        if looks.send(fetch(client, regions)).is_err() {
            return;
        }
    }
}

fn fetch(client: &Client, wanted: &[String]) -> Look {
    let regions = client.all("/v1/regions?geometry=false", REGIONS)?;
    let named = regions.iter().map(|region| at(region, "id")).filter(|id| wanted.is_empty() || wanted.contains(id));
    named.map(|id| Ok(client.get(&format!("/v1/regions/{}/board", encode(&id)))?)).collect()
}

impl Shown {
    fn press(&mut self, key: KeyCode, regions: usize) {
        let last = regions.saturating_sub(1);
        match key {
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('a') => self.only = None,
            KeyCode::Right | KeyCode::Tab => {
                self.only = Some(self.only.map_or(0, |no| if no < last { no + 1 } else { 0 }));
            }
            KeyCode::Left | KeyCode::BackTab => {
                self.only = Some(self.only.map_or(last, |no| no.checked_sub(1).unwrap_or(last)));
            }
            _ => {}
        }
    }

    fn chosen(&self, boards: &[Value]) -> Vec<Value> {
        match self.only.and_then(|no| boards.get(no)) {
            Some(board) => vec![board.clone()],
            None => boards.to_vec(),
        }
    }
}

fn hinted(mut view: BoardView, shown: &Shown, trouble: Option<&Trouble>) -> BoardView {
    if let Some(trouble) = trouble {
        // In front: a narrow terminal cuts the end off.
        view.title = format!("[seen last; {}]  {}", trouble.why(), view.title);
    } else if shown.paused {
        view.title = format!("[paused]  {}", view.title);
    }
    view.hints = ["q quits", "p pauses", "←→ region", "a all"].map(String::from).to_vec();
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_round_the_regions_and_back_to_all() {
        let boards = [Value::from(0), Value::from(1)];
        let mut shown = Shown::default();
        let mut press = |key| {
            shown.press(key, 2);
            shown.chosen(&boards)
        };
        assert_eq!(press(KeyCode::Right), [Value::from(0)]);
        assert_eq!(press(KeyCode::Left), [Value::from(1)]);
        assert_eq!(press(KeyCode::Right), [Value::from(0)]);
        assert_eq!(press(KeyCode::Char('a')).len(), 2);
        // No region at all is no reason to fall over.
        Shown::default().press(KeyCode::Left, 0);
    }
}
