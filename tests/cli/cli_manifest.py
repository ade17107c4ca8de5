# SPDX-License-Identifier: Apache-2.0
"""xdsgate mint manifest: from a deployment's values to the files of its zone proxies; again and again, killed in the
middle, on a full disk, twice at once, and each of its refusals. What a plan is made of is tested beside the planner."""

import base64
import hashlib
import json
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time

from cli_support import CLI, CONFIG, DENIED, DONE, IO, KEY, NOBODY, NOW, PLUGIN, USAGE, CliTest, decode, main, tree

PARTLY = 6
DAY = 86400
SAMPLES = os.path.join(os.environ["XG_TESTS"], "authority", "manifest")
IS_SANITIZED = "XG_SANITIZED" in os.environ
TEMPORARY = ".xdsgate-tmp"

# The four ways in which a deployment's values come to be; what each of them has to give: mesh, role, namespace, Service.
FLOWS = {
    "konnect": ([], [("default", "ingress", "kuma-system", "kuma-default-zoneproxy"),
                     ("default", "egress", "kuma-system", "kuma-default-zoneproxy"),
                     ("payments", "egress", "kuma-system", "kuma-payments-zoneproxy")]),
    "helm": ([], [("default", "ingress", "kuma-system", "public-ingress"),
                  ("backend", "ingress", "kuma-system", "kuma-backend-zoneproxy"),
                  ("backend", "egress", "kuma-system", "kuma-backend-zoneproxy"),
                  ("edge", "all", "kuma-system", "kuma-edge-zoneproxy")]),
    "unfederated": (["--release", "prod", "--advertised-address", "198.51.100.1", "--advertised-port", "20001"],
                    [("default", "all", "kuma-system", "prod-default-zoneproxy"),
                     ("in", "ingress", "edge", "prod-in-zoneproxy"),
                     ("out", "egress", "kuma-system", "prod-out-zoneproxy"),
                     ("two", "ingress", "kuma-system", "prod-two-zoneproxy"),
                     ("two", "egress", "kuma-system", "prod-two-zoneproxy"),
                     ("third", "all", "kuma-system", "prod-third-zoneproxy")]),
    "terraform": ([], [("alpha", "ingress", "mesh-alpha", "kuma-alpha-zoneproxy"),
                       ("alpha", "egress", "mesh-alpha", "kuma-alpha-zoneproxy"),
                       ("beta", "egress", "kuma-system", "kuma-beta-zoneproxy"),
                       ("gamma", "all", "kuma-system", "kuma-gamma-zoneproxy")]),
}
MESHES = sorted({row[0] for _, rows in FLOWS.values() for row in rows})

VALUES = """controlPlane:
  mode: zone
  zone: east
meshes:
  - {name: m1, role: separate}
  - {name: m2}
"""
NAMES = ["zone-proxy-m1-ingress", "zone-proxy-m1-egress", "zone-proxy-m2-all"]


def fingerprint(token):
    return hashlib.sha256(token.encode()).hexdigest()


def many(num, zone="many"):
    """Values with so many meshes, one proxy each."""
    return f"controlPlane: {{mode: zone, zone: {zone}}}\nmeshes:\n" + "".join(
        f"  - {{name: n{i}}}\n" for i in range(num))


class ManifestCase(CliTest):
    def setUp(self):
        super().setUp()
        self.values = self.write("values.yaml", VALUES)
        self.args = ["mint", "manifest", "-f", "values.yaml", "--authority", "authority", "--out", "out",
                     "--valid-for", "90d"]

    def at(self, *more, now=NOW, args=None):
        return [*(args or self.args), "--now", str(now), *more]

    def made(self, *args, **options):
        """A run that ends well; what it says at the end."""
        answer = self.run_cli(*args, **options)
        self.assertEqual(answer.code, DONE, (args, answer.err))
        return answer.err.splitlines()[-1] if answer.err else ""

    def counts(self, num_minted, num_restored, num_kept, *args, **options):
        said = self.made(*args, **options)
        num = num_minted + num_restored + num_kept
        self.assertEqual(said, f"{num_minted} minted, {num_restored} restored, {num_kept} kept, {num} of {num} proxies "
                               "done, in out")

    def token(self, name, out="out"):
        return self.read(f"{out}/{name}.token")

    def claims(self, name, out="out"):
        return json.loads(decode(self.token(name, out))[1])

    def ledger(self, *args, authority="authority"):
        return json.loads(self.good("ledger", "list", "--authority", authority, "-o", "json", *args).out)["entries"]

    def holds(self, name, *more):
        """Whether xdsgate.so lets the token in, whoever brings it."""
        return self.run_cli("verify", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--token-file",
                            f"out/{name}.token", *more).code == DONE

    def any_mesh(self, authority="authority", *more):
        self.good("key", "new", "--any-mesh", "--authority", authority, "--store", "store", *(more or ["--plain"]))


