/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_keys.h: TEST KEYS, NOT A SECRET. Two RSA keys made for the fuzz targets alone, so that every run signs and
 * verifies the same bytes. make_seeds.py reads them from here too. Must never verify anything real.
 */
#ifndef XDSGATE_FUZZ_KEYS_H
#define XDSGATE_FUZZ_KEYS_H

/* clang-format off */
/* TEST KEY, NOT A SECRET: kid 1 of mesh payments-mesh */
#define FUZZ_MESH_PRIVATE_PEM \
    "-----BEGIN RSA PRIVATE KEY-----\n" \
    "MIIEpQIBAAKCAQEA44nCoIjImd0uQcLy+bom3KtNqI+OnJ8U/dF8tJYIYGLtjMBG\n" \
    "EZXW7hMuATiSm+ofE79nyFnUim51E2hbybIcqUnfbgkNDd5745urYFX1L+IsoOHe\n" \
    "Vq/CeQn0OiHQPARvKsdnJ6auumZgEu6E9XBVrOS8Fr5UkEUI0KJv42sq95lza260\n" \
    "MF9sbxTlrwS5c4JBBJJstq0HhaM08lXB4Qda2kBuMiFA33DfTzv3mccB7kTJ3zsQ\n" \
    "xerJtXL8F8h4BfttY8VsdL0CicgxrVVJW54fTnHOHiACYMf4fnOpAptu7bcUAcrk\n" \
    "tJ+JkSqHIJrmi9HSPb88LPYgbW/K40L6htAbXQIDAQABAoIBAGlVFBqhx49m0yuR\n" \
    "Nk7BzIy55mTiNAgwIpUPXbXxgGYyVbqjJaytW0Zx7YmWKVRxELrhEAexAhGlaaA2\n" \
    "3srjn54EuyBioz7o4BwxK6gYkrz8bGF7viQOEC5dG8ivb4jhGp9ImOnDoT5b9xy8\n" \
    "eyNtwdOcPbAfouD4fEis8bPrIARnDxDcBZFzf8TTScjzZh9Gs7MyOnYctD0+9YGc\n" \
    "9xI1KuCxO/hXt+dsKe7vSGWW+0j0WmkJrdrhcmKJEcjkFHP+cTLHTZ2zTA7QdHEZ\n" \
    "4lHSw/5c8hU/f/LjMJfP+by/fn/ifQ1xNgdgwQsq/N30tY0zCkviWeR2YaeGTFJt\n" \
    "XH+NWAcCgYEA8iOn4LA+az4wOC1QaoCQntq+MIFzdgJOV4ZM39hlYDOmkmM43286\n" \
    "ZXUR/Lq6WH7TL5YEggeo6b0hZ+x+I62z9MwUOPmhX1+0l/rOMAlCsR9O9JMYsXbX\n" \
    "yiRMfKoSI1QbcojG48DOqJhHeGl+f5LKju4my98WPdlxnDgeg9TNhmsCgYEA8JAj\n" \
    "FcLXFKNcMtkb7Hhsfze/kreGZQGtld/i2uBxtDGSXTxZPh6Pi7o/yiriRzl8KgSG\n" \
    "qnMDFJG2Iy3Cd/P+M4MRxJMLHhgewOAHDibwJTsy7df0O0mxXz8xUMAPyu2YzfRy\n" \
    "P3/OZPmC12u1DVKcZfrGMkB2zMdsdQt3Xmx/h1cCgYEA6/CIXWz+dVs0exjUeeJq\n" \
    "iQ+WMQeCbSPUGH7Zm2htZ68MiSm7uiPUoBXSABQnDaIOwBiKrfUuxwsuaOhNBRD1\n" \
    "//t3XQkJEDjebRTLIo1zecmLEs/eSNYHcIWsLfE+GUSUNidGvZgbBrbTNWZ+B2sO\n" \
    "ivVNwmvPbVba2CDqwwRxe58CgYEAtOsx98O5DgRt6q/tmEJZFrROl4D+yigg7H6c\n" \
    "lhAGc4Z0lTo1w8ooGuXP47OsyfQptVACF164ClgrqvlXL++IViVUz4nm6pMpTdUu\n" \
    "eS4/nUCQZN/tBkm94+waoqhPOEbIjNwysB7mkno0NN8EIyjmBqw7Mr/YmNnCb6RX\n" \
    "+eOPZbECgYEA5wOsw6LrJlSc/oomlQhcS2oCyIC3miPnk4b/ZzV+PL8tCu+o+W72\n" \
    "nvdIcU8lprpfnv5OkluoCJs89vX4TKvrCW+EmE1wNUBO96vFszkA80EC0yf2xL6F\n" \
    "jZvrAZCCJbUKPCDY2DE39kaeMBLM6eBNsSXWkJO5wSEcuSll2Jvh7Lg=\n" \
    "-----END RSA PRIVATE KEY-----\n"

#define FUZZ_MESH_PUBLIC_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA44nCoIjImd0uQcLy+bom\n" \
    "3KtNqI+OnJ8U/dF8tJYIYGLtjMBGEZXW7hMuATiSm+ofE79nyFnUim51E2hbybIc\n" \
    "qUnfbgkNDd5745urYFX1L+IsoOHeVq/CeQn0OiHQPARvKsdnJ6auumZgEu6E9XBV\n" \
    "rOS8Fr5UkEUI0KJv42sq95lza260MF9sbxTlrwS5c4JBBJJstq0HhaM08lXB4Qda\n" \
    "2kBuMiFA33DfTzv3mccB7kTJ3zsQxerJtXL8F8h4BfttY8VsdL0CicgxrVVJW54f\n" \
    "TnHOHiACYMf4fnOpAptu7bcUAcrktJ+JkSqHIJrmi9HSPb88LPYgbW/K40L6htAb\n" \
    "XQIDAQAB\n" \
    "-----END PUBLIC KEY-----\n"

