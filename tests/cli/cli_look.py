# SPDX-License-Identifier: Apache-2.0
"""xdsgate inspect, verify, explain and config check: what they say of tokens, reasons and configurations, and that they
never say more than is known."""

import base64
import hashlib
import json
import os
import re
import shutil

from cli_support import CLI, CONFIG, DENIED, DONE, IO, KEY, NOW, PLUGIN, USAGE, CliTest, main

HOUR = 3600


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def der_integers(data):
    """The integers of a DER SEQUENCE that holds nothing else: RSAPrivateKey."""
    def length(at):
        first = data[at]
        size = first & 0x7f if first & 0x80 else 0
        return (int.from_bytes(data[at + 1:at + 1 + size], "big") if size else first), at + 1 + size
    _, at = length(1)
    while at < len(data):
        size, at = length(at + 1)
        yield int.from_bytes(data[at:at + size], "big")
        at += size


class LookCase(CliTest):
    def setUp(self):
        super().setUp()
        self.token = self.mint("--name", "web-1", "--workload", "web", "--tag", "kuma.io/service=web,api", "--jti", "j1")
        self.write("token", self.token)
        self.zone = self.mint("zone", "--zone", "east", "--scope", "ingress", "--jti", "z1")
        self.write("zone-token", self.zone)

    def sign(self, claims, header=None, where="meshes/m1/2.pem"):
        """A token of the very bytes of header and claims, with a signature of the authority's key."""
        pem = self.read("authority/" + where)
        numbers = list(der_integers(base64.b64decode("".join(pem.splitlines()[1:-1]))))
        if isinstance(claims, dict):
            claims = json.dumps(claims)
        if header is None:
            header = {"alg": "RS256", "kid": os.path.basename(where)[:-4], "typ": "JWT"}
        if isinstance(header, dict):
            header = json.dumps(header)
        signed = b64(header) + "." + b64(claims)
        size = (numbers[1].bit_length() + 7) // 8
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(signed.encode()).digest()
        block = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
        return signed + "." + b64(pow(int.from_bytes(block, "big"), numbers[3], numbers[1]).to_bytes(size, "big"))

    def claims(self, **changes):
        """Claims that strict accepts; None takes a claim out."""
        claims = {"Name": "web-1", "Mesh": "m1", "Tags": {}, "Type": "", "Workload": "", "iat": NOW, "nbf": NOW,
                  "exp": NOW + HOUR, "jti": "j2"}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def zone_claims(self, **changes):
        return {"Zone": "east", "Scope": ["ingress"], "iat": NOW, "nbf": NOW, "exp": NOW + HOUR, "jti": "z2", **changes}

    def secret_free(self, answer, token):
        """Neither the token nor its signature is ever shown."""
        for part in (token, token.split(".")[-1]):
            if len(part) > 20:
                self.assertNotIn(part, answer.out + answer.err)


