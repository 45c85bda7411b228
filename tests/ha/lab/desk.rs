//! What people need at the sites: security officers with keys for an emergency, and what `charterd standby` asks.

use std::{fs, path::PathBuf, process::Command};

use super::{Lab, Server, Site, process::done, servers::built};

const OFFICERS: [&str; 2] = ["one.json", "two.json"];

impl Lab {
    /// The security officers' keys (`one.json`, `two.json`), sealed under `kek`.
    pub fn officers(&self) -> PathBuf {
        self.dir().join("officers")
    }

    pub(super) fn appoint_officers(&self) -> anyhow::Result<()> {
        let folder = self.officers();
        fs::create_dir_all(&folder)?;
        for key in OFFICERS {
            let mut command = Command::new(built()?);
            command.args(["emergency", "key", "--out"]).arg(folder.join(key));
            done(command.arg("--kek").arg(folder.join("kek")))?;
        }
        for server in self.servers() {
            fs::create_dir_all(self.denials(&server))?;
        }
        Ok(())
    }

    /// Each server has a folder of its own: what one takes the others hear from it.
    fn denials(&self, server: &Server) -> PathBuf {
        self.files.site(server.site).join(format!("{}-denials", server.name))
    }

    /// `emergency` of the registry at a server.
    pub(super) fn emergency(&self, server: &Server) -> String {
        let public = OFFICERS.map(|key| format!("\"{}.pub\"", self.officers().join(key).display()));
        let others = self.servers().into_iter().filter(|other| other.name != server.name);
        let others: Vec<String> = others.map(|other| format!("\"https://{}\"", other.secure)).collect();
        format!(
            "emergency = {{ officers = [{}], dir = \"{}\", nodes = [{}] }}\n",
            public.join(", "),
            self.denials(server).display(),
            others.join(", ")
        )
    }

    /// The section of a server's configuration.
    pub(super) fn standby(&self) -> String {
        let members = Site::ALL.map(|site| format!("\"http://{}\"", self.patroni(site))).join(", ");
        let servers = self.servers().into_iter().map(|server| format!("\"http://{}\"", server.address));
        let servers = servers.collect::<Vec<_>>().join(", ");
        format!("[standby]\npatroni = [{members}]\nservers = [{servers}]\n")
    }
}
