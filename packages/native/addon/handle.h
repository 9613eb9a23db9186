// Values that JavaScript objects own: made by a constructor, freed by `free()` or by the garbage collector.
#pragma once

#include <cstdlib>

#include "arguments.h"

namespace lode {

// What a JavaScript handle owns: a value, until it is freed.
template <class T>
struct Slot {
  T* value;
};

// Tells the garbage collector of memory it does not see; returns the total it knows of.
inline int64_t reportMemory(napi_env env, int64_t change) {
  int64_t total = 0;
  napi_adjust_external_memory(env, change, &total);
  return total;
}

template <class T>
void release(napi_env env, Slot<T>* slot) {
  if (slot->value == nullptr) return;
  reportMemory(env, -static_cast<int64_t>(slot->value->memory()));
  T::destroy(slot->value);
  slot->value = nullptr;
}

template <class T>
void finalize(napi_env env, void* slot, void*) {
  release(env, static_cast<Slot<T>*>(slot));
  free(slot);
}

// Ties a fresh value to the object under construction, which from then on owns it.
template <class T>
napi_value wrap(const Call& call, T* value) {
  Slot<T>* slot = value == nullptr ? nullptr : static_cast<Slot<T>*>(malloc(sizeof(Slot<T>)));
  if (slot != nullptr) {
    slot->value = value;
    if (napi_wrap(call.env, call.self, slot, finalize<T>, nullptr, nullptr) == napi_ok) {
      reportMemory(call.env, static_cast<int64_t>(value->memory()));
      return call.self;
    }
    free(slot);
  }
  if (value != nullptr) T::destroy(value);
  call.refuse("unavailable", "out of memory, or OpenSSL lacks the algorithm");
  return nullptr;
}

// V8 has checked that the receiver is of the method's own class. Null: has thrown.
template <class T>
T* alive(const Call& call, const char* name) {
  void* slot;
  if (napi_unwrap(call.env, call.self, &slot) != napi_ok) {
    call.refuse("invalid-argument", "not a %s", name);
    return nullptr;
  }
  T* value = static_cast<Slot<T>*>(slot)->value;
  if (value == nullptr) call.refuse("freed-handle", "the %s was freed", name);
  return value;
}

template <class T>
napi_value freeHandle(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void* slot;
  if (napi_unwrap(env, call.self, &slot) == napi_ok) release(env, static_cast<Slot<T>*>(slot));
  return nullptr;
}

inline bool isConstruction(const Call& call, napi_callback_info info) {
  napi_value target = nullptr;
  napi_get_new_target(call.env, info, &target);
  return target != nullptr || call.refuse("invalid-argument", "a handle is made with new");
}

}  // namespace lode
