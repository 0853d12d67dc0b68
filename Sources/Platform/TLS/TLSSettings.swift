import COpenSSL
import Crypto

/// What servers and clients have in common.
enum TLSSettings {
    /// Which versions are spoken; tests speak older ones to see them refused.
    struct Versions {
        var lowest = TLS1_2_VERSION
        var highest = TLS1_3_VERSION
        // OpenSSL's level 2: keys worth 112 bits; 1.0 and 1.1 need level 0.
        var securityLevel: Int32 = 2
    }

    static func apply(
        to context: OpaquePointer,
        _ versions: Versions = Versions()
    ) throws(TLSConfigurationError) {
        SSL_CTX_set_security_level(context, versions.securityLevel)
        // The whole setting is stated here, whatever the machine's openssl.cnf says.
        guard easel_ctx_min_version(context, versions.lowest) == 1,
            easel_ctx_max_version(context, versions.highest) == 1,
            SSL_CTX_set_ciphersuites(
                context,
                "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
            ) == 1,
            SSL_CTX_set_cipher_list(
                context,
                versions.securityLevel == 0
                    ? "ALL:@SECLEVEL=0"
                    : "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
            ) == 1,
            easel_ctx_groups(context, "X25519:P-256:P-384") == 1
        else { throw .refused(.take("setting up TLS")) }
        SSL_CTX_set_options(context, easel_options)
        // Early data could be played back by somebody else.
        SSL_CTX_set_max_early_data(context, 0)
        // Without its read and write buffers an idle connection costs about 14 kB instead of 46.
        // And a chain that is not given would be looked for at each handshake.
        easel_ctx_mode(context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        // One look into the pipe for a record instead of two.
        easel_ctx_read_ahead(context, 1)
    }

    /// The range of the best of our protocols in a client's offer, both in ALPN's form: each name
    /// behind a byte with its length (RFC 7301 §3.1).
    static func choose(
        from offer: UnsafeBufferPointer<UInt8>,
        by preference: [UInt8]
    ) -> Range<Int>? {
        preference.withUnsafeBufferPointer { preference in
            for ours in names(preference) {
                for theirs in names(offer)
                where offer[theirs].elementsEqual(preference[ours]) {
                    return theirs
                }
            }
            return nil
        }
    }

    private static func names(_ list: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var names: [Range<Int>] = []
        var start = 0
        while start < list.count {
            let end = start + 1 + Int(list[start])
            guard end <= list.count else { break }
            names.append(start + 1..<end)
            start = end
        }
        return names
    }
}
