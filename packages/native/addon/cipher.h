// One direction of an encrypted connection (spec 4.6): ChaCha20-Poly1305, empty associated data, counter as nonce.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace lode {

class Cipher {
 public:
  static constexpr size_t keySize = 32;
  static constexpr size_t tagSize = 16;
  static constexpr size_t frameHeaderSize = 6;
  static constexpr size_t maxBlock = 65519;         // plaintext of a 65,535-byte Noise message
  static constexpr size_t maxPayload = 0xffffff;    // u24 length field
  static constexpr size_t estimatedMemory = 1024;   // what OpenSSL allocates for a context

  // Null if OpenSSL has no memory or no ChaCha20-Poly1305 (FIPS builds).
  static Cipher* create(const uint8_t* key, uint64_t counter) {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    if (context == nullptr) return nullptr;
    Cipher* cipher = EVP_CipherInit_ex(context, EVP_chacha20_poly1305(), nullptr, key, nullptr, 1) == 1
                         ? new (std::nothrow) Cipher(context, counter)
                         : nullptr;
    if (cipher == nullptr) EVP_CIPHER_CTX_free(context);
    return cipher;
  }

  // The key lives in OpenSSL's context alone, which is cleansed when freed.
  static void destroy(Cipher* cipher) {
    EVP_CIPHER_CTX_free(cipher->context_);
    delete cipher;
  }

  size_t memory() const { return estimatedMemory; }

  static size_t blocks(size_t payload) { return (payload + maxBlock - 1) / maxBlock; }
  static size_t sealedPayload(size_t payload) { return payload + tagSize * blocks(payload); }
  static size_t sealedFrame(size_t payload) { return frameHeaderSize + tagSize + sealedPayload(payload); }

  // Noise 5.1 reserves the last nonce, so the counter never passes 2^64-1.
  bool hasNonces(size_t count) const { return count <= UINT64_MAX - counter_; }

  // Seals header and payload. The caller has checked sizes and nonces. Nonces are spent even if OpenSSL fails.
  bool sealFrame(const uint8_t* frame, size_t size, uint8_t* out) {
    for (size_t at = 0, length = frameHeaderSize; at < size; at += length) {
      if (at > 0) length = size - at < maxBlock ? size - at : maxBlock;
      int written;
      if (!start(counter_++, true) ||
          EVP_CipherUpdate(context_, out, &written, frame + at, static_cast<int>(length)) != 1 ||
          EVP_CipherFinal_ex(context_, out + length, &written) != 1 ||
          EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, tagSize, out + length) != 1) {
        return false;
      }
      out += length + tagSize;
    }
    return true;
  }

  // Opens `size` plaintext bytes in blocks of at most `maxBlock`. On a forgery the counter stays and `out` is wiped.
  bool open(const uint8_t* sealed, size_t size, uint8_t* out) {
    uint64_t counter = counter_;
    for (size_t at = 0, length; at < size; at += length, sealed += length + tagSize) {
      length = size - at < maxBlock ? size - at : maxBlock;
      int written;
      if (!start(counter++, false) ||
          EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, tagSize, const_cast<uint8_t*>(sealed + length)) != 1 ||
          EVP_CipherUpdate(context_, out + at, &written, sealed, static_cast<int>(length)) != 1 ||
          EVP_CipherFinal_ex(context_, out + at + length, &written) != 1) {
        OPENSSL_cleanse(out, size);
        return false;
      }
    }
    counter_ = counter;
    return true;
  }

 private:
  Cipher(EVP_CIPHER_CTX* context, uint64_t counter) : context_(context), counter_(counter) {}

  // Four zero bytes and the little-endian counter (spec 4.4.1).
  bool start(uint64_t counter, bool seal) {
    uint8_t nonce[12] = {};
    for (int i = 0; i < 8; i++) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
    return EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce, seal ? 1 : 0) == 1;
  }

  EVP_CIPHER_CTX* context_;
  uint64_t counter_;
};

}  // namespace lode
