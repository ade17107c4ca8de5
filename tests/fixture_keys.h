/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixture_keys.h: the three RSA keys of the fixture. TEST KEYS, NOT SECRETS: they protect nothing anywhere.
 */
#ifndef XDSGATE_TESTS_FIXTURE_KEYS_H
#define XDSGATE_TESTS_FIXTURE_KEYS_H

/* clang-format off */

/* TEST KEY, NOT A SECRET. */
static const char PRIVATE_M1[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEogIBAAKCAQEA1LEgP3apKGjNW/aTtLEVEqEStZS1XVgY27GD2dlO0vhUn4T9\n"
    "BOSNsSS17AaOIz+qelYPM7hEcwDlWyzo69DQQVwFhTJkY8N5j9W7bDk1l+TGA5p3\n"
    "XQYA5OzMelUrnZXkGfdPIevK9lD5KATEfSHIy2gao4oJFZgOoGRx/iPSDQx//yGU\n"
    "rlZW4T5T6FRf6xX9p0ScJkBVLszEYttKXNrAwVCQdN5NSRuWn8VgnE2e+GH2OHcN\n"
    "5a2rXV6nSTiWj/CJuhpC2yBbiB8K5VXaIp775GA9R98CYRUO/R2ZUfCnjTbbM3j+\n"
    "mg2IOZS0ZQ4Fxl/zMQuYUITpAc6UcEYiSybWIQIDAQABAoIBAAOAsRc5Ixcc5mXk\n"
    "G+GzHrWuSfvheYenzI1WAUXVt0o65/oyYzArkJL5DRcYcrU3+7zKR546eS5w1ot0\n"
    "+WyEcAuQLQXuUvrVdH5BiYsXmZn5POgWCQQdi1H50t0VuOieWBxz3H135UFUyyJP\n"
    "4B8EmYqSWd71MN9bytY0yppMziKkGSmuJnWUaw2QIBdxMktaiDr3JKBSOAdUrQAo\n"
    "QmE4wITVewbPQHkC9tTpb5pRnEP5rpCL6UuDdwSvsvwZwTyXbO1EgZxtLnIvM+ly\n"
    "g+Mhq0NG4lIeULl6telM0tfA/a4cLlwVRwHP4vsyUTkbOojBzBZrjaXx+k+1zg3W\n"
    "Xy2NkXkCgYEA7ojN7O994X1lbW45Wn8xm5V5VYJ703lLBTFKUWmcFWonDEhzL96I\n"
    "bG3vs5t2nto6CYwpWauQGQs4T/A5+frG6pa9uiRn9jE8QXC0N/YXUJFepKj9EUt9\n"
    "FWXQUY4vKvZu46/Ziyx6YQV9sigM8075wRnnbrbhI7Ha4Y17AO2IjykCgYEA5EPr\n"
    "FFrUKFivwphv+pZwrq7stU71ZONif0e4wLNUZPkEQDfbMM25+R2FV9SK//B4JTqV\n"
    "1BF0U7xAc3uRX6aWYUYlU5vCW8jhhNJor+0MPtTTEEEKZosbu1NPa7NjsVIT3aMT\n"
    "4ZUxASJUFcuO+pKZBXntnyOqczqOqUaH4fHEBjkCgYEA2rOj2vFaQTxvmn3NKCQm\n"
    "n7fUn4obbjFvjzs6IJrr+NZzJtfmhKVL/95sQAjyIYOEYuyXnRen7s5SuzhOb9x2\n"
    "NPAw1FI834UU8gsbsZN4nO4sEFzAavMDpHLNJXlv1bxMv4Wjt+735azbKlV+SjbG\n"
    "1z2g6+nRUqDnRpYpiRhAdMECf3aW0orApXhQmv9+Mq79eY1HU7LeUp8XgxSdLl7u\n"
    "y+mpdYvnePjh6LyDmcMHqS9OvxyYUz7Z0pWuN83HZL9MzNO8nafSRCdrNb7LkZfU\n"
    "j4gVCZJoN/8ORloL7jcF+8Uj3y5Giw2ndM4iB41LM/z6LIWr0sfav7MduQA4pF++\n"
    "OxkCgYEAwOaEo9lxRxJ1htnPwOPIPtxklJO7TZ4erWmp0mSinwzvJEgpJ3iU69xr\n"
    "0M/Q/NhoO6W5pGQajvcLfeQNjhUhxG6mDRQti9sOeVpRrJsVeiO42j8rRc9UShRH\n"
    "mVX6rawjZa7EjWbrnbAW0GxZ/Ot6BUMgeRqXVmjdFqCeUvPM/aU=\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char PUBLIC_M1[] =
    "-----BEGIN RSA PUBLIC KEY-----\n"
    "MIIBCgKCAQEA1LEgP3apKGjNW/aTtLEVEqEStZS1XVgY27GD2dlO0vhUn4T9BOSN\n"
    "sSS17AaOIz+qelYPM7hEcwDlWyzo69DQQVwFhTJkY8N5j9W7bDk1l+TGA5p3XQYA\n"
    "5OzMelUrnZXkGfdPIevK9lD5KATEfSHIy2gao4oJFZgOoGRx/iPSDQx//yGUrlZW\n"
    "4T5T6FRf6xX9p0ScJkBVLszEYttKXNrAwVCQdN5NSRuWn8VgnE2e+GH2OHcN5a2r\n"
    "XV6nSTiWj/CJuhpC2yBbiB8K5VXaIp775GA9R98CYRUO/R2ZUfCnjTbbM3j+mg2I\n"
    "OZS0ZQ4Fxl/zMQuYUITpAc6UcEYiSybWIQIDAQAB\n"
    "-----END RSA PUBLIC KEY-----\n";

/* TEST KEY, NOT A SECRET. */
static const char PRIVATE_M2[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEpAIBAAKCAQEAugsfY1a19We2WCtnR5iQdHZUXA40HlHHpD4kLqpuL4+XibBn\n"
    "BFOwvlv0nuSpOjUWYxqwfYR824rp6dGesw/rsI4KeEqznJQKJSTBBy0sc+imYU8Z\n"
    "y6hrecNx7XR6kLFq7HIcaxqwiGCeUqEQkzH6rCfOhROGrOo9pnEc55grywsCr3N/\n"
    "L4EEqAnyL620cdHlmLEoxgD/tZCWp0LK5hnCrD3ARB4iJ3jtNOrSqst+asH9uff4\n"
    "rKjwVFrS6pxW0OR2jA2HyamFmQsCamlqxw3UJUvPgZKnq7gYtX2ac2l+HqwSOL11\n"
    "Re7QsZ6qiI27Isvxy7JiyXskQXe3cHRU41cAwwIDAQABAoIBABQ/8a1WWtKDSg2p\n"
    "a8HB5rdGdJgwfkEZQFRYOd1PylPS7/jvV8cuH3wYy4of9BYp1m34Zw1tG59UghwO\n"
    "fOpF6Vl7nG12HrwEQQvEnF4I72BjtPhn1l7xzgD1jQj+N05YgVLgeMdk+Ey1IjEh\n"
    "kYmeqbI4raSTzizesicpA1m8mR0DE5vSDtyZStgxGlDRXGUMJ3s/rQ3kQvhPJiEF\n"
    "+IVYtsL7dBZluc1mctLSVefaobbw+oF/lrvzTAUVpD2hISsx9f7vNqMAQgwc3L8B\n"
    "MqJ6TnqTOu3zjYONWOop0JsZ5Fc8MoZom4LZ8Us9fob3ge8+7L6aGvPQAGQfUGso\n"
    "4wzXsEECgYEA3gUxLh0+MizMhBCc4NX6uQPRkdvrTkVXNtOj3L8AhYRlthFhyKrK\n"
    "1TKGhwM0pymsDuzccsa+3s722TUkOeGEDc6oh7UuVVR3R7qY/ANNPCTnfFR2lVrX\n"
    "GObLe+brQ7e4C9vsJl4bJyP9FcrBOukZfOA+q0Z3RrxFLvH4CqcI+v8CgYEA1oRZ\n"
    "ecrc0zGZmIsr6g9U9DwwWahKfTaJPrU7cQxajQdq4OJ5KQu+c1uv34ebF1FCGD8b\n"
    "nELEXQPxeDQtB+rELraCLjldoI9DT0Rqc8z0JGk4Aly6PI1a243na8tf6TUS34Ka\n"
    "TpcNB6H2mIFKaTTJFyA5eZKCIqjniDbCN0XGzj0CgYAxsb3RUZBTUL2yLbm/hYWq\n"
    "FdW5rRzdFx4vUm3SAhqOyBSwDPHzJW9jCv0biTcm12gAqzmoox2j53VPJtrl7blO\n"
    "EdydC4vEY7STJIwLlH2cIbKCnLEyOvP8SeRv5j7wmFWkqeQQrm2rdB242/omQniG\n"
    "//ZnBc260nc1y8k2MS8MZwKBgQCCB1VpItM53O3abjmfNc3sAXPZVM5aGa2Vaitu\n"
    "uetFYwKg8AY7IBhAOopftwYGW0XyBobI8BuwugwrLY1CKEbkfdJpDHK5OT22laTl\n"
    "Lo2qaHD/1Y851wEE5n4pc+xeIsKe4r5/9sV6I+2iwXQGU220696K14i0U6eMhIyz\n"
    "DkOUjQKBgQCdARqtAKgNWHO6f0YyeVycPZR0e1vlDV4cejem1Bu+8/40f6E080Z6\n"
    "PLV64dsk9QDMjaZxKV5l5ZHQpn13mTvCROY+T9/0C1oJOq+PCQ5w7UrdqzBnEeSr\n"
    "7ZCPnocbL+cxXQ6trgaqejFEURu3Tex7oGHNngKzrDM1OrqwGStKiw==\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char PUBLIC_M2[] =
    "-----BEGIN RSA PUBLIC KEY-----\n"
    "MIIBCgKCAQEAugsfY1a19We2WCtnR5iQdHZUXA40HlHHpD4kLqpuL4+XibBnBFOw\n"
    "vlv0nuSpOjUWYxqwfYR824rp6dGesw/rsI4KeEqznJQKJSTBBy0sc+imYU8Zy6hr\n"
    "ecNx7XR6kLFq7HIcaxqwiGCeUqEQkzH6rCfOhROGrOo9pnEc55grywsCr3N/L4EE\n"
    "qAnyL620cdHlmLEoxgD/tZCWp0LK5hnCrD3ARB4iJ3jtNOrSqst+asH9uff4rKjw\n"
    "VFrS6pxW0OR2jA2HyamFmQsCamlqxw3UJUvPgZKnq7gYtX2ac2l+HqwSOL11Re7Q\n"
    "sZ6qiI27Isvxy7JiyXskQXe3cHRU41cAwwIDAQAB\n"
    "-----END RSA PUBLIC KEY-----\n";

/* TEST KEY, NOT A SECRET. */
static const char PRIVATE_ZONE[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEowIBAAKCAQEAtp8K8vupRe385k5KrI7/E+sCuBtIrbXRcMyqRDn0zBRCdGxb\n"
    "6I9tbgXwvrXXlkU29xNbf5D1bhg+Dcm8dEtXgobXgnyaXZUTx25MntEYvr9Dol4G\n"
    "PIMSB6jQgEVGuFB6FEMmq5AVP2GsuqKdeOMBO6edQJy32fxDtAvFgHFaTnccG2XV\n"
    "Y6/l7SckrzSWAJTZdF92mlDxHzLcmkIuajIm7GEYBPJ8Oi5LiKv/8d5JvxYpnh2W\n"
    "lOMTXv82TIvallcXG98bQfx70/ENnH145RC5jW+qm3ESlKAJ5q/g+JVt4zq0/jCU\n"
    "713bJweATyowvIHfP/8wzUpmMM2EeqOwQxfstwIDAQABAoIBAB3iAISqMZTD0LJO\n"
    "9WEvNQYpWpSNwmLKca8njmUDps8OMaGjaZawgZOTXUWXs+NfCBN+E2bYbZDKXr0a\n"
    "2b+d5H/zWKh9gzT1A/uKTPdf99Ces46KHDMir3yZXyTeMShP4uoV4uoH9bIdZYpU\n"
    "ubfiTX1ZfB3qhxsgcGOx2WufIMvd4rOUFzrPcl/NbAPxiYOosZAgutXw8GyCCieo\n"
    "wvwKYpkheHk57EdASR+9foiTZlnnJwZKfw9jUvvyCt304XfYLcDi4Mvl+X6c4De6\n"
    "N38g4Q0E4T1jSURihy4ULV9yGAojB46OWbqtuAL0Dc3Et7TwcFFZeTtpdWke9nGT\n"
    "u1p9XYECgYEA60uudIwrl/P0iyE/QA/dG25zm6pVryetn/rPRlRy1Yr7xpRfjl5G\n"
    "Gy6D/a9GPl5euQjYXcpVXiiCYLCLNLSld0WMmnFbzPZA3Jzr5o/LO0oLbgLpG8hb\n"
    "nzxVsv61cB1svy2ZTa8CdViIL2yrRCCyWQskzvA4i0/+VitPVIC/QUcCgYEAxrDO\n"
    "tJwn2FoGriWmVVa9ia1BPsC4jS0Hm6/mACDi94n523L/1/bqkSzVQ1Uq7b7tFMkt\n"
    "y5rZRtj7SYfD7qAOHOZA5Lkq0bRhojswk1nw+7ACZ4K/YOQ9Q/qTlImw1UfhNUaR\n"
    "KQ2SPQSKkLjNqmWSGKP09iIjTzcGYfSQrxDqMRECgYABOlXgudKIand+OmAwH2UR\n"
    "/ZOQ3mSwE07upMpsHYiz4JPLx35wKcHH5og9zKpbLPbllEw8wQ+M/D0h8Anp7n9m\n"
    "jfBb5feKrEZOYGtCusFev9Yrbsx0nqkLva7czkN4IE8u+DfyldU3c4zSYojKRDlq\n"
    "CYrZoZtJ7tLu9C7ny/wzhQKBgGBYbfNQYVXc2a5qXUy2YfQ3yhKG2zbB5hWNZucb\n"
    "C1PjWQAbtInhln7NEaCz1LwyP747i3RWYxOitb9DETRN8mn7EO6YB3ZmlI1ZTEW3\n"
    "cE5rW88brHdsVXT4NcXqOpBBaaguzsbsaMQjxplEs53z4LMIFgmgJiUMVpD7SYlK\n"
    "l3UxAoGBAIop2Ufbsamewwl8UOs0usjnXUryvgP5EruHCpyRZbTu/tcIsLaZGAn5\n"
    "EXj48u9sm+y5abmmF3nStENHGGq3JZLuxBrQ8cI0P5NhIs7xKRjnf6NjmNbk+o0j\n"
    "/+i+Gpmh9CJQrT5juSfYGGkWi0oZrqd4DTLRZPPA0Dy08hoXV/Vi\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char PUBLIC_ZONE[] =
    "-----BEGIN RSA PUBLIC KEY-----\n"
    "MIIBCgKCAQEAtp8K8vupRe385k5KrI7/E+sCuBtIrbXRcMyqRDn0zBRCdGxb6I9t\n"
    "bgXwvrXXlkU29xNbf5D1bhg+Dcm8dEtXgobXgnyaXZUTx25MntEYvr9Dol4GPIMS\n"
    "B6jQgEVGuFB6FEMmq5AVP2GsuqKdeOMBO6edQJy32fxDtAvFgHFaTnccG2XVY6/l\n"
    "7SckrzSWAJTZdF92mlDxHzLcmkIuajIm7GEYBPJ8Oi5LiKv/8d5JvxYpnh2WlOMT\n"
    "Xv82TIvallcXG98bQfx70/ENnH145RC5jW+qm3ESlKAJ5q/g+JVt4zq0/jCU713b\n"
    "JweATyowvIHfP/8wzUpmMM2EeqOwQxfstwIDAQAB\n"
    "-----END RSA PUBLIC KEY-----\n";

/* clang-format on */

#endif /* XDSGATE_TESTS_FIXTURE_KEYS_H */
