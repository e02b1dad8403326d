//! The examples of README.md and docs/ are run, their links followed, their figures compared: what a
//! page shows is what happens.
//!
//! - A block fenced as `toml` is a configuration that `ringgate check` accepts without a word. (The
//!   scenarios in docs/loadtest.md are the load tester's.)
//! - A block fenced as `toml declared` is what `ringgate apply` makes of an empty gateway, whose commands
//!   behind it are asked. (Where they print much, the page may show the beginning.)
//! - A block fenced as `console` holds commands behind `$ ` and what they print. `ringgate` commands are
//!   run as they stand, in a folder with the page's configurations; `curl` commands are asked of a
//!   gateway that serves the configuration shown before them, or the default one.

#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// For whatever a test waits for; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(30);

const BINARY: &str = env!("CARGO_BIN_EXE_ringgate");

/// Pages whose TOML is not the gateway's.
const OTHER_TOML: &[&str] = &["docs/loadtest.md"];

#[test]
fn every_configuration_shown_is_valid() {
    let mut found = 0;
    for page in pages() {
        if OTHER_TOML.contains(&page.name.as_str()) {
            continue;
        }
        for block in page.blocks().filter(|block| block.kind == "toml") {
            found += 1;
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("ringgate.toml");
            fs::write(&file, &block.text).unwrap();
            // The code of the functions that the pages show.
            fs::create_dir_all(folder.path().join("functions/hello")).unwrap();
            let output =
                Command::new(BINARY).arg("check").arg("--config").arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{}\n{said}", page.name, block.text);
            assert_eq!(said, "", "a warning about an example of {}", page.name);
        }
    }
    assert!(found > 0, "README.md shows a configuration");
}

#[test]
fn commands_shown_print_what_is_shown() {
    let mut asked = 0;
    for page in pages() {
        let mut configuration = default_configuration();
        let mut managed: Option<Managed> = None;
        for block in page.blocks() {
            match block.kind.as_str() {
                "toml" => configuration = block.text,
                "toml declared" => managed = Some(Managed::start(&block.text)),
                "console" if managed.is_some() => {
                    for (command, expected) in commands(&block.text) {
                        let found = managed.as_ref().unwrap().run(&command);
                        assert!(found.starts_with(&expected), "{}: {command}\n{found}", page.name);
                    }
                }
                "console" => {
                    for (command, expected) in commands(&block.text) {
                        asked += 1;
                        let found = run(&command, &configuration, &page);
                        assert_eq!(
                            found.trim_end(),
                            expected.trim_end(),
                            "{}: {command}",
                            page.name
                        );
                    }
                }
                _ => {}
            }
        }
        if let Some(managed) = managed {
            managed.applies();
        }
    }
    assert!(asked >= 3, "README.md shows curl, check and routes");
}

#[test]
fn a_proxied_request_of_the_readme_reaches_the_back_end_as_told() {
    let page = Page::read("README.md");
    let shown = page.blocks().find(|block| block.kind == "toml").unwrap().text;
    assert!(page.text.contains("`/v1/products/7`"), "the page tells what the back end sees");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let back_end = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&socket).read_line(&mut line).unwrap();
        sender.send(line).unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nseven").unwrap();
    });
    assert!(shown.contains("127.0.0.1:9001"));
    let gateway = Gateway::start(&shown.replace("127.0.0.1:9001", &back_end));
    assert_eq!(gateway.get("/products/7"), "seven");
    let line = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(line, "GET /v1/products/7 HTTP/1.1\r\n");
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let folder = root().join(&page.name).parent().unwrap().to_owned();
        for (_, behind) in page.text.match_indices("](").map(|(at, _)| page.text.split_at(at + 2)) {
            let target = behind.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{} links to {target}", page.name);
            }
        }
    }
}

#[test]
fn pages_named_in_the_code_exist() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "bench", "loadtest", "packaging", "config"] {
        collect(&root().join(folder), &["rs", "toml", "md", "service", "socket"], &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("docs/") {
            let name: String = text[at..]
                .chars()
                .take_while(|it| it.is_ascii_alphanumeric() || "/_.-".contains(*it))
                .collect();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                assert!(root().join(&name).exists(), "{} names {name}", file.display());
            }
        }
    }
}

#[test]
fn the_readme_has_the_figures_of_the_performance_page() {
    let marked = |name: &str| {
        let text = Page::read(name).text;
        let (_, rest) = text.split_once("<!-- summary:begin -->\n").expect("the first marker");
        rest.split_once("<!-- summary:end -->").expect("the second marker").0.to_owned()
    };
    assert_eq!(marked("README.md"), marked("docs/performance.md"));
}

