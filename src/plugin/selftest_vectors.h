/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest_vectors.h: known answers for selftest.c.
 *
 * The key was made for this file and its private half thrown away: nothing else is or will be signed with it.
 */
#ifndef XDSGATE_PLUGIN_SELFTEST_VECTORS_H
#define XDSGATE_PLUGIN_SELFTEST_VECTORS_H

static const char SELFTEST_KEY[] = "-----BEGIN RSA PUBLIC KEY-----\n"
                                   "MIIBCgKCAQEA7Vn/3LJV1Gg0PgX5do0UtnLSvWsS8k6ByN7d2sWkBryII73fr8Qe\n"
                                   "QGPsv67Cldp2sQ+dhkVVeBEAp4q6TQ6rzyJjWlfKwHX7zHnJYS71WCr9u/pgG6jx\n"
                                   "vd/k+pWw+bad0/n0ywD2gV3NbGWe0wxcEUhzNgK+O1KHiaHaibbqFoxwaEbFek7w\n"
                                   "+ICIbTBKVNCrd79Yru5g5Zf47rSbZNdjjGjoh+d9nT3SQSIF4ZACmC+ccURoQqQw\n"
                                   "HBhCz7oNL6WMcITFub+ulDT+BqUt+fskmO9MbYYbu56EbLL5oHjDeGWuCVlpbAVG\n"
                                   "NmsNgfmzhMKXtuHTxqY4TEp9jjTo8nNcjwIDAQAB\n"
                                   "-----END RSA PUBLIC KEY-----\n";

/* RS256, signed with the key. */
static const char SELFTEST_GOOD[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InNlbGYtdGVzdCIsInR5cCI6IkpXVCJ9.eyJOYW1lIjoic2VsZi10ZXN0In0.oVOkojOERkB"
    "-rEtQWDLySuBZmmWTp0Ijrg3if866fNzkaYOi-1cDvIKMt_2qdWvGP7mB_9Y3L4POOzgImAK93vjj2QGB159GBFVVk9XgmjCjEd1"
    "eEI0VxBworMs-bqZOCdlJNJk0Alfh_M_Wk3ZAqwAUwFkzwYoxJI40sLnPvsahJ-WwFnaZEzB_KZCD1DxLRkEOvCqzZVM7JU0ilyb"
    "PaD3C6K5rnhFgtOnUoOVdFN0TQEi8HFp-l6o3Sx47SpU1ssYJx6F4fsipKyixaFVcUEbGO7Bu-ouG-OLnmQAXsaEIz5lfnI1M9BY"
    "hjs5sza1QWbaNhS3buOciDpEx8FUYVQ";

/* The same with the last bit of the signature flipped. */
static const char SELFTEST_BAD[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InNlbGYtdGVzdCIsInR5cCI6IkpXVCJ9.eyJOYW1lIjoic2VsZi10ZXN0In0.oVOkojOERkB"
    "-rEtQWDLySuBZmmWTp0Ijrg3if866fNzkaYOi-1cDvIKMt_2qdWvGP7mB_9Y3L4POOzgImAK93vjj2QGB159GBFVVk9XgmjCjEd1"
    "eEI0VxBworMs-bqZOCdlJNJk0Alfh_M_Wk3ZAqwAUwFkzwYoxJI40sLnPvsahJ-WwFnaZEzB_KZCD1DxLRkEOvCqzZVM7JU0ilyb"
    "PaD3C6K5rnhFgtOnUoOVdFN0TQEi8HFp-l6o3Sx47SpU1ssYJx6F4fsipKyixaFVcUEbGO7Bu-ouG-OLnmQAXsaEIz5lfnI1M9BY"
    "hjs5sza1QWbaNhS3buOciDpEx8FUYVA";

/* alg none, with a signature that would verify. */
static const char SELFTEST_NONE[] =
    "eyJhbGciOiJub25lIiwia2lkIjoic2VsZi10ZXN0IiwidHlwIjoiSldUIn0.eyJOYW1lIjoic2VsZi10ZXN0In0.LKOVPT-IcJrt"
    "hGoZgSnMSoNZTp9y5QB9HHFEEgkwc3R8leNj60pMBDtXDyX7AtEIHBExCmb5arC1W0lxUi2EeZtAE8EhisVsmMmgIk1JUnCzVxSJ"
    "Gc1GYEKwGwbXjhOJ1KKEKU50b1n8udQEpNlGRK4bWscpSBWOW2nyef1Qt9sA_HDAO2eo5c-KUxJvXddIjl4vI34DFMlYpSmKfdZb"
    "pXqNDd5wr62-d50SGVeV076U3FLdDeLfvQgJuhmn29rI5vCaAzvKl_XqJnPmvSRBmnM09jyGLx7UoHPDJXTqbrHQOyS9_hvcLyr_"
    "R8NVgrmVDRXRDS88vMY8KNAf9hSxQQ";

/* alg HS256, keyed with the PEM text of the public key. */
static const char SELFTEST_HMAC[] =
    "eyJhbGciOiJIUzI1NiIsImtpZCI6InNlbGYtdGVzdCIsInR5cCI6IkpXVCJ9.eyJOYW1lIjoic2VsZi10ZXN0In0.Nb39OpNlxV_"
    "2hwn9IvTFg-50tr_n4oWsdUmmla-IMpk";

#endif /* XDSGATE_PLUGIN_SELFTEST_VECTORS_H */
