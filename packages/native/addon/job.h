// A mining job: everything a share does not bring, with the coinbase prefix already hashed.
#pragma once

#include <cstdlib>
#include <new>

#include "sha256.h"

namespace lode {

class Job {
 public:
  static constexpr size_t headerSize = 80;

  // Copies everything. Null if there is no memory.
  static Job* create(const uint8_t* prefix, size_t prefixSize, const uint8_t* suffix, size_t suffixSize,
                     const uint8_t* path, size_t pathSize, const uint8_t* prevHash, uint32_t nbits) {
    void* memory = malloc(sizeof(Job) + pathSize + suffixSize);
    if (memory == nullptr) return nullptr;
    Job* job = new (memory) Job();
    job->prefix_.update(prefix, prefixSize);
    job->pathSize_ = pathSize;
    job->suffixSize_ = suffixSize;
    if (pathSize > 0) memcpy(job->path(), path, pathSize);
    if (suffixSize > 0) memcpy(job->suffix(), suffix, suffixSize);
    memcpy(job->prevHash_, prevHash, hashSize);
    job->nbits_ = nbits;
    return job;
  }

  static void destroy(Job* job) { free(job); }

  size_t memory() const { return sizeof(Job) + pathSize_ + suffixSize_; }

  // The coinbase is always the leftmost leaf, so each hash of the path joins from the right.
  void merkleRoot(const uint8_t* extranonce, size_t size, uint8_t* root) const {
    FixedMessage<2 * hashSize> pair;
    Sha256 coinbase = prefix_;
    coinbase.update(extranonce, size);
    coinbase.update(suffix(), suffixSize_);
    coinbase.finishTwice(pair.data());
    for (size_t at = 0; at < pathSize_; at += hashSize) {
      memcpy(pair.data() + hashSize, path() + at, hashSize);
      pair.sha256d(pair.data());
    }
    memcpy(root, pair.data(), hashSize);
  }

  // Writes the 80 bytes of the header around a merkle root.
  void header(const uint8_t* root, uint32_t version, uint32_t ntime, uint32_t nonce, uint8_t* to) const {
    storeLittle32(to, version);
    memcpy(to + 4, prevHash_, hashSize);
    memcpy(to + 36, root, hashSize);
    storeLittle32(to + 68, ntime);
    storeLittle32(to + 72, nbits_);
    storeLittle32(to + 76, nonce);
  }

 private:
  Job() = default;
  uint8_t* path() { return reinterpret_cast<uint8_t*>(this + 1); }
  const uint8_t* path() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  uint8_t* suffix() { return path() + pathSize_; }
  const uint8_t* suffix() const { return path() + pathSize_; }

  Sha256 prefix_;
  size_t pathSize_;
  size_t suffixSize_;
  uint8_t prevHash_[hashSize];
  uint32_t nbits_;
};

// Compares 32-byte little-endian integers.
inline bool isAtMost(const uint8_t* hash, const uint8_t* target) {
  for (size_t i = hashSize; i-- > 0;) {
    if (hash[i] != target[i]) return hash[i] < target[i];
  }
  return true;
}

}  // namespace lode
