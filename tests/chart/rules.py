# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Each alert fires for what it says and is over when that is over: by Prometheus' own evaluation (`promtool test rules`)."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "helm" / "charter" / "files" / "rules.yaml"

HTTP = 'http_server_request_duration_seconds_count{{job="charter",http_response_status_code="{}"}}'
BUCKET = 'http_server_request_duration_seconds_bucket{job="charter",le="0.025"}'


def gauge(good, bad):
    """A value each minute: good for an hour, bad for `BAD`, then good again."""
    return lambda minutes, after: f"{good}x59 {bad}x{minutes - 1} {good}x{after}"


def counter(good, bad):
    """What is added each minute, likewise."""

    def series(minutes, after):
        first, second = good * 60, good * 60 + bad * minutes
        return f"0+{good}x59 {first}+{bad}x{minutes - 1} {second}+{good}x{after}"

    return series


def on(name, **labels):
    labels = {"job": "charter", "instance": "a:7102", **labels}
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


HOUR = 60
# Alert: series with how they are well and how they are not, minutes that it is not well, minutes until it is over.
CASES = {
    "CharterErrorBudgetBurnsFast": ({HTTP.format(200): counter(1000, 970), HTTP.format(503): counter(0, 30)}, 70, 90),
    "CharterErrorBudgetBurns": ({HTTP.format(200): counter(1000, 990), HTTP.format(503): counter(0, 10)}, 7 * HOUR, 7 * HOUR),
    "CharterErrorBudgetBurnsSlowly": (
        {HTTP.format(200): counter(1000, 995), HTTP.format(503): counter(0, 5)}, 4 * HOUR, 7 * HOUR,
    ),
    "CharterSlow": ({HTTP.format(200): counter(1000, 1000), BUCKET: counter(1000, 500)}, 30, 30),
    "CharterNoPrimary": ({on("charter_database_primary", node=0): gauge(1, 0), on("charter_database_primary", node=1): gauge(0, 0)}, 5, 30),
    "CharterFailedOver": ({on("charter_database_primary", node=0): gauge(1, 0), on("charter_database_primary", node=1): gauge(0, 1)}, 5, 60),
    "CharterNodeLost": ({on("charter_database_node_up", node=2): gauge(1, 0)}, 5, 5),
    "CharterNothingProven": ({on("charter_epoch_lease_held"): gauge(1, 0)}, 5, 5),
    "CharterClockWrong": ({on("charter_clock_astray"): gauge(0, 1)}, 5, 5),
    "CharterDatabaseFull": ({on("charter_database_errors_total", kind="disk_full"): counter(0, 10)}, 5, 15),
    "CharterDiskFilling": (
        {on("charter_log_store_available_bytes"): gauge(500, 50), on("charter_log_store_size_bytes"): gauge(1000, 1000)}, 10, 5,
    ),
    "CharterArchiveLate": ({on("charter_database_archive_late_seconds"): gauge(0, 600)}, 10, 5),
    "CharterRestored": ({on("charter_registries_held"): gauge(0, 1)}, 5, 5),
    "CharterTrailFails": ({on("charter_trail_failing", receiver="SYSLOG", stream="AUDIT"): gauge(0, 1)}, 20, 5),
    "CharterEquivocation": ({on("charter_witness_quarantined"): gauge(0, 1)}, 5, 5),
    "CharterKeyRevoked": ({on("charter_keys_revoked", registry="edu"): lambda bad, after: f"1x59 2x{bad + after}"}, 30, 2 * HOUR),
    "CharterRenewalLate": ({on("charter_documents_renewal_late"): gauge(0, 1)}, 5, 5),
    "CharterRenewalRefused": ({on("charter_documents_renewal_refused"): gauge(0, 2)}, 10, 5),
    "CharterLogStopped": ({on("charter_log_stopped", registry="edu"): gauge(0, 1)}, 5, 5),
    "CharterLogBehind": ({on("charter_log_unpublished_seconds", registry="edu"): gauge(0, 60)}, 5, 5),
    "CharterFeedLags": ({on("charter_peer_feed_lag_seconds"): gauge(0, 300)}, 5, 5),
    "CharterPeersRest": ({on("charter_peer_breakers_open"): gauge(0, 1)}, 10, 5),
    "CharterEmergencyDenial": ({on("charter_emergency_denials"): gauge(0, 1)}, 5, 5),
    "CharterDown": ({on("up"): gauge(1, 0)}, 5, 5),
    "CharterRedisDown": ({on("charter_redis_up"): gauge(1, 0)}, 5, 5),
    "CharterCertificateEnds": ({on("charter_tls_certificate_expiry_timestamp_seconds", file="a.pem"): gauge(90 * 86400, 10 * 86400)}, 5, 5),
    "CharterCertificateEnded": ({on("charter_tls_certificate_expiry_timestamp_seconds", file="a.pem"): gauge(90 * 86400, 40000)}, 5, 5),
    "CharterRefusesConnections": ({on("charter_connections_refused_total"): counter(0, 10)}, 15, 15),
}


