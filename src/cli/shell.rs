//! `callout completions` and `callout man`: made from the very grammar that is parsed.

use super::{
    Cli,
    output::{Done, Trouble},
};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Completions for a shell, on stdout.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callout completions bash > /etc/bash_completion.d/callout
  callout completions zsh > \"${fpath[1]}/_callout\"
  callout completions fish > ~/.config/fish/completions/callout.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Manual pages: one for each command into a folder, or callout(1) alone on stdout.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  callout man | man -l -\n  callout man /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// A folder for a page of each command; without it callout(1) goes to stdout
    dir: Option<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "all commands end alike")]
pub(super) fn completions(args: &CompletionsArgs) -> Done {
    clap_complete::generate(args.shell, &mut Cli::command(), "callout", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs) -> Done {
    let mut root = Cli::command();
    root.build();
    match &args.dir {
        None => clap_mangen::Man::new(root).render(&mut io::stdout()).map_err(Trouble::refused)?,
        Some(dir) => {
            fs::create_dir_all(dir).map_err(Trouble::refused)?;
            let pages = pages(&root, "callout", dir).map_err(Trouble::refused)?;
            println!("{pages} pages in {}", dir.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn pages(command: &Command, name: &str, dir: &Path) -> io::Result<usize> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut page)?;
    fs::write(dir.join(format!("{name}.1")), page)?;
    let below = command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set());
    let mut count = 1;
    for below in below {
        count += pages(below, &format!("{name}-{}", below.get_name()), dir)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &Command, path: &str, bare: &mut Vec<String>) {
        let below: Vec<&Command> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        if below.is_empty() && !help.contains("callout ") {
            bare.push(path.to_owned());
        }
        for command in below {
            walk(command, &format!("{path} {}", command.get_name()), bare);
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut bare = Vec::new();
        walk(&Cli::command(), "callout", &mut bare);
        assert!(bare.is_empty(), "these have none: {bare:#?}");
    }

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completions() {
        let dir = tempfile::tempdir().unwrap();
        let mut root = Cli::command();
        root.build();
        let count = pages(&root, "callout", dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), count);
        let page = fs::read_to_string(dir.path().join("callout-ticket-trace.1")).unwrap();
        assert!(page.contains(".TH") && page.contains("trace"), "{page}");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "callout", &mut text);
            assert!(String::from_utf8(text).unwrap().contains("objectives"), "{shell}");
        }
    }
}