/* TEST KEY, NOT A SECRET: kid 1 of the zone */
#define FUZZ_ZONE_PRIVATE_PEM \
    "-----BEGIN RSA PRIVATE KEY-----\n" \
    "MIIEowIBAAKCAQEAvk6LHDz1A+S22rl+CccfA69c09Y/uuVu8MnBjHGdWabAkqvt\n" \
    "cDyu7oIYUO3UywTXSzx8stoAFviHXsaaAfaKMLpAv0HKuHchLcyZ9DKadsV6RbU2\n" \
    "Oe+bLuOQcLOwsdoZTyVH1+ks6X0v7xcubbHlNDpL2YqCRcvQp/CnNrj1VE0b1/Cg\n" \
    "C+xlvNcKppruWNV7mkGdyQRybqczVSpyU5y2ENm+r6kRXPxNusmzBJzblWJHt5nc\n" \
    "pgEcNe+548kRGCAj5Z3/K6qryEl2abeX75GvPX5NsEu2HLLQxZFrxqjwNCVQbMjq\n" \
    "kZI5m3qgQ3w6UXHaDZJmmkhVZtSNEmsMSTc5owIDAQABAoIBABqSnwwHWvL7Oaka\n" \
    "44V7/1GlZ+HQdb+kD7Shh1wT9TOyfAs+5H2ai5aUJc8PFnpup51CyeqzU/XhKA3M\n" \
    "z25cvXkGWMob5rGRONnLSuf1NOpGsscPAY5fbZzDe8Sw4ohC+uu5OenlDjdgGpRY\n" \
    "+Uup3mZHiZXLqFsUlYMNsFuMwfzONZVY+RxmPfEpm14PYmkrg3Ei/6yXKcyzn118\n" \
    "QuzEX8lJaYh/b4/8Ohg/6QK9f3wxUvkcFAnKcc47Y5Dvtf5NOIEk4bTZZdTbBFJ3\n" \
    "KxAIUA8fTjlRbNSgoLc6UlMSxq61DcEkS7FXwnvBlfq2kWtGPNo5hCWet+nN05dr\n" \
    "d4+hP7ECgYEA8+ie5lxcP7KTfrLhAMgWy9P5bSA83BUstf43xLWYJ8y107CAg4wn\n" \
    "8Sg+I27EohBLg0RjCvqaR0lZHfP9+BHbMlM4ZsQ1f2u1DpbetJgrgdQOSv7sfIxb\n" \
    "QYUjUy9U3mqAmVipu89MctCPU7yM0WoomuXyEzA8JILDJIjsRXiHoQkCgYEAx72t\n" \
    "Be957URvydeeRoK7Qayk/RzaUdeiYVVkTS+0I81vvEfk/hFm5JLvyc+u0LS1NrAr\n" \
    "n/YjOizQTKVthec2AqeJBBZ3iDmH+sqNiU/dA1M+O7BKb2oWVw3EIciscxl2thDn\n" \
    "PLNZZFV6UKGNWnkEl6CGNvWz+Hp/T7dfasZBrEsCgYBX/ui0+0VcxbRo1WhPu+Bd\n" \
    "kRA/yo2qaQlEb373PPyz/yrqQJdc3kfavUYNynyua2qS5S1GXLskVNYN9GUABpEq\n" \
    "StPiX49ddSJRLSUTyoKHyFWPwQDYvlp9/OaNsFnSFGJo8I/r7hIKqivLbg7vznjv\n" \
    "yV3YhmJsWbDFkZCMT7u+4QKBgQCfJdhI1Gi3zkGr92sbD2sYhvDm5Chn8YJmP12t\n" \
    "yoajyDpxMG+aqE7tbM42ZI4LqRCCRJhd2gZzgeVuTJkZigIU11xqr2QKXJymDOH9\n" \
    "OG8HCTqa4HpOj57BOiy+JmCRTQazRoCYcuaU9S6CNFamcaphDfwiql79as0pvRf/\n" \
    "wXvuRQKBgCGXopB345BO3DLykILmkbitROr/pnICZF10b7u3b8pSrCSWTfeeVG2t\n" \
    "RXxQUe3ZV42CcYQo+StUaaEc7Fw4/8AN7LAgtFsR/c0ffJa1ZsbhAFOf/VGqg7Uv\n" \
    "sfE96M88KRZ/if1ZiSfhfKQNvf8bcpddDQ4q9NsZKqu4vqgQnhjt\n" \
    "-----END RSA PRIVATE KEY-----\n"

#define FUZZ_ZONE_PUBLIC_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvk6LHDz1A+S22rl+Cccf\n" \
    "A69c09Y/uuVu8MnBjHGdWabAkqvtcDyu7oIYUO3UywTXSzx8stoAFviHXsaaAfaK\n" \
    "MLpAv0HKuHchLcyZ9DKadsV6RbU2Oe+bLuOQcLOwsdoZTyVH1+ks6X0v7xcubbHl\n" \
    "NDpL2YqCRcvQp/CnNrj1VE0b1/CgC+xlvNcKppruWNV7mkGdyQRybqczVSpyU5y2\n" \
    "ENm+r6kRXPxNusmzBJzblWJHt5ncpgEcNe+548kRGCAj5Z3/K6qryEl2abeX75Gv\n" \
    "PX5NsEu2HLLQxZFrxqjwNCVQbMjqkZI5m3qgQ3w6UXHaDZJmmkhVZtSNEmsMSTc5\n" \
    "owIDAQAB\n" \
    "-----END PUBLIC KEY-----\n"

/* clang-format on */

#endif /* XDSGATE_FUZZ_KEYS_H */
