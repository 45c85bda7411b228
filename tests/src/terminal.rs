//! A person at a terminal: `charter` as a program, with a home of its own, and a browser beside it.

use std::{path::Path, process::Stdio};

use http::{Method, header};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::{Rest, issuer::Issuer, program::built};

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub struct Terminal {
    home: tempfile::TempDir,
}

/// What is clicked on the provider's page.
#[derive(Debug, Clone, Copy)]
pub enum Click<'a> {
    SignIn(&'a str),
    /// With a second factor.
    StepUp(&'a str),
    Refuse,
}

/// Runs a program with this home and none of our settings.
pub fn command(program: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHARTER_")) {
        command.env_remove(name); // The harness' own are no settings.
    }
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
    command.env("XDG_CONFIG_HOME", home.join("config")).env("XDG_STATE_HOME", home.join("state"));
    command
}

pub async fn run(mut command: Command) -> Done {
    let output = command.output().await.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Default for Terminal {
    fn default() -> Self {
        Self { home: tempfile::tempdir().expect("a directory") }
    }
}

impl Terminal {
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The profiles' file.
    pub fn configures(&self, toml: &str) {
        let dir = self.home().join("config/charter");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("config.toml"), toml).expect("written");
    }

    pub async fn charter(&self, args: &[&str]) -> Done {
        run(command(&built("charter"), self.home(), args)).await
    }

    /// `charter login`, and what is done in the browser when it has shown its address.
    pub async fn login(&self, issuer: &Issuer, args: &[&str], click: Click<'_>) -> Done {
        self.login_at(&issuer.url(), issuer, args, click).await
    }

    /// The same where the provider has another address.
    pub async fn login_at(&self, url: &str, issuer: &Issuer, args: &[&str], click: Click<'_>) -> Done {
        let args = [&["login", "--issuer", url], args].concat();
        let mut command = command(&built("charter"), self.home(), &args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut err = String::new();
        while let Some(line) = lines.next_line().await.expect("readable") {
            if let Some(page) = line.strip_prefix("open ") {
                clicks(issuer, page, click).await;
            }
            err.push_str(&line);
            err.push('\n');
        }
        let output = child.wait_with_output().await.expect("it ends");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        Done { code: output.status.code().unwrap_or(-1), out, err }
    }
}

/// Reads the page at the address that was shown, and sends its form as a browser does.
pub async fn clicks(issuer: &Issuer, page: &str, click: Click<'_>) {
    let path = page.strip_prefix(&issuer.url()).expect("a page of the provider");
    let shown = Rest::new(issuer.address()).get(path).await;
    assert!(shown.status == 200 && shown.text().contains("Who are you?"), "{}", shown.text());
    let code = path.split('=').nth(1).expect("a code");
    let form = match click {
        Click::SignIn(person) => format!("user_code={code}&person={person}&decision=allow"),
        Click::StepUp(person) => {
            let first = format!("user_code={code}&person={person}&decision=allow");
            assert!(sends(issuer, &first).await.contains("second factor"));
            format!("{first}&second_factor=confirmed")
        }
        Click::Refuse => format!("user_code={code}&decision=deny"),
    };
    assert!(sends(issuer, &form).await.contains("You can close this page"));
}

/// Posts a form of the sign-in page; the page that comes back.
pub async fn sends(issuer: &Issuer, form: &str) -> String {
    let rest = Rest::new(issuer.address());
    let request = rest
        .request(Method::POST, "/device")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.to_owned().into());
    rest.send(request.expect("a request")).await.text()
}