class Inspect(LookCase):
    def document(self, token, *args, code=DONE):
        answer = self.run_cli("inspect", "--now", str(NOW), "-o", "json", *args, stdin=token.encode())
        self.assertEqual(answer.code, code, answer.err)
        self.secret_free(answer, token)
        document = json.loads(answer.out)
        self.assertEqual(list(document), ["schema", "verified", "verification", "kind", "fingerprint", "jti", "kid",
                                          "header", "claims", "times", "bindings", "findings"])
        self.assertEqual(document["schema"], "xdsgate.token/1")
        self.assertEqual(document["fingerprint"], hashlib.sha256(token.encode()).hexdigest())
        return document

    def findings(self, token):
        return [finding["name"] for finding in self.document(token)["findings"]]

    def test_what_is_inside_comes_behind_the_word_that_nobody_checked_it(self):
        answer = self.good("inspect", "token", "--now", str(NOW + 30 * 60))
        rows = [line.split() for line in answer.out.splitlines()]
        self.assertEqual(answer.out.splitlines()[0], "NOT VERIFIED: nobody checked the signature")
        self.assertIn(["kind:", "dataplane"], rows)
        self.assertIn(["SHA-256:", hashlib.sha256(self.token.encode()).hexdigest()], rows)
        for row in (["header", "kid", '"2"', "-"], ["claims", "Name", '"web-1"', "binding"],
                    ["claims", "Workload", '"web"', "binding"], ["claims", "jti", '"j1"', "-"],
                    ["claims", "Tags", '{"kuma.io/service":["api","web"]}', "binding"],
                    ["claims", "exp", str(NOW + HOUR), "2027-01-15T09:00:00Z,", "expires", "in", "30m"],
                    ["claims", "iat", str(NOW - 5), "2027-01-15T07:59:55Z,", "issued", "30m5s", "ago"]):
            self.assertIn(row, rows)
        self.assertIn("profile strict: nothing that it demands of a token is missing", answer.out)
        self.secret_free(answer, self.token)
        self.assertNotIn("signature verified", answer.out)

    def test_times_are_told_from_the_clock(self):
        for exp, now, text in ((NOW, NOW - 1, "expires in 1s"), (NOW, NOW, "expired 0s ago"),
                               (NOW, NOW + 59, "expired 59s ago"), (NOW, NOW - 60, "expires in 1m"),
                               (NOW, NOW - 3 * HOUR - 120, "expires in 3h2m"), (NOW, NOW - 3 * HOUR - 2, "expires in 3h"),
                               (NOW, NOW + 2 * 86400, "expired 2d ago"), (NOW, NOW + 86400 + HOUR, "expired 1d1h ago"),
                               (2**63 - 1, -2**63 + 1, "expires in 213503982334601d7h"),
                               (-2**63, 2**63 - 1, "expired 213503982334601d7h ago")):
            answer = self.good("inspect", f"--now={now}", "-o", "json", stdin=self.sign(self.claims(exp=exp)).encode())
            self.assertEqual(json.loads(answer.out)["times"]["exp"]["relative"], text)
        times = self.document(self.sign(self.claims(nbf=NOW + 60, iat=1.5, exp=None)))["times"]
        self.assertEqual(times, {"iat": None, "exp": None,
                                 "nbf": {"at": "2027-01-15T08:01:00Z", "relative": "begins in 1m"}})

    def test_token_comes_from_operand_flag_or_stdin(self):
        for args, stdin in ((["token"], ""), (["--token-file", "token"], ""), ([], self.token), (["-"], self.token),
                            (["--token-file", "-"], self.token + "\n")):
            self.assertIn("kind:    dataplane", self.good("inspect", *args, stdin=stdin.encode()).out)
        self.refused(USAGE, ["FILE and --token-file exclude each other", "name the token's file once"], "inspect",
                     "token", "--token-file", "token")
        self.refused(USAGE, "more than one FILE", "inspect", "token", "token")
        self.refused(IO, ["cannot read the token: No such file", "absent"], "inspect", "absent")
        answer = self.refused(USAGE, "FILE: that is a token, not a file", "inspect", self.token)
        self.secret_free(answer, self.token)

    def test_kind_is_what_the_members_say(self):
        for claims, kind in ((self.claims(), "dataplane"), ({"Mesh": "m1"}, "dataplane"), ({"Name": "a"}, "dataplane"),
                             (self.zone_claims(), "zone"), ({"Scope": None}, "zone"), ({"Zone": ""}, "zone"),
                             ({"Name": "a", "Groups": []}, "other"), ({"Mesh": "m1", "Scope": []}, "other"),
                             ({}, "other"), ({"sub": "x"}, "other"), ({"mesh": "m1"}, "other")):
            document = self.document(self.sign(claims))
            self.assertEqual((document["kind"], document["verified"]), (kind, False), claims)

    def test_bindings_are_those_that_bind(self):
        self.assertEqual(self.document(self.token)["bindings"], {
            "Name": "web-1", "Mesh": "m1", "Workload": "web", "Tags": {"kuma.io/service": ["api", "web"]}})
        self.assertEqual(self.document(self.zone)["bindings"], {"Zone": "east", "Scope": ["ingress"]})
        self.assertEqual(self.document(self.sign(self.claims(Name="")))["bindings"], {"Mesh": "m1"})

    def test_findings_are_what_strict_would_miss(self):
        for claims, names in (
                (self.claims(), []),
                (self.claims(exp=None), ["policy_exp"]), (self.claims(jti=None), ["policy_jti"]),
                (self.claims(Mesh=None), ["policy_mesh"]), (self.claims(Mesh=""), ["policy_mesh"]),
                (self.claims(Name=""), ["policy_mesh_wide"]), (self.claims(Name="", Workload="w"), []),
                (self.claims(Name="", Tags={"k": ["v"]}), []),
                (self.claims(exp=None, jti=None, Name=None, Mesh=None),
                 ["policy_exp", "policy_jti", "policy_mesh", "policy_mesh_wide"]),
                (self.claims(Type="ingress"), ["binding_type"]), (self.claims(Type="dataplane"), []),
                (self.claims(Nome="x"), ["unknown_member"]), (self.claims(a=1, b={"c": []}), ["unknown_member"] * 2),
                (self.claims(iss="x", sub="x", aud="x"), []),
                (self.claims(name="x"), ["claims_case"]), (self.claims(Scope=["egress"]), ["claims_other_kind"]),
                (self.claims(Groups=[]), ["claims_other_kind"]),
                (self.claims(exp="soon"), ["claims_type"]), (self.claims(Name=1), ["claims_type"]),
                (self.claims(Tags=[]), ["claims_type"]), (self.claims(exp=1.5), ["claims_json"]),
                (self.claims(Tags={str(i): [] for i in range(65)}), ["claims_too_many"]),
                ('{"Name":"a","Name":"b","exp":1}', ["duplicate_member", "claims_json"]),
                (self.zone_claims(), []), (self.zone_claims(Zone=""), ["policy_zone"]),
                (self.zone_claims(Scope=[]), ["no_scope"]), ({"Scope": None}, ["policy_exp", "policy_jti",
                                                                            "policy_zone", "no_scope"]),
                ({"sub": "x"}, ["no_kind"])):
            self.assertEqual(self.findings(self.sign(claims)), names, claims)
        for header, names in (
                ({"alg": "RS256", "kid": "2"}, []), ({"alg": "none", "kid": "2"}, ["alg_refused"]),
                ({"alg": "HS256", "kid": "2"}, ["alg_refused"]), ({"kid": "2"}, ["alg_missing"]),
                ({"alg": "RS256"}, ["kid_missing"]), ({"alg": "RS256", "kid": 2}, ["kid_invalid"]),
                ({"alg": "RS256", "kid": "2", "crit": []}, ["header_crit"]),
                ({"alg": "RS256", "kid": "2", "jwk": "x"}, ["header_forbidden"]),
                ({"alg": "RS256", "kid": "2", "x": "y" * 1024}, ["header_too_long"]),
                ('{"alg":"RS256","kid":"1","kid":"2"}', ["header_json", "duplicate_member"])):
            self.assertEqual(self.findings(self.sign(self.claims(), header)), names, header)

    def test_of_members_that_stand_twice_the_last_is_shown_as_such(self):
        token = self.sign('{"Name":"a","Name":"b"}')
        self.assertEqual(self.document(token)["claims"], {"Name": "b"})
        answer = self.good("inspect", stdin=token.encode())
        self.assertIn("duplicate_member: A member stands twice; of those only the last is shown here.", answer.out)

    def test_findings_agree_with_verify(self):
        """The first finding that is a reason of the plugin is what the plugin refuses the token for."""
        for changes in ({"exp": None}, {"jti": None}, {"Name": ""}, {"jti": None, "exp": None}, {"exp": "x"},
                        {"Zone": "a"}, {"name": "x"}, {"Mesh": None}, {"exp": 1.5}):
            token = self.sign(self.claims(**changes))
            numbers = [finding["number"] for finding in self.document(token)["findings"]]
            answer = self.run_cli("verify", "--plugin", PLUGIN, "--store", "store", "--mesh", "m1", "--now", str(NOW),
                                  "-o", "json", stdin=token.encode())
            self.assertEqual(json.loads(answer.out)["reason"], numbers[0], changes)

    def test_malformed_tokens_are_refused_with_the_place(self):
        header, claims, signature = self.token.split(".")
        for token, texts in (
                ("", ["there is nothing in it", "credential_empty"]),
                ("x" * 9000, ["at most 8192 bytes, found 9000", "where: byte 8193"]),
                (header, ["expected 3 segments joined by dots, found 1", "credential_segments"]),
                (header + "." + claims, ["joined by dots, found 2"]),
                (self.token + ".x", ["joined by dots, found 4"]),
                ("a.b.c.d.e", ["found 5, as an encrypted token (JWE) has"]),
                ("Bearer " + self.token, ["it begins with 'Bearer '"]),
                ("." + claims + "." + signature, ["the segment is empty", "where: segment 1 (header)"]),
                (header + ".." + signature, ["the segment is empty", "where: segment 2 (claims)"]),
                (header + "." + claims + ".", ["the segment is empty", "where: segment 3 (signature)"]),
                (header + "." + claims[:4] + "+" + claims[5:] + "." + signature,
                 ["found byte 0x2b", f"segment 2 (claims), byte 5 of it, byte {len(header) + 6} of the token"]),
                (self.token + "=", ["found byte 0x3d", "segment 3 (signature), byte 343 of it"]),
                (self.token + " ", ["found byte 0x20", "credential_base64"]),
                (header[:10] + "\n" + header[10:] + "." + claims + "." + signature,
                 ["found byte 0x0a", "segment 1 (header), byte 11 of it, byte 11 of the token"]),
                (header[:-1] + "B." + claims + "." + signature, ["carries bits beyond the last byte",
                                                                 "segment 1 (header), byte 50 of it"]),
                (header + ".e." + signature, ["one letter too long or cut", "segment 2 (claims), byte 1 of it"]),
                (header + ".eB." + signature, ["carries bits beyond the last byte", "segment 2 (claims), byte 2 of it"]),
                (b64("{") + "." + claims + "." + signature,
                 ["not JSON that can be read", "segment 1 (header), byte 1 of the JSON in it", "header_json"]),
                (b64("[]") + "." + claims + "." + signature, ["expected an object in braces", "segment 1 (header)"]),
                (header + "." + b64('{"Name":}') + "." + signature,
                 ["not JSON that can be read", "segment 2 (claims), byte 9 of the JSON in it", "claims_json"]),
                (header + "." + b64('{"a":"\\u0000"}') + "." + signature, ["not JSON that can be read"]),
                (header + "." + b64(b'{"a":"\xff"}') + "." + signature, ["not JSON that can be read"]),
                (header + "." + b64("[1]") + "." + signature, ["expected an object in braces", "segment 2 (claims)"])):
            for args in ([], ["--store", "store"], ["-o", "json"]):
                answer = self.refused(USAGE, ["the token is malformed: ", "  note: ", "  help: ", *texts], "inspect",
                                      *args, stdin=token.encode())
                self.secret_free(answer, token)

    def test_store_says_whose_key_signed(self):
        for token, args, sentence in (
                (self.token, [], "signature verified with key '2' of mesh 'm1'"),
                (self.token, ["--mesh", "m1"], "signature verified with key '2' of mesh 'm1'"),
                (self.zone, [], "signature verified with key '1' of the zone"),
                (self.sign(self.claims(Mesh="m2")), ["--mesh", "m1"],
                 "signature verified with key '2' of mesh 'm1'; but the token is for mesh 'm2'")):
            answer = self.good("inspect", "--store", "store", *args, stdin=token.encode())
            self.assertEqual(answer.out.splitlines()[0], sentence)
            self.assertNotIn("NOT VERIFIED", answer.out)
            self.assertIn("Times, revocations and bindings were not judged", answer.out)
            document = self.document(token, "--store", "store", *args)
            self.assertEqual((document["verified"], document["verification"]), (True, sentence))
        os.makedirs(self.path("store/any-mesh/keys"))
        os.rename(self.path("store/meshes/m1/keys/2.pem"), self.path("store/any-mesh/keys/2.pem"))
        self.assertEqual(self.document(self.token, "--store", "store")["verification"],
                         "signature verified with key '2', which serves any mesh")

    def test_a_check_that_fails_still_shows_what_is_inside_and_says_no(self):
        header, claims, signature = self.token.split(".")
        forged = header + "." + b64(json.dumps(self.claims(Name="root"))) + "." + signature
        unknown = self.sign(self.claims(), {"alg": "RS256", "kid": "9"})
        for token, args, text in (
                (forged, [], "The signature does not verify with key '2'."),
                (self.token[:-6], [], "The signature is not as long as the modulus of key '2'."),
                (self.token, ["--mesh", "m2"], "The token is signed with key '2', which this mesh or zone does not have."),
                (self.token, ["--mesh", "m3"], "Mesh 'm3' not found."),
                (unknown, [], "The token is signed with key '9'"),
                (self.sign(self.claims(), {"alg": "none", "kid": "2"}), [], "The token's algorithm is not RS256"),
                (self.sign(self.claims(), {"alg": "RS256"}), [], "The token header names no key (kid)."),
                (self.sign(self.zone_claims(), where="meshes/m1/1.pem"), [],
                 "The signature does not verify with key '1'.")):
            answer = self.run_cli("inspect", "--store", "store", *args, stdin=token.encode())
            self.assertEqual((answer.code, answer.err), (DENIED, ""))
            self.assertTrue(answer.out.startswith("NOT VERIFIED: " + text), answer.out)
            self.assertIn("PART", answer.out)
            self.assertNotIn("signature verified", answer.out)
            document = self.document(token, "--store", "store", *args, code=DENIED)
            self.assertIs(document["verified"], False)
            self.assertTrue(document["verification"].startswith(text))

    def test_key_file_verifies_alone(self):
        for key, code, text in (("store/meshes/m1/keys/2.pem", DONE, "signature verified with the key that was given; "
                                 "the token calls it '2'"),
                                ("authority/meshes/m1/2.pem", DONE, "signature verified with the key"),
                                ("store/meshes/m1/keys/1.pem", DENIED, "NOT VERIFIED: The signature does not verify"),
                                ("store/zone/keys/1.pem", DENIED, "NOT VERIFIED: The signature does not verify")):
            answer = self.run_cli("inspect", "token", "--key", key)
            self.assertEqual((answer.code, answer.err), (code, ""))
            self.assertTrue(answer.out.startswith(text), answer.out)
        for header, text in (({"alg": "none", "kid": "2"}, "The token's algorithm is not RS256"),
                             ({"alg": "RS256"}, "The token header names no key"),
                             ({"alg": "RS256", "kid": "2", "crit": []}, "The token header demands extensions")):
            answer = self.run_cli("inspect", "--key", "store/meshes/m1/keys/2.pem",
                                  stdin=self.sign(self.claims(), header).encode())
            self.assertEqual(answer.code, DENIED)
            self.assertTrue(answer.out.startswith("NOT VERIFIED: " + text), answer.out)
        self.refused(KEY, ["cannot read the key", "absent"], "inspect", "token", "--key", "absent")
        self.write("bad.pem", "no key\n")
        self.refused(KEY, ["the key cannot be used", "bad.pem", "key_file"], "inspect", "token", "--key", "bad.pem")
        os.chmod(self.path("authority/meshes/m1/2.pem"), 0o644)
        self.refused(KEY, "open to group or others", "inspect", "token", "--key", "authority/meshes/m1/2.pem")

    def test_flags_that_do_not_go_together(self):
        self.refused(USAGE, "--store and --key exclude each other", "inspect", "token", "--store", "store", "--key", "k")
        self.refused(USAGE, "--mesh goes with --store", "inspect", "token", "--mesh", "m1")
        self.refused(USAGE, "--mesh goes with --store", "inspect", "token", "--mesh", "m1", "--key", "k")
        self.refused(USAGE, "--now is not a time", "inspect", "token", "--now", "soon")
        self.refused(USAGE, ["invalid --output value", "table, json, yaml"], "inspect", "token", "-o", "token")
        for claims in (self.claims(Mesh=None), self.claims(Mesh=7), {}):
            self.refused(USAGE, ["the token names no mesh", "--mesh NAME"], "inspect", "--store", "store",
                         stdin=self.sign(claims).encode())
        self.refused(IO, ["cannot open the store", "nowhere"], "inspect", "token", "--store", "nowhere")
        self.refused(IO, ["the store cannot be read", "store_unreadable"], "inspect", "token", "--store", "token")

    def test_a_broken_set_is_reported_and_the_rest_serves(self):
        self.write("store/meshes/m2/keys/1.pem", "no key\n")
        answer = self.run_cli("inspect", "token", "--store", "store")
        self.assertEqual(answer.code, DONE)
        self.assertIn("warning: ", answer.err)
        self.write("store/meshes/m1/keys/1.pem", "no key\n")
        answer = self.run_cli("inspect", "token", "--store", "store")
        self.assertEqual(answer.code, DENIED)
        self.assertTrue(answer.out.startswith("NOT VERIFIED: The key set"), answer.out)

    def test_what_a_token_says_cannot_steer_the_terminal(self):
        evil = "\x1b[2J\u202e\r\x07\x9b"
        token = self.sign({"Name": evil, "Mesh": evil, evil: evil, "Tags": {evil: [evil]}, "exp": 1},
                          {"alg": "RS256", "kid": "k\u202e", evil: evil})
        for args in ([], ["-o", "json"], ["-o", "yaml"], ["--store", "store"]):
            answer = self.run_cli("inspect", *args, stdin=token.encode())
            self.assertIn(answer.code, (DONE, DENIED))
            self.assertRegex(answer.out + answer.err, r"\A[\x20-\x7e\n]+\Z")

    def test_yaml_is_the_same_document(self):
        text = self.good("inspect", "token", "-o", "yaml").out
        self.assertTrue(text.startswith('schema: "xdsgate.token/1"\nverified: false\n'))
        self.assertIn('claims:\n  "Name": "web-1"\n', text)


