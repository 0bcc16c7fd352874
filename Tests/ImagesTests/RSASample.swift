/// Made by `openssl genpkey` and `openssl dgst -sign`: to make keys takes seconds in a debug build.
enum RSASample {
    static let key = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAol9k2kT+gTULiUNLdxZR
        /8lwn8BpMCZeS6IIxKY9Wr1M0d/WjkIGXHGe+DG0BJPA7AQSHLyQhQ/nw9mJQhPd
        mX7Ws256/03/hUOgcKqFSyipaddLRE6iGVPGFEcxXeEPD8pJo6fR8MTMdM5Rw6KS
        4lQrQAzJ+1xI/gjXmHhYIleJzojHgB+6TV7sZaJLntgikkKSbw4j0JqaroE4q6jf
        YcZE993Q0aRV85ugK+HOvgm+5/+N2CL7gqQDhm89Kk0RfBn06TwTPWk4oBiO0nhZ
        ayxoU3xPTbXwqssFxPH4Z25DRYqZ2LzBLqPfn02apzr0m7AqLMBziVwGVGTkBT88
        GwIDAQAB
        -----END PUBLIC KEY-----
        """
    /// Of 1024 bits.
    static let shortKey = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHa6zGRja1hmKE52F0w7r0pdX4
        2WDJ2Rkd5WcpDWyx37en1iKk+40U96FmSwAkkG0S+jFQyxwoq5vDg86iMp2NFjAp
        e2d/H1RNeLR38eQrhePdWzZafYIXZE9VNipBD0jJm2448QIEUVqwVcAuq99R/7Ez
        FLV+xqmZ3Wkt8Ht/QQIDAQAB
        -----END PUBLIC KEY-----
        """
    /// Of "payload", by PKCS #1 v1.5 with SHA-256.
    static let signature = """
        kC+6z4LMxxGzK4ZR+68oWORbIrfTgs2tSDrZHZ7PP3z+6bZNxw9x67EZRloV6FABS6aysTz7MLCCscgyTiYeVn5inlANS7xSLbMB
        HyQMsun6613hhSFDFUEknL5ietSMnwlgYoHGTmvgMAFZiV4k6KDOlypYFHmrR1gzKbiu6Iq4GWQf4IPwrip1K9i7dgFCiS3o7AB0
        mKPQ/kelfvSeCJxdncK49drAxHySxZ9HKU6FDwnIbho5zE86hkyhXh+vPSp5ZQ17Hh1l7+90pHR338wuaUfue6jdpuK4ua33zAsB
        c99p4OwoISanyUmVvBH9LPwGdKG0CxYkgRJAin2X6g==
        """
    /// Of the same, with PSS.
    static let pss = """
        KWtIhCEjkW/s9N86Ekbc6LF+CN5bjMqiArgZtyZqr6x349Wsu7D/uhQioYvFK98ZXhp6XF9jI4JzGrhdg0L4miiu2JQM+8C5lTP6
        GDqbwz5YJqOOuCnIGQQP1g1RswZaPLqMONcnPILkuOZh+l+OcrzNl6FdI/4E1m0vDyPzFFp2rN0aqdAb92h4B88vLcKMy8ZAQ37I
        mJphTpmqbstNzLVg3esQtobRrst5tVL8sRfL3R1V+xYiTLAxKavM/ccKJm7dzcrngvINVei02RQwhHt5t4OL0xCg0Q8GugkVFfPo
        V4Hh86P7wQtKg+sOEmSOW62Db6dOcRha7hl+daJLnQ==
        """
    static let sha384 = """
        ENGKgk/PDZPT1cV5t5Rc8ia4QpeQ1wYqX5hLHN3FeZ7aPoUfze3tzGrYNhj5kekOqcA3j8FRFbtX9tCdxESkyQjBUnchMBl9P/f+
        1BjRciALZSt+sSEStEFI0uJ/SfIKovx8o2tugZyYW9jG6uwJ71i57AvhLmb4ytLusBlQ59X1o1DfjFOQoVAhGVkcgIlyjwfr52LE
        3yOG+OCW7Tj0ldVBGNqxR+ez0+NpHwkLkpQ+DM+YLvrZJrrAFLHvVYSD4VLCh2cIb8XM1N5ktbb6dbWwdiSS9hbDIWzctM7iPZTi
        ReZTjvJVaG0dXZoW5re+LNcV+CrJ0Xuyr180SG9jZA==
        """
    static let otherKey = """
        Z8pAisnHilY5nSar3UbC9+CWXumJRfQ2eu6XLj+FMHpFuvyCg19w+2ZJO471RAuIEAgsrnQgGpfva6kM4qzkQkx7MBM4SQC1oaC5
        UjdxrAjj3qIUxctzivJfCuZ7ezP/LThVAl3bdbRVvnI5wHEyJ31OZMWF01r3/qUwEgb/93+VbFdW35kFZrtHHpNZ9tscAzGuiV9J
        ojrjMn9DYGtqaYDsWnnMzFolpgNNhqWCyJZ+xkI07VOCZjhQOSAepLggCEJgNsJcixS8f9Qh9En3vpLnleItQtpKfnkewe1xVtXp
        UQ2LBVL9V/Pj/liMgEkSUbQNZPGSoiWrYzKgZIbUow==
        """
}
