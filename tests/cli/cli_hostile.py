# SPDX-License-Identifier: Apache-2.0
"""xdsgate against careless operators and bad nights: the wrong store, a clock that was wrong, two runs at once."""

import shutil

from cli_support import KEY, CliTest, main


class WrongStore(CliTest):
    """Two environments have keys of the same names: what belongs to one is never done to the other."""

    def test_key_whose_public_half_is_another_one_does_not_begin_to_sign(self):
        rotate = ["key", "rotate", "--mesh", "m1", "--plain", "--authority", "authority", "--store"]
        self.good(*rotate, "store")
        shutil.copytree(self.path("store"), self.path("other"))
        shutil.copy(self.path("store/meshes/m2/keys/1.pem"), self.path("other/meshes/m1/keys/3.pem"))
        self.refused(KEY, ["key '3' of the store is another one than the authority's", "where: other/meshes/m1/keys",
                           "the ledger knows SHA-256 ", "give the store that belongs to this authority"],
                     *rotate, "other")
        self.write("other/meshes/m1/keys/3.pem", "no key\n", 0o644)
        self.refused(KEY, "the public key cannot be read", *rotate, "other")
        self.assertIn("key 3 of mesh 'm1' signs from now on", self.good(*rotate, "store").out)


if __name__ == "__main__":
    main()
