# SPDX-License-Identifier: Apache-2.0
"""xdsgate ledger: what was minted, for people, for scripts and for spreadsheets. How the ledger keeps it is tested
beside the ledger; here it is what is shown of it, and what is said when it cannot be."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from cli_support import DENIED, DONE, IO, NOBODY, NOW, USAGE, CliTest, lines, main

TOOL = os.environ["XG_LEDGER_TOOL"]
KEY_B = "b" * 64
DIGEST = "0123456789abcdef" * 4
DAY = 86400
UUID = "7f9b2c1e-3f0d-4f53-9d3c-2b7d5f1f8a10"
TAGS = '{"kuma.io/service":["web","api"]}'
CLAIMS = '{"Name":"web-1","Mesh":"m1","Tags":{"kuma.io/service":["web","api"]}}'

# What stands in the ledger of most tests. Every entry differs from its neighbours.
ENTRIES = (
    ["jti=" + UUID, "mesh=m1", "name=web-1", "workload=web", "tags=" + TAGS, "claims=" + CLAIMS,
     f"expires_at={NOW + 3600}"],
    ["jti=two", "mesh=m1", "name=web-2", "kid=2", "key=" + KEY_B, "fingerprint=" + "c" * 64, f"expires_at={NOW + 30 * DAY}"],
    ["jti=three", "mesh=m2", "workload=zone-proxy-m2-ingress", "origin=manifest:east", f"expires_at={NOW}"],
    ["jti=four", "purpose=zone", "zone=east", "origin=generate", f"expires_at={NOW + 7 * DAY}"],
    ["jti=five", "purpose=zone", "zone=west", f"expires_at={NOW + 7 * DAY + 1}"],
    ["jti=two", "mesh=m1", f"expires_at={NOW - 100000}"],
)
NAMES = [UUID, "two", "three", "four", "five", "two"]

MEMBERS = ["id", "jti", "kid", "purpose", "mesh", "zone", "name", "workload", "tags", "origin", "state", "minted_at",
           "minted_unix", "issued_at", "issued_unix", "expires_at", "expires_unix", "key", "fingerprint", "claims"]
FIRST = {
    "id": 1, "jti": UUID, "kid": "1", "purpose": "dataplane", "mesh": "m1", "zone": "", "name": "web-1",
    "workload": "web", "tags": TAGS, "origin": "mint", "state": "live", "minted_at": "2027-01-15T08:00:00Z",
    "minted_unix": NOW, "issued_at": "2027-01-15T07:59:55Z", "issued_unix": NOW - 5,
    "expires_at": "2027-01-15T09:00:00Z", "expires_unix": NOW + 3600, "key": "a" * 64, "fingerprint": DIGEST,
    "claims": CLAIMS}

VERBS = (["list"], ["show", UUID], ["expiring"], ["export", "--format", "csv"], ["export", "--format", "jsonl"])
PLACE = ["--authority", "authority"]
AT = ["--now", str(NOW)]


class LedgerCase(CliTest):
    @classmethod
    def setUpClass(cls):  # no keys are needed: the ledger is filled by a tool
        cls.seed = tempfile.mkdtemp(prefix="xdsgate-cli-")
        for name in ("authority", "store"):
            os.mkdir(os.path.join(cls.seed, name), 0o700)

    def setUp(self):
        super().setUp()
        self.file = self.path("authority", "ledger.db")

    def record(self, *entries, file=None):
        """Records entries, all in one transaction."""
        words = []
        for entry in entries:
            words += ([","] if words else []) + entry
        done = subprocess.run([TOOL, file or self.file, *words], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def ledger(self, verb, *args, **options):
        return self.good("ledger", *([verb] if isinstance(verb, str) else verb), *PLACE, *AT, *args, **options)

    def no(self, code, texts, verb, *args, **options):
        return self.refused(code, texts, "ledger", *([verb] if isinstance(verb, str) else verb), *args, **options)

    def jtis(self, verb, *args):
        return [row["jti"] for row in json.loads(self.ledger(verb, *args, "-o", "json").out)["entries"]]


class Seen(LedgerCase):
    def setUp(self):
        super().setUp()
        self.record(*ENTRIES)

    def test_list_for_people(self):
        self.assertEqual(self.ledger("list", "--purpose", "zone").out.splitlines(), [
            "JTI  KID PURPOSE MESH ZONE NAME WORKLOAD EXPIRES              STATE",
            "four 1   zone    -    east -    -        2027-01-22T08:00:00Z live",
            "five 1   zone    -    west -    -        2027-01-22T08:00:01Z live"])
        self.assertEqual(self.ledger("list", "--mesh", "m2", "-o", "table").out.splitlines()[1].split(), [
            "three", "1", "dataplane", "m2", "-", "-", "zone-proxy-m2-ingress", "2027-01-15T08:00:00Z", "expired"])
        self.assertEqual(self.ledger("list", "--mesh", "m3").out, "no tokens\n")

    def test_a_document_has_every_member_and_says_its_schema(self):
        document = json.loads(self.ledger("list", "-o", "json").out)
        self.assertEqual(list(document), ["schema", "now", "entries"])
        self.assertEqual((document["schema"], document["now"]), ("xdsgate.ledger/1", NOW))
        self.assertEqual([row["jti"] for row in document["entries"]], NAMES)
        self.assertEqual(document["entries"][0], FIRST)
        for row in document["entries"]:
            self.assertEqual(list(row), MEMBERS)
        empty = json.loads(self.ledger("list", "--mesh", "m3", "-o", "json").out)
        self.assertEqual(empty, {"schema": "xdsgate.ledger/1", "now": NOW, "entries": []})

    def test_yaml_says_the_same(self):
        out = self.ledger("list", "--zone", "east", "-o", "yaml").out
        self.assertTrue(out.startswith(f'schema: "xdsgate.ledger/1"\n"now": {NOW}\nentries:\n  - "id": 4\n'))
        self.assertIn(f'    expires_unix: {NOW + 7 * DAY}\n', out)
        self.assertEqual(self.ledger("expiring", "--zone", "east", "-o", "yaml").out, out)
        self.assertEqual(self.ledger(["show", "four"], "-o", "yaml").out, out)

    def test_the_file_itself_is_as_good_as_the_authority(self):
        for verb in VERBS:
            self.assertEqual(self.good("ledger", *verb, "--ledger", "authority/ledger.db", *AT).out,
                             self.ledger(verb).out)

    def test_filters_are_exact_and_all_hold(self):
        for args, found in (
                (["--mesh", "m1"], [UUID, "two", "two"]), (["--mesh", "m"], []), (["--mesh", "M1"], []),
                (["--zone", "east"], ["four"]), (["--zone", "eas"], []),
                (["--kid", "2"], ["two"]), (["--kid", "02"], []),
                (["--workload", "web"], [UUID]), (["--workload", "we"], []),
                (["--name", "web-2"], ["two"]), (["--name", "web-%"], []),
                (["--jti", "two"], ["two", "two"]), (["--jti", "tw"], []),
                (["--purpose", "zone"], ["four", "five"]), (["--purpose", "dataplane"], [UUID, "two", "three", "two"]),
                (["--origin", "manifest:east"], ["three"]), (["--origin", "manifest"], []),
                (["--mesh", "m1", "--kid", "1"], [UUID, "two"]), (["--mesh", "m2", "--kid", "2"], []),
                (["--mesh", "m1' OR '1' = '1"], []),
                (["--live"], [UUID, "two", "four", "five"]), (["--live", "--mesh", "m2"], []),
                (["--limit", "2"], ["two", "five"]), (["--limit", "9"], NAMES[::-1]),
                (["--limit", "1", "--mesh", "m1", "--live"], ["two"])):
            self.assertEqual(self.jtis("list", *args), found, args)

    def test_the_second_of_exp_is_no_longer_live(self):
        for now, found in ((NOW - 1, ["three"]), (NOW, []), (NOW + 1, [])):
            out = self.good("ledger", "list", *PLACE, "--live", "--mesh", "m2", "--now", str(now), "-o", "json").out
            self.assertEqual([row["jti"] for row in json.loads(out)["entries"]], found)

    def test_now_is_the_clock_unless_it_is_said(self):
        state = json.loads(self.good("ledger", "list", *PLACE, "--jti", "three", "-o", "json").out)
        self.assertGreater(state["now"], 1700000000)

    def test_show_every_column_and_what_is_left(self):
        self.assertEqual(self.ledger(["show", UUID]).out.splitlines(), [
            "jti:       " + UUID, "kid:       1", "purpose:   dataplane", "mesh:      m1", "zone:      -",
            "name:      web-1", "workload:  web", "tags:      " + TAGS, "origin:    mint",
            "minted:    2027-01-15T08:00:00Z", "issued:    2027-01-15T07:59:55Z", "expires:   2027-01-15T09:00:00Z",
            "key:       " + "a" * 64, "SHA-256:   " + DIGEST, "claims:    " + CLAIMS,
            "state:     live, expires in 1h 0m"])
        document = json.loads(self.ledger(["show", UUID], "-o", "json").out)
        self.assertEqual(document, {"schema": "xdsgate.ledger/1", "now": NOW, "entries": [FIRST]})

    def test_show_says_how_far_the_end_is(self):
        for now, text in (
                (NOW, "live, expires in 1h 0m"), (NOW + 1, "live, expires in 59m 59s"),
                (NOW + 3599, "live, expires in 0m 1s"), (NOW + 3600, "expired 0m 0s ago"),
                (NOW + 3661, "expired 1m 1s ago"), (NOW + 3600 + 26 * 3600, "expired 1d 2h ago"),
                (1, "live, expires in 20833d 8h")):
            out = self.good("ledger", "show", UUID, *PLACE, "--now", str(now)).out
            self.assertEqual(out.splitlines()[-1], "state:     " + text)

    def test_show_both_when_two_keys_signed_one_jti(self):
        out = self.ledger(["show", "two"]).out
        self.assertEqual([line.split()[1] for line in out.splitlines() if line.startswith("kid:")], ["2", "1"])
        self.assertIn("\n\njti:", out)
        self.assertEqual(self.jtis(["show", "two"]), ["two", "two"])

    def test_expiring_is_what_lives_and_ends_soon_the_next_first(self):
        for args, found in (
                ([], [UUID, "four"]), (["--within", "7d"], [UUID, "four"]), (["--within", "168h"], [UUID, "four"]),
                (["--within", "168h0m1s"], [UUID, "four", "five"]), (["--within", "1h"], [UUID]),
                (["--within", "59m59s"], []), (["--within", "1h0m0.9s"], [UUID]),
                (["--within", "30d"], [UUID, "four", "five", "two"]),
                (["--within", "106751d"], [UUID, "four", "five", "two"]),
                (["--within", "30d", "--limit", "2"], [UUID, "four"]),
                (["--within", "30d", "--mesh", "m1"], [UUID, "two"]), (["--mesh", "m2"], []),
                (["--origin", "generate"], ["four"])):
            self.assertEqual(self.jtis("expiring", *args), found, args)
        self.assertEqual(self.ledger("expiring").out.splitlines()[1].split()[0], UUID)
        self.assertEqual(self.ledger("expiring", "--within", "1s").out, "no token expires in that time\n")

    def test_expiring_checks_when_asked(self):
        for args, code in ((["--within", "1h"], DENIED), (["--within", "59m"], DONE)):
            answer = self.run_cli("ledger", "expiring", *PLACE, *AT, "--check", *args)
            self.assertEqual((answer.code, answer.err), (code, ""))
            self.assertEqual(answer.out, self.ledger("expiring", *args).out)

    def test_the_end_of_time_is_within_reach_of_no_overflow(self):
        answer = self.good("ledger", "expiring", *PLACE, "--now", str(2**63 - 1), "--within", "1d")
        self.assertEqual(answer.out, "no token expires in that time\n")

    def test_export_jsonl_is_a_document_in_each_line(self):
        rows = lines(self.ledger(["export", "--format", "jsonl"]))
        self.assertEqual(rows[0], {"schema": "xdsgate.ledger.entry/1", **FIRST})
        self.assertEqual([row["jti"] for row in rows], NAMES)
        self.assertEqual(list(rows[5]), ["schema", *MEMBERS])
        self.assertEqual(self.ledger(["export", "--format", "jsonl"], "--mesh", "m3").out, "")

    def test_export_csv_is_read_by_others(self):
        out = self.ledger(["export", "--format", "csv"]).raw.decode()
        rows = list(csv.reader(io.StringIO(out, newline=""), strict=True))
        self.assertEqual(rows[0], MEMBERS)
        self.assertEqual(rows[1], [str(FIRST[name]) for name in MEMBERS])
        self.assertEqual([row[1] for row in rows[1:]], NAMES)
        self.assertTrue(out.endswith("\r\n"))
        self.assertEqual(out.count("\r\n"), out.count("\n"))
        self.assertEqual(self.ledger(["export", "--format", "csv"], "--mesh", "m3").out, ",".join(MEMBERS) + "\r\n")

    def test_export_takes_the_filters(self):
        for args, found in ((["--live"], [UUID, "two", "four", "five"]), (["--mesh", "m2"], ["three"]),
                            (["--limit", "1"], ["two"])):
            self.assertEqual([row["jti"] for row in lines(self.ledger(["export", "--format", "jsonl"], *args))], found)


class Bytes(LedgerCase):
    def test_no_cell_is_a_formula(self):
        hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"x\",\"y\")"]
        harmless = ["1=1", "a-b", "'=1", " =1", "web"]
        self.record(*(["jti=" + text, "name=" + text] for text in hostile + harmless))
        out = self.ledger(["export", "--format", "csv"]).out
        rows = list(csv.DictReader(io.StringIO(out, newline=""), strict=True))
        self.assertEqual([row["name"] for row in rows], ["'" + text for text in hostile] + harmless)
        self.assertEqual([row["jti"] for row in rows], ["'" + text for text in hostile] + harmless)
        exact = lines(self.ledger(["export", "--format", "jsonl"]))
        self.assertEqual([row["name"] for row in exact], hostile + harmless)

    def test_quotes_and_commas_stay_in_their_cell(self):
        names = ['a,b', 'a"b', '"', ',', '""', 'ä,ö']
        self.record(*(["jti=" + name, "name=" + name] for name in names))
        out = self.ledger(["export", "--format", "csv"]).raw.decode()
        rows = list(csv.DictReader(io.StringIO(out, newline=""), strict=True))
        self.assertEqual([row["name"] for row in rows], names)

    def test_nothing_steers_the_terminal(self):
        self.record(["jti=a\u009b2Jb", "name=\u202eevil"])
        for verb in ("list", "expiring", ["show", "a\u009b2Jb"]):
            for output in ("table", "json", "yaml"):
                out = self.ledger(verb, "-o", output).raw
                self.assertNotIn("\u009b".encode(), out)
        self.assertIn("jti:       a\\xc2\\x9b2Jb\n", self.ledger(["show", "a\u009b2Jb"]).out)

    def test_long_claims_are_shown_whole(self):
        claims = '{"Name":"' + "x" * 5000 + '"}'
        self.record(["jti=a", "claims=" + claims])
        self.assertIn("claims:    " + claims + "\n", self.ledger(["show", "a"]).out)
        self.assertEqual(lines(self.ledger(["export", "--format", "jsonl"]))[0]["claims"], claims)

    def test_thousands(self):
        self.record(["jti=many", "times=3000"])
        self.assertEqual(len(self.jtis("list")), 3000)
        self.assertEqual(self.jtis("list", "--limit", "2"), ["many-2999", "many-2998"])


class Refused(LedgerCase):
    def setUp(self):
        super().setUp()
        self.record(*ENTRIES)

    def test_where_the_ledger_is_has_to_be_said_once(self):
        for verb in VERBS:
            self.no(USAGE, ["--authority or --ledger is required", "help: the ledger of an authority is"], verb)
            self.no(USAGE, ["--authority and --ledger exclude each other"], verb, *PLACE, "--ledger", self.file)
            self.no(USAGE, "--authority is empty", verb, "--authority", "")
            self.no(USAGE, "--ledger is empty", verb, "--ledger", "")
            self.no(USAGE, "--ledger was given twice", verb, "--ledger", "a", "--ledger", "b")
            self.no(USAGE, "--ledger: that is a token, not a file", verb, "--ledger", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln")

    def test_a_ledger_that_is_not_there_is_not_an_empty_one(self):
        os.mkdir(self.path("other"), 0o700)
        for verb in VERBS:
            for args, where in ((["--authority", "other"], "other/ledger.db"),
                                (["--authority", "nowhere"], "nowhere/ledger.db"),
                                (["--ledger", "authority/ledger"], "authority/ledger")):
                self.no(IO, ["there is no ledger\n", f"where: {where}\n", "help: check the path"], verb, *args)
            self.no(IO, "cannot open the ledger: File name too long", verb, "--ledger", "authority/" + "x" * 300)
            self.no(USAGE, "cannot open the ledger: File name too long", verb, "--authority", "x" * 5000)

    def test_a_time_that_is_none(self):
        for verb in VERBS:
            for now in ("", "0", "-1", "x", "2027-01-15", "1e9", "9223372036854775808", " 1"):
                self.no(USAGE, ["--now is not a time after 1970 began", "like 1767323045"], verb, *PLACE, "--now", now)

    def test_filters_that_are_none(self):
        flags = ("mesh", "zone", "kid", "workload", "name", "jti", "purpose", "origin")
        for verb in (VERBS[0], *VERBS[2:]):
            for flag in flags:
                self.no(USAGE, [f"--{flag} is empty", "help: leave it out to see all"], verb, *PLACE, f"--{flag}", "")
            self.no(USAGE, "--mesh holds control bytes or is not UTF-8", verb, *PLACE, "--mesh", "m\n1")
            self.no(USAGE, "--name holds control bytes or is not UTF-8", verb, *PLACE, "--name", b"\xff")
            self.no(USAGE, "--jti is longer than 4096 bytes", verb, *PLACE, "--jti", "x" * 4097)
            self.no(USAGE, ["unknown --purpose 'zones'", "did you mean 'zone'?"], verb, *PLACE, "--purpose", "zones")
            self.no(USAGE, ["unknown --purpose 'Zone'", "did you mean 'zone'?"], verb, *PLACE, "--purpose", "Zone")
            self.no(USAGE, ["unknown --purpose 'both'", "for a dataplane or for a zone"], verb, *PLACE,
                    "--purpose", "both")
            for limit in ("", "0", "-1", "1.5", "ten", "9223372036854775808"):
                self.no(USAGE, ["--limit is not a number of tokens", "a whole number from 1"], verb, *PLACE,
                        "--limit", limit)

    def test_formats_that_are_none(self):
        for verb in ("list", "expiring", ["show", UUID]):
            for output in ("csv", "token", "JSON", ""):
                self.no(USAGE, ["invalid --output value", "formats of this command: table, json, yaml"], verb, *PLACE,
                        "-o", output)
        self.no(USAGE, "--format is required", "export", *PLACE)
        for given, near in (("cvs", "csv"), ("CSV", None), ("json", "jsonl"), ("jsonlines", None), ("", None)):
            help_text = f"did you mean '{near}'?" if near else "formats of this command: csv, jsonl"
            self.no(USAGE, [f"unknown --format '{given}'", help_text], "export", *PLACE, "--format", given)

    def test_durations_that_are_none(self):
        for within in ("", "7", "x", "1 d", "1w", "999999999999h"):
            self.no(USAGE, ["--within is not a duration", "like 12h, 1h30m or 90d"], "expiring", *PLACE,
                    "--within", within)
        for within in ("0", "-1d", "999ms", "0s"):
            self.no(USAGE, ["--within is shorter than a second", "shows what has expired"], "expiring", *PLACE,
                    "--within", within)

    def test_a_jti_that_is_none(self):
        self.no(USAGE, "JTI is missing", "show", *PLACE)
        self.no(USAGE, "JTI is empty", ["show", ""], *PLACE)
        self.no(USAGE, "JTI holds control bytes or is not UTF-8", ["show", "a\tb"], *PLACE)
        self.no(USAGE, "JTI holds control bytes or is not UTF-8", ["show", b"\xff"], *PLACE)
        self.no(USAGE, "more than one JTI", ["show", "a", "b"], *PLACE)
        self.no(USAGE, "JTI: that is a token", ["show", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"], *PLACE)

    def test_an_unknown_jti_gets_the_near_ones(self):
        for jti, near in (
                (UUID[:8], f"did you mean '{UUID}'?"), (UUID[:-1] + "1", f"did you mean '{UUID}'?"),
                ("tree", "did you mean 'three'?"), ("fuor", "did you mean 'four'?"),
                ("frobnicate", "see 'xdsgate ledger list'; a token that another tool minted is not in it"),
                ("t", "see 'xdsgate ledger list'")):
            self.no(DENIED, [f"no token with jti '{jti}' is in the ledger\n", "where: authority/ledger.db\n",
                             "help: " + near], ["show", jti], *PLACE)
        self.record(*(["jti=near-" + letter] for letter in "abcd"))
        self.no(DENIED, "did you mean 'near-a', 'near-b', 'near-c'?\n", ["show", "near"], *PLACE)

    def test_words_that_belong_to_no_verb(self):
        self.no(USAGE, "unknown flag --live", ["show", UUID], *PLACE, "--live")
        self.no(USAGE, "unknown flag --live", "expiring", *PLACE, "--live")
        self.no(USAGE, "unexpected argument", "list", *PLACE, "m1")
        self.no(USAGE, "'xdsgate ledger' needs a verb", [])
        self.no(USAGE, ["unknown command 'ledger lst'", "did you mean 'xdsgate ledger list'?"], "lst")
        self.refused(USAGE, ["unknown command 'leger'", "did you mean 'xdsgate ledger'?"], "leger", "list")

    def test_output_that_cannot_be_written(self):
        for verb in VERBS:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([os.environ["XG_CLI"], "ledger", *verb, *PLACE, *AT], cwd=self.dir, stdout=full,
                                      stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, IO)
            self.assertIn(b"error: cannot write the output: No space left on device", done.stderr)


class Spoiled(LedgerCase):
    """A file that cannot be trusted is refused by every verb, in the same words, and stays as it is."""

    holder = None

    def setUp(self):
        super().setUp()
        self.addCleanup(self.let_go)
        self.record(*ENTRIES)

    def sql(self, text):
        with sqlite3.connect(self.file) as connection:
            connection.executescript(text)
        connection.close()

    def all_refuse(self, texts, *args, **options):
        for verb in VERBS:
            self.no(IO, texts, verb, *(args or PLACE), **options)

    def test_links(self):
        os.symlink("ledger.db", self.path("authority", "link"))
        self.all_refuse(["the ledger is a symbolic link\n", "where: authority/link\n",
                         "help: give the file itself: links are not followed"], "--ledger", "authority/link")
        os.rename(self.file, self.path("authority", "real"))
        os.symlink("real", self.file)
        self.all_refuse("the ledger is a symbolic link\n")

    def test_what_is_no_file(self):
        os.mkdir(self.path("authority", "dir"))
        os.mkfifo(self.path("authority", "fifo"))
        for name in ("dir", "fifo", "", "."):
            self.all_refuse(["the ledger is not a regular file", "give the path of a file"], "--ledger",
                            "authority/" + name)

    def test_modes(self):
        for mode in (0o640, 0o604, 0o620, 0o602, 0o666):
            os.chmod(self.file, mode)
            self.all_refuse(["the ledger is open to group or others", f"note: its mode is {mode:o}\n",
                             "help: close it: chmod 600 FILE"])

    def test_modes_of_the_directory(self):
        for mode in (0o770, 0o702, 0o1777):
            os.chmod(self.path("authority"), mode)
            self.all_refuse(["others can write to the directory of the ledger", f"note: its mode is {mode:o}\n",
                             "help: close it: chmod 700 DIR"])

    def test_owners(self):
        if os.geteuid() != 0:
            self.all_refuse("the ledger belongs to another user", "--ledger", "/etc/passwd")
            return
        os.chown(self.file, NOBODY, NOBODY)
        self.all_refuse(["the ledger belongs to another user", "note: expected uid 0, found 65534"])
        os.chown(self.path("authority"), NOBODY, NOBODY)
        self.all_refuse(["the directory of the ledger belongs to another user", "note: expected uid 0, found 65534"])

    def test_unreadable_to_us(self):
        """Neither the file nor the directory can be opened, by somebody without privileges."""
        options = self.as_nobody()
        self.addCleanup(os.chmod, self.path("authority"), 0o700)
        for file_mode, mode, texts in (
                (0o200, 0o700, ["cannot open the ledger: unable to open database file",
                                "where: authority/ledger.db\n", "note: the system says: Permission denied"]),
                (0o600, 0o600, ["cannot open the ledger: Permission denied", "where: authority/ledger.db\n"]),
                (0o600, 0o000, ["cannot open the directory of the ledger: Permission denied"])):
            os.chmod(self.path("authority"), 0o700)
            os.chmod(self.file, file_mode)
            os.chmod(self.path("authority"), mode)
            for verb in VERBS:
                answer = self.run_cli("ledger", *verb, *PLACE, **options)
                self.assertEqual((answer.code, answer.out), (IO, ""))
                for text in texts:
                    self.assertIn(text, answer.err)

    def test_a_directory_that_cannot_be_written_can_be_read(self):
        options = self.as_nobody()
        os.chmod(self.file, 0o400)
        os.chmod(self.path("authority"), 0o500)
        self.addCleanup(os.chmod, self.path("authority"), 0o700)
        for verb in VERBS:
            answer = self.ledger(verb, **options)
            self.assertIn(UUID, answer.out)

    def test_what_is_no_ledger(self):
        self.write("authority/text", "x" * 4096)
        self.write("authority/short", "SQLite")
        for name in ("text", "short"):
            self.all_refuse(["this is not a ledger\n", "note: expected an SQLite file"], "--ledger",
                            "authority/" + name)
        self.write("authority/empty", "")
        self.all_refuse(["the ledger is empty\n", "note: a ledger gets its name when its tables stand",
                         "help: take it from a backup"], "--ledger", "authority/empty")
        with sqlite3.connect(self.write("authority/other", "")) as connection:
            connection.execute("CREATE TABLE mint (id)")
        connection.close()
        self.all_refuse(["this is not a ledger\n", "note: it is an SQLite file of another program"], "--ledger",
                        "authority/other")

    def test_newer(self):
        self.sql("PRAGMA user_version = 2")
        self.all_refuse(["the ledger was made by a newer xdsgate\n", "note: its version is 2; this program knows 1\n",
                         "help: use that xdsgate"])

    def test_changed_tables(self):
        for change, note in (("CREATE INDEX extra ON mint (tags)", "found 5 and 1 of others"),
                             ("DROP INDEX extra; DROP INDEX mint_expires", "found 4 and 0 of others"),
                             ("CREATE INDEX mint_expires ON mint (kid, jti)", "found 4 and 1 of others")):
            self.sql(change)
            self.all_refuse(["the ledger is damaged\n", note, "help: take it from a backup"])

    def test_cut_and_overwritten(self):
        with open(self.file, "rb") as file:
            whole = file.read()
        page = 4096
        for spoiled in (whole[:page], whole[:-page], whole[:-5000], whole[:page] + b"\xa5" * page + whole[2 * page:]):
            self.write("authority/ledger.db", spoiled)
            self.all_refuse("error: the ledger is damaged\n")

    def test_an_index_that_tells_less_than_the_table(self):
        """What a filter would not find: only the check of the whole file sees it."""
        self.sql("PRAGMA writable_schema = ON;"
                 "UPDATE sqlite_schema SET sql = 'CREATE INDEX mint_expires ON mint (expires_at) WHERE 0' "
                 "WHERE name = 'mint_expires'")
        self.sql("REINDEX mint_expires; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET "
                 "sql = 'CREATE INDEX mint_expires ON mint (expires_at)' WHERE name = 'mint_expires'")
        self.all_refuse(["the ledger is damaged\n", "note: row 1 missing from index mint_expires"])

    def test_a_row_with_what_no_mint_wrote(self):
        self.sql("UPDATE mint SET name = char(27) || '[2J' WHERE id = 1")
        self.all_refuse(["the ledger is damaged\n", "note: the name of entry 1 is not what a ledger holds"], *PLACE,
                        *AT)

    def hold(self, statement):
        """Another process runs the statement on the ledger and stays there, in place of the one before it. In this
        process the lock would go with the first look at the file."""
        if self.holder is not None:
            self.holder.communicate(timeout=60)
        self.holder = subprocess.Popen(
            [sys.executable, "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
             "c.execute(sys.argv[2]); print(flush=True); sys.stdin.read()", self.file, statement],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(self.holder.stdout.readline(), b"\n")

    def let_go(self):
        if self.holder is not None:
            self.holder.communicate(timeout=60)

    def test_in_use(self):
        self.hold("BEGIN IMMEDIATE")  # somebody mints: looking goes on
        self.assertEqual(self.jtis("list"), NAMES)
        self.hold("BEGIN EXCLUSIVE")
        self.no(IO, ["cannot open the ledger: another process is using the ledger\n", "note: waited 5 seconds for it",
                     "help: try again when the other has finished"], "list", *PLACE)
        self.hold("SELECT 1")
        self.assertEqual(self.jtis("list"), NAMES)

    def test_an_interrupted_mint_is_undone_by_who_looks_next(self):
        """The journal of a process that died, as the kill left it."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE mint SET mesh = 'm9'")
        connection.executemany("INSERT INTO signing_key VALUES ('zone', ?, ?, 1, 1)",
                               ((str(i), "c" * 64) for i in range(2000)))
        journal = self.file + "-journal"
        self.assertGreater(os.path.getsize(journal), 512)
        os.mkdir(self.path("copy"), 0o700)
        for suffix in ("", "-journal"):
            shutil.copy(self.file + suffix, self.path("copy", "ledger.db" + suffix))
        connection.execute("ROLLBACK")
        connection.close()
        out = self.good("ledger", "list", "--authority", "copy", *AT, "-o", "json").out
        self.assertEqual(out, self.ledger("list", "-o", "json").out)
        self.assertFalse(os.path.exists(self.path("copy", "ledger.db-journal")))


if __name__ == "__main__":
    main()
