// Bytes to a socket without a detour through the stream that owns it.
#pragma once

#include <cstddef>
#include <cstdint>

#if __has_include(<sys/socket.h>)
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#endif

namespace lode {

// What the system takes at once of `size` bytes; 0 for every failure, which the owner's next write meets again.
inline uint32_t sendWhatFits(uint32_t fd, const uint8_t* data, uint32_t size) {
#if __has_include(<sys/socket.h>)
#ifdef MSG_NOSIGNAL
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
  constexpr int flags = MSG_DONTWAIT;  // macOS; Node ignores SIGPIPE
#endif
  ssize_t taken;
  do {
    taken = send(static_cast<int>(fd), data, size, flags);
  } while (taken < 0 && errno == EINTR);
  return taken < 0 ? 0 : static_cast<uint32_t>(taken);
#else
  return 0;
#endif
}

}  // namespace lode