class Flows(ManifestCase):
    """Each sample of the four flows, from its values to proxies that xdsgate.so lets in."""

    @classmethod
    def setUpClass(cls):
        cls.seed = tempfile.mkdtemp(prefix="xdsgate-cli-")
        for mesh in MESHES:
            subprocess.run([CLI, "key", "new", "--mesh", mesh, "--authority", "authority", "--store", "store",
                            "--plain"], cwd=cls.seed, check=True, stdout=subprocess.DEVNULL)

    def flow(self, name, *more):
        flags, rows = FLOWS[name]
        args = ["mint", "manifest", "-f", os.path.join(SAMPLES, name + ".yaml"), "--out", "out", "--authority",
                "authority", "--valid-for", "90d", "--now", str(NOW), *flags, *more]
        return args, rows

    def decide(self, name, dataplane, out="out"):
        return self.run_cli("try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW), "--token-file",
                            f"{out}/{name}.token", "-f", f"{out}/{dataplane}.dataplane.yaml").code

    def test_every_proxy_is_let_in_with_its_own_token_and_with_no_other(self):
        for flow in FLOWS:
            shutil.rmtree(self.path("out"), True)
            args, rows = self.flow(flow, "--dataplanes", "--address", "10.1.0.1")
            self.made(*args)
            names = [f"zone-proxy-{mesh}-{role}" for mesh, role, _, _ in rows]
            self.assertEqual(sorted(os.listdir(self.path("out"))),
                             sorted(name + end for name in names for end in (".token", ".dataplane.yaml")), flow)
            for name in names:
                for other in names:
                    self.assertEqual(self.decide(name, other), DONE if name == other else DENIED, (flow, name, other))

    def test_tokens_are_bound_to_the_workload_of_mesh_and_role(self):
        for flow in FLOWS:
            shutil.rmtree(self.path("out"), True)
            args, rows = self.flow(flow)
            self.made(*args)
            for mesh, role, _, _ in rows:
                claims = self.claims(f"zone-proxy-{mesh}-{role}")
                self.assertEqual({k: claims[k] for k in ("Name", "Mesh", "Tags", "Type", "Workload", "exp")},
                                 {"Name": "", "Mesh": mesh, "Tags": {}, "Type": "",
                                  "Workload": f"zone-proxy-{mesh}-{role}", "exp": NOW + 90 * DAY})

    def test_the_output_names_namespace_and_service_of_each(self):
        for flow in FLOWS:
            shutil.rmtree(self.path("out"), True)
            args, rows = self.flow(flow, "-o", "json")
            document = json.loads(self.run_cli(*args).out)
            self.assertEqual(document["schema"], "xdsgate.manifest/1")
            self.assertEqual([(p["mesh"], p["role"], p["namespace"], p["service"]) for p in document["proxies"]], rows)
            self.assertEqual([p["workload"] for p in document["proxies"]], [f"zone-proxy-{m}-{r}" for m, r, _, _ in
                                                                            rows])
            self.assertTrue(all(p["done"] and p["action"] == "mint" and p["kid"] == "1" for p in document["proxies"]))
            tokens = {e["jti"]: e for e in self.ledger()}
            for proxy in document["proxies"]:
                self.assertEqual(tokens[proxy["jti"]]["fingerprint"], proxy["fingerprint"])

    def test_secrets_hold_the_tokens(self):
        args, rows = self.flow("unfederated", "--secrets")
        self.made(*args)
        for mesh, role, space, _ in rows:
            name = f"zone-proxy-{mesh}-{role}"
            lines = self.read(f"out/{name}.secret.yaml").splitlines()
            token = self.token(name)
            self.assertEqual(lines, [
                "apiVersion: v1", "kind: Secret", "metadata:", f'  name: "{name}-token"', f'  namespace: "{space}"',
                "  labels:", f'    kuma.io/mesh: "{mesh}"', "type: Opaque", "data:",
                "  token: " + base64.b64encode(token.encode()).decode()])
            for end in (".token", ".secret.yaml"):
                self.assertEqual(os.stat(self.path("out", name + end)).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.path("out")).st_mode & 0o777, 0o700)

    def test_mesh_resources_come_with_an_unfederated_zone_only(self):
        for flow in FLOWS:
            for form, end in (("universal", ".mesh.yaml"), ("kubernetes", ".mesh.kubernetes.yaml")):
                shutil.rmtree(self.path("out"), True)
                args, rows = self.flow(flow, "--meshes", form)
                self.made(*args)
                meshes = sorted({row[0] for row in rows}) if flow == "unfederated" else []
                self.assertEqual(sorted(n for n in os.listdir(self.path("out")) if not n.endswith(".token")),
                                 [mesh + end for mesh in meshes])
                for mesh in meshes:
                    self.assertIn(f'name: "{mesh}"\n', self.read(f"out/{mesh}{end}"))

    def test_warnings_of_the_plan_are_told_and_do_not_stop_it(self):
        args, _ = self.flow("helm")
        err = self.run_cli(*args).err
        for text in ("warning: 'kuma.io/ingress-public-address' is deprecated", "helm.yaml:23:43",
                     "warning: unknown member 'imagePullpolicy'", "did you mean 'imagePullPolicy'?",
                     "warning: the mesh 'quiet' enables no zone proxy"):
            self.assertIn(text, err)

    def test_values_come_from_a_pipe_as_well(self):
        args, _ = self.flow("konnect")
        args[args.index("-f") + 1] = "-"
        with open(os.path.join(SAMPLES, "konnect.yaml"), "rb") as file:
            self.counts(3, 0, 0, *args, stdin=file.read())
        self.refused(CONFIG, ["where: stdin:1:"], *args, stdin=b"meshes: 7\n")


