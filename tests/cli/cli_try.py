# SPDX-License-Identifier: Apache-2.0
"""xdsgate try: what is asked, what is answered, in words, as JSON and in batches. The decisions themselves are tested
beside the engine; here it is that the right question reaches the plugin and its answer the user."""

import base64
import json
import os
import shutil
import subprocess

from cli_support import CLI, CONFIG, DENIED, DONE, IO, NOW, PLUGIN, USAGE, CliTest, lines, main

DATAPLANE = """type: Dataplane
mesh: m1
name: web-1
labels:
  kuma.io/workload: web
networking:
  address: 192.0.2.1
  inbound:
  - port: 1
    tags:
      kuma.io/service: web
  - port: 2
    tags: {kuma.io/service: api, env: prod}
"""

KUBERNETES = """apiVersion: kuma.io/v1alpha1
kind: Dataplane
metadata:
  name: web-1
  namespace: shop
  labels:
    kuma.io/mesh: m1
    kuma.io/workload: web
spec:
  networking:
    inbound:
    - tags:
        kuma.io/service: web
"""

FIELDS = ["outcome", "reason", "reason_name", "binding", "grpc", "token_id", "kid", "text"]


class TryCase(CliTest):
    def setUp(self):
        super().setUp()
        self.base = ["try", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW)]
        self.write("dp.yaml", DATAPLANE)
        self.keep("token", "--name", "web-1", "--workload", "web", "--tag", "kuma.io/service=web,api")
        self.keep("zone-token", "zone", "--zone", "east", "--scope", "ingress")

    def keep(self, name, *args):
        token = self.mint(*args, "--jti", name)
        self.write(name, token)
        return token

    def decide(self, *args, base=None, **options):
        """The decision as JSON; the exit code must agree with it."""
        answer = self.run_cli(*(base or self.base), "--json", *args, **options)
        self.assertIn(answer.code, (DONE, DENIED), answer.err)
        self.assertEqual(answer.out.count("\n"), 1)
        decision = json.loads(answer.out)
        self.assertEqual(list(decision), FIELDS)
        self.assertEqual(answer.code, DONE if decision["outcome"] == "allowed" else DENIED)
        return decision

    def reason(self, *args, **options):
        return self.decide("--token-file", "token", *args, **options)["reason_name"]


