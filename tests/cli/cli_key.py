# SPDX-License-Identifier: Apache-2.0
"""xdsgate key new, list, public: what they do, and that every refusal leaves everything as it was."""

import json
import os
import resource
import shutil
import signal
import stat

from cli_support import DONE, IO, KEY, USAGE, CliTest, main, tree

PLACES = ["--authority", "authority", "--store", "store", "--plain"]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class KeyNew(CliTest):
    def new(self, *args, **options):
        return self.good("key", "new", *args, *PLACES, **options)

    def test_first_key_makes_the_directories_whatever_the_umask_says(self):
        for umask in (0o000, 0o022, 0o077):
            shutil.rmtree(self.path("authority"))
            shutil.rmtree(self.path("store"))
            self.new("--mesh", "m1", umask=umask)
            self.assertEqual(sorted(tree(self.path("authority"))), ["ledger.db", "meshes", "meshes/m1", "meshes/m1/1.pem"])
            self.assertEqual(sorted(tree(self.path("store"))),
                             ["meshes", "meshes/m1", "meshes/m1/keys", "meshes/m1/keys/1.pem"])
            for name in ("authority", "authority/meshes", "authority/meshes/m1"):
                self.assertEqual(mode(self.path(name)), 0o700, name)
            for name in ("store", "store/meshes", "store/meshes/m1", "store/meshes/m1/keys"):
                self.assertEqual(mode(self.path(name)), 0o755, name)
            self.assertEqual(mode(self.path("authority/meshes/m1/1.pem")), 0o600)
            self.assertEqual(mode(self.path("store/meshes/m1/keys/1.pem")), 0o644)

    def test_zone_keys_have_their_own_place(self):
        self.new("--for-zone")
        self.assertTrue(self.read("authority/zone/2.pem").startswith("-----BEGIN RSA PRIVATE KEY-----\n"))
        self.assertTrue(self.read("store/zone/keys/2.pem").startswith("-----BEGIN RSA PUBLIC KEY-----\n"))

    def test_store_of_zone_keys_alone_is_a_whole_store(self):
        shutil.rmtree(self.path("authority"))
        shutil.rmtree(self.path("store"))
        for _ in range(2):
            self.new("--for-zone", umask=0o077)
            self.assertEqual(mode(self.path("store/meshes")), 0o755)
            self.assertEqual(os.listdir(self.path("store/meshes")), [])
            self.assertIn("zone", self.good("key", "list", "--store", "store").out)

    def test_both_halves_belong_together(self):
        self.new("--mesh", "m9", "--bits", "3072", "--kid", "blue")
        public = self.good("key", "public", "--key", "authority/meshes/m9/blue.pem").out
        self.assertEqual(public, self.read("store/meshes/m9/keys/blue.pem"))

    def test_next_serial_follows_the_highest_of_both_places_and_of_retired_ones(self):
        self.assertIn("key 3 of mesh 'm1'", self.new("--mesh", "m1").out)
        self.write("store/meshes/m1/keys/7.retired", "")
        self.assertIn("key 8 of mesh 'm1'", self.new("--mesh", "m1").out)
        os.remove(self.path("store/meshes/m1/keys/8.pem"))
        self.assertIn("key 9 of mesh 'm1'", self.new("--mesh", "m1").out)
        self.new("--mesh", "m1", "--kid", "blue")
        self.assertIn("key 10 of mesh 'm1'", self.new("--mesh", "m1").out)
        self.write("store/meshes/m1/keys/.99.pem.tmp", "")
        self.write("store/meshes/m1/keys/0050.pem", "")
        self.assertIn("key 11 of mesh 'm1'", self.new("--mesh", "m1").out)

    def test_no_temporary_file_stays(self):
        self.new("--mesh", "m1")
        names = list(tree(self.dir))
        self.assertEqual([name for name in names if os.path.basename(name).startswith(".")], [])

    def test_existing_kid_is_refused_wherever_it_stands(self):
        for kid in ("1", "2"):
            self.refused(KEY, [f"already has a key '{kid}'", "nothing was changed", "next serial"],
                         "key", "new", "--mesh", "m1", "--kid", kid, *PLACES)
        os.remove(self.path("authority/meshes/m1/1.pem"))
        self.refused(KEY, "already has a key '1'", "key", "new", "--mesh", "m1", "--kid", "1", *PLACES)
        self.write("store/meshes/m1/keys/5.retired", "")
        self.refused(KEY, "already has a key '5'", "key", "new", "--mesh", "m1", "--kid", "5", *PLACES)
        os.symlink("nowhere", self.path("store/meshes/m1/keys/6.pem"))
        self.refused(KEY, "already has a key '6'", "key", "new", "--mesh", "m1", "--kid", "6", *PLACES)

    def test_kids_that_cannot_be_are_refused(self):
        for kid in ("", ".", "..", "../1", "a/b", "-1", "_a", " 1", "1 ", "a\n", "é", "x" * 64):
            self.refused(USAGE, "cannot be a kid", "key", "new", "--mesh", "m1", "--kid=" + kid, *PLACES)
        for kid, plain in (("0002", "2"), ("00", "0"), ("01", "1"), ("000", "0")):
            self.refused(USAGE, ["leading zeros", f"write {plain}\n"], "key", "new", "--mesh", "m1", "--kid", kid,
                         *PLACES)
        for kid in ("0", "x" * 63, "1a", "0a"):
            self.new("--mesh", "m1", "--kid", kid)

    def test_meshes_that_cannot_be_are_refused(self):
        for mesh in ("", ".", "..", "../m1", "a/b", "-m", " m", "m\x1b", "é", "x" * 254):
            self.refused(USAGE, "cannot be a mesh name", "key", "new", "--mesh=" + mesh, *PLACES)

    def test_flags_must_fit_together(self):
        self.refused(USAGE, "exactly one of --mesh, --for-zone and --any-mesh", "key", "new", *PLACES)
        self.refused(USAGE, "exactly one of --mesh, --for-zone and --any-mesh", "key", "new", "--mesh", "m", "--for-zone", *PLACES)
        self.refused(USAGE, "--authority is required", "key", "new", "--mesh", "m", "--store", "store")
        self.refused(USAGE, "--store is required", "key", "new", "--mesh", "m", "--authority", "authority")
        for bits in ("", "1024", "2047", "02048", "2048 ", "8192", "many"):
            self.refused(USAGE, "--bits must be 2048, 3072 or 4096", "key", "new", "--mesh", "m", "--bits", bits,
                         *PLACES)

    def test_no_serial_after_the_last(self):
        self.write("authority/meshes/m1/18446744073709551615.pem", "")
        self.refused(USAGE, "there is no serial after", "key", "new", "--mesh", "m1", *PLACES)

    def test_authority_that_others_can_enter_is_refused(self):
        for name in ("authority", "authority/meshes", "authority/meshes/m1"):
            for bits in (0o750, 0o701, 0o770):
                os.chmod(self.path(name), bits)
                self.refused(KEY, [f"open to group or others (mode {bits:03o})", "chmod 700"],
                             "key", "new", "--mesh", "m1", *PLACES)
            os.chmod(self.path(name), 0o700)
        self.new("--mesh", "m1")

    def test_symbolic_links_below_the_roots_are_not_followed(self):
        for place, name in (("authority", "meshes"), ("store", "meshes/m1/keys")):
            os.rename(self.path(place, name), self.path("elsewhere"))
            os.symlink(self.path("elsewhere"), self.path(place, name))
            self.refused(IO, "cannot make the directory", "key", "new", "--mesh", "m1", *PLACES)
            os.remove(self.path(place, name))
            os.rename(self.path("elsewhere"), self.path(place, name))

    def test_places_that_cannot_be_made_leave_nothing_behind(self):
        self.write("file", "")
        self.refused(IO, ["cannot make the directory", "file"], "key", "new", "--mesh", "m3",
                     "--authority", "new-authority", "--store", "file", "--plain")
        self.refused(IO, ["cannot make the directory", "file"], "key", "new", "--mesh", "m3",
                     "--authority", "file", "--store", "new-store", "--plain")
        self.refused(IO, "cannot make the directory", "key", "new", "--mesh", "m3",
                     "--authority", "no/such/place", "--store", "store", "--plain")
        self.refused(IO, "File name too long", "key", "new", "--mesh", "m3",
                     "--authority", "authority", "--store", "x" * 5000, "--plain")
        self.refused(IO, "File name too long", "key", "new", "--mesh", "m3",
                     "--authority", "authority", "--store", "x" * 300, "--plain")

    def test_unwritable_directory_is_refused(self):
        user = self.as_nobody()
        for name in ("store/meshes/m1/keys", "authority/meshes/m1"):
            os.chmod(self.path(name), 0o500)
            self.refused(IO, ["Permission denied", "check its owner and mode"], "key", "new", "--mesh", "m1", *PLACES,
                         **user)
            os.chmod(self.path(name), 0o700)
        self.assertEqual(self.run_cli("key", "new", "--mesh", "m1", *PLACES, **user).code, DONE)

    def test_foreign_authority_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give files away")
        user = self.as_nobody()
        os.chown(self.path("authority"), 0, 0)
        os.chmod(self.path("authority"), 0o755)
        self.refused(KEY, ["belongs to another user (uid 0)", "chown"], "key", "new", "--mesh", "m1", *PLACES, **user)

    def test_full_disk_leaves_everything_as_it_was(self):
        for limit in (0, 100, 1000):  # nothing fits; the public half would; a part of the private one

            def small_files(size=limit):
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

            before = tree(self.dir)
            answer = self.run_cli("key", "new", "--mesh", "m1", *PLACES, preexec_fn=small_files)
            self.assertEqual((answer.code, answer.out), (IO, ""))
            self.assertIn("cannot write the key: File too large", answer.err)
            self.assertEqual(tree(self.dir), before)


