// SHA-256 over 64-byte blocks. The compression function is OpenSSL's, which Node exports and which uses the processor's
// SHA instructions; LODE_PORTABLE_SHA256 replaces it where a Node build does not export the low-level calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef LODE_PORTABLE_SHA256
#include <openssl/sha.h>
#endif

namespace lode {

constexpr size_t hashSize = 32;
constexpr size_t blockSize = 64;

inline void storeBig32(uint8_t* to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

inline void storeLittle32(uint8_t* to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = static_cast<uint8_t>(value >> (8 * i));
}

#ifdef LODE_PORTABLE_SHA256

struct ShaState {
  uint32_t h[8];
};

inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

// FIPS 180-4, 6.2.2.
inline void compressOne(ShaState& state, const uint8_t* block) {
  static constexpr uint32_t k[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++) {
    w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 | uint32_t{block[4 * i + 2]} << 8 |
           block[4 * i + 3];
  }
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  memcpy(v, state.h, sizeof v);
  for (int i = 0; i < 64; i++) {
    uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
    uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state.h[i] += v[i];
}

inline void compress(ShaState& state, const uint8_t* blocks, size_t count) {
  for (size_t i = 0; i < count; i++) compressOne(state, blocks + blockSize * i);
}

#else

using ShaState = SHA256_CTX;

// With nothing buffered, an update by whole blocks only compresses: no copy, and several blocks in one go.
inline void compress(ShaState& state, const uint8_t* blocks, size_t count) {
  SHA256_Update(&state, blocks, blockSize * count);
}

#endif

// A state at the start of a message.
struct InitialState : ShaState {
  InitialState() {
    static constexpr uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h, initial, sizeof initial);
#ifndef LODE_PORTABLE_SHA256
    Nl = Nh = num = 0;
#endif
  }
};

inline void storeState(const ShaState& state, uint8_t* hash) {
  for (int i = 0; i < 8; i++) storeBig32(hash + 4 * i, state.h[i]);
}

// A message of fixed size with its padding in place: what is hashed over and over is compressed in one call.
template <size_t size>
class FixedMessage {
 public:
  FixedMessage() {
    memset(bytes_ + size, 0, sizeof bytes_ - size);
    bytes_[size] = 0x80;
    storeBig32(bytes_ + sizeof bytes_ - 4, 8 * size);
  }

  uint8_t* data() { return bytes_; }

  void sha256(uint8_t* hash) const {
    InitialState state;
    compress(state, bytes_, sizeof bytes_ / blockSize);
    storeState(state, hash);
  }

  void sha256d(uint8_t* hash) const {
    FixedMessage<hashSize> second;
    sha256(second.data());
    second.sha256(hash);
  }

 private:
  uint8_t bytes_[(size + 9 + blockSize - 1) / blockSize * blockSize];
};

// A message being hashed. A copy keeps what was hashed so far (the midstate).
class Sha256 {
 public:
  void update(const uint8_t* data, size_t size) {
    if (size == 0) return;
    size_t used = static_cast<size_t>(length_ % blockSize);
    length_ += size;
    if (used > 0) {
      size_t taken = size < blockSize - used ? size : blockSize - used;
      memcpy(tail_ + used, data, taken);
      if (used + taken < blockSize) return;
      compress(state_, tail_, 1);
      data += taken;
      size -= taken;
    }
    compress(state_, data, size / blockSize);
    memcpy(tail_, data + size / blockSize * blockSize, size % blockSize);
  }

  // Ends the message; the result is the hash of its hash.
  void finishTwice(uint8_t* hash) {
    size_t used = static_cast<size_t>(length_ % blockSize);
    size_t padded = used + 9 > blockSize ? 2 * blockSize : blockSize;
    memset(tail_ + used, 0, padded - used);
    tail_[used] = 0x80;
    storeBig32(tail_ + padded - 8, static_cast<uint32_t>(length_ >> 29));
    storeBig32(tail_ + padded - 4, static_cast<uint32_t>(length_ << 3));
    compress(state_, tail_, padded / blockSize);
    FixedMessage<hashSize> second;
    storeState(state_, second.data());
    second.sha256(hash);
  }

 private:
  InitialState state_;
  uint8_t tail_[2 * blockSize];
  uint64_t length_ = 0;
};

}  // namespace lode
