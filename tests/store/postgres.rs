//! The suite on PostgreSQL, which the test starts for itself: Debian's or any that is in the path.
//! Without one the test fails; `tests/run` installs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringgate::store::{Store, StoreError};
use sqlx::{Connection, PgConnection};

use super::{kill, put, short, suite};

/// The `nobody` of every distribution. PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server of its own with a socket in a temporary folder, and no port.
struct Server {
    folder: tempfile::TempDir,
    postgres: PathBuf,
    child: Child,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("as root");
        }
        let postgres = program("postgres");
        let mut initdb = command(&postgres.with_file_name("initdb"));
        initdb.args(["--username=ringgate", "--auth=trust", "--no-sync", "--encoding=UTF8"]);
        // A language whose order is not that of bytes.
        initdb.args(["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]);
        initdb.arg("--pgdata").arg(folder.path().join("data"));
        let made = initdb.current_dir(folder.path()).output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = run(&postgres, folder.path());
        Server { folder, postgres, child }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://ringgate@localhost/{database}?host={}", self.folder.path().display())
    }

    /// A connection for what ringgate would not do, as soon as the server takes any.
    async fn connection(&self, database: &str) -> PgConnection {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match PgConnection::connect(&self.url(database)).await {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The address of a new, empty database.
    async fn database(&self, name: &str) -> String {
        let mut connection = self.connection("postgres").await;
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .expect("a database");
        self.url(name)
    }

    /// As after a power cut: nobody is told.
    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    fn start_again(&mut self) {
        self.child = run(&self.postgres, self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&in_path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let mut found = folders.iter().map(|folder| folder.join(name)).filter(|file| file.exists());
    let found = found.next().expect("PostgreSQL: install Debian's `postgresql`, as tests/run does");
    // Beside a link in the path there may be no `initdb`.
    found.canonicalize().expect("it exists")
}

/// As nobody when the test is root, and never for longer than the test.
fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")]);
        command.arg("--clear-groups");
    }
    command.arg("--").arg(program);
    command
}

fn run(postgres: &Path, folder: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
    command(postgres)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c"])
        .arg(format!("unix_socket_directories={}", folder.display()))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("a writable folder"))
        .spawn()
        .expect("postgres")
}

/// One test, because under `cargo nextest` each is a process and would start a server of its own.
#[tokio::test]
async fn the_suite_holds_on_postgresql() {
    let mut server = Server::start();
    let url = server.database("alone").await;
    suite::alone(&Store::open(&url).await.expect("an empty database")).await;

    let url = server.database("two").await;
    let (a, b) = tokio::join!(Store::open(&url), Store::open(&url));
    let (a, b) = (a.expect("an empty database"), b.expect("made at the same time"));
    suite::two_hosts(&a, &b).await;

    a_backup_moves_between_engines(&server).await;
    a_write_waits_for_another_host_and_gives_up(&server).await;
    kill::nothing_acknowledged_is_lost(&server.database("killed").await, 5).await;
    a_server_that_comes_back_is_used_again(&mut server).await;
}

async fn a_backup_moves_between_engines(server: &Server) {
    let memory = Store::open("memory").await.expect("memory");
    memory.commit(0, &[put("é", "[1]"), put("z", "{}")]).await.expect("a commit");
    let (revision, rows) = memory.load().await.expect("a load");
    let other = Store::open(&server.database("moved").await).await.expect("an empty database");
    other.restore(revision, &rows, false).await.expect("it is empty");
    assert_eq!(other.load().await.expect("a load").1, rows);
}

/// A host that hangs while it holds the row must not hang the others for ever.
async fn a_write_waits_for_another_host_and_gives_up(server: &Server) {
    let store = Store::open(&server.database("held").await).await.expect("an empty database");
    let mut other = server.connection("held").await;
    let hold = "BEGIN; UPDATE ringgate_meta SET revision = revision";
    sqlx::raw_sql(hold).execute(&mut other).await.expect("the row");

    let begin = Instant::now();
    let refused = store.commit(0, &[put("a", "{}")]).await.expect_err("held");
    assert!(begin.elapsed() < Duration::from_secs(25), "after {:?}", begin.elapsed());
    assert!(matches!(refused, StoreError::InDoubt { .. }), "{refused:?}");
    assert_eq!(store.revision().await.expect("reading goes on"), 0);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("the row is free");
    store.commit(0, &[put("a", "{}")]).await.expect("the row is free");
}

async fn a_server_that_comes_back_is_used_again(server: &mut Server) {
    let url = server.database("away").await;
    let store = Store::open(&url).await.expect("an empty database");
    store.commit(0, &[put("a", "1")]).await.expect("a commit");
    server.kill();
    for _ in 0..2 {
        let error = store.commit(1, &[put("a", "2")]).await.expect_err("it is away");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }
    assert!(store.load().await.is_err());
    assert!(Store::open(&url).await.is_err());

    server.start_again();
    drop(server.connection("away").await);
    assert_eq!(short(&store.load().await.expect("it is back").1), ["a=1"]);
    store.commit(1, &[put("a", "2")]).await.expect("it is back");

    // Both connections died while nobody used them: the first use must not fail for that.
    server.kill();
    server.start_again();
    drop(server.connection("away").await);
    store.commit(2, &[put("a", "3")]).await.expect("on a new connection");
    assert_eq!(short(&store.load().await.expect("on a new connection").1), ["a=3"]);
}
