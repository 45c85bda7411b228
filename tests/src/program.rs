//! The programs that the harness built, beside this test binary.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{
    Rest,
    database::{CLUSTER, REDIS},
};

/// `charterd` or `charter`, as built for these tests.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let path = own.ancestors().nth(2).expect("target/debug").join(name);
    assert!(path.is_file(), "{} is missing: run `make test`", path.display());
    path
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Ports below those that Linux gives out by itself (`ip_local_port_range`, from 32768 on).
const PORTS: std::ops::Range<u32> = 10_000..32_000;
/// What one process may take before it meets those of the next.
const EACH: u32 = 40;
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// An address on loopback that nobody has, and that nobody gets who asks for any: for a server that is started later, or
/// again. Each process of tests looks at others first.
pub fn free_address() -> SocketAddr {
    loop {
        let n = process::id().wrapping_mul(EACH).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + n % (PORTS.end - PORTS.start);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).expect("a port")));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A `charterd serve` of its own; it ends with this.
pub struct Served {
    pub address: SocketAddr,
    file: PathBuf,
    child: Child,
}

impl Served {
    /// With a configuration for the address that it gets; returns when it is ready.
    pub async fn start(dir: &Path, toml: impl FnOnce(SocketAddr) -> String) -> Self {
        Self::start_with(dir, toml, &[]).await
    }

    /// The same with variables in its environment.
    pub async fn start_with(
        dir: &Path,
        toml: impl FnOnce(SocketAddr) -> String,
        variables: &[(&str, &str)],
    ) -> Self {
        let free = free_address();
        let file = dir.join(format!("charter-{}.toml", free.port()));
        std::fs::write(&file, toml(free)).expect("written");
        let log = std::fs::File::create(file.with_extension("log")).expect("a log");
        let mut command = Command::new(built("charterd"));
        command.env_remove(CLUSTER).env_remove(REDIS).env_remove("CHARTER_SHARED").kill_on_drop(true);
        command.envs(variables.iter().copied()).stderr(log);
        let command = command.args(["serve", "--config"]).arg(&file);
        let served = Self { address: free, child: command.spawn().expect("charterd runs"), file };
        let rest = Rest::new(free);
        let end = tokio::time::Instant::now() + Duration::from_secs(120);
        while tokio::net::TcpStream::connect(free).await.is_err() || !rest.ready().await {
            assert!(tokio::time::Instant::now() < end, "charterd is not ready");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        served
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file.with_extension("log")).expect("its log")
    }

    /// Where its configuration is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("signalled");
    }
}

/// A test that fails shows what the server said.
impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.file.with_extension("log")).unwrap_or_default());
        }
    }
}
