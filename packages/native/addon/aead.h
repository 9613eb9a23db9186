// ChaCha20-Poly1305 with empty associated data (RFC 8439 2.8) for one key. Composed of OpenSSL's own primitives, which Node
// exports though no header declares them: through EVP a short message costs twice as much, as its one-time key and its data
// are two passes of ChaCha20, and a context a kilobyte. LODE_PUBLIC_AEAD takes EVP where a Node build does not export them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef LODE_PUBLIC_AEAD
#include <openssl/evp.h>
#else
#include <openssl/crypto.h>

extern "C" {
struct poly1305_context;
void ChaCha20_ctr32(unsigned char* out, const unsigned char* in, size_t size, const unsigned int key[8],
                    const unsigned int counter[4]);
size_t Poly1305_ctx_size(void);
void Poly1305_Init(poly1305_context* context, const unsigned char key[32]);
void Poly1305_Update(poly1305_context* context, const unsigned char* data, size_t size);
void Poly1305_Final(poly1305_context* context, unsigned char tag[16]);
}
#endif

namespace lode {

class Aead {
 public:
  static constexpr size_t keySize = 32;
  static constexpr size_t tagSize = 16;

  Aead() = default;
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;

#ifdef LODE_PUBLIC_AEAD

  static constexpr size_t memory = 1024;  // what OpenSSL allocates for a context

  // The key lives in OpenSSL's context alone, which is cleansed when freed.
  ~Aead() { EVP_CIPHER_CTX_free(context_); }

  // False if OpenSSL has no memory or no ChaCha20-Poly1305 (FIPS builds).
  bool begin(const uint8_t* key) {
    context_ = EVP_CIPHER_CTX_new();
    return context_ != nullptr &&
           EVP_CipherInit_ex(context_, EVP_chacha20_poly1305(), nullptr, key, nullptr, 1) == 1;
  }

  // `out` receives `size` bytes and the tag; it may not overlap `in`.
  bool seal(uint64_t counter, const uint8_t* in, size_t size, uint8_t* out) {
    int written;
    return start(counter, true) && EVP_CipherUpdate(context_, out, &written, in, static_cast<int>(size)) == 1 &&
           EVP_CipherFinal_ex(context_, out + size, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, tagSize, out + size) == 1;
  }

  // `in` is `size` bytes and the tag. False: forged, and `out` may hold what was not genuine.
  bool open(uint64_t counter, const uint8_t* in, size_t size, uint8_t* out) {
    int written;
    return start(counter, false) &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, tagSize, const_cast<uint8_t*>(in + size)) == 1 &&
           EVP_CipherUpdate(context_, out, &written, in, static_cast<int>(size)) == 1 &&
           EVP_CipherFinal_ex(context_, out + size, &written) == 1;
  }

 private:
  // Four zero bytes and the little-endian counter (spec 4.4.1).
  bool start(uint64_t counter, bool seal) {
    uint8_t nonce[12] = {};
    for (int i = 0; i < 8; i++) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
    return EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce, seal ? 1 : 0) == 1;
  }

  EVP_CIPHER_CTX* context_ = nullptr;

#else

  static constexpr size_t memory = keySize;

  ~Aead() { OPENSSL_cleanse(key_, sizeof key_); }

  // False if OpenSSL's authenticator is larger than was ever seen.
  bool begin(const uint8_t* key) {
    memcpy(key_, key, keySize);
    return Poly1305_ctx_size() <= sizeof(Authenticator);
  }

  // `out` receives `size` bytes and the tag; it may not overlap `in`.
  bool seal(uint64_t counter, const uint8_t* in, size_t size, uint8_t* out) const {
    Pass pass;
    if (size <= Pass::longest) {
      run(pass, counter, in, size);
      memcpy(out, pass.data(), size);
    } else {
      run(pass, counter, in, 0);
      stream(counter, 1, in, size, out);
    }
    authenticate(pass, out, size, out + size);
    return true;
  }

  // `in` is `size` bytes and the tag. False: forged, and nothing was written.
  bool open(uint64_t counter, const uint8_t* in, size_t size, uint8_t* out) const {
    Pass pass;
    uint8_t tag[tagSize];
    bool isShort = size <= Pass::longest;
    run(pass, counter, in, isShort ? size : 0);
    authenticate(pass, in, size, tag);
    if (CRYPTO_memcmp(tag, in + size, tagSize) != 0) return false;
    if (isShort) {
      memcpy(out, pass.data(), size);
    } else {
      stream(counter, 1, in, size, out);
    }
    return true;
  }

 private:
  // The first block of the key stream, which is the one-time key, and a short message right behind it: one call for both.
  struct Pass {
    static constexpr size_t keyBlock = 64;
    static constexpr size_t longest = 1024;
    uint8_t bytes[keyBlock + longest];

    Pass() { memset(bytes, 0, keyBlock); }
    ~Pass() { OPENSSL_cleanse(bytes, keyBlock); }

    const uint8_t* key() const { return bytes; }
    uint8_t* data() { return bytes + keyBlock; }
  };

  struct alignas(64) Authenticator {
    uint8_t state[384];

    Authenticator() {}
    ~Authenticator() { OPENSSL_cleanse(state, sizeof state); }
  };

  // Counter of blocks, four zero bytes and the little-endian counter of messages (spec 4.4.1).
  void stream(uint64_t counter, uint32_t block, const uint8_t* in, size_t size, uint8_t* out) const {
    const unsigned int state[4] = {block, 0, static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32)};
    ChaCha20_ctr32(out, in, size, key_, state);
  }

  void run(Pass& pass, uint64_t counter, const uint8_t* in, size_t size) const {
    memcpy(pass.data(), in, size);
    stream(counter, 0, pass.bytes, Pass::keyBlock + size, pass.bytes);
  }

  static void authenticate(const Pass& pass, const uint8_t* sealed, size_t size, uint8_t* tag) {
    static constexpr uint8_t padding[16] = {};
    uint8_t lengths[16] = {};  // of the associated data and of the message, little-endian
    for (int i = 0; i < 8; i++) lengths[8 + i] = static_cast<uint8_t>(static_cast<uint64_t>(size) >> (8 * i));
    Authenticator authenticator;
    auto* context = reinterpret_cast<poly1305_context*>(authenticator.state);
    Poly1305_Init(context, pass.key());
    Poly1305_Update(context, sealed, size);
    if (size % 16 != 0) Poly1305_Update(context, padding, 16 - size % 16);
    Poly1305_Update(context, lengths, sizeof lengths);
    Poly1305_Final(context, tag);
  }

  unsigned int key_[8];

#endif
};

}  // namespace lode