class Try(TryCase):
    def test_words_for_people(self):
        answer = self.good(*self.base, "--token-file", "token", "-f", "dp.yaml")
        self.assertEqual(answer.out.splitlines()[:5], [
            "allowed", "reason:   0 ok", "token id: 'token'", "kid:      '2'", "until:    2027-01-15T09:00:00Z"])
        self.assertIn("warning:  less than a day is left (expires_soon)", answer.out)
        answer = self.run_cli(*self.base, "--token-file", "token", "-f", "dp.yaml", "--name", "web-2")
        self.assertEqual(answer.code, DENIED)
        self.assertEqual(answer.err, "")
        self.assertEqual(answer.out.splitlines()[:6], [
            "denied", "reason:   501 binding_name", "binding:  name", "token id: 'token'", "kid:      '2'",
            "gRPC:     7"])
        self.assertIn("text:     Name: the token is for 'web-1', the proxy is 'web-2'.", answer.out)

    def test_json_has_the_members_of_a_batch_line(self):
        self.assertEqual(self.decide("--token-file", "token", "-f", "dp.yaml"), {
            "outcome": "allowed", "reason": 0, "reason_name": "ok", "binding": "none", "grpc": 0,
            "token_id": "token", "kid": "2", "text": "Allowed."})
        denied = self.decide("--token-file", "token", "-f", "dp.yaml", "--name", "web-2")
        self.assertEqual([denied[name] for name in FIELDS[:7]], 
                         ["denied", 501, "binding_name", "name", 7, "token", "2"])

    def test_flags_alone_ask_the_same(self):
        whole = ["--mesh", "m1", "--name", "web-1", "--label", "kuma.io/workload=web", "--tag", "kuma.io/service=web",
                 "--tag", "kuma.io/service=api"]
        self.assertEqual(self.reason(*whole), "ok")
        for change, reason in (
                (["--name", "web-2"], "binding_name"),
                (["--label", "kuma.io/workload=db"], "binding_workload"),
                (["--mesh", "m2"], "key_unknown"),
                (["--mesh", "m3"], "mesh_unknown")):
            args = list(whole)
            args[args.index(change[0]) + 1] = change[1]
            self.assertEqual(self.reason(*args), reason)
        self.assertEqual(self.reason(*whole, "--tag", "kuma.io/service=db"), "binding_tag_value")
        self.assertEqual(self.reason(*whole, "--node-id", "m1.web-1"), "ok")
        self.assertEqual(self.reason(*whole, "--node-id", "m1.web-2"), "binding_node")
        self.assertEqual(self.reason(*whole[:6]), "binding_tag_missing")
        self.assertEqual(self.reason(*whole[:4]), "binding_tag_missing")

    def test_flags_count_over_the_file_and_add_to_it(self):
        file = ["-f", "dp.yaml"]
        self.assertEqual(self.reason(*file), "ok")
        self.assertEqual(self.reason(*file, "--mesh", "m3"), "mesh_unknown")
        self.assertEqual(self.reason(*file, "--tag", "kuma.io/service=db"), "binding_tag_value")
        self.assertEqual(self.reason(*file, "--label", "kuma.io/workload=db"), "binding_workload")
        self.assertEqual(self.reason(*file, "--kind", "zone-ingress", "--zone", "east"), "key_unknown")

    def test_identity_from_workload_is_passed_on(self):
        self.keep("token", "--name", "web-1")
        self.assertEqual(self.reason("-f", "dp.yaml"), "ok")
        self.assertEqual(self.reason("-f", "dp.yaml", "--identity-from-workload"), "binding_workload_required")

    def test_kubernetes_resource(self):
        self.write("k8s.yaml", KUBERNETES)
        self.keep("token", "--name", "web-1.shop", "--workload", "web", "--tag", "kuma.io/service=web")
        self.assertEqual(self.reason("-f", "k8s.yaml"), "ok")
        for old, new, reason in (
                ("namespace: shop", "namespace: shed", "binding_name"),
                ("  namespace: shop\n", "", "binding_name"),
                ("workload: web", "workload: api", "binding_workload"),
                ("service: web", "service: api", "binding_tag_value"),
                ("kuma.io/mesh: m1", "kuma.io/mesh: m3", "mesh_unknown")):
            self.write("k8s.yaml", KUBERNETES.replace(old, new))
            self.assertEqual(self.reason("-f", "k8s.yaml"), reason)
        self.write("k8s.yaml", KUBERNETES.replace("    kuma.io/mesh: m1\n", "").replace("spec:", "mesh: m1\nspec:"))
        self.assertEqual(self.reason("-f", "k8s.yaml"), "ok")

    def test_workload_of_a_kubernetes_resource_may_be_an_annotation(self):
        label = "    kuma.io/workload: web\n"
        note = "  annotations:\n" + label
        bare = KUBERNETES.replace(label, "")
        self.keep("token", "--name", "web-1.shop", "--workload", "web", "--tag", "kuma.io/service=web")
        for text, reason in (
                (bare, "binding_workload_missing"),
                (bare.replace("spec:", note + "spec:"), "ok"),
                (bare.replace("spec:", note.replace("web", "api") + "spec:"), "binding_workload"),
                (bare.replace("spec:", note.replace("workload", "work") + "spec:"), "binding_workload_missing"),
                (bare.replace("spec:", "  annotations: {}\nspec:"), "binding_workload_missing"),
                (KUBERNETES.replace("spec:", note.replace("web", "api") + "spec:"), "ok"),
                (KUBERNETES.replace(label, label.replace("web", "api")).replace("spec:", note + "spec:"),
                 "binding_workload")):
            self.write("k8s.yaml", text)
            self.assertEqual(self.reason("-f", "k8s.yaml"), reason, text)
        self.write("k8s.yaml", bare.replace("spec:", note.replace("web", "[web]") + "spec:"))
        self.refused(USAGE, "'kuma.io/workload' is not a plain value", *self.base, "--token-file", "token", "-f",
                     "k8s.yaml")
        self.write("dp.yaml", DATAPLANE.replace("labels:", "annotations:"))  # Universal has none
        self.keep("token", "--workload", "web")
        self.assertEqual(self.reason("-f", "dp.yaml"), "binding_workload_missing")

    def test_gateway_tags_anchors_and_quoted_values(self):
        self.write("gw.yaml", "type: Dataplane\nmesh: m1\nname: web-1\nlabels: {kuma.io/workload: \"w\\x65b\"}\n"
                              "networking:\n  gateway:\n    tags: &t {kuma.io/service: web}\n  inbound: [{tags: *t}]\n")
        self.assertEqual(self.reason("-f", "gw.yaml"), "ok")
        self.write("gw.yaml", self.read("gw.yaml").replace("service: web", "service: db"))
        self.assertEqual(self.reason("-f", "gw.yaml"), "binding_tag_value")
        self.assertEqual(self.reason("-f", "-", stdin=DATAPLANE.encode()), "ok")

    def test_zone_proxies(self):
        zone = ["--zone", "east", "--token-file", "zone-token"]
        self.assertEqual(self.decide(*zone, "--kind", "zone-ingress")["reason_name"], "ok")
        self.assertEqual(self.decide(*zone, "--kind", "zone-egress")["reason_name"], "binding_scope")
        zone[1] = "west"
        self.assertEqual(self.decide(*zone, "--kind", "zone-ingress")["binding"], "zone")
        self.write("zi.yaml", "type: ZoneIngress\nname: zi-1\nnetworking: {port: 10001}\n")
        zone[1] = "east"
        self.assertEqual(self.decide(*zone, "-f", "zi.yaml")["reason_name"], "ok")
        self.write("zi.yaml", "type: ZoneEgress\nname: ze-1\n")
        self.assertEqual(self.decide(*zone, "-f", "zi.yaml")["reason_name"], "binding_scope")

    def test_resources_that_are_none_are_refused_with_their_line(self):
        for text, where, message in (
                ("", "bad.yaml", "holds no resource"),
                ("- a\n", "bad.yaml", "holds no resource"),
                ("type: [\n", "bad.yaml:", "not YAML"),
                ("type: Dataplane\nname: a\nname: b\n", "bad.yaml:", "not YAML"),
                ("type: Mesh\nname: m1\n", "bad.yaml:1:7", "neither a Dataplane"),
                ("mesh: m1\nname: web-1\n", "bad.yaml", "neither a Dataplane"),
                ("type: Dataplane\nmesh: [m1]\n", "bad.yaml", "'mesh' is not a plain value"),
                ("type: Dataplane\nmesh: m1\nname: {}\n", "bad.yaml", "'name' is not a plain value"),
                ("type: Dataplane\nmesh: m1\nname: a\nlabels: x\n", "bad.yaml:4:9", "must be a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nlabels:\n  k: [v]\n", "bad.yaml:5:3", "must be a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: {inbound: x}\n", "bad.yaml:4:", "not a list"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking:\n  inbound:\n  - tags: x\n", "bad.yaml:6:11",
                 "must be"),
                ("kind: Pod\nmetadata: {name: a}\n", "bad.yaml:1:7", "neither a Dataplane"),
                (DATAPLANE + "---\n" + DATAPLANE, "bad.yaml", "more than one resource"),
                (DATAPLANE + "...\n---\ntype: Mesh\nname: m1\n", "bad.yaml", "more than one resource"),
                (DATAPLANE + "---\n---\nx\n", "bad.yaml", "more than one resource"),
                (DATAPLANE + "---\na: [\n", "bad.yaml:", "not YAML"),
                ("---\n---\n" + DATAPLANE, "bad.yaml", "more than one resource"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: []\n", "bad.yaml", "'networking' is not a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: x\n", "bad.yaml:4:13",
                 "'networking' is not a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: {gateway: []}\n", "bad.yaml",
                 "'gateway' is not a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: {inbound: [x]}\n", "bad.yaml:4:24",
                 "an entry of networking.inbound is not a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: {inbound: [[]]}\n", "bad.yaml",
                 "an entry of networking.inbound is not a map"),
                ("type: Dataplane\nmesh: m1\nname: a\nnetworking: {inbound: [{}, ~]}\n", "bad.yaml:4:28",
                 "an entry of networking.inbound is not a map"),
                ("type: Dataplane\nmesh: m1\nname: ~\n", "bad.yaml:3:7", "'name' is null"),
                ("type: Dataplane\nmesh: m1\nname: null\n", "bad.yaml:3:7", "'name' is null"),
                ("type: Dataplane\nmesh: m1\nname:\n", "bad.yaml", "'name' is null"),
                ("type: Dataplane\nmesh: NULL\nname: a\n", "bad.yaml:2:7", "'mesh' is null"),
                ("type: Dataplane\nmesh: m1\nname: a\nlabels: {k: ~}\n", "bad.yaml:4:10", "plain values"),
                ("type: Dataplane\nmesh: m1\nname: a\nlabels: {~: v}\n", "bad.yaml:4:10", "plain values"),
                ("kind: Dataplane\nmetadata: [a]\n", "bad.yaml", "'metadata' is not a map"),
                ("kind: Dataplane\nmetadata: {labels: [a]}\n", "bad.yaml", "'labels' is not a map"),
                ("kind: Dataplane\nmetadata: {annotations: [a]}\n", "bad.yaml", "'annotations' is not a map"),
                ("kind: Dataplane\nmetadata: {namespace: ~, name: a}\n", "bad.yaml:2:23", "'namespace' is null"),
                ("kind: Dataplane\nmetadata: {name: a}\nspec: []\n", "bad.yaml", "'spec' is not a map")):
            self.write("bad.yaml", text)
            self.refused(USAGE, [message, "where: " + where], *self.base, "--token-file", "token", "-f", "bad.yaml")
        self.refused(IO, "No such file", *self.base, "--token-file", "token", "-f", "absent.yaml")
        self.refused(IO, "", *self.base, "--token-file", "token", "-f", "store")

    def test_resources_may_say_nothing_where_nothing_is_due(self):
        self.keep("token", "--name", "~")
        head = "type: Dataplane\nmesh: m1\nname: '~'\n"  # in quotes it is a name
        for text in (head, "---\n" + head, "# first\n---\n" + head + "...\n", head + "---\n", head + "---\n---\n# end\n",
                     head + "labels: ~\nnetworking: null\n", head + "networking: {gateway: , inbound: ~}\n",
                     head + "networking: {inbound: []}\n", head + "networking: {inbound: [{}, {tags: ~}]}\n"):
            self.write("some.yaml", text)
            self.assertEqual(self.reason("-f", "some.yaml"), "ok", text)

    def test_dataplane_needs_mesh_and_name(self):
        for flags, missing in (([], "mesh"), (["--mesh", "m1"], "name"), (["--name", "a"], "mesh"),
                               (["--mesh", "", "--name", "a"], "mesh")):
            self.refused(USAGE, f"a Dataplane needs a {missing}", *self.base, "--token-file", "token", *flags)

    def test_token_comes_from_a_file_or_stdin_without_line_ends(self):
        args = ["-f", "dp.yaml"]
        token = self.read("token")
        self.assertEqual(self.decide("--token-file", "-", *args, stdin=token.encode())["reason_name"], "ok")
        for text, reason in ((token + "\n", "ok"), ("\n" + token + "\r\n", "ok"), (token + " ", "credential_base64"),
                             (token[:-10] + "\n" + token[-10:], "credential_base64"), ("", "credential_empty"),
                             ("Bearer " + token, "credential_base64"), ("x" * 9000, "credential_too_long")):
            self.write("other", text)
            self.assertEqual(self.decide("--token-file", "other", *args)["reason_name"], reason)
        self.refused(USAGE, "--token-file is required", *self.base, *args)
        self.refused(IO, ["cannot read the token", "absent"], *self.base, *args, "--token-file", "absent")
        self.refused(USAGE, "cannot both be stdin", *self.base, "--token-file", "-", "-f", "-")
        answer = self.refused(USAGE, "never from arguments", *self.base, *args, "--token-file", "token", token)
        self.assertNotIn(token[-20:], answer.err)

    def test_pairs_and_kinds_must_have_their_form(self):
        for flag in ("--tag", "--label"):
            for text in ("", "a", "=b"):
                self.refused(USAGE, f"{flag} is not of the form key=value", *self.base, "--token-file", "token",
                             "-f", "dp.yaml", flag, text)
        for kind in ("", "Dataplane", "ingress", "zone"):
            self.refused(USAGE, "invalid --kind value", *self.base, "--token-file", "token", "-f", "dp.yaml",
                         "--kind", kind)

    def test_clock_can_be_fixed(self):
        base = self.base[:-1]
        for when, reason in ((NOW, "ok"), (NOW + 3599, "ok"), (NOW + 3600, "expired"), (NOW - 5, "ok"),
                             (NOW - 6, "not_yet_valid")):
            self.assertEqual(self.reason("-f", "dp.yaml", base=[*base, str(when)]), reason)
        self.refused(USAGE, "--now is not a time", *base, "soon", "--token-file", "token", "-f", "dp.yaml")
        self.assertEqual(self.reason("-f", "dp.yaml", base=self.base[:-2]), "not_yet_valid")

    def test_profile_is_passed_on(self):
        self.keep("token", "--unbound")
        self.assertEqual(self.reason("-f", "dp.yaml"), "policy_mesh_wide")
        self.assertEqual(self.reason("-f", "dp.yaml", "--profile", "kuma-2.14"), "ok")
        self.refused(CONFIG, ["the plugin refused", "profile"], *self.base, "--profile", "kuma-9",
                     "--token-file", "token", "-f", "dp.yaml")

    def test_configuration_file_stands_for_the_flags(self):
        config = {"store": self.path("store"), "profile": "strict"}
        self.write("config.json", json.dumps(config))
        base = ["try", "--plugin", PLUGIN, "--now", str(NOW), "--config", "config.json"]
        self.assertEqual(self.reason("-f", "dp.yaml", base=base), "ok")
        tail = ["--token-file", "token", "-f", "dp.yaml"]
        self.refused(USAGE, "exactly one of --store and --config", *base, "--store", "store", *tail)
        self.refused(USAGE, "exactly one of --store and --config", *base[:-2], *tail)
        for flag in ("--profile", "--zone"):
            self.refused(USAGE, "go with --store", *base, flag, "strict", *tail)
        for text in ("", "{", "[]", '{"store":"store"}', '{"storr":"/"}', json.dumps({**config, "zone": 1})):
            self.write("config.json", text)
            self.refused(CONFIG, "the plugin refused", *base, *tail)
        self.write("config.json", b"{}\0")
        self.refused(CONFIG, "NUL", *base, *tail)
        self.refused(IO, "No such file", *base[:-1], "absent.json", *tail)

    def test_store_must_be_there(self):
        tail = ["--plugin", PLUGIN, "--token-file", "token", "-f", "dp.yaml"]
        self.refused(IO, ["cannot open the store", "nowhere"], "try", "--store", "nowhere", *tail)
        self.refused(CONFIG, "the plugin refused", "try", "--store", "token", *tail)

    def test_plugin_must_be_one_and_well_kept(self):
        tail = ["--store", "store", "--token-file", "token", "-f", "dp.yaml"]
        self.refused(CONFIG, ["the plugin cannot be loaded", "absent.so", "--plugin PATH"],
                     "try", "--plugin", "absent.so", *tail)
        self.refused(CONFIG, "the plugin cannot be loaded", "try", "--plugin", "token", *tail)
        shutil.copy(PLUGIN, self.path("plugin.so"))
        os.chmod(self.path("plugin.so"), 0o755)
        base = ["try", "--now", str(NOW), "--plugin", "plugin.so", *tail[:2]]
        self.assertEqual(self.reason(*tail[4:], base=base), "ok")
        os.chmod(self.path("plugin.so"), 0o775)
        self.refused(CONFIG, "the plugin cannot be loaded", "try", "--plugin", "plugin.so", *tail)

    def test_plugin_is_found_in_the_build_tree(self):
        self.assertEqual(self.reason("-f", "dp.yaml", base=["try", "--store", "store", "--now", str(NOW)]), "ok")

    def test_broken_set_is_reported_and_the_rest_serves(self):
        self.write("store/meshes/m2/keys/1.pem", "no key\n")
        answer = self.run_cli(*self.base, "--token-file", "token", "-f", "dp.yaml")
        self.assertEqual(answer.code, DONE)
        self.assertIn("warning: ", answer.err)
        self.assertIn("m2", answer.err)