class Verify(LookCase):
    def setUp(self):
        super().setUp()
        self.base = ["verify", "--plugin", PLUGIN, "--store", "store", "--now", str(NOW)]

    def reason(self, token, *args):
        answer = self.run_cli(*self.base, "-o", "json", *args, stdin=token.encode())
        self.assertIn(answer.code, (DONE, DENIED), answer.err)
        self.secret_free(answer, token)
        document = json.loads(answer.out)
        self.assertEqual(document["schema"], "xdsgate.verification/1")
        self.assertEqual(document["fingerprint"], hashlib.sha256(token.encode()).hexdigest())
        self.assertEqual(answer.code, DONE if document["outcome"] == "allowed" else DENIED)
        return document["reason_name"]

    def tried(self, token, proxy):
        answer = self.run_cli("try", *self.base[1:], "--token-file", "-", "--json", *proxy, stdin=token.encode())
        self.assertIn(answer.code, (DONE, DENIED), answer.err)
        return json.loads(answer.out)["reason_name"]

    def test_good_in_words(self):
        answer = self.good(*self.base, "--token-file", "token")
        self.assertEqual(answer.out.splitlines()[:5], [
            "allowed", "reason:   0 ok", "token id: 'j1'", "kid:      '2'", "until:    2027-01-15T09:00:00Z"])
        self.assertIn("as:       dataplane token of mesh 'm1'", answer.out)
        self.assertIn("Good for a proxy that presents what it is bound to", answer.out)
        self.assertIn("as:       zone token", self.good(*self.base, "zone-token").out)

    def test_refused_in_words_with_number_name_sentence_and_help(self):
        self.write("store/meshes/m1/revoked", "j1\n")
        answer = self.run_cli(*self.base, "token")
        self.assertEqual((answer.code, answer.err), (DENIED, ""))
        self.assertEqual(answer.out.splitlines()[:2], ["denied", "reason:   400 revoked_jti"])
        self.assertIn("text:     The token with jti 'j1' is revoked. Mint a new token.", answer.out)
        self.assertNotIn("Good for", answer.out)
        answer = self.run_cli(*self.base, "token", "-o", "json")
        document = json.loads(answer.out)
        self.assertEqual([document[name] for name in ("reason", "reason_name", "help", "purpose", "mesh")],
                         [400, "revoked_jti", "Mint a new token.", "dataplane", "m1"])

    def test_agrees_with_try_of_the_proxy_that_the_token_is_for(self):
        web = ["--mesh", "m1", "--name", "web-1"]
        labelled = [*web, "--label", "kuma.io/workload=web"]
        tagged = [*web, "--tag", "kuma.io/service=web", "--label", "kuma.io/service=web"]
        zone = ["--kind", "zone-ingress"]
        header, claims, signature = self.token.split(".")
        self.write("store/meshes/m1/revoked", "gone\n@name banned\n@workload dead\n")
        table = (
            (self.token, [*tagged, "--label", "kuma.io/workload=web"], "ok"),
            (self.sign(self.claims()), web, "ok"),
            (self.sign(self.claims(Workload="web")), labelled, "ok"),
            (self.sign(self.claims(Name="", Workload="web")), labelled, "ok"),
            (self.sign(self.claims(Tags={"kuma.io/service": ["web", "x"]})), tagged, "ok"),
            (self.sign(self.claims(Tags={"kuma.io/workload": ["x", "web"]}, Workload="web")), 
             [*labelled, "--tag", "kuma.io/workload=web"], "ok"),
            (self.sign(self.claims(Tags={"kuma.io/workload": ["x"]}, Workload="web")),
             [*labelled, "--tag", "kuma.io/workload=x"], "binding_tag_value"),
            (self.sign(self.claims(Tags={"k": []})), web, "binding_tag_missing"),
            (self.sign(self.claims(Type="dataplane")), web, "ok"),
            (self.sign(self.claims(Type="x")), web, "binding_type"),
            (self.sign(self.claims(exp=NOW)), web, "expired"),
            (self.sign(self.claims(exp=NOW + 1)), web, "ok"),
            (self.sign(self.claims(nbf=NOW + 1)), web, "not_yet_valid"),
            (self.sign(self.claims(jti="gone")), web, "revoked_jti"),
            (self.sign(self.claims(Name="banned")), [*web[:3], "banned"], "revoked_name"),
            (self.sign(self.claims(Workload="dead")), [*web, "--label", "kuma.io/workload=dead"], "revoked_workload"),
            (self.sign(self.claims(exp=None)), web, "policy_exp"),
            (self.sign(self.claims(jti=None)), web, "policy_jti"),
            (self.sign(self.claims(Name="")), web, "policy_mesh_wide"),
            (self.sign(self.claims(Mesh="m3")), ["--mesh", "m3", "--name", "web-1"], "mesh_unknown"),
            (self.sign(self.claims(Mesh="m2")), ["--mesh", "m2", "--name", "web-1"], "key_unknown"),
            (self.sign(self.claims(), {"alg": "RS256", "kid": "1"}), web, "signature_invalid"),
            (self.sign(self.claims(), {"alg": "none", "kid": "2"}), web, "alg_refused"),
            (self.sign(self.claims(), {"alg": "RS256"}), web, "kid_missing"),
            (self.sign(self.claims(exp="x")), web, "claims_type"),
            (self.sign(self.claims(Zone="x")), web, "claims_other_kind"),
            (self.sign(self.claims(mesh="x")), web, "claims_case"),
            (self.sign('{"Mesh":"m1","Mesh":"m1"}'), web, "claims_json"),
            (self.sign(self.claims(Name="x" * 254)), [*web[:3], "x" * 254], "request_field"),
            (header + "." + b64(json.dumps(self.claims())) + "." + signature, web, "signature_invalid"),
            (self.token[:-6], web, "signature_length"),
            ("", web, "credential_empty"),
            ("x" * 9000, web, "credential_too_long"),
            (header + "." + claims, web, "credential_segments"),
            (self.token + "=", web, "credential_base64"),
            (b64("[]") + "." + claims + "." + signature, web, "header_json"),
            (self.zone, [*zone, "--zone", "east"], "ok"),
            (self.sign(self.zone_claims(Zone=""), where="zone/1.pem"), zone, "policy_zone"),
            (self.sign(self.zone_claims(Scope=["x", "egress"]), where="zone/1.pem"),
             ["--kind", "zone-egress", "--zone", "east"], "ok"),
            (self.sign(self.zone_claims(Scope=None), where="zone/1.pem"), [*zone, "--zone", "east"], "binding_scope"),
            (self.sign(self.zone_claims()), [*zone, "--zone", "east"], "key_unknown"),
            (self.sign(self.zone_claims(exp=NOW), where="zone/1.pem"), [*zone, "--zone", "east"], "expired"),
        )
        for token, proxy, reason in table:
            self.assertEqual((self.reason(token), self.tried(token, proxy)), (reason, reason), (token, proxy))
            for profile in ("kuma-3.0", "kuma-2.14", "kuma-2.12"):
                self.assertEqual(self.reason(token, "--profile", profile),
                                 self.tried(token, [*proxy, "--profile", profile]), (token, profile))

    def test_flags_say_what_it_is_to_be_taken_for(self):
        self.assertEqual(self.reason(self.token, "--mesh", "m2"), "key_unknown")
        self.assertEqual(self.reason(self.token, "--mesh", "m3"), "mesh_unknown")
        self.assertEqual(self.reason(self.token, "--zone-token"), "key_unknown")
        self.assertEqual(self.reason(self.zone, "--zone-token"), "ok")
        self.assertEqual(self.reason(self.zone, "--mesh", "m1"), "signature_invalid")
        self.assertEqual(self.reason(self.sign(self.claims(Mesh="")), "--mesh", "m1"), "policy_mesh")
        self.assertEqual(self.reason(self.sign(self.claims(Mesh="")), "--mesh", "m1", "--profile", "kuma-2.14"), "ok")
        self.assertEqual(self.reason(self.sign(self.zone_claims()), "--mesh", "m1"), "claims_other_kind")
        os.makedirs(self.path("store/any-mesh/keys"))
        os.rename(self.path("store/meshes/m1/keys/2.pem"), self.path("store/any-mesh/keys/2.pem"))
        self.assertEqual(self.reason(self.token, "--mesh", "m2"), "binding_mesh")

    def test_refusals(self):
        self.refused(USAGE, "--store is required", "verify", "token")
        self.refused(USAGE, "--mesh and --zone-token exclude each other", *self.base, "token", "--zone-token", "-m", "a")
        self.refused(USAGE, ["invalid --output value", "table, json, yaml"], *self.base, "token", "-o", "xml")
        self.refused(USAGE, "FILE and --token-file exclude", *self.base, "token", "--token-file", "token")
        self.refused(USAGE, "--now is not a time", *self.base[:-1], "soon", "token")
        for claims in (self.claims(Mesh=""), {}, "{", "[]"):
            self.refused(USAGE, ["the token names no mesh", "--mesh NAME, or --zone-token"], *self.base,
                         stdin=self.sign(claims).encode())
        self.refused(IO, "cannot read the token", *self.base, "absent")
        self.refused(IO, "cannot open the store", *self.base[:4], "nowhere", "token")
        self.refused(CONFIG, "the plugin refused", *self.base[:4], "token", "token")
        self.refused(CONFIG, ["the plugin refused", "profile"], *self.base, "token", "--profile", "kuma-9")
        self.refused(CONFIG, "the plugin cannot be loaded", "verify", "--plugin", "absent.so", "--store", "store", "token")
        many = self.sign(self.claims(Tags={f"k{i}": ["v"] for i in range(300)}))
        self.assertEqual(self.reason(many), "request_too_many")


