/// A certificate of an RSA key for `localhost` and `*.rsa.example`, signed by itself, until 2126.
///
/// Kept, as making an RSA key takes a good part of a second. It protects nothing.
enum RSASample {
    static let certificatePEM = Array(
        """
        -----BEGIN CERTIFICATE-----
        MIIDPzCCAiegAwIBAgIUShEsqlJqdvMgf1EXmkpwEpuDh0cwDQYJKoZIhvcNAQEL
        BQAwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjIyMDEwNFoYDzIxMjYx
        MDI5MjIwMTA0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwggEiMA0GCSqGSIb3DQEB
        AQUAA4IBDwAwggEKAoIBAQCZ4QyCZj5B9oi1WvbfJTs4m58CAaDYMDF06DVPY9TZ
        Uvu9ZKRca+QXyGMXQKcQ7m58S75pmj5wTmC5KoM48lAn/Vpv9gikqyyO7d/dWU0h
        3Z8s0Hj5Zyc0+rHaea0XDt/jCA1zzAWg4yZFf8zJHdzojJXQG4g8loVe+1sAlf9G
        9wxNx2bk8KLUtepLamz+QKPPVFYJsSoKKwI2tzSxrL107Qjo3wyCodY+Iwsod8T4
        QJLMtosrNBQouKP4PZPJ+KgVYl5WM8NouKNPpxp6QKbncqVDYRfwmCJT8cRFWXTc
        YmbsyO6FJGUf2kRzR0qm3Hr+s7+scgrHR3Z8xQXLcvx/AgMBAAGjgYYwgYMwHQYD
        VR0OBBYEFJQeIRsTBCzTBEvPU3IsuoReMnjSMB8GA1UdIwQYMBaAFJQeIRsTBCzT
        BEvPU3IsuoReMnjSMCMGA1UdEQQcMBqCCWxvY2FsaG9zdIINKi5yc2EuZXhhbXBs
        ZTAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDANBgkqhkiG9w0BAQsFAAOC
        AQEAbbTUcAKGN1ZWvq5mSiIrgMd6Jbky2A2i8FzrpCPgME5cbli1mzXT3ys7z0Zc
        ctAddv8fLrily55R7gZdLfEGqlpyScDmvjDV8IgrK5CCx3bnrRLf9/LlXx6tPIyp
        3MTgfrYyJwFlMX45MUhF+W2E8x1tJ7J61XJN8mkAGmsLo4NSbzpIreaZcX6GrD3N
        Z9Ym8hWeXK9qsnvFh9Agp6X8T0l++YDUHaHl8JUlobRcGLY/Pb+ZcMxGp2jrtwdf
        05llLv9u4q4+qAoCBIlxHWTJW9cr+u9BroV/uhp6GE94XuBpclZcHv/YLV2SX4mB
        Em1z0WxyMOxxm8mJ8iBXUYs57A==
        -----END CERTIFICATE-----

        """.utf8
    )

    static let keyPEM = Array(
        """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCZ4QyCZj5B9oi1
        WvbfJTs4m58CAaDYMDF06DVPY9TZUvu9ZKRca+QXyGMXQKcQ7m58S75pmj5wTmC5
        KoM48lAn/Vpv9gikqyyO7d/dWU0h3Z8s0Hj5Zyc0+rHaea0XDt/jCA1zzAWg4yZF
        f8zJHdzojJXQG4g8loVe+1sAlf9G9wxNx2bk8KLUtepLamz+QKPPVFYJsSoKKwI2
        tzSxrL107Qjo3wyCodY+Iwsod8T4QJLMtosrNBQouKP4PZPJ+KgVYl5WM8NouKNP
        pxp6QKbncqVDYRfwmCJT8cRFWXTcYmbsyO6FJGUf2kRzR0qm3Hr+s7+scgrHR3Z8
        xQXLcvx/AgMBAAECggEAAz51041DBi6juw2yJsLsj9qrIaaHsV4rK9snzBxGZNeZ
        EVrLMOp9JAKL2gRAaIB4El4v+IJKbswB+scf02fmHbKYBKfkqxZB1io1EZVBUDAt
        8Scx9M3ULtLMJ9c3Kzcbc02KxGR1FiQnUlbCjbqiYhccMTIdK8Ffe6RLA6wXoMjU
        7EfS1yP+lx5Ffa75H71KvCK1rHUqvReMo6xqAbdkc9eypl12flG9rPN0hJwSxNRW
        onmaHJCJ/xVtZEA5/EUPWObKe1i1V/xRbUELHKAUdgAI3ns7EuBxNemzc6jlNs3T
        5yLn8QYYPwFaFwoFiT68nvxqaa/8soSDqKKeiAqhUQKBgQDHU7gNf8wcT7sJ8BVG
        yVtBTyhgCg3kZyF1sOOGKtuiPoTEJDyW8AfX1Hr2VumKtWfAZTPDXzYKUo2CugD6
        65pzj66D9UDHKuE5/tUERwmE2m195KeXgty6i4GFg6XKlWiMT/veXRdlYTSjMsAC
        60waOa7lc1Kiy87VmlJXFpNY8QKBgQDFoVefAmSC0DaPnpRMDIdK6PwOsZEzXl1R
        voa7ZphLK207USBBwI0rIp1MjFpjo+N+OWQuXZ0G/kmtMof8wv+Pw702FSFDM/Mr
        d3WW8ixxNOuWWJTLJyynSEENSgg+MfKxNOYFk7VY+YKaQHTPKWv7nGcOBhKvAnZ3
        BbRmIqYsbwKBgAEvqFq8NfS9LLnEafv/2sEqvWzE4oxHaNWQdeooeyIeCSA5rvqe
        9wz7wLeSkNU4eyOT9pjlCidJknoCrVrQ6Bxj8H/sh7QntytnLtFVsuLNgfVL1Qt7
        xeB+UAkBXY01EmgzWaZbG3aI+401EhtyVwOY8EeBRi6d099FidPm2H2hAoGAU8yX
        B8CO9/zrtbhLL3f8giIKhvx6EisILNo57QqStwUB+y3qHJdWBJ1Xz5aP2UIr+2DA
        fvyI0edPPFZ53Q6eKMqZ123cPc+wY5Ty0n97osEKyCRla0MAJyp3Evh6SE0LmGJS
        yriYI9MgsuFz5ketFvJ5rDOdBoJn0w4jMU+t4JcCgYEAozEFZFYLQLEs1/9yN34W
        tpB3LBdiN/egWhtOKba0+S3bneM3FWqjzJD9lUCl7hDIpLDmzI1nREnApbgrp8fn
        krJDHRZ6IBOCWv1TvPf5kezjcm8GDhKJJEDcigkH6EjPYxrwzAmKdQLYsgvSe4nS
        Y6d8+Bt97Ovgy1xzFeQpR2M=
        -----END PRIVATE KEY-----

        """.utf8
    )
}