def verdicts(rows):
    return {row["binding"]: row["verdict"] for row in rows}


class Rows(TryCase):
    def document(self, *args, base=None, **options):
        answer = self.run_cli(*(base or self.base), "-o", "json", *args, **options)
        self.assertIn(answer.code, (DONE, DENIED), answer.err)
        document = json.loads(answer.out)
        self.assertEqual(list(document), ["schema", *FIELDS, "until", "warnings", "rows"])
        self.assertEqual(document["schema"], "xdsgate.decision/1")
        self.assertEqual(answer.code, DONE if document["outcome"] == "allowed" else DENIED)
        self.never_contradict(document)
        return document

    def never_contradict(self, document):
        """No row fails when the answer is yes; one fails when it is no, and what comes behind was not reached."""
        found = [row["verdict"] for row in document["rows"]]
        if document["outcome"] == "allowed":
            self.assertLessEqual(set(found), {"ok", "not bound", "not checked"})
            return
        self.assertEqual(found.count("FAILED"), 1, found)
        at = found.index("FAILED")
        self.assertLessEqual(set(found[:at]), {"ok", "not bound", "not checked"}, found)
        self.assertLessEqual(set(found[at + 1:]), {"not reached"}, found)

    def test_rows_of_an_admission(self):
        rows = self.document("--token-file", "token", "-f", "dp.yaml", "--node-id", "m1.web-1")["rows"]
        self.assertEqual([row["binding"] for row in rows], [
            "request", "node id", "token", "key", "signature", "claims", "times", "revoked", "policy", "name", "mesh",
            "tag kuma.io/service", "workload"])
        self.assertEqual(set(verdicts(rows).values()), {"ok"})
        for row in ({"binding": "tag kuma.io/service", "expected": "api, web", "presented": "web, api", "verdict": "ok"},
                    {"binding": "name", "expected": "web-1", "presented": "web-1", "verdict": "ok"},
                    {"binding": "node id", "expected": "m1.web-1", "presented": "m1.web-1", "verdict": "ok"},
                    {"binding": "key", "expected": "a key of mesh m1", "presented": "2", "verdict": "ok"},
                    {"binding": "times", "expected": "from 2027-01-15T07:59:55Z until 2027-01-15T09:00:00Z",
                     "presented": "2027-01-15T08:00:00Z", "verdict": "ok"},
                    {"binding": "revoked", "expected": "not on a list", "presented": "token", "verdict": "ok"}):
            self.assertIn(row, rows)

    def test_the_row_that_failed_is_what_the_decision_says(self):
        dp = ["-f", "dp.yaml"]
        zone = ["--token-file", "zone-token"]
        self.write("store/meshes/m1/revoked", "gone\n")
        self.keep("unbound", "--unbound")
        self.keep("gone", "--name", "web-1")
        self.keep("two-tags", "--name", "web-1", "--tag", "env=prod", "--tag", "kuma.io/service=web")
        self.write("empty", "")
        for args, failed in (
                (["--token-file", "token", *dp, "--tag", "k=" + "x" * 1025], "request"),
                (["--token-file", "token", *dp, "--node-id", "m1.web-2"], "node id"),
                (["--token-file", "empty", *dp], "token"),
                (["--token-file", "token", *dp, "--mesh", "m3"], "key"),
                (["--token-file", "token", *dp, "--mesh", "m2"], "key"),
                (["--token-file", "zone-token", *dp], "signature"),
                (["--token-file", "gone", *dp], "revoked"),
                (["--token-file", "unbound", *dp], "policy"),
                (["--token-file", "token", *dp, "--name", "web-2"], "name"),
                (["--token-file", "token", *dp, "--tag", "kuma.io/service=db"], "tag kuma.io/service"),
                (["--token-file", "two-tags", *dp, "--tag", "env=dev"], "tag env"),
                (["--token-file", "two-tags", *dp, "--tag", "env=dev", "--tag", "kuma.io/service=db"], "tag env"),
                (["--token-file", "two-tags", *dp, "--tag", "kuma.io/service=db"], "tag kuma.io/service"),
                (["--token-file", "token", *dp, "--label", "kuma.io/workload=db"], "workload"),
                ([*zone, "--kind", "zone-egress", "--zone", "east"], "scope"),
                ([*zone, "--kind", "zone-ingress", "--zone", "west"], "zone"),
                ([*zone, "--kind", "zone-ingress"], "zone")):
            document = self.document(*args)
            self.assertEqual([row["binding"] for row in document["rows"] if row["verdict"] == "FAILED"], [failed], args)
        base = [*self.base[:-1], str(NOW + 3600)]
        self.assertEqual(verdicts(self.document("--token-file", "token", *dp, base=base)["rows"])["times"], "FAILED")

    def test_any_mesh_key_leaves_the_mesh_to_the_token(self):
        os.makedirs(self.path("store/any-mesh/keys"))
        os.rename(self.path("store/meshes/m1/keys/2.pem"), self.path("store/any-mesh/keys/2.pem"))
        document = self.document("--token-file", "token", "-f", "dp.yaml", "--mesh", "m2")
        self.assertEqual(document["reason_name"], "binding_mesh")
        self.assertIn({"binding": "mesh", "expected": "m1", "presented": "m2", "verdict": "FAILED"}, document["rows"])

    def test_what_a_token_says_is_no_fact_before_its_signature_held(self):
        header, claims, signature = self.read("token").split(".")
        for token in (header + "." + claims[:-3] + "." + signature, header + "." + claims, "x.y",
                      header + "." + claims + "." + signature[::-1]):
            self.write("bad", token)
            document = self.document("--token-file", "bad", "-f", "dp.yaml")
            self.assertEqual((document["token_id"], document["kid"]), ("", ""))
            rows = {row["binding"]: row for row in document["rows"]}
            for name in ("name", "mesh", "workload", "times"):
                self.assertEqual((rows[name]["expected"], rows[name]["verdict"]), ("(token not verified)", "not reached"))
            self.assertEqual((rows["key"]["presented"], rows["revoked"]["presented"]), ("", ""))
            self.assertFalse([name for name in rows if name.startswith("tag ")])

    def test_what_is_not_bound_or_not_compared_is_no_match(self):
        self.keep("token", "--name", "web-1")
        rows = verdicts(self.document("--token-file", "token", "-f", "dp.yaml")["rows"])
        self.assertEqual([rows[name] for name in ("node id", "name", "mesh", "workload")],
                         ["not checked", "ok", "ok", "not bound"])
        self.keep("token", "--workload", "db")
        rows = verdicts(self.document("--token-file", "token", "-f", "dp.yaml", "--profile", "kuma-2.12")["rows"])
        self.assertEqual((rows["name"], rows["workload"]), ("not bound", "not checked"))
        rows = verdicts(self.document("--token-file", "token", "-f", "dp.yaml", "--profile", "kuma-2.14")["rows"])
        self.assertEqual(rows["workload"], "FAILED")
        rows = verdicts(self.document("--token-file", "token", "-f", "dp.yaml", "--profile", "kuma-2.12",
                                      "--identity-from-workload")["rows"])
        self.assertEqual(rows["workload"], "FAILED")
        self.keep("token", "--name", "web-1", "--type", "ingress")
        args = ["--token-file", "token", "-f", "dp.yaml"]
        self.assertEqual(verdicts(self.document(*args)["rows"])["type"], "FAILED")
        self.assertEqual(verdicts(self.document(*args, "--profile", "kuma-3.0")["rows"])["type"], "not checked")

    def test_values_are_taken_from_where_the_profile_looks(self):
        self.keep("token", "--name", "web-1", "--tag", "env=prod")
        for profile, presented in (("strict", "prod, dev"), ("kuma-2.14", "prod"), ("kuma-3.0", "dev")):
            rows = self.document("--token-file", "token", "-f", "dp.yaml", "--label", "env=dev", "--profile",
                                 profile)["rows"]
            self.assertEqual([row["presented"] for row in rows if row["binding"] == "tag env"], [presented])

    def test_table_stands_before_the_sentence(self):
        answer = self.run_cli(*self.base, "--token-file", "token", "-f", "dp.yaml", "--name", "web-2")
        lines = answer.out.splitlines()
        self.assertEqual(lines[0], "denied")
        head = next(i for i, line in enumerate(lines) if line.split() == ["BINDING", "EXPECTED", "PRESENTED", "VERDICT"])
        sentence = next(i for i, line in enumerate(lines) if line.startswith("text:     "))
        row = next(i for i, line in enumerate(lines) if line.split() == ["name", "web-1", "web-2", "FAILED"])
        self.assertLess(head, row)
        self.assertLess(row, sentence)
        self.assertIn(["mesh", "m1", "m1", "not", "reached"], [line.split() for line in lines])

    def test_what_a_proxy_presents_cannot_steer_the_terminal(self):
        evil = "\x1b[2J\u202e\x9b"
        for token, extra in (("token", []), ("zone-token", ["--kind", "zone-ingress"])):
            for args in ([], ["-o", "json"], ["-o", "yaml"]):
                answer = self.run_cli(*self.base, "--token-file", token, "--mesh", "m1", "--name", "web-1", "--tag",
                                      "kuma.io/service=" + evil, "--label", "kuma.io/workload=" + evil, *extra, *args)
                self.assertIn(answer.code, (DONE, DENIED), answer.err)
                self.assertRegex(answer.out, r"\A[\x20-\x7e\n]+\Z")
        answer = self.run_cli(*[os.fsencode(word) for word in self.base], b"--token-file", b"token", b"--mesh", b"m1",
                              b"--name", b"web-1", b"--tag", b"kuma.io/service=\xff\xfe", b"-o", b"json")
        self.assertIn("'\\xff\\xfe'", [row["presented"] for row in json.loads(answer.out)["rows"]])

    def test_formats(self):
        tail = ["--token-file", "token", "-f", "dp.yaml"]
        text = self.good(*self.base, *tail, "-o", "yaml").out
        self.assertTrue(text.startswith('schema: "xdsgate.decision/1"\noutcome: "allowed"\n'))
        self.assertEqual(self.good(*self.base, *tail, "-o", "table").out, self.good(*self.base, *tail).out)
        document = self.document(*tail)
        self.assertEqual((document["until"], document["warnings"]), ("2027-01-15T09:00:00Z", ["expires_soon"]))
        self.refused(USAGE, ["--json and --output exclude each other", "the line that --batch prints"], *self.base, *tail,
                     "--json", "-o", "json")
        self.refused(USAGE, ["invalid --output value", "table, json, yaml"], *self.base, *tail, "-o", "token")
        self.refused(USAGE, "--batch and --output exclude each other", *self.base, "--batch", "-", "-o", "json")

    def test_switches_of_the_configuration_file_count_in_the_rows(self):
        config = {"store": self.path("store"), "switches": {"tag_source": "labels"}}
        self.write("config.json", json.dumps(config))
        base = ["try", "--plugin", PLUGIN, "--now", str(NOW), "--config", "config.json"]
        document = self.document("--token-file", "token", "-f", "dp.yaml", base=base)
        self.assertEqual(document["reason_name"], "binding_tag_missing")
        self.assertEqual([row["presented"] for row in document["rows"] if row["verdict"] == "FAILED"], [""])