def alerts():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def fires(name, series, bad, after):
    """Whether promtool sees the alert not firing, firing, and not firing any more; what it says where it does not."""
    ends = 60 + bad

    def at(minute, expected):
        return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": expected}

    def silent(minute):
        return at(minute, [])

    def firing(minute):
        # Labels and texts are looked at elsewhere: here it is asked whether there is any.
        return {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > 0', "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}]}

    test = {
        "interval": "1m",
        "input_series": [{"series": key, "values": make(bad, after)} for key, make in series.items()],
        "alert_rule_test": [silent(59), silent(ends + after - 1)],
        "promql_expr_test": [firing(ends - 1)],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}, file)
        file.flush()
        return promtool("test", "rules", file.name)


class Rules(unittest.TestCase):
    def test_prometheus_takes_them(self):
        code, said = promtool("check", "rules", str(RULES))
        self.assertEqual(code, 0, said)

    def test_each_alert_is_tried(self):
        self.assertEqual({rule["alert"] for rule in alerts()}, set(CASES))

    def test_each_fires_and_is_over(self):
        for name, (series, bad, after) in CASES.items():
            with self.subTest(alert=name):
                code, said = fires(name, series, bad, after)
                self.assertEqual(code, 0, said)

    def test_one_that_does_not_fire_would_be_found(self):
        series = {on("charter_redis_up"): gauge(1, 1)}
        self.assertNotEqual(fires("CharterRedisDown", series, 5, 5)[0], 0)

    def test_each_says_how_bad_it_is_and_what_to_do(self):
        for rule in alerts():
            with self.subTest(alert=rule["alert"]):
                self.assertIn(rule["labels"]["severity"], ("critical", "warning"))
                runbook = (ROOT / rule["annotations"]["runbook"]).read_text()
                self.assertIn(f"`{rule['alert']}`", runbook)


class Dashboards(unittest.TestCase):
    def test_each_asks_prometheus_for_what_there_is(self):
        described = (ROOT / "docs" / "API.md").read_text()
        recorded = RULES.read_text()
        for path in sorted((RULES.parent / "dashboards").glob("*.json")):
            board = json.loads(path.read_text())
            self.assertEqual(board["uid"], path.stem)
            queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
            with self.subTest(dashboard=path.name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                rules = [{"record": f"query:{n}", "expr": query.replace("$job", ".*")} for n, query in enumerate(queries)]
                yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
                file.flush()
                code, said = promtool("check", "rules", file.name)
                self.assertEqual(code, 0, said)
                for name in set(re.findall(r"(?:charter|http_server|rpc_server|db_client)[a-z0-9_:]*", " ".join(queries))):
                    base = re.sub(r"_(count|bucket)$", "", name)
                    self.assertTrue(base in described or f"record: {name}" in recorded, name)


if __name__ == "__main__":
    unittest.main()
