# SPDX-License-Identifier: Apache-2.0
"""xdsgate doctor: every fault that it knows is found, named with what to do, and left as it is."""

import json
import os
import shutil

from cli_support import DENIED, DONE, IO, NOBODY, USAGE, CliTest, main, tree

PLACES = ["--store", "store", "--authority", "authority"]


class DoctorTest(CliTest):
    def look(self, *args, code=DONE, **options):
        """The rows of a run that must end with code and must change nothing."""
        before = tree(self.dir)
        answer = self.run_cli("doctor", "-o", "json", *(args or PLACES), **options)
        self.assertEqual((answer.code, answer.err), (code, ""), answer.out)
        self.assertEqual(tree(self.dir), before)
        document = json.loads(answer.out)
        self.assertEqual(document["schema"], "xdsgate.doctor/1")
        rows = document["checks"]
        for state, name in (("ok", "ok"), ("warn", "warnings"), ("FAIL", "failures")):
            self.assertEqual(document[name], [row["state"] for row in rows].count(state))
        self.assertEqual(code == DENIED, document["failures"] > 0)
        return rows

    def finds(self, state, check, texts, *args, **options):
        """One row of the check says all of texts, and nothing else is FAIL unless state is."""
        rows = self.look(*args, code=DENIED if state == "FAIL" else DONE, **options)
        texts = [texts] if isinstance(texts, str) else texts
        found = [row for row in rows if row["check"] == check and row["state"] == state]
        for row in found:
            words = " ".join(str(row[name]) for name in ("where", "found", "help"))
            if all(text in words for text in texts):
                return
        self.fail(f"{state} {check}: {texts} not in {json.dumps(rows, indent=1)}")


class Whole(DoctorTest):
    def test_all_is_well_with_what_key_new_makes(self):
        rows = self.look()
        checks = {row["check"]: row["state"] for row in rows}
        for check in ("authority directory", "store directory", "keys and lists load", "revocation lists",
                      "halves of keys", "clock"):
            self.assertEqual(checks[check], "ok", check)
        self.assertLessEqual({"clock synchronised", "locked memory", "core dumps"}, set(checks))
        self.assertIn("4 pairs belong together", [row["found"] for row in rows])

    def test_only_what_is_named_is_looked_at(self):
        self.assertEqual({row["check"] for row in self.look("--store", "store")} &
                         {"authority directory", "halves of keys", "configuration"}, set())
        self.assertEqual({row["check"] for row in self.look("--authority", "authority")} &
                         {"store directory", "halves of keys", "keys and lists load"}, set())

    def test_table_and_yaml_say_the_same(self):
        table = self.good("doctor", *PLACES).out.splitlines()
        self.assertEqual(table[0].split()[:3], ["STATE", "CHECK", "WHERE"])
        self.assertTrue(all(line.split()[0] in ("ok", "warn") for line in table[1:]))
        self.assertTrue(self.good("doctor", *PLACES, "-o", "yaml").out.startswith('schema: "xdsgate.doctor/1"\n'))

    def test_places_that_are_not_there(self):
        self.finds("FAIL", "store directory", ["nowhere", "No such file"], "--store", "nowhere")
        self.finds("FAIL", "keys and lists load", ["nowhere", "cannot be opened"], "--store", "nowhere")
        self.finds("FAIL", "authority directory", ["nowhere", "No such file"], "--authority", "nowhere")

    def test_flags_are_refused(self):
        self.refused(USAGE, "invalid --output value", "doctor", "-o", "token")
        self.refused(IO, "cannot read the configuration", "doctor", "--config", "nowhere")

    def test_configuration_is_read_as_the_plugin_reads_it(self):
        store = self.path("store")
        self.write("config.json", json.dumps({"store": store}))
        rows = self.look("--config", "config.json")
        self.assertIn(("ok", "configuration", "profile strict"),
                      [(row["state"], row["check"], row["found"]) for row in rows])
        self.assertIn(store, [row["where"] for row in rows])
        for text, found in (('{"store": 1}', "store"), ("{", "line 1"), ('{"stor": "/x"}', "stor"), ("", "line 1")):
            self.write("config.json", text)
            self.finds("FAIL", "configuration", ["config.json", found], "--config", "config.json")