class Explain(LookCase):
    def reasons(self):
        document = json.loads(self.good("explain", "-o", "json").out)
        self.assertEqual(document["schema"], "xdsgate.reasons/1")
        return document["reasons"]

    def test_number_and_name_say_the_same(self):
        text = self.good("explain", "501").out
        self.assertEqual(text, self.good("explain", "binding_name").out)
        self.assertEqual(text.splitlines(), [
            "501 binding_name", "class:    binding",
            "sentence: Name: the token is for <what the token says>, the proxy is <what the proxy or the control plane "
            "says>.",
            "help:     Mint a token for this name, or start the proxy with its own token.",
            "check:    12, the proxy presents what the token is bound to", "gRPC:     7 PERMISSION_DENIED",
            "the peer hears: authentication failed"])

    def test_every_reason_of_the_table_is_explained(self):
        """reasons.def read by another eye: numbers, names, status and sentences are the same."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, "plugin-api", "reasons.def"), encoding="ascii") as file:
            rows = [line.split(", ", 4) for line in file if line.startswith("XG_REASON(")]
        reasons = self.reasons()
        self.assertEqual([[f"XG_REASON({r['number']}", f'"{r["name"]}"', str(r["grpc"])] for r in reasons],
                         [[row[0], row[2], row[3]] for row in rows])
        for reason, row in zip(reasons, rows):
            sentence = reason["sentence"]
            for words, brace in (("what the token says", "token"), ("what the proxy or the control plane says", "proxy"),
                                 ("name of the field", "field"), ("mesh asked for", "mesh"), ("key id", "kid")):
                sentence = sentence.replace(f"<{words}>", "{" + brace + "}")
            self.assertEqual(row[4].rstrip(), f'"{sentence}", "{reason["help"]}")')
            one = json.loads(self.good("explain", reason["name"], "-o", "json").out)
            self.assertEqual(one, {"schema": "xdsgate.reason/1", **reason})
            self.assertNotEqual(reason["grpc_name"], "UNKNOWN")

    def test_checks_are_those_of_the_decision(self):
        rows = {reason["name"]: reason["row"] for reason in self.reasons()}
        for name, row in (("ok", None), ("request_field", 1), ("session_unsupported", 1), ("binding_node", 2),
                          ("credential_empty", 3), ("credential_base64", 3), ("alg_refused", 4), ("kid_missing", 4),
                          ("mesh_unknown", 5), ("keys_unusable", 5), ("key_unknown", 6), ("key_retired", 6),
                          ("signature_invalid", 7), ("claims_json", 8), ("claims_too_many", 8), ("expired", 9),
                          ("revoked_no_jti", 10), ("policy_exp", 11), ("policy_zone_entities", 11),
                          ("policy_no_zone", 12), ("binding_name", 12), ("binding_type", 12), ("session_duplicate", 13),
                          ("session_unsettled", 13), ("session_policy", None), ("key_file", None),
                          ("store_unreadable", None), ("busy", None), ("config_json", None), ("internal", None),
                          ("no_memory", None), ("self_test", None)):
            self.assertEqual(rows[name], row, name)

    def test_checks_have_the_numbers_of_the_manual(self):
        """The table of ABI.md, row by row, names the reasons of each check; no other reason has a check."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, "plugin-api", "ABI.md"), encoding="utf-8") as file:
            rows = re.findall(r"(?m)^\| (\d+) \| .* \| ([^|]+) \| [^|]+ \|$", file.read())
        manual = {}
        for row, text in rows[:13]:
            text = re.sub(r"\(.*?\)", "", text)
            for first, last in re.findall(r"(\d{3})(?: to (\d{3}))?", text):
                manual.update({number: int(row) for number in range(int(first), int(last or first) + 1)})
        self.assertEqual([int(row) for row, _ in rows[:13]], list(range(1, 14)))
        manual[100] = 1  # in front of the table: the size of the request
        found = {reason["number"]: reason["row"] for reason in self.reasons() if reason["row"] is not None}
        self.assertEqual(found, manual)

    def test_peer_hears_a_constant_or_nothing(self):
        heard = {reason["name"]: reason["peer_hears"] for reason in self.reasons()}
        self.assertEqual(set(heard.values()), {None, "authentication failed"})
        for name in ("ok", "key_file", "config_member", "busy"):
            self.assertIsNone(heard[name])
        for name in ("expired", "binding_name", "internal", "credential_empty"):
            self.assertIsNotNone(heard[name])

    def test_list_is_a_table(self):
        lines = self.good("explain").out.splitlines()
        self.assertEqual(lines[0].split(), ["NUMBER", "NAME", "CLASS", "CHECK", "GRPC"])
        self.assertEqual(len(lines), 1 + len(self.reasons()))
        self.assertIn(["501", "binding_name", "binding", "12", "PERMISSION_DENIED"], [line.split() for line in lines])
        self.assertTrue(self.good("explain", "0", "-o", "yaml").out.startswith('schema: "xdsgate.reason/1"\n'))

    def test_what_is_no_reason_gets_the_nearest(self):
        for code, near in (("binding_nam", "binding_name"), ("expird", "expired"), ("revoked", "revoked_jti"),
                           ("mesh_wide", "policy_mesh_wide"), ("signature", "signature_length, signature_invalid"),
                           ("Expired", "expired")):
            self.refused(USAGE, [f"no reason is called '{code}'", "did you mean ", near], "explain", code)
        for code in ("999", "1", "0501", "-1", "1000", "99999999999999999999", "zzz", ""):
            self.refused(USAGE, [f"no reason is called '{code}'", "'xdsgate explain' lists every reason"], "explain",
                         "--", code)
        self.refused(USAGE, ["invalid --output value", "table, json, yaml"], "explain", "501", "-o", "token")
        self.refused(USAGE, "more than one CODE", "explain", "501", "502")