class KeyList(CliTest):
    def rows(self, *args):
        return json.loads(self.good("key", "list", "--store", "store", "--json", *args).out)

    def test_json_names_every_key_as_the_plugin_would_serve_it(self):
        self.write("store/meshes/m2/keys/7.retired", "")
        self.write("store/any-mesh/keys/x.pem", self.read_new_public())
        rows = self.rows("--authority", "authority")
        found = [(row["set"], row["kid"], row["state"], row["private"]) for row in rows]
        self.assertEqual(sorted(found), [
            ("any-mesh", "x", "active", False),
            ("mesh/m1", "1", "draining", True),
            ("mesh/m1", "2", "signing", True),
            ("mesh/m2", "1", "signing", True),
            ("mesh/m2", "7", "retired", False),
            ("zone", "1", "signing", True),
        ])
        self.assertEqual({row["private"] for row in self.rows()}, {None})
        self.assertEqual({row["bits"] for row in self.rows()}, {None, 2048})
        prints = [row["fingerprint"] for row in self.rows() if row["state"] == "active"]
        self.assertEqual(len(set(prints)), 5)
        self.assertEqual({len(text) for text in prints}, {64})

    def read_new_public(self):
        self.good("key", "new", "--mesh", "scratch", "--authority", "scratch", "--store", "scratch-store", "--plain")
        return self.read("scratch-store/meshes/scratch/keys/1.pem")

    def test_private_half_is_seen_where_it_is(self):
        os.remove(self.path("authority/meshes/m1/1.pem"))
        found = {(row["set"], row["kid"]): row["private"] for row in self.rows("--authority", "authority")}
        self.assertEqual(found[("mesh/m1", "1")], False)
        self.assertEqual(found[("mesh/m1", "2")], True)

    def test_table_has_a_line_for_each_key(self):
        text = self.good("key", "list", "--store", "store").out.splitlines()
        self.assertEqual(text[0].split()[:5], ["SET", "KID", "STATE", "PRIVATE", "LIVE"])
        self.assertEqual(len(text), 5)
        self.assertIn(["zone", "1", "active", "-", "-", "2048"], [line.split()[:6] for line in text])
        self.mint("zone", "--zone", "east")
        text = self.good("key", "list", "--store", "store", "--authority", "authority").out.splitlines()
        self.assertIn(["zone", "1", "signing", "plain", "1", "2048"], [line.split()[:6] for line in text])

    def test_empty_store_has_no_keys(self):
        os.makedirs(self.path("empty/meshes"))
        self.assertEqual(self.good("key", "list", "--store", "empty").out, "no keys\n")
        self.assertEqual(self.good("key", "list", "--store", "empty", "--json").out, "[]\n")

    def test_set_that_the_plugin_refuses_is_reported_and_left_out(self):
        self.write("store/meshes/m1/keys/3.pem", "no key\n")
        answer = self.run_cli("key", "list", "--store", "store", "--json")
        self.assertEqual(answer.code, KEY)
        self.assertIn("error: a key set is refused: key_file", answer.err)
        self.assertIn("m1", answer.err)
        self.assertEqual({row["set"] for row in json.loads(answer.out)}, {"mesh/m2", "zone"})

    def test_what_the_plugin_passes_over_is_a_warning_and_refuses_nothing(self):
        wanted = self.good("key", "list", "--store", "store", "--json").out
        for name in ("store/meshes/m1/keys/README", "store/zone/keys/1.pem~"):
            self.write(name, "x\n")
            answer = self.run_cli("key", "list", "--store", "store", "--json")
            self.assertEqual((answer.code, answer.out), (DONE, wanted), answer.err)
            self.assertRegex(answer.err, r"\Awarning: .*" + os.path.basename(name))
            self.assertNotIn("refused", answer.err)
            os.remove(self.path(name))

    def test_store_that_is_not_there_is_refused(self):
        self.refused(IO, ["cannot open the store", "nowhere"], "key", "list", "--store", "nowhere")
        self.refused(USAGE, "--store is required", "key", "list")
        self.write("file", "")
        self.refused(IO, "the store cannot be listed", "key", "list", "--store", "file")

    def test_open_authority_is_reported(self):
        os.chmod(self.path("authority"), 0o755)
        answer = self.run_cli("key", "list", "--store", "store", "--authority", "authority")
        self.assertEqual(answer.code, KEY)
        self.assertIn("open to group or others (mode 755)", answer.err)


