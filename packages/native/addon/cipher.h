// One direction of an encrypted connection (spec 4.6): ChaCha20-Poly1305, empty associated data, counter as nonce.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "aead.h"

namespace lode {

class Cipher {
 public:
  static constexpr size_t keySize = Aead::keySize;
  static constexpr size_t tagSize = Aead::tagSize;
  static constexpr size_t frameHeaderSize = 6;
  static constexpr size_t maxBlock = 65519;         // plaintext of a 65,535-byte Noise message
  static constexpr size_t maxPayload = 0xffffff;    // u24 length field

  // Null if there is no memory, or no ChaCha20-Poly1305.
  static Cipher* create(const uint8_t* key, uint64_t counter) {
    Cipher* cipher = new (std::nothrow) Cipher(counter);
    if (cipher == nullptr || cipher->aead_.begin(key)) return cipher;
    delete cipher;
    return nullptr;
  }

  // Wipes the key.
  static void destroy(Cipher* cipher) { delete cipher; }

  size_t memory() const { return sizeof(Cipher) + Aead::memory; }

  static size_t blocks(size_t payload) { return (payload + maxBlock - 1) / maxBlock; }
  static size_t sealedPayload(size_t payload) { return payload + tagSize * blocks(payload); }
  static size_t sealedFrame(size_t payload) { return frameHeaderSize + tagSize + sealedPayload(payload); }

  // Noise 5.1 reserves the last nonce, so the counter never passes 2^64-1.
  bool hasNonces(size_t count) const { return count <= UINT64_MAX - counter_; }

  // Seals header and payload. The caller has checked sizes and nonces. Nonces are spent even if OpenSSL fails.
  bool sealFrame(const uint8_t* frame, size_t size, uint8_t* out) {
    for (size_t at = 0, length = frameHeaderSize; at < size; at += length) {
      if (at > 0) length = size - at < maxBlock ? size - at : maxBlock;
      if (!aead_.seal(counter_++, frame + at, length, out)) return false;
      out += length + tagSize;
    }
    return true;
  }

  // Opens `size` plaintext bytes in blocks of at most `maxBlock`. On a forgery the counter stays and `out` is wiped.
  bool open(const uint8_t* sealed, size_t size, uint8_t* out) {
    uint64_t counter = counter_;
    for (size_t at = 0, length; at < size; at += length, sealed += length + tagSize) {
      length = size - at < maxBlock ? size - at : maxBlock;
      if (!aead_.open(counter++, sealed, length, out + at)) {
        OPENSSL_cleanse(out, size);
        return false;
      }
    }
    counter_ = counter;
    return true;
  }

 private:
  explicit Cipher(uint64_t counter) : counter_(counter) {}

  Aead aead_;
  uint64_t counter_;
};

}  // namespace lode