class Places(DoctorTest):
    def test_authority_that_others_can_get_into(self):
        for name, bits, what, fix in (("authority", 0o750, "mode 750", "chmod 700"),
                                      ("authority/meshes/m1", 0o711, "mode 711", "chmod 700"),
                                      ("authority/zone/1.pem", 0o640, "mode 640", "chmod 600")):
            old = os.stat(self.path(name)).st_mode
            os.chmod(self.path(name), bits)
            self.finds("FAIL", "authority directory", [name, what, fix])
            os.chmod(self.path(name), old)

    def test_authority_of_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        os.chown(self.path("authority/zone/1.pem"), NOBODY, NOBODY)
        self.finds("FAIL", "authority directory", ["authority/zone/1.pem", f"uid {NOBODY}"])

    def test_links_and_strange_files_in_the_authority(self):
        os.rename(self.path("authority/zone/1.pem"), self.path("moved.pem"))
        os.symlink("../../moved.pem", self.path("authority/zone/1.pem"))
        self.finds("FAIL", "authority directory", ["authority/zone/1.pem", "a symbolic link"])
        os.mkfifo(self.path("authority/pipe"), 0o600)
        self.finds("FAIL", "authority directory", ["authority/pipe", "neither a file nor a directory"])

    def test_names_that_do_not_belong(self):
        for name in ("authority/notes.txt", "authority/meshes/x.pem", "authority/zone/1.pem~"):
            self.write(name, "x")
            self.finds("warn", "authority directory", [name, "no part of an authority"])
            os.remove(self.path(name))
        self.write("authority/meshes/m1/.1.0123abcd", "x")
        self.finds("warn", "authority directory", "interrupted run")
        for name in ("store/README", "store/meshes/m1/revoked.bak", "store/zone/1.pem"):
            self.write(name, "x", 0o644)
            self.finds("warn", "store directory", [name, "takes no notice of it"])
            os.remove(self.path(name))
        self.write("store/zone/.revoked.lock", "")
        self.finds("warn", "store directory", ["store/zone/.revoked.lock", "interrupted run"])
        self.write("store/zone/keys/README", "x", 0o644)
        self.finds("warn", "keys and lists load", ["README", "is ignored"])

    def test_names_that_belong_are_no_remark(self):
        for name in ("authority/ledger.db", "authority/ledger.db-wal", "authority/policy.json",
                     "authority/meshes/m1/9.pem.age"):
            self.write(name, "x")
        self.write("store/zone/keys/7.retired", "", 0o644)
        rows = self.look(code=DENIED)  # 9.pem.age has no public half
        self.assertEqual([row["state"] for row in rows if row["check"].endswith("directory")], ["ok", "ok"])

    def test_store_that_others_can_write(self):
        for name, bits, state, what in (
                ("store", 0o757, "FAIL", "everybody may write it"), ("store/zone", 0o777, "FAIL", "everybody may"),
                ("store/zone", 0o1777, "warn", "mode 1777"), ("store/meshes/m1", 0o775, "warn", "its group"),
                ("store/zone/keys/1.pem", 0o646, "FAIL", "everybody may write it"),
                ("store/zone/keys/1.pem", 0o664, "warn", "its group")):
            old = os.stat(self.path(name)).st_mode
            os.chmod(self.path(name), bits)
            self.finds(state, "store directory", [name, what])
            os.chmod(self.path(name), old)

    def test_store_that_the_control_plane_may_not_read(self):
        for name, bits in (("store/zone", 0o700), ("store/zone/keys/1.pem", 0o600), ("store", 0o754)):
            old = os.stat(self.path(name)).st_mode
            os.chmod(self.path(name), bits)
            self.finds("warn", "store directory", [name, "can read it", f"mode {bits:03o}"])
            os.chmod(self.path(name), old)

    def test_store_with_files_of_several_users(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        os.chown(self.path("store/zone/keys/1.pem"), NOBODY, NOBODY)
        self.finds("FAIL", "store directory", ["store/zone/keys/1.pem", f"belongs to uid {NOBODY}"])

    def test_store_that_cannot_be_read(self):
        options = self.as_nobody()
        os.chmod(self.path("store/zone/keys"), 0o000)
        self.finds("FAIL", "store directory", ["store/zone/keys", "Permission denied"], "--store", "store", **options)
        os.chmod(self.path("store/zone/keys"), 0o755)


class Keys(DoctorTest):
    def test_what_the_plugin_refuses(self):
        one = self.read("store/meshes/m1/keys/1.pem")
        for name, content, texts in (
                ("store/meshes/m1/keys/3.pem", "no key\n", ["mesh 'm1'", "3.pem"]),
                ("store/meshes/m1/keys/007.pem", one, ["mesh 'm1'", "007.pem"]),
                ("store/meshes/m1/keys/1.retired", "", ["mesh 'm1'", "1."]),
                ("store/meshes/m1/keys/again.pem", one, ["mesh 'm1'", "under another kid"]),
                ("store/meshes/m2/keys/other.pem", one, ["mesh 'm2'"]),
                ("store/meshes/m1/revoked", "a b\n", ["mesh 'm1'", "line 1"])):
            self.write(name, content, 0o644)
            self.finds("FAIL", "keys and lists load", texts)
            os.remove(self.path(name))

    def test_private_half_without_a_public_one(self):
        self.write("authority/meshes/m1/blue.pem.age", "age-encryption.org/v1\n")
        self.finds("FAIL", "halves of keys", ["blue.pem.age", "without a public half", "key public"])
        os.remove(self.path("authority/meshes/m1/blue.pem.age"))
        os.remove(self.path("store/meshes/m1/keys/1.pem"))
        self.finds("FAIL", "halves of keys", ["authority/meshes/m1/1.pem", "without a public half"])

    def test_mesh_that_the_store_does_not_have(self):
        shutil.rmtree(self.path("store/meshes/m2"))
        self.finds("FAIL", "halves of keys", ["authority/meshes/m2/1.pem", "without a public half"])

    def test_public_half_without_a_private_one(self):
        os.remove(self.path("authority/meshes/m1/1.pem"))
        self.finds("warn", "halves of keys", ["authority/meshes/m1", "key '1' of the store has no private half"])
        self.write("authority/meshes/m1/1.pem.age", "age-encryption.org/v1\n")
        self.assertEqual([row["state"] for row in self.look() if row["check"] == "halves of keys"], ["ok"])

    def test_halves_of_different_keys(self):
        shutil.copy(self.path("authority/meshes/m2/1.pem"), self.path("authority/meshes/m1/1.pem"))
        self.finds("FAIL", "halves of keys", ["authority/meshes/m1/1.pem", "another key than the store has"])
        self.write("authority/meshes/m1/1.pem", "no key\n")
        self.finds("FAIL", "halves of keys", ["authority/meshes/m1/1.pem"])

    def test_private_half_of_a_retired_key(self):
        os.rename(self.path("store/meshes/m1/keys/1.pem"), self.path("store/meshes/m1/keys/1.retired"))
        self.finds("warn", "halves of keys", ["authority/meshes/m1/1.pem", "the private half of a retired key"])


class Lists(DoctorTest):
    def test_entries_that_do_nothing_or_too_much(self):
        for name, content, texts in (
                ("meshes/m1", "a\nb\na\n", ["store/meshes/m1/revoked:3", "jti 'a' stands on line 1 too"]),
                ("meshes/m1", "a,a\n", [":1", "jti 'a' stands on line 1 too"]),
                ("meshes/m1", "@name n\n@name n\n", [":2", "name 'n' stands on line 1 too"]),
                ("meshes/m1", "x\n@kid 9\n", [":2", "kid '9' names a key that the set does not have"]),
                ("zone", "@kid 2\n", ["store/zone/revoked:1", "kid '2' names a key"]),
                ("zone", "@name n\n", ["name 'n' can match nothing"]),
                ("zone", "@workload w\n", ["workload 'w' can match nothing"]),
                ("meshes/m1", "@issued-before 2100-01-01T00:00:00Z\n", ["still to come: every token is dead"]),
                ("meshes/m1", "@issued-before 2024-01-01T00:00:00Z\n@issued-before 2025-01-01T00:00:00Z\n",
                 [":1", "says nothing beside the later time"]),
                ("meshes/m1", "", ["store/meshes/m1/revoked", "an empty file", "# none"])):
            path = f"store/{name}/revoked"
            self.write(path, content, 0o644)
            self.finds("warn", "revocation lists", texts)
            os.remove(self.path(path))

    def test_entries_that_are_as_they_should_be(self):
        self.write("store/meshes/m1/keys/7.retired", "", 0o644)
        self.write("store/any-mesh/keys/shared.retired", "", 0o644)
        self.write("store/any-mesh/revoked", "@kid 4711\n@name n\n", 0o644)
        self.write("store/zone/revoked", "# none\n", 0o644)
        self.write("store/meshes/m1/revoked", "a,b,\n@kid 1\n@kid 7\n@kid shared\n@name a\n@workload a\n"
                   "@issued-before 2025-01-01T00:00:00Z\n", 0o644)
        self.assertEqual([row["found"] for row in self.look() if row["check"] == "revocation lists"],
                         ["nothing to remark"])


class Machine(DoctorTest):
    def test_clock_behind_a_file_is_a_failure(self):
        os.utime(self.path("store/zone/keys/1.pem"), (4102444800, 4102444800))
        self.finds("FAIL", "clock", ["behind the newest file", "2100-01-01T00:00:00Z", "set the clock"])

    def test_names_that_are_no_text_are_shown_escaped(self):
        with open(os.path.join(self.dir.encode(), b"store", b"a\xff\x1b[2J"), "wb"):
            pass
        rows = self.look("--store", "store")
        self.assertTrue(any("a\\xff\\x1b[2J" in str(row["where"]) for row in rows), rows)


if __name__ == "__main__":
    main()