class Again(ManifestCase):
    """A second run, and what makes it do something."""

    def test_a_second_run_mints_nothing_and_touches_nothing(self):
        args = self.at("--secrets", "--dataplanes", "--address", "192.0.2.1", "--meshes", "universal")
        self.counts(3, 0, 0, *args)
        before = tree(self.dir)
        self.counts(0, 0, 3, *args)
        self.counts(0, 0, 3, *self.at("--secrets", now=NOW + DAY))
        self.assertEqual(tree(self.dir), before)
        self.assertEqual(len(self.ledger()), 3)

    def test_a_file_that_is_gone_is_made_again_with_the_same_bytes(self):
        args = self.at("--secrets", "--dataplanes", "--address", "192.0.2.1", "--meshes", "universal")
        self.made(*args)
        before = {name: self.read("out/" + name) for name in os.listdir(self.path("out"))}
        for name in before:
            os.remove(self.path("out", name))
            num_restored = 1 if name.endswith(".token") else 0
            self.counts(0, num_restored, 3 - num_restored, *args)
            self.assertEqual(self.read("out/" + name), before[name])
        shutil.rmtree(self.path("out"))
        self.counts(0, 3, 0, *args)
        self.assertEqual({name: self.read("out/" + name) for name in os.listdir(self.path("out"))}, before)
        self.assertEqual(len(self.ledger()), 3)

    def test_a_file_that_a_power_cut_emptied_is_made_again(self):
        args = self.at("--secrets")
        self.made(*args)
        for end in (".token", ".secret.yaml"):
            wanted = self.read("out/" + NAMES[0] + end)
            self.write("out/" + NAMES[0] + end, "")
            self.made(*args)
            self.assertEqual(self.read("out/" + NAMES[0] + end), wanted)

    def test_line_ends_behind_a_token_do_not_make_it_another(self):
        self.made(*self.at())
        self.write("out/" + NAMES[0] + ".token", self.token(NAMES[0]) + "\r\n")
        self.counts(0, 0, 3, *self.at())

    def test_tokens_are_renewed_when_they_expire_soon(self):
        self.made(*self.at())
        first = [self.token(name) for name in NAMES]
        self.counts(0, 0, 3, *self.at(now=NOW + 60 * DAY - 1))  # a third of 90 days is left, and a second
        self.counts(3, 0, 0, *self.at(now=NOW + 60 * DAY))
        self.assertEqual([self.claims(name)["exp"] for name in NAMES], [NOW + 150 * DAY] * 3)
        self.assertEqual(len(self.ledger()), 6)
        self.assertTrue(set(first).isdisjoint(self.token(name) for name in NAMES))

    def test_renew_before_says_how_soon(self):
        self.made(*self.at())
        late = NOW + 80 * DAY
        self.counts(0, 0, 3, *self.at("--renew-before", "0s", now=NOW + 90 * DAY - 1))
        self.counts(0, 0, 3, *self.at("--renew-before", "9d", now=late))
        self.counts(3, 0, 0, *self.at("--renew-before", "10d", now=late))
        self.counts(3, 0, 0, *self.at("--renew-before", "0s", now=late + 90 * DAY))

    def test_renew_mints_all_anew_and_secrets_follow(self):
        self.made(*self.at("--secrets"))
        old = {name: self.token(name) for name in NAMES}
        self.counts(3, 0, 0, *self.at("--secrets", "--renew"))
        for name in NAMES:
            self.assertNotEqual(self.token(name), old[name])
            self.assertIn(base64.b64encode(self.token(name).encode()).decode(),
                          self.read(f"out/{name}.secret.yaml"))

    def test_an_older_token_of_ours_gives_way_to_the_newest(self):
        self.made(*self.at())
        old = self.token(NAMES[2])
        self.counts(3, 0, 0, *self.at("--renew"))
        newest = self.token(NAMES[2])
        self.write(f"out/{NAMES[2]}.token", old)
        self.counts(0, 1, 2, *self.at())
        self.assertEqual(self.token(NAMES[2]), newest)

    def test_a_key_that_was_rotated_signs_anew(self):
        self.made(*self.at())
        kept = self.token(NAMES[0])
        for _ in range(2):
            self.good("key", "rotate", "--mesh", "m2", "--authority", "authority", "--store", "store", "--plain")
        self.counts(1, 0, 2, *self.at())
        self.assertEqual(json.loads(decode(self.token("zone-proxy-m2-all"))[0])["kid"], "2")
        self.assertEqual(self.token(NAMES[0]), kept)
        self.assertEqual(len(self.ledger("--mesh", "m2")), 2)

    def test_another_key_under_the_same_kid_signs_anew(self):
        one = ["mint", "manifest", "-f", "values.yaml", "--out", "out", "--valid-for", "90d", "--kid", "1", "--ledger",
               "l.db", "--now", str(NOW), "--key"]
        self.counts(3, 0, 0, *one, "authority/meshes/m1/1.pem")
        self.counts(0, 0, 3, *one, "authority/meshes/m1/1.pem")
        first = [self.token(name) for name in NAMES]
        self.counts(3, 0, 0, *one, "authority/meshes/m2/1.pem")
        self.assertTrue(set(first).isdisjoint(self.token(name) for name in NAMES))

    def test_meshes_that_are_added_and_taken_away(self):
        self.made(*self.at())
        self.write("values.yaml", VALUES.replace("{name: m2}", "{name: m2, role: ingress}"))
        self.counts(1, 0, 2, *self.at())
        self.write("values.yaml", VALUES)
        self.counts(0, 0, 3, *self.at())

    def test_deployments_with_different_zones_do_not_share_tokens(self):
        self.made(*self.at())
        self.write("values.yaml", VALUES.replace("east", "west"))
        args = self.at()
        args[args.index("out")] = "west"
        self.made(*args)
        self.assertEqual(len(self.ledger()), 6)
        self.assertEqual(sorted({e["origin"] for e in self.ledger()}), ["manifest:east", "manifest:west"])

    def test_the_ledger_has_each_token_once(self):
        self.made(*self.at())
        shutil.rmtree(self.path("out"))
        self.made(*self.at())
        tokens = self.ledger()
        self.assertEqual(sorted(e["fingerprint"] for e in tokens), sorted(fingerprint(self.token(n)) for n in NAMES))
        self.assertEqual({(e["purpose"], e["origin"]) for e in tokens}, {("dataplane", "manifest:east")})

    def test_one_key_for_every_mesh(self):
        self.any_mesh()
        self.write("values.yaml", many(20))
        self.counts(20, 0, 0, *self.at())
        self.counts(0, 0, 20, *self.at())
        os.remove(self.path("out/zone-proxy-n7-all.token"))
        self.counts(0, 1, 19, *self.at())
        self.assertFalse(self.holds("zone-proxy-n7-all"))
        os.makedirs(self.path("store/meshes/n7/keys"))  # a control plane that knows the mesh
        self.assertTrue(self.holds("zone-proxy-n7-all"))

    def test_a_mesh_s_own_key_goes_before_the_one_for_every_mesh(self):
        self.any_mesh()
        self.write("values.yaml", VALUES + "  - {name: n3}\n")
        rows = json.loads(self.run_cli(*self.at("-o", "json")).out)["proxies"]
        self.assertEqual([(row["mesh"], row["kid"]) for row in rows], [("m1", "2"), ("m1", "2"), ("m2", "1"),
                                                                       ("n3", "1")])
        keys = {e["mesh"]: e["key"] for e in self.ledger()}
        self.assertEqual(len(set(keys.values())), 3)

    def test_any_number_of_jobs_gives_the_same(self):
        self.any_mesh()
        self.write("values.yaml", many(300))
        for jobs in ("1", "3", "256"):
            self.made(*self.at("--renew", "--jobs", jobs))
            self.assertEqual(len(os.listdir(self.path("out"))), 300)
        self.assertEqual(len(self.ledger()), 900)

    def test_each_of_256_threads_has_room_for_a_key(self):
        self.write("values.yaml", many(300))
        os.remove(self.path("authority/ledger.db"))
        for i in range(300):
            shutil.copytree(self.path("authority/meshes/m1"), self.path(f"authority/meshes/n{i}"))
        self.counts(300, 0, 0, *self.at("--jobs", "256"))

    def test_an_empty_list_is_no_work(self):
        for text in ("meshes: []\n", "controlPlane: {mode: zone}\nmeshes: [{name: q, ingress: {}}]\n"):
            self.write("values.yaml", text)
            answer = self.run_cli(*self.at("-o", "table"))
            self.assertEqual((answer.code, answer.out), (DONE, "no zone proxies\n"), answer.err)
            self.assertIn("0 minted, 0 restored, 0 kept, 0 of 0 proxies done", answer.err)
            self.assertFalse(os.path.exists(self.path("out")))

    def test_a_dry_run_shows_it_and_does_nothing(self):
        args = ["mint", "manifest", "-f", "values.yaml", "--valid-for", "90d", "--authority", "authority", "--dry-run",
                "--now", str(NOW)]
        before = tree(self.dir)
        answer = self.good(*args)
        self.assertEqual(tree(self.dir), before)
        rows = [line.split() for line in answer.out.splitlines()]
        self.assertEqual(rows[0], ["MESH", "ROLE", "WORKLOAD", "NAMESPACE", "SERVICE", "KID", "ACTION", "EXPIRES"])
        self.assertEqual([row[:7] for row in rows[1:]],
                         [["m1", "ingress", NAMES[0], "kuma-system", "kuma-m1-zoneproxy", "2", "mint"],
                          ["m1", "egress", NAMES[1], "kuma-system", "kuma-m1-zoneproxy", "2", "mint"],
                          ["m2", "all", NAMES[2], "kuma-system", "kuma-m2-zoneproxy", "1", "mint"]])
        self.made(*self.at())
        os.remove(self.path(f"out/{NAMES[1]}.token"))
        before = tree(self.dir)
        rows = json.loads(self.good(*args, "--out", "out", "-o", "json").out)
        self.assertTrue(rows["dry_run"])
        self.assertEqual([row["action"] for row in rows["proxies"]], ["keep", "restore", "keep"])
        self.assertNotIn("done", rows["proxies"][0])
        self.assertEqual(tree(self.dir), before)

    def test_a_dry_run_with_a_key_knows_its_ledger_and_makes_none(self):
        args = ["mint", "manifest", "-f", "values.yaml", "--valid-for", "90d", "--key", "authority/meshes/m1/1.pem",
                "--kid", "1", "--out", "out", "--now", str(NOW), "-o", "json"]
        for more in ([], ["--ledger", "l.db"]):
            before = tree(self.dir)
            rows = json.loads(self.good(*args, *more, "--dry-run").out)["proxies"]
            self.assertEqual({row["action"] for row in rows}, {"mint"})
            self.assertEqual(tree(self.dir), before)
        self.made(*args, "--ledger", "l.db")
        rows = json.loads(self.good(*args, "--ledger", "l.db", "--dry-run").out)["proxies"]
        self.assertEqual({row["action"] for row in rows}, {"keep"})