class ConfigCheck(LookCase):
    def setUp(self):
        super().setUp()
        self.base = ["config", "check", "--plugin", PLUGIN]

    def text(self, **members):
        return json.dumps({"store": self.path("store"), **members})

    def members(self, text, *args):
        document = json.loads(self.good(*(args or self.base), "-o", "json", stdin=text.encode()).out)
        self.assertEqual(document["schema"], "xdsgate.config-check/1")
        return document["plugin_asked"], {m["member"]: (m["value"], m["from"]) for m in document["members"]}

    def test_members_are_what_file_profile_and_defaults_make_them(self):
        _, members = self.members(self.text())
        for name, value in (("store", (self.path("store"), "file")), ("store_poll_seconds", ("10", "default")),
                            ("profile", ("strict", "default")), ("switches.tag_source", ("union", "profile")),
                            ("switches.zone_entities", ("true", "profile")), ("zone", ("", "default")),
                            ("legacy_zone_tokens", ("warn", "default")), ("allow_mesh_wide", ("false", "default")),
                            ("legacy_zone_tokens_deny_after", ("never", "default")), ("limits.kid_bytes", ("63", "default")),
                            ("leeway_seconds", ("0", "default")), ("limits.meshes", ("100000", "default"))):
            self.assertEqual(members[name], value)
        _, members = self.members(self.text(
            profile="kuma-3.0", zone="east", limits={"kid_bytes": 9}, switches={"exp_required": True},
            legacy_zone_tokens="deny", legacy_zone_tokens_deny_after="2027-01-01T00:00:00Z", leeway_seconds=60))
        for name, value in (("profile", ("kuma-3.0", "file")), ("zone", ("east", "file")),
                            ("switches.tag_source", ("labels", "profile")), ("switches.exp_required", ("true", "file")),
                            ("switches.zone_entities", ("false", "profile")), ("limits.kid_bytes", ("9", "file")),
                            ("legacy_zone_tokens", ("deny", "file")), ("leeway_seconds", ("60", "file")),
                            ("legacy_zone_tokens_deny_after", ("2027-01-01T00:00:00Z", "file"))):
            self.assertEqual(members[name], value)

    def test_every_member_of_the_manual_is_shown(self):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, "plugin-api", "ABI.md"), encoding="utf-8") as file:
            manual = file.read()
        _, members = self.members(self.text())
        self.assertGreater(len(members), 20)
        for member in members:
            self.assertIn(f"`{member.rsplit('.', maxsplit=1)[-1]}`", manual)

    def test_table_for_people(self):
        self.write("config.json", self.text(zone="east"))
        answer = self.good(*self.base, "config.json")
        rows = [line.split() for line in answer.out.splitlines()]
        self.assertEqual(rows[0], ["MEMBER", "VALUE", "FROM"])
        self.assertIn(["zone", "east", "file"], rows)
        self.assertEqual(answer.out.splitlines()[-1], "The plugin accepts the configuration and has read the store.")

    def test_without_a_plugin_the_store_is_read_all_the_same(self):
        program = shutil.copy(CLI, self.path("alone"))
        answer = self.good("config", "check", stdin=self.text().encode(), program=program)
        self.assertIn("The store can be read. No plugin was found to ask: --plugin PATH names one.", answer.out)
        bad = json.dumps({"store": self.path("token")}).encode()
        self.refused(CONFIG, ["the store of the configuration cannot be read", "store_unreadable"], "config", "check",
                     stdin=bad, program=program)
        self.write("store/meshes/m2/keys/1.pem", "no key\n")
        answer = self.run_cli("config", "check", stdin=self.text().encode(), program=program)
        self.assertEqual(answer.code, DONE)
        self.assertIn("warning: ", answer.err)

    def test_misspelt_members_get_the_nearest(self):
        for members, near in (({"limi": {}}, "limits"), ({"zoen": "a"}, "zone"), ({"profil": "strict"}, "profile"),
                              ({"limits": {"kid_byte": 1}}, "kid_bytes"),
                              ({"limits": {}, "switches": {"exp_requird": True}}, "exp_required"),
                              ({"leeway_second": 1}, "leeway_seconds")):
            self.refused(CONFIG, ["config_member", "where: stdin", "is not a known member", f"did you mean '{near}'?"],
                         *self.base, stdin=self.text(**members).encode())
        for members in ({"frobnicate": 1}, {"limits": {"zone": 1}}, {"switches": {"limits": {}}}, {"kid_bytes": 1}):
            self.refused(CONFIG, ["config_member", "is not a known member", "ABI.md lists the members"], *self.base,
                         stdin=self.text(**members).encode())

    def test_what_the_plugin_would_refuse_is_refused(self):
        for text, texts in (
                ("", ["config_json", "one JSON object"]), ("{", ["config_json"]), ("[]", ["config_json"]),
                ('{"a":1,"a":1}', ["config_json"]), ("{}", ["'store' is missing"]),
                ('{"store":"store"}', ["absolute path", "'store'"]),
                (self.text(profile="kuma-9"), ["'profile': expected", "kuma-2.14"]),
                (self.text(leeway_seconds=61), ["expected an integer from 0 to 60, found 61"]),
                (self.text(limits=1), ["'limits': expected an object"]),
                (self.text(switches={"exp_required": 1}), ["switches: 'exp_required': expected true or false"]),
                (self.text(limits={"kid_bytes": 64}), ["limits: 'kid_bytes': expected an integer from 1 to 63"]),
                ('{"store":"/","zone":"\\u0000"}', ["config_json"]), (self.text() + "\0", ["config_json"])):
            self.refused(CONFIG, ["the configuration cannot be used", "where: bad.json", *texts], *self.base,
                         self.write("bad.json", text) and "bad.json")
        self.refused(CONFIG, "the plugin refused", *self.base, stdin=json.dumps({"store": self.path("token")}).encode())
        self.refused(CONFIG, "the plugin refused", *self.base, stdin=json.dumps({"store": "/absent"}).encode())
        self.refused(CONFIG, "the plugin cannot be loaded", "config", "check", "--plugin", "absent.so",
                     stdin=self.text().encode())
        self.refused(IO, ["cannot read the configuration", "absent"], *self.base, "absent")
        self.refused(USAGE, ["invalid --output value", "table, json, yaml"], *self.base, "-o", "xml")
        self.refused(USAGE, "more than one FILE", *self.base, "a", "b")

    def test_a_broken_set_is_reported_and_the_configuration_is_good(self):
        self.write("store/meshes/m2/keys/1.pem", "no key\n")
        answer = self.run_cli(*self.base, stdin=self.text().encode())
        self.assertEqual(answer.code, DONE)
        self.assertIn("warning: ", answer.err)
        self.assertIn("m2", answer.err)


if __name__ == "__main__":
    main()
