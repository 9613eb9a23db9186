// What a call from JavaScript brings, and the checks of it. A failed check has thrown; the caller returns at once. The
// texts and their order are those of the JavaScript stand-in.
#pragma once

#include <node_api.h>

#include <cmath>
#include <cstdint>
#include <cstdio>

namespace lode {

// One loading of the addon: how it makes its errors. Lives as long as the environment.
struct Binding {
  napi_ref makeError;
};

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

inline bool overlap(const Bytes& a, const Bytes& b) {
  uintptr_t aStart = reinterpret_cast<uintptr_t>(a.data), bStart = reinterpret_cast<uintptr_t>(b.data);
  return a.size > 0 && b.size > 0 && aStart < bStart + b.size && bStart < aStart + a.size;
}

class Call {
 public:
  static constexpr size_t maxArguments = 7;

  Call(napi_env environment, napi_callback_info info) : env(environment) {
    size_t count = maxArguments;
    void* data;
    napi_get_cb_info(env, info, &count, arguments_, &self, &data);  // fills missing arguments with undefined
    binding_ = static_cast<Binding*>(data);
  }

  napi_env env;
  napi_value self;

  // Throws NativeError. Always false, so that a check can return it.
  template <class... Values>
  bool refuse(const char* code, const char* format, Values... values) const {
    char text[160];
    snprintf(text, sizeof text, format, values...);
    throwCoded(code, text);
    return false;
  }

  bool bytes(size_t index, const char* name, Bytes& to) const {
    napi_typedarray_type type = napi_int8_array;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, arguments_[index], &type, &to.size, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      return refuse("invalid-argument", "%s must be a Uint8Array", name);
    }
    to.data = static_cast<uint8_t*>(data);
    return true;
  }

  bool exactly(size_t index, const char* name, size_t size, Bytes& to) const {
    if (!bytes(index, name, to)) return false;
    return to.size == size || refuse("invalid-length", "%s must be %zu bytes", name, size);
  }

  bool atMost(size_t index, const char* name, size_t size, Bytes& to) const {
    if (!bytes(index, name, to)) return false;
    return to.size <= size || refuse("invalid-length", "%s must be at most %zu bytes", name, size);
  }

  bool u32(size_t index, const char* name, uint32_t& to) const {
    double value;
    if (napi_get_value_double(env, arguments_[index], &value) != napi_ok ||
        !(value >= 0 && value <= UINT32_MAX && value == std::floor(value))) {
      return refuse("invalid-argument", "%s must be an integer from 0 to 4294967295", name);
    }
    to = static_cast<uint32_t>(value);
    return true;
  }

  // A part of `to` that starts at an offset given as an argument.
  bool range(size_t index, const char* name, size_t size, Bytes& to) const {
    uint32_t offset;
    if (!bytes(index, name, to) || !u32(index + 1, "offset", offset)) return false;
    if (offset > to.size || size > to.size - offset) return refuse("invalid-length", "%s is too short", name);
    to = {to.data + offset, size};
    return true;
  }

  bool isNull(size_t index) const {
    napi_valuetype type;
    return napi_typeof(env, arguments_[index], &type) == napi_ok && type == napi_null;
  }

  bool u64(size_t index, const char* name, uint64_t& to) const {
    bool lossless = false;
    return (napi_get_value_bigint_uint64(env, arguments_[index], &to, &lossless) == napi_ok && lossless) ||
           refuse("invalid-argument", "%s must be a BigInt from 0 to 2^64-1", name);
  }

 private:
  void throwCoded(const char* code, const char* text) const {
    napi_value make, receiver, values[2], error;
    if (napi_get_reference_value(env, binding_->makeError, &make) == napi_ok &&
        napi_get_undefined(env, &receiver) == napi_ok &&
        napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &values[0]) == napi_ok &&
        napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &values[1]) == napi_ok &&
        napi_call_function(env, receiver, make, 2, values, &error) == napi_ok) {
      napi_throw(env, error);
    }
  }

  napi_value arguments_[maxArguments];
  Binding* binding_;
};

}  // namespace lode