class Batch(TryCase):
    """One line in, one line out."""

    def line(self, **changes):
        question = {
            "kind": "dataplane", "mesh": "m1", "name": "web-1", "labels": {"kuma.io/workload": "web"},
            "tags": {"kuma.io/service": ["web", "api"]}, "credential": self.read("token")}
        question.update(changes)
        return {name: value for name, value in question.items() if value is not None}

    def batch(self, *questions, code=DONE, zone="east"):
        text = "".join((q if isinstance(q, str) else json.dumps(q)) + "\n" for q in questions)
        answer = self.run_cli(*self.base, "--zone", zone, "--batch", "-", stdin=text.encode())
        self.assertEqual(answer.code, code, answer.err)
        decisions = lines(answer)
        self.assertEqual(len(decisions), len(questions))
        for decision in decisions:
            self.assertEqual(list(decision)[:8], FIELDS)
        return decisions

    def test_every_member_reaches_the_plugin(self):
        token = self.read("token").encode()
        zone = {"credential": self.read("zone-token"), "labels": None, "tags": None}
        cases = (
            ({}, "ok", "none"),
            ({"name": "web-2"}, "binding_name", "name"),
            ({"mesh": "m3"}, "mesh_unknown", "none"),
            ({"node_id": "m1.web-1"}, "ok", "none"),
            ({"node_id": "m1.web-2"}, "binding_node", "node"),
            ({"labels": {"kuma.io/workload": "db"}}, "binding_workload", "workload"),
            ({"labels": {}}, "binding_workload_missing", "workload"),
            ({"tags": {"kuma.io/service": ["web", "db"]}}, "binding_tag_value", "tag"),
            ({"tags": {"kuma.io/service": []}}, "binding_tag_missing", "tag"),
            ({"tags": {}}, "binding_tag_missing", "tag"),
            ({"tags": None}, "binding_tag_missing", "tag"),
            ({"identity_from_workload": True}, "ok", "none"),
            ({"credential": ""}, "credential_empty", "none"),
            ({"credential": None}, "credential_empty", "none"),
            ({"credential": self.read("token") + "\n"}, "credential_base64", "none"),
            ({"credential": "a\0b"}, "credential_segments", "none"),
            ({"credential": None, "credential_base64": base64.b64encode(token).decode()}, "ok", "none"),
            ({"credential": None, "credential_base64": base64.b64encode(token + b"\0").decode()},
             "credential_base64", "none"),
            ({"credential": None, "credential_base64": base64.b64encode(b"\xff\0").decode()},
             "credential_segments", "none"),
            ({"credential": None, "credential_base64": ""}, "credential_empty", "none"),
            ({"mesh": "m\0001"}, "request_field", "none"),
            ({"kind": ""}, "ok", "none"),
            ({"kind": None}, "ok", "none"),
            ({"kind": None, "name": "web-2"}, "binding_name", "name"),
            ({"kind": "", **zone}, "signature_invalid", "none"),
            ({"kind": None, **zone}, "signature_invalid", "none"),
            ({"kind": "zone-ingress", **zone}, "ok", "none"),
            ({"kind": "zone-ingress", **zone, "zone": "east"}, "ok", "none"),
            ({"kind": "zone-ingress", **zone, "zone": "west"}, "request_field", "none"),
            ({"kind": "zone-egress", **zone}, "binding_scope", "scope"),
            (zone, "signature_invalid", "none"),
        )
        decisions = self.batch(*(self.line(**changes) for changes, _, _ in cases))
        for (changes, reason, binding), decision in zip(cases, decisions):
            found = (decision["reason_name"], decision["binding"])
            self.assertEqual(found, (reason, binding), changes)
            self.assertEqual(decision["outcome"], "allowed" if reason == "ok" else "denied")

    def test_answers_are_those_of_single_questions(self):
        decision = self.batch(self.line(name="web-2"))[0]
        self.assertEqual(decision, self.decide("--token-file", "token", "-f", "dp.yaml", "--name", "web-2"))

    def test_malformed_lines_are_denied_in_their_place_and_the_rest_goes_on(self):
        bad = (
            ("", "not JSON"),
            ("x", "not JSON"),
            ("{", "not JSON"),
            ("{}{}", "not JSON"),
            ('{"name":"a","name":"b"}', "not JSON"),
            ("[]", "must be one JSON object"),
            ('{"naem":"a"}', "unknown member 'naem'; did you mean 'name'?"),
            ('{"session":1}', "unknown member 'session'"),
            ('{"kind":"Dataplane"}', "member 'kind' must be"),
            ('{"kind":1}', "member 'kind' must be"),
            ('{"mesh":null}', "member 'mesh' must be a string"),
            ('{"name":1}', "member 'name' must be a string"),
            ('{"credential":["x"]}', "member 'credential' must be a string"),
            ('{"labels":[]}', "member 'labels' must be an object"),
            ('{"labels":{"a":1}}', "member 'labels' must be strings"),
            ('{"tags":{"a":"b"}}', "member 'tags' must be an object of lists"),
            ('{"tags":{"a":[1]}}', "member 'tags' must be strings"),
            ('{"tags":[]}', "member 'tags' must be an object of lists"),
            ('{"identity_from_workload":"false"}', "must be true or false"),
            ('{"credential_base64":"AA"}', "standard base64"),
            ('{"credential_base64":"AA==\\n"}', "standard base64"),
            ('{"credential_base64":"-_=="}', "standard base64"),
            ('{"credential_base64":1}', "standard base64"),
            ('{"credential":"","credential_base64":""}', "exclude each other"),
        )
        for text, message in bad:
            first, second, third = self.batch(self.line(), text, self.line(), code=USAGE)
            self.assertEqual((first["outcome"], third["outcome"]), ("allowed", "allowed"))
            self.assertEqual((second["outcome"], second["reason_name"], second["token_id"]),
                             ("denied", "request_field", ""))
            self.assertIn("line 2: ", second["error"])
            self.assertIn(message, second["error"])
            self.assertNotIn("error", first)

    def test_input_ends_with_or_without_a_line_end(self):
        line = json.dumps(self.line())
        for text, count in (("", 0), (line, 1), (line + "\n", 1), (line + "\n" + line, 2)):
            self.write("in.jsonl", text)
            answer = self.good(*self.base, "--batch", "in.jsonl")
            self.assertEqual(len(lines(answer)), count)
            self.assertEqual(self.good(*self.base, "--batch", "-", stdin=text.encode()).out, answer.out)

    def test_each_answer_comes_before_the_next_question(self):
        line = (json.dumps(self.line()) + "\n").encode()
        with subprocess.Popen([CLI, *self.base, "--batch", "-"], cwd=self.dir, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            for _ in range(3):
                process.stdin.write(line)
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["outcome"], "allowed")
            process.stdin.close()
            self.assertEqual(process.wait(60), DONE)

    def test_many_lines_are_answered_in_order(self):
        names = [f"web-{i % 7}" for i in range(5000)]
        for name, decision in zip(names, self.batch(*(self.line(name=name) for name in names))):
            self.assertEqual(decision["outcome"], "allowed" if name == "web-1" else "denied")

    def test_long_lines_are_answered_too(self):
        decisions = self.batch(self.line(credential="x" * 1000000), self.line(credential="x" * 5000000), self.line(),
                               code=USAGE)
        self.assertEqual(decisions[0]["reason_name"], "credential_too_long")
        self.assertIn("longer than", decisions[1]["error"])
        self.assertEqual(decisions[2]["outcome"], "allowed")

    def test_flags_of_a_single_question_are_refused(self):
        for flag in (["--token-file", "token"], ["-f", "dp.yaml"], ["--mesh", "m1"], ["--name", "a"], ["--tag", "a=b"],
                     ["--label", "a=b"], ["--kind", "dataplane"], ["--node-id", "a"], ["--json"],
                     ["--identity-from-workload"]):
            self.refused(USAGE, "exclude each other", *self.base, "--batch", "-", *flag)
        self.refused(IO, ["cannot read the batch", "absent"], *self.base, "--batch", "absent")
        self.refused(IO, "cannot read the batch", *self.base, "--batch", "store")


if __name__ == "__main__":
    main()
