// What Swift cannot see of OpenSSL 3.0: macros, and calls with C varargs. No logic.
#ifndef EASEL_COPENSSL_H
#define EASEL_COPENSSL_H

// The SHA256_* calls are deprecated for new algorithms' sake, not unsafe. They keep their state
// in a plain struct; the EVP way allocates and looks a provider up for each digest.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

// MARK: Digests

static inline void easel_sha256(const void *bytes, size_t count, unsigned char *digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, count);
    SHA256_Final(digest, &context);
}

// MARK: Keys and certificates

static inline EVP_PKEY *easel_p256_key(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static inline int easel_add_extension(
    X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    memset(&context, 0, sizeof context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline int easel_general_names_count(const void *names) {
    return sk_GENERAL_NAME_num((const GENERAL_NAMES *)names);
}
static inline const ASN1_STRING *easel_general_name_dns(const void *names, int index) {
    int kind = 0;
    const GENERAL_NAME *name = sk_GENERAL_NAME_value((const GENERAL_NAMES *)names, index);
    const void *value = GENERAL_NAME_get0_value(name, &kind);
    return kind == GEN_DNS ? (const ASN1_STRING *)value : NULL;
}
static inline void easel_general_names_free(void *names) {
    GENERAL_NAMES_free((GENERAL_NAMES *)names);
}

static inline long easel_bio_bytes(BIO *bio, char **bytes) {
    return BIO_get_mem_data(bio, bytes);
}

static inline void easel_free(void *memory) { OPENSSL_free(memory); }

static inline int easel_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

// MARK: TLS

static const uint64_t easel_options =
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;

static inline int easel_ctx_add_chain(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int easel_ctx_min_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int easel_ctx_max_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}
static inline void easel_ctx_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_mode(context, mode);
}
static inline int easel_ctx_groups(SSL_CTX *context, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(context, groups);
}
static inline int easel_ssl_add_chain(SSL *session, X509 *certificate) {
    return (int)SSL_add1_chain_cert(session, certificate);
}
static inline int easel_ssl_signatures(SSL *session, const char *list) {
    return (int)SSL_set1_sigalgs_list(session, list);
}
static inline int easel_ssl_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}
static inline void easel_ctx_session_cache_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}
static inline void easel_ctx_max_cert_list(SSL_CTX *context, long bytes) {
    SSL_CTX_set_max_cert_list(context, bytes);
}
static inline void easel_ctx_server_name_callback(
    SSL_CTX *context, int (*callback)(SSL *session, int *alert, void *argument)) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
}
static inline void easel_ctx_read_ahead(SSL_CTX *context, int on) {
    SSL_CTX_set_read_ahead(context, on);
}

static inline int easel_ticket_mac(EVP_MAC_CTX *mac, const unsigned char *key, size_t count) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(mac, key, count, params);
}

#endif