#[test]
fn decisions_are_numbered_without_gaps_and_short() {
    let mut files = Vec::new();
    collect(&root().join("docs/decisions"), &["md"], &mut files);
    files.sort();
    for (number, file) in (1..).zip(&files) {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is not number {number}");
        let text = fs::read_to_string(file).unwrap();
        assert!(text.lines().count() < 40, "{name} is longer than 40 lines");
        for heading in
            ["## Situation", "## Decision", "## Considered", "## What would change our mind"]
        {
            assert!(text.contains(heading), "{name} lacks `{heading}`");
        }
    }
}

// ---- pages ----

struct Page {
    /// From the root of the repository.
    name: String,
    text: String,
}

struct Block {
    kind: String,
    text: String,
}

impl Page {
    fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: fs::read_to_string(root().join(name)).unwrap() }
    }

    /// Fenced blocks in order.
    fn blocks(&self) -> impl Iterator<Item = Block> {
        self.text.split("\n```").skip(1).step_by(2).map(|block| {
            let (kind, text) = block.split_once('\n').unwrap();
            Block { kind: kind.to_owned(), text: format!("{text}\n") }
        })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and everything in docs/.
fn pages() -> Vec<Page> {
    let mut files = vec![root().join("README.md")];
    collect(&root().join("docs"), &["md"], &mut files);
    files
        .iter()
        .map(|file| Page::read(file.strip_prefix(root()).unwrap().to_str().unwrap()))
        .collect()
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, extensions, files);
        } else if extensions.contains(&extension) {
            files.push(path);
        }
    }
}

// ---- commands ----

/// Commands and what each is shown to print.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => *printed += &format!("{line}\n"),
            (None, None) => panic!("a console block begins with `$ `: {text}"),
        }
    }
    found
}

fn run(command: &str, configuration: &str, page: &Page) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    match &words[..] {
        ["curl", url] => {
            let path = url.strip_prefix("http://127.0.0.1:8080").expect("the address in the file");
            Gateway::start(configuration).get(path)
        }
        ["ringgate", arguments @ ..] => {
            let folder = tempfile::tempdir().unwrap();
            if let [.., "--config", file] = arguments {
                fs::write(folder.path().join(file), configuration).unwrap();
            }
            let output =
                Command::new(BINARY).args(arguments).current_dir(folder.path()).output().unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        }
        _ => panic!("{}: this test cannot run `{command}`", page.name),
    }
}

fn default_configuration() -> String {
    fs::read_to_string(root().join("config/ringgate.toml")).unwrap()
}

/// A gateway without APIs, and a file that declares some.
struct Managed {
    gateway: Gateway,
    folder: tempfile::TempDir,
}

impl Managed {
    fn start(declared: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("shop.toml"), declared).unwrap();
        Self { gateway: Gateway::start(&default_configuration()), folder }
    }

    /// What a command prints.
    fn run(&self, command: &str) -> String {
        let arguments = command.strip_prefix("ringgate ").expect("one of ours").split(' ');
        let output = Command::new(BINARY)
            .args(arguments)
            .env("RINGGATE_ENDPOINT", format!("http://{}", self.gateway.management))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// The file is applied, and once more without a difference.
    fn applies(&self) {
        let applied = self.run("ringgate apply shop.toml --yes");
        assert!(applied.contains("Done, and served"), "{applied}");
        assert_eq!(self.run("ringgate apply shop.toml"), "Nothing differs.\n");
    }
}

/// A running gateway. Killed when dropped.
struct Gateway {
    child: Child,
    address: String,
    /// The management listener's.
    management: String,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// On that configuration, with the addresses shown in it replaced by free ones.
    fn start(configuration: &str) -> Self {
        assert!(configuration.contains("127.0.0.1:8080"), "no listener in\n{configuration}");
        let mut text = configuration.replace("127.0.0.1:8080", "127.0.0.1:0");
        if configuration.contains("127.0.0.1:8081") {
            text = text.replace("127.0.0.1:8081", "127.0.0.1:0");
        } else {
            text += "\n[management]\nlisten = \"127.0.0.1:0\"\n";
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringgate.toml");
        fs::write(&file, text).unwrap();
        let mut child = Command::new(BINARY)
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = child.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(printed).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        // Made first, so that the process is killed when no line comes.
        let none = String::new;
        let mut gateway = Self { child, address: none(), management: none(), _folder: folder };
        while gateway.address.is_empty() || gateway.management.is_empty() {
            let line = receiver.recv_timeout(PATIENCE).expect("it says where it listens");
            if let Some(address) = line.strip_prefix("listening on http://") {
                address.clone_into(&mut gateway.address);
            } else if let Some(address) = line.strip_prefix("management on http://") {
                address.clone_into(&mut gateway.management);
            }
        }
        gateway
    }

    /// The content of an answer.
    fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