class Talk(ManifestCase):
    """Progress and the rest of stderr."""

    def on_terminal(self, *args):
        parent, child = pty.openpty()
        with subprocess.Popen([CLI, *args], cwd=self.dir, stdout=subprocess.DEVNULL, stderr=child,
                              env={**os.environ, "NO_COLOR": "1"}) as process:
            os.close(child)
            seen = b""
            try:
                while chunk := os.read(parent, 65536):
                    seen += chunk
            except OSError:  # the other end is closed
                pass
            code = process.wait(120)
        os.close(parent)
        return code, seen.decode()

    def prepare(self, num=150):
        self.any_mesh()
        self.write("values.yaml", many(num))

    def test_a_terminal_sees_one_line_that_is_rewritten(self):
        self.prepare()
        code, seen = self.on_terminal(*self.at())
        self.assertEqual(code, DONE)
        line = r"\rminted \d+ of 150, \d+ a second, \d+ s left\x1b\[K"
        self.assertRegex(seen, rf"\A(?:{line})*\rminted 150 of 150, \d+ a second, 0 s left\x1b\[K\r\n"
                               r"150 minted, 0 restored, 0 kept, 150 of 150 proxies done, in out\r\n\Z")

    def test_a_pipe_sees_lines_that_are_never_rewritten(self):
        self.prepare(20)
        answer = self.run_cli(*self.at())
        self.assertNotIn("\r", answer.err)
        self.assertNotIn("\x1b", answer.err)
        self.assertTrue(answer.err.endswith("20 minted, 0 restored, 0 kept, 20 of 20 proxies done, in out\n"))
        self.assertEqual(answer.out, "")

    def test_quiet_is_silent(self):
        self.prepare(20)
        self.good(*self.at("--quiet"))
        code, seen = self.on_terminal(*self.at("-q", "--renew"))
        self.assertEqual((code, seen), (DONE, ""))

    def test_an_error_has_a_line_of_its_own(self):
        self.prepare(800)
        os.mkdir(self.path("authority/meshes/n790"), 0o700)
        self.write("authority/meshes/n790/1.pem", "damaged")
        code, seen = self.on_terminal(*self.at())
        self.assertEqual(code, PARTLY)
        self.assertRegex(seen, r"(?m)^error: the signing key is not exactly one")
        self.assertNotRegex(seen, r"left\x1b\[Kerror")