class KeyPublic(CliTest):
    def test_private_and_public_give_the_same(self):
        wanted = self.read("store/meshes/m1/keys/1.pem")
        self.assertEqual(self.good("key", "public", "--key", "authority/meshes/m1/1.pem").out, wanted)
        self.assertEqual(self.good("key", "public", "--key", "store/meshes/m1/keys/1.pem").out, wanted)
        private = self.read("authority/meshes/m1/1.pem").encode()
        self.assertEqual(self.good("key", "public", "--key", "-", stdin=private).out, wanted)
        self.assertEqual(self.good("key", "public", "--signing-key-path", "-", stdin=private).out, wanted)

    def test_open_private_key_is_refused_and_a_public_one_is_not(self):
        for bits in (0o604, 0o640, 0o644, 0o620, 0o601):
            os.chmod(self.path("authority/meshes/m1/1.pem"), bits)
            self.refused(KEY, [f"open to group or others (mode {bits:03o})", "chmod 600"],
                         "key", "public", "--key", "authority/meshes/m1/1.pem")
        os.chmod(self.path("authority/meshes/m1/1.pem"), 0o400)
        self.good("key", "public", "--key", "authority/meshes/m1/1.pem")

    def test_foreign_private_key_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give files away")
        os.chown(self.path("authority/meshes/m1/1.pem"), 65534, 65534)
        self.refused(KEY, "belongs to another user (uid 65534)", "key", "public", "--key", "authority/meshes/m1/1.pem")

    def test_files_that_are_no_key_are_refused(self):
        self.write("empty.pem", "")
        self.write("text.pem", "no key\n")
        self.write("two.pem", self.read("store/meshes/m1/keys/1.pem") + self.read("store/meshes/m1/keys/2.pem"))
        self.write("huge.pem", "x" * 70000)
        os.symlink("authority/meshes/m1/1.pem", self.path("link.pem"))
        os.mkfifo(self.path("fifo.pem"))
        for name, code, text in (
                ("empty.pem", KEY, "the key cannot be used"),
                ("text.pem", KEY, "key_file"),
                ("two.pem", KEY, "key_file"),
                ("huge.pem", IO, "File too large"),
                ("link.pem", IO, "symbolic links are not followed"),
                ("fifo.pem", KEY, "not a regular file"),
                ("authority", KEY, "not a regular file"),
                ("absent.pem", KEY, "No such file")):
            self.refused(code, [text, name], "key", "public", "--key", name)
        self.refused(KEY, "key_file", "key", "public", "--key", "-", stdin=b"")
        self.refused(USAGE, "--key is required", "key", "public")


if __name__ == "__main__":
    main()
