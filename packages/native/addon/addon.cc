// The C++ backend of @lode/native. The contract is src/contract.ts; every argument is checked here, and no pointer into a
// JavaScript buffer is kept beyond a call.
#include <cstdlib>
#include <new>

#include "arguments.h"
#include "cipher.h"
#include "elligator-swift.h"
#include "handle.h"
#include "job.h"
#include "socket.h"

namespace lode {
namespace {

constexpr size_t maxCoinbasePart = 65535;  // B0_64K, spec 5.3.16
constexpr size_t maxExtranonce = 100;      // consensus limit of a coinbase script
constexpr size_t maxPathLevels = 32;

napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value number(napi_env env, uint32_t value) {
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value freshBytes(const Call& call, const uint8_t* data, size_t size) {
  napi_value buffer, result;
  void* memory;
  if (napi_create_arraybuffer(call.env, size, &memory, &buffer) != napi_ok) return nullptr;
  memcpy(memory, data, size);
  return napi_create_typedarray(call.env, napi_uint8_array, size, buffer, 0, &result) == napi_ok ? result : nullptr;
}

// ---- sha256d(data, hash)

napi_value sha256dInto(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes data, hash;
  if (!call.bytes(0, "data", data) || !call.exactly(1, "hash", hashSize, hash)) return nullptr;
  Sha256 message;
  message.update(data.data, data.size);
  message.finishTwice(hash.data);
  return nullptr;
}

// ---- Job

napi_value constructJob(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes prefix, suffix, path, prevHash;
  uint32_t nbits;
  if (!isConstruction(call, info) || !call.atMost(0, "coinbaseTxPrefix", maxCoinbasePart, prefix) ||
      !call.atMost(1, "coinbaseTxSuffix", maxCoinbasePart, suffix) || !call.bytes(2, "merklePath", path)) {
    return nullptr;
  }
  if (path.size % hashSize != 0 || path.size > hashSize * maxPathLevels) {
    call.refuse("invalid-length", "merklePath must be 0 to 32 hashes of 32 bytes");
    return nullptr;
  }
  if (!call.exactly(3, "prevHash", hashSize, prevHash) || !call.u32(4, "nbits", nbits)) return nullptr;
  return wrap(call, Job::create(prefix.data, prefix.size, suffix.data, suffix.size, path.data, path.size,
                                prevHash.data, nbits));
}

// The numbers a share brings: arguments 1 to 3, behind its extranonce or its merkle root.
struct Share {
  uint32_t version, ntime, nonce;

  bool read(const Call& call) {
    return call.u32(1, "version", version) && call.u32(2, "ntime", ntime) && call.u32(3, "nonce", nonce);
  }

  void header(const Job& job, const uint8_t* root, uint8_t* to) const { job.header(root, version, ntime, nonce, to); }
};

// A share with what it is held against and where its hash goes: arguments 1 to 6.
struct Check {
  Share share;
  Bytes first, second, hash;

  bool read(const Call& call) {
    return share.read(call) && call.exactly(4, "first", hashSize, first) &&
           (call.isNull(5) || call.exactly(5, "second", hashSize, second)) && call.exactly(6, "hash", hashSize, hash);
  }

  // The hash may be written over the root.
  uint32_t run(const Job& job, const uint8_t* root) const {
    FixedMessage<Job::headerSize> header;
    uint8_t result[hashSize];
    share.header(job, root, header.data());
    header.sha256d(result);
    uint32_t met = 0;
    if (isAtMost(result, first.data)) met |= 1;
    if (second.data != nullptr && isAtMost(result, second.data)) met |= 2;
    memcpy(hash.data, result, hashSize);
    return met;
  }
};

napi_value checkShare(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes extranonce;
  Check check;
  const Job* job = alive<Job>(call, "job");
  if (job == nullptr || !call.atMost(0, "extranonce", maxExtranonce, extranonce) || !check.read(call)) return nullptr;
  uint8_t root[hashSize];
  job->merkleRoot(extranonce.data, extranonce.size, root);
  return number(env, check.run(*job, root));
}

napi_value checkStandardShare(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes root;
  Check check;
  const Job* job = alive<Job>(call, "job");
  if (job == nullptr || !call.exactly(0, "merkleRoot", hashSize, root) || !check.read(call)) return nullptr;
  return number(env, check.run(*job, root.data));
}

napi_value merkleRoot(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes extranonce;
  const Job* job = alive<Job>(call, "job");
  if (job == nullptr || !call.atMost(0, "extranonce", maxExtranonce, extranonce)) return nullptr;
  uint8_t root[hashSize];
  job->merkleRoot(extranonce.data, extranonce.size, root);
  return freshBytes(call, root, sizeof root);
}

napi_value header(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes extranonce;
  Share share;
  const Job* job = alive<Job>(call, "job");
  if (job == nullptr || !call.atMost(0, "extranonce", maxExtranonce, extranonce) || !share.read(call)) return nullptr;
  uint8_t root[hashSize], bytes[Job::headerSize];
  job->merkleRoot(extranonce.data, extranonce.size, root);
  share.header(*job, root, bytes);
  return freshBytes(call, bytes, sizeof bytes);
}

// ---- Cipher

napi_value constructCipher(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes key;
  if (!isConstruction(call, info) || !call.exactly(0, "key", Cipher::keySize, key)) return nullptr;
  return wrap(call, Cipher::create(key.data, 0));
}

// For tests of the wrap: the class it makes is not reachable from a cipher of the public surface.
napi_value constructCipherAt(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes key;
  uint64_t counter;
  if (!isConstruction(call, info) || !call.exactly(0, "key", Cipher::keySize, key) ||
      !call.u64(1, "counter", counter)) {
    return nullptr;
  }
  return wrap(call, Cipher::create(key.data, counter));
}

bool requireNonces(const Call& call, const Cipher& cipher, size_t count) {
  return cipher.hasNonces(count) || call.refuse("nonce-exhausted", "the nonce counter would wrap");
}

bool requireApart(const Call& call, const Bytes& input, const Bytes& output, const char* name) {
  return !overlap(input, output) || call.refuse("invalid-argument", "%s may not overlap the input", name);
}

napi_value sealFrame(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes frame, out;
  Cipher* cipher = alive<Cipher>(call, "cipher");
  if (cipher == nullptr || !call.bytes(0, "frame", frame)) return nullptr;
  if (frame.size < Cipher::frameHeaderSize || frame.size > Cipher::frameHeaderSize + Cipher::maxPayload) {
    call.refuse("invalid-length", "frame must be 6 to 16777221 bytes");
    return nullptr;
  }
  size_t payload = frame.size - Cipher::frameHeaderSize, sealed = Cipher::sealedFrame(payload);
  if (!call.range(1, "out", sealed, out) || !requireApart(call, frame, out, "out") ||
      !requireNonces(call, *cipher, 1 + Cipher::blocks(payload))) {
    return nullptr;
  }
  if (!cipher->sealFrame(frame.data, frame.size, out.data)) {
    call.refuse("unavailable", "OpenSSL failed");
    return nullptr;
  }
  return number(env, static_cast<uint32_t>(sealed));
}

napi_value openHeader(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes sealed, to;
  Cipher* cipher = alive<Cipher>(call, "cipher");
  if (cipher == nullptr || !call.range(0, "sealed", Cipher::frameHeaderSize + Cipher::tagSize, sealed) ||
      !call.exactly(2, "header", Cipher::frameHeaderSize, to) || !requireApart(call, sealed, to, "header") ||
      !requireNonces(call, *cipher, 1)) {
    return nullptr;
  }
  uint8_t opened[Cipher::frameHeaderSize];
  bool genuine = cipher->open(sealed.data, sizeof opened, opened);
  if (genuine) memcpy(to.data, opened, sizeof opened);
  return boolean(env, genuine);
}

napi_value openPayload(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes sealed, out;
  uint32_t length;
  Cipher* cipher = alive<Cipher>(call, "cipher");
  if (cipher == nullptr || !call.u32(2, "length", length)) return nullptr;
  if (length > Cipher::maxPayload) {
    call.refuse("invalid-length", "length must be at most 16777215");
    return nullptr;
  }
  if (!call.range(0, "sealed", Cipher::sealedPayload(length), sealed) || !call.bytes(3, "out", out)) return nullptr;
  if (out.size < length) {
    call.refuse("invalid-length", "out is too short");
    return nullptr;
  }
  out.size = length;
  if (!requireApart(call, sealed, out, "out") || !requireNonces(call, *cipher, Cipher::blocks(length))) return nullptr;
  return boolean(env, cipher->open(sealed.data, length, out.data));
}

// For tests: what the garbage collector knows of memory outside its heap.
napi_value externalMemory(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_int64(env, reportMemory(env, 0), &result);
  return result;
}

// ---- sendNow(fd, data, length)

napi_value sendNow(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes data;
  uint32_t fd, length;
  if (!call.u32(0, "fd", fd) || !call.bytes(1, "data", data) || !call.u32(2, "length", length)) return nullptr;
  if (length > data.size) {
    call.refuse("invalid-length", "data is too short");
    return nullptr;
  }
  return number(env, sendWhatFits(fd, data.data, length));
}

// ---- encodeElligatorSwift(x, draw, encoded), decodeElligatorSwift(encoded, x)

napi_value encodeElligatorSwift(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes x, draw, encoded;
  if (!call.exactly(0, "x", Field::size, x) || !call.exactly(1, "draw", ElligatorSwift::drawSize, draw) ||
      !call.exactly(2, "encoded", ElligatorSwift::encodedSize, encoded)) {
    return nullptr;
  }
  Field coordinate = Field::read(x.data);
  if (!coordinate.isReduced()) {
    call.refuse("invalid-argument", "x must be below the field's prime");
    return nullptr;
  }
  return boolean(env, ElligatorSwift::encode(coordinate, draw.data, encoded.data));
}

napi_value decodeElligatorSwift(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Bytes encoded, x;
  if (!call.exactly(0, "encoded", ElligatorSwift::encodedSize, encoded) || !call.exactly(1, "x", Field::size, x)) {
    return nullptr;
  }
  ElligatorSwift::decode(encoded.data).write(x.data);
  return nullptr;
}

// ---- Module

napi_property_descriptor method(const char* name, napi_callback callback, void* data) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, data};
}

bool exportClass(napi_env env, napi_value exports, const char* name, napi_callback constructor, size_t count,
                 const napi_property_descriptor* methods, void* binding) {
  napi_value made;
  return napi_define_class(env, name, NAPI_AUTO_LENGTH, constructor, binding, count, methods, &made) == napi_ok &&
         napi_set_named_property(env, exports, name, made) == napi_ok;
}

// load(makeError): the addon's functions, which throw what makeError(code, message) returns.
napi_value load(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value makeError, exports;
  napi_valuetype type;
  napi_get_cb_info(env, info, &count, &makeError, nullptr, nullptr);
  if (napi_typeof(env, makeError, &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, "invalid-argument", "makeError must be a function");
    return nullptr;
  }
  auto* binding = static_cast<Binding*>(malloc(sizeof(Binding)));
  if (binding == nullptr || napi_create_reference(env, makeError, 1, &binding->makeError) != napi_ok ||
      napi_add_env_cleanup_hook(env, free, binding) != napi_ok) {
    napi_throw_error(env, "unavailable", "out of memory");
    return nullptr;
  }
  const napi_property_descriptor jobMethods[] = {
      method("checkShare", checkShare, binding), method("checkStandardShare", checkStandardShare, binding),
      method("merkleRoot", merkleRoot, binding), method("header", header, binding),
      method("free", freeHandle<Job>, binding)};
  const napi_property_descriptor cipherMethods[] = {
      method("sealFrame", sealFrame, binding), method("openHeader", openHeader, binding),
      method("openPayload", openPayload, binding), method("free", freeHandle<Cipher>, binding)};
  const napi_property_descriptor functions[] = {method("sha256dInto", sha256dInto, binding),
                                                method("sendNow", sendNow, binding),
                                                method("encodeElligatorSwift", encodeElligatorSwift, binding),
                                                method("decodeElligatorSwift", decodeElligatorSwift, binding),
                                                method("externalMemory", externalMemory, binding)};
  bool made = napi_create_object(env, &exports) == napi_ok &&
              napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) == napi_ok &&
              exportClass(env, exports, "Job", constructJob, sizeof jobMethods / sizeof *jobMethods, jobMethods,
                          binding) &&
              exportClass(env, exports, "Cipher", constructCipher, 4, cipherMethods, binding) &&
              exportClass(env, exports, "CipherAt", constructCipherAt, 4, cipherMethods, binding);
  return made ? exports : nullptr;
}

}  // namespace
}  // namespace lode

NAPI_MODULE_INIT() {
  napi_property_descriptor load = lode::method("load", lode::load, nullptr);
  napi_define_properties(env, exports, 1, &load);
  return exports;
}