class Interrupted(ManifestCase):
    """Whatever stops a run, the next one goes on: every proxy has its token in the end, and none was minted twice."""

    NUM = 200

    def setUp(self):
        super().setUp()
        self.any_mesh()
        self.write("values.yaml", many(self.NUM))

    def check_end(self, out="out"):
        names = sorted(f"zone-proxy-n{i}-all.token" for i in range(self.NUM))
        self.assertEqual(sorted(os.listdir(self.path(out))), names)
        tokens = self.ledger()
        self.assertEqual(len(tokens), self.NUM)
        self.assertEqual(sorted(e["fingerprint"] for e in tokens),
                         sorted(fingerprint(self.read(f"{out}/{name}")) for name in names))

    def check_middle(self):
        """At any moment: whole tokens, all of which the ledger knows."""
        known = {e["fingerprint"] for e in self.ledger()}
        for name in os.listdir(self.path("out")) if os.path.exists(self.path("out")) else []:
            if name != TEMPORARY:
                self.assertIn(fingerprint(self.read("out/" + name)), known)

    def run_and_kill(self, is_time):
        with subprocess.Popen([CLI, *self.at("--jobs", "1")], cwd=self.dir, stderr=subprocess.DEVNULL) as process:
            while not is_time() and process.poll() is None:
                time.sleep(0.0002)
            process.send_signal(signal.SIGKILL)
            return process.wait(60)

    def test_killed_at_any_moment(self):
        dice = random.Random(20)
        for _ in range(20):
            until = time.monotonic() + dice.uniform(0.002, 0.15) * (10 if IS_SANITIZED else 1)
            self.run_and_kill(lambda until=until: time.monotonic() >= until)
            self.check_middle()
        self.made(*self.at())
        self.check_end()

    def test_killed_when_so_many_files_are_there(self):
        out = self.path("out")
        killed = 0
        for wanted in (1, 2, 64, 127, 128, 129, 190):
            shutil.rmtree(out, True)
            if os.path.exists(self.path("authority/ledger.db")):
                os.remove(self.path("authority/ledger.db"))
            killed += self.run_and_kill(
                lambda wanted=wanted: os.path.exists(out) and len(os.listdir(out)) >= wanted) == -signal.SIGKILL
            self.check_middle()
            self.made(*self.at())
            self.check_end()
        self.assertGreater(killed, 3)

    def test_a_leftover_of_a_killed_run_goes(self):
        os.mkdir(self.path("out"), 0o700)
        self.write("out/" + TEMPORARY, "half a tok")
        self.made(*self.at())
        self.check_end()

    def limited(self, size, *args):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return self.run_cli(*args, preexec_fn=limit)

    def test_a_file_that_cannot_grow(self):
        answer = self.limited(300, *self.at())  # neither ledger nor token fits
        self.assertEqual(answer.code, IO, answer.err)
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertNotIn("run the same command again", answer.err)
        self.made(*self.at())
        self.check_end()

    def test_a_ledger_that_cannot_grow_lets_no_token_out(self):
        self.made(*self.at())
        size = os.stat(self.path("authority/ledger.db")).st_size
        before = tree(self.path("out"))
        answer = self.limited(size, *self.at("--renew"))
        self.assertEqual(answer.code, IO, answer.err)
        self.assertIn("error: ", answer.err)
        self.assertEqual(tree(self.path("out")), before)
        self.counts(0, 0, self.NUM, *self.at())
        self.check_end()

    def test_secrets_that_do_not_fit_leave_no_token_either(self):
        self.made(*self.at())
        shutil.rmtree(self.path("out"))
        answer = self.limited(900, *self.at("--secrets", "--jobs", "1"))  # a token fits, its Secret does not
        self.assertEqual(answer.code, IO)
        self.assertIn("cannot write: File too large", answer.err)
        self.assertFalse(os.path.exists(self.path("out")))
        self.counts(0, self.NUM, 0, *self.at())
        self.check_end()

    def test_a_disk_that_is_full_in_the_middle(self):
        mount = self.path("out")
        os.mkdir(mount, 0o700)
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=320k,mode=700", "none", mount], check=False,
                stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=False)
        answer = self.run_cli(*self.at())
        self.assertEqual(answer.code, PARTLY, answer.err)
        for text in ("error: cannot write: No space left on device", "make room on the file system",
                     "run the same command again to go on"):
            self.assertIn(text, answer.err)
        self.check_middle()
        num = len(os.listdir(mount))
        self.assertIn(num, range(10, self.NUM))
        self.assertNotIn(TEMPORARY, os.listdir(mount))
        self.assertIn(f"{num} of {self.NUM} proxies done", answer.err)
        answer = self.run_cli(*self.at())  # still full
        self.assertEqual(answer.code, PARTLY)
        subprocess.run(["mount", "-o", "remount,size=4m", mount], check=True)
        self.made(*self.at())
        self.check_end()

    def test_what_renew_began_goes_on_without_it(self):
        self.made(*self.at())
        os.remove(self.path("out/zone-proxy-n199-all.token"))
        os.mkdir(self.path("out/zone-proxy-n199-all.token"))
        before = tree(self.dir)
        answer = self.run_cli(*self.at())
        self.assertEqual((answer.code, tree(self.dir)), (IO, before))
        os.rmdir(self.path("out/zone-proxy-n199-all.token"))
        os.mkdir(self.path("out/zone-proxy-n199-all.dataplane.yaml"))
        answer = self.run_cli(*self.at("--renew", "--dataplanes", "--address", "192.0.2.1", "--jobs", "1"))
        self.assertEqual(answer.code, PARTLY, answer.err)
        self.assertIn("run the same command again without --renew", answer.err)

    def test_two_at_once(self):
        with subprocess.Popen(["flock", "authority", "sh", "-c", "echo; read line"], cwd=self.dir,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            self.refused(IO, ["another 'xdsgate mint manifest' is at work here", "where: authority",
                              "mint the same tokens twice", "wait until it is done"], *self.at())
            other.communicate(b"\n", 60)
        os.mkdir(self.path("out"), 0o700)
        with subprocess.Popen(["flock", "out", "sh", "-c", "echo; read line"], cwd=self.dir,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            self.refused(IO, ["another 'xdsgate mint manifest' is at work here", "where: out"], *self.at())
            self.refused(IO, ["another 'xdsgate mint manifest' is at work here", "where: out"], "mint", "manifest",
                         "-f", "values.yaml", "--out", "out", "--valid-for", "1d", "--key",
                         "authority/meshes/m1/1.pem", "--kid", "1", "--ledger", "l.db")
            self.run_cli(*self.at("--dry-run"))
            other.communicate(b"\n", 60)
        self.made(*self.at())
        self.check_end()

    def test_many_at_once_mint_each_token_once(self):
        runs = [subprocess.Popen([CLI, *self.at("-q")], cwd=self.dir, stderr=subprocess.DEVNULL) for _ in range(4)]
        codes = [run.wait(120) for run in runs]
        self.assertIn(DONE, codes)
        self.assertTrue(set(codes) <= {DONE, IO}, codes)
        self.check_end()


class Encrypted(ManifestCase):
    """Keys at rest are encrypted, all with one passphrase."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.open(os.path.join(cls.seed, "pass"), os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="utf-8") as file:
            file.write("correct horse battery\n")
        for mesh in ("e1", "e2", "e3"):
            subprocess.run([CLI, "key", "new", "--mesh", mesh, "--authority", "authority", "--store", "store",
                            "--passphrase-file", "pass"], cwd=cls.seed, check=True, stdout=subprocess.DEVNULL)

    def setUp(self):
        super().setUp()
        shutil.copy(os.path.join(self.seed, "pass"), self.path("pass"))
        self.write("values.yaml", "meshes: [{name: m2}, {name: e1, role: separate}, {name: e2}, {name: e3}]\n")

    def ask(self, answer, *args):
        """Runs it at a terminal and types the answer at each prompt."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execv(CLI, [CLI, *args])
        seen = b""
        typed = 0
        try:
            while chunk := os.read(terminal, 65536):
                seen += chunk
                if seen.count(b"Passphrase for") > typed:
                    typed += 1
                    os.write(terminal, answer + b"\n")
        except OSError:
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode(), typed

    def test_the_passphrase_is_asked_for_once(self):
        code, seen, typed = self.ask(b"correct horse battery", *self.at())
        self.assertEqual((code, typed), (DONE, 1), seen)
        self.assertIn("Passphrase for the keys of the authority:", seen)
        self.assertIn("5 minted, 0 restored, 0 kept", seen)
        code, seen, typed = self.ask(b"", *self.at())  # nothing to sign, nothing to open
        self.assertEqual((code, typed), (DONE, 0), seen)
        self.assertIn("0 minted, 0 restored, 5 kept", seen)

    def test_it_comes_from_a_file_too(self):
        self.counts(5, 0, 0, *self.at("--passphrase-file", "pass"))
        os.remove(self.path("out/zone-proxy-e3-all.token"))
        self.counts(0, 1, 4, *self.at("--passphrase-file", "pass"))
        for name in ("e1-ingress", "e1-egress", "e2-all", "e3-all", "m2-all"):
            self.assertTrue(self.holds(f"zone-proxy-{name}"))

    def test_a_wrong_one_shows_before_anything_is_changed(self):
        self.write("wrong", "incorrect horse\n")
        os.remove(self.path("authority/ledger.db"))
        answer = self.refused(KEY, ["the passphrase is wrong", "where: authority/meshes/e1/1.pem.age",
                                    "nothing was changed"], *self.at("--passphrase-file", "wrong"))
        self.assertEqual(answer.err.count("error: "), 1)

    def test_without_one_and_without_a_terminal(self):
        self.refused(KEY, ["a passphrase is needed for the keys of the authority", "--passphrase-file FILE"],
                     *self.at(), start_new_session=True)

    def test_the_key_for_every_mesh_is_opened_only_to_sign(self):
        self.any_mesh("authority", "--passphrase-file", "pass")
        self.write("values.yaml", "meshes: [{name: m2}, {name: q}]\n")
        self.refused(KEY, "a passphrase is needed for key 1 of every mesh", *self.at(), start_new_session=True)
        self.counts(2, 0, 0, *self.at("--passphrase-file", "pass"))
        self.counts(0, 0, 2, *self.at(), start_new_session=True)
        self.good(*self.at("--dry-run"), start_new_session=True)

    def test_a_damaged_key_in_the_middle(self):
        path = self.path("authority/meshes/e3/1.pem.age")
        with open(path, "r+b") as file:
            file.truncate(os.stat(path).st_size - 20)
        answer = self.run_cli(*self.at("--passphrase-file", "pass", "--jobs", "1"))
        self.assertEqual(answer.code, PARTLY, answer.err)
        self.assertIn("where: authority/meshes/e3/1.pem.age", answer.err)
        self.assertIn("4 of 5 proxies done", answer.err)
        shutil.copy(os.path.join(self.seed, "authority/meshes/e3/1.pem.age"), path)
        self.counts(1, 0, 4, *self.at("--passphrase-file", "pass"))


class Refusals(ManifestCase):
    """Each of them: text, exit code, and every file as it was."""

    def values_refused(self, text, *wanted, more=(), code=CONFIG):
        self.write("values.yaml", text)
        return self.refused(code, list(wanted), *self.at(*more))

    def test_flags_must_be_there_and_mean_something(self):
        base = ["mint", "manifest"]
        good = {"-f": "values.yaml", "--out": "out", "--valid-for": "90d", "--authority": "authority"}

        def args(**changes):
            flags = {**good, **{"--" + k.replace("_", "-"): v for k, v in changes.items()}}
            return base + [x for k, v in flags.items() if v is not None for x in (k, v)]

        without = [x for k, v in good.items() if k != "-f" for x in (k, v)]
        self.refused(USAGE, "--file is required", *base, *without)
        self.refused(USAGE, "--valid-for is required", *args(valid_for=None))
        self.refused(USAGE, ["--out is required", "--dry-run"], *args(out=None))
        self.refused(USAGE, "exactly one of --authority and --key", *args(authority=None))
        self.refused(USAGE, "exactly one of --authority and --key", *args(key="k", kid="1"))
        self.refused(USAGE, "--kid goes with --key", *args(kid="1"))
        self.refused(USAGE, "--kid is required with --key", *args(authority=None, key="authority/meshes/m1/1.pem"))
        self.refused(USAGE, "--kid is longer than 63", *args(authority=None, key="authority/meshes/m1/1.pem",
                                                             kid="k" * 64))
        self.refused(USAGE, "--ledger and --authority exclude each other", *args(ledger="l.db"))
        self.refused(USAGE, ["invalid --meshes value", "forms: universal, kubernetes"], *args(meshes="helm"))
        for jobs in ("0", "257", "-1", "all", ""):
            self.refused(USAGE, ["--jobs is not a number from 1 to 256", "every processor"], *args(),
                         f"--jobs={jobs}")
        for port in ("0", "65536", "-1", "http", ""):
            for flag in ("advertised-port", "ingress-port", "egress-port"):
                self.refused(USAGE, [f"--{flag} is not a port", "1 to 65535"], *args(), f"--{flag}={port}")
        for text in ("90", "", "soon", "300y"):
            self.refused(USAGE, "--valid-for is not a duration", *args(valid_for=text))
        for text in ("0s", "999ms", "-1h"):
            self.refused(USAGE, "--valid-for is shorter than a second", *args(valid_for=None), f"--valid-for={text}")
        for text in ("x", "", "-1h"):
            self.refused(USAGE, "--renew-before is not a duration", *args(), f"--renew-before={text}")
        for text in ("90d", "91d"):
            self.refused(USAGE, ["--renew-before is not shorter than --valid-for", "every run would mint"],
                         *args(renew_before=text))
        self.refused(USAGE, "--now is not a time", *args(now="today"))
        self.refused(USAGE, "past the end of time", *args(now="9223372036854775807"))
        self.refused(DENIED, ["--valid-for is longer than ten years", "longest_lifetime"], *args(valid_for="3651d"))
        self.refused(USAGE, ["unknown flag --secret", "--secrets"], *args(), "--secret")

    def test_formats_are_three(self):
        for name in ("token", "csv"):
            self.refused(USAGE, ["table, json"], *self.at("-o", name))

    def test_values_that_are_no_yaml_have_a_line_and_a_column(self):
        self.values_refused("meshes:\n  - {name: a\n  - b", "the file is not YAML", "values.yaml:4:1")
        self.values_refused("meshes:\n\t- name: a\n", "values.yaml:2:1")
        self.values_refused("meshes: [{name: a, name: b}]\n", "values.yaml:1:20")
        self.values_refused("- a\n", "values.yaml:1:1")
        self.values_refused("meshes:\n  - {name: Under_Score}\n", "values.yaml:2:12")
        self.values_refused("meshes: [{role: all}]\n", "name")
        self.values_refused("meshes: [{name: m1, role: both}]\n", "role", "values.yaml:1:27")
        self.values_refused("controlPlane: {mode: global}\nmeshes: [{name: m1}]\n", "global", "values.yaml:1:22")
        self.values_refused('meshes:\n  - name: "${mesh}"\n', "values.yaml:2:11")
        self.values_refused("", "error: ")
        self.refused(IO, ["cannot read the values", "where: nothing.yaml"],
                     *[a if a != "values.yaml" else "nothing.yaml" for a in self.at()])

    def test_unknown_members_are_warned_of(self):
        self.write("values.yaml", VALUES.replace("role:", "rolle:"))
        answer = self.run_cli(*self.at("--dry-run"))
        self.assertEqual(answer.code, DONE, answer.err)
        self.assertIn("warning: unknown member 'rolle'", answer.err)
        self.assertIn("did you mean 'role'?", answer.err)

    def test_names_that_are_too_long_are_errors_and_never_cut(self):
        # zone-proxy-<mesh>-ingress: 11 + 44 + 8 = 63; the Service kuma-<mesh>-zoneproxy: 5 + 48 + 10 = 63
        for role, most in (("ingress", 44), ("egress", 45), ("all", 48)):
            for size, is_good in ((most, True), (most + 1, False)):
                mesh = "m" * size
                shutil.copytree(self.path("authority/meshes/m2"), self.path("authority/meshes", mesh),
                                dirs_exist_ok=True)
                text = f"meshes: [{{name: {mesh}, role: {role}}}]\n"
                if is_good:
                    self.write("values.yaml", text)
                    self.made(*self.at())
                    self.assertEqual(self.claims(f"zone-proxy-{mesh}-{role}")["Workload"],
                                     f"zone-proxy-{mesh}-{role}")
                else:
                    self.values_refused(text, f"zone-proxy-{mesh}-{role}", "63", "values.yaml:1:17")

    def test_names_that_collide_show_both_sides(self):
        self.values_refused("meshes: [{name: m1}, {name: m1}]\n", "m1", "values.yaml:1:29", "1:17")

    def test_meshes_without_keys_are_named_and_counted(self):
        self.values_refused("meshes: [{name: m1}, {name: x1, role: separate}, {name: x2}]\n",
                            "the authority has no key of mesh 'x1' that signs",
                            "the authority has no key of mesh 'x2' that signs", "xdsgate key new --mesh NAME",
                            code=KEY)
        self.write("values.yaml", many(25))
        answer = self.refused(KEY, ["no key of mesh 'n19' that signs", "and 5 more meshes"], *self.at())
        self.assertEqual(answer.err.count("error: "), 20)

    def test_a_directory_without_an_authority(self):
        self.refused(IO, "where: nowhere", *[a if a != "authority" else "nowhere" for a in self.at()])
        os.mkdir(self.path("empty"), 0o700)
        self.refused(KEY, "no key of mesh 'm1' that signs", *[a if a != "authority" else "empty" for a in self.at()])
        os.chmod(self.path("authority/meshes/m2"), 0o750)
        self.refused(KEY, ["open to group or others", "where: authority/meshes/m2"], *self.at())

    def test_a_key_file_that_is_none(self):
        base = ["mint", "manifest", "-f", "values.yaml", "--out", "out", "--valid-for", "90d", "--kid", "1", "--key"]
        self.refused(KEY, "where: nothing.pem", *base, "nothing.pem")
        self.write("bad.pem", "x")
        self.refused(KEY, "not exactly one unencrypted RSA private key", *base, "bad.pem")
        self.write("open.pem", self.read("authority/meshes/m1/1.pem"), 0o644)
        self.refused(KEY, "open to group or others", *base, "open.pem")

    def test_damaged_keys_stop_the_run_and_the_rest_stays(self):
        self.write("authority/meshes/m2/1.pem", "damaged")
        answer = self.run_cli(*self.at("--jobs", "1"))
        self.assertEqual(answer.code, PARTLY)
        self.assertIn("where: authority/meshes/m2/1.pem", answer.err)
        self.assertIn("2 of 3 proxies done", answer.err)
        self.assertEqual(sorted(os.listdir(self.path("out"))), sorted(n + ".token" for n in NAMES[:2]))

    def test_a_key_that_was_swapped_does_not_restore(self):
        os.remove(self.path("authority/ledger.db"))
        self.made(*self.at())
        os.remove(self.path(f"out/{NAMES[2]}.token"))
        shutil.copy(self.path("authority/meshes/m1/1.pem"), self.path("authority/meshes/m2/1.pem"))
        answer = self.run_cli(*self.at())
        self.assertEqual(answer.code, PARTLY)
        for text in (f"the token of '{NAMES[2]}' cannot be made again", "the key '1' is not the one", "--renew"):
            self.assertIn(text, answer.err)
        self.assertFalse(os.path.exists(self.path(f"out/{NAMES[2]}.token")))
        self.counts(3, 0, 0, *self.at("--renew"))

    def test_policies_bind_it(self):
        self.write("authority/policy.yaml", "longest_lifetime: 30d\n", 0o600)
        self.refused(DENIED, ["asked for: 7776000 s; the longest lifetime: 2592000 s", "authority/policy.yaml"], *self.at())
        self.write("authority/policy.yaml", "longest_lifetime: 90d\n", 0o600)
        self.write("p.yaml", "longest_lifetime: 89d\n")
        self.refused(DENIED, "p.yaml", *self.at("--policy", "p.yaml"))
        self.write("p.yaml", "longest_lifetime: [\n")
        self.refused(CONFIG, "p.yaml:", *self.at("--policy", "p.yaml"))
        self.made(*self.at())

    def test_the_output_directory_must_be_ours_alone(self):
        os.mkdir(self.path("out"), 0o770)
        os.chmod(self.path("out"), 0o770)
        self.refused(IO, ["the output directory can be written by group or others (mode 770)", "where: out",
                          "chmod 700"], *self.at())
        os.symlink("out", self.path("link"))
        swapped = [a if a != "out" else "link" for a in self.at()]
        self.refused(IO, ["can be written by group or others", "where: link"], *swapped)
        os.chmod(self.path("out"), 0o755)
        self.made(*swapped)
        if os.geteuid() == 0:
            os.chown(self.path("out"), NOBODY, NOBODY)
            self.refused(IO, [f"the output directory belongs to another user (uid {NOBODY})", "chown"], *self.at())
            self.refused(IO, f"belongs to another user (uid {NOBODY})", *swapped)

    def test_an_output_that_is_no_directory(self):
        self.write("out", "")
        self.refused(IO, ["cannot open the output directory: Not a directory", "where: out"], *self.at())
        os.remove(self.path("out"))
        os.symlink("nowhere", self.path("out"))
        self.refused(IO, ["cannot open the output directory: No such file", "where: out"], *self.at())
        os.remove(self.path("out"))
        self.refused(IO, ["cannot make the output directory: No such file", "where: a/b"],
                     *[a if a != "out" else "a/b" for a in self.at()])

    def test_an_output_that_cannot_be_written(self):
        options = self.as_nobody()
        os.mkdir(self.path("shut"), 0o500)
        if os.geteuid() == 0:
            os.chown(self.path("shut"), NOBODY, NOBODY)
        self.refused(IO, ["cannot make the output directory: Permission denied", "where: shut/out", "owner and mode"],
                     *[a if a != "out" else "shut/out" for a in self.at()], **options)
        answer = self.run_cli(*[a if a != "out" else "shut" for a in self.at()], **options)
        self.assertEqual(answer.code, PARTLY, answer.err)  # the ledger has them: the next run writes those very tokens
        self.assertIn("cannot write: Permission denied", answer.err)
        self.assertEqual(os.listdir(self.path("shut")), [])
        self.counts(0, 3, 0, *self.at(), **options)

    def test_token_files_of_others_are_not_replaced(self):
        self.made(*self.at())
        strange = "a.b.c"
        self.write(f"out/{NAMES[0]}.token", strange)
        answer = self.refused(IO, ["a token file is there that this authority did not mint for the deployment",
                                   f"where: out/{NAMES[0]}.token", "nothing was changed", "--overwrite"], *self.at())
        self.assertNotIn(strange, answer.err)
        self.counts(0, 1, 2, *self.at("--overwrite"))
        self.any_mesh()
        self.write("values.yaml", many(25))
        for i in range(25):
            self.write(f"out/zone-proxy-n{i}-all.token", strange)
        answer = self.refused(IO, ["and 5 more files"], *self.at())
        self.assertEqual(answer.err.count("error: "), 20)

    def test_token_files_that_are_links_or_too_large_are_not_read(self):
        self.made(*self.at())
        path = self.path(f"out/{NAMES[0]}.token")
        os.rename(path, self.path("elsewhere"))
        os.symlink("../elsewhere", path)
        self.refused(IO, ["cannot read the token", f"where: out/{NAMES[0]}.token", "symbolic links"], *self.at())
        os.remove(path)
        self.write(f"out/{NAMES[0]}.token", "x" * 65537)
        self.refused(IO, ["cannot read: File too large", f"where: out/{NAMES[0]}.token"], *self.at())

    def test_files_that_somebody_changed_are_left_alone(self):
        args = self.at("--dataplanes", "--address", "192.0.2.1", "--secrets", "--meshes", "universal")
        self.made(*args)
        for name in (f"{NAMES[0]}.dataplane.yaml", f"{NAMES[0]}.secret.yaml", "m1.mesh.yaml"):
            original = self.read("out/" + name)
            changed = "# mine\n" + original
            self.write("out/" + name, changed)
            answer = self.run_cli(*args)
            self.assertEqual(answer.code, PARTLY)
            for text in (f"warning: out/{name} is there with other content and was left alone",
                         "error: 1 files were left alone", "--overwrite replaces them", "0 minted, 0 restored, 3 kept"):
                self.assertIn(text, answer.err)
            self.assertEqual(self.read("out/" + name), changed)
            self.counts(0, 0, 3, *args, "--overwrite")
            self.assertEqual(self.read("out/" + name), original)

    def test_dataplanes_need_addresses(self):
        self.refused(CONFIG, ["the Dataplane of mesh 'm1' has no address", "values.yaml:5:12", "so have 2 others"],
                     *self.at("--dataplanes"))
        self.refused(USAGE, ["address"], *self.at("--dataplanes", "--address", "a b"))
        self.refused(USAGE, ["release"], *self.at("--release", "Not_A_Label"))
        self.refused(USAGE, ["namespace"], *self.at("--namespace", "Not_A_Label"))

    def test_a_ledger_that_is_none(self):
        self.write("authority/ledger.db", "no database, but long enough to be taken for one\n" * 50)
        self.refused(IO, "ledger.db", *self.at())
        self.write("l.db", "x" * 5000)
        self.refused(IO, "l.db", "mint", "manifest", "-f", "values.yaml", "--out", "out", "--valid-for", "90d",
                     "--kid", "1", "--key", "authority/meshes/m1/1.pem", "--ledger", "l.db")


if __name__ == "__main__":
    main()
